//! The simulated ZEO server: what it sends, byte for byte as the real ones were recorded.

use std::fs;

use dsnap_engine::storage::format::Format;
use dsnap_engine::system::flock::FileLock;
use dsnap_testkit::Site;
use dsnap_testkit::site::ZeoVersion::{self, M5, Z4, Z5, Z303, Z308, Z309, Z3101};
use dsnap_testkit::site::{ZeoAccount, ZeoConfig};

use crate::parallel::in_parallel;
use crate::zeo_client::{CODE, Client, ENTER, LEAVE, NONE, REGISTER, response, site, site_with};

/// The versions that serve a DirectoryStorage.
const SERVING: [ZeoVersion; 5] = [Z303, Z308, Z309, Z3101, Z4];
/// `DirectoryStorageError`, as a pickle names it.
const ERROR: &str = "cDirectoryStorage.utils\nDirectoryStorageError\n";
const RECON: &str = "cZODB.POSException\n_recon\n";

#[test]
fn the_server_announces_its_version_first() {
    for (version, name) in [(Z303, "Z303"), (M5, "M5")] {
        let site = site(version);
        assert_eq!(Client::to(&site).receive().unwrap(), name.as_bytes());
    }
}

#[test]
fn the_server_closes_after_an_answer_that_it_does_not_know() {
    for (version, answer) in [(Z308, "Z309"), (Z4, "Z999"), (Z5, "Z4"), (M5, "Z999")] {
        let site = site(version);
        let mut client = Client::to(&site);
        client.receive().unwrap();
        assert!(client.is_closed_after(answer.as_bytes()), "{answer} to {version:?}");
    }
}

#[test]
fn an_older_answer_is_accepted() {
    let site = site(Z4);
    for answer in ["Z200", "Z201", "Z303", "Z308", "Z309", "Z310", "Z3101", "Z4"] {
        let mut client = Client::to(&site);
        client.receive().unwrap();
        client.send(answer.as_bytes());
        assert_eq!(client.call(REGISTER), NONE, "{answer}");
    }
}

/// Connects, and answers with this version.
fn answering(site: &Site, answer: &[u8]) -> Client {
    let mut client = Client::to(site);
    client.receive().unwrap();
    client.send(answer);
    client
}

#[test]
fn zeo_5_registers_a_client_with_the_last_transaction_and_closes_after_a_snapshot_call() {
    const METHODS: &[u8] = b"(J\x03\0\0\0K\0U\x13getExtensionMethods)t.";
    for version in [Z5, M5] {
        let site = site(version);
        let last = site.ledger_until_now().unwrap().transactions().last().unwrap().tid;
        let registered = [b"\x80\x03(K\x03K\0X\x06\0\0\0.replyC\x08", &last[..], b"t."].concat();
        let python_3 = b"\x80\x03(K\x03K\0X\x08\0\0\0registerX\x01\0\0\x001\x88\x86t.";
        for call in [ENTER, LEAVE, CODE, METHODS] {
            assert!(answering(&site, b"Z5").is_closed_after(call), "before register");
            let mut client = answering(&site, b"Z5");
            assert_eq!(client.call(python_3), registered);
            assert!(client.is_closed_after(call), "{}", call.escape_ascii());
        }
        let msgpack = b"\x94\x03\xc2\xa8register\x92\xa11\xc3";
        assert!(answering(&site, b"M5").is_closed_after(msgpack), "msgpack is not simulated");
        assert_eq!(site.server().unwrap().code().unwrap(), None);
    }
}

#[test]
fn zeo_5_raises_an_exception_by_its_name() {
    let site = site(Z5);
    let mut client = answering(&site, b"Z5");
    let head = "\u{3}(K\u{3}K\u{2}X\u{6}\0\0\0.reply";
    let unknown = client.call(b"(J\x03\0\0\0K\0U\x08register(U\x05otherK\x01tt.");
    let words = "X\u{16}\0\0\0unknown storage: other";
    let raised = format!("{head}X\u{13}\0\0\0builtins.ValueError{words}");
    assert_eq!(unknown, [b"\x80", raised.as_bytes(), b"\x85\x86t."].concat());
    let writing = client.call(b"(J\x03\0\0\0K\0U\x08register(U\x011K\0tt.");
    let raised = format!("{head}X\u{1f}\0\0\0ZODB.POSException.ReadOnlyError}}X\u{4}\0\0\0args)s");
    assert_eq!(writing, [b"\x80", raised.as_bytes(), b"\x86t."].concat());
}

