//! The storages of `--also`, opened beside that of `--storage`, each with its own owner's privileges.

use std::path::{Path, PathBuf};

use dsnap_core::Reason;
use dsnap_engine::conf::plan::Source;
use dsnap_engine::run::job::Job;
use dsnap_engine::run::member::Target;
use dsnap_engine::storage::{self, Storage};
use dsnap_engine::system::privileges::Privileges;

/// A storage of `--also`.
#[derive(Debug)]
pub(super) struct OtherStorage {
    job: Job,
    pub(super) storage: Storage,
    pub(super) privileges: Privileges,
}

impl OtherStorage {
    /// Opens the storages, each named with the command that recovers it. `job` is that of the run, and
    /// `main` are the privileges in effect.
    ///
    /// # Errors
    ///
    /// A directory is no storage, cannot be reached, or its owner cannot be told.
    pub(super) fn open_all(
        named: &[(PathBuf, String)],
        job: &Job,
        main: &Privileges,
    ) -> Result<Vec<Self>, Reason> {
        let open = || named.iter().map(|(dir, recover)| Self::open(dir, recover, job)).collect();
        // Only root can judge whose storage it is.
        main.with_caller_privileges(open)
    }

    fn open(dir: &Path, recover: &str, job: &Job) -> Result<Self, Reason> {
        let privileges = Privileges::of_owner(dir, storage::MAIN)?;
        let lowered = privileges.lower();
        let storage = lowered.and_then(|()| Storage::open_judged(dir, &privileges));
        privileges.restore()?;
        // The conf of the command line is that of `--storage`.
        let (source, recover) = (Source::Default, recover.to_owned());
        Ok(Self { job: Job { source, recover, ..job.clone() }, storage: storage?, privileges })
    }

    /// Describes the storage to the engine.
    pub(super) fn target(&self) -> Target<'_> {
        Target { job: &self.job, storage: &self.storage, privileges: &self.privileges }
    }
}
