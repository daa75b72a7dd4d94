//! Transactions as the two classes of DirectoryStorage write them, file by file.
//!
//! DirectoryStorage 1.1.21 would write the same bytes for the same objects, so its own checker
//! accepts a storage made of them.

use std::collections::HashMap;
use std::fs;
use std::io;

use dsnap_engine::storage::Storage;
use md5::{Digest, Md5};

/// The first bytes of an object's file.
const OBJECT_MAGIC: [u8; 4] = *b"\xbd\xb8*q";
/// The first bytes of a transaction's file.
const TRANSACTION_MAGIC: [u8; 4] = *b"G@\x07v";

/// `[storage] classname`: which files a transaction writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Keeps all revisions of an object, and one file for each transaction.
    Full,
    /// Keeps only the newest revision of an object.
    Minimal,
}

impl Class {
    /// Both.
    pub const ALL: [Class; 2] = [Self::Full, Self::Minimal];

    /// Returns the name as the settings spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "Full",
            Self::Minimal => "Minimal",
        }
    }

    /// Reads the class from a storage's settings.
    pub(crate) fn of(storage: &Storage) -> io::Result<Self> {
        let text = fs::read_to_string(storage.config().join("settings"))?;
        let minimal = text.lines().any(|line| line.trim() == "classname: Minimal");
        Ok(if minimal { Self::Minimal } else { Self::Full })
    }
}

/// One committed transaction.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// Its identifier, a time stamp.
    pub tid: [u8; 8],
    /// The objects that it wrote: the oid, and the transaction that wrote it before (or zeros).
    pub objects: Vec<(u64, [u8; 8])>,
    previous: [u8; 8],
    largest_oid: u64,
    number: u64,
}

/// An endless invented history: transactions that write some objects again and again.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    number: u64,
    previous: [u8; 8],
    largest_oid: u64,
    written: HashMap<u64, [u8; 8]>,
}

/// How many objects a history creates, besides the first six, before it rewrites old ones.
const NEW_OBJECTS: u64 = 500;

impl Iterator for History {
    type Item = Transaction;

    fn next(&mut self) -> Option<Transaction> {
        let number = self.number;
        let tid = time_stamp(number);
        let mut oids = vec![0, 1 + number % 5, 6 + number % NEW_OBJECTS];
        if number == 0 {
            oids.extend(2..6);
        }
        self.largest_oid = self.largest_oid.max(6 + number % NEW_OBJECTS);
        let written = &mut self.written;
        let before = |oid| (oid, written.insert(oid, tid).unwrap_or([0; 8]));
        let objects = oids.into_iter().map(before).collect();
        let (previous, largest_oid) = (self.previous, self.largest_oid);
        (self.previous, self.number) = (tid, number + 1);
        Some(Transaction { tid, objects, previous, largest_oid, number })
    }
}

impl History {
    /// Returns how many transactions were taken already.
    pub(crate) fn transactions(&self) -> usize {
        usize::try_from(self.number).unwrap_or(usize::MAX)
    }

    /// Returns the history that continues after the transaction with that identifier.
    pub(crate) fn after(tid: &[u8]) -> Self {
        let mut history = Self::default();
        while history.previous[..] < *tid {
            history.next();
        }
        history
    }
}

/// Returns the first `count` transactions of the history.
pub(crate) fn history(count: usize) -> Vec<Transaction> {
    History::default().take(count).collect()
}

/// Returns a ZODB time stamp: minutes, as if every month had 31 days, and a fraction of a minute.
/// One transaction every ten seconds, from 1 January 2026 on.
fn time_stamp(number: u64) -> [u8; 8] {
    let minutes = (2026 - 1900) * 12 * 31 * 24 * 60 + number / 6;
    let fraction = (number % 6) * ((1 << 32) / 6) + number % 997;
    ((minutes << 32) | fraction).to_be_bytes()
}

impl Transaction {
    /// Returns the identifier as file names spell it.
    pub fn tid_hex(&self) -> String {
        hex(self.tid)
    }

