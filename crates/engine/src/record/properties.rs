//! What holds for every line with a checksum, and for every record.

use std::os::unix::ffi::OsStringExt;

use dsnap_core::Code;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::checksummed::{ChecksummedLine, LineWriter};
use super::entry::Record;
use super::evidence::Evidence;
use crate::storage::main_lock::LockStamp;
use crate::system::process::{Host, ProcessId};

/// Bytes of any kind, and those that separate lines and fields more often.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![any::<u8>(), select(&b" \n\r=%,\0"[..])], 0..20)
}

pub(super) fn code() -> impl Strategy<Value = Code> {
    "[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}".prop_map(|code| Code::from_bytes(code.as_bytes()).unwrap())
}

pub(super) fn process() -> impl Strategy<Value = ProcessId> {
    (any::<i32>(), any::<u64>()).prop_map(|(pid, start)| ProcessId { pid, start })
}

/// A host whose names are harmless: others are made so when they are read.
pub(super) fn host() -> impl Strategy<Value = Host> {
    let names = ("[^\\pC\\pZ]{0,12}", "[a-f0-9]{0,32}", "[a-f0-9-]{0,36}");
    (names, any::<u64>()).prop_filter_map(
        "harmful in a terminal",
        |((host, machine, boot), pid_namespace)| {
            let harmful = host.chars().any(dsnap_core::text::is_harmful);
            (!harmful).then_some(Host { host, machine, boot, pid_namespace })
        },
    )
}

fn stamp() -> impl Strategy<Value = LockStamp> {
    (any::<u64>(), any::<i64>(), any::<i64>()).prop_map(|(inode, seconds, nanoseconds)| LockStamp {
        inode,
        seconds,
        nanoseconds,
    })
}

fn record() -> impl Strategy<Value = Record> {
    let evidence =
        select(&[Evidence::Unknown, Evidence::Elsewhere, Evidence::Here, Evidence::Closed][..]);
    let texts = (code(), bytes(), ["\\PC{0,20}", "\\PC{0,20}"], bytes(), bytes());
    let numbers = (any::<bool>(), any::<u64>(), any::<u32>(), any::<u64>(), any::<u64>());
    let seen = (host(), proptest::option::of(process()), proptest::option::of(stamp()));
    (texts, numbers, evidence, seen).prop_map(
        |(texts, numbers, evidence, (host, command, main_lock))| {
            let (code, line, [label, conf], name, storage) = texts;
            let (may_close, since, user, directory, file) = numbers;
            Record {
                code,
                line,
                label,
                conf,
                evidence,
                may_close,
                since,
                main_lock,
                host,
                user,
                command_name: OsStringExt::from_vec(name),
                command,
                storage: std::ffi::OsString::from_vec(storage).into(),
                directory,
                file,
            }
        },
    )
}

/// Changes one byte of a line.
pub(super) fn with_another_byte(line: &str, at: Index, change: u8) -> String {
    let mut bytes = line.as_bytes().to_vec();
    bytes[at.index(line.len())] ^= change;
    String::from_utf8_lossy(&bytes).into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_value_of_a_line_reads_back(values in vec(bytes(), 1..6), number: u64) {
        let name = |at: usize| format!("v{at}");
        let line = values.iter().enumerate().fold(LineWriter::new("run"), |line, (at, value)| {
            line.field(&name(at), value)
        });
        let line = line.number("n", number).finish();
        prop_assert!(line.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{}", line);
        let read = ChecksummedLine::parse(&line, "run").unwrap();
        for (at, value) in values.iter().enumerate() {
            prop_assert_eq!(read.bytes(&name(at)), Some(value.clone()));
        }
        prop_assert_eq!(read.number::<u64>("n"), Some(number));
    }

    #[test]
    fn a_record_of_any_values_reads_back(record in record()) {
        prop_assert_eq!(Record::from_line(&record.to_line()), Some(record));
    }

    #[test]
    fn a_record_with_another_byte_or_a_missing_end_is_rejected(
        record in record(),
        at: Index,
        change in 1..=u8::MAX,
    ) {
        let line = record.to_line();
        prop_assert_eq!(Record::from_line(&with_another_byte(&line, at, change)), None);
        prop_assert_eq!(Record::from_line(&line[..at.index(line.len())]), None);
    }

    #[test]
    fn values_that_no_record_has_are_rejected_or_harmless_even_with_the_right_checksum(
        fields in vec(("code|state|line|conf|closes|since|user|name|storage|directory|file|host|machine|boot|pidns|command", bytes()), 0..16),
    ) {
        let line = fields.iter().fold(LineWriter::new("record"), |line, (name, value)| {
            line.field(name, value)
        });
        if let Some(record) = Record::from_line(&line.finish()) {
            prop_assert!(Code::from_file(record.code.as_str().as_bytes()).is_some());
            let shown = record.host.host + &record.host.machine + &record.host.boot;
            prop_assert!(!shown.chars().any(dsnap_core::text::is_harmful), "{}", shown);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(
        kind in "(record |run |inode )?",
        text in "(\\PC|[ =%,]|crc=|code=|[0-9a-f]){0,60}",
    ) {
        prop_assert_eq!(Record::from_line(&format!("{kind}{text}")), None);
    }
}
