//! `/proc/self/mountinfo`: file systems and paths have names of any bytes.

use dsnap_engine::system::fuzzing::{SeenMount, find_mount};
use procfs::process::MountInfo;

use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "mountinfo",
    property: "mountinfo: no line hides another, only known file systems count as locked everywhere",
    check,
    longest: 512,
};

/// A number that the table does not have yet.
const OURS: u64 = 9999;
const OUR_LINE: &[u8] = b"9999 1 8:1 / /srv rw - ext4 /dev/sda rw\n";

fn check(bytes: &[u8]) {
    let table = [bytes, b"\n"].concat();
    for line in table.split(|byte| *byte == b'\n') {
        check_number(&table, line);
        check_as_procfs(line);
    }
    if table.split(|byte| *byte == b'\n').all(|line| number(line) != Some(OURS)) {
        check_hidden(&table);
    }
}

/// No other line hides a mount, and a line that was cut off is not believed.
fn check_hidden(table: &[u8]) {
    for whole in [[table, OUR_LINE].concat(), [OUR_LINE, table].concat()] {
        let found = find_mount(&whole, OURS).expect("it is in the table");
        assert_eq!((found.device, &found.kind[..]), ((8, 1), &b"ext4"[..]));
        assert!(found.locks_reach && !found.is_read_only);
    }
    let cut = [table, &OUR_LINE[..OUR_LINE.len() - 1]].concat();
    assert_eq!(find_mount(&cut, OURS), None);
}

fn check_number(table: &[u8], line: &[u8]) {
    let found = number(line).and_then(|number| find_mount(table, number));
    let Some(SeenMount { kind, locks_reach, .. }) = found else { return };
    const KNOWN: [&str; 14] = [
        "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "reiserfs", "jfs", "bcachefs",
        "tmpfs", "overlay", "nfs", "nfs4",
    ];
    let is_known = KNOWN.iter().any(|known| known.as_bytes() == kind);
    assert!(is_known || !locks_reach, "{}", kind.escape_ascii());
    let stays_here = [&b"nolock"[..], b"local_lock=flock", b"local_lock=all"];
    let options: Vec<_> = options(line).collect();
    let has = |option: &&[u8]| options.contains(option);
    let is_nfs = kind.starts_with(b"nfs");
    assert!(!(is_nfs && locks_reach && stays_here.iter().any(has)), "{}", line.escape_ascii());
}

/// Lists the options that the file system itself shows, behind the dash, its kind and its source.
fn options(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let behind = line.split(|byte| *byte == b' ').skip(6).skip_while(|field| *field != b"-");
    behind.skip(3).flat_map(|field| field.split(|byte| *byte == b','))
}

fn number(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b' ').next()?;
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}

/// Compares a line with what another reader makes of it. That one knows no escapes, and takes blanks in a
/// row for one.
fn check_as_procfs(line: &[u8]) {
    let Ok(text) = std::str::from_utf8(line) else { return };
    let is_plain =
        text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic() && byte != b'\\');
    if !is_plain || text.contains("  ") || text.trim() != text {
        return;
    }
    let (Ok(theirs), Some(id)) = (MountInfo::from_line(text), number(line)) else { return };
    let Some(ours) = find_mount(&[line, b"\n"].concat(), id) else {
        // The other reader also accepts a device that is no number, and a line without a source.
        return;
    };
    assert_eq!(ours.kind, theirs.fs_type.as_bytes(), "{text}");
    let (major, minor) = ours.device;
    let numbers = theirs.majmin.split(':').map(|number| number.parse().ok());
    let is_same = numbers.eq([Some(major), Some(minor)]);
    assert!(is_same, "{text}");
}
