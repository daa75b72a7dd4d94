//! Storages that no server has open and that need a recovery, and what each must become.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use dsnap_testkit::{Class, Format, State};
use xtask_base::process::Program;
use xtask_base::python::remove;
use xtask_base::tree::{self, Times};

use crate::options::Options;
use crate::original;
use crate::parallel::in_parallel;
use crate::scratch::Scratch;
use crate::strace::{Disturbance, Traced, Tracer, Whose};

/// The transactions of a wreck: each place that a state fills gets at least one.
const TRANSACTIONS: usize = 6;

/// How long an undisturbed run may take; it takes a fraction of a second.
const RUN_TIMEOUT: Duration = Duration::from_secs(60);

/// What a recovery decides. The record and the lock files are written by every run, recovery or not.
const COMPARED: [(&str, Times); 5] = [
    ("A", Times::Compared),
    ("B", Times::Compared),
    ("journal", Times::Compared),
    ("misc/snapshot", Times::Ignored),
    ("misc/replica.previous", Times::Compared),
];

/// A kind of wreck.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wreck {
    state: State,
    format: Format,
    class: Class,
    /// `sync` and `dirsync` in its settings.
    synced: (bool, bool),
    /// Whether a recovery of it was killed halfway already.
    interrupted: bool,
}

/// A wreck that was made, and what is known of its recovery.
#[derive(Debug)]
pub(crate) struct PreparedWreck {
    pub(crate) name: String,
    /// The storage as it was left. Each point gets a copy.
    pub(crate) template: PathBuf,
    /// The storage as an undisturbed run leaves it.
    pub(crate) expected: PathBuf,
    /// Where the storage was when its recovery was listed.
    pub(crate) listed_root: PathBuf,
    /// An undisturbed recovery.
    pub(crate) listed: Traced,
}

const SYNCED: (bool, bool) = (true, true);

impl Wreck {
    pub(crate) const fn of(state: State, format: Format, class: Class) -> Self {
        Self { state, format, class, synced: SYNCED, interrupted: false }
    }

    pub(crate) const fn with_sync(self, sync: bool, dirsync: bool) -> Self {
        Self { synced: (sync, dirsync), ..self }
    }

    pub(crate) const fn interrupted(self) -> Self {
        Self { interrupted: true, ..self }
    }

    /// All wrecks. Most have several revisions of one object in the journal, and a transaction that was
    /// never committed.
    pub(crate) const ALL: [Self; 13] = [
        Self::of(State::InSnapshot, Format::Bushy, Class::Full),
        Self::of(State::Crashed, Format::Bushy, Class::Full),
        Self::of(State::Replica, Format::Bushy, Class::Full),
        Self::of(State::Recombining, Format::Chunky, Class::Full),
        Self::of(State::Packing, Format::Chunky, Class::Full),
        Self::of(State::QuickShutdown, Format::Lawn, Class::Minimal),
        Self::of(State::ShutdownWithJournal, Format::Flat, Class::Full),
        Self::of(State::Replica, Format::Chunky, Class::Minimal).with_sync(true, false),
        Self::of(State::InSnapshot, Format::Chunky, Class::Minimal).with_sync(false, true),
        Self::of(State::Recombining, Format::Bushy, Class::Minimal).with_sync(true, false),
        Self::of(State::InSnapshot, Format::Bushy, Class::Full).interrupted(),
        Self::of(State::Crashed, Format::Chunky, Class::Full).interrupted(),
        Self::of(State::Replica, Format::Lawn, Class::Full).interrupted(),
    ];

    pub(crate) fn name(&self) -> String {
        let Self { state, format, class, synced: (sync, dirsync), interrupted } = self;
        let mut name = format!("{}-{}-{}", state.name(), format.name(), class.name());
        for (more, holds) in
            [("-sync0", !sync), ("-dirsync0", !dirsync), ("-interrupted", *interrupted)]
        {
            name.push_str(if holds { more } else { "" });
        }
        name.to_lowercase()
    }

    /// Makes the wreck, recovers copies of it with both tools, and lists the calls of a recovery.
    fn prepare(
        &self,
        options: &Options,
        scratch: &Scratch,
        thread: usize,
    ) -> Result<PreparedWreck> {
        let name = self.name();
        let folder = scratch.folder(&format!("wrecks/{name}"))?;
        let (template, expected) = (folder.join("template"), folder.join("expected"));
        let (sync, dirsync) = self.synced;
        let fixture = dsnap_testkit::Fixture::builder().state(self.state).format(self.format);
        let fixture = fixture.class(self.class).sync(sync).dirsync(dirsync);
        let fixture = fixture.transactions(TRANSACTIONS).build_in(&template)?;
        if self.interrupted {
            interrupt(options, scratch, thread, &template)?;
        }
        tree::copy(&template, &expected)?;
        run(options, &expected)?;
        let verdict = fixture.ledger().verify(&expected.join("A"));
        ensure!(verdict.holds(), "{name}: an undisturbed recovery lost something: {verdict}");
        original_agrees(options, &template, &expected, &folder.join("original"))?;
        let (listed_root, listed) = list(options, scratch, thread, &template)?;
        Ok(PreparedWreck { name, template, expected, listed_root, listed })
    }
}

