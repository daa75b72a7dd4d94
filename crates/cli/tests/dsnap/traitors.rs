//! Methods that enter and then misbehave: the snapshot is left all the same.

use dsnap_testkit::Site;

use crate::support::{Dsnap, HTTP, Plugins, Ran, assert_free, conf, entered_by, port, site};

fn run(site: &Site, plugins: &Plugins, line: &str) -> Ran {
    conf(site, &format!("{line}\nhttp URL access\n"));
    Dsnap::at(site).arg("--plugin-dir").arg(plugins).arg("true").run()
}

#[track_caller]
fn enters_and_is_left(vice: &str) {
    let site = site();
    let line = format!("traitor {} timeout=20", port(&site));
    run(&site, &Plugins::traitor(vice), &line).says(0, &entered_by(&line));
    assert_free(&site);
}

#[test]
fn a_correct_library_enters_and_leaves() {
    enters_and_is_left("NONE");
}

#[test]
fn a_snapshot_is_used_and_left_by_the_next_line_after_the_library_crashes() {
    let site = site();
    let line = format!("traitor {} timeout=20", port(&site));
    let ran = run(&site, &Plugins::traitor("DIES_AFTER_ENTERING"), &line);
    ran.says(0, &format!("{line}: the process of the call was killed by SIGABRT\n{HTTP}"));
    assert_free(&site);
}

#[test]
fn a_crash_while_leaving_is_made_good_by_the_next_line() {
    enters_and_is_left("CANNOT_LEAVE");
}

#[test]
fn a_crash_after_leaving_changes_nothing() {
    enters_and_is_left("DIES_AFTER_LEAVING");
}

#[test]
fn a_second_leave_that_fails_is_made_good_by_the_next_line() {
    let (site, plugins) = (site(), Plugins::traitor("LEAVES_ONCE"));
    let line = format!("traitor {}", port(&site));
    for _ in 0..2 {
        run(&site, &plugins, &line).says(0, &entered_by(&line));
        assert_free(&site);
    }
}

#[test]
fn a_panic_while_leaving_is_made_good_by_the_next_line() {
    let (site, plugins) = (site(), Plugins::panics());
    let line = format!("panics leave {}", port(&site));
    run(&site, &plugins, &line).says(0, &entered_by(&line));
    assert_free(&site);
}
