//! `journal/replica.tar`, which comes from another machine.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::LazyLock;

use dsnap_core::method::{Entered, SnapshotMethod};
use dsnap_direct::Direct;
use tar::{EntryType, Header};

use super::outcome::{Outcome, check};
use super::storage::{FOLDERS, Site, code, request};
use super::xml_rpc::split;
use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "replica",
    property: "replica.tar: refused without a change, or unpacked only where replicas may go",
    check: check_bytes,
    longest: 4096,
};

/// Between two members.
const SEPARATOR: &[u8] = b"\n--\n";
const CONF: &[u8] = b"exec our-script";
const SNAPSHOT: &[u8] = b"user/old-1";

/// The user and the group of the files of a storage.
static OWNER: LazyLock<(u64, u64)> = LazyLock::new(|| {
    let process = fs::metadata("/proc/self").unwrap();
    (process.uid().into(), process.gid().into())
});

thread_local! {
    /// A storage that no archive has changed yet.
    static SITE: RefCell<Option<Site>> = const { RefCell::new(None) };
}

/// The first byte says what follows: members, with or without an end marker, or an archive as it is.
fn check_bytes(bytes: &[u8]) {
    let Some((form, rest)) = bytes.split_first() else { return };
    let mut archive = match form {
        b'm' | b'M' => split(rest, SEPARATOR).into_iter().flat_map(member).collect(),
        _ => rest.to_vec(),
    };
    if *form == b'M' {
        archive.extend([0; 1024]);
    }
    let site = SITE.take().unwrap_or_else(new_site);
    let unchanged = unpack(&site, &archive);
    if unchanged {
        SITE.set(Some(site));
    }
}

fn new_site() -> Site {
    let site = Site::new();
    fs::write(site.dir().join("config/snapshot.conf"), CONF).unwrap();
    fs::write(site.dir().join("misc/snapshot"), SNAPSHOT).unwrap();
    site
}

/// Lets the method meet an archive. Says whether it refused, and left the storage as it was.
fn unpack(site: &Site, archive: &[u8]) -> bool {
    let (dir, code) = (site.dir(), code());
    fs::write(dir.join("journal/replica.tar"), archive).unwrap();
    let result = Direct.enter(&request(&dir, &[], &code));
    assert_eq!(names(site.outside()), BTreeSet::from(["storage".to_owned()]), "outside");
    assert_eq!(fs::read(dir.join("config/snapshot.conf")).unwrap(), CONF);
    let in_misc = ["lock", "sublock", "snapshot", "replica.previous"].map(str::to_owned);
    assert!(names(&dir.join("misc")).is_subset(&BTreeSet::from(in_misc)), "in misc");
    let snapshot = fs::read(dir.join("misc/snapshot")).ok();
    let unchanged = match &result {
        Entered::Done => {
            assert_eq!(snapshot.as_deref(), Some(&b"shutdown"[..]));
            false
        }
        Entered::Refused(_) => {
            assert_eq!(snapshot.as_deref(), Some(SNAPSHOT));
            check_untouched(&dir);
            true
        }
        Entered::Failed(_) => {
            assert_eq!(snapshot, None);
            false
        }
        other => panic!("{other:?}"),
    };
    check(&Outcome::of_entered(result), |_| {});
    unchanged
}

/// Checks that nothing was unpacked.
fn check_untouched(dir: &Path) {
    assert_eq!(names(dir), FOLDERS.map(str::to_owned).into());
    let expected: [(&str, &[&str]); 4] = [
        ("A", &[]),
        ("B", &[]),
        ("journal", &["replica.tar"]),
        ("config", &["settings", "snapshot.conf"]),
    ];
    for (folder, inside) in expected {
        let inside = inside.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        assert_eq!(names(&dir.join(folder)), inside, "{folder}");
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Writes a member with a right checksum: `KIND NAME|SIZE|MODE|CONTENT`, where the kind is one byte, and
/// the size as it stands in a header. Without a size, it is that of the content.
fn member(bytes: &[u8]) -> Vec<u8> {
    let Some((kind, rest)) = bytes.split_first() else { return Vec::new() };
    let mut fields = rest.splitn(4, |byte| *byte == b'|');
    let mut field = || fields.next().unwrap_or_default();
    let (name, size, mode, content) = (field(), field(), field(), field());
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::new(*kind));
    header.set_mode(u32::from_str_radix(&String::from_utf8_lossy(mode), 8).unwrap_or(0o640));
    header.set_uid(OWNER.0);
    header.set_gid(OWNER.1);
    header.set_mtime(1_768_000_000);
    header.set_size(content.len() as u64);
    let (old, rest) = (header.as_old_mut(), name.len().min(100));
    old.name[..rest].copy_from_slice(&name[..rest]);
    if !size.is_empty() {
        old.size = [0; 12];
        let length = size.len().min(12);
        old.size[..length].copy_from_slice(&size[..length]);
    }
    header.set_cksum();
    let padding = vec![0; content.len().next_multiple_of(512) - content.len()];
    [header.as_bytes(), content, &padding].concat()
}
