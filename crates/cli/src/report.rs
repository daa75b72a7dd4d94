//! What people see: which events are shown, and how a run's end is told.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use dsnap_core::{Reason, text};
use dsnap_engine::run::environment::Environment;
use dsnap_engine::run::event::{self, Event, Level};
use dsnap_engine::run::job::{CommandEnd, NotRun, Outcome, Program};
use dsnap_engine::run::recover::NotRecovered;
use dsnap_engine::system::process::ProcessId;
use dsnap_engine::{durations, exit_status};
use nix::sys::signal::Signal;

use crate::environment;
use crate::output::{self, say};
use crate::signals::Signals;
use crate::spawn::Spawn;

/// How often the live line changes.
const TICK: Duration = Duration::from_secs(1);

/// The program around a run: prints, hears, starts.
#[derive(Debug)]
pub(crate) struct Reporter<'a> {
    pub(crate) verbosity: i16,
    pub(crate) signals: &'a Signals,
    pub(crate) spawn: Spawn<'a>,
    /// Stderr is a terminal on which a line can be shown and taken away again.
    has_live_line: bool,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(verbosity: i16, signals: &'a Signals, spawn: Spawn<'a>) -> Self {
        let has_live_line = io::stderr().is_terminal() && environment::terminal_can_erase();
        Self { verbosity, signals, spawn, has_live_line }
    }

    fn shows(&self, level: Level) -> bool {
        match level {
            Level::Always => true,
            Level::Normal => self.verbosity >= 0,
            Level::Verbose => self.verbosity > 0,
        }
    }

    /// Shows words on the one live line of a terminal; false where there is none.
    fn show_live(&self, words: &str) -> bool {
        let shows = self.has_live_line && self.shows(Level::Normal);
        if shows {
            output::show_live(words);
        }
        shows
    }
}

impl Program for Reporter<'_> {
    fn report(&self, event: Event) {
        if matches!(event, Event::Progress(..)) && self.show_live(&event.to_string()) {
            return;
        }
        output::end_live();
        if self.shows(event.level()) {
            say(&event.to_string());
        }
    }

    fn stopped(&self) -> Option<i32> {
        self.signals.first()
    }

    fn pause(&self, pause: Duration, left: Duration, reason: &Reason) {
        let began = Instant::now();
        let words =
            |left| format!("waiting, {} left: {}", durations::in_words(left), reason.text());
        if !self.show_live(&words(left)) && self.shows(Level::Normal) {
            say(&format!("Retrying snapshot.... ({})", reason.text()));
        }
        while began.elapsed() < pause && self.stopped().is_none() {
            self.signals.sleep(TICK.min(pause.saturating_sub(began.elapsed())));
            self.show_live(&words(left.saturating_sub(began.elapsed())));
        }
        output::end_live();
    }

    fn run_command(
        &self,
        environment: Option<&Environment<'_>>,
        began: &mut dyn FnMut(ProcessId),
    ) -> CommandEnd {
        output::end_live();
        self.spawn.run(environment, began)
    }
}

/// Tells the end of a run, as far as it needs words: the last line says why COMMAND was not run.
pub(crate) fn tell(outcome: &Outcome, command: Option<&str>) {
    outcome.broken.iter().for_each(|broken| say(&broken.to_string()));
    outcome.not_left.iter().for_each(|not_left| say(&not_left.to_string()));
    let reason = match &outcome.command {
        Err(NotRun::Stopped(signal)) => {
            Reason::new(format!("stopped by signal {}", signal_name(*signal)))
        }
        Err(NotRun::NoSnapshot { tried, failure }) => {
            list(tried);
            failure.reason().clone()
        }
        Ok(Some(CommandEnd::NotFound(_))) => {
            Reason::new(format!("`{}` is not found", command.unwrap_or_default()))
        }
        Ok(Some(CommandEnd::CannotExecute(error))) => {
            Reason::new(format!("`{}` cannot be executed: {error}", command.unwrap_or_default()))
        }
        Ok(_) => return,
    };
    not_run(&reason, command.is_some());
}

/// Tells that the program itself failed. Its status.
pub(crate) fn tell_panic(command_began: bool) -> u8 {
    if command_began {
        return exit_status::BROKEN;
    }
    not_run(&Reason::new("dsnap failed; please report the message above"), true);
    exit_status::FAILED
}

/// Tells what a repair came to: what is well on stdout, what is not on stderr. Its status.
pub(crate) fn tell_recovered(recovered: Result<String, NotRecovered>) -> u8 {
    match recovered {
        Ok(words) => {
            output::answer(&words);
            0
        }
        Err(NotRecovered { reason, status }) => {
            say(&format!("not recovered: {reason}"));
            status
        }
    }
}

/// The last word on a COMMAND that was not run; without one, on the test of the storage.
pub(crate) fn not_run(reason: &Reason, has_command: bool) {
    let what = if has_command { "COMMAND was not run" } else { "no snapshot" };
    say(&format!("{what}: {reason}"));
}

fn list(tried: &[(String, Reason)]) {
    if tried.is_empty() {
        return;
    }
    say("could not lock storage directory; tried:");
    for (label, reason) in tried {
        say(&format!("  {}", event::of_line(&text::harmless(label), reason.text())));
    }
}

fn signal_name(signal: i32) -> String {
    Signal::try_from(signal).map_or_else(
        |_| signal.to_string(),
        |known| known.as_str().trim_start_matches("SIG").to_owned(),
    )
}
