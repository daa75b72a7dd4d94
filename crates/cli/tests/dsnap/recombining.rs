//! A server that recombines after a snapshot: it is waited for, because that is soon over.

use dsnap_testkit::site::Step;
use nix::sys::signal::Signal::SIGTERM;

use crate::support::{Dsnap, HTTP, assert_free, site};

const SAYS: &str = "the server is recombining";
const WAITED: &str = "the server is recombining (merging B/ back into A/ after a snapshot); \
                      waiting up to 5 min\n";

#[test]
fn the_second_of_two_runs_in_a_row_waits_until_the_server_has_recombined() {
    let site = site();
    let server = site.server().unwrap();
    server.hold_at(Step::Recombine);
    Dsnap::at(&site).arg("true").run().says(0, HTTP);
    assert!(server.wait_at(Step::Recombine));
    let mut second = Dsnap::at(&site).arg("true").spawn();
    second.wait_for(SAYS);
    server.go_on();
    second.end().says(0, &format!("{WAITED}{HTTP}"));
    assert_free(&site);
}

#[test]
fn a_run_after_recover_waits_until_the_server_has_recombined() {
    let site = site();
    let server = site.server().unwrap();
    server.enter("db-1-1").unwrap();
    server.hold_at(Step::Recombine);
    let ran = Dsnap::at(&site).args(["--recover", "--code", "db-1-1"]).run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert!(server.wait_at(Step::Recombine));
    let mut run = Dsnap::at(&site).arg("true").spawn();
    run.wait_for(SAYS);
    server.go_on();
    run.end().says(0, &format!("{WAITED}{HTTP}"));
    assert_free(&site);
}

#[test]
fn a_signal_ends_the_wait_for_a_server_that_recombines() {
    let site = site();
    let server = site.server().unwrap();
    server.hold_at(Step::Recombine);
    Dsnap::at(&site).arg("true").run().says(0, HTTP);
    assert!(server.wait_at(Step::Recombine));
    let mut waiting = Dsnap::at(&site).arg("true").spawn();
    waiting.wait_for(SAYS);
    waiting.signal(SIGTERM);
    let ran = waiting.end();
    assert_eq!(ran.status.code(), Some(128 + 15), "{ran}");
    server.go_on();
}
