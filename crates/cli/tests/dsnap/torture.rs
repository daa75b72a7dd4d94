//! `dsnap-testkit torture`: good and bad scripts under faults, and its verdicts on them. `cargo xtask examples`
//! tries all faults on one script of `docs/examples`, and some on the others.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::examples::docs;
use crate::support::{folder, may_mount, write_script};

/// The beginning of a script with COMMAND on its last line.
const SCRIPT: &str = "#!/bin/bash
storage=$DSNAP_TESTKIT_STORAGE new=$DSNAP_TESTKIT_TARGET/new
";

/// Runs `dsnap-testkit torture` with the programs of this build.
fn torture(folder: &Path, only: &[&str], words: &[&str]) -> Output {
    let dsnap = Path::new(env!("CARGO_BIN_EXE_dsnap"));
    let testkit = dsnap.with_file_name("dsnap-testkit");
    let mut path = vec![dsnap.parent().unwrap().to_owned()];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    let mut command = Command::new(testkit);
    command.arg("torture").args(only.iter().flat_map(|fault| ["--only", *fault]));
    command.args(words).env("PATH", std::env::join_paths(path).unwrap());
    command.env("TMPDIR", folder).output().unwrap()
}

/// Runs a script under some faults, on a site that commits only what a trial commits. Returns the exit status
/// and what was printed.
fn tortured(only: &[&str], text: &str) -> (Option<i32>, String) {
    let folder = folder();
    let script = folder.path().join("backup.sh");
    write_script(&script, &format!("{SCRIPT}{text}\n"));
    let ended = torture(
        folder.path(),
        only,
        &["--commits-per-second", "0", "--", script.to_str().unwrap()],
    );
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().path()).collect();
    assert_eq!(left, [script], "only the script remains");
    let said = String::from_utf8([ended.stdout, ended.stderr].concat()).unwrap();
    (ended.status.code(), said)
}

/// Asserts that a verdict is red, with these words and this advice.
#[track_caller]
fn assert_red(fault: &str, text: &str, words: &str, advice: &str) {
    let (status, said) = tortured(&[fault], text);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains(&format!("\nRED: {words}")), "{said}");
    assert!(said.contains(&format!("\n  Advice: {advice}")), "{said}");
    assert!(said.ends_with("\n0 green, 1 red, 0 not tried\n"), "{said}");
}

#[test]
fn an_example_script_is_green_under_faults_of_servers_and_of_processes() {
    let folder = folder();
    let script = docs().join("examples/backup-tar.sh");
    let run = format!(
        "BACKUPS=$DSNAP_TESTKIT_TARGET exec dsnap --storage $DSNAP_TESTKIT_STORAGE {}",
        script.canonicalize().unwrap().display()
    );
    let faults = ["undisturbed", "enter-lost", "server-crashed", "snapshot-broken", "kill-running"];
    let ended = torture(folder.path(), &faults, &["--", "sh", "-c", &run]);
    let said = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{said}");
    assert!(said.ends_with("\n5 green, 0 red, 0 not tried\n"), "{said}");
    let row = |fault| said.lines().find(|line| line.starts_with(fault)).unwrap();
    assert!(row("snapshot-broken").contains("exited with 122"), "{said}");
    assert!(row("kill-running").contains("killed by signal 9"), "{said}");
}

#[test]
fn a_script_that_ignores_122_is_red() {
    assert_red(
        "snapshot-broken",
        "dsnap --storage $storage cp -a $storage/A $new || true",
        "The script exited with 0, but dsnap had exited with 122: the copy may mix two states",
        "Let the script exit with the status of dsnap",
    );
}

