//! The Zopes of a site with a ZEO server: their answers while that server is down or busy, and with each of
//! its faults.

use std::thread;
use std::time::Duration;

use dsnap_testkit::Site;
use dsnap_testkit::site::{
    Call, Fault, ServerKind, ServerName, Step, ZeoAccount, ZeoConfig, ZeoVersion, ZopeVersion,
};

use crate::parallel::in_parallel;
use crate::support::{call, call_at, wait_until};

/// What Zope 2 answers if its ZEO server is unavailable, as recorded.
const DISCONNECTED: &str =
    "Unexpected Zope exception: &lt;class 'ZEO.Exceptions.ClientDisconnected'&gt; - </string>";
/// What Zope 5 answers to any exception, as recorded.
const BARE_500: &str = "HTTP/1.1 500 Internal Server Error\n";

fn site() -> Site {
    Site::builder().zopes(2).zeo(ZeoConfig::default()).start().unwrap()
}

#[test]
fn the_zopes_are_disconnected_while_the_zeo_server_is_down_and_work_afterwards() {
    let cases = [(ZopeVersion::Zope2, DISCONNECTED), (ZopeVersion::Zope5, BARE_500)];
    in_parallel(cases, |(version, words)| {
        let builder = Site::builder().zopes(2).answers(version).zeo(ZeoConfig::default());
        let site = builder.start().unwrap();
        for crashes in [false, true] {
            if crashes { site.crash(ServerName::Zeo) } else { site.stop(ServerName::Zeo) }.unwrap();
            for zope in 0..2 {
                for method in ["currentSnapshotCode", "enterSnapshot", "leaveSnapshot"] {
                    let answer = call_at(&site, zope, method, Some("x"));
                    assert!(answer.contains(words), "{method}: {answer}");
                }
            }
            site.start(ServerName::Zeo).unwrap();
            call_at(&site, 0, "enterSnapshot", Some("x"));
            assert!(call_at(&site, 1, "currentSnapshotCode", None).contains("user/x"));
            call_at(&site, 1, "leaveSnapshot", Some("x"));
            site.server().unwrap().wait_until_free();
        }
    });
}

#[test]
fn a_call_in_progress_raises_client_disconnected_when_the_zeo_server_crashes() {
    let site = site();
    let server = site.server().unwrap();
    server.hold_at(Step::Flush);
    thread::scope(|threads| {
        let calling = threads.spawn(|| call(&site, "enterSnapshot", Some("x")));
        assert!(server.wait_at(Step::Flush));
        site.crash(ServerName::Zeo).unwrap();
        let answer = calling.join().unwrap();
        assert!(answer.contains(DISCONNECTED), "{answer}");
    });
    assert_eq!(site.held(), None);
}

#[test]
fn an_older_zeo_server_answers_no_zope_while_it_enters_and_a_newer_one_does() {
    for (version, answered) in [(ZeoVersion::Z308, "user/x"), (ZeoVersion::Z3101, "<nil/>")] {
        let zeo = ZeoConfig { version, ..ZeoConfig::default() };
        let site = Site::builder().zopes(2).zeo(zeo).start().unwrap();
        let server = site.server().unwrap();
        server.hold_at(Step::Flush);
        thread::scope(|threads| {
            let entering = threads.spawn(|| call_at(&site, 0, "enterSnapshot", Some("x")));
            assert!(server.wait_at(Step::Flush));
            let asking = threads.spawn(|| call_at(&site, 1, "currentSnapshotCode", None));
            if answered == "<nil/>" {
                assert!(asking.join().unwrap().contains(answered), "{version:?}");
                server.go_on();
            } else {
                server.go_on();
                assert!(asking.join().unwrap().contains(answered), "{version:?}");
            }
            entering.join().unwrap();
        });
    }
}

/// Returns the faults of a ZEO server that can meet a Zope.
fn faults() -> impl Iterator<Item = (Fault, &'static str)> {
    let all = Fault::ALL.into_iter().chain(Fault::ONLY_OF_ZEO);
    let met =
        all.filter(|(fault, ..)| fault.is_of(ServerKind::Zeo) && fault.can_affect(Call::Enter));
    met.map(|(fault, _, meaning)| match fault {
        Fault::Slow(_) => (Fault::Slow(Duration::from_millis(10)), meaning),
        fault => (fault, meaning),
    })
}

#[test]
fn each_fault_of_the_zeo_server_has_its_effect_and_the_next_call_works() {
    in_parallel(faults(), |(fault, meaning)| {
        let zeo = ZeoConfig { authentication: Some(ZeoAccount::default()), ..ZeoConfig::default() };
        let site = Site::builder().zopes(2).zeo(zeo).start().unwrap();
        site.zeo_fault(fault, Some(Call::Enter), Some(1));
        let has_effect = meaning.contains("the call has its effect");
        thread::scope(|threads| {
            let calling = threads.spawn(|| call_at(&site, 0, "enterSnapshot", Some("x")));
            if matches!(fault, Fault::Silent | Fault::Deaf | Fault::Flood | Fault::Endless) {
                // A real client waits as long as the connection is there.
                wait_until("the effect", || site.held().is_some() == has_effect);
                site.crash(ServerName::Zeo).unwrap();
                assert!(calling.join().unwrap().contains(DISCONNECTED), "{fault:?}");
                site.start(ServerName::Zeo).unwrap();
                return;
            }
            let answer = calling.join().unwrap();
            let broken = matches!(
                fault,
                Fault::HalfAnswer
                    | Fault::ResetBefore
                    | Fault::ResetAfter
                    | Fault::Garbage
                    | Fault::WrongMac
                    | Fault::NoMac
            );
            assert_eq!(answer.contains(DISCONNECTED), broken, "{fault:?}: {answer}");
            assert_eq!(site.held().is_some(), has_effect, "{fault:?}: {answer}");
        });
        let code = call_at(&site, 1, "currentSnapshotCode", None);
        assert!(code.contains("user/x") || code.contains("<nil/>"), "{fault:?}: {code}");
    });
}

#[test]
fn a_zope_of_a_zeo_server_without_snapshots_raises_attribute_error() {
    let zeo = ZeoConfig { version: ZeoVersion::Z5, ..ZeoConfig::default() };
    let site = Site::builder().zeo(zeo).start().unwrap();
    let answer = call(&site, "currentSnapshotCode", None);
    let words = "&lt;type 'exceptions.AttributeError'&gt; - 'ClientStorage' object has no attribute 'get_snapshot_code'";
    assert!(answer.contains(words), "{answer}");
}
