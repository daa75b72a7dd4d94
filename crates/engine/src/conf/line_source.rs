//! Where a conf line comes from, and with whose privileges its method is therefore called.
//!
//! A line gets nothing that its author could not have had. So when root runs the program for a
//! storage of another user, a line that this user may have written is called with that user's
//! privileges. [`plan`](crate::conf::plan) makes steps out of lines; lowering and raising
//! privileges is [`Privileges`]' part.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use dsnap_core::Reason;
use dsnap_core::method::{CheckedLine, Methods, SnapshotMethod, WorksWith};

use crate::limits;
use crate::system::privileges::Privileges;
use crate::system::{reading, trust};

/// The user id of root.
const ROOT: u32 = 0;

/// How far the author of a line is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TrustLevel {
    /// Only root can have written the line.
    RootOnly,
    /// The user who started the program typed the line.
    CommandLine,
    /// Another user may have written the line.
    Untrusted,
}

/// The source of a line.
#[derive(Clone, Copy)]
pub(super) struct LineSource<'a> {
    pub(super) trust: TrustLevel,
    pub(super) privileges: &'a Privileges,
}

impl<'a> LineSource<'a> {
    /// Finds the method that a line names: with the storage owner's privileges, or with the
    /// caller's if that fails and the author of the line is trusted.
    ///
    /// # Errors
    ///
    /// There is no such method, or its library cannot be used.
    pub(super) fn find<'b>(
        self,
        name: &'b OsStr,
        methods: &'b dyn Methods,
    ) -> Result<Candidate<'b>, Reason>
    where
        'a: 'b,
    {
        let (method, owner_error) = match methods.find(name.as_bytes()) {
            Ok(method) => (method, None),
            Err(reason) if self.trust == TrustLevel::Untrusted => return Err(reason),
            Err(reason) => (self.find_as_caller(name, methods)?, Some(reason)),
        };
        Ok(Candidate { source: self, name, methods, method, owner_error })
    }

    fn find_as_caller(
        self,
        name: &OsStr,
        methods: &dyn Methods,
    ) -> Result<Arc<dyn SnapshotMethod>, Reason> {
        self.privileges.with_caller_privileges(|| methods.find(name.as_bytes()))
    }

    /// Tells whether a line must be called with the storage owner's privileges.
    ///
    /// A method that works on the files changes the owner's files, so it always needs them. So does a
    /// line that names files in a folder that the owner may change.
    fn needs_owner(self, method: &dyn SnapshotMethod, checked: &CheckedLine) -> bool {
        method.works_with() == WorksWith::Nobody
            || match self.trust {
                TrustLevel::RootOnly => false,
                TrustLevel::CommandLine => checked.names_relative_files,
                TrustLevel::Untrusted => true,
            }
    }
}

/// A method that was found for a line, before the line's privileges are known.
pub(super) struct Candidate<'a> {
    source: LineSource<'a>,
    name: &'a OsStr,
    methods: &'a dyn Methods,
    /// The method.
    pub(super) method: Arc<dyn SnapshotMethod>,
    /// Why the storage owner cannot use the method, if only the caller can.
    owner_error: Option<Reason>,
}

impl Candidate<'_> {
    /// Lets the method check the words, with the privileges with which it was found.
    ///
    /// # Errors
    ///
    /// The words cannot follow the method's name.
    pub(super) fn check_words(&self, words: &[OsString]) -> Result<CheckedLine, Reason> {
        let check = || self.method.check_words(words);
        match self.owner_error {
            Some(_) => self.source.privileges.with_caller_privileges(check),
            None => check(),
        }
    }

    /// Decides with whose privileges the line is called. Returns the method, and whether it is
    /// called with the privileges with which the program was started.
    ///
    /// # Errors
    ///
    /// The user with whose privileges the line is called cannot use the method.
    pub(super) fn settle(
        self,
        checked: &CheckedLine,
    ) -> Result<(Arc<dyn SnapshotMethod>, bool), Reason> {
        match (self.source.needs_owner(&*self.method, checked), self.owner_error) {
            (true, None) => Ok((self.method, false)),
            (true, Some(reason)) => Err(reason),
            (false, Some(_)) => Ok((self.method, true)),
            // What the owner may load is not always good enough for root.
            (false, None) => Ok((self.source.find_as_caller(self.name, self.methods)?, true)),
        }
    }
}

/// Reads a conf file, with the caller's privileges only if nobody but root can change it. Returns
/// its content, and how far its lines are trusted.
pub(super) fn read(
    path: &Path,
    privileges: &Privileges,
    open: &dyn Fn() -> io::Result<File>,
    stopped: &dyn Fn() -> bool,
) -> io::Result<(Vec<u8>, TrustLevel)> {
    let trusted = privileges.are_lowered()
        && privileges.with_caller_privileges(|| only_root_can_change(path));
    let file = if trusted { privileges.with_caller_privileges(open) } else { open() }?;
    let text = reading::read_waiting_for_writer(file, limits::MAX_CONF_FILE, stopped)?;
    Ok((text, if trusted { TrustLevel::RootOnly } else { TrustLevel::Untrusted }))
}

fn only_root_can_change(path: &Path) -> bool {
    std::path::absolute(path).is_ok_and(|path| trust::check_writable_only_by(&path, ROOT).is_ok())
}
