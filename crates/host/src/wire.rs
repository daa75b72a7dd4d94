//! The messages between the program and the process that isolates a call: one line of JSON each.
//!
//! Both ends are the same program. But the program does not trust the answers: the library that was
//! loaded there could have written them. Sending and reading is the part of `loaded` and `child`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use dsnap_engine::limits;
use serde::{Deserialize, Serialize};

/// The first argument of a program that is started to make one call.
pub(crate) const ISOLATED_CALL: &str = "--isolated-call";

/// The function to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Verb {
    /// None: only list the methods of the library.
    Describe,
    CheckWords,
    Enter,
    Leave,
    Status,
}

/// A request to make one call.
// wide: the fields of `Request`, as they are sent
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) verb: Verb,
    /// The method's name.
    pub(crate) method: String,
    pub(crate) storage: Bytes,
    pub(crate) conf_folder: Bytes,
    pub(crate) words: Vec<Bytes>,
    pub(crate) code: String,
    /// In milliseconds. `None` means without limit.
    pub(crate) time_left: Option<u64>,
    /// In milliseconds.
    pub(crate) leave_time: u64,
    pub(crate) snapshot_seen: bool,
}

/// One line of the answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// A method that the library offers.
    Method(MethodDescription),
    /// A text that the method said, and its kind.
    Said(u32, Bytes),
    /// Progress: how many are done, of how many (0: not known), and the unit.
    Progress(u64, u64, Bytes),
    /// Why the call was not made.
    NotCalled(String),
    /// The last line: the number that the function returned.
    Result(i64),
}

/// What a library says about one of its methods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MethodDescription {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) works_with: u32,
    pub(crate) flags: u32,
}

/// Bytes that may not be UTF-8. They are written as a text with one character for each byte, which
/// is a quarter as long as a list of numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> Self {
        bytes.0.into_iter().map(char::from).collect()
    }
}

impl TryFrom<String> for Bytes {
    type Error = std::char::TryFromCharError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.chars().map(u8::try_from).collect::<Result<_, _>>().map(Self)
    }
}

impl Bytes {
    pub(crate) fn of(text: impl AsRef<OsStr>) -> Self {
        Self(text.as_ref().as_bytes().to_vec())
    }
}

impl Call {
    /// Makes a call that needs no storage.
    pub(crate) fn without_storage(verb: Verb, method: &str, words: &[OsString]) -> Self {
        Self {
            verb,
            method: method.to_owned(),
            storage: Bytes::of(Path::new("")),
            conf_folder: Bytes::of(Path::new("")),
            words: words.iter().map(Bytes::of).collect(),
            code: String::new(),
            time_left: u64::try_from(limits::DESCRIBE_TIMEOUT.as_millis()).ok(),
            leave_time: 0,
            snapshot_seen: false,
        }
    }
}

/// Writes a message as one line, with its newline.
pub(crate) fn line(message: &impl Serialize) -> Vec<u8> {
    // Serializing these types cannot fail.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_read_back_as_they_were_and_plain_text_stays_short() {
        let all = Bytes((0..=u8::MAX).collect());
        assert_eq!(serde_json::from_slice::<Bytes>(&line(&all)).unwrap(), all);
        assert_eq!(line(&Bytes(b"plain".to_vec())), b"\"plain\"\n");
        assert!(serde_json::from_str::<Bytes>("\"\u{20ac}\"").is_err());
    }
}
