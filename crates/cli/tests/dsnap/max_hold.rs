//! `--max-hold`: a snapshot lasts no longer, whatever COMMAND does.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::Duration;

use dsnap_engine::system::process::ProcessId;
use dsnap_testkit::{Fixture, State};
use nix::sys::signal::Signal::{SIGKILL, SIGTERM};
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::support::{
    DIRECT, Dsnap, HTTP, LOCKED, OWNER, Ran, assert_free, compile_program, fixture_builder, folder,
    in_parallel, is_locked, site, site_builder, site_of_another_user, storage, storage_with_conf,
};

const DSNAP: &str = env!("CARGO_BIN_EXE_dsnap");
const ENDED: &str = "COMMAND was ended because of --max-hold: the snapshot had lasted ";
const KILLED: &str = "COMMAND was killed because of --max-hold: the snapshot had lasted ";
const HINT: &str =
    "what COMMAND made may be incomplete; if COMMAND needs longer, use a longer --max-hold";

/// A script that says that it runs, and waits for a signal.
const SLEEPS: &str = "echo begun; exec sleep 600";
/// A shell that a signal with a trap ends at once: it waits for no process meanwhile.
const LOOP: &str = "while :; do sleep 0.01; done";

/// Asserts that COMMAND was ended: status 124, these words first, and a last line that begins so.
#[track_caller]
fn assert_overdue(ran: Ran, first: &str, last: &str) -> Ran {
    let words = ran.stderr.strip_prefix(first).unwrap_or_else(|| panic!("not `{first}`: {ran}"));
    assert!(words.starts_with(last), "not `{last}`: {ran}");
    assert!(words.ends_with(&format!("\nhint: {HINT}\n")) && words.lines().count() == 2, "{ran}");
    assert_eq!(ran.status.code(), Some(124), "{ran}");
    ran
}

fn limited(fixture: &Fixture, max_hold: &str) -> Dsnap {
    Dsnap::on(fixture).args(["--max-hold", max_hold])
}

#[test]
fn a_command_that_is_too_slow_is_ended_with_124_and_the_storage_is_left() {
    let (fixture, site) = (storage(State::Clean), site());
    let direct = limited(&fixture, "0.5").sh(SLEEPS).run();
    assert_overdue(direct, DIRECT, ENDED);
    assert!(!is_locked(&fixture.storage().sublock()));
    let http = Dsnap::at(&site).args(["--max-hold", "0.5"]).sh(SLEEPS).run();
    assert_overdue(http, HTTP, ENDED);
    assert_free(&site);
    // Nothing is left that the next run would have to clean up.
    Dsnap::at(&site).arg("true").run().says(0, HTTP);
}

#[test]
fn no_q_hides_that_command_was_ended() {
    assert_overdue(
        limited(&storage(State::Clean), "0.5").args(["-qq"]).sh(SLEEPS).run(),
        "",
        ENDED,
    );
}

#[test]
fn a_command_that_ends_in_time_keeps_its_status() {
    for status in [0, 3, 124] {
        let script = format!("exit {status}");
        limited(&storage(State::Clean), "10m").sh(&script).run().says(status, DIRECT);
    }
    limited(&storage(State::Clean), "10m").run().says(0, DIRECT);
}

#[test]
fn an_overdue_command_gives_124_whatever_its_status() {
    in_parallel([0, 3], |status| {
        let script = format!("trap 'echo got TERM; exit {status}' TERM; echo begun; {LOOP}");
        let ran = limited(&storage(State::Clean), "2").sh(&script).run();
        assert_overdue(ran, DIRECT, ENDED).prints("begun\ngot TERM\n");
    });
}

#[test]
fn a_command_that_ignores_term_is_killed_after_minus_k() {
    let fixture = storage_with_conf(State::Clean, "");
    // It is ignored from the start: a signal that comes early must not find a shell without its trap.
    let ran = Dsnap::through_shell("trap '' TERM; exec \"$@\"")
        .storage(fixture.path())
        .args(["--max-hold", "0.5", "-k", "0.2", "sleep", "600"])
        .run();
    assert_overdue(ran, DIRECT, KILLED);
}

#[test]
fn a_stopped_command_is_continued_to_act_on_the_term() {
    let script = "trap 'echo got TERM; exit 0' TERM; echo begun; kill -STOP $$";
    let ran = limited(&storage(State::Clean), "2").args(["bash", "-c", script]).run();
    assert_overdue(ran, DIRECT, ENDED).prints("begun\ngot TERM\n");
}

#[test]
fn a_command_that_sends_signals_without_end_gets_no_more_time() {
    let script = "while kill -USR1 $PPID; do :; done";
    let ran = limited(&storage(State::Clean), "0.5").args(["bash", "-c", script]).run();
    assert_overdue(ran, DIRECT, ENDED);
}

#[test]
fn the_storage_is_left_although_a_child_of_command_lives_on_with_the_lock() {
    let site = site();
    let script = "sleep 600 >/dev/null 2>&1 & echo $!; exec sleep 600";
    let running = Dsnap::at(&site).args(["--max-hold", "2"]).sh(script).start();
    let child = running.line().parse().unwrap();
    let ran = running.ends_by_itself();
    let inherited = has_open(child, &site.storage().sublock());
    kill(Pid::from_raw(child), SIGKILL).unwrap();
    assert!(inherited, "the child has lost the lock: {ran}");
    assert_overdue(ran, HTTP, ENDED);
    assert_free(&site);
}

