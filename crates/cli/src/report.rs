//! Decides which events of a run are shown, and says how the run ended.
//!
//! The texts of events come from the engine. [`output`] writes them, [`live`](crate::terminal::live)
//! shows what goes on, [`phases`] measures it, and [`spawn`](crate::spawn) starts COMMAND.

pub(crate) mod ending;

use std::cell::RefCell;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use dsnap_core::{Reason, text};
use dsnap_engine::conf::plan::Complaint;
use dsnap_engine::run::environment::Environment;
use dsnap_engine::run::event::{self, Event, Level};
use dsnap_engine::run::hold::HoldLimit;
use dsnap_engine::run::job::{CommandEnd, EndedBy, NotRun, OtherReason, Outcome, Program};
use dsnap_engine::run::recover::NotRecovered;
use dsnap_engine::system::process::ProcessId;
use dsnap_engine::{durations, exit_status, limits};
use dsnap_host::signals;

use crate::chronicle::Chronicle;
use crate::report::ending::Situation;
use crate::signals::Signals;
use crate::spawn::CommandRunner;
use crate::terminal::journal::Priority;
use crate::terminal::live::LiveLine;
use crate::terminal::output::{self, print_message};
use crate::terminal::phases::{self, Phases};

/// The program as the engine sees it: it prints, passes on stop requests, and starts COMMAND.
#[derive(Debug)]
pub(crate) struct Frontend<'a> {
    verbosity: i16,
    signals: &'a Signals,
    runner: CommandRunner<'a>,
    chronicle: &'a Chronicle,
    live: LiveLine,
    phases: Phases,
    /// Reasons that are shown before the next message. One of them may turn out to be why the run
    /// fails: then it is shown in the last line only.
    held_back: RefCell<Vec<Reason>>,
}

impl<'a> Frontend<'a> {
    pub(crate) fn new(
        verbosity: i16,
        signals: &'a Signals,
        runner: CommandRunner<'a>,
        chronicle: &'a Chronicle,
    ) -> Self {
        Self {
            verbosity,
            signals,
            runner,
            chronicle,
            live: LiveLine::new(verbosity),
            phases: Phases::default(),
            held_back: RefCell::default(),
        }
    }

    /// Looks COMMAND up with the privileges that it will have.
    ///
    /// # Errors
    ///
    /// COMMAND is not found, or cannot be executed.
    pub(crate) fn look_up_command(&self) -> Result<(), CommandEnd> {
        self.runner.look_up()
    }

    fn shows(&self, level: Level) -> bool {
        match level {
            Level::Always => true,
            Level::Normal => self.verbosity >= 0,
            Level::Verbose => self.verbosity > 0,
            Level::Trace => self.verbosity > 1,
        }
    }

    /// Writes the words of an event. With `-v`, adds when a phase began, or how long it took.
    fn write(&self, event: &Event) {
        self.show_held_back(None);
        let begun = self.phases.begun(event);
        output::print(Priority::of(event), &begun.unwrap_or_else(|| event.to_string()));
        if self.verbosity > 0 {
            self.phases.ended(event).iter().for_each(|words| output::print(Priority::Debug, words));
        }
        self.live.again();
    }

    /// Says what became of a signal, at a terminal or with `-v`: somebody may be waiting for the end.
    ///
    /// The line stays, because COMMAND writes to the same terminal: clearing it could clear
    /// something else.
    fn tell_of_signal(&self, words: &str) {
        if self.verbosity > 0 {
            output::print(Priority::Info, &phases::stamped(words));
        } else if self.verbosity == 0 && io::stderr().is_terminal() {
            output::print(Priority::Info, words);
        }
    }
}

impl Program for Frontend<'_> {
    fn report(&self, event: Event) {
        self.chronicle.note(&event);
        if !self.live.follow(&event) {
            return;
        }
        let shows = self.shows(event.level());
        match event.without_storage() {
            // With -v, failures are shown as they happen.
            _ if self.verbosity > 0 => {}
            Event::Complaint(Complaint { reason, .. }) if shows => {
                return self.hold_back(event.name_storage(reason.clone()));
            }
            Event::LineFailed { label, reason, .. } if shows => {
                let reason = event::reason_of_line(label, reason);
                return self.hold_back(event.name_storage(reason));
            }
            // What follows may take a while.
            Event::AwaitsEnter(_) => self.show_held_back(None),
            _ => {}
        }
        if shows {
            self.write(&event);
        }
    }

    fn stopped(&self) -> Option<i32> {
        self.signals.first_stop()
    }

    fn pause(&self, pause: Duration, left: Duration, reason: &Reason) {
        self.chronicle.tries_again();
        self.show_held_back(Some(reason));
        let began = Instant::now();
        if !self.live.wait(left, reason) && self.shows(Level::Normal) {
            let text = format!("Retrying snapshot.... ({})", reason.text());
            output::print(Priority::Info, &text);
        }
        while began.elapsed() < pause && self.stopped().is_none() {
            let rest = pause.saturating_sub(began.elapsed());
            self.signals.sleep(limits::LIVE_LINE_INTERVAL.min(rest));
            self.live.wait(left.saturating_sub(began.elapsed()), reason);
        }
        self.live.clear();
    }

    fn sleep(&self, pause: Duration) {
        self.live.tick();
        self.signals.sleep(pause);
    }

    fn run_command(
        &self,
        environment: &Environment<'_>,
        limit: Option<HoldLimit>,
        started: &mut dyn FnMut(ProcessId),
    ) -> CommandEnd {
        self.live.clear();
        self.show_held_back(None);
        self.tell_phase(|| Some(phases::stamped("COMMAND begins")));
        self.chronicle.command_begins();
        let end = self.runner.run(environment, limit, started, &|words| self.tell_of_signal(words));
        self.chronicle.command_ended();
        let ran = self.chronicle.notes().command().unwrap_or_default();
        self.tell_phase(|| phases::command_ended(&end, ran));
        end
    }
}

