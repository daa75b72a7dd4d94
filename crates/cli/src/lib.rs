//! `dsnap`: runs COMMAND while a DirectoryStorage is in snapshot mode.
//!
//! This library is the whole program, so that other programs can read its definitions: the manual page and
//! the completions of a shell are made from [`command`] and [`manual`]. It has no other use. Programs start
//! `dsnap`, or use `dsnap-engine`.
//!
//! `args` parses the command line, `resolve` works out what it means, and `actions` does it, with
//! `dsnap-engine`. Printing (`terminal`, `report`), results for other programs (`documents`), the
//! environment (`environment`), signals (`signals`) and COMMAND (`spawn`) have one room or file each.
//!
//! # Features
//!
//! All are on by default. `dsnap --version -v` lists those of a build.
//!
//! | feature | with it | without it |
//! |---|---|---|
//! | `loading` | a line of `snapshot.conf` can name a method in a library | such a line is refused |
//! | `tls` | the method `http` can ask a server over `https://` | such a line is refused |
//! | `zeo` | the method `zeo` is built in | `zeo` is looked for as a library |
#![forbid(unsafe_code)]

mod actions;
mod args;
mod chronicle;
mod core_dumps;
mod documents;
mod environment;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod manual;
mod report;
mod resolve;
mod signals;
mod spawn;
mod terminal;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use dsnap_engine::exit_status;

pub use crate::args::command;
use crate::args::{Parsed, UsageError};
use crate::terminal::output;

/// Runs the program: reads the arguments and the environment of this process, and returns its exit status.
///
/// A program's `main` must call this before anything else: each call of a loaded method starts the program
/// again, and is answered here.
pub fn main() -> ExitCode {
    dsnap_host::answer_isolated_call();
    core_dumps::disable();
    // The snapshot is left while the panic unwinds.
    let status = panic::catch_unwind(AssertUnwindSafe(program));
    ExitCode::from(status.unwrap_or_else(|_| report::print_panic(spawn::has_started())))
}

fn program() -> u8 {
    let invocation = match args::parse(environment::arguments()) {
        Ok(Parsed::Print(text)) => {
            output::print_result(text.trim_end());
            return 0;
        }
        Ok(Parsed::Args(args)) => resolve::resolve(*args, environment::read()),
        Err(error) => Err(error),
    };
    match invocation {
        Ok(invocation) => actions::act(&invocation),
        Err(UsageError { message, hint }) => {
            output::print_message(&format!("usage: {message}\nhint: {hint}"));
            exit_status::FAILED
        }
    }
}
