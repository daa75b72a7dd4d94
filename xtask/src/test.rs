//! `cargo xtask test`: every test that needs nothing but a Rust toolchain.
//!
//! Runs the tests of all packages, their documentation's examples too, even after one has failed.
//! Some scenarios need root: these write to a log whether they ran, and the task ends with the
//! count. Comparing with the original is the task of `interop`.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use xtask_base::process::environment;
use xtask_base::{output, workspace};

/// Set to 1, this makes a scenario fail if it needs root and does not have it.
const REQUIRE_ROOT: &str = "DSNAP_TEST_REQUIRE_ROOT";

/// Names the file to which each scenario that needs root adds a line: its name if it ran,
/// `skipped NAME` if not.
const ROOT_LOG: &str = "DSNAP_TEST_ROOT_LOG";

/// How many tests of one program run at the same time.
const TEST_THREADS: &str = "RUST_TEST_THREADS";

/// What a scenario does that needs root and does not have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WithoutRoot {
    Skip,
    Fail,
}

/// Runs the tests; `more` goes to `cargo test` as it is.
pub(crate) fn run(more: &[String], without_root: WithoutRoot) -> Result<()> {
    let log = workspace::target()?.join("root-scenarios");
    remove(&log)?;
    let tests = workspace::cargo().args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    let tests = tests.args(more).env(ROOT_LOG, &log).env(TEST_THREADS, test_threads());
    let tests = match without_root {
        WithoutRoot::Skip => tests,
        WithoutRoot::Fail => tests.env(REQUIRE_ROOT, "1"),
    };
    let outcome = tests.run();
    let scenarios = RootScenarios::read(&log)?;
    output::line(scenarios.summary());
    outcome?;
    ensure!(
        without_root == WithoutRoot::Skip || scenarios.all_ran(),
        "not every scenario that needs root ran"
    );
    Ok(())
}

/// Twice the number of cores: scenarios mostly wait for the processes that they start.
fn test_threads() -> OsString {
    environment(TEST_THREADS).unwrap_or_else(|| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        (2 * cores).to_string().into()
    })
}

fn remove(log: &Path) -> Result<()> {
    match fs::remove_file(log) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot remove {}", log.display()))
        }
        _ => Ok(()),
    }
}

/// How many scenarios that need root ran, and how many were skipped.
#[derive(Debug, PartialEq, Eq)]
struct RootScenarios {
    ran: usize,
    skipped: usize,
}

impl RootScenarios {
    /// Reads the log, which is missing if no such scenario was selected.
    fn read(log: &Path) -> Result<Self> {
        match fs::read_to_string(log) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Self::count("")),
            log_text => Ok(Self::count(
                &log_text.with_context(|| format!("cannot read {}", log.display()))?,
            )),
        }
    }

    fn count(log: &str) -> Self {
        let skipped = log.lines().filter(|line| line.starts_with("skipped ")).count();
        Self { ran: log.lines().count() - skipped, skipped }
    }

    /// Whether some ran and none was skipped: a log that nobody writes proves nothing.
    fn all_ran(&self) -> bool {
        self.ran > 0 && self.skipped == 0
    }

    fn summary(&self) -> String {
        let Self { ran, skipped } = self;
        format!("scenarios that need root: {ran} ran, {skipped} skipped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_counted() {
        let log = "a_name\nskipped another_name\nskipped_is_no_prefix_here\n";
        assert_eq!(RootScenarios::count(log), RootScenarios { ran: 2, skipped: 1 });
    }

    #[test]
    fn a_log_proves_that_all_ran_only_if_some_did_and_none_was_skipped() {
        assert!(RootScenarios::count("a\nb\n").all_ran());
        assert!(!RootScenarios::count("a\nskipped b\n").all_ran());
        assert!(!RootScenarios::count("").all_ran());
    }

    #[test]
    fn a_missing_log_has_no_scenarios() {
        let missing = Path::new("no/such/log");
        assert_eq!(RootScenarios::read(missing).unwrap(), RootScenarios { ran: 0, skipped: 0 });
        assert!(remove(missing).is_ok());
    }
}
