//! `misc/dsnap.lock`: the tool's own lock, and what a run writes down about itself.
//!
//! Holding it, two runs never step on each other's release. Its file says which run holds it
//! now, so that others (a run inside COMMAND, or a person) can tell. The file is a lock: it is
//! written in place and never replaced. COMMAND does not inherit it.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::code::Code;
use crate::holders;
use crate::identity::{Place, ProcessId};
use crate::lock::{FileLock, LockError};
use crate::refusal::Refusal;
use crate::rights;
use crate::storage::Storage;
use crate::text;

/// What the first word of each line means; a later release may add others.
const RUN: &str = "run";
/// Mode of the file: the owner's tools and its group's may take turns.
const MODE: u32 = 0o660;

/// The run that holds the lock, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// The code of its snapshot.
    pub code: Code,
    /// The tool.
    pub tool: ProcessId,
    /// COMMAND, once it runs.
    pub command: Option<ProcessId>,
    /// Where both run.
    pub place: Place,
    /// When the run began, in seconds since 1970.
    pub since: u64,
}

/// The own lock, held.
#[derive(Debug)]
pub struct OwnLock {
    lock: FileLock,
}

impl OwnLock {
    /// Takes the lock.
    ///
    /// # Errors
    ///
    /// Another run holds it (waiting helps), or the file cannot be written.
    pub fn take(storage: &Storage) -> Result<Self, Refusal> {
        let path = storage.own_lock();
        let existed = path.exists();
        match FileLock::take_silently(&path) {
            Ok(lock) => {
                if !existed {
                    // Whatever the umask: see MODE. If the system refuses, the lock is as good.
                    let _ = lock.file().set_permissions(Permissions::from_mode(MODE));
                }
                Ok(Self { lock })
            }
            Err(LockError::Held) => {
                let by = holders::holder(&path);
                Err(Refusal::in_use(format!("another run of dsnap uses this storage: {by}")))
            }
            Err(LockError::Io(error)) => Err(rights::no_access(&path, "cannot be locked", &error)),
        }
    }

    /// Writes down which run this is. What cannot be written (full disk) is missing for others'
    /// eyes only.
    pub fn describe(&self, run: &RunRecord) {
        let inode = self.lock.file().metadata().map_or(0, |found| found.ino());
        let _ = self.lock.write(format!("inode {inode}\n{}\n", run.to_line()).as_bytes());
    }

    /// Releases the lock; no run holds it any more.
    pub fn release(self) {
        let inode = self.lock.file().metadata().map_or(0, |found| found.ino());
        let _ = self.lock.write(format!("inode {inode}\n").as_bytes());
        let _ = self.lock.unlock();
    }
}

