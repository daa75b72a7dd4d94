//! Rules for every call and every result: the call's time, its texts, and that it leaves the
//! process as it was. Of each kind of breach only the first is reported.

use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dsnap_core::{Reason, text};
use procfs::process::{Process, all_processes};

use super::check::{Finding, Outcome};
use super::stdout_capture::StdoutCapture;
use super::wording::seconds;

const TIME: &str = "every call returns within its time limit";
const TEXTS: &str = "messages and reasons are single lines";
const STDOUT: &str = "nothing is printed on stdout";
const FOLDER: &str = "the working directory does not change";
const SIGNALS: &str = "signal handling does not change";
const GROUP: &str = "no process is left in the process group";

/// The breaches seen in all calls so far.
#[derive(Debug)]
pub(super) struct CallAudit {
    owns_process: bool,
    breaches: Mutex<Vec<(&'static str, String)>>,
}

/// The state of the process before a call.
pub(super) struct ProcessState {
    folder: Option<PathBuf>,
    signals: Option<(u64, u64)>,
    group: BTreeSet<i32>,
    stdout: Option<StdoutCapture>,
}

impl CallAudit {
    pub(super) fn new(owns_process: bool) -> Self {
        Self { owns_process, breaches: Mutex::default() }
    }

    fn record(&self, rule: &'static str, sentence: String) {
        let mut breaches = self.breaches.lock().unwrap_or_else(PoisonError::into_inner);
        if !breaches.iter().any(|(known, _)| *known == rule) {
            breaches.push((rule, sentence));
        }
    }

    /// Records a call that returned too late.
    pub(super) fn record_overrun(&self, verb: &str, took: Duration, limit: Duration) {
        let (took, limit) = (seconds(took), seconds(limit));
        self.record(TIME, format!("{verb} took {took}, but its time limit was {limit}"));
    }

    /// Checks that a text is a single line.
    pub(super) fn check_text(&self, verb: &str, text: &str) {
        if text.contains(['\n', '\r']) {
            let shown = text::harmless(text);
            self.record(TEXTS, format!("{verb} sent a text of more than one line: `{shown}`"));
        }
    }

    /// Checks that a reason has a text, and that it and its hints are single lines.
    pub(super) fn check_reason(&self, verb: &str, reason: &Reason) {
        if reason.text().trim().is_empty() {
            self.record(TEXTS, format!("{verb} gave no reason for a result that needs one"));
        }
        self.check_text(verb, reason.text());
        let hints = reason.hints().iter().chain(reason.foreign_hints());
        hints.for_each(|hint| self.check_text(verb, hint));
    }

    /// Notes the state of the process before a call.
    pub(super) fn before(&self) -> ProcessState {
        ProcessState {
            folder: env::current_dir().ok(),
            signals: signal_handling(),
            group: if self.owns_process { own_group() } else { BTreeSet::new() },
            stdout: if self.owns_process { StdoutCapture::start() } else { None },
        }
    }

    /// Compares the process after a call with its state before.
    pub(super) fn after(&self, verb: &str, before: ProcessState) {
        if let Some(printed) = before.stdout.and_then(StdoutCapture::finish) {
            let shown = text::harmless(printed);
            self.record(STDOUT, format!("{verb} printed on stdout: `{shown}`"));
        }
        self.check_folder(verb, before.folder);
        let signals = signal_handling();
        if signals != before.signals {
            let changed = changed_signals(before.signals, signals);
            self.record(SIGNALS, format!("{verb} changed the handling of signal {changed}"));
        }
        if self.owns_process {
            self.check_group(verb, &before.group);
        }
    }

    fn check_folder(&self, verb: &str, before: Option<PathBuf>) {
        let now = env::current_dir().ok();
        let Some(before) = before.filter(|before| now.as_ref() != Some(before)) else { return };
        let to = now.map_or_else(|| "a removed directory".to_owned(), text::path);
        let from = text::path(&before);
        self.record(FOLDER, format!("{verb} changed the working directory from {from} to {to}"));
        // Relative names on the line must mean the same in the next call.
        let _ = env::set_current_dir(before);
    }

    fn check_group(&self, verb: &str, before: &BTreeSet<i32>) {
        let Some(pid) = own_group().difference(before).next().copied() else { return };
        let program = Process::new(pid).and_then(|process| process.stat());
        let program = text::harmless(program.map_or_else(|_| String::new(), |stat| stat.comm));
        self.record(GROUP, format!("{verb} left the process `{program}` (pid {pid}) running"));
    }

    /// Reports a finding for each of the rules.
    pub(super) fn report(&self, report: &mut dyn FnMut(Finding)) {
        let breaches = self.breaches.lock().unwrap_or_else(PoisonError::into_inner);
        for rule in [TIME, TEXTS, STDOUT, FOLDER, SIGNALS, GROUP] {
            let found = breaches.iter().find(|(broken, _)| *broken == rule);
            let outcome = match found {
                Some((_, sentence)) => Outcome::Breach(sentence.clone()),
                None if !self.owns_process && [STDOUT, GROUP].contains(&rule) => {
                    Outcome::NotTried("other code runs in this process")
                }
                None => Outcome::Kept,
            };
            report(Finding { rule, outcome });
        }
    }
}

/// Returns which signals are ignored and which are caught, as bit sets.
fn signal_handling() -> Option<(u64, u64)> {
    let status = Process::myself().and_then(|process| process.status()).ok()?;
    Some((status.sigign, status.sigcgt))
}

fn changed_signals(before: Option<(u64, u64)>, now: Option<(u64, u64)>) -> String {
    let (before, now) = (before.unwrap_or_default(), now.unwrap_or_default());
    let bits = (before.0 ^ now.0) | (before.1 ^ now.1);
    let numbers = (0..64).filter(|bit| bits >> bit & 1 == 1).map(|bit| (bit + 1).to_string());
    numbers.collect::<Vec<_>>().join(", ")
}

/// Returns the processes of our group that descend from us, or whose parent left the group.
fn own_group() -> BTreeSet<i32> {
    let stats = all_processes().into_iter().flatten().flatten();
    let stats: Vec<_> = stats.filter_map(|process| process.stat().ok()).collect();
    let own = std::process::id().cast_signed();
    let Some(group) = stats.iter().find(|stat| stat.pid == own).map(|stat| stat.pgrp) else {
        return BTreeSet::new();
    };
    let members: Vec<_> = stats.iter().filter(|stat| stat.pgrp == group).collect();
    let has_other_parent = |parent: i32| parent != own && members.iter().any(|it| it.pid == parent);
    let ours = members.iter().filter(|stat| stat.pid != own && !has_other_parent(stat.ppid));
    ours.map(|stat| stat.pid).collect()
}
