//! What is printed when, and that output that cannot be written changes nothing.

use std::fs::File;
use std::io::Write;
use std::process::Stdio;

use dsnap_testkit::site::{Call, Fault};
use dsnap_testkit::{State, locks};
use nix::fcntl::FcntlArg;
use nix::sys::signal::Signal::SIGXFSZ;

use crate::support::{DIRECT, Dsnap, assert_free, conf, site, site_builder, storage, write_script};

#[test]
fn stdout_belongs_to_command() {
    Dsnap::on(&storage(State::Crashed)).args(["-vv", "echo", "mine"]).run().prints("mine\n");
}

#[test]
fn an_ordinary_run_prints_nothing_with_minus_q() {
    Dsnap::on(&storage(State::Crashed)).args(["-q", "true"]).run().says(0, "");
    Dsnap::on(&storage(State::Crashed)).args(["-qvq", "true"]).run().says(0, "");
    Dsnap::on(&storage(State::Crashed)).args(["-qv", "true"]).run().says(0, DIRECT);
}

#[test]
fn failures_of_lines_disappear_with_minus_q_and_the_reason_of_the_run_does_not() {
    let fixture = storage(State::Clean);
    std::fs::write(fixture.path().join("config/snapshot.conf"), "nonsense\nnodirect\n").unwrap();
    let _tool = locks::Holder::hold(&fixture.storage().run_lock()).unwrap();
    let ran = Dsnap::on(&fixture).args(["-qq", "true"]).run();
    let words: Vec<_> = ran.stderr.lines().map(|line| line.trim().split(':').next()).collect();
    let expected = ["Could not lock storage directory", "DIR", "COMMAND was not run", "hint"];
    assert_eq!(words, expected.map(Some), "{ran}");
}

#[test]
fn full_and_closed_streams_change_no_status() {
    for (stdout, stderr) in [("/dev/full", "/dev/full"), ("/dev/null", "/dev/full")] {
        let fixture = storage(State::Crashed);
        let ran = Dsnap::on(&fixture).args(["-v", "sh", "-c", "exit 6"]).change(|command| {
            command.stdout(File::options().write(true).open(stdout).unwrap());
            command.stderr(File::options().write(true).open(stderr).unwrap());
        });
        assert_eq!(ran.run().status.code(), Some(6));
    }
    let help = Dsnap::new().arg("--help").change(|command| {
        command.stdout(File::options().write(true).open("/dev/full").unwrap());
    });
    help.run().says(0, "");
}

#[test]
fn closed_descriptors_are_opened_on_the_null_device_first() {
    let fixture = storage(State::Crashed);
    let script = "exec \"$@\" <&- >&- 2>&-";
    let ran = Dsnap::through(&["sh", "-c", script, "sh"]).storage(fixture.path())
        .sh("for fd in 0 1 2; do readlink /proc/self/fd/$fd; done >\"$SNAPSHOT_DIRECTORY/seen\"; exit 8").run();
    assert_eq!(ran.status.code(), Some(8), "{ran}");
    let seen = std::fs::read_to_string(fixture.path().join("seen")).unwrap();
    assert_eq!(seen.lines().next(), Some("/dev/null"), "{seen}");
    assert_eq!(seen.lines().last(), Some("/dev/null"), "{seen}");
    assert!(fixture.ledger().verify(&fixture.storage().a()).holds());
}

