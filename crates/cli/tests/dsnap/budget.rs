//! How many system calls each kind of run may make: a guard against work that creeps in unnoticed.
//!
//! Times depend on how busy a machine is, so `cargo xtask bench` measures them. Counts do not, once
//! three kinds of calls are left out: those of COMMAND, those about memory, and those that wait, whose
//! number depends on the scheduler. The budgets have room for other versions of the system, longer paths,
//! and the long table of locks of a machine on which many files are locked.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use dsnap_testkit::{Fixture, State};

use crate::support::{Dsnap, assert_free, site, storage, storage_with_conf};

/// The calls that are traced: all except those about memory and those that wait.
const TRACED: &str =
    "trace=!%memory,epoll_wait,futex,poll,ppoll,recvfrom,restart_syscall,sched_yield";

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cost {
    Version,
    CleanRun,
    HttpRun,
    NestedRun,
    RecoveredFile,
    LongConf,
}

/// How many system calls each may make, and for what. Raise a number only together with its reason.
const BUDGETS: [(Cost, usize, &str); 6] = [
    (Cost::Version, 50, "the loader, the runtime of Rust, and one write: no signal, no file"),
    (
        Cost::CleanRun,
        530,
        "50 to start; 1 for each of 46 signals; 100 to judge whose storage it is and to open its folders, and 50 because `direct` opens them again; 40 about this machine and process; 3 to 8 for each look at a lock or at misc/snapshot, and for each file in misc that is written",
    ),
    (
        Cost::HttpRun,
        700,
        "a clean run without the 100 of `direct`; 50 for each of four requests; 50 for conf and access file; 20 for the record",
    ),
    (Cost::NestedRun, 300, "a clean run up to the opened folders, and two looks at misc/snapshot"),
    (
        Cost::RecoveredFile,
        12,
        "in the format bushy, each file of this test has a folder of its own: it is looked for, made, given its mode, and the file is moved",
    ),
    (
        Cost::LongConf,
        1_200,
        "ten thousand lines: one read for each 4 KiB of the file, and ten calls for each of the hundred lines that are tried, to see whether a server has opened the storage",
    ),
];

#[track_caller]
fn assert_within(cost: Cost, calls: usize) {
    let (_, budget, reason) = BUDGETS.into_iter().find(|(it, ..)| *it == cost).unwrap();
    assert!(calls <= budget, "{cost:?}: {calls} calls, at most {budget}: {reason}");
}

/// Runs the program under `strace` as `prepare` wants, and counts the calls of its own threads.
#[track_caller]
fn calls(prepare: impl FnOnce(Dsnap) -> Dsnap) -> usize {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let tracer = ["strace", "-f", "-e", TRACED, "-o", trace.path().to_str().unwrap()];
    let ran = with_short_searches(prepare(Dsnap::through(&tracer))).run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    count(&fs::read_to_string(trace.path()).unwrap())
}

/// Lets the loader and the search for COMMAND look into few folders: each look is a call, and cargo
/// names many folders.
fn with_short_searches(dsnap: Dsnap) -> Dsnap {
    dsnap.env("PATH", "/usr/bin:/bin").change(|command| {
        command.env_remove("LD_LIBRARY_PATH");
    })
}

/// Counts the calls in a trace, without those of processes that the program starts.
fn count(trace: &str) -> usize {
    let lines = || trace.lines().filter_map(|line| line.split_once(char::is_whitespace));
    let lines = || lines().map(|(pid, call)| (pid, call.trim_start()));
    let executes = lines().filter(|(_, call)| call.starts_with("execve(")).skip(1);
    let started: HashSet<_> = executes.map(|(pid, _)| pid).collect();
    lines().filter(|(pid, call)| !started.contains(pid) && is_call(call)).count()
}

/// Says whether a line of a trace is a call that counts. A debug build checks each descriptor that it
/// closes.
fn is_call(call: &str) -> bool {
    call.starts_with(|first: char| first.is_ascii_lowercase()) && !call.contains("F_GETFD")
}

/// Runs once, so that `misc/dsnap.lock` exists.
fn run_once(dir: &Path) {
    Dsnap::new().storage(dir).args(["-q", "true"]).run().says(0, "");
}