/// Whether a process has this file open.
fn has_open(pid: i32, path: &Path) -> bool {
    let inode = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    open.map(|entry| inode(&entry.path())).any(|open| open.is_some() && open == inode(path))
}

#[test]
fn the_storage_is_left_although_command_cannot_be_killed() {
    let Some((_folder, site)) = site_of_another_user() else { return };
    let programs = folder();
    fs::set_permissions(programs.path(), Permissions::from_mode(0o755)).unwrap();
    let raised = compile_program("raised", programs.path());
    fs::set_permissions(&raised, Permissions::from_mode(0o4755)).unwrap();
    let script = format!(
        "DSNAP_STORAGE=$SNAPSHOT_DIRECTORY exec {} >/dev/null 2>&1 </dev/null",
        raised.display()
    );
    // The owner's run may not signal a process of a third user's.
    let ran = Dsnap::at(&site).args(["--max-hold", "2", "-k", "0"]).sh(&script).change(|command| {
        command.uid(OWNER).gid(OWNER);
    });
    let ran = ran.run();
    let pid: i32 = fs::read_to_string(site.path().join("raised")).unwrap().trim().parse().unwrap();
    let outlived = ProcessId::of(pid).is_some();
    kill(Pid::from_raw(pid), SIGKILL).unwrap();
    let last = format!(
        "COMMAND (pid {pid}) could not be killed and still runs, without a snapshot: --max-hold ended the snapshot after "
    );
    assert!(outlived && ran.stderr.starts_with(&format!("{HTTP}{last}")), "{ran}");
    assert_eq!(ran.status.code(), Some(124), "{ran}");
    ran.hint(&format!("end process {pid}; do not use what it writes"));
    assert_free(&site);
}

#[test]
fn a_broken_guarantee_outranks_max_hold() {
    let script = format!("rm \"$SNAPSHOT_DIRECTORY/misc/snapshot\"; {SLEEPS}");
    let ran = limited(&storage(State::Clean), "2").sh(&script).run();
    assert_eq!(ran.status.code(), Some(122), "{ran}");
    let last = ran.stderr.lines().rfind(|line| !line.starts_with("hint: ")).unwrap_or_default();
    assert!(last.starts_with(ENDED), "{ran}");
    ran.mentions("the guarantee was broken: ");
}

#[test]
fn if_entering_takes_too_long_command_is_not_run_and_the_storage_is_left() {
    let over = "COMMAND was not run: entering took ";
    let crashed = fixture_builder().state(State::Crashed).transactions(500).build().unwrap();
    let ran = limited(&crashed, "0.001").args(["echo", "ran"]).run();
    assert!(ran.stderr.starts_with(&format!("{DIRECT}{over}")), "{ran}");
    assert_eq!(ran.status.code(), Some(75), "{ran}");
    let ran = ran.prints("").hint("use a longer --max-hold");
    assert!(!is_locked(&crashed.storage().sublock()), "{ran}");
    let site = site_builder().flush_time(Duration::from_millis(300)).start().unwrap();
    site.server().unwrap().commit(1).unwrap();
    let ran = Dsnap::at(&site).args(["--max-hold", "0.1", "echo", "ran"]).run();
    assert!(ran.stderr.starts_with(&format!("{HTTP}{over}")), "{ran}");
    assert_eq!(ran.status.code(), Some(75), "{ran}");
    ran.prints("");
    assert_free(&site);
}

#[test]
fn a_snapshot_that_nobody_had_to_enter_counts_from_its_lock() {
    let clean = storage_with_conf(State::Clean, "nodirect\n");
    assert_overdue(limited(&clean, "0.5").sh(SLEEPS).run(), LOCKED, ENDED);
}

#[test]
fn a_signal_before_max_hold_is_over_ends_the_run_as_ever() {
    let script = format!("trap 'exit 40' TERM; echo begun; {LOOP}");
    let fixture = storage(State::Clean);
    let running = limited(&fixture, "10m").sh(&script).start();
    running.signal(SIGTERM);
    running.end().says(40, DIRECT);
}

#[test]
fn a_command_that_outlives_a_signal_is_still_ended_by_max_hold() {
    let script = format!(
        "trap 'echo got TERM; [ -z \"$again\" ] || exit 0; again=yes' TERM; echo begun; {LOOP}"
    );
    let fixture = storage(State::Clean);
    let running = limited(&fixture, "2").sh(&script).start();
    running.signal(SIGTERM);
    assert_overdue(running.end(), DIRECT, ENDED).prints("begun\ngot TERM\ngot TERM\n");
}

#[test]
fn max_hold_ends_the_command_of_a_run_inside_the_run() {
    let ran = limited(&storage(State::Clean), "2").args([DSNAP, "sh", "-c", SLEEPS]).run();
    assert_overdue(ran, DIRECT, ENDED).prints("begun\n");
}

#[test]
fn a_run_inside_a_run_cannot_limit_the_snapshot() {
    let usage = "usage: --max-hold does not work inside the COMMAND of another dsnap\nhint: give --max-hold to the outer dsnap, which leaves the snapshot\n";
    let words = DIRECT.replace("Unlocked", &format!("{usage}Unlocked"));
    let fixture = storage(State::Clean);
    let ran = Dsnap::on(&fixture).args([DSNAP, "--max-hold", "5", "echo", "ran"]).run();
    ran.says(125, &words).prints("");
}
