//! What the answers before and to an enter mean.

use dsnap_core::method::Entered;

use crate::support::conf_line::{ConfLine, StopsWhen, expect};
use crate::support::pickles::{NOTICE, exception, in_use, reply, text};
use crate::support::server::{Action, Script, Server};

const OURS: &str = "user/host-1001";

fn enter(script: Script) -> (Entered, Server) {
    let server = Server::start(script);
    (ConfLine::new(&server.address).enter(), server)
}

#[test]
fn every_version_up_to_zeo_4_is_answered_with_itself_and_entered() {
    for version in ["Z200", "Z201", "Z303", "Z308", "Z309", "Z310", "Z3101", "Z4"] {
        let (entered, server) = enter(Script::of_version(version.as_bytes()));
        assert_eq!(entered, Entered::Held, "{version}");
        let question = if version == "Z200" { "" } else { " getAuthProtocol" };
        let calls = format!(
            "connect {version}{question} register getExtensionMethods get_snapshot_code enter_snapshot"
        );
        assert_eq!(server.all_calls(), calls);
    }
}

#[test]
fn a_socket_with_a_path_is_an_address_too() {
    let server = Server::start_on_path(Script::new());
    assert_eq!(ConfLine::new(&server.address).enter(), Entered::Held);
}

#[test]
fn messages_that_nobody_asked_for_are_dropped_wherever_they_come() {
    let notices = || vec![NOTICE.to_vec(), b"(K\x04K\x01U\x04infoh\0".to_vec()];
    let late = |result: &[u8]| Action::After(notices(), Box::new(Action::Reply(result.to_vec())));
    let script = Script::new()
        .on("register", late(b"N"))
        .on("get_snapshot_code", late(b"N"))
        .on("enter_snapshot", late(b"N"));
    assert_eq!(enter(script).0, Entered::Held);
}

#[test]
fn a_reply_to_another_call_is_not_the_answer() {
    let other = reply(&[99, 0, 0, 0], &text(OURS));
    let then = Box::new(Action::Reply(text("user/other-1")));
    let (entered, _server) =
        enter(Script::new().on("get_snapshot_code", Action::After(vec![other], then)));
    expect(entered, "busy", &["(user/other-1)"]);
}

#[test]
fn a_notice_larger_than_what_is_kept_is_dropped_too() {
    let large = [NOTICE, &[b'x'; 300_000]].concat();
    let then = Box::new(Action::Reply(b"N".to_vec()));
    let script = Script::new().on("enter_snapshot", Action::After(vec![large], then));
    assert_eq!(enter(script).0, Entered::Held);
}

#[test]
fn a_server_in_another_use_is_not_asked_to_enter() {
    for (code, variant, words) in [
        ("user/other-1", "busy", "is already in another snapshot (user/other-1)"),
        ("packing", "busy", "is packing"),
        ("recombining/user/other-1", "busy", "is recombining"),
        ("startup", "refused", "was started while misc/sublock was locked"),
    ] {
        let (entered, server) = enter(Script::new().reply("get_snapshot_code", text(code)));
        expect(entered, variant, &[&server.address, words]);
        assert_eq!(server.calls(), "connect get_snapshot_code", "{code}");
    }
}

#[test]
fn an_enter_that_meets_another_use_says_whose() {
    for (code, variant, words) in [
        ("user/other-1", "busy", "is already in another snapshot (user/other-1)"),
        ("packing", "busy", "is packing"),
        ("startup", "refused", "was started while misc/sublock was locked"),
    ] {
        let (entered, server) = enter(Script::new().reply("enter_snapshot", in_use(code)));
        expect(entered, variant, &[words]);
        assert_eq!(server.calls(), "connect get_snapshot_code enter_snapshot", "{code}");
    }
}

#[test]
fn a_second_enter_with_our_code_confirms_the_first() {
    let script =
        Script::new().reply("get_snapshot_code", text(OURS)).reply("enter_snapshot", in_use(OURS));
    assert_eq!(enter(script).0, Entered::Held);
}

#[test]
fn after_another_exception_the_code_says_whether_the_enter_had_its_effect() {
    let full = || exception("exceptions.IOError", "[Errno 28] No space left on device");
    let failed = Script::new().reply("enter_snapshot", full());
    let (entered, server) = enter(failed.clone());
    expect(entered, "failed", &["enter_snapshot failed at", "IOError: [Errno 28] No space left"]);
    assert_eq!(server.calls(), "connect get_snapshot_code enter_snapshot get_snapshot_code");

    let codes = |script: Script| {
        script.reply("get_snapshot_code", b"N").reply("get_snapshot_code", text(OURS))
    };
    let (entered, server) = enter(codes(failed.clone()));
    expect(entered, "failed", &["No space left"]);
    assert!(server.calls().ends_with(" enter_snapshot get_snapshot_code leave_snapshot"));

    let kept = codes(failed).reply("leave_snapshot", exception("zc.lockfile.LockError", "x"));
    expect(enter(kept).0, "unknown", &["was entered all the same and could not be left again"]);
}

#[test]
fn an_enter_without_an_answer_is_unknown_and_not_sent_again() {
    for action in [
        Action::Close,
        Action::Raw(b"\0\0\0\x05(K\x03K".to_vec()),
        Action::Raw(b"\0\0\0\x01N".to_vec()),
        Action::Raw(b"\x80\0\0\x01".to_vec()),
    ] {
        let server = Server::start(Script::new().on("enter_snapshot", action));
        let line = ConfLine::new(&server.address).with_limit(std::time::Duration::from_millis(600));
        expect(line.enter(), "unknown", &["the snapshot may or may not have been entered"]);
        assert_eq!(server.calls(), "connect get_snapshot_code enter_snapshot");
    }
}

#[test]
fn a_question_without_a_usable_answer_means_that_nothing_is_entered() {
    for (action, variant) in [
        (Action::Close, "unavailable"),
        (Action::Reply(b"K\x01".to_vec()), "failed"),
        (Action::Reply(b"h\0".to_vec()), "failed"),
        (Action::Reply(exception("exceptions.KeyError", "x")), "refused"),
    ] {
        let (entered, server) = enter(Script::new().on("get_snapshot_code", action));
        expect(entered, variant, &[]);
        assert_eq!(server.calls(), "connect get_snapshot_code");
    }
}

#[test]
fn the_question_gets_the_time_of_a_leave_and_not_that_of_an_enter() {
    let server = Server::start(Script::new().on("get_snapshot_code", Action::Silence));
    let line =
        ConfLine::new(&server.address).with_leave_limit(std::time::Duration::from_millis(300));
    expect(line.enter(), "unavailable", &["no answer from", "0.3 s", "timeout=DURATION"]);
}

#[test]
fn a_stop_before_the_enter_takes_effect_at_once_and_nothing_is_entered() {
    let server = Server::start(Script::new().on("get_snapshot_code", Action::Silence));
    let asked = || server.calls().contains("get_snapshot_code");
    let entered = ConfLine::new(&server.address).enter_for(&StopsWhen(asked));
    expect(entered, "unavailable", &["stopped before"]);
    assert_eq!(server.calls(), "connect get_snapshot_code");
}

#[test]
fn a_stop_after_the_enter_was_sent_waits_for_its_answer() {
    let then = Box::new(Action::Reply(b"N".to_vec()));
    let server = Server::start(
        Script::new().on("enter_snapshot", Action::After(vec![NOTICE.to_vec()], then)),
    );
    let sent = || server.calls().contains("enter_snapshot");
    assert_eq!(ConfLine::new(&server.address).enter_for(&StopsWhen(sent)), Entered::Held);
}
