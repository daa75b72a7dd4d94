//! What the answers before and to a leave mean, and what a status says.

use dsnap_core::method::{Left, Status};

use crate::support::conf_line::{ConfLine, expect};
use crate::support::pickles::{exception, text};
use crate::support::server::{Action, Script, Server};

const OURS: &str = "user/host-1001";

fn in_ours() -> Script {
    Script::new().reply("get_snapshot_code", text(OURS))
}

fn leave(script: Script) -> (Left, Server) {
    let server = Server::start(script);
    (ConfLine::new(&server.address).leave(), server)
}

#[test]
fn our_snapshot_is_left() {
    let (left, server) = leave(in_ours());
    assert_eq!(left, Left::Left);
    assert_eq!(server.calls(), "connect get_snapshot_code leave_snapshot");
}

#[test]
fn a_snapshot_with_another_code_is_never_left() {
    for code in ["user/host-10012", "host-1001", "recombining/user/host-1001", "user/other"] {
        let (left, server) = leave(Script::new().reply("get_snapshot_code", text(code)));
        assert_eq!(left, Left::Left, "{code}");
        assert_eq!(server.calls(), "connect get_snapshot_code");
    }
    assert_eq!(leave(Script::new()).0, Left::Left);
}

#[test]
fn a_server_that_is_stuck_since_its_start_needs_a_person() {
    let (left, _) = leave(Script::new().reply("get_snapshot_code", text("startup")));
    expect(left, "refused", &["until it is restarted"]);
}

#[test]
fn a_leave_waits_for_who_has_locked_the_snapshot() {
    let locked = exception("zc.lockfile.LockError", "Couldn't lock '/srv/ds/misc/sublock'");
    let (left, server) = leave(in_ours().reply("leave_snapshot", locked));
    expect(left, "busy", &["cannot lock misc/sublock: LockError: Couldn't lock"]);
    assert!(server.calls().ends_with("leave_snapshot get_snapshot_code"));
}

#[test]
fn after_a_leave_that_failed_the_code_says_whether_it_had_its_effect() {
    let bad = exception(
        "DirectoryStorage.utils.DirectoryStorageError",
        "bad code 'user/host-1001'!=None",
    );
    let failed = || in_ours().reply("leave_snapshot", bad.clone());
    expect(leave(failed()).0, "failed", &["leave_snapshot failed at", "bad code"]);
    assert_eq!(leave(failed().reply("get_snapshot_code", b"N")).0, Left::Left);
    // The connection broke; the next question needs a new one.
    let (left, server) =
        leave(in_ours().reply("get_snapshot_code", b"N").on("leave_snapshot", Action::Close));
    assert_eq!(left, Left::Left);
    assert_eq!(
        server.calls(),
        "connect get_snapshot_code leave_snapshot connect get_snapshot_code"
    );
}

#[test]
fn without_an_answer_to_the_question_only_a_seen_snapshot_is_left() {
    let script = || Script::new().on("get_snapshot_code", Action::Close);
    let (left, server) = leave(script());
    expect(left, "unavailable", &["closed the connection"]);
    assert_eq!(server.calls(), "connect get_snapshot_code");

    let server = Server::start(script());
    assert_eq!(ConfLine::new(&server.address).seen().leave(), Left::Left);
    assert_eq!(server.calls(), "connect get_snapshot_code connect leave_snapshot");
}

#[test]
fn a_status_says_what_an_enter_would_meet_and_enters_nothing() {
    let status = |script: Script| {
        let server = Server::start(script);
        let status = ConfLine::new(&server.address).status();
        assert_eq!(server.calls(), "connect get_snapshot_code");
        status
    };
    assert_eq!(status(Script::new()), Status::CouldEnter);
    assert_eq!(status(in_ours()), Status::Held(OURS.into()));
    let other = status(Script::new().reply("get_snapshot_code", text("user/\u{1b}[1mx")));
    assert_eq!(other, Status::Held("user/\u{fffd}[1mx".into()));
    expect(
        status(Script::new().reply("get_snapshot_code", text("packing"))),
        "busy",
        &["is packing"],
    );
    expect(status(Script::new().reply("get_snapshot_code", text("startup"))), "refused", &[]);
}
