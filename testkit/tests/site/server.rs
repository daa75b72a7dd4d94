//! The simulated server: which locks it holds, and what its files contain.

use std::fs;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use dsnap_engine::system::flock::FileLock;
use dsnap_engine::system::lock_holders::is_held;
use dsnap_testkit::Site;
use dsnap_testkit::site::{Server, ServerConfig, ServerError, Step};

use crate::parallel::in_parallel;
use crate::support::wait_until;

/// Returns whether `misc/lock` and `misc/sublock` are held, and the content of `misc/snapshot`.
fn state(site: &Site) -> (bool, bool, Option<String>) {
    let storage = site.storage();
    let content = fs::read_to_string(storage.snapshot()).ok();
    (is_held(&storage.lock()), is_held(&storage.sublock()), content)
}

fn site() -> Site {
    Site::builder().zopes(0).start().unwrap()
}

/// Calls the server on another thread, which a test may pause.
fn on_a_thread<T: Send + 'static>(
    server: &Arc<Server>,
    work: impl FnOnce(&Server) -> T + Send + 'static,
) -> JoinHandle<T> {
    let server = Arc::clone(server);
    thread::spawn(move || work(&server))
}

#[test]
fn a_running_server_holds_both_locks_and_there_is_no_snapshot_file() {
    assert_eq!(state(&site()), (true, true, None));
}

#[test]
fn in_a_snapshot_the_sublock_is_free_and_a_does_not_change() {
    let site = site();
    let server = site.server().unwrap();
    server.commit(5).unwrap();
    server.enter("x").unwrap();
    assert_eq!(state(&site), (true, false, Some("user/x".to_owned())));
    let frozen = site.ledger().unwrap();
    assert_eq!(frozen.transactions().len(), 17);
    server.commit(20).unwrap();
    frozen.verify(&site.storage().a()).assert_holds();
    server.leave("x").unwrap();
    server.wait_until_free();
    assert_eq!(state(&site), (true, true, None));
    server.enter("y").unwrap();
    site.ledger().unwrap().verify(&site.storage().a()).assert_holds();
    assert_eq!(site.ledger().unwrap().transactions().len(), 37);
}

#[test]
fn a_wrong_code_and_a_second_enter_are_refused() {
    let site = site();
    let server = site.server().unwrap();
    assert_eq!(server.leave("x"), Err(ServerError::BadCode("user/x".to_owned(), None)));
    server.enter("x").unwrap();
    assert_eq!(server.enter("y"), Err(ServerError::InUse("user/x".to_owned())));
    let bad = ServerError::BadCode("user/y".to_owned(), Some("user/x".to_owned()));
    assert_eq!(server.leave("y"), Err(bad));
    assert_eq!(
        state(&site),
        (true, true, Some("user/x".to_owned())),
        "leave locks the sublock first"
    );
    server.leave("x").unwrap();
}

#[test]
fn leaving_is_refused_while_another_process_holds_the_sublock() {
    let site = site();
    let server = site.server().unwrap();
    server.enter("x").unwrap();
    let tool = FileLock::take(&site.storage().sublock()).unwrap();
    assert_eq!(server.leave("x"), Err(ServerError::SublockHeld));
    assert_eq!(state(&site).2, Some("user/x".to_owned()));
    drop(tool);
    server.leave("x").unwrap();
}

#[test]
fn entering_is_refused_while_the_server_recombines() {
    let site = site();
    let server = site.server().unwrap();
    server.enter("x").unwrap();
    server.hold_at(Step::Recombine);
    server.leave("x").unwrap();
    assert!(server.wait_at(Step::Recombine));
    assert_eq!(server.enter("y"), Err(ServerError::InUse("recombining/user/x".to_owned())));
    assert_eq!(state(&site), (true, true, None));
    server.go_on();
    server.wait_until_free();
    server.enter("y").unwrap();
}

