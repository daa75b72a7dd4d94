//! For `xtask/fuzz`, and no part of the interface: what a command line means, without an environment.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::args::{self, Parsed};
use crate::environment::CallerEnvironment;
use crate::resolve::{self, Invocation};

/// What the program takes a command line for.
#[derive(Debug)]
pub enum Meaning {
    /// Help or the version.
    Print(String),
    /// Something to do.
    Act(Meant),
    /// A mistake: the message and the hint.
    Mistake(String, String),
}

/// What the program would do.
// wide: what the command line says about a run
#[derive(Debug)]
pub struct Meant {
    /// The storage.
    pub dir: Option<PathBuf>,
    /// COMMAND and its arguments.
    pub command: Vec<OsString>,
    /// The command that recovers the storage.
    pub recover: String,
    /// The durations that are not absent.
    pub durations: Vec<Duration>,
    /// Positive with `-v`, negative with `-q`.
    pub verbosity: i16,
}

/// Reads a command line, whose first word is the program's name.
pub fn meaning(words: Vec<OsString>) -> Meaning {
    let resolved = match args::parse(words) {
        Ok(Parsed::Print(text)) => return Meaning::Print(text),
        Ok(Parsed::Args(args)) => resolve::resolve(*args, CallerEnvironment::default()),
        Err(error) => Err(error),
    };
    match resolved {
        Ok(invocation) => Meaning::Act(meant(invocation)),
        Err(error) => Meaning::Mistake(error.message, error.hint),
    }
}

fn meant(invocation: Invocation) -> Meant {
    let Invocation { dir, job, command, verbosity, .. } = invocation;
    let given = [job.max_hold, job.accept_existing, command.kill_after];
    let durations = [job.wait, job.pause].into_iter().chain(given.into_iter().flatten()).collect();
    Meant { dir, command: command.words, recover: job.recover, durations, verbosity }
}
