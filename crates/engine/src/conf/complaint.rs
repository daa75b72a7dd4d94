//! What is wrong with a conf: a file that cannot be opened, lines that cannot be used.

use std::io;

use dsnap_core::Reason;

/// A conf file or line that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// What is wrong.
    pub kind: ComplaintKind,
    /// The message, with what to do.
    pub reason: Reason,
}

/// What is wrong with a conf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComplaintKind {
    /// The default conf does not exist. A storage needs none.
    NoDefault,
    /// The default conf exists and cannot be opened.
    Unreadable,
    /// A conf that the user names cannot be opened.
    NamedUnreadable,
    /// Lines are malformed, or too many.
    Lines,
}

impl Complaint {
    /// Says whether the conf cannot be opened, although it exists or the user names it.
    pub fn is_of_unreadable_file(&self) -> bool {
        matches!(self.kind, ComplaintKind::Unreadable | ComplaintKind::NamedUnreadable)
    }
}

impl ComplaintKind {
    pub(super) fn of(error: &io::Error, is_default: bool) -> Self {
        match error.kind() {
            _ if !is_default => Self::NamedUnreadable,
            io::ErrorKind::NotFound => Self::NoDefault,
            _ => Self::Unreadable,
        }
    }
}
