//! Methods that really enter, and then misbehave: what was entered is left again.

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
fn one_without_a_vice_enters_and_leaves() {
    enters_and_is_left("NONE");
}

#[test]
fn one_that_dies_once_it_has_entered_is_used_under_the_next_line_and_left() {
    let site = site();
    let line = format!("traitor {} timeout=20", port(&site));
    let ran = run(&site, &Plugins::traitor("DIES_AFTER_ENTERING"), &line);
    ran.says(0, &format!("{line}: it was killed by SIGABRT\n{HTTP}"));
    assert_free(&site);
}

#[test]
fn one_that_dies_while_it_leaves_is_left_by_the_next_line() {
    enters_and_is_left("CANNOT_LEAVE");
}

#[test]
fn one_that_dies_after_it_has_left_has_left() {
    enters_and_is_left("DIES_AFTER_LEAVING");
}

#[test]
fn one_whose_leave_fails_the_second_time_is_left_by_the_next_line_then() {
    let (site, plugins) = (site(), Plugins::traitor("LEAVES_ONCE"));
    let line = format!("traitor {}", port(&site));
    for _ in 0..2 {
        run(&site, &plugins, &line).says(0, &entered_by(&line));
        assert_free(&site);
    }
}

#[test]
fn one_that_panics_while_it_leaves_is_left_by_the_next_line() {
    let (site, plugins) = (site(), Plugins::panics());
    let line = format!("panics leave {}", port(&site));
    run(&site, &plugins, &line).says(0, &entered_by(&line));
    assert_free(&site);
}
