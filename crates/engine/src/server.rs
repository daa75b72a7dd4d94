//! Asking a server that has the storage open: what is the same over every protocol.
//!
//! A method reaches the server and reads its answers: that is the trait [`Server`]. What the answers
//! mean is decided here, so that two methods cannot decide differently:
//!
//! - `enter`, `leave` and `status` are the three verbs,
//! - `current_use` and `exception` are what a server says about its storage,
//! - `call_error` is why there is no usable answer.
//!
//! All of them depend on one question: was anything sent? Before that, a failure has no effect.
//! After that, the call may have had its effect, whatever comes back.
//!
//! `deadline`, `addresses` and `access_file` are tools for reaching a server: the time limit, the
//! lookup of a host, and the file that contains user and password.
//!
//! Deliberately elsewhere: whether the server is that of the storage, whether its snapshot is
//! fresh, and what to do about an enter without an answer. All that is part of a run.

pub mod access_file;
pub mod addresses;
pub mod call_error;
pub mod current_use;
pub mod deadline;
mod enter;
pub mod exception;
mod leave;
mod status;

use std::path::Path;

use dsnap_core::{Code, Reason};

use self::call_error::CallError;
use self::current_use::CurrentUse;
use self::deadline::{Deadline, TimeLimits};
pub use self::enter::enter;
use self::exception::Exception;
pub use self::leave::leave;
pub use self::status::status;

/// A server, with all that is needed to call it.
///
/// The time limit of the verb covers all calls together, and the question has a shorter one within
/// it: half of what is left if the snapshot was seen, otherwise the time of a leave.
pub trait Server {
    /// Returns the URL or address, for messages.
    fn shown(&self) -> &str;

    /// Makes the server's words harmless, and masks the secrets that were sent to it.
    fn harmless(&self, words: &str) -> String;

    /// Returns the path of `misc/sublock`, which the server locks before it leaves.
    fn sublock(&self) -> &Path;

    /// Returns the time limits of the verb.
    fn limits(&self) -> &TimeLimits<'_>;

    /// Asks, within `deadline`, what the storage is used for, if anything.
    ///
    /// # Errors
    ///
    /// There is no usable answer, or it contains no snapshot code.
    fn ask(&self, deadline: &Deadline<'_>) -> Result<Option<CurrentUse>, CallError>;

    /// Asks the question within its time limit. Once it was sent, a request to stop still leaves time
    /// for the answer.
    ///
    /// # Errors
    ///
    /// As for [`ask`](Self::ask).
    fn current_use(&self) -> Result<Option<CurrentUse>, CallError> {
        self.limits().question(|deadline| self.ask(deadline))
    }

    /// Asks the question before an enter, when nothing is at stake: a stop takes effect at once.
    ///
    /// # Errors
    ///
    /// As for [`ask`](Self::ask).
    fn current_use_before_enter(&self) -> Result<Option<CurrentUse>, CallError> {
        self.limits().question_before_enter(|deadline| self.ask(deadline))
    }

    /// Asks the server to enter a snapshot under `code`.
    ///
    /// # Errors
    ///
    /// There is no usable answer.
    fn enter_snapshot(&self, code: &Code) -> Result<Answer, CallError>;

    /// Asks the server to leave the snapshot. Call this only if `code` is the current snapshot
    /// code: with another one, the server locks `misc/sublock` before it refuses.
    ///
    /// # Errors
    ///
    /// There is no usable answer.
    fn leave_snapshot(&self, code: &Code) -> Result<Answer, CallError>;
}

/// A server's answer to an enter or a leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The call succeeded.
    Done,
    /// The call raised an exception. The reason says that the call failed.
    Raised(Exception, Reason),
}
