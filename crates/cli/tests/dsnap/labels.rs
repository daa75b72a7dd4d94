//! Labels: what messages call a line of a loaded method, which may hide a password.

use dsnap_testkit::Site;

use crate::support::{Dsnap, HTTP, Plugins, assert_free, conf, port, site};

/// Runs a line that contains a password. Messages name it by `label`, and never show the password.
#[track_caller]
fn hides_its_password(site: &Site, plugins: &Plugins, line: &str, label: &str) {
    const PASSWORD: &str = "correct-horse";
    conf(site, &format!("{line} {PASSWORD}\nhttp URL access\n"));
    let run = || Dsnap::at(site).arg("--plugin-dir").arg(plugins);
    run().arg("true").run().says(0, &HTTP.replace("URL", label));
    let verbose = run().arg("-v").arg("true").run().mentions(label);
    assert!(!verbose.stderr.contains(PASSWORD), "{verbose}");
    let listed = run().arg("--list-methods").run();
    assert!(listed.stdout.contains(&format!("\n  {label}   (line 1 in ")), "{listed}");
    assert!(!format!("{}{}", listed.stdout, listed.stderr).contains(PASSWORD), "{listed}");
    assert_free(site);
}

#[test]
fn a_method_in_c_hides_the_password_of_its_line() {
    let (site, plugins) = (site(), Plugins::traitor("HIDES_ITS_SECOND_WORD"));
    let port = port(&site);
    hides_its_password(&site, &plugins, &format!("traitor {port}"), &format!("traitor {port}"));
}

#[test]
fn a_method_in_rust_hides_the_password_of_its_line() {
    let (site, plugins) = (site(), Plugins::panics());
    // Its leave panics, so the next line leaves the snapshot.
    let label = format!("panics leave {}", port(&site));
    hides_its_password(&site, &plugins, &label, &label);
}

#[test]
fn words_that_a_library_refuses_are_reported_without_the_line() {
    let (site, plugins) = (site(), Plugins::traitor("HIDES_ITS_SECOND_WORD"));
    conf(&site, "traitor 1 correct-horse battery\nhttp URL access\n");
    let ran = Dsnap::at(&site).arg("--plugin-dir").arg(&plugins).arg("true").run();
    let why = "malformed line 1 in DIR/config/snapshot.conf (`traitor` takes PORT PASSWORD)";
    ran.says(0, &format!("{why}\n{HTTP}"));
}

#[test]
fn the_label_that_a_library_gives_is_one_harmless_line_of_limited_length() {
    let (site, plugins) = (site(), Plugins::villain("LABELS_NONSENSE"));
    conf(&site, "villain\nhttp URL access\n");
    let ran = Dsnap::at(&site).arg("--plugin-dir").arg(&plugins).arg("-v").arg("true").run();
    let begin = "villain \u{fffd}[31mred\u{fffd}\u{fffd}and ";
    let label = format!("{begin}{}…", "m".repeat(1000 - begin.chars().count()));
    ran.without_phases().says(0, &format!("{label}: not today\n{HTTP}"));
}

#[test]
fn a_library_that_gives_an_empty_label_is_named_without_its_words() {
    let (site, plugins) = (site(), Plugins::villain("LABELS_NOTHING"));
    conf(&site, "villain correct-horse\nhttp URL access\n");
    let ran = Dsnap::at(&site).arg("--plugin-dir").arg(&plugins).arg("-v").arg("true").run();
    ran.without_phases().says(0, &format!("villain: not today\n{HTTP}"));
}
