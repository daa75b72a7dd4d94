//! The mount on which an open file lies, and what follows from its file system.
//!
//! On some file systems `flock` succeeds but locks nothing beyond this machine. There, a free lock
//! proves nothing. Locks count as reaching other machines only where that is known.
//!
//! A mount is found by its number, never by comparing paths: a path may have been exchanged since
//! the file was opened, and a mount point may have any name.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs;

use crate::limits::MAX_MOUNT_TABLE;
use crate::system::fdinfo::{FdInfo, number};
use crate::system::folder::Folder;
use crate::system::open;
use crate::system::process::Host;
use crate::system::reading;

/// File systems on one machine's disks or in its memory: each lock reaches all processes that can
/// open the file.
const LOCAL_KINDS: [&[u8]; 11] = [
    b"ext2",
    b"ext3",
    b"ext4",
    b"xfs",
    b"btrfs",
    b"f2fs",
    b"zfs",
    b"reiserfs",
    b"jfs",
    b"bcachefs",
    b"tmpfs",
];

/// The numbers that file systems on disks give themselves in `statfs(2)`: ext2 to ext4, xfs, f2fs, jfs.
const DISK_NUMBERS: [u64; 4] = [0xEF53, 0x5846_5342, 0xF2F5_2010, 0x3153_464A];

/// The number of the pid namespace that contains all processes: `PROC_PID_INIT_INO` in Linux.
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// File systems that are never written to.
const IMAGE_KINDS: [&[u8]; 5] = [b"squashfs", b"iso9660", b"erofs", b"cramfs", b"romfs"];

/// A mounted file system, as a line of `/proc/self/mountinfo` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    device: (u32, u32),
    kind: Vec<u8>,
    options: Vec<Vec<u8>>,
    superblock_options: Vec<Vec<u8>>,
}

impl Mount {
    /// Finds the mount on which a file was opened. The descriptor may be one that `O_PATH` opened.
    ///
    /// Returns nothing if the system does not tell: without `/proc`, for example, or for a file that
    /// was opened in another mount namespace.
    pub(crate) fn of(fd: BorrowedFd<'_>) -> Option<Self> {
        let id = FdInfo::of(fd).ok()?.mount_id()?;
        Self::find(&read_table().ok()?, id)
    }

    /// Finds the mount on which a folder is.
    pub(crate) fn of_folder(folder: &Folder) -> Option<Self> {
        Self::of(folder.as_fd())
    }

    /// Finds a mount in the text of a table.
    pub(super) fn find(table: &[u8], id: u64) -> Option<Self> {
        // A line without an end was cut off: options may be missing.
        let whole = table.split_inclusive(|byte| *byte == b'\n');
        let lines = whole.filter_map(|line| line.strip_suffix(b"\n"));
        let mut found = lines.filter(|line| id_on(line) == Some(id)).map(Self::parse);
        let mount = found.next()??;
        // Some file systems write line feeds of their options as they are. If such a text looks like
        // this mount's line, the real one cannot be told from it.
        found.all(|other| other.as_ref() == Some(&mount)).then_some(mount)
    }

    /// Reads a line, without its end. Names in it are bytes, and some of those are escaped.
    fn parse(line: &[u8]) -> Option<Self> {
        // Two blanks in a row enclose an empty name.
        let mut fields = line.split(|byte| *byte == b' ');
        let (_id, _parent) = (fields.next()?, fields.next()?);
        let device = parse_device(fields.next()?)?;
        let (_root, _mount_point) = (fields.next()?, fields.next()?);
        let options = parse_options(fields.next()?);
        // Up to the dash stand fields about propagation, in any number.
        fields.find(|field| *field == b"-")?;
        let kind = unescape(fields.next()?);
        let _source = fields.next()?;
        let mut superblock_options = parse_options(fields.next()?);
        // Some file systems write blanks of their options as they are.
        superblock_options.extend(fields.flat_map(parse_options));
        Some(Self { device, kind, options, superblock_options })
    }

    /// Returns major and minor number of the device under which `/proc/locks` shows the files of
    /// this mount. On btrfs and overlay, `stat(2)` gives other ones.
    pub(crate) fn device(&self) -> (u32, u32) {
        self.device
    }

