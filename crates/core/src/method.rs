//! The contract of a snapshot method: what a method must do, and what its caller owes it.
//!
//! A *method* is one way to put a storage into snapshot mode and to take it out again. Some methods
//! are linked into the program, others are loaded from libraries. All of them follow this page, and
//! the run cannot tell them apart. [`abi`](crate::abi) is the same contract for libraries in C.
//!
//! # Three verbs, no state
//!
//! [`enter`](SnapshotMethod::enter) puts the storage into snapshot mode under a code,
//! [`leave`](SnapshotMethod::leave) takes it out again, and [`status`](SnapshotMethod::status) only
//! looks. There is no handle between `enter` and `leave`: everything a call needs is in its
//! [`Request`]. So another process can leave what a killed one entered, and each call can run in a
//! process of its own.
//!
//! # What the caller guarantees
//!
//! - It holds the storage's run lock during every `enter` and `leave`. So dsnap never makes two
//!   such calls for one storage at the same time.
//! - After [`Entered::Held`] it calls `leave` with the same code until that succeeds or its time is
//!   up. It may call `leave` after any other result, too.
//! - It does not trust a result. Whether the storage really contains a fresh snapshot it reads from
//!   the storage itself.
//!
//! # What a method must do
//!
//! - `leave` is idempotent: if there is nothing to leave, it succeeds. It never ends a snapshot
//!   that has another code.
//! - It returns within [`Request::time_left`]. While it waits or works, it asks
//!   [`Caller::should_stop`] at least five times a second.
//! - It writes nothing to standard output, changes neither the working directory nor signal
//!   handlers, and leaves no process behind.
//! - Before an `enter` has any effect, it uses everything that a `leave` will depend on, within
//!   [`Request::leave_time`]: the same address, permission and kind of answer. So what got in can
//!   get out.
//! - It says [`Entered::Failed`] only if the call certainly had no effect. If it sent something and
//!   does not know the outcome, it says [`Entered::Unknown`].
//!
//! A common mistake is to remember something in `enter` that `leave` needs. The second call may
//! come from another process.
//!
//! ```
//! # use dsnap_core::method::{Entered, Left, Request, SnapshotMethod, Status};
//! # use dsnap_core::Reason;
//! /// Asks a server to pause by creating a file. Everything comes from the request, and leaving
//! /// twice is harmless.
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
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::code::Code;
use crate::reason::Reason;

/// One way to put a storage into snapshot mode. The [module](self) states the contract.
pub trait SnapshotMethod: Debug + Send + Sync {
    /// Returns the word that names the method on a line of `snapshot.conf`: `[a-z][a-z0-9_]*`.
    fn name(&self) -> &str;

    /// Tells whether the method needs the server or needs its absence.
    ///
    /// This decides when the program tries the method at all.
    fn works_with(&self) -> WorksWith {
        WorksWith::Owner
    }

    /// Tells whether `enter` may close the storage, as a script does that stops the server.
    ///
    /// If so, `leave` is also called to start the server again.
    fn may_close(&self) -> bool {
        true
    }

    /// Tells whether a line of this method runs a program, or loads a library.
    ///
    /// Such a line needs a conf that nobody else can write: see [`Methods::runs_code`].
    fn runs_code(&self) -> bool {
        true
    }

    /// Checks the words that follow the method's name on a line, before anything is tried.
    ///
    /// The check looks at the words only: not at files, not at a server. It is made once for each
    /// line, and it also says how messages name the line. A method whose lines can contain a
    /// password must return a [label](CheckedLine::label) without it.
    ///
    /// # Errors
    ///
    /// The words cannot follow the method's name. The reason, which must not repeat a password,
    /// completes the message `malformed line N in FILE (REASON)`. The line is then skipped.
    fn check_words(&self, words: &[OsString]) -> Result<CheckedLine, Reason> {
        Ok(CheckedLine::of(words))
    }

    /// Checks that what the line needs on this machine can be used: a program, a file with a
    /// password. Runs nothing and asks no server.
    ///
    /// # Errors
    ///
    /// Something cannot be used, so that `enter` would be refused.
    fn check_files(&self, request: &Request<'_>) -> Result<(), Reason> {
        let _ = request;
        Ok(())
    }

