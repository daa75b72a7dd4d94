//! `--status` changes nothing: what it asks of the system is traced, in many states.

use std::fs;
use std::path::Path;

use dsnap_testkit::{State, locks};

use crate::support::{Dsnap, end_command, killed_run, picture, site, storage_with_conf};

/// Calls that look at files, and cannot change one: what is opened for writing is checked besides.
const HARMLESS_CALLS: [&str; 20] = [
    "access(",
    "chdir(",
    "execve(",
    "faccessat(",
    "faccessat2(",
    "fchdir(",
    "getcwd(",
    "getxattr(",
    "lgetxattr(",
    "lstat(",
    "newfstatat(",
    "open(",
    "openat(",
    "openat2(",
    "readlink(",
    "readlinkat(",
    "stat(",
    "statfs(",
    "statx(",
    "fcntl(",
];

/// Says whether a traced call locks something or changes a file.
fn changes_something(line: &str) -> bool {
    let (_, call) = line.split_once(' ').unwrap_or_default();
    let call = call.trim_start();
    let is_call = call.contains('(') && call.starts_with(|first: char| first.is_ascii_lowercase());
    let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|it| line.contains(it));
    let locks = ["F_SETLK", "F_OFD_SETLK", "F_SETLEASE"].iter().any(|it| line.contains(it));
    is_call && !HARMLESS_CALLS.iter().any(|harmless| call.starts_with(harmless))
        || locks
        || writes && line.contains("open") && !line.contains("\"/dev/")
}

#[track_caller]
fn assert_changes_nothing(dir: &Path, what: &str) {
    let before = picture(dir);
    let trace = tempfile::NamedTempFile::new().unwrap();
    let path = trace.path().display().to_string();
    let calls = "trace=%file,flock,fcntl,ftruncate,fallocate,fchmod,fchown,fsync,fdatasync";
    let tracer = ["strace", "-f", "-e", calls, "-o", &path];
    let ran = Dsnap::through(&tracer).storage(dir).arg("--status").run();
    assert!(ran.stdout.contains("misc/sublock"), "{what}: {ran}");
    let trace = fs::read_to_string(trace.path()).unwrap();
    assert!(trace.contains("openat("), "{what}: nothing was traced: {trace}");
    let changes: Vec<_> = trace.lines().filter(|line| changes_something(line)).collect();
    assert!(changes.is_empty(), "{what}: {changes:#?}");
    assert_eq!(picture(dir), before, "{what}");
}

#[test]
fn a_status_changes_no_file_and_takes_no_lock_in_any_state() {
    for state in State::ALL {
        let fixture = storage_with_conf(state, "direct\n");
        assert_changes_nothing(fixture.path(), state.name());
    }
    let site = site();
    assert_changes_nothing(site.path(), "open");
    end_command(killed_run(&site, ""));
    assert_changes_nothing(site.path(), "in the snapshot of a killed run");
    site.stop_server().unwrap();
    let _tool = locks::Holder::hold(&site.storage().sublock()).unwrap();
    assert_changes_nothing(site.path(), "closed in a snapshot that is used");
    site.start_server().unwrap();
    assert_changes_nothing(site.path(), "stuck");
}

#[test]
fn what_traced_calls_change_is_noticed() {
    for line in [
        "1 flock(3, LOCK_EX|LOCK_NB) = 0",
        "1 fcntl(3, F_SETLK, {l_type=F_WRLCK}) = 0",
        "1 openat(AT_FDCWD, \"/srv/ds/misc/lock\", O_RDWR|O_CREAT, 0666) = 3",
        "1  rename(\"a\", \"b\") = 0",
        "1 unlinkat(3, \"snapshot\", 0) = 0",
        "1 mkdirat(3, \"x\", 0777) = 0",
    ] {
        assert!(changes_something(line), "{line}");
    }
    for line in [
        "1 openat(AT_FDCWD, \"/dev/null\", O_RDWR) = 3",
        "1 openat(3, \"snapshot\", O_RDONLY|O_CLOEXEC) = 4",
        "1 fcntl(3, F_GETFD) = 0",
        "1 +++ exited with 0 +++",
        "1 <... openat resumed>) = 3",
    ] {
        assert!(!changes_something(line), "{line}");
    }
}
