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
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use dsnap_core::Reason;
use dsnap_core::method::{CheckedLine, Methods, SnapshotMethod, WorksWith};

use crate::limits;
use crate::system::privileges::Privileges;
use crate::system::walk::{Part, Walk};
use crate::system::{reading, trust, users};

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

/// Who can have written a line.
#[derive(Clone, Copy)]
pub(super) struct Author<'a> {
    pub(super) trust: TrustLevel,
    /// Why somebody besides root and the storage owner can have written it, too.
    pub(super) other: Option<&'a Reason>,
}

impl Author<'_> {
    /// The user typed the line.
    pub(super) const COMMAND_LINE: Self = Self { trust: TrustLevel::CommandLine, other: None };
}

/// The source of a line.
#[derive(Clone, Copy)]
pub(super) struct LineSource<'a> {
    pub(super) author: Author<'a>,
    pub(super) conf_folder: &'a Path,
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
            Err(reason) if self.author.trust == TrustLevel::Untrusted => return Err(reason),
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
            || match self.author.trust {
                TrustLevel::RootOnly => self.reads_what_others_change(checked),
                TrustLevel::CommandLine => {
                    checked.names_relative_files || self.reads_what_others_change(checked)
                }
                TrustLevel::Untrusted => true,
            }
    }

    /// Checks that a line gets root to read no secret that its author could not have read. In a conf that
    /// others can write, that leaves the files of its own folder. Without root's ids, a line reads the
    /// files of the storage owner, who lets others write the conf.
    ///
    /// # Errors
    ///
    /// The line names another file, or one that others can exchange for a link.
    fn check_reads(self, checked: &CheckedLine) -> Result<(), Reason> {
        let Some(other) = self.author.other.filter(|_| users::effective_user() == ROOT) else {
            return Ok(());
        };
        let is_own = |file: &PathBuf| {
            let mut parts = file.components();
            let is_name =
                matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
            is_name && !trust::others_can_change(&self.conf_folder.join(file), ROOT)
        };
        if checked.reads.iter().all(is_own) {
            return Ok(());
        }
        let what = format!(
            "{}: its lines may name only files in its own folder that nobody else can change",
            other.text()
        );
        Err(other.clone().with_text(what))
    }

    /// Says whether a file that the line names may be a link of another user's to a secret of
    /// root's.
    fn reads_what_others_change(self, checked: &CheckedLine) -> bool {
        let mut files = checked.reads.iter().map(|file| self.conf_folder.join(file));
        self.privileges
            .with_caller_privileges(|| files.any(|file| trust::others_can_change(&file, ROOT)))
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
    /// The words cannot follow the method's name, or the line may not read what they name.
    pub(super) fn check_words(&self, words: &[OsString]) -> Result<CheckedLine, Reason> {
        let check = || self.method.check_words(words);
        let checked = match self.owner_error {
            Some(_) => self.source.privileges.with_caller_privileges(check),
            None => check(),
        }?;
        self.source.check_reads(&checked)?;
        Ok(checked)
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

/// A conf file, opened, and what is known of its authors.
#[derive(Debug)]
pub(super) struct ConfFile {
    file: File,
    pub(super) trust: TrustLevel,
    /// Who else can write it: then no line in it may run anything.
    pub(super) other_author: Option<Reason>,
    /// The way to it leads through `/proc`.
    through_proc: bool,
}

impl ConfFile {
    /// Opens a conf file, with the caller's privileges only if nobody but root can change it.
    /// `owner` is the user who owns the storage.
    ///
    /// # Errors
    ///
    /// The file cannot be opened.
    pub(super) fn open(path: &Path, owner: u32, privileges: &Privileges) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let roots = privileges.are_lowered().then(|| {
            privileges.with_caller_privileges(|| {
                let parts = Walk::to(&path).parts().ok()?;
                trust::check_parts(&parts, &[ROOT]).ok()?;
                parts.last()?.open().ok()
            })
        });
        if let Some(file) = roots.flatten() {
            let trust = TrustLevel::RootOnly;
            return Ok(Self { file, trust, other_author: None, through_proc: false });
        }
        let parts = Walk::to(&path).parts().map_err(|blocked| blocked.error)?;
        let file = parts.last().ok_or(io::ErrorKind::NotFound)?.open()?;
        let authors = [ROOT, users::effective_user(), owner];
        // A pipe has no path that somebody could exchange.
        let judged = if parts.last().is_some_and(Part::is_pipe) {
            &parts[parts.len() - 1..]
        } else {
            &parts
        };
        let other_author = trust::check_parts(judged, &authors).err();
        let through_proc = parts.iter().any(Part::is_in_proc);
        Ok(Self { file, trust: TrustLevel::Untrusted, other_author, through_proc })
    }

    /// Allows only a regular file that others could open, too: the user does not name the default
    /// conf, so the storage's owner may have chosen where it leads.
    pub(super) fn regular(self) -> io::Result<Self> {
        if self.through_proc {
            return Err(reading::through_proc());
        }
        if self.file.metadata()?.is_file() {
            return Ok(self);
        }
        Err(io::Error::other("it is not a regular file"))
    }

    /// Reads the whole file. A pipe's writer is waited for, unless `stopped` returns true.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is too large.
    pub(super) fn read(&self, stopped: &dyn Fn() -> bool) -> io::Result<Vec<u8>> {
        reading::read_waiting_for_writer(&self.file, limits::MAX_CONF_FILE, stopped)
    }
}
