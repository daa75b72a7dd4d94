//! What earlier runs may have left behind: found by their records, judged, and left.
//!
//! A run that gets the own lock knows that no tool is using the records' snapshots now; their
//! COMMANDs may. Nothing is sent while nobody has the storage open.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::conf::plan::Step;
use crate::record::entry::{Record, State};
use crate::record::run_lock::OwnLock;
use crate::run::context::Context;
use crate::run::event::Event;
use crate::run::job::Job;
use crate::run::leave::{self, Held, Shown};
use crate::run::pending_enter::{self, Fate};
use crate::storage::Storage;
use crate::storage::snapshot_file::Content;
use crate::storage::snapshot_lock::{self, Guard};
use crate::system::process::Place;
use crate::{durations, limits, quoting};
use dsnap_core::{Code, Refusal, text};

/// Leaves what earlier runs left behind; records that are settled go. `ours` is the code of
/// this run, which it goes on with; there is none where only the repair is wanted. True if
/// something was left: then the server may be busy for a while, putting its files together.
///
/// # Errors
///
/// A COMMAND of an earlier run still uses its snapshot, or a snapshot could not be left: the
/// record stays.
pub fn repair(context: &Context<'_>, own: &OwnLock, ours: Option<&Code>) -> Result<bool, Refusal> {
    if own.damaged() > 0 {
        context.program.report(Event::Damaged(own.damaged()));
    }
    if own.is_copy() && is_whole(context.storage) {
        own.forget_copied();
    }
    let purpose = if ours.is_some() { Purpose::Run } else { Purpose::Repair };
    let mut left = false;
    for record in own.records().iter().filter(|record| Some(&record.code) != ours) {
        left |= Orphan { context, own, record, purpose }.repair()?;
    }
    Ok(left)
}

/// Leaves what the records of one code tell of, because somebody named it: who may still use it
/// is that person's affair.
///
/// # Errors
///
/// It could not be left, or somebody is seen to hold `misc/sublock`: the record stays.
pub(crate) fn repair_named(
    context: &Context<'_>,
    own: &OwnLock,
    code: &Code,
) -> Result<(), Refusal> {
    for record in own.records().iter().filter(|record| &record.code == code) {
        Orphan { context, own, record, purpose: Purpose::Named }.repair()?;
    }
    Ok(())
}

/// Whether the server still puts its files together after what was left at `left_at`: it refuses
/// to enter then, and that is nobody's use of the storage.
pub(crate) fn is_recombining(storage: &Storage, left_at: Instant) -> bool {
    let no_snapshot =
        snapshot_lock::look_at_mark(storage).is_ok_and(|mark| mark.content == Content::Absent);
    // Its last step comes after the last file.
    let ends = || left_at.elapsed() < limits::RECOMBINING_ENDS;
    no_snapshot && (storage.leftovers().is_ok_and(|left| left.in_b) || ends())
}

/// Why the files of this storage must not be worked on: it is a file-by-file copy made while a
/// run held the original, and what is not in `A/` may be torn.
pub(crate) fn torn_copy(storage: &Storage, own: &OwnLock, job: &Job) -> Option<Refusal> {
    if !own.is_copy() || is_whole(storage) {
        return None;
    }
    let root = text::path(storage.root());
    let what = format!(
        "{root} is a copy made while a snapshot of the original was in use: its journal/ and B/ may be torn"
    );
    Some(
        Refusal::new(what)
            .hint(set_aside(storage))
            .hint(format!("if the copy is of one moment (a frozen disk): {}", job.recover)),
    )
}

/// The command that leaves `A/` alone, which is a backup by itself.
fn set_aside(storage: &Storage) -> String {
    let (journal, b) = (storage.journal(), storage.b());
    let aside =
        |path: &Path| quoting::quoted([path.as_os_str(), OsStr::new(".torn")].join(OsStr::new("")));
    format!(
        "A/ alone is the backup: mv {j} {aside_j} && mv {b} {aside_b} && mkdir {j} {b} && chown --reference={a} {j} {b}",
        j = quoting::quoted(&journal),
        b = quoting::quoted(&b),
        aside_j = aside(&journal),
        aside_b = aside(&b),
        a = quoting::quoted(storage.a()),
    )
}

fn is_whole(storage: &Storage) -> bool {
    let empty = fs::read_dir(storage.journal()).is_ok_and(|mut found| found.next().is_none());
    empty && storage.leftovers().is_ok_and(|left| left.is_none())
}

/// One record, looked into.
struct Orphan<'a> {
    context: &'a Context<'a>,
    own: &'a OwnLock,
    record: &'a Record,
    purpose: Purpose,
}

/// What a repair is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A run, which other storages are no matter of.
    Run,
    /// Only the repair: `--recover`.
    Repair,
    /// Only the repair, and a person named the code.
    Named,
}

