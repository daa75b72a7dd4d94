//! The contract of a snapshot method.
//!
//! A *method* is one way to force a storage into snapshot mode. Some are linked into the
//! program, others will be loaded; all are held to what this page says, and the run cannot tell
//! them apart.
//!
//! # Three verbs, no state
//!
//! There is no handle between [`enter`](SnapshotMethod::enter) and
//! [`leave`](SnapshotMethod::leave): whatever a method needs is in the [`Request`]. So another
//! process can later leave what a dead one entered, and a call can run in a process of its own.
//!
//! # What the caller owes
//!
//! - The tool's own lock is held during every `enter` and `leave`: a method is never called
//!   twice at once for one storage by the tool.
//! - After [`Entered::Held`], `leave` is called with the same code, until it worked or time is
//!   up. After any other answer it may be called all the same.
//!
//! # What a method owes
//!
//! - `leave` is idempotent: that there is nothing to leave is success. It never ends a snapshot
//!   that has another code.
//! - It respects [`Request::time_left`], and asks [`Caller::should_stop`] at least five times a
//!   second while it waits or works.
//! - It writes nothing to standard output, changes neither the working directory nor the
//!   dispositions of signals, and leaves no process behind in its group.
//!
//! The trap to avoid: a method that remembers in `enter` what it needs in `leave`.
//!
//! ```
//! # use dsnap_core::method::{Entered, Left, Request, SnapshotMethod, Status};
//! # use dsnap_core::Reason;
//! /// Right: everything comes from the request, and leaving twice is harmless.
//! #[derive(Debug)]
//! struct Flag;
//!
//! impl SnapshotMethod for Flag {
//!     fn name(&self) -> &str {
//!         "flag"
//!     }
//!
//!     fn enter(&self, request: &Request<'_>) -> Entered {
//!         match std::fs::write(request.storage.join("please-freeze"), request.code.as_str()) {
//!             Ok(()) => Entered::Held,
//!             Err(error) => Entered::Failed(Reason::new(format!("cannot raise the flag: {error}"))),
//!         }
//!     }
//!
//!     fn leave(&self, request: &Request<'_>) -> Left {
//!         match std::fs::remove_file(request.storage.join("please-freeze")) {
//!             Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
//!                 Left::Failed(Reason::new(format!("cannot lower the flag: {error}")))
//!             }
//!             _ => Left::Left,
//!         }
//!     }
//!
//!     fn status(&self, _request: &Request<'_>) -> Status {
//!         Status::CannotTell
//!     }
//! }
//! ```

use std::ffi::OsString;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::code::Code;
use crate::reason::Reason;

/// One way to force a storage into snapshot mode. See the [module](self) for the contract.
pub trait SnapshotMethod: Debug + Send + Sync {
    /// The word that names the method on a line of `snapshot.conf`: `[a-z][a-z0-9_]*`.
    fn name(&self) -> &str;

    /// With whom the method works; this decides when it is tried at all.
    fn works_with(&self) -> WorksWith {
        WorksWith::Owner
    }

    /// Whether an enter may close the storage, as a script does that stops the server: then
    /// leaving is to open it again.
    fn may_close(&self) -> bool {
        true
    }

    /// How messages call a line of this method; `line` is what stands in the file. A password
    /// that may be part of it must not come out of here.
    fn label(&self, line: &str) -> String {
        line.to_owned()
    }

    /// Whether these words can follow the method's name at all; asked before anything is tried.
    ///
    /// # Errors
    ///
    /// What is wrong with them: the line is reported as malformed and passed over.
    fn check_words(&self, _words: &[OsString]) -> Result<(), Reason> {
        Ok(())
    }

    /// Whether one of the words names a file relative to [`Request::conf_folder`]. Then even a
    /// line that root typed has the rights of the storage's owner, who may change that folder.
    fn names_relative_files(&self, words: &[OsString]) -> bool {
        words.iter().any(|word| !Path::new(word).is_absolute())
    }

