//! Reads from `/proc` who holds a lock, without touching the lock.
//!
//! A trial lock can make a server fail that is starting, so `--status` looks here, and so does a run
//! whose trial got the lock. `/proc` shows nothing of other pid namespaces and machines: a lock that
//! it does not show is unknown, never free.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Instant;

use dsnap_core::text;
use procfs::process::Process;

use crate::limits::{HOLDER_SEARCH_TIMEOUT, MAX_LOCK_TABLE};
use crate::system::fdinfo::{FdInfo, number};
use crate::system::mounts::Mount;
use crate::system::open;
use crate::system::real_user::as_real_user;
use crate::system::users::user_name;

/// Where the system shows all locks.
const LOCK_TABLE: &str = "/proc/locks";

/// A process that holds a lock, as far as it can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// The system confirms that this process has the lock.
    Process {
        /// Its number.
        pid: i32,
        /// Its program's name.
        program: String,
        /// Its user, by name if it has one.
        user: String,
    },
    /// A process that cannot be seen from here.
    Unseen,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { pid, program, user } => write!(f, "{program} (pid {pid}, user {user})"),
            Self::Unseen => f.write_str("a process that cannot be seen from here"),
        }
    }
}

impl Holder {
    /// Writes the command that ends the process, if it can be seen.
    pub(crate) fn kill_command(&self) -> Option<String> {
        match self {
            Self::Process { pid, .. } => Some(format!("kill {pid}")),
            Self::Unseen => None,
        }
    }

    /// Says how long to wait for the process, and how to end it.
    pub(crate) fn wait_or_end(&self) -> String {
        match self.kill_command() {
            Some(kill) => format!("wait for that process with -t 1h, or if it hangs: {kill}"),
            None => "wait for that process with -t 1h, or end it".to_owned(),
        }
    }
}

/// Says whether the system shows that the file at `path` is locked. `false` means *unknown*.
pub fn is_held(path: &Path) -> bool {
    LockFile::open(path).is_some_and(|file| file.locker().is_some())
}

/// Says whether the system shows locks at all. `ProcSubset=pid` of systemd hides them.
pub fn are_shown() -> bool {
    File::open(LOCK_TABLE).is_ok()
}

/// Returns who holds the lock on `path`, which is known to be held.
///
/// Descriptors of other processes are neither opened nor followed: one that leads to a dead FUSE or
/// NFS server would never answer.
pub fn holder(path: &Path) -> Holder {
    let Some(file) = LockFile::open(path) else { return Holder::Unseen };
    let Some(lock) = file.identity() else { return Holder::Unseen };
    let locker = file.locker();
    as_real_user(|| {
        // The process that took the lock comes first. Perhaps only a child that inherited it is
        // left.
        let locker = locker.and_then(|pid| Process::new(pid).ok());
        let everybody = procfs::process::all_processes().into_iter().flatten().flatten();
        let end = Instant::now() + HOLDER_SEARCH_TIMEOUT;
        let confirmed =
            locker.into_iter().chain(everybody).find(|process| holds(process, lock, end));
        confirmed.map_or(Holder::Unseen, |process| describe(&process))
    })
}

/// Returns the process that holds the lock on `path`, if there is one and it can be seen.
pub(crate) fn visible_holder(path: &Path) -> Option<Holder> {
    let holder = is_held(path).then(|| holder(path))?;
    (holder != Holder::Unseen).then_some(holder)
}

/// A file that may be locked.
struct LockFile {
    file: File,
    inode: u64,
}

/// A file as `/proc/locks` names it: major and minor number of its device, and its inode.
type Identity = ((u32, u32), u64);

impl LockFile {
    fn open(path: &Path) -> Option<Self> {
        let file = open::stand_for(rustix::fs::CWD, path).ok()?;
        let inode = FdInfo::of(file.as_fd()).ok().and_then(|info| info.inode());
        let inode = inode.or_else(|| Some(rustix::fs::fstat(&file).ok()?.st_ino))?;
        Some(Self { file, inode })
    }

    /// Returns the pid that `/proc/locks` gives for the lock on this file.
    fn locker(&self) -> Option<i32> {
        let table = BufReader::new(File::open(LOCK_TABLE).ok()?.take(MAX_LOCK_TABLE));
        let lines = table.split(b'\n').map_while(Result::ok);
        let locks = lines.filter_map(|line| Flock::parse(&line));
        let mut locks = locks.filter(|lock| lock.file.1 == self.inode).peekable();
        // Finding out the device takes the table of mounts.
        locks.peek()?;
        let file = self.identity()?;
        locks.find(|lock| lock.file == file).map(|lock| lock.pid)
    }

    /// Returns how `/proc/locks` names this file, if that can be told. The device is that of the mount,
    /// not the one that `stat(2)` gives: these differ on btrfs and overlay.
    fn identity(&self) -> Option<Identity> {
        let mount = Mount::of(self.file.as_fd()).map(|mount| mount.device());
        // In a chroot, the table may not show the mount.
        let device = mount.or_else(|| device_of_own_lock(self.file.as_fd()))?;
        Some((device, self.inode))
    }
}

/// Finds the device of the mount on which a file lies from a lock that this process has on the same
/// mount: a run has `misc/dsnap.lock`, and COMMAND inherits `misc/sublock`.
fn device_of_own_lock(file: BorrowedFd<'_>) -> Option<(u32, u32)> {
    let mount = FdInfo::of(file).ok()?.mount_id()?;
    let own = FdInfo::own();
    let mut there = own.iter().filter(|info| info.mount_id() == Some(mount));
    there.find_map(|info| info.locks().find_map(Flock::parse)).map(|lock| lock.file.0)
}