impl Orphan<'_> {
    /// True if something was left.
    fn repair(&self) -> Result<bool, Refusal> {
        let mark = snapshot_lock::look_at_mark(self.context.storage)?;
        let free = self.context.lock.is_free();
        let ended = free == Some(true);
        let may_be_closed = match self.record.state {
            State::Closed => free != Some(false),
            State::Unknown => ended && self.record.may_close,
            State::Held | State::Elsewhere => false,
        };
        if may_be_closed && mark.content == Content::Shutdown {
            return self.open_again();
        }
        if mark.is_held_by(&self.record.code) && !ended {
            return self.leave();
        }
        if self.record.state == State::Elsewhere {
            // While nobody has this storage open nothing is sent.
            return if ended { Ok(false) } else { self.leave_elsewhere() };
        }
        if self.record.state != State::Unknown || ended || self.server_is_another() {
            self.settle();
        }
        Ok(false)
    }

    /// The server that was asked has ended since, and another one has the storage open.
    fn server_is_another(&self) -> bool {
        let taken = self.context.lock.taken();
        taken.is_some_and(|taken| snapshot_lock::seconds(taken) > self.record.since)
    }

    fn settle(&self) {
        self.own.settle(&self.record.code, Some(&self.record.line));
    }

    /// The line that asked, if the present conf (or this run's `--method`) still has it.
    fn step(&self) -> Option<&Step> {
        self.context.plan.steps.iter().find(|step| step.line == self.record.line)
    }

    /// Leaves a snapshot that the server holds for a run that is gone.
    fn leave(&self) -> Result<bool, Refusal> {
        self.nobody_uses_it()?;
        if self.record.state == State::Unknown {
            let settled = Instant::now() + self.context.job.settling;
            let Record { code, may_close, .. } = self.record;
            match pending_enter::watch(self.context, code, *may_close, || settled)? {
                Fate::Held => {}
                _ => return Ok(false),
            }
        }
        self.leave_by(self.step(), Shown::Code)
    }

    /// Tries again to leave what a server of another storage holds. Should that fail, it is said,
    /// but keeps no run from using this storage. False: here nothing was left.
    fn leave_elsewhere(&self) -> Result<bool, Refusal> {
        if self.nobody_uses_it().is_err() {
            return Ok(false);
        }
        let Record { code, line, conf, .. } = self.record;
        let left = match self.step() {
            Some(step) => self.leave_by(Some(step), Shown::Nothing),
            None => {
                self.settle();
                let line = text::harmless(OsStr::from_bytes(line));
                let conf = text::harmless(conf);
                Err(Refusal::new(format!("an earlier run entered the snapshot user/{code} of another storage by `{line}` ({conf}), and that line is gone"))
                    .hint(leave::cure_elsewhere(code)))
            }
        };
        match left {
            Err(reason) if self.purpose == Purpose::Run => {
                self.context.program.report(Event::NotLeft(reason));
                Ok(false)
            }
            left => left.map(|_| false),
        }
    }

    /// Opens a storage again that the enter closed: only where that was, and only by its line.
    fn open_again(&self) -> Result<bool, Refusal> {
        let storage = self.context.storage;
        let here = self.record.place.host == Place::here().host
            && self.record.storage == storage.resolved()
            && self.record.directory == storage.inode();
        if !here {
            return Ok(false);
        }
        self.nobody_uses_it()?;
        // A COMMAND that cannot be seen from here holds the lock.
        drop(Guard::lock(storage, limits::SUBLOCK)?);
        let Some(step) = self.step() else {
            let line = text::harmless(OsStr::from_bytes(&self.record.line));
            return Err(Refusal::new(format!(
                "an earlier run closed {} by `{line}` ({}), and that line is gone",
                text::path(storage.root()),
                text::harmless(&self.record.conf)
            ))
            .hint("put the line back, or start the server, and run again"));
        };
        self.leave_by(Some(step), Shown::Closed)
    }

    fn leave_by(&self, step: Option<&Step>, shown: Shown) -> Result<bool, Refusal> {
        Held::found(*self.context, self.own, step, self.record.code.clone(), shown).leave()?;
        Ok(true)
    }

    /// COMMAND of the run that entered may live on; where it cannot be seen, the server knows
    /// whether somebody holds `misc/sublock`, if locks reach it.
    fn nobody_uses_it(&self) -> Result<(), Refusal> {
        if self.purpose == Purpose::Named {
            return Ok(());
        }
        let Record { code, command, place, since, .. } = self.record;
        if let Some(command) = command.as_ref().filter(|command| place.sees(command)) {
            let age = snapshot_lock::seconds(SystemTime::now()).saturating_sub(*since);
            return Err(Refusal::in_use(format!(
                "COMMAND of an earlier run still uses the snapshot user/{code}: {} (pid {}), entered {} ago",
                text::harmless(&self.record.command_name),
                command.pid,
                durations::in_words(Duration::from_secs(age))
            )));
        }
        if !place.is_visible() && !self.context.lock.reaches() {
            return Err(Refusal::new(format!(
                "{} is in the snapshot user/{code} of a run on {}, and whether that still runs cannot be seen from here",
                text::path(self.context.storage.root()),
                text::harmless(&place.host)
            ))
            .hint(format!("if it does not: {} --code {code}", self.context.job.recover)));
        }
        Ok(())
    }
}