impl RunRecord {
    /// A run that begins now, here, as this process.
    pub fn new(code: Code) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self { code, tool: ProcessId::own(), command: None, place: Place::here(), since }
    }

    /// The run that the file of `storage` names, if it names one that can be read.
    pub fn read(storage: &Storage) -> io::Result<Option<Self>> {
        let content = match fs::read(storage.own_lock()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            content => content?,
        };
        Ok(String::from_utf8_lossy(&content).lines().find_map(Self::from_line))
    }

    /// Whether the tool or COMMAND may still live. At another place that cannot be seen, and
    /// then it may.
    pub fn may_live(&self) -> bool {
        let here = Place::here();
        if (here.boot, here.pid_namespace) != (self.place.boot.clone(), self.place.pid_namespace) {
            return true;
        }
        self.tool.lives() || self.command.as_ref().is_some_and(ProcessId::lives)
    }

    fn to_line(&self) -> String {
        let mut line = format!(
            "{RUN} code={} pid={} start={} host={} boot={} pidns={} since={}",
            self.code,
            self.tool.pid,
            self.tool.start,
            self.place.host.replace([' ', '='], "_"),
            self.place.boot,
            self.place.pid_namespace,
            self.since,
        );
        if let Some(command) = &self.command {
            line += &format!(" command={} command-start={}", command.pid, command.start);
        }
        let checksum = crc32fast::hash(line.as_bytes());
        format!("{line} crc={checksum:08x}")
    }

    fn from_line(line: &str) -> Option<Self> {
        let (content, checksum) = line.rsplit_once(" crc=")?;
        if format!("{:08x}", crc32fast::hash(content.as_bytes())) != checksum {
            return None;
        }
        let fields = content.strip_prefix(RUN)?;
        let field = |name: &str| {
            fields.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
        };
        let number = |name: &str| field(name)?.parse().ok();
        let process = |pid: &str, start: &str| {
            Some(ProcessId { pid: field(pid)?.parse().ok()?, start: number(start)? })
        };
        Some(Self {
            code: Code::from_bytes(field("code")?.as_bytes())?,
            tool: process("pid", "start")?,
            command: process("command", "command-start"),
            place: Place {
                host: text::harmless(field("host")?),
                boot: text::harmless(field("boot")?),
                pid_namespace: number("pidns")?,
            },
            since: number("since")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage() -> (tempfile::TempDir, Storage) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("A")).unwrap();
        fs::create_dir(folder.path().join("misc")).unwrap();
        let storage = Storage::open(folder.path()).unwrap();
        (folder, storage)
    }

    fn run() -> RunRecord {
        RunRecord::new(Code::from_bytes(b"db-1-x").unwrap())
    }

    #[test]
    fn two_runs_exclude_each_other_and_the_second_may_wait() {
        let (_folder, storage) = storage();
        let lock = OwnLock::take(&storage).unwrap();
        let refusal = OwnLock::take(&storage).unwrap_err();
        assert_eq!(refusal.helped_by(), crate::refusal::Waiting::InUse);
        assert!(
            refusal.text().starts_with("another run of dsnap uses this storage: "),
            "{refusal}"
        );
        lock.release();
        assert!(OwnLock::take(&storage).is_ok());
    }

    #[test]
    fn the_file_has_its_mode_whatever_the_umask() {
        let (_folder, storage) = storage();
        let _lock = OwnLock::take(&storage).unwrap();
        assert_eq!(fs::metadata(storage.own_lock()).unwrap().mode() & 0o7777, 0o660);
    }

    #[test]
    fn a_run_is_named_while_it_lasts_and_the_file_stays_the_same_one() {
        let (_folder, storage) = storage();
        assert_eq!(RunRecord::read(&storage).unwrap(), None);
        let lock = OwnLock::take(&storage).unwrap();
        let inode = fs::metadata(storage.own_lock()).unwrap().ino();
        let mut run = run();
        lock.describe(&run);
        assert_eq!(RunRecord::read(&storage).unwrap(), Some(run.clone()));
        run.command = Some(ProcessId::own());
        lock.describe(&run);
        assert_eq!(RunRecord::read(&storage).unwrap(), Some(run));
        lock.release();
        assert_eq!(RunRecord::read(&storage).unwrap(), None);
        assert_eq!(fs::read_to_string(storage.own_lock()).unwrap(), format!("inode {inode}\n"));
        assert_eq!(fs::metadata(storage.own_lock()).unwrap().ino(), inode);
    }

    #[test]
    fn a_torn_line_names_nobody() {
        let (_folder, storage) = storage();
        let line = run().to_line();
        fs::write(storage.own_lock(), &line[..line.len() - 3]).unwrap();
        assert_eq!(RunRecord::read(&storage).unwrap(), None);
        fs::write(storage.own_lock(), line.replace("db-1", "db-2")).unwrap();
        assert_eq!(RunRecord::read(&storage).unwrap(), None);
    }

    #[test]
    fn a_run_lives_as_long_as_the_tool_or_the_command_and_elsewhere_it_may() {
        let dead = ProcessId { pid: i32::MAX, start: 1 };
        let run = RunRecord { tool: dead.clone(), ..run() };
        assert!(!run.may_live());
        assert!(RunRecord { command: Some(ProcessId::own()), ..run.clone() }.may_live());
        let elsewhere = Place { pid_namespace: 1, ..Place::here() };
        assert!(RunRecord { place: elsewhere, ..run }.may_live());
    }
}
