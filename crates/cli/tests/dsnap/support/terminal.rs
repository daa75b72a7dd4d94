//! A terminal, and what can be seen on it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{FlowArg, tcflow};
use nix::unistd::ttyname;
use rustix::termios::{Winsize, tcsetwinsize};

use super::program::{Dsnap, Running};
use super::waiting::wait_until;

/// A terminal of 70 columns, and what it shows.
#[derive(Debug)]
pub(crate) struct Terminal {
    screen: Arc<Mutex<Vec<u8>>>,
    inside: OwnedFd,
    outside: File,
}

impl Terminal {
    /// Opens a terminal that somebody looks at.
    pub(crate) fn new() -> Self {
        let terminal = Self::unread();
        let mut outside = terminal.outside.try_clone().unwrap();
        let screen = Arc::clone(&terminal.screen);
        std::thread::spawn(move || {
            let mut some = [0; 1000];
            // This ends with an error once nobody has the terminal open.
            while let Ok(read @ 1..) = outside.read(&mut some) {
                screen.lock().unwrap().extend(&some[..read]);
            }
        });
        terminal
    }

    /// Opens a terminal at whose other end nobody reads: a connection that hangs.
    pub(crate) fn unread() -> Self {
        // Closed on exec: a process of another scenario must not keep it from hanging up.
        let outside = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
        grantpt(&outside).unwrap();
        unlockpt(&outside).unwrap();
        let mut inside = File::options();
        inside.read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits());
        let inside = inside.open(ptsname_r(&outside).unwrap()).unwrap();
        let size = Winsize { ws_row: 24, ws_col: 70, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&inside, size).unwrap();
        let outside = OwnedFd::from(outside).into();
        Self { screen: Arc::default(), inside: inside.into(), outside }
    }

    /// The path of the terminal.
    pub(crate) fn name(&self) -> PathBuf {
        ttyname(&self.inside).unwrap()
    }

    /// Starts a run whose messages go here.
    pub(crate) fn run(&self, dsnap: Dsnap) -> Running {
        let messages = self.inside.try_clone().unwrap();
        dsnap
            .change(|command| {
                command.stderr(messages);
            })
            .spawn()
    }

    /// Starts a run whose messages and results go here.
    pub(crate) fn run_with_results(&self, dsnap: Dsnap) -> Running {
        let results = self.inside.try_clone().unwrap();
        self.run(dsnap.change(|command| {
            command.stdout(results);
        }))
    }

    /// Starts a run whose messages go here, and that this terminal controls.
    pub(crate) fn control_and_show(&self, dsnap: Dsnap) -> Running {
        let input = self.inside.try_clone().unwrap();
        self.run(dsnap.change(|command| {
            command.stdin(input);
        }))
    }

    /// Starts a run that this terminal controls: through `setsid --ctty`, which makes the program
    /// the leader of a new session.
    pub(crate) fn control(&self, dsnap: Dsnap) -> Running {
        let input = self.inside.try_clone().unwrap();
        dsnap
            .change(|command| {
                command.stdin(input);
            })
            .start()
    }

    /// Presses Ctrl and this letter.
    pub(crate) fn press_ctrl(&self, letter: u8) {
        (&self.outside).write_all(&[letter & 0x1f]).unwrap();
    }

    /// Stops its output, as Ctrl-S does.
    pub(crate) fn stop(&self) {
        tcflow(&self.inside, FlowArg::TCOOFF).unwrap();
    }

    /// What it has shown so far, with its control characters.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8(self.screen.lock().unwrap().clone()).unwrap()
    }

    /// Waits until it has shown these words.
    #[track_caller]
    pub(crate) fn wait_for(&self, words: &str) {
        wait_until(words, || self.shown().contains(words));
    }

    /// Fills the system's buffer for the reader, until it has room again, but not for much.
    pub(crate) fn fill(&self) {
        let mut filling = File::options().write(true).open(self.name()).unwrap();
        fcntl(&filling, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        wait_until("a full buffer", || filling.write(b"x").is_err());
        wait_until("room in the buffer", || {
            let room = filling.write(b"x").is_ok();
            if !room {
                (&self.outside).read_exact(&mut [0]).unwrap();
            }
            room
        });
    }
}