#[test]
fn the_version_is_printed_within_its_budget() {
    assert_within(Cost::Version, calls(|dsnap| dsnap.arg("--version")));
}

#[test]
fn the_program_loads_no_library_but_the_c_library() {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let tracer = ["strace", "-e", "trace=openat", "-o", trace.path().to_str().unwrap()];
    let ran = with_short_searches(Dsnap::through(&tracer).arg("--version")).run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    let trace = fs::read_to_string(trace.path()).unwrap();
    let libraries: Vec<_> = trace.lines().filter(|line| line.contains(".so.")).collect();
    let parts = ["/ld.so.cache", "/libc.so.6", "/libm.so.6"];
    let is_part = |line: &&str| parts.iter().any(|part| line.contains(part));
    assert!(!libraries.is_empty() && libraries.iter().all(is_part), "{trace}");
}

#[test]
fn a_run_on_a_clean_storage_keeps_within_its_budget() {
    let fixture = storage_with_conf(State::Clean, "");
    run_once(fixture.path());
    assert_within(Cost::CleanRun, calls(|dsnap| dsnap.storage(fixture.path()).arg("true")));
}

#[test]
fn a_run_over_http_keeps_within_its_budget() {
    let site = site();
    run_once(site.path());
    // A server that is still recombining would cost the run another try.
    assert_free(&site);
    assert_within(Cost::HttpRun, calls(|dsnap| dsnap.storage(site.path()).arg("true")));
}

#[test]
fn a_nested_run_keeps_within_its_budget() {
    let fixture = storage_with_conf(State::Clean, "");
    let trace = tempfile::NamedTempFile::new().unwrap();
    let path = trace.path().to_str().unwrap();
    let inner = ["strace", "-f", "-e", TRACED, "-o", path, env!("CARGO_BIN_EXE_dsnap"), "true"];
    let ran = with_short_searches(Dsnap::new().storage(fixture.path()).args(inner)).run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert_within(Cost::NestedRun, count(&fs::read_to_string(trace.path()).unwrap()));
}

/// A crashed storage whose journal has one more transaction, with so many files.
fn wreck(files: usize) -> Fixture {
    let fixture = storage(State::Crashed);
    let folder = fixture.storage().journal().join("working_7FFFFFFFFFFFFFFF_done");
    fs::create_dir(&folder).unwrap();
    for number in 0..files {
        fs::write(folder.join(format!("o{number:016x}.c")), [0; 8]).unwrap();
    }
    fixture
}

#[test]
fn each_recovered_file_keeps_within_its_budget() {
    const MORE: usize = 200;
    let of = |files| {
        let fixture = wreck(files);
        calls(|dsnap| dsnap.storage(fixture.path()).arg("true"))
    };
    assert_within(Cost::RecoveredFile, (of(10 + MORE) - of(10)).div_ceil(MORE));
}

#[test]
fn ten_thousand_lines_of_a_conf_keep_within_their_budget() {
    let of = |lines| {
        let conf = "http http://localhost:8080/DSToolkit access\n".repeat(lines);
        let fixture = storage_with_conf(State::Clean, &conf);
        calls(|dsnap| dsnap.storage(fixture.path()).arg("true"))
    };
    assert_within(Cost::LongConf, of(10_000) - of(1));
}

#[test]
fn only_calls_of_the_program_itself_are_counted() {
    let trace = "1  execve(\"dsnap\", [\"dsnap\"], 0x1 /* 2 vars */) = 0\n\
        1  openat(AT_FDCWD, \"x\", O_RDONLY <unfinished ...>\n\
        2  read(3, \"\", 1) = 0\n\
        1  <... openat resumed>) = 4\n\
        1  fcntl(4, F_GETFD) = 0x1 (flags FD_CLOEXEC)\n\
        1  --- SIGCHLD {si_signo=SIGCHLD} ---\n\
        3  rt_sigprocmask(SIG_SETMASK, [], NULL, 8) = 0\n\
        3  execve(\"true\", [\"true\"], 0x1 /* 2 vars */) = 0\n\
        3  close(3) = 0\n\
        1  +++ exited with 0 +++\n";
    assert_eq!(count(trace), 3, "execve, openat and read");
}