#[test]
fn the_question_ruok_is_answered_with_statistics_by_zeo_4_and_ends_the_connection() {
    for (version, is_answered) in [(Z3101, false), (Z4, true)] {
        let site = site(version);
        let last = site.ledger_until_now().unwrap().transactions().last().unwrap().tid_hex();
        let last = last.to_lowercase();
        let mut client = answering(&site, b"ruok");
        let answer = client.receive();
        assert_eq!(answer.is_some(), is_answered, "{version:?}");
        if let Some(answer) = answer {
            let statistics: serde_json::Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!(statistics["1"]["last-transaction"], last);
            assert_eq!(statistics["1"]["connections"], 0);
            assert_eq!(client.receive(), None, "{version:?}");
        }
    }
}

#[test]
fn every_version_answers_the_calls_of_a_snapshot_client_as_recorded() {
    in_parallel(SERVING, |version| {
        play_the_conversation(version, version == Z309 || version == Z4)
    });
}

/// Sends every call of a snapshot client once.
fn play_the_conversation(version: ZeoVersion, unix: bool) {
    let site = site_with(ZeoConfig { version, unix, authentication: None });
    let mut client = Client::connected_to(&site);
    for (call, reply) in [
        (&b"(J\x03\0\0\0K\0U\x0fgetAuthProtocol)t."[..], NONE),
        (b"(J\x03\0\0\0K\0U\x13getExtensionMethods)t.", b"(K\x03K\x00U\x06.reply}t."),
        (REGISTER, NONE),
        (
            b"(J\x03\0\0\0K\0U\x13getExtensionMethods)t.",
            b"(K\x03K\x00U\x06.reply}(U\x0eleave_snapshotNU\x11get_snapshot_codeNU\x14is_directory_storageNU\x0eenter_snapshotNut.",
        ),
        (b"(K\x03I00\nU\x14is_directory_storage)t.", b"(K\x03K\x00U\x06.replyK\x01t."),
        (CODE, NONE),
        (b"(J\x03\0\0\0K\0U\x0eenter_snapshot(U\x08host-123tt.", NONE),
        (b"(J\x04\0\0\0K\0U\x11get_snapshot_code)t.", b"(K\x04K\x00U\x06.replyU\ruser/host-123t."),
        (b"(J\x00\x01\0\0K\0U\x0eleave_snapshot(U\x08host-123tt.", b"(M\x00\x01K\x00U\x06.replyNt."),
    ] {
        let found = client.call(call).escape_ascii().to_string();
        assert_eq!(found, reply.escape_ascii().to_string(), "{}", call.escape_ascii());
    }
    site.server().unwrap().wait_until_free();
    assert_eq!(client.call(CODE), NONE);
}

#[test]
fn a_code_entered_as_unicode_is_answered_as_unicode() {
    let site = site(Z3101);
    let mut client = Client::registered_at(&site);
    let (unicode, bytes) = (&b"X\x06\0\0\0user/x"[..], &b"U\x06user/x"[..]);
    for (argument, answer) in [(&b"X\x01\0\0\0x"[..], unicode), (b"U\x01x", bytes)] {
        let enter = [b"(J\x03\0\0\0K\0U\x0eenter_snapshot(", argument, b"tt."].concat();
        assert_eq!(client.call(&enter), NONE);
        assert_eq!(client.call(CODE), [b"(K\x03K\0U\x06.reply", answer, b"t."].concat());
        assert_eq!(client.call(LEAVE), NONE, "the kind of string does not matter");
        site.server().unwrap().wait_until_free();
    }
}

#[test]
fn a_byte_string_that_is_not_ascii_is_refused_as_a_code() {
    let site = site(Z3101);
    let mut client = Client::registered_at(&site);
    let refused = client.call(b"(J\x03\0\0\0K\0U\x0eenter_snapshot(U\x01\xfftt.");
    assert!(refused.starts_with(b"(K\x03K\0U\x06.reply(cexceptions\nUnicodeEncodeError\n"));
    assert_eq!(
        client.call(CODE),
        b"(K\x03K\0U\x06.replyU\x06user/\xfft.",
        "the snapshot is broken"
    );
}