    /// Puts the storage into snapshot mode under the request's code.
    fn enter(&self, request: &Request<'_>) -> Entered;

    /// Takes the storage out of the snapshot with the request's code.
    ///
    /// Succeeds if there is nothing to leave. Never ends a snapshot that has another code.
    fn leave(&self, request: &Request<'_>) -> Left;

    /// Looks at the server and changes nothing: what would `enter` meet?
    fn status(&self, request: &Request<'_>) -> Status;

    /// Looks as far as that is possible without running a program of the site.
    ///
    /// A method that runs one only checks that it could. Every other method looks as in `status`.
    fn probe(&self, request: &Request<'_>) -> Status {
        self.status(request)
    }
}

/// What a method says about a line whose words it accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedLine {
    /// How messages name the line: one line of text, for instance a URL without its password.
    ///
    /// With `None` the program shows the words of the line, quoted as for a shell and joined by one
    /// blank. The program makes the label harmless and cuts it at
    /// [`MAX_SHOWN_CHARS`](crate::text::MAX_SHOWN_CHARS).
    pub label: Option<String>,
    /// Whether a word names a file relative to [`Request::conf_folder`].
    ///
    /// The storage owner may be able to change files in that folder. So if root types such a line,
    /// the method is called with the privileges of the storage owner. Without relative files it
    /// keeps root's.
    pub names_relative_files: bool,
    /// The files that the method reads for the line and that are not to be run: a password, a
    /// certificate. Relative names are relative to [`Request::conf_folder`].
    ///
    /// If root wrote the line and another user can change one of these files, the method is called
    /// with the privileges of the storage owner, so that a link cannot make root read a secret.
    pub reads: Vec<PathBuf>,
}

impl CheckedLine {
    /// Describes a line by the default rules: no label of its own, and each word that is not an
    /// absolute path may name a relative file.
    pub fn of(words: &[OsString]) -> Self {
        let names_relative_files = words.iter().any(|word| !Path::new(word).is_absolute());
        Self { label: None, names_relative_files, reads: Vec::new() }
    }

    /// Sets the label by which messages name the line.
    #[must_use]
    pub fn with_label(self, label: impl Into<String>) -> Self {
        Self { label: Some(label.into()), ..self }
    }
}

/// What a word must be to name a method on a line, for messages.
pub const NAME_RULE: &str =
    "it must be a-z, then a-z, 0-9 or _, and not one of: failed, hint, malformed";

/// Tells whether a word can name a method on a line, by [`NAME_RULE`].
///
/// A few words cannot, because messages that scripts know begin with them. What a method says begins
/// with its name, so it could not be told from such a message.
pub fn is_name(word: &str) -> bool {
    const RESERVED: [&str; 4] = ["failed", "hint", "malformed", "usage"];
    let mut letters = word.bytes();
    letters.next().is_some_and(|first| first.is_ascii_lowercase())
        && letters.all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_')
        && !RESERVED.contains(&word)
}

/// Whether a method needs the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorksWith {
    /// It asks the process that has the storage open. Without one, the program skips its lines.
    Owner,
    /// It works on the files, and needs a storage that no process has open.
    Nobody,
}

/// Everything that one call of a method needs.
// wide: a call may be made in another process, so all of it is here
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The storage directory, as an absolute path.
    pub storage: &'a Path,
    /// The folder to which file names on the line are relative, as an absolute path.
    pub conf_folder: &'a Path,
    /// The words of the line after the method's name, unquoted. They need not be UTF-8.
    pub words: &'a [OsString],
    /// The code to enter, leave or look for.
    pub code: &'a Code,
    /// How long the call may take, counted from its start. With `None` it may take as long as it
    /// makes progress.
    pub time_left: Option<Duration>,
    /// How long a `leave` of this line may take. An `enter` must reach what its `leave` needs in
    /// this time, before it has any effect.
    pub leave_time: Duration,
    /// For `leave`: this line entered, the enter is over, and `misc/snapshot` contains the code. So
    /// the server may be asked to leave even if it does not answer any other question.
    pub snapshot_seen: bool,
    /// The caller: it takes messages and may want the call to stop.
    pub caller: &'a dyn Caller,
}

/// Shows everything but the folder of the conf and the caller.
impl Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("storage", &self.storage)
            .field("words", &self.words)
            .field("code", &self.code)
            .field("time_left", &self.time_left)
            .field("snapshot_seen", &self.snapshot_seen)
            .finish_non_exhaustive()
    }
}