#[test]
fn a_stderr_that_nobody_reads_does_not_block_a_run() {
    let fixture = storage(State::Crashed);
    let (_nobody_reads, mut stderr) = std::io::pipe().unwrap();
    let room = nix::fcntl::fcntl(&stderr, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    stderr.write_all(&vec![b'x'; room.unsigned_abs() as usize]).unwrap();
    let ran = Dsnap::on(&fixture).args(["-vv", "sh", "-c", "exit 6"]).change(|command| {
        command.stderr(stderr);
    });
    assert_eq!(ran.run().status.code(), Some(6));
}

#[test]
fn a_file_that_may_not_grow_is_an_error_and_command_gets_the_systems_default() {
    let fixture = storage(State::Crashed);
    let limited = ["bash", "-c", "ulimit -f 0 && exec \"$@\"", "bash"];
    let ran =
        Dsnap::through(&limited).knows(fixture.path()).storage(fixture.path()).arg("true").run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.mentions("File too large");
    let fixture = storage(State::Clean);
    let ran = Dsnap::through(&limited)
        .storage(fixture.path())
        .sh("echo x >\"$SNAPSHOT_DIRECTORY/file\"; exit 0")
        .run();
    assert_eq!(ran.status.code(), Some(128 + SIGXFSZ as i32), "{ran}");
}

#[test]
fn a_broken_pipe_changes_no_status() {
    let fixture = storage(State::Crashed);
    let ran = Dsnap::through_shell("\"$@\" 2>&1 | true; exit ${PIPESTATUS[0]}")
        .storage(fixture.path())
        .sh("exit 11")
        .change(|command| {
            command.stdin(Stdio::null());
        })
        .run();
    assert_eq!(ran.status.code(), Some(11), "{ran}");
}

#[test]
fn a_failed_run_prints_each_reason_once_and_the_last_line_names_the_one_that_decides() {
    let site = site_builder().zopes(2).start().unwrap();
    site.fault(None, Fault::Unauthorized, None, None);
    for options in [&["true"][..], &["-q", "true"]] {
        let ran = Dsnap::at(&site).args(options).run();
        assert_eq!(ran.status.code(), Some(125), "{ran}");
        let lines: Vec<_> = ran.stderr.lines().collect();
        assert!(lines.len() <= 7, "{ran}");
        assert_eq!(lines[0], "Could not lock storage directory", "{ran}");
        assert!(
            lines[lines.len() - 2].starts_with("COMMAND was not run: not authorised: URL "),
            "{ran}"
        );
        assert!(lines[lines.len() - 1].starts_with("hint: "), "{ran}");
        ran.counts("not authorised: URL ", 1).counts("not authorised: URL2 ", 1);
    }
}

#[test]
fn a_reason_that_does_not_change_is_printed_once_however_often_a_run_tries() {
    let site = site_builder().zopes(2).start().unwrap();
    site.fault(Some(0), Fault::Unauthorized, None, None);
    let server = site.server().unwrap();
    server.enter("stranger").unwrap();
    let mut waiting = Dsnap::at(&site).args(["-t", "10m", "-s", "0.1", "true"]).spawn();
    waiting.wait_for("Retrying snapshot.... (");
    waiting.wait_for("Retrying snapshot.... (");
    server.leave("stranger").unwrap();
    let ran = waiting.end();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    ran.counts("not authorised", 1);
}

#[test]
fn left_snapshot_mode_are_exactly_these_words_and_several_tries_are_said_even_with_q() {
    let site = site();
    let tries = " was left at try 2; the try before failed: not authorised: ";
    site.fault(None, Fault::Unauthorized, Some(Call::Leave), Some(1));
    let ran = Dsnap::at(&site).arg("true").run();
    let lines: Vec<_> = ran.stderr.lines().collect();
    assert!(lines[lines.len() - 2].starts_with("DIR: the snapshot user/"), "{ran}");
    assert!(lines[lines.len() - 2].contains(tries), "{ran}");
    assert_eq!(lines.last(), Some(&"Left snapshot mode"), "{ran}");
    site.fault(None, Fault::Unauthorized, Some(Call::Leave), Some(1));
    let ran = Dsnap::at(&site).args(["-qq", "true"]).run();
    assert!(ran.stderr.contains(tries) && ran.stderr.lines().count() == 1, "{ran}");
    assert_free(&site);
}

#[test]
fn a_script_that_says_nothing_is_the_subject_of_the_reason() {
    for (script, verb) in [
        ("exit 1", "exited with status 1"),
        ("exit 78", "exited with status 78"),
        ("kill -9 $$", "was killed by SIGKILL"),
    ] {
        let site = site();
        write_script(&site.storage().config().join("x"), &format!("#!/bin/sh\n{script}\n"));
        conf(&site, "exec x\n");
        let ran = Dsnap::at(&site).arg("true").run();
        ran.mentions(&format!("COMMAND was not run: exec x: `DIR/config/x enter` {verb}\n"));
    }
}

#[test]
fn a_failure_before_the_storage_is_even_tried_has_no_heading() {
    let (fixture, empty) = (storage(State::Crashed), crate::support::folder());
    let no_command = Dsnap::on(&fixture).arg("no-such-command").run();
    let no_storage = Dsnap::new().storage(empty.path()).arg("true").run();
    let usage = Dsnap::on(&fixture).args(["-t", "x", "true"]).run();
    for (ran, status) in [(no_command, 127), (no_storage, 125), (usage, 125)] {
        assert_eq!(ran.status.code(), Some(status), "{ran}");
        ran.counts("ould not lock storage directory", 0);
    }
}

#[test]
fn the_end_of_a_failed_run_asks_no_server_again() {
    let site = site();
    // The first answer is that; a second question would be answered.
    site.fault(None, Fault::Unauthorized, None, Some(1));
    let ran = Dsnap::at(&site).arg("true").run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.mentions("Could not lock storage directory\n  DIR: open in a server\n");
    // The fault was used up by the run, so nothing else was sent.
    let ran = Dsnap::at(&site).arg("--status").run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
}