#[test]
fn a_call_that_the_server_does_not_have_ends_the_connection() {
    in_parallel([Z308, Z3101], |version| {
        let site = site(version);
        for call in [&b"(J\x03\0\0\0K\0U\x06nosuch)t."[..], b"(J\x03\0\0\0K\0U\x08_private)t."] {
            assert!(Client::registered_at(&site).is_closed_after(call), "{version:?}");
        }
    });
}

#[test]
fn a_call_before_register_ends_the_connection() {
    in_parallel([Z308, Z3101], |version| {
        let site = site(version);
        for call in [ENTER, LEAVE, CODE, b"(J\x03\0\0\0K\0U\x08get_info)t."] {
            assert!(Client::connected_to(&site).is_closed_after(call), "{version:?}");
        }
        assert_eq!(site.server().unwrap().code().unwrap(), None);
    });
}

#[test]
fn a_message_that_is_not_a_call_ends_the_connection() {
    let site = site(Z3101);
    for message in [&b""[..], b"hello", b"cos\nsystem\n(U\x04truetR.", b"(K\x03K\0U\xff"] {
        assert!(Client::registered_at(&site).is_closed_after(message));
    }
}

#[test]
fn a_keep_alive_message_is_not_answered() {
    let site = site(Z3101);
    let mut client = Client::registered_at(&site);
    client.send(b"(J\xff\xff\xff\xffK\x00U\x06.replyNt.");
    assert_eq!(client.call(CODE), NONE);
}

/// Returns the reply that raises an exception of ZODB with one argument.
fn zodb_exception(version: ZeoVersion, class: &str, words: &str) -> Vec<u8> {
    let text = [&[b'U', u8::try_from(words.len()).unwrap()], words.as_bytes()].concat();
    let parts: Vec<&[u8]> = match version {
        Z303 => return other_exception(version, class, words),
        Z308 => vec![b"}(U\x07message", &text, b"U\x04args(", &text, b"tutRtt."],
        _ => vec![b"}U\x04args(", &text, b"tstRtt."],
    };
    let begin = format!("(K\x03K\0U\x06.reply({class}{RECON}({class}");
    [begin.as_bytes(), &parts.concat()].concat()
}

/// Returns the reply that raises another exception.
fn other_exception(version: ZeoVersion, class: &str, words: &str) -> Vec<u8> {
    let text = [&[b'U', u8::try_from(words.len()).unwrap()], words.as_bytes()].concat();
    let (nested, end) = match version {
        Z303 => (format!("({class}"), &b"tRttt."[..]),
        _ => (String::new(), &b"tRtt."[..]),
    };
    let begin = format!("(K\x03K\0U\x06.reply({class}{nested}{class}(");
    [begin.as_bytes(), &text, end].concat()
}

#[test]
fn an_exception_has_the_recorded_form_of_each_version() {
    in_parallel(SERVING, |version| {
        let site = site(version);
        let mut client = Client::registered_at(&site);
        let bad_code = zodb_exception(version, ERROR, "bad code 'user/x'!=None");
        assert_eq!(client.call(LEAVE), bad_code);
        assert_eq!(client.call(ENTER), NONE);
        let in_use = "Can not enter snapshot mode: snapshot already in use by 'user/x'";
        assert_eq!(client.call(ENTER), zodb_exception(version, ERROR, in_use));
        let sublock = site.storage().sublock();
        let tool = FileLock::take(&sublock).unwrap();
        let words = format!("Couldn't lock '{}'", sublock.display());
        let lock_error = other_exception(version, "czc.lockfile\nLockError\n", &words);
        assert_eq!(client.call(LEAVE), lock_error);
        drop(tool);
        assert_eq!(client.call(LEAVE), NONE);
    });
}