#[test]
fn packing_keeps_the_sublock() {
    let site = site();
    let server = site.server().unwrap();
    server.pack().unwrap();
    assert_eq!(state(&site), (true, true, Some("packing".to_owned())));
    assert_eq!(server.enter("x"), Err(ServerError::InUse("packing".to_owned())));
    server.end_packing().unwrap();
}

#[test]
fn a_crash_while_packing_leaves_the_code_and_the_next_start_recovers() {
    let site = site();
    let server = site.server().unwrap();
    server.commit(9).unwrap();
    server.pack().unwrap();
    server.commit(9).unwrap();
    site.crash_server();
    assert_eq!(state(&site), (false, false, Some("packing".to_owned())));
    assert!(!site.storage().leftovers().unwrap().is_none(), "later transactions are not in A/");
    site.start_server().unwrap();
    assert_eq!(state(&site), (true, true, None));
    let server = site.server().unwrap();
    assert_eq!((server.code(), server.committed()), (Ok(None), 30));
    server.enter("x").unwrap();
    site.ledger().unwrap().verify(&site.storage().a()).assert_holds();
}

#[test]
fn a_clean_stop_leaves_shutdown_and_everything_in_a() {
    let site = site();
    site.server().unwrap().commit(7).unwrap();
    site.stop_server().unwrap();
    assert_eq!(state(&site), (false, false, Some("shutdown".to_owned())));
    assert!(site.storage().leftovers().unwrap().is_none());
    assert_eq!(site.ledger().unwrap().transactions().len(), 19);
    site.ledger().unwrap().verify(&site.storage().a()).assert_holds();
}

#[test]
fn a_stop_in_a_snapshot_changes_nothing() {
    let site = site();
    let server = site.server().unwrap();
    server.enter("x").unwrap();
    server.commit(20).unwrap();
    site.stop_server().unwrap();
    assert_eq!(state(&site), (false, false, Some("user/x".to_owned())));
    assert!(!site.storage().leftovers().unwrap().is_none());
    site.ledger().unwrap().verify(&site.storage().a()).assert_holds();
}

#[test]
fn a_crash_and_a_quick_shutdown_leave_a_journal_and_the_next_start_loses_nothing() {
    for crash in [true, false] {
        let site = Site::builder().zopes(0).quick_shutdown(true).start().unwrap();
        site.server().unwrap().commit(9).unwrap();
        if crash {
            site.crash_server()
        } else {
            site.stop_server().unwrap()
        }
        assert_eq!(state(&site), (false, false, None));
        assert!(site.storage().leftovers().unwrap().done);
        site.start_server().unwrap();
        assert_eq!(site.server().unwrap().committed(), 21);
        site.server().unwrap().enter("x").unwrap();
        site.ledger().unwrap().verify(&site.storage().a()).assert_holds();
    }
}

#[test]
fn a_crash_at_any_step_loses_nothing() {
    in_parallel([Step::Flush, Step::CodeSet, Step::MarkWritten, Step::Recombine], |step| {
        let site = site();
        let server = site.server().unwrap();
        server.commit(9).unwrap();
        server.hold_at(step);
        let entering = on_a_thread(&server, |server| {
            let _ = server.enter("x");
            let _ = server.commit(9);
            let _ = server.leave("x");
        });
        assert!(server.wait_at(step));
        site.crash_server();
        entering.join().unwrap();
        site.start_server().unwrap();
        let committed = site.server().unwrap().committed();
        site.server().unwrap().enter("y").unwrap();
        assert_eq!(site.ledger().unwrap().transactions().len(), committed);
        site.ledger().unwrap().verify(&site.storage().a()).assert_holds();
    });
}

