//! The simulated server of a storage: which locks it holds, and what its files say.

use std::fs;
use std::sync::Arc;

use dsnap_engine::system::flock::FileLock;
use dsnap_engine::system::lock_holders::is_held;
use dsnap_testkit::Site;
use dsnap_testkit::site::{Refused, Server, Step};

/// `misc/lock`, `misc/sublock`, `misc/snapshot`.
fn state(site: &Site) -> (bool, bool, Option<String>) {
    let storage = site.storage();
    let mark = fs::read_to_string(storage.snapshot()).ok();
    (is_held(&storage.lock()), is_held(&storage.sublock()), mark)
}

fn site() -> Site {
    Site::builder().zopes(0).start().unwrap()
}

/// Does something on another thread, where it may be held.
fn beside<T: Send + 'static>(
    server: &Arc<Server>,
    work: impl FnOnce(&Server) -> T + Send + 'static,
) -> std::thread::JoinHandle<T> {
    let server = Arc::clone(server);
    std::thread::spawn(move || work(&server))
}

#[test]
fn a_running_server_holds_both_locks_and_the_storage_is_no_snapshot() {
    assert_eq!(state(&site()), (true, true, None));
}

#[test]
fn in_a_snapshot_it_lets_go_of_the_sublock_and_commits_go_elsewhere() {
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
fn another_code_and_a_second_enter_are_refused() {
    let site = site();
    let server = site.server().unwrap();
    assert_eq!(server.leave("x"), Err(Refused::BadCode("user/x".to_owned(), None)));
    server.enter("x").unwrap();
    assert_eq!(server.enter("y"), Err(Refused::InUse("user/x".to_owned())));
    let bad = Refused::BadCode("user/y".to_owned(), Some("user/x".to_owned()));
    assert_eq!(server.leave("y"), Err(bad));
    assert_eq!(state(&site), (true, true, Some("user/x".to_owned())), "it took the sublock");
    server.leave("x").unwrap();
}

#[test]
fn leaving_is_refused_while_somebody_holds_the_sublock() {
    let site = site();
    let server = site.server().unwrap();
    server.enter("x").unwrap();
    let tool = FileLock::take(&site.storage().sublock()).unwrap();
    assert_eq!(server.leave("x"), Err(Refused::SublockHeld));
    assert_eq!(state(&site).2, Some("user/x".to_owned()));
    drop(tool);
    server.leave("x").unwrap();
}

#[test]
fn while_it_recombines_entering_is_refused() {
    let site = site();
    let server = site.server().unwrap();
    server.enter("x").unwrap();
    server.hold_at(Step::Recombine);
    server.leave("x").unwrap();
    assert!(server.wait_at(Step::Recombine));
    assert_eq!(server.enter("y"), Err(Refused::InUse("recombining/user/x".to_owned())));
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
    assert_eq!(server.enter("x"), Err(Refused::InUse("packing".to_owned())));
    server.end_packing().unwrap();
}

#[test]
fn a_crash_while_packing_leaves_packing_behind_and_the_next_start_goes_on() {
    let site = site();
    let server = site.server().unwrap();
    server.commit(9).unwrap();
    server.pack().unwrap();
    server.commit(9).unwrap();
    site.crash_server();
    assert_eq!(state(&site), (false, false, Some("packing".to_owned())));
    assert!(!site.storage().leftovers().unwrap().is_none(), "later transactions lie beside it");
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
fn a_stop_in_a_snapshot_leaves_it_and_later_transactions_beside_it() {
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
    for step in [Step::Flush, Step::CodeSet, Step::MarkWritten, Step::Recombine] {
        let site = site();
        let server = site.server().unwrap();
        server.commit(9).unwrap();
        server.hold_at(step);
        let entering = beside(&server, |server| {
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
    }
}

#[test]
fn started_while_the_sublock_is_held_it_says_startup_until_it_is_started_anew() {
    let site = site();
    site.stop_server().unwrap();
    let tool = FileLock::take(&site.storage().sublock()).unwrap();
    site.start_server().unwrap();
    drop(tool);
    let server = site.server().unwrap();
    assert_eq!(state(&site), (true, false, Some("shutdown".to_owned())));
    assert_eq!(server.enter("x"), Err(Refused::InUse("startup".to_owned())));
    let bad = Refused::BadCode("user/x".to_owned(), Some("startup".to_owned()));
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
fn a_second_enter_waits_for_the_first() {
    let site = site();
    let server = site.server().unwrap();
    server.hold_at(Step::Flush);
    let first = beside(&server, |server| server.enter("x"));
    assert!(server.wait_at(Step::Flush));
    assert_eq!(server.code(), Ok(None), "the code shows only near the end");
    let second = beside(&server, |server| server.enter("y"));
    server.go_on();
    assert_eq!(first.join().unwrap(), Ok(()));
    assert_eq!(second.join().unwrap(), Err(Refused::InUse("user/x".to_owned())));
}

#[test]
fn a_leave_between_code_and_mark_succeeds_and_leaves_the_false_state() {
    let site = site();
    let server = site.server().unwrap();
    server.hold_at(Step::CodeSet);
    let entering = beside(&server, |server| server.enter("x"));
    assert!(server.wait_at(Step::CodeSet));
    server.leave("x").unwrap();
    server.wait_until_free();
    server.go_on();
    entering.join().unwrap().unwrap();
    assert_eq!(state(&site), (true, false, Some("user/x".to_owned())));
    server.commit(9).unwrap();
    assert_eq!(server.code(), Ok(None), "it writes A/ beside a snapshot");
}

#[test]
fn a_code_that_is_not_ascii_and_a_full_disk_break_the_snapshot() {
    let site = site();
    let server = site.server().unwrap();
    assert_eq!(server.enter("ü"), Err(Refused::NotAscii("user/ü".to_owned())));
    assert_eq!(state(&site), (true, true, Some(String::new())));
    server.leave("ü").unwrap();
    server.wait_until_free();
    server.fill_disk(true);
    assert_eq!(server.enter("x"), Err(Refused::DiskFull));
    assert_eq!(server.code(), Ok(Some("user/x".to_owned())));
    assert_eq!(state(&site), (true, true, Some(String::new())));
}

#[test]
fn two_servers_exclude_each_other() {
    let site = site();
    assert!(Server::start(site.storage(), dsnap_testkit::site::Manner::default()).is_err());
}

#[test]
fn commits_go_on_by_themselves() {
    let site = Site::builder().zopes(0).commits_per_second(1000).start().unwrap();
    let server = site.server().unwrap();
    while server.committed() < 40 {
        std::thread::yield_now();
    }
    server.enter("x").unwrap();
    site.ledger().unwrap().verify(&site.storage().a()).assert_holds();
}
