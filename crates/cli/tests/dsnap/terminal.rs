//! A terminal: the live line, and terminals that show none or take nothing more.

use dsnap_testkit::{Fixture, State, locks};
use nix::sys::signal::Signal::SIGTERM;

use crate::support::{Dsnap, Terminal, storage};

/// Takes the live line away.
const CLEAR: &str = "\r\x1b[K";

/// A run that waits for a lock, in a terminal of that name.
fn waiting(fixture: &Fixture, name: &str) -> Dsnap {
    Dsnap::on(fixture)
        .args(["-t", "10m", "-s", "10m", "true"])
        .env("TERM", name)
        .env("NO_COLOR", "1")
}

#[test]
fn the_live_line_tells_what_is_waited_for_and_vanishes() {
    let (fixture, terminal) = (storage(State::Clean), Terminal::new());
    let tool = locks::Holder::hold(&fixture.storage().run_lock()).unwrap();
    let run = terminal.run(waiting(&fixture, "xterm"));
    terminal.wait_for(&format!("(pid {}, ", tool.pid()));
    run.signal(SIGTERM);
    assert_eq!(run.end().status.code(), Some(128 + 15));
    terminal.wait_for("TERM\r\n");
    let shown = terminal.shown();
    let lines: Vec<_> = shown.split(CLEAR).collect();
    assert!(lines[0].starts_with("waiting, "), "{shown:?}");
    assert!(lines[0].contains(" left: another"), "{shown:?}");
    let width = |line: &&str| line.chars().count();
    assert_eq!(width(&lines[0]), 67, "a line that wraps stays, and `^C` is added: {shown:?}");
    assert_eq!(lines.last(), Some(&"COMMAND was not run: dsnap was stopped by signal TERM\r\n"));
    drop(tool);
}

#[test]
fn a_terminal_that_cannot_erase_a_line_gets_one_line_for_each_retry() {
    for name in ["dumb", ""] {
        let (fixture, terminal) = (storage(State::Clean), Terminal::new());
        let tool = locks::Holder::hold(&fixture.storage().run_lock()).unwrap();
        let dsnap = waiting(&fixture, name).change(|command| {
            if name.is_empty() {
                command.env_remove("TERM");
            }
        });
        let run = terminal.run(dsnap);
        terminal.wait_for("Retrying snapshot.... (another run of dsnap uses this storage: ");
        terminal.wait_for(&format!("(pid {}, ", tool.pid()));
        run.signal(SIGTERM);
        assert_eq!(run.end().status.code(), Some(128 + 15));
        assert!(!terminal.shown().contains(CLEAR), "{:?}", terminal.shown());
    }
}

#[test]
fn a_stopped_terminal_blocks_neither_a_signal_nor_a_run() {
    let (fixture, terminal) = (storage(State::Clean), Terminal::new());
    let tool = locks::Holder::hold(&fixture.storage().run_lock()).unwrap();
    let run = terminal.run(waiting(&fixture, "xterm"));
    terminal.wait_for("waiting, ");
    terminal.stop();
    run.signal(SIGTERM);
    assert_eq!(run.end().status.code(), Some(128 + 15));
    drop(tool);
    let run = Dsnap::on(&fixture).args(["-v", "sh", "-c", "exit 6"]).env("TERM", "xterm");
    assert_eq!(terminal.run(run).end().status.code(), Some(6));
}

#[test]
fn a_terminal_that_nobody_reads_does_not_block_a_run() {
    let (fixture, terminal) = (storage(State::Crashed), Terminal::unread());
    terminal.fill();
    let long = "x".repeat(900);
    let run =
        Dsnap::on(&fixture).args(["--method", &long, "--method", &long, "--method", "direct"]);
    let run = run.args(["sh", "-c", "exit 6"]).env("TERM", "xterm");
    assert_eq!(terminal.run(run).end().status.code(), Some(6));
}
