//! One of the storages of a run, and what one try hands on to the next.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use dsnap_core::method::Methods;
use dsnap_core::{Code, Reason};

use crate::record::run_lock::RunLock;
use crate::run::hold::FirstEnter;
use crate::run::job::{Job, NotRun};
use crate::run::new_code::new_code;
use crate::run::reporter::Reporter;
use crate::run::session::Session;
use crate::storage::Storage;
use crate::system::privileges::Privileges;
use crate::system::process::Host;

/// A storage that a run is to freeze.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// What the run is to do, with the conf lines of this storage.
    pub job: &'a Job,
    /// The storage.
    pub storage: &'a Storage,
    /// The privileges with which it is worked on.
    pub privileges: &'a Privileges,
}

/// A storage of a run.
pub(crate) struct Member<'a> {
    pub(crate) session: Session<'a>,
    pub(crate) reporter: &'a Reporter<'a>,
    pub(crate) tries: RefCell<Tries>,
    /// The directory with all links resolved.
    resolved: PathBuf,
    /// When a try last failed because of this storage.
    failed_at: Cell<Option<Instant>>,
    /// The last try failed because of this storage.
    is_to_blame: Cell<bool>,
}

/// What one try hands on to the next.
pub(crate) struct Tries {
    /// The code of the last try, for as long as its enter may still come.
    pub(crate) code: Code,
    /// When the first try with this code began.
    pub(crate) began: SystemTime,
    /// When the first enter with this code began.
    pub(crate) first_enter: FirstEnter,
    /// The label of the line that entered the snapshot of this try.
    pub(crate) entered_by: Option<String>,
    /// What this run entered at the server of another storage and could not leave.
    pub(crate) not_left: Option<Reason>,
}

impl Tries {
    fn new() -> Self {
        let code = new_code(&Host::here().host, std::process::id());
        let (began, first_enter) = (SystemTime::now(), FirstEnter::default());
        Self { code, began, first_enter, entered_by: None, not_left: None }
    }

    /// Takes a new code, unless the enter under the old one may still come. Once it is over, a leave
    /// under the old code may still be on its way, and would overtake another enter under it.
    pub(crate) fn renew(&mut self, run_lock: &RunLock) {
        if !run_lock.may_still_enter(&self.code) {
            let Self { code, began, first_enter, .. } = Self::new();
            (self.code, self.began, self.first_enter) = (code, began, first_enter);
        }
    }
}

impl<'a> Member<'a> {
    /// Opens the session of a storage.
    ///
    /// # Errors
    ///
    /// The program was asked to end.
    pub(crate) fn begin(
        target: &Target<'a>,
        methods: &'a dyn Methods,
        reporter: &'a Reporter<'a>,
    ) -> Result<Self, NotRun> {
        let Target { job, storage, privileges } = *target;
        privileges.within(|| {
            Ok(Self {
                session: Session::begin(job, storage, privileges, methods, reporter)?,
                reporter,
                tries: RefCell::new(Tries::new()),
                resolved: storage.resolved(),
                failed_at: Cell::new(None),
                is_to_blame: Cell::new(false),
            })
        })
    }

    /// Does something with the privileges of the storage.
    pub(crate) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        self.session.privileges.within(work)
    }

    /// Notes that a try failed because of this storage. Returns why, with the name of the storage.
    pub(crate) fn failed(&self, why: impl Into<NotRun>) -> NotRun {
        self.failed_at.set(Some(Instant::now()));
        self.is_to_blame.set(true);
        self.reporter.name_all(why.into())
    }

    /// Notes that a try begins.
    pub(crate) fn try_begins(&self) {
        self.is_to_blame.set(false);
    }

    /// Says whether the last try failed because of this storage.
    pub(crate) fn is_to_blame(&self) -> bool {
        self.is_to_blame.get()
    }

    /// Returns when a try last failed because of this storage.
    pub(crate) fn failed_at(&self) -> Option<Instant> {
        self.failed_at.get()
    }

    /// Returns the place of the storage in the order in which run locks are taken. The order is the
    /// same for every run, so that two runs do not wait for each other.
    pub(crate) fn lock_order(&self) -> &Path {
        &self.resolved
    }

    /// Returns the place of the storage in the order of entering. The storage that failed last comes
    /// first: as long as it fails again, the others are not frozen in vain.
    pub(crate) fn enter_order(&self) -> impl Ord + use<> {
        (Reverse(self.failed_at()), self.reporter.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::entry::{self, Record};
    use crate::record::evidence::Evidence;
    use crate::storage::testing::storage;

    #[test]
    fn a_code_is_used_again_only_while_its_enter_may_still_come() {
        let (_folder, storage) = storage();
        let lock = RunLock::take(&storage).unwrap();
        for (evidence, again) in [
            (Evidence::Unknown, true),
            (Evidence::Here, false),
            (Evidence::Elsewhere, false),
            (Evidence::Closed, false),
        ] {
            let mut tries = Tries::new();
            let code = tries.code.clone();
            let record = entry::tests::record(code.as_str());
            lock.record_intent(Record { evidence, ..record }).unwrap();
            tries.renew(&lock);
            assert_eq!(tries.code == code, again, "{evidence:?}");
        }
    }
}
