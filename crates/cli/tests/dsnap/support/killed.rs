//! A run that is killed while its COMMAND goes on, and the end of such a COMMAND.

use dsnap_engine::record::run_record::RunRecord;
use dsnap_engine::system::process::ProcessId;
use dsnap_testkit::Site;
use nix::sys::signal::Signal::SIGKILL;

use super::program::{Dsnap, Running};
use super::storage::is_locked;
use super::waiting::wait_until;

/// Starts a run whose COMMAND runs a script, prints its pid and a word, and waits for its stdin to end;
/// then kills the run, but not COMMAND. The script sets the word.
pub(crate) fn killed_run(site: &Site, script: &str) -> Running {
    let command = format!("{script}\necho $$ $word; read go");
    let running = Dsnap::at(site).sh(&command).open_stdin().start();
    let names_command = || {
        RunRecord::read(site.storage()).is_ok_and(|run| run.is_some_and(|it| it.command.is_some()))
    };
    wait_until("a record of COMMAND", names_command);
    running.signal(SIGKILL);
    wait_until("the end of the run", || !is_locked(&site.storage().run_lock()));
    running
}

/// Ends COMMAND of a killed run. Returns its word.
pub(crate) fn end_command(running: Running) -> String {
    let (pid, word) = running.line().split_once(' ').unwrap_or((running.line(), ""));
    let (pid, word) = (pid.parse().unwrap(), word.to_owned());
    running.end();
    wait_until("the end of COMMAND", || ProcessId::of(pid).is_none());
    word
}
