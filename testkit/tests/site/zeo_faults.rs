//! The scripted faults of the simulated ZEO server, and how it is stopped, crashed and started.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use dsnap_testkit::Site;
use dsnap_testkit::site::{
    Call, Fault, FaultSpec, ServerKind, ServerName, Step, ZeoAccount, ZeoConfig, ZeoVersion,
};

use crate::zeo_client::{CODE, Client, ENTER, LEAVE, NONE, REGISTER, response, site, site_with};

/// The reply to [`CODE`] in the snapshot that [`ENTER`] enters.
const ENTERED: &[u8] = b"(K\x03K\x00U\x06.replyU\x06user/xt.";

/// Starts a site whose first enter has this fault, and a client that has registered.
fn with_fault(fault: Fault) -> (Site, Client) {
    let site = site(ZeoVersion::Z3101);
    site.zeo_fault(fault, Some(Call::Enter), Some(1));
    let client = Client::registered_at(&site);
    (site, client)
}

fn is_entered(site: &Site) -> bool {
    site.server().unwrap().code().unwrap().is_some()
}

#[test]
fn an_unanswered_call_has_its_effect_if_silent_and_none_if_deaf() {
    let (_site, mut client) = with_fault(Fault::Silent);
    client.send(ENTER);
    assert_eq!(client.call(CODE), ENTERED, "the call has its effect");
    let (_site, mut client) = with_fault(Fault::Deaf);
    client.send(ENTER);
    assert_eq!(client.call(CODE), NONE, "the call has no effect");
}

#[test]
fn a_connection_is_reset_before_or_after_the_effect() {
    for (fault, has_effect) in [(Fault::ResetBefore, false), (Fault::ResetAfter, true)] {
        let (site, mut client) = with_fault(fault);
        client.send(ENTER);
        assert_eq!(client.read_error(), Some(ErrorKind::ConnectionReset), "{fault:?}");
        assert_eq!(is_entered(&site), has_effect, "{fault:?}");
    }
}

#[test]
fn half_an_answer_is_followed_by_the_end_of_the_connection() {
    let (site, mut client) = with_fault(Fault::HalfAnswer);
    client.send(ENTER);
    let whole = [&[0, 0, 0, NONE.len() as u8], NONE].concat();
    assert_eq!(client.receive_raw(whole.len() / 2), whole[..whole.len() / 2]);
    assert_eq!(client.receive(), None);
    assert!(is_entered(&site));
}

#[test]
fn a_slow_answer_is_complete_and_the_call_has_its_effect() {
    let (site, mut client) = with_fault(Fault::Slow(Duration::from_millis(1)));
    assert_eq!(client.call(ENTER), NONE);
    assert!(is_entered(&site));
}

#[test]
fn a_trickled_answer_comes_byte_by_byte() {
    let (_site, mut client) = with_fault(Fault::Trickle);
    client.send(ENTER);
    for byte in [0, 0, 0] {
        assert_eq!(client.read_some(), [byte]);
    }
}

#[test]
fn an_endless_answer_announces_the_longest_length() {
    let (_site, mut client) = with_fault(Fault::Endless);
    client.send(ENTER);
    assert_eq!(client.receive_raw(4), [0x7f, 0xff, 0xff, 0xff]);
    assert!(client.receive_raw(1 << 20).starts_with(NONE));
}

#[test]
fn a_flood_consists_of_messages_that_nobody_asked_for() {
    let (site, mut client) = with_fault(Fault::Flood);
    client.send(ENTER);
    for _ in 0..1000 {
        assert_eq!(client.receive().unwrap(), b"(K\0K\x01U\x04info(}tt.");
    }
    assert!(is_entered(&site));
}

#[test]
fn a_garbage_answer_is_not_a_pickle() {
    let (site, mut client) = with_fault(Fault::Garbage);
    assert_eq!(client.call(ENTER)[..2], [0xff, 0xfe]);
    assert!(is_entered(&site));
}

#[test]
fn an_exception_can_have_the_form_of_other_pythons() {
    let old =
        "(K\x03K\0U\x06.reply(czc.lockfile\nLockError\n(czc.lockfile\nLockError\no}U\x04args(U";
    let new = "\u{3}(K\x03K\0X\x06\0\0\0.replyczc.lockfile\nLockError\n";
    let cases = [
        (
            Fault::Refused,
            &b"(K\x03K\0U\x06.reply(czc.lockfile\nLockError\nczc.lockfile\nLockError\n(U"[..],
        ),
        (Fault::OldException, old.as_bytes()),
        (Fault::Python3Exception, new.as_bytes()),
        (Fault::Escapes, b"(K\x03K\0U\x06.reply(cDirectoryStorage.utils\nDirectoryStorageError\n"),
    ];
    let site = site(ZeoVersion::Z3101);
    let mut client = Client::registered_at(&site);
    for (fault, begin) in cases {
        site.zeo_fault(fault, Some(Call::Enter), Some(1));
        let reply = client.call(ENTER);
        let rest = reply.strip_prefix(b"\x80").unwrap_or(&reply);
        assert!(rest.starts_with(begin), "{fault:?}: {}", reply.escape_ascii());
        assert_eq!(reply.contains(&0x1b), fault == Fault::Escapes);
        assert!(!is_entered(&site));
    }
    assert_eq!(client.call(ENTER), NONE, "each fault happens once");
}

