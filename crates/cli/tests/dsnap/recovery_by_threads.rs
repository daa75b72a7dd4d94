//! Recoveries of so many transactions that threads share the work, killed or with failing calls.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;

use dsnap_engine::limits::{MAX_WORKERS, MIN_SHARED};
use dsnap_testkit::{Fixture, Format, State};
use nix::sys::signal::Signal;

use crate::support::{DIRECT, Dsnap, Ran, fixture_builder, in_parallel};

/// A killed server left these transactions, most of them in the journal.
const TRANSACTIONS: usize = 4 * MIN_SHARED;

/// The removals of a thread that are disturbed. The first ones of the first thread are those of files in `misc`.
const DISTURBED: [usize; 6] = [5, 6, 10, 19, 31, LAST];
const LAST: usize = 47;

/// How many recoveries are made until threads share one.
const TRIES: usize = 10;

fn wreck() -> Fixture {
    let fixture = fixture_builder().format(Format::Bushy).state(State::Crashed);
    fixture.transactions(TRANSACTIONS).build().unwrap()
}

/// Runs the program, and does `what` at this removal of any thread.
fn disturbed(fixture: &Fixture, removal: usize, what: &str) -> Ran {
    let option = format!("inject=unlinkat:{what}:when={removal}");
    let tracer = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &option];
    Dsnap::through(&tracer).storage(fixture.path()).args(["-q", "true"]).run()
}

/// Recovers what is left, which must be everything.
#[track_caller]
fn assert_nothing_is_lost(fixture: &Fixture) {
    Dsnap::on(fixture).arg("true").run().says(0, DIRECT);
    fixture.ledger().verify(&fixture.storage().a()).assert_holds();
    assert_eq!(fs::read_dir(fixture.storage().journal()).unwrap().count(), 0);
}

/// Returns how many files of the journal each thread removes while it is recovered.
fn removals_of_threads(fixture: &Fixture) -> Vec<usize> {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let path = trace.path().to_str().unwrap();
    let tracer = ["strace", "-f", "-qq", "-y", "-e", "trace=unlinkat", "-o", path];
    let ran = Dsnap::through(&tracer).storage(fixture.path()).args(["-q", "true"]).run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    let trace = fs::read_to_string(trace.path()).unwrap();
    let mut removals = BTreeMap::new();
    for line in trace.lines().filter(|line| line.contains("_done>, ")) {
        *removals.entry(line.split_whitespace().next()).or_default() += 1;
    }
    removals.into_values().collect()
}

#[test]
fn threads_share_the_removal_of_replaced_files() {
    let processors = std::thread::available_parallelism().unwrap().get();
    // On a busy machine, one thread may be done before the next one starts.
    let shared = (0..TRIES).any(|_| {
        let removals = removals_of_threads(&wreck());
        // So one thread at least comes to each of the removals that are disturbed.
        assert!(removals.iter().sum::<usize>() >= MAX_WORKERS * LAST, "{removals:?}");
        removals.len() > 1
    });
    assert_eq!(shared, processors > 1);
}

#[test]
fn a_recovery_by_threads_that_is_killed_at_any_removal_loses_nothing() {
    in_parallel(DISTURBED, |removal| {
        let fixture = wreck();
        let ran = disturbed(&fixture, removal, "signal=KILL");
        assert_eq!(ran.status.signal(), Some(Signal::SIGKILL as i32), "{ran}");
        assert!(!fixture.storage().snapshot().exists(), "half a recovery passes for a snapshot");
        assert_nothing_is_lost(&fixture);
    });
}

#[test]
fn a_removal_that_fails_in_a_thread_is_reported_and_loses_nothing() {
    in_parallel(DISTURBED, |removal| {
        let fixture = wreck();
        let ran = disturbed(&fixture, removal, "error=EIO");
        assert_ne!(ran.status.code(), Some(0), "{ran}");
        assert!(!fixture.storage().snapshot().exists(), "{ran}");
        ran.mentions("cannot remove").mentions("Input/output error").mentions("nothing is lost");
        assert_nothing_is_lost(&fixture);
    });
}