    /// Returns the flat names and contents of the files that the transaction writes, in order.
    pub(crate) fn files(&self, class: Class) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        for (oid, before) in &self.objects {
            let (name, body) = (format!("o{oid:016X}"), self.object(*oid, *before));
            match class {
                Class::Full => {
                    files.push((format!("{name}.{}", self.tid_hex()), body));
                    files.push((format!("{name}.c"), self.tid.to_vec()));
                }
                Class::Minimal => files.push((name, body)),
            }
        }
        if class == Class::Full {
            let tid = self.tid_hex();
            files.push((format!("t{}.{}", &tid[..6], &tid[6..]), self.description()));
        }
        files.push(("x.oid".to_owned(), self.largest_oid.to_be_bytes().to_vec()));
        files.push(("x.serial".to_owned(), self.tid.to_vec()));
        files
    }

    /// Returns an object's file: header, checksum, the serials before and now, and the pickle.
    fn object(&self, oid: u64, before: [u8; 8]) -> Vec<u8> {
        let content = [&before[..], &self.tid, &self.pickle(oid)].concat();
        let length = u32::try_from(content.len() + 56).unwrap_or(u32::MAX);
        [
            &OBJECT_MAGIC[..],
            &length.to_be_bytes(),
            &oid.to_be_bytes(),
            &[0; 24],
            &Md5::digest(&content),
            &content,
        ]
        .concat()
    }

    /// Returns the transaction's file: header, checksum, and user, description and oids with their
    /// lengths.
    fn description(&self) -> Vec<u8> {
        let (user, words) = (b"admin".as_slice(), format!("/page/{}", self.number).into_bytes());
        let oids: Vec<u8> = self.objects.iter().flat_map(|(oid, _)| oid.to_be_bytes()).collect();
        let short = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        let long = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        let lengths =
            [&short(user.len())[..], &short(words.len()), &short(0), &long(oids.len()), &short(0)];
        let content = [&lengths.concat()[..], user, &words, &oids].concat();
        let header =
            [&TRANSACTION_MAGIC[..], &long(content.len() + 48), &self.tid, &[0; 8], &self.previous];
        [&header.concat()[..], &Md5::digest(&content), &content].concat()
    }

    /// Pickles a mapping. The root, object 0, refers to all others; the others contain a number.
    pub(crate) fn pickle(&self, oid: u64) -> Vec<u8> {
        let class = b"((U\x12persistent.mappingU\x11PersistentMappingtNt.";
        let mut state = b"}U\x04data}(".to_vec();
        if oid == 0 {
            for other in 1..=self.largest_oid {
                let key = format!("{other}");
                state.extend([b'U', u8::try_from(key.len()).unwrap_or(0)]);
                state.extend(key.as_bytes());
                state.extend(b"(U\x08");
                state.extend(other.to_be_bytes());
                state.extend(b"NtQ");
            }
        } else {
            state.extend(b"U\x06numberJ");
            state.extend(u32::try_from(self.number).unwrap_or(0).to_le_bytes());
        }
        state.extend(b"us.");
        [&class[..], &state].concat()
    }
}

/// Formats an identifier in upper-case hexadecimal digits.
pub(crate) fn hex(tid: [u8; 8]) -> String {
    format!("{:016X}", u64::from_be_bytes(tid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_ascend_and_each_transaction_names_the_one_before() {
        let history = history(50);
        assert!(
            history
                .windows(2)
                .all(|pair| pair[0].tid < pair[1].tid && pair[1].previous == pair[0].tid)
        );
    }

    #[test]
    fn an_object_written_again_names_the_transaction_that_wrote_it_before() {
        let history = history(12);
        assert_eq!(history[11].objects[1], (2, history[6].tid));
    }

    #[test]
    fn an_object_contains_its_length_and_checksum() {
        let transaction = &history(3)[2];
        let body = transaction.object(1, [0; 8]);
        assert_eq!(body[4..8], u32::try_from(body.len()).unwrap().to_be_bytes());
        assert_eq!(body[40..56], Md5::digest(&body[56..])[..]);
        assert_eq!(body[64..72], transaction.tid);
    }

    #[test]
    fn the_classes_write_different_files() {
        let names = |class| -> Vec<String> {
            history(2)[1].files(class).into_iter().map(|(name, _)| name).collect()
        };
        let tid = history(2)[1].tid_hex();
        assert_eq!(
            names(Class::Minimal),
            ["o0000000000000000", "o0000000000000002", "o0000000000000007", "x.oid", "x.serial"]
        );
        assert!(names(Class::Full).contains(&format!("o0000000000000002.{tid}")));
        assert!(names(Class::Full).contains(&format!("t{}.{}", &tid[..6], &tid[6..])));
    }
}