/// A lock of `flock(2)` that is held.
#[derive(Debug, PartialEq, Eq)]
struct Flock {
    /// The process that took it, which may be gone; 0 if it cannot be seen.
    pid: i32,
    file: Identity,
}

impl Flock {
    /// Reads a line of `/proc/locks`: `1: FLOCK  ADVISORY  WRITE 42 fe:00:4711 0 EOF`.
    fn parse(line: &[u8]) -> Option<Self> {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        // A process that waits for the lock has an arrow as second word.
        words.nth(1).filter(|kind| *kind == b"FLOCK")?;
        let pid = number(words.nth(2)?)?;
        let mut file = std::str::from_utf8(words.next()?).ok()?.split(':');
        let mut half = || u32::from_str_radix(file.next()?, 16).ok();
        let device = (half()?, half()?);
        Some(Self { pid, file: (device, file.next()?.parse().ok()?) })
    }
}

/// Says whether a process has the lock through one of its descriptors. The search stops at `end`: a
/// process may have a great many descriptors, and the kernel may take long to describe one of them.
fn holds(process: &Process, lock: Identity, end: Instant) -> bool {
    let has_lock = |info: FdInfo| info.locks().filter_map(Flock::parse).any(|it| it.file == lock);
    let paths = FdInfo::paths(process.pid).take_while(|_| Instant::now() < end);
    // A process may end, or close a file, while it is looked at.
    paths.filter_map(|path| FdInfo::read(&path).ok()).any(has_lock)
}

fn describe(process: &Process) -> Holder {
    let program = process.stat().map_or_else(|_| "?".to_owned(), |stat| text::harmless(stat.comm));
    let user = process.uid().map_or_else(|_| "?".to_owned(), user_name);
    Holder::Process { pid: process.pid, program, user }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    use crate::system::flock::FileLock;

    #[test]
    fn a_lock_of_this_process_is_seen_with_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert!(!is_held(&path));
        let lock = FileLock::take(&path).unwrap();
        assert!(is_held(&path));
        let Holder::Process { pid, .. } = holder(&path) else { panic!("unseen") };
        assert_eq!(pid, i32::try_from(std::process::id()).unwrap());
        drop(lock);
        assert!(!is_held(&path));
    }

    #[test]
    fn an_unlocked_file_that_is_open_is_not_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let _open = fs::File::create(&path).unwrap();
        assert!(!is_held(&path));
    }

    #[test]
    fn the_search_for_a_holder_ends_with_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let _lock = FileLock::take(&path).unwrap();
        let own = Process::myself().unwrap();
        let file = LockFile::open(&path).unwrap().identity().unwrap();
        assert!(holds(&own, file, Instant::now() + HOLDER_SEARCH_TIMEOUT));
        assert!(!holds(&own, file, Instant::now()));
    }

    #[test]
    fn a_lock_of_this_process_tells_the_device_of_its_mount() {
        let folder = tempfile::tempdir().unwrap();
        let _lock = FileLock::take(&folder.path().join("lock")).unwrap();
        let other = fs::File::create(folder.path().join("other")).unwrap();
        let mount = Mount::of(other.as_fd()).unwrap();
        assert_eq!(device_of_own_lock(other.as_fd()), Some(mount.device()));
        let proc = fs::File::open("/proc/self").unwrap();
        assert_eq!(device_of_own_lock(proc.as_fd()), None, "it has no lock there");
    }

    fn parse(line: &str) -> Option<(i32, Identity)> {
        Flock::parse(line.as_bytes()).map(|lock| (lock.pid, lock.file))
    }

    #[test]
    fn a_held_lock_is_read() {
        let file = ((0xfe, 0), 4711);
        assert_eq!(parse("1: FLOCK  ADVISORY  WRITE 42 fe:00:4711 0 EOF"), Some((42, file)));
        assert_eq!(parse("99: FLOCK  ADVISORY  READ  0 fe:00:4711 0 EOF"), Some((0, file)));
        let large = ((0xfff, 0xf_ffff), u64::MAX);
        let line = format!("1: FLOCK  ADVISORY  WRITE 42 fff:fffff:{} 0 EOF", u64::MAX);
        assert_eq!(parse(&line), Some((42, large)));
    }

    #[test]
    fn waiting_for_a_lock_and_other_kinds_of_locks_are_no_held_lock() {
        assert_eq!(parse("1: -> FLOCK  ADVISORY  WRITE 42 fe:00:4711 0 EOF"), None);
        assert_eq!(parse("1: POSIX  ADVISORY  WRITE 42 fe:00:4711 0 EOF"), None);
        assert_eq!(parse("1: OFDLCK ADVISORY  WRITE -1 fe:00:4711 0 EOF"), None);
        assert_eq!(parse("1: LEASE  ACTIVE    READ  42 fe:00:4711 0 EOF"), None);
        assert_eq!(parse("1: FLOCK  ADVISORY  WRITE 42 <none>:0 0 EOF"), None);
    }

    proptest::proptest! {
        #[test]
        fn what_the_kernel_writes_is_read_back(pid: i32, major: u32, minor: u32, inode: u64) {
            let line = format!("1: FLOCK  ADVISORY  WRITE {pid} {major:02x}:{minor:02x}:{inode} 0 EOF");
            proptest::prop_assert_eq!(parse(&line), Some((pid, ((major, minor), inode))));
        }

        #[test]
        fn any_line_is_read_without_a_panic(words in proptest::collection::vec(proptest::sample::select(vec!["1:", "->", "FLOCK", "-1", "fe:00:1", "fe:00", ":", "\u{fe}", ""]), 0..9)) {
            let _ = parse(&words.join(" "));
        }
    }
}
