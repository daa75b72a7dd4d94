//! What counts in every call, whatever it comes to: its time, its words, and that the process in
//! which it is made is afterwards what it was. Of each kind of breach the first one is told.

use std::collections::BTreeSet;
use std::env;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dsnap_core::{Reason, text};
use procfs::process::{Process, all_processes};

use super::harness::seconds;
use super::{Finding, Outcome};

const TIME: &str = "every call ends in its time";
const WORDS: &str = "words and reasons are one line";
const STDOUT: &str = "nothing is printed on stdout";
const FOLDER: &str = "the working directory stays";
const SIGNALS: &str = "the dispositions of signals stay";
const GROUP: &str = "no process is left in the group";

/// What was seen in all calls so far.
#[derive(Debug)]
pub(super) struct Manners {
    alone: bool,
    breaches: Mutex<Vec<(&'static str, String)>>,
}

/// The process before a call.
pub(super) struct Before {
    folder: Option<PathBuf>,
    signals: Option<(u64, u64)>,
    group: BTreeSet<i32>,
    stdout: Option<Diverted>,
}

impl Manners {
    pub(super) fn new(alone: bool) -> Self {
        Self { alone, breaches: Mutex::default() }
    }

    fn breach(&self, what: &'static str, sentence: String) {
        let mut breaches = self.breaches.lock().unwrap_or_else(PoisonError::into_inner);
        if !breaches.iter().any(|(known, _)| *known == what) {
            breaches.push((what, sentence));
        }
    }

    pub(super) fn late(&self, verb: &str, took: Duration, time: Duration) {
        let (took, time) = (seconds(took), seconds(time));
        self.breach(TIME, format!("{verb} took {took}, though it had time for {time}"));
    }

    pub(super) fn words(&self, verb: &str, words: &str) {
        if words.contains(['\n', '\r']) {
            let shown = text::harmless(words);
            self.breach(WORDS, format!("{verb} says more than one line at once: `{shown}`"));
        }
    }

    pub(super) fn reason(&self, verb: &str, reason: &Reason) {
        if reason.text().trim().is_empty() {
            self.breach(WORDS, format!("{verb} gives no reason for a result that needs one"));
        }
        self.words(verb, reason.text());
        reason.hints().iter().for_each(|hint| self.words(verb, hint));
    }

    pub(super) fn before(&self) -> Before {
        Before {
            folder: env::current_dir().ok(),
            signals: dispositions(),
            group: if self.alone { group() } else { BTreeSet::new() },
            stdout: if self.alone { Diverted::new() } else { None },
        }
    }

    pub(super) fn after(&self, verb: &str, before: Before) {
        if let Some(printed) = before.stdout.and_then(Diverted::end) {
            let shown = text::harmless(printed);
            self.breach(STDOUT, format!("{verb} prints on stdout: `{shown}`"));
        }
        let folder = env::current_dir().ok();
        if let (true, Some(was)) = (folder != before.folder, &before.folder) {
            let now = folder.map_or_else(|| "nowhere".to_owned(), text::path);
            let was_shown = text::path(was);
            self.breach(FOLDER, format!("{verb} went from {was_shown} to {now}"));
            // So that relative names on the line mean the same as before.
            let _ = env::set_current_dir(was);
        }
        let now = dispositions();
        if now != before.signals {
            let changed = changed(before.signals, now);
            self.breach(SIGNALS, format!("{verb} changed what happens on {changed}"));
        }
        if self.alone {
            let left = group().difference(&before.group).next().copied();
            if let Some(pid) = left {
                let program = Process::new(pid).and_then(|process| process.stat());
                let program = program.map_or_else(|_| String::new(), |stat| stat.comm);
                let program = text::harmless(program);
                self.breach(GROUP, format!("{verb} left `{program}` (pid {pid}) running"));
            }
        }
    }

    /// Everything, at the end.
    pub(super) fn tell(&self, tell: &mut dyn FnMut(Finding)) {
        let breaches = self.breaches.lock().unwrap_or_else(PoisonError::into_inner);
        for what in [TIME, WORDS, STDOUT, FOLDER, SIGNALS, GROUP] {
            let found = breaches.iter().find(|(broken, _)| *broken == what);
            let outcome = match found {
                Some((_, sentence)) => Outcome::Breach(sentence.clone()),
                None if !self.alone && [STDOUT, GROUP].contains(&what) => {
                    Outcome::NotAsked("others work in this process")
                }
                None => Outcome::Kept,
            };
            tell(Finding { what, outcome });
        }
    }
}

/// Which signals are ignored, and which are caught.
fn dispositions() -> Option<(u64, u64)> {
    let status = Process::myself().and_then(|process| process.status()).ok()?;
    Some((status.sigign, status.sigcgt))
}

fn changed(before: Option<(u64, u64)>, now: Option<(u64, u64)>) -> String {
    let (before, now) = (before.unwrap_or_default(), now.unwrap_or_default());
    let bits = (before.0 ^ now.0) | (before.1 ^ now.1);
    let numbers = (0..64).filter(|bit| bits >> bit & 1 == 1).map(|bit| (bit + 1).to_string());
    format!("signal {}", numbers.collect::<Vec<_>>().join(", "))
}

/// The processes of our group that descend from us, or from nobody any more.
fn group() -> BTreeSet<i32> {
    let stats = all_processes().into_iter().flatten().flatten();
    let stats: Vec<_> = stats.filter_map(|process| process.stat().ok()).collect();
    let own = std::process::id().cast_signed();
    let Some(group) = stats.iter().find(|stat| stat.pid == own).map(|stat| stat.pgrp) else {
        return BTreeSet::new();
    };
    let members: Vec<_> = stats.iter().filter(|stat| stat.pgrp == group).collect();
    let strangers = |parent: i32| parent != own && members.iter().any(|it| it.pid == parent);
    let ours = members.iter().filter(|stat| stat.pid != own && !strangers(stat.ppid));
    ours.map(|stat| stat.pid).collect()
}

/// Stdout, while it leads into a file. Dropping this leads it back.
struct Diverted {
    stdout: std::os::fd::OwnedFd,
    file: File,
}

impl Diverted {
    fn new() -> Option<Self> {
        let file = tempfile::tempfile().ok()?;
        let stdout = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3).ok()?;
        rustix::stdio::dup2_stdout(&file).ok()?;
        Some(Self { stdout, file })
    }

    /// What was printed, if anything was.
    fn end(mut self) -> Option<String> {
        // What a library of ours buffered belongs to the call.
        let _ = std::io::stdout().flush();
        let mut printed = Vec::new();
        self.file.rewind().ok()?;
        self.file.read_to_end(&mut printed).ok()?;
        (!printed.is_empty()).then(|| String::from_utf8_lossy(&printed).into_owned())
    }
}

impl Drop for Diverted {
    fn drop(&mut self) {
        let _ = rustix::stdio::dup2_stdout(&self.stdout);
    }
}