#[test]
fn a_server_can_enter_another_storage_instead() {
    let (site, mut client) = with_fault(Fault::WrongStorage);
    assert_eq!(client.call(ENTER), NONE);
    assert!(!is_entered(&site));
    assert_eq!(site.other().1.as_deref(), Some("user/x"));
}

/// Connects to a server that wants a password, and logs in; returns the reply to that, too.
fn logged_in(site: &Site) -> (Client, Vec<u8>) {
    let account = ZeoAccount::default();
    let mut client = Client::connected_to(site);
    let reply = client.call(b"(J\x03\0\0\0K\0U\x12auth_get_challenge)t.");
    let challenge = String::from_utf8(reply[reply.len() - 43..][..40].to_vec()).unwrap();
    let response = response(&account, &challenge);
    let call = format!("U\rauth_response((U\x05adminU({challenge}U({response}ttt.");
    let reply = client.call(&[b"(J\x03\0\0\0K\0", call.as_bytes()].concat());
    client.use_codes(&account, &challenge);
    (client, reply)
}

fn site_with_password() -> Site {
    let authentication = Some(ZeoAccount::default());
    site_with(ZeoConfig { authentication, ..ZeoConfig::default() })
}

#[test]
fn a_login_can_fail_with_the_right_password() {
    let site = site_with_password();
    site.zeo_fault(Fault::WrongPassword, None, Some(1));
    assert_eq!(logged_in(&site).1, b"(K\x03K\0U\x06.replyI00\nt.");
    site.zeo_fault(Fault::NotAuthenticated, None, Some(1));
    let (mut client, reply) = logged_in(&site);
    assert_eq!(reply, b"(K\x03K\0U\x06.replyI01\nt.");
    let refused = client.call(REGISTER);
    assert!(refused.starts_with(b"(K\x03K\0U\x06.reply(cZEO.Exceptions\nAuthError\n"));
}

#[test]
fn the_code_of_an_answer_can_be_wrong_or_missing() {
    let site = site_with_password();
    for (fault, flag, code) in [(Fault::WrongMac, 0x80, vec![0xff; 20]), (Fault::NoMac, 0, vec![])]
    {
        let mut client = logged_in(&site).0;
        assert_eq!(client.call(REGISTER), NONE);
        site.zeo_fault(fault, Some(Call::Status), Some(1));
        client.send(CODE);
        assert_eq!(client.receive_raw(4), [flag, 0, 0, NONE.len() as u8]);
        assert_eq!(client.receive_raw(code.len()), code);
        assert_eq!(client.receive_raw(NONE.len()), NONE);
    }
}

#[test]
fn a_fault_can_affect_the_announcement_of_the_version() {
    let site = site(ZeoVersion::Z3101);
    let connect = |fault| {
        site.zeo_fault(fault, Some(Call::Connect), Some(1));
        Client::to(&site)
    };
    assert_eq!(connect(Fault::Garbage).receive().unwrap()[..2], [0xff, 0xfe]);
    assert_eq!(connect(Fault::HalfAnswer).receive_raw(4), [0, 0, 0, 5]);
    assert_eq!(connect(Fault::ResetBefore).read_error(), Some(ErrorKind::ConnectionReset));
    let mut silent = connect(Fault::Silent);
    silent.send(b"Z3101");
    assert_eq!(silent.call(REGISTER), NONE, "only the version was kept back");
}

#[test]
fn a_fault_reaches_the_servers_that_can_have_it() {
    let site = Site::builder().zeo(ZeoConfig::default()).start().unwrap();
    let add = |text| site.add_fault(FaultSpec::parse(text).unwrap());
    add("502").unwrap();
    add("reset-before:enter:zope").unwrap();
    let mut client = Client::registered_at(&site);
    assert_eq!(client.call(ENTER), NONE);
    add("refused:leave:1").unwrap();
    assert_ne!(client.call(LEAVE), NONE);
    assert_eq!(client.call(LEAVE), NONE);
    add("garbage").unwrap();
    site.no_faults();
    assert_ne!(client.call(CODE)[..1], [0xff]);
    let zopes = Site::builder().start().unwrap();
    let refused = zopes.add_fault(FaultSpec::parse("flood").unwrap()).unwrap_err();
    assert_eq!(refused, "this site has no server that can have this fault");
}