    /// Puts the storage into snapshot mode under the request's code.
    fn enter(&self, request: &Request<'_>) -> Entered;

    /// Takes the storage out of the snapshot with the request's code.
    fn leave(&self, request: &Request<'_>) -> Left;

    /// Looks only: what would `enter` meet?
    fn status(&self, request: &Request<'_>) -> Status;
}

/// Whether a word can name a method on a line: a-z, then a-z, 0-9 or _.
pub fn is_name(word: &str) -> bool {
    let mut letters = word.bytes();
    letters.next().is_some_and(|first| first.is_ascii_lowercase())
        && letters.all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_')
}

/// With whom a method works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorksWith {
    /// The process that has the storage open: without one there is nobody to ask.
    Owner,
    /// Nobody: it needs a storage that no process has open.
    Nobody,
}

/// Everything a call of a method needs.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The storage directory, absolute.
    pub storage: &'a Path,
    /// The folder that relative names on the line are relative to.
    pub conf_folder: &'a Path,
    /// The words of the line after the method's name, unquoted. Bytes, not always UTF-8.
    pub words: &'a [OsString],
    /// The code to enter, leave or look for.
    pub code: &'a Code,
    /// How long the call may take, from now; `None` is as long as it makes progress.
    pub time_left: Option<Duration>,
    /// Who listens, and may want the call to stop.
    pub caller: &'a dyn Caller,
}

impl Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("storage", &self.storage)
            .field("words", &self.words)
            .field("code", &self.code)
            .field("time_left", &self.time_left)
            .finish_non_exhaustive()
    }
}

/// Who called a method.
pub trait Caller {
    /// Takes words or progress, for people.
    fn say(&self, said: Message<'_>);

    /// Whether the call should end as soon as it safely can.
    fn should_stop(&self) -> bool;
}

/// What a method says while it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// One line of words.
    Words(&'a str),
    /// Progress: `done` of `of`, if that is known, in `unit`s (`files`).
    Progress {
        /// How many are done.
        done: u64,
        /// How many there are.
        of: Option<u64>,
        /// Of what, in the plural.
        unit: &'a str,
    },
}

/// How `enter` ended. Each but the first two says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entered {
    /// In snapshot mode under this code: must be left.
    Held,
    /// The storage is closed and a snapshot: nothing to leave.
    Done,
    /// In use: another snapshot, pack or recombination is in the way.
    Busy(Reason),
    /// Not to be had: not reachable, not running; for a method that works with nobody: a
    /// process has the storage open.
    Unavailable(Reason),
    /// Bad arguments, no permission: a person must act.
    Refused(Reason),
    /// Anything else that is known to have had no effect.
    Failed(Reason),
    /// Something was sent and the answer is missing.
    Unknown(Reason),
}

/// How `leave` ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// Left, or there was nothing to leave.
    Left,
    /// Somebody holds the snapshot.
    Busy(Reason),
    /// Nobody to ask.
    Unavailable(Reason),
    /// A person must act.
    Refused(Reason),
    /// Anything else.
    Failed(Reason),
}

/// What `status` saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// `enter` would find nothing in its way.
    CouldEnter,
    /// A snapshot is held; its code as the server says it, for instance `user/HOST-1-x`.
    Held(Vec<u8>),
    /// In use otherwise.
    Busy(Reason),
    /// Nobody to ask.
    Unavailable(Reason),
    /// A person must act.
    Refused(Reason),
    /// No error: the method has no way to look.
    CannotTell,
}

/// Where the run finds methods by their names.
pub trait Methods {
    /// The method of that name, for a line with the rights that are in effect now: what is
    /// loaded must be out of reach of everybody else.
    ///
    /// # Errors
    ///
    /// Why there is none that can be used.
    fn find(&self, name: &[u8]) -> Result<Arc<dyn SnapshotMethod>, Reason>;
}
