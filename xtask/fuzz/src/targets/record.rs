//! `misc/dsnap.lock`: what earlier runs wrote, torn or forged.

use std::fs;

use dsnap_core::Code;
use dsnap_engine::limits::MAX_RECORDS;
use dsnap_engine::record::entry::Record;
use dsnap_engine::record::run_lock::RunLock;
use dsnap_engine::storage::Storage;

use super::storage::Site;
use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "record",
    property: "misc/dsnap.lock: records read back as written, and a torn line is only counted",
    check,
    longest: 2048,
};

thread_local! {
    static STORAGE: (Site, Storage) = {
        let site = Site::new();
        fs::write(site.dir().join("misc/dsnap.lock"), "").unwrap();
        let storage = site.storage();
        (site, storage)
    };
}

fn check(bytes: &[u8]) {
    STORAGE.with(|(_, storage)| {
        let inode = RunLock::take(storage).unwrap().inode();
        let written = with_right_numbers(bytes, inode);
        fs::write(storage.run_lock(), &written).unwrap();
        let lines = String::from_utf8_lossy(&written).lines().count();
        let records = check_first(storage, lines);
        check_again(storage, &records);
    });
}

/// Reads the file, and writes it once more.
fn check_first(storage: &Storage, lines: usize) -> Vec<Record> {
    let lock = RunLock::take(storage).unwrap();
    let records = lock.records();
    assert!(records.len() <= MAX_RECORDS && lock.damaged() + records.len() <= lines);
    for record in &records {
        assert!(Code::from_file(record.code.as_str().as_bytes()).is_some(), "{}", record.code);
        assert_eq!(
            record.file,
            lock.inode(),
            "a record of a copy is not read as one of this storage"
        );
        assert!(lock.remembers(&record.code));
    }
    assert!(lock.now().is_some());
    records
}

/// What was written is text, and means the same.
fn check_again(storage: &Storage, records: &[Record]) {
    let text = fs::read(storage.run_lock()).unwrap();
    let is_text = |byte: &u8| matches!(byte, b'\n' | b' ') || byte.is_ascii_graphic();
    assert!(text.iter().all(is_text), "{}", text.escape_ascii());
    let lock = RunLock::take(storage).unwrap();
    assert_eq!((lock.damaged(), &lock.records()[..]), (0, records));
    assert!(lock.now().is_some());
    let again = fs::read(storage.run_lock()).unwrap();
    assert_eq!(again.escape_ascii().to_string(), text.escape_ascii().to_string());
    lock.forget_copied();
    assert!(!lock.is_copy() && lock.records() == records);
}

/// Puts the inode of the file in place of `file=?`, and the right checksum in place of a `crc=?` at the
/// end of a line. No fuzzer guesses them.
fn with_right_numbers(bytes: &[u8], inode: u64) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes).replace("file=?", &format!("file={inode}"));
    let lines = text.split('\n').map(|line| match line.strip_suffix(" crc=?") {
        Some(content) => format!("{content} crc={:08x}", crc32fast::hash(content.as_bytes())),
        None => line.to_owned(),
    });
    // Without a checksum, bytes that are no text stay as they are.
    if text.contains("=?") || bytes.contains(&b'?') {
        lines.collect::<Vec<_>>().join("\n").into_bytes()
    } else {
        bytes.to_vec()
    }
}