#[test]
fn an_unpatched_server_lists_no_methods_and_closes_after_a_call_of_one() {
    const METHODS: &[u8] = b"(J\x03\0\0\0K\0U\x13getExtensionMethods)t.";
    let (site, mut client) = with_fault(Fault::Unpatched);
    assert_eq!(client.call(METHODS), b"(K\x03K\x00U\x06.reply}t.");
    assert!(client.is_closed_after(ENTER));
    assert!(!is_entered(&site));
}

/// The faults that need a Zope.
const OF_HTTP: [&str; 8] =
    ["401", "403", "500", "502", "login-form", "elsewhere", "not-xml", "disconnected"];
/// The faults of the calls before an enter.
const BEFORE_ENTER: [&str; 2] = ["wrong-password", "no-login"];

#[test]
fn after_any_fault_of_an_enter_another_client_is_served() {
    let all = Fault::ALL.into_iter().chain(Fault::ONLY_OF_ZEO);
    let (of_enter, others): (Vec<_>, Vec<_>) =
        all.partition(|(fault, ..)| fault.is_of(ServerKind::Zeo) && fault.can_affect(Call::Enter));
    let others: Vec<_> = others.into_iter().map(|(_, name, _)| name).collect();
    assert_eq!(others, [&OF_HTTP[..], &BEFORE_ENTER].concat());
    let site = site(ZeoVersion::Z3101);
    for (fault, ..) in of_enter {
        let fault =
            if matches!(fault, Fault::Slow(_)) { Fault::Slow(Duration::ZERO) } else { fault };
        site.zeo_fault(fault, Some(Call::Enter), Some(1));
        Client::registered_at(&site).send(ENTER);
        let answer = Client::registered_at(&site).call(CODE);
        assert!(answer == NONE || answer == ENTERED, "{fault:?}: {}", answer.escape_ascii());
    }
}

#[test]
fn an_older_server_serves_no_other_client_while_it_enters() {
    for (version, waits) in [(ZeoVersion::Z309, true), (ZeoVersion::Z3101, false)] {
        let site = site(version);
        let server = site.server().unwrap();
        let (mut entering, mut other) =
            (Client::registered_at(&site), Client::registered_at(&site));
        server.hold_at(Step::Flush);
        entering.send(ENTER);
        assert!(server.wait_at(Step::Flush));
        other.send(CODE);
        assert_eq!(other.is_answered_within(Duration::from_millis(100)), !waits, "{version:?}");
        server.go_on();
        assert_eq!(entering.receive().unwrap(), NONE);
        assert_eq!(other.receive().unwrap(), if waits { ENTERED } else { NONE });
    }
}

#[test]
fn a_stopped_server_closes_all_connections_and_restarts_at_the_same_address() {
    for unix in [false, true] {
        let site = site_with(ZeoConfig { unix, ..ZeoConfig::default() });
        let address = site.zeo_address().unwrap();
        for crash in [false, true] {
            let mut client = Client::registered_at(&site);
            if crash { site.crash(ServerName::Zeo) } else { site.stop(ServerName::Zeo) }.unwrap();
            assert!(client.is_closed_after(CODE));
            assert!(site.server().is_err());
            assert!(refuses(&address), "{address}");
            assert_eq!(Path::new(&address).exists(), unix && crash, "a crash leaves the socket");
            site.start(ServerName::Zeo).unwrap();
            site.start(ServerName::Zeo).unwrap();
            assert_eq!(Client::registered_at(&site).call(CODE), NONE);
        }
    }
}

/// Tells whether nobody listens at an address.
fn refuses(address: &str) -> bool {
    if address.starts_with('/') {
        UnixStream::connect(address).is_err()
    } else {
        TcpStream::connect(address).is_err()
    }
}

#[test]
fn a_server_that_crashes_during_an_enter_answers_nothing() {
    for version in [ZeoVersion::Z308, ZeoVersion::Z4] {
        let site = site(version);
        let server = site.server().unwrap();
        let mut client = Client::registered_at(&site);
        server.hold_at(Step::Flush);
        client.send(ENTER);
        assert!(server.wait_at(Step::Flush));
        site.crash_server();
        assert_eq!(client.receive(), None, "{version:?}");
    }
}

#[test]
fn stopping_a_zeo_server_that_the_site_does_not_have_is_refused() {
    let site = Site::builder().zopes(0).start().unwrap();
    assert_eq!(site.zeo_address(), None);
    let said = site.stop(ServerName::Zeo).unwrap_err().to_string();
    assert_eq!(said, "this site has no server `zeo`; its servers: none");
}
