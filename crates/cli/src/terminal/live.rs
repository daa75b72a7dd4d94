//! The live line: what a run is doing right now, on a terminal that can clear a line.
//!
//! It is shown while the program waits, asks, recovers or leaves. While COMMAND runs, COMMAND has the
//! terminal to itself, and no live line is shown. [`output`] writes it and keeps messages apart from it.

use std::cell::{Cell, RefCell};
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use dsnap_core::Reason;
use dsnap_engine::run::event::Event;
use dsnap_engine::{durations, limits};

use crate::environment;
use crate::terminal::estimate::Estimate;
use crate::terminal::output;

/// The live line of a run.
#[derive(Debug)]
pub(crate) struct LiveLine {
    /// Stderr is a terminal that can show and clear a live line, and the user wants messages.
    is_possible: bool,
    /// Calls are shown. With `-v`, a message says that they begin.
    shows_calls: bool,
    /// The text on the screen.
    text: RefCell<Option<String>>,
    recombining: RefCell<Option<Recombining>>,
    estimate: RefCell<Option<Estimate>>,
    /// When progress was last left to a message.
    progress_written: Cell<Option<Instant>>,
}

/// A server that is waited for until it has recombined.
#[derive(Debug)]
struct Recombining {
    /// The name of its storage, in a run with several.
    storage: Option<String>,
    /// When it must have recombined.
    end: Instant,
}

impl LiveLine {
    /// Makes the live line of a run with this verbosity.
    pub(crate) fn new(verbosity: i16) -> Self {
        let is_possible =
            verbosity >= 0 && io::stderr().is_terminal() && environment::terminal_can_erase();
        Self {
            is_possible,
            shows_calls: verbosity == 0,
            text: RefCell::default(),
            recombining: RefCell::default(),
            estimate: RefCell::default(),
            progress_written: Cell::default(),
        }
    }

    /// Shows what an event begins, or removes what it ends. Returns whether a message about the event
    /// is still due.
    pub(crate) fn follow(&self, event: &Event) -> bool {
        match event.without_storage() {
            Event::Progress { done, of, .. } => return self.progress(event, *done, *of),
            Event::Asking { .. } | Event::Leaving { .. } | Event::AwaitsEnter(_) => {
                self.estimate.take();
                self.call(event);
            }
            // What a method says does not end its call.
            Event::MethodSaid(..) | Event::MethodTraced(..) | Event::MethodWarned(..) => {}
            Event::Recombining(limit) => {
                self.clear();
                let (storage, end) = (storage_of(event), Instant::now() + *limit);
                *self.recombining.borrow_mut() = Some(Recombining { storage, end });
            }
            // Before this, a try may fail because the server still recombines.
            Event::Locked(..) => {
                self.recombining.borrow_mut().take_if(|it| it.storage == storage_of(event));
                self.clear();
            }
            _ => self.clear(),
        }
        true
    }

    /// Shows progress. Where it cannot be shown, it is due as a message now and then.
    fn progress(&self, event: &Event, done: u64, of: Option<u64>) -> bool {
        let words = self.estimate.borrow_mut().get_or_insert_with(Estimate::begin).words(done, of);
        let soon = |last: Instant| last.elapsed() < limits::PROGRESS_MESSAGE_INTERVAL;
        if self.show(format!("{event}{words}")) || self.progress_written.get().is_some_and(soon) {
            return false;
        }
        self.progress_written.set(Some(Instant::now()));
        true
    }

    /// Shows that a method is called, unless the line already says that the server is recombining.
    fn call(&self, event: &Event) {
        if !self.tick() && self.shows_calls {
            self.show(event.to_string());
        }
    }

    /// Shows what is waited for. Returns false if there is no live line.
    pub(crate) fn wait(&self, left: Duration, reason: &Reason) -> bool {
        self.recombining.take();
        self.show(waiting(left, reason.text()))
    }

    /// Shows a text. Returns false if there is no live line.
    fn show(&self, text: String) -> bool {
        let shows = self.is_possible && output::is_in_foreground();
        if shows {
            output::show_live_line(&text);
            *self.text.borrow_mut() = Some(text);
        }
        shows
    }

    /// Updates how much longer the server may recombine.
    pub(crate) fn tick(&self) -> bool {
        let text = self.recombining.borrow().as_ref().map(Recombining::text);
        text.is_some_and(|text| self.show(text))
    }

    /// Shows again the text that a message has removed.
    pub(crate) fn again(&self) {
        let text = self.text.take();
        text.map(|text| self.show(text));
    }

    /// Removes the live line.
    pub(crate) fn clear(&self) {
        if self.text.take().is_some() {
            output::clear_live_line();
        }
    }
}

impl Recombining {
    fn text(&self) -> String {
        let left = self.end.saturating_duration_since(Instant::now());
        let of = self.storage.as_ref().map_or_else(String::new, |name| format!("{name}: "));
        waiting(left, &format!("{of}the server is recombining"))
    }
}

fn storage_of(event: &Event) -> Option<String> {
    match event {
        Event::OfStorage { name, .. } => Some(name.clone()),
        _ => None,
    }
}

fn waiting(left: Duration, reason: &str) -> String {
    format!("waiting, {} left: {reason}", durations::in_words(left))
}