    /// Returns the kind of the file system: `ext4`, `fuse.sshfs`.
    pub(crate) fn kind(&self) -> &[u8] {
        &self.kind
    }

    /// Says whether the file system itself is read-only, on this mount and on every other one. What
    /// is read-only here may be written on the server of a network file system, or below an
    /// overlay, so that does not count.
    pub(crate) fn superblock_is_read_only(&self) -> bool {
        let is_here = self.is_local() || IMAGE_KINDS.contains(&self.kind());
        // The kernel writes this option; those after it come from the file system.
        is_here && self.superblock_options.first().is_some_and(|option| option == b"ro")
    }

    /// Says whether a lock that is free here is known to be free on every machine. An overlay is
    /// judged by the layer that it writes to.
    pub(crate) fn locks_reach(&self) -> bool {
        match self.kind() {
            b"nfs" | b"nfs4" => !self.locks_of_nfs_are_local(),
            b"overlay" => self.upper_layer().is_some_and(|upper| upper.is_local()),
            _ => self.is_local(),
        }
    }

    /// Says whether this system shows every lock on a file here: no other machine can hold one, and
    /// this process is in no container, which would hide those of other processes.
    pub(crate) fn shows_all_locks(&self) -> bool {
        self.locks_reach()
            && !self.kind().starts_with(b"nfs")
            && Host::here().pid_namespace == INITIAL_PID_NAMESPACE
    }

    fn is_local(&self) -> bool {
        LOCAL_KINDS.contains(&self.kind())
    }

    fn locks_of_nfs_are_local(&self) -> bool {
        ["nolock", "local_lock=flock", "local_lock=all"].iter().any(|option| {
            self.superblock_options.iter().chain(&self.options).any(|it| it == option.as_bytes())
        })
    }

    /// Finds the mount of the layer that an overlay writes to. Returns nothing if its path is
    /// relative, or is not seen from here: it may belong to another mount namespace.
    fn upper_layer(&self) -> Option<Self> {
        let mut options = self.superblock_options.iter();
        let path = options.find_map(|option| option.strip_prefix(b"upperdir="))?;
        let path = Path::new(OsStr::from_bytes(path));
        let folder = path.is_absolute().then(|| open::folder_at(path).ok())??;
        Self::of(folder.as_fd())
    }
}

/// Says whether a lock on a file in a folder that is free here is known to be free on every machine.
pub(crate) fn locks_reach(folder: &Folder) -> bool {
    let fd = folder.as_fd();
    is_on_local_disk(fd) || Mount::of(fd).is_some_and(|mount| mount.locks_reach())
}

/// Recognises the usual disks without the table of mounts, which the system needs as long to write as to open
/// fifteen files. Other file systems may pass on the number of one that lies below them or on a server, as 9p
/// does, but they have no block device.
fn is_on_local_disk(fd: BorrowedFd<'_>) -> bool {
    let has_device = fs::fstat(fd).is_ok_and(|found| fs::major(found.st_dev) != 0);
    let number = fs::fstatfs(fd).ok().and_then(|found| u64::try_from(found.f_type).ok());
    has_device && number.is_some_and(|it| DISK_NUMBERS.contains(&it))
}

fn read_table() -> io::Result<Vec<u8>> {
    reading::read_up_to(File::open("/proc/self/mountinfo")?, MAX_MOUNT_TABLE)
}

fn id_on(line: &[u8]) -> Option<u64> {
    number(line.split(|byte| *byte == b' ').next()?)
}

fn parse_device(field: &[u8]) -> Option<(u32, u32)> {
    let colon = field.iter().position(|byte| *byte == b':')?;
    Some((number(&field[..colon])?, number(&field[colon + 1..])?))
}

/// Reads options. A comma that belongs to one is escaped, so they are taken apart first.
fn parse_options(field: &[u8]) -> Vec<Vec<u8>> {
    field.split(|byte| *byte == b',').map(unescape).collect()
}

