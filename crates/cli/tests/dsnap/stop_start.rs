//! A script that ends the server and starts it again: also where the server does not close the storage.

use std::sync::Arc;

use dsnap_testkit::Site;
use dsnap_testkit::control::Control;
use nix::sys::signal::Signal::SIGKILL;

use crate::support::{
    Dsnap, assert_free, conf, copies, is_locked, script_that_ends_by, site_builder, wait_until,
};

const ROLLS: &str = "the server ended without closing the storage; direct access recovers it\n";
const RAN: &str = "Locked snapshot mode\nUnlocked snapshot mode\nLeft snapshot mode\n";

/// A site whose server commits all the time, and a script that ends it in this way.
fn site_that_ends_by(order: &str, quick_shutdown: bool) -> (Arc<Site>, Control, String) {
    let site = site_builder().commits_per_second(200).quick_shutdown(quick_shutdown);
    let site = Arc::new(site.start().unwrap());
    site.server().unwrap().commit(20).unwrap();
    let control = Control::listen(&site).unwrap();
    let line = script_that_ends_by(order, &site);
    (site, control, line)
}

/// The ways in which a server ends without closing the storage: killed, and by `quick_shutdown`.
const WAYS: [(&str, bool); 2] = [("crash", false), ("stop", true)];

#[test]
fn what_a_killed_server_or_a_quick_shutdown_left_is_rolled_forward_and_the_server_started_again() {
    for (order, quick) in WAYS {
        let (site, _control, line) = site_that_ends_by(order, quick);
        conf(&site, &format!("{line}\n"));
        let (ran, copy) = copies(Dsnap::at(&site), &site, "copy");
        let entered = format!("Entered snapshot using {line}\n");
        let entered = entered.replace(&site.path().display().to_string(), "DIR");
        ran.says(0, &format!("{entered}{ROLLS}{RAN}"));
        site.ledger().unwrap().verify(&copy).assert_holds();
        assert_free(&site);
    }
}

#[test]
fn without_direct_the_run_fails_and_the_server_is_started_again() {
    for (order, quick) in WAYS {
        let (site, _control, line) = site_that_ends_by(order, quick);
        conf(&site, &format!("nodirect\n{line}\n"));
        let ran = Dsnap::at(&site).arg("true").run();
        let ran = ran.mentions("the server ended, but it did not close the storage");
        let ran = ran.mentions("\nhint: let the method in line 2 in DIR/config/snapshot.conf stop the server so that it closes the storage");
        assert_eq!(ran.status.code(), Some(125), "{ran}");
        assert_free(&site);
    }
}

#[test]
fn if_the_run_is_killed_meanwhile_the_next_one_starts_the_server_again() {
    let (site, _control, line) = site_that_ends_by("crash", false);
    conf(&site, &format!("{line}\n"));
    let running = Dsnap::at(&site).sh("echo started; read line").open_stdin().start();
    running.signal(SIGKILL);
    wait_until("the end of the run", || !is_locked(&site.storage().run_lock()));
    running.end();
    wait_until("the end of COMMAND", || !is_locked(&site.storage().sublock()));
    let ran = Dsnap::at(&site).arg("--recover").run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert_free(&site);
}
