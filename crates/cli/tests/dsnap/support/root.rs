//! Scenarios that need root: whether they can run, and the record that they ran.

use std::collections::BTreeSet;
use std::env;
use std::fs::File;
use std::io::Write;
use std::sync::Mutex;

/// Set to 1, a scenario that needs root and cannot run fails.
const REQUIRE: &str = "DSNAP_TEST_REQUIRE_ROOT";
/// Names a file to which each scenario that needs root adds a line, once: its name if it ran,
/// `skipped NAME` if not.
const LOG: &str = "DSNAP_TEST_ROOT_LOG";

/// Decides whether a scenario that needs root runs.
///
/// As root it does, and its name is added to the log. Otherwise stderr says that it is passed
/// over, and why; where root is required, the scenario fails instead.
#[track_caller]
pub(crate) fn required(what: &str) -> bool {
    let name = test_name();
    let root = nix::unistd::geteuid().is_root();
    if root {
        record(&name);
    } else {
        cannot_run(&format!("only root can {what}"));
    }
    root
}

/// Passes over a scenario that needs root, or something that only root may have. Where root is
/// required, the scenario fails.
#[track_caller]
pub(crate) fn cannot_run(why: &str) {
    let name = test_name();
    let required = env::var_os(REQUIRE).is_some_and(|value| value == "1");
    assert!(!required, "{REQUIRE} is 1, and {name} cannot run: {why}");
    record(&format!("skipped {name}"));
    passed_over(why);
}

/// Says on stderr that this scenario is passed over, and why.
pub(crate) fn passed_over(why: &str) {
    // Not `eprintln!`, which a test that passes does not show.
    let _ = writeln!(std::io::stderr(), "passed over: {}: {why}", test_name());
}

/// The name of the test that runs: the harness gives it to the thread.
fn test_name() -> String {
    std::thread::current().name().unwrap_or("a scenario").to_owned()
}

/// Adds a name to the log, if there is one. A scenario may ask more than once.
fn record(name: &str) {
    static RECORDED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let Some(log) = env::var_os(LOG) else { return };
    if RECORDED.lock().unwrap().insert(name.to_owned()) {
        let mut log = File::options().append(true).create(true).open(log).unwrap();
        log.write_all(format!("{name}\n").as_bytes()).unwrap();
    }
}