impl Frontend<'_> {
    /// With `-v`, writes words about a phase.
    fn tell_phase(&self, words: impl FnOnce() -> Option<String>) {
        if self.verbosity > 0 {
            words().iter().for_each(|words| output::print(Priority::Debug, words));
        }
    }

    fn hold_back(&self, reason: Reason) {
        self.held_back.borrow_mut().push(reason);
    }

    /// Shows the reasons that were held back, except the one that the next message names.
    fn show_held_back(&self, named: Option<&Reason>) {
        let mut held_back = self.held_back.borrow_mut();
        let (kept, shown): (Vec<_>, Vec<_>) =
            held_back.drain(..).partition(|reason| Some(reason) == named);
        *held_back = kept;
        let print = |reason: &Reason| output::print(Priority::Warning, &reason.to_string());
        shown.iter().for_each(print);
        if !shown.is_empty() {
            self.live.again();
        }
    }

    /// Prints what went wrong in a run. If COMMAND was not run, or was ended because of `--max-hold`, the
    /// last line says so. `situation` is what a run that got no snapshot says of the storage.
    pub(crate) fn print_outcome(
        &self,
        outcome: &Outcome,
        command: Option<&str>,
        situation: Option<&Situation>,
    ) {
        self.live.clear();
        for storage in self.chronicle.notes().storages() {
            let is_left = outcome.not_left.is_empty();
            let words = |time| phases::frozen(storage.name.as_deref(), time, is_left);
            self.tell_phase(|| storage.frozen().map(words));
        }
        if let (Err(not_run), Some(situation)) = (&outcome.command, situation) {
            let held_back = self.held_back.take();
            let is_new = |other: &OtherReason| {
                let shown = other.reported_at.is_some_and(|level| self.shows(level));
                !shown || held_back.contains(&other.reason)
            };
            ending::before_last_line(not_run, situation, is_new).iter().for_each(|line| {
                print_message(line);
            });
        }
        self.show_held_back(None);
        print_outcome(outcome, command);
    }
}

/// Prints what went wrong in a run, other reasons aside.
pub(crate) fn print_outcome(outcome: &Outcome, command: Option<&str>) {
    outcome.broken.iter().for_each(|broken| print_message(&broken.to_string()));
    outcome.not_left.iter().for_each(|not_left| print_message(&not_left.to_string()));
    let reason = match &outcome.command {
        Err(NotRun::Stopped(signal)) => {
            Reason::new(format!("dsnap was stopped by signal {}", signals::name(*signal)))
        }
        Err(NotRun::NoSnapshot { failure, cause, .. }) => {
            cause.as_deref().unwrap_or(failure.reason()).clone()
        }
        Ok(Some(CommandEnd::NotFound(_))) => {
            Reason::new(format!("`{}` was not found", command.unwrap_or_default()))
        }
        Ok(Some(CommandEnd::CannotExecute(error))) => {
            let (command, error) = (command.unwrap_or_default(), text::error(error));
            Reason::new(format!("`{command}` cannot be executed: {error}"))
        }
        Ok(Some(CommandEnd::Overdue { by, lasted })) => {
            return print_message(&overdue(*by, *lasted).to_string());
        }
        Ok(_) => return,
    };
    print_not_run(&reason, command.is_some());
}

/// Says how COMMAND was ended because of `--max-hold`.
fn overdue(by: EndedBy, lasted: Duration) -> Reason {
    let lasted = durations::in_words_with_tenths(lasted);
    let incomplete =
        "what COMMAND made may be incomplete; if COMMAND needs longer, use a longer --max-hold";
    match by {
        EndedBy::Term => Reason::new(format!(
            "COMMAND was ended because of --max-hold: the snapshot had lasted {lasted}"
        ))
        .hint(incomplete),
        EndedBy::Kill => Reason::new(format!(
            "COMMAND was killed because of --max-hold: the snapshot had lasted {lasted}, and COMMAND did not end after TERM"
        ))
        .hint(incomplete),
        EndedBy::Nothing(pid) => Reason::new(format!(
            "COMMAND (pid {pid}) could not be killed and still runs, without a snapshot: --max-hold ended the snapshot after {lasted}"
        ))
        .hint(format!("end process {pid}; do not use what it writes")),
    }
}

/// Reports a panic of this program. Returns the exit status.
pub(crate) fn print_panic(has_command_started: bool) -> u8 {
    if has_command_started {
        return exit_status::BROKEN;
    }
    print_not_run(&Reason::new("dsnap has a bug; please report the message above"), true);
    exit_status::FAILED
}

/// Prints the result of `--recover`: success on stdout, unless a document is there already, and
/// failure on stderr. Returns the exit status.
pub(crate) fn print_recovery(result: Result<String, NotRecovered>, has_document: bool) -> u8 {
    match result {
        Ok(_) if has_document => 0,
        Ok(text) => {
            output::print_result(&text);
            0
        }
        Err(NotRecovered { reason, status }) => {
            print_message(&format!("--recover failed: {reason}"));
            status
        }
    }
}

/// Prints why COMMAND was not run or, without COMMAND, why the test failed.
fn print_not_run(reason: &Reason, has_command: bool) {
    let subject = if has_command { "COMMAND was not run" } else { "snapshot test failed" };
    print_message(&format!("{subject}: {reason}"));
}