#[test]
fn register_is_refused_for_writing_for_an_unknown_storage_and_twice() {
    in_parallel([Z303, Z308, Z4], |version| {
        let site = site(version);
        let mut client = Client::connected_to(&site);
        let value_error = "cexceptions\nValueError\n";
        let unknown = client.call(b"(J\x03\0\0\0K\0U\x08register(U\x05otherK\x01tt.");
        assert_eq!(unknown, other_exception(version, value_error, "unknown storage: other"));
        let writing = client.call(b"(J\x03\0\0\0K\0U\x08register(U\x011K\0tt.");
        let read_only = b"ZODB.POSException\nReadOnlyError\n";
        assert!(writing.windows(read_only.len()).any(|part| part == read_only), "{version:?}");
        assert_eq!(client.call(REGISTER), NONE);
        let again = other_exception(version, value_error, "duplicate register() call");
        assert_eq!(client.call(REGISTER), again);
    });
}

/// Returns the message that invalidates the objects which the last commit has changed.
fn invalidation(site: &Site, version: ZeoVersion, number: u8) -> Vec<u8> {
    let ledger = site.ledger_until_now().unwrap();
    let last = ledger.transactions().last().unwrap();
    let with_version: &[_] = if matches!(version, Z303 | Z308) { b"U\0t" } else { b"" };
    let open: &[_] = if with_version.is_empty() { b"" } else { b"(" };
    let changed = last.objects.iter().filter(|(_, before)| *before != [0; 8]);
    let oids = changed.map(|(oid, _)| [open, b"U\x08", &oid.to_be_bytes(), with_version].concat());
    let oids: Vec<_> = oids.collect();
    let begin = [&b"(K"[..], &[number], b"K\x01U\x15invalidateTransaction(U\x08", &last.tid];
    [&begin.concat()[..], b"](", &oids.concat(), b"ett."].concat()
}

#[test]
fn registered_clients_are_told_of_commits_and_packs_in_numbered_messages_up_to_3_9() {
    in_parallel(SERVING, |version| {
        let site = site(version);
        let (mut client, mut early) = (Client::registered_at(&site), Client::connected_to(&site));
        let second = if matches!(version, Z303 | Z308 | Z309) { 1 } else { 0 };
        let server = site.server().unwrap();
        server.commit(1).unwrap();
        assert_eq!(client.receive().unwrap(), invalidation(&site, version, 0));
        server.pack().unwrap();
        server.end_packing().unwrap();
        let info = b"K\x01U\x04info(}(U\x06lengthK\x00U\x04sizeU\x0cnot measuredutt.";
        assert_eq!(client.receive().unwrap(), [&b"(K"[..], &[second], info].concat());
        server.wait_until_free();
        assert_eq!(client.call(CODE), NONE);
        assert_eq!(early.call(REGISTER), NONE, "a client is told nothing before it registers");
    });
}

#[test]
fn a_loaded_object_has_the_data_in_the_files() {
    in_parallel([Z308, Z3101], |version| {
        let site = site(version);
        let mut client = Client::registered_at(&site);
        assert_eq!(client.call(ENTER), NONE);
        let loads: &[_] = match version {
            Z303 | Z308 => b"(J\x03\0\0\0K\0U\x06loadEx(U\x08\0\0\0\0\0\0\0\x01U\0tt.",
            _ => b"(J\x03\0\0\0K\0U\x06loadEx(U\x08\0\0\0\0\0\0\0\x01tt.",
        };
        let reply = client.call(loads);
        let ledger = site.ledger().unwrap();
        let writer =
            ledger.transactions().iter().rfind(|it| it.objects.iter().any(|(oid, _)| *oid == 1));
        let writer = writer.unwrap();
        let name = format!("o0000000000000001.{}", writer.tid_hex());
        let place = Format::Bushy.place(name.as_ref()).unwrap();
        let data = fs::read(site.storage().a().join(place)).unwrap().split_off(72);
        let length = u8::try_from(data.len()).unwrap();
        let end: &[_] = if matches!(version, Z303 | Z308) { b"U\0tt." } else { b"tt." };
        let expected =
            [b"(K\x03K\0U\x06.reply(U", &[length][..], &data, b"U\x08", &writer.tid, end];
        assert_eq!(reply, expected.concat());
    });
}