/// Undoes `\040` and the like: a backslash and three octal digits. Any other backslash is one.
fn unescape(mut field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    while let [first, rest @ ..] = field {
        match rest {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] if *first == b'\\' => {
                plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                field = after;
            }
            _ => {
                plain.push(*first);
                field = rest;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::num::u8::ANY;

    fn mount(kind: &str, options: &str) -> Mount {
        let line = format!("36 35 98:0 / /srv rw,noatime - {kind} server:/x rw,{options}\n");
        Mount::find(line.as_bytes(), 36).unwrap()
    }

    fn reach(kind: &str, options: &str) -> bool {
        mount(kind, options).locks_reach()
    }

    #[test]
    fn locks_on_local_disks_in_memory_and_on_plain_nfs_reach() {
        assert!(reach("ext4", "errors=remount-ro"));
        assert!(reach("xfs", "inode64"));
        assert!(reach("btrfs", "subvolid=256,subvol=/@"));
        assert!(reach("tmpfs", "size=1k"));
        assert!(reach("nfs", "vers=3,local_lock=none"));
        assert!(reach("nfs4", "local_lock=posix"));
    }

    #[test]
    fn locks_that_stay_on_this_machine_do_not_reach() {
        assert!(!reach("nfs", "nolock"));
        assert!(!reach("nfs", "local_lock=flock"));
        assert!(!reach("nfs4", "local_lock=all"));
        assert!(!reach("nfs", "vers=3,with a blank,nolock"));
        assert!(!reach("fuse", "user_id=0"));
        assert!(!reach("fuse.sshfs", "user_id=0"));
        assert!(!reach("fuse.bindfs", "allow_other"));
        assert!(!reach("lustre", "localflock"));
        assert!(!reach("gfs2", "localflocks"));
        assert!(!reach("beegfs", "cfgFile=/etc/beegfs.conf"));
        assert!(!reach("vboxsf", "iocharset=utf8"));
        assert!(!reach("9p", "trans=virtio"));
        assert!(!reach("virtiofs", "dax"));
        assert!(!reach("cifs", "nobrl"));
    }

    #[test]
    fn where_it_is_not_known_whether_locks_reach_they_do_not() {
        for kind in ["lustre", "gfs2", "ocfs2", "ceph", "cifs", "smb3", "afs", "fuseblk", "ramfs"] {
            assert!(!reach(kind, "relatime"), "{kind}");
        }
        assert!(!reach("fuse.ext4", "user_id=0"));
        assert!(!reach("ext4\\040", "errors=remount-ro"));
        assert!(!reach("", ""));
    }

    #[test]
    fn an_overlay_is_judged_by_its_upper_layer() {
        let folder = tempfile::Builder::new().prefix("a, b\\").tempdir().unwrap();
        let upper = format!("upperdir={}", folder.path().display());
        let escaped = upper.replace('\\', "\\134").replace(',', "\\054").replace(' ', "\\040");
        let options = format!("lowerdir=/low,{escaped},workdir=/work");
        let usual = open::folder_at(folder.path()).unwrap();
        assert_eq!(reach("overlay", &options), Mount::of(usual.as_fd()).unwrap().is_local());
        assert!(!reach("overlay", "upperdir=/proc"), "procfs is no place for files");
        assert!(!reach("overlay", "upperdir=."), "a relative path leads anywhere");
        assert!(!reach("overlay", "upperdir=/dev/null/absent"), "it is not seen from here");
        assert!(!reach("overlay", "lowerdir=/"), "it has none");
    }

    #[test]
    fn only_a_read_only_superblock_counts_and_no_read_only_mount_of_it() {
        let read_only =
            |text: &str| Mount::find(text.as_bytes(), 1).unwrap().superblock_is_read_only();
        assert!(read_only("1 0 0:1 / /srv rw - ext4 /dev/sda ro,discard\n"));
        assert!(!read_only("1 0 0:1 / /srv ro - ext4 /dev/sda rw,ro\n"));
        assert!(read_only("1 0 0:1 / /srv ro - squashfs /dev/loop0 ro\n"));
        for kind in ["nfs", "overlay", "fuse.sshfs"] {
            assert!(!read_only(&format!("1 0 0:1 / /srv ro - {kind} x ro\n")), "{kind}");
        }
    }

    #[test]
    fn names_may_hold_any_byte_and_be_empty() {
        let line =
            b"7 1 0:45 / /srv/a\\040b\\134\xff rw shared:1 master:2 - tmpfs  rw,x=\\054\\8\\\n";
        let mount = Mount::find(line, 7).unwrap();
        assert_eq!((mount.device(), mount.kind()), ((0, 45), &b"tmpfs"[..]));
        assert_eq!(mount.superblock_options, [&b"rw"[..], b"x=,\\8\\"]);
    }

    #[test]
    fn a_line_that_is_cut_off_or_contradicted_is_not_believed() {
        const LINE: &str = "7 1 0:45 / /srv rw - nfs server:/x rw";
        assert!(Mount::find(LINE.as_bytes(), 7).is_none());
        let twice = |other: &str| Mount::find(format!("{LINE}\n{other}\n").as_bytes(), 7);
        assert!(twice(LINE).is_some());
        assert!(twice("7 1 0:45 / /srv rw - ext4 /dev/sda rw").is_none());
        assert!(twice("7 odd").is_none());
        assert!(twice("77 odd").is_some());
    }

    #[test]
    fn the_mount_of_an_open_file_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let looked_at = open::folder_at(folder.path()).unwrap();
        let opened = File::open(folder.path()).unwrap();
        assert_eq!(Mount::of(looked_at.as_fd()).unwrap(), Mount::of(opened.as_fd()).unwrap());
        let proc = File::open("/proc/self").unwrap();
        assert_eq!(Mount::of(proc.as_fd()).unwrap().kind(), b"proc");
        assert!(!locks_reach(&Folder::open(Path::new("/proc/self")).unwrap()));
    }

    #[test]
    fn only_a_mount_on_a_local_disk_is_recognised_without_the_table() {
        for path in ["/", "/dev/shm", "/proc", "/sys", "/tmp", env!("CARGO_MANIFEST_DIR")] {
            let folder = open::folder_at(Path::new(path)).unwrap();
            let kind = Mount::of(folder.as_fd()).unwrap().kind;
            let on_disk = [&b"ext2"[..], b"ext3", b"ext4", b"xfs", b"f2fs", b"jfs"];
            assert_eq!(is_on_local_disk(folder.as_fd()), on_disk.contains(&&*kind), "{path}");
        }
    }

    /// Writes a name as the kernel does.
    fn escape(name: &[u8]) -> Vec<u8> {
        let escaped = |byte: &u8| match byte {
            b' ' | b'\t' | b'\n' | b'\\' | b'#' | b',' => format!("\\{byte:03o}").into_bytes(),
            _ => vec![*byte],
        };
        name.iter().flat_map(escaped).collect()
    }

    proptest::proptest! {
        #[test]
        fn what_the_kernel_writes_is_read_back(point in vec(ANY, 0..20), kind in vec(ANY, 0..20), option in vec(ANY, 0..20), device: (u32, u32)) {
            let (major, minor) = device;
            let line = [format!("9 1 {major}:{minor} / ").as_bytes(), &escape(&point), b" ro - ", &escape(&kind), b" ", &escape(&point), b" rw,", &escape(&option), b"\n"].concat();
            let mount = Mount::find(&line, 9).unwrap();
            proptest::prop_assert_eq!(mount.device(), device);
            proptest::prop_assert_eq!(mount.kind(), kind);
            proptest::prop_assert_eq!(mount.superblock_options, [b"rw".to_vec(), option]);
        }

        #[test]
        fn an_odd_line_hides_no_other_one(before in vec(ANY, 0..80), after in vec(ANY, 0..80)) {
            const LINE: &[u8] = b"\n9 1 8:1 / /srv rw - ext4 /dev/sda rw\n";
            let is_other = |text: &[u8]| text.split(|byte| *byte == b'\n').all(|line| id_on(line) != Some(9));
            proptest::prop_assume!(is_other(&before) && is_other(&after));
            let table = [&before, LINE, &after].concat();
            proptest::prop_assert_eq!(Mount::find(&table, 9).unwrap().device(), (8, 1));
        }

        #[test]
        fn any_line_is_read_without_a_panic(fields in vec(proptest::sample::select(vec!["9", "0:1", "-", "", "ro,rw", "\\", "\\777", "\\04", ":", "é"]), 0..14)) {
            let _ = Mount::parse(fields.join(" ").as_bytes());
        }
    }
}