#[test]
fn a_script_that_copies_b_is_red() {
    assert_red(
        "undisturbed",
        "mkdir $new && dsnap --storage $storage cp -a $storage/B $storage/config $new",
        "The script exited with 0, and so did dsnap, but it had copied B/, and not A/.",
        "Copy A/: it contains everything that was committed before the snapshot.",
    );
    assert_red(
        "undisturbed",
        "dsnap --storage $storage cp -a $storage $new",
        "The script exited with 0, and so did dsnap, but it had also copied files of journal/",
        "Copy only A and config.",
    );
}

#[test]
fn a_script_that_does_not_check_the_status_of_rsync_is_red_on_a_full_disk() {
    if !may_mount() {
        return;
    }
    assert_red(
        "disk-full",
        "dsnap --storage $storage sh -c \"rsync -a $storage/A $storage/config $new/; sync\"",
        "The script exited with 0, and so did dsnap, but the copy is incomplete: files are missing",
        "COMMAND must fail if the program that copies fails (rsync, cp, tar)",
    );
}

#[test]
fn a_script_that_copies_without_dsnap_or_elsewhere_is_red() {
    assert_red(
        "undisturbed",
        "cp -a $storage/A $new",
        "The script exited with 0, but it did not run dsnap on the storage of the rehearsal.",
        "Give dsnap the path in DSNAP_TESTKIT_STORAGE.",
    );
    assert_red(
        "undisturbed",
        "dsnap --storage $storage true",
        "The script exited with 0, and so did dsnap, but no copy was made below DSNAP_TESTKIT_TARGET.",
        "Write the backup below the folder in DSNAP_TESTKIT_TARGET.",
    );
}

#[test]
fn a_script_whose_next_run_fails_is_red() {
    assert_red(
        "kill-command",
        "set -e; mkdir $DSNAP_TESTKIT_TARGET/lock; dsnap --storage $storage cp -a $storage/A $new; \
         rmdir $DSNAP_TESTKIT_TARGET/lock",
        "The fault was over, but the next run exited with 1.",
        "Something that the disturbed run left behind is in the way: a lock file",
    );
}

#[test]
fn a_script_that_fails_undisturbed_is_tried_no_further_and_its_output_is_shown() {
    let (status, said) = tortured(&[], "echo no backup today; exit 3");
    assert_eq!(status, Some(1), "{said}");
    let words = "\nRED: Nothing disturbed the script, but it exited with 3.\n";
    assert!(said.contains(words), "{said}");
    assert!(said.contains("\n  The last lines of its output:\n    no backup today\n"), "{said}");
    assert!(said.ends_with("\n0 green, 1 red, 0 not tried\n"), "{said}");
}

#[test]
fn a_script_that_is_still_running_at_the_time_limit_is_killed_and_red() {
    let folder = folder();
    let words = ["--limit", "1", "--", "sleep", "600"];
    let ended = torture(folder.path(), &["undisturbed"], &words);
    let said = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    let red = "\nRED: The script was still running after the time limit, and was killed.\n";
    assert!(said.contains(red), "{said}");
}

#[test]
fn a_backup_in_another_format_is_restored_by_a_script_and_then_judged() {
    let folder = folder();
    let (backup, restore) = (folder.path().join("backup"), folder.path().join("restore"));
    // The name does not tell that this is a tar file.
    let text = format!("{SCRIPT}dsnap --storage $storage tar -C $storage -cf $new A config\n");
    write_script(&backup, &text);
    write_script(&restore, "#!/bin/sh\ntar -xf $DSNAP_TESTKIT_TARGET/new\n");
    let faults = ["undisturbed"];
    let words = ["--restore", restore.to_str().unwrap(), "--", backup.to_str().unwrap()];
    let ended = torture(folder.path(), &faults, &words);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    // Without the other script, no copy is found.
    assert_eq!(torture(folder.path(), &faults, &words[2..]).status.code(), Some(1));
}

#[test]
fn a_script_that_cannot_be_started_gets_no_verdict() {
    let folder = folder();
    let ended = torture(folder.path(), &[], &["--", "/no/such/script"]);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("cannot start /no/such/script: "), "{said}");
}