/// The caller of a method.
pub trait Caller {
    /// Takes a message or progress, for people to read.
    fn say(&self, message: Message<'_>);

    /// Tells whether the call should end as soon as it safely can.
    ///
    /// Once this returns true, it stays true for the rest of the call. The method then has 20
    /// seconds, or the rest of its time if that is less, to come to an end.
    fn should_stop(&self) -> bool;
}

/// What a method says while it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// One line of text, which the program shows with `-v`.
    Words(&'a str),
    /// One line of text about something that the user should know although the call goes on. The
    /// program shows it unless `-q` was given. A loaded method cannot say this: from a library it
    /// arrives as [`Words`](Self::Words).
    Warning(&'a str),
    /// One line of text about what the method sends or runs, or about the answer to it. The program
    /// shows it with `-vv`. The method leaves passwords out.
    Trace(&'a str),
    /// How far the call has come.
    Progress {
        /// How many units are done.
        done: u64,
        /// How many units there are, if that is known.
        of: Option<u64>,
        /// What is counted, in the plural: `files`.
        unit: &'a str,
    },
}

/// The result of [`enter`](SnapshotMethod::enter).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entered {
    /// The storage is in snapshot mode under this code, and must be left.
    Held,
    /// The storage is closed and is a snapshot as it is. There is nothing to leave.
    Done,
    /// Another snapshot, a pack or a recombination is in progress. Waiting helps.
    Busy(Reason),
    /// Nobody answers. For a method that [needs the server's absence](WorksWith::Nobody): a process
    /// has the storage open. Waiting helps.
    Unavailable(Reason),
    /// The line is wrong, or a permission is missing. A person must act.
    Refused(Reason),
    /// Something else went wrong, and the call certainly had no effect.
    Failed(Reason),
    /// Something was sent, and its outcome is not known. The program finds out.
    Unknown(Reason),
    /// The server reported an error and is in no snapshot, but something between may have answered
    /// in its place while it goes on entering. The program takes the line as failed, waits for
    /// nothing, and keeps its record: if the snapshot arrives late, a later run leaves it.
    LikelyFailed(Reason),
}

/// The result of [`leave`](SnapshotMethod::leave).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// The snapshot is left, or there was nothing to leave.
    Left,
    /// Somebody is using the snapshot. Waiting helps.
    Busy(Reason),
    /// Nobody answers. Waiting helps.
    Unavailable(Reason),
    /// The line is wrong, or a permission is missing. A person must act.
    Refused(Reason),
    /// Something else went wrong, or the outcome is not known.
    Failed(Reason),
}

/// The result of [`status`](SnapshotMethod::status).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Nothing is in the way of an `enter`.
    CouldEnter,
    /// The storage is in snapshot mode. The code is as the server says it: `user/HOST-1-x`.
    Held(Vec<u8>),
    /// A pack or a recombination is in progress.
    Busy(Reason),
    /// Nobody answers.
    Unavailable(Reason),
    /// The line is wrong, or a permission is missing. A person must act.
    Refused(Reason),
    /// The method cannot look. This is not an error.
    CannotTell,
}

/// Finds methods by their names, for the run.
pub trait Methods {
    /// Finds the method for a line that has the privileges in effect now.
    ///
    /// A library is only loaded if no user with fewer privileges can change it.
    ///
    /// # Errors
    ///
    /// There is no method of that name, or its library cannot be used.
    fn find(&self, name: &[u8]) -> Result<Arc<dyn SnapshotMethod>, Reason>;

    /// Tells whether a line of this name runs a program or loads a library, without loading any.
    ///
    /// Somebody who can write such a line can run anything, so the conf must be writable by no user
    /// but root, the owner of the storage and the caller.
    fn runs_code(&self, name: &[u8]) -> bool;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &[&str]) -> CheckedLine {
        CheckedLine::of(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn by_default_each_word_that_is_not_absolute_may_name_a_relative_file() {
        assert!(!line(&[]).names_relative_files);
        assert!(!line(&["/a", "/b"]).names_relative_files);
        for words in [&["a"][..], &["/a", "b"], &[""]] {
            assert!(line(words).names_relative_files, "{words:?}");
        }
    }

    #[test]
    fn a_line_has_a_label_only_if_its_method_sets_one() {
        assert_eq!(line(&["/a"]).label, None);
        let labelled = line(&["/a"]).with_label("a");
        let expected = CheckedLine { label: Some("a".to_owned()), ..line(&["/a"]) };
        assert_eq!(labelled, expected);
    }
}