/// Makes these wrecks, in this order.
pub(crate) fn prepare(
    options: &Options,
    scratch: &Scratch,
    all: &[Wreck],
) -> Result<Vec<PreparedWreck>> {
    in_parallel(all, |thread, wreck| {
        wreck.prepare(options, scratch, thread).with_context(|| wreck.name())
    })
}

impl PreparedWreck {
    /// Puts a fresh copy of the wreck where this thread works.
    pub(crate) fn copy_for(&self, thread: usize, scratch: &Scratch) -> Result<PathBuf> {
        let storage = slot(thread, scratch)?;
        tree::copy(&self.template, &storage)?;
        Ok(storage)
    }

    /// Finds the first difference of a recovered storage from the expected one.
    pub(crate) fn difference(&self, storage: &Path) -> Result<Option<String>> {
        difference(&self.expected, storage)
    }
}

/// Empties the place of a storage that this thread works with. Its path is as long for all threads.
pub(crate) fn slot(thread: usize, scratch: &Scratch) -> Result<PathBuf> {
    let storage = scratch.folder(&format!("slot-{thread:03}"))?.join("storage");
    remove(&storage)?;
    Ok(storage)
}

/// Traces the first thread of a run: it makes the recovery, and everything else that changes the storage.
pub(crate) fn tracer(storage: &Path) -> Tracer {
    Tracer { whose: Whose::FirstThread, file: storage.with_file_name("trace"), only: None }
}

/// Completes a command line: dsnap with a COMMAND that ends at once.
pub(crate) fn dsnap(options: &Options, storage: &Path) -> impl FnOnce(Program) -> Program {
    let dsnap = options.dsnap.clone();
    let storage = storage.to_owned();
    move |program| program.arg(dsnap).arg("--storage").arg(storage).arg("/bin/true")
}

/// Runs dsnap, undisturbed. Waits for the end of a COMMAND that an earlier run started.
pub(crate) fn run(options: &Options, storage: &Path) -> Result<()> {
    let dsnap = Program::within(RUN_TIMEOUT, &options.dsnap).args(["-t20", "-s0.1", "--storage"]);
    dsnap.arg(storage).arg("/bin/true").quiet().map(drop)
}

/// Finds the first difference between two recovered storages.
pub(crate) fn difference(expected: &Path, storage: &Path) -> Result<Option<String>> {
    for (part, times) in COMPARED {
        if let Some(difference) = tree::difference(expected, storage, part, times)? {
            return Ok(Some(format!("expected on the left, found on the right: {difference}")));
        }
    }
    Ok(None)
}

/// Lists the calls of a recovery of a copy. Returns where the copy was, too.
fn list(
    options: &Options,
    scratch: &Scratch,
    thread: usize,
    template: &Path,
) -> Result<(PathBuf, Traced)> {
    let storage = slot(thread, scratch)?;
    tree::copy(template, &storage)?;
    let listed = tracer(&storage).run(Disturbance::None, dsnap(options, &storage))?;
    ensure!(listed.finished.success(), "an undisturbed run: {}", listed.finished.failure());
    Ok((storage, listed))
}

/// Kills a recovery in the middle of its changes.
fn interrupt(options: &Options, scratch: &Scratch, thread: usize, template: &Path) -> Result<()> {
    let (_, listed) = list(options, scratch, thread, template)?;
    let changes: Vec<_> = listed.changes().collect();
    let middle = changes.get(changes.len() / 2).context("a recovery without a change")?;
    let killed = tracer(template).run(Disturbance::Kill(middle), dsnap(options, template))?;
    ensure!(!killed.finished.success(), "it was not killed");
    Ok(fs::remove_file(template.join("misc/dsnap.lock"))?)
}

/// Checks that the original makes the same of a wreck, if the original is there.
fn original_agrees(
    options: &Options,
    template: &Path,
    expected: &Path,
    storage: &Path,
) -> Result<()> {
    let Some(bin) = &options.original else { return Ok(()) };
    tree::copy(template, storage)?;
    if let Some(error) = original::recover(bin, &[storage.to_owned()])?.into_iter().flatten().next()
    {
        anyhow::bail!("the original cannot recover {}: {error}", template.display());
    }
    let difference = difference(expected, storage)?;
    ensure!(difference.is_none(), "the original on the right: {difference:?}");
    Ok(())
}