#[test]
fn a_client_that_comes_back_is_told_what_has_changed_since() {
    let site = site(Z3101);
    let last = site.ledger_until_now().unwrap().transactions().last().unwrap().tid;
    let mut client = Client::registered_at(&site);
    let since = |tid: &[u8]| [b"(J\x03\0\0\0K\0U\x10getInvalidations(U\x08", tid, b"tt."].concat();
    assert_eq!(client.call(&since(&[0; 8])), NONE, "that was before the server was started");
    site.server().unwrap().commit(1).unwrap();
    let told = client.receive().unwrap();
    let (tid, oids) = told[b"(K\0K\x01U\x15invalidateTransaction(".len()..].split_at(10);
    let expected = [b"(K\x03K\0U\x06.reply(", tid, oids].concat();
    assert_eq!(client.call(&since(&last)), expected);
}

#[test]
fn a_client_that_verifies_is_told_which_objects_are_old() {
    let site = site(Z3101);
    let mut client = Client::registered_at(&site);
    client.send(b"(K\0K\x01U\x06verify(U\x08\0\0\0\0\0\0\0\x01U\x08\0\0\0\0\0\0\0\0tt.");
    let old = client.receive().unwrap();
    assert_eq!(old, b"(K\0K\x01U\x10invalidateVerify(U\x08\0\0\0\0\0\0\0\x01tt.");
    client.send(b"(K\0K\x01U\x0cendZeoVerify)t.");
    assert_eq!(client.receive().unwrap(), b"(K\0K\x01U\tendVerify)t.");
}

/// Asks for a challenge, and returns it.
fn challenge(client: &mut Client) -> String {
    let reply = client.call(b"(J\x03\0\0\0K\0U\x12auth_get_challenge)t.");
    let rest = reply.strip_prefix(b"(K\x03K\0U\x06.reply(U\x08ds-realmU(").unwrap();
    let (challenge, rest) = rest.split_at(40);
    assert_eq!(rest, [b"U(", challenge, b"tt."].concat(), "the nonce is the challenge");
    String::from_utf8(challenge.to_vec()).unwrap()
}

fn log_in(client: &mut Client, user: &str, challenge: &str, response: &str) -> Vec<u8> {
    let text = |text: &str| [&[b'U', u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let parts = [user, challenge, response].map(text).concat();
    client.call(&[b"(J\x03\0\0\0K\0U\rauth_response((", &parts[..], b"ttt."].concat())
}

#[test]
fn a_password_is_wanted_and_then_every_message_has_a_code() {
    in_parallel([Z303, Z308, Z4], |version| {
        let account = ZeoAccount::default();
        let authentication = Some(account.clone());
        let site = site_with(ZeoConfig { version, unix: false, authentication });
        let mut client = Client::connected_to(&site);
        let digest = b"(K\x03K\0U\x06.replyU\x06digestt.";
        assert_eq!(client.call(b"(J\x03\0\0\0K\0U\x0fgetAuthProtocol)t."), digest);
        let words = "Client was never authenticated with server!";
        let refused = zodb_exception(version, "cZEO.Exceptions\nAuthError\n", words);
        assert_eq!(client.call(REGISTER), refused);
        let first = challenge(&mut client);
        let wrong = log_in(&mut client, "admin", &first, "wrong");
        assert_eq!(wrong, b"(K\x03K\0U\x06.replyI00\nt.");
        let right = response(&account, &first);
        let unknown = log_in(&mut client, "nobody", &first, &right);
        let lookup_error = "cexceptions\nLookupError\n";
        assert_eq!(unknown, other_exception(version, lookup_error, "No such user: nobody"));
        let logged_in = log_in(&mut client, "admin", &first, &right);
        assert_eq!(logged_in, b"(K\x03K\0U\x06.replyI01\nt.");
        client.use_codes(&account, &first);
        assert_eq!(client.call(REGISTER), NONE);
        assert_eq!(client.call(ENTER), NONE);
        site.server().unwrap().commit(1).unwrap();
        assert_eq!(client.receive().unwrap(), invalidation(&site, version, 0));
        assert_eq!(client.call(LEAVE), NONE);
        client.send_raw(&[0, 0, 0, 1, b'.']);
        assert_eq!(client.receive(), None, "a message without a code ends the connection");
    });
}
