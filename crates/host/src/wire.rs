//! What goes to the process that isolates a call, and what comes back: a line of JSON each.
//!
//! Both ends are the same program, but what comes back is read with suspicion: the library that
//! was loaded there could have written it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use dsnap_engine::limits;
use serde::{Deserialize, Serialize};

/// What to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Verb {
    /// Nothing: only tell which methods there are.
    Describe,
    CheckWords,
    Enter,
    Leave,
    Status,
}

/// One call.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) verb: Verb,
    /// The method's name.
    pub(crate) method: String,
    pub(crate) storage: Bytes,
    pub(crate) conf_folder: Bytes,
    pub(crate) words: Vec<Bytes>,
    pub(crate) code: String,
    /// Milliseconds; none is no limit.
    pub(crate) time_left: Option<u64>,
}

/// One line of what comes back.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// A method that the library offers.
    Method(Described),
    /// What the method said, of that kind.
    Said(u32, Bytes),
    /// Progress: done, of how many (0: not known), unit.
    Progress(u64, u64, Bytes),
    /// Why nothing was called.
    Unusable(String),
    /// The end: the number that the method gave back.
    Result(i64),
}

/// A method of a library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) works_with: u32,
    pub(crate) flags: u32,
}

/// Bytes that need not be UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Bytes {
    pub(crate) fn of(text: impl AsRef<OsStr>) -> Self {
        Self(text.as_ref().as_bytes().to_vec())
    }
}

impl Call {
    /// A call that needs no storage.
    pub(crate) fn about(verb: Verb, method: &str, words: &[OsString]) -> Self {
        Self {
            verb,
            method: method.to_owned(),
            storage: Bytes::of(Path::new("")),
            conf_folder: Bytes::of(Path::new("")),
            words: words.iter().map(Bytes::of).collect(),
            code: String::new(),
            time_left: u64::try_from(limits::DESCRIBE_TIMEOUT.as_millis()).ok(),
        }
    }
}

/// A line, with its end.
pub(crate) fn line(message: &impl Serialize) -> Vec<u8> {
    // These types always have a JSON form.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}