#[test]
fn a_server_started_while_the_sublock_is_held_is_in_startup_until_restarted() {
    let site = site();
    site.stop_server().unwrap();
    let tool = FileLock::take(&site.storage().sublock()).unwrap();
    site.start_server().unwrap();
    drop(tool);
    let server = site.server().unwrap();
    assert_eq!(state(&site), (true, false, Some("shutdown".to_owned())));
    assert_eq!(server.enter("x"), Err(ServerError::InUse("startup".to_owned())));
    let bad = ServerError::BadCode("user/x".to_owned(), Some("startup".to_owned()));
    assert_eq!(server.leave("x"), Err(bad));
    server.commit(9).unwrap();
    site.ledger().unwrap().verify(&site.storage().a()).assert_holds();
    drop(server);
    site.stop_server().unwrap();
    site.start_server().unwrap();
    let server = site.server().unwrap();
    server.enter("x").unwrap();
    assert_eq!(site.ledger().unwrap().transactions().len(), 21);
    site.ledger().unwrap().verify(&site.storage().a()).assert_holds();
}

#[test]
fn what_a_killed_server_left_in_the_journal_replaces_nothing_newer() {
    let site = site();
    site.server().unwrap().enter("x").unwrap();
    site.server().unwrap().commit(3).unwrap();
    let tool = FileLock::take(&site.storage().sublock()).unwrap();
    site.crash_server();
    assert!(site.storage().leftovers().unwrap().done);
    // In `startup`, the next server moves its own transactions into `B/`. They write the same objects again.
    site.start_server().unwrap();
    site.server().unwrap().commit(9).unwrap();
    let in_journal = || fs::read_dir(site.storage().journal()).unwrap().count();
    wait_until("files in B/", || in_journal() <= 6);
    drop(tool);
    site.crash_server();
    site.start_server().unwrap();
    site.server().unwrap().enter("y").unwrap();
    assert_eq!(site.ledger().unwrap().transactions().len(), 24);
    site.ledger().unwrap().verify(&site.storage().a()).assert_holds();
}

#[test]
fn a_second_enter_waits_for_the_first() {
    let site = site();
    let server = site.server().unwrap();
    server.hold_at(Step::Flush);
    let first = on_a_thread(&server, |server| server.enter("x"));
    assert!(server.wait_at(Step::Flush));
    assert_eq!(server.code(), Ok(None), "the code is set only near the end");
    let second = on_a_thread(&server, |server| server.enter("y"));
    server.go_on();
    assert_eq!(first.join().unwrap(), Ok(()));
    assert_eq!(second.join().unwrap(), Err(ServerError::InUse("user/x".to_owned())));
}

#[test]
fn a_leave_before_the_snapshot_file_is_written_leaves_a_false_state() {
    let site = site();
    let server = site.server().unwrap();
    server.hold_at(Step::CodeSet);
    let entering = on_a_thread(&server, |server| server.enter("x"));
    assert!(server.wait_at(Step::CodeSet));
    server.leave("x").unwrap();
    server.wait_until_free();
    server.go_on();
    entering.join().unwrap().unwrap();
    assert_eq!(state(&site), (true, false, Some("user/x".to_owned())));
    server.commit(9).unwrap();
    assert_eq!(server.code(), Ok(None), "the server changes A/ although misc/snapshot exists");
}

#[test]
fn a_code_that_is_not_ascii_and_a_full_disk_break_the_snapshot() {
    let site = site();
    let server = site.server().unwrap();
    assert_eq!(server.enter("ü"), Err(ServerError::NotAscii("user/ü".to_owned())));
    assert_eq!(state(&site), (true, true, Some(String::new())));
    server.leave("ü").unwrap();
    server.wait_until_free();
    server.fill_disk(true);
    assert_eq!(server.enter("x"), Err(ServerError::DiskFull));
    assert_eq!(server.code(), Ok(Some("user/x".to_owned())));
    assert_eq!(state(&site), (true, true, Some(String::new())));
}

#[test]
fn two_servers_exclude_each_other() {
    let site = site();
    assert!(Server::start(site.storage(), ServerConfig::default()).is_err());
}

#[test]
fn a_server_can_commit_by_itself() {
    let site = Site::builder().zopes(0).commits_per_second(1000).start().unwrap();
    let server = site.server().unwrap();
    assert!(server.wait_for_commits(40));
    server.enter("x").unwrap();
    site.ledger().unwrap().verify(&site.storage().a()).assert_holds();
}
