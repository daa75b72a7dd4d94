//! A terminal: the live line, and terminals that show none or take nothing more.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex};

use dsnap_testkit::{Fixture, State, locks};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal::SIGTERM, kill};
use nix::sys::termios::{FlowArg, tcflow};
use nix::unistd::{Pid, ttyname};

use crate::stage::{Dsnap, storage, wait_until};

/// Takes the live line away.
const CLEAR: &str = "\r\x1b[K";

/// A terminal of 70 columns, and whoever looks at it.
struct Terminal {
    screen: Arc<Mutex<Vec<u8>>>,
    inside: OwnedFd,
    outside: File,
}

impl Terminal {
    /// A terminal that is looked at.
    fn new() -> Self {
        let terminal = Self::unread();
        let mut outside = terminal.outside.try_clone().unwrap();
        let screen = Arc::clone(&terminal.screen);
        std::thread::spawn(move || {
            let mut some = [0; 1000];
            // It ends with an error, when nobody has the terminal open.
            while let Ok(read @ 1..) = outside.read(&mut some) {
                screen.lock().unwrap().extend(&some[..read]);
            }
        });
        terminal
    }

    /// A terminal at whose other end nobody reads: a connection that hangs.
    fn unread() -> Self {
        let size = Winsize { ws_row: 24, ws_col: 70, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(Some(&size), None).unwrap();
        Self { screen: Arc::default(), inside: pair.slave, outside: pair.master.into() }
    }

    /// Starts a run whose messages go here.
    fn run(&self, dsnap: Dsnap) -> Child {
        dsnap
            .change(|command| {
                command.stderr(self.inside.try_clone().unwrap());
            })
            .child()
    }

    fn shown(&self) -> String {
        String::from_utf8(self.screen.lock().unwrap().clone()).unwrap()
    }

    #[track_caller]
    fn wait_for(&self, words: &str) {
        wait_until(words, || self.shown().contains(words));
    }

    /// Fills what the system keeps for the reader, until it has room again, but not for much.
    fn fill(&self) {
        let name = ttyname(&self.inside).unwrap();
        let mut filling = File::options().write(true).open(name).unwrap();
        fcntl(&filling, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        while filling.write(b"x").is_ok() {}
        while filling.write(b"x").is_err() {
            (&self.outside).read_exact(&mut [0]).unwrap();
        }
    }
}

#[track_caller]
fn end(mut child: Child) -> ExitStatus {
    let pid = Pid::from_raw(child.id().cast_signed());
    let stat = format!("/proc/{pid}/stat");
    wait_until("the end", || std::fs::read_to_string(&stat).unwrap().contains(") Z "));
    child.wait().unwrap()
}

fn terminate(child: &Child) {
    kill(Pid::from_raw(child.id().cast_signed()), SIGTERM).unwrap();
}

/// A run that waits for a lock, in a terminal of that name.
fn waiting(fixture: &Fixture, name: &str) -> Dsnap {
    Dsnap::on(fixture).args(["-t", "10m", "-s", "10m", "true"]).env("TERM", name)
}

#[test]
fn the_live_line_tells_what_is_waited_for_and_vanishes() {
    let (fixture, terminal) = (storage(State::Clean), Terminal::new());
    let tool = locks::Holder::hold(&fixture.storage().run_lock()).unwrap();
    let run = terminal.run(waiting(&fixture, "xterm"));
    terminal.wait_for(&format!("(pid {}, ", tool.pid()));
    terminate(&run);
    assert_eq!(end(run).code(), Some(128 + 15));
    terminal.wait_for("TERM\r\n");
    let shown = terminal.shown();
    let lines: Vec<_> = shown.split(CLEAR).collect();
    assert!(lines[0].starts_with("waiting, "), "{shown:?}");
    assert!(lines[0].contains(" left: another"), "{shown:?}");
    let width = |line: &&str| line.chars().count();
    assert_eq!(width(&lines[0]), 67, "a line that wraps stays, and `^C` is added: {shown:?}");
    assert_eq!(lines.last(), Some(&"COMMAND was not run: stopped by signal TERM\r\n"));
    drop(tool);
}

#[test]
fn a_terminal_that_cannot_take_a_line_away_gets_one_line_a_retry() {
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
        terminate(&run);
        assert_eq!(end(run).code(), Some(128 + 15));
        assert!(!terminal.shown().contains(CLEAR), "{:?}", terminal.shown());
    }
}

#[test]
fn a_terminal_that_was_stopped_holds_up_neither_a_signal_nor_a_run() {
    let (fixture, terminal) = (storage(State::Clean), Terminal::new());
    let tool = locks::Holder::hold(&fixture.storage().run_lock()).unwrap();
    let run = terminal.run(waiting(&fixture, "xterm"));
    terminal.wait_for("waiting, ");
    tcflow(&terminal.inside, FlowArg::TCOOFF).unwrap();
    terminate(&run);
    assert_eq!(end(run).code(), Some(128 + 15));
    drop(tool);
    let run = Dsnap::on(&fixture).args(["-v", "sh", "-c", "exit 6"]).env("TERM", "xterm");
    assert_eq!(end(terminal.run(run)).code(), Some(6));
}

#[test]
fn a_terminal_that_nobody_reads_holds_up_no_run() {
    let (fixture, terminal) = (storage(State::Crashed), Terminal::unread());
    terminal.fill();
    let long = "x".repeat(900);
    let run =
        Dsnap::on(&fixture).args(["--method", &long, "--method", &long, "--method", "direct"]);
    let run = run.args(["sh", "-c", "exit 6"]).env("TERM", "xterm");
    assert_eq!(end(terminal.run(run)).code(), Some(6));
}
