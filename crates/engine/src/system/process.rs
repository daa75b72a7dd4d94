//! A process and the machine it runs on, known well enough to tell later whether it still lives.
//!
//! Pids are reused. A pid with its start time, boot and pid namespace is not. What cannot be read is
//! unknown: a process is never taken for ended because `/proc` does not show it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::OnceLock;

use procfs::FromRead;
use procfs::process::Stat;
use rustix::fs::{CWD, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::limits::MAX_MACHINE_ID;
use crate::system::real_user::as_real_user;
use crate::system::{open, reading};

/// The file that names this installation of a system, whatever its host name becomes.
const MACHINE_ID: &str = "/etc/machine-id";
/// The length of what it contains: 128 bits in hexadecimal digits.
const MACHINE_ID_DIGITS: usize = 32;

/// A process, distinguished from every later one with the same pid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessId {
    /// The pid in the process's own pid namespace.
    pub pid: i32,
    /// The start time, in clock ticks since boot; 0 if it cannot be read.
    pub start: u64,
}

/// Whether a process still runs, as far as that can be seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// This very process runs.
    Runs,
    /// It does not run any more.
    Ended,
    /// It cannot be seen from here: it may run.
    Unknown,
}

/// The machine, boot and pid namespace in which a process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The host name.
    pub host: String,
    /// The content of `/etc/machine-id`; empty if that file does not exist.
    pub machine: String,
    /// The boot id; empty if it cannot be read.
    pub boot: String,
    /// The number of the pid namespace; 0 if it cannot be read.
    pub pid_namespace: u64,
}

impl ProcessId {
    /// Finds the running process with that pid; `None` if none is seen, or only a zombie.
    pub fn of(pid: i32) -> Option<Self> {
        let stat = stat(pid).filter(|stat| !has_ended(stat))?;
        Some(Self { pid, start: stat.starttime })
    }

    /// Describes a process that is known to exist, even if `/proc` does not show it.
    pub fn of_existing(pid: i32) -> Self {
        Self::of(pid).unwrap_or(Self { pid, start: 0 })
    }

    /// Returns this process.
    pub fn own() -> Self {
        Self::of_existing(std::process::id().cast_signed())
    }

    /// Says whether this very process still runs. Only meaningful on its own [`Host`].
    fn life(&self) -> Life {
        match stat(self.pid) {
            Some(stat) if has_ended(&stat) => Life::Ended,
            Some(_) if self.start == 0 => Life::Unknown,
            Some(stat) if stat.starttime == self.start => Life::Runs,
            Some(_) => Life::Ended,
            None if is_unused(self.pid) => Life::Ended,
            None => Life::Unknown,
        }
    }
}

/// Reads what `/proc` says about the process with that pid. `None` says nothing: `/proc` may be hidden,
/// restricted, or that of another pid namespace.
fn stat(pid: i32) -> Option<Stat> {
    if !proc_is_of_this_namespace() {
        return None;
    }
    as_real_user(|| Stat::from_file(format!("/proc/{pid}/stat"))).ok()
}

/// Says whether a process has ended and is only waited for.
fn has_ended(stat: &Stat) -> bool {
    matches!(stat.state, 'Z' | 'X')
}

/// Says whether the system confirms that no process has this pid.
fn is_unused(pid: i32) -> bool {
    // A negative number would mean a group.
    let pid = u32::try_from(pid).ok().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

/// Says whether `/proc` shows the processes of this process's own namespace, by their pids.
fn proc_is_of_this_namespace() -> bool {
    fs::read_link("/proc/self").is_ok_and(|pid| pid == Path::new(&std::process::id().to_string()))
}

impl Host {
    /// Returns the host of this process. No process moves to another machine, boot or pid namespace, so
    /// the system is asked once. A run keeps the host name that it began with.
    pub fn here() -> Self {
        static HERE: OnceLock<Host> = OnceLock::new();
        HERE.get_or_init(Self::of_this_process).clone()
    }

    fn of_this_process() -> Self {
        let host = nix::unistd::gethostname().ok();
        let boot = procfs::sys::kernel::random::boot_id().unwrap_or_default();
        // The number of a namespace is the inode of its file.
        let namespace = fs::metadata("/proc/self/ns/pid").map_or(0, |found| found.ino());
        Self {
            host: host.and_then(|name| name.into_string().ok()).unwrap_or_default(),
            machine: machine_id().unwrap_or_default(),
            boot: boot.trim().to_owned(),
            pid_namespace: namespace,
        }
    }

    /// Says whether this is the same machine as `other`: by the machine id, and by the host name only
    /// where one of them has none.
    pub fn is_same_machine(&self, other: &Self) -> bool {
        if self.machine.is_empty() || other.machine.is_empty() {
            return !self.host.is_empty() && self.host == other.host;
        }
        self.machine == other.machine
    }

    /// Says whether a process of that host still runs. Without a process, says whether any could: it
    /// is then ended or unknown.
    pub fn life_of(&self, process: Option<&ProcessId>) -> Life {
        let here = Self::here();
        if !self.is_same_machine(&here) || self.boot.is_empty() || here.boot.is_empty() {
            return Life::Unknown;
        }
        if self.boot != here.boot {
            return Life::Ended;
        }
        if self.pid_namespace == 0 || self.pid_namespace != here.pid_namespace {
            return Life::Unknown;
        }
        process.map_or(Life::Ended, ProcessId::life)
    }
}

/// Reads the machine id. A system that was not started yet has an empty one, or a word.
fn machine_id() -> Option<String> {
    let file = open::open_at(CWD, Path::new(MACHINE_ID), OFlags::RDONLY, 0).ok()?;
    let content = String::from_utf8(reading::read_up_to(file, MAX_MACHINE_ID).ok()?).ok()?;
    let id = content.trim();
    let is_id = id.len() == MACHINE_ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_one_with_another_start_time_does_not() {
        let own = ProcessId::own();
        assert!(own.life() == Life::Runs && own.start > 0);
        assert_eq!(ProcessId { start: own.start + 1, ..own }.life(), Life::Ended);
        assert_eq!(ProcessId { pid: i32::MAX, start: 1 }.life(), Life::Ended);
    }

    #[test]
    fn a_process_without_a_start_time_may_be_another_one() {
        let own = ProcessId { start: 0, ..ProcessId::own() };
        assert_eq!(own.life(), Life::Unknown);
        assert_eq!(ProcessId { pid: i32::MAX, start: 0 }.life(), Life::Ended);
        for pid in [0, -1, i32::MIN] {
            assert_eq!(ProcessId { pid, start: 0 }.life(), Life::Unknown, "{pid}");
        }
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "the test needs a process that ends")]
    fn a_zombie_does_not_live() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id().cast_signed();
        while ProcessId::of(pid).is_some() {
            std::thread::yield_now();
        }
        assert!(stat(pid).is_some(), "it is a zombie");
        assert_eq!(ProcessId { pid, start: 1 }.life(), Life::Ended);
        child.wait().unwrap();
    }

    #[test]
    fn the_host_of_this_process_is_known_and_does_not_change() {
        let here = Host::here();
        assert_eq!(here, Host::here());
        assert!(
            !here.host.is_empty() && !here.boot.is_empty() && here.pid_namespace > 0,
            "{here:?}"
        );
    }

    fn host(host: &str, machine: &str) -> Host {
        Host { host: host.to_owned(), machine: machine.to_owned(), ..Host::here() }
    }

    #[test]
    fn a_machine_is_known_by_its_id_and_where_there_is_none_by_its_name() {
        for (one, other, same) in [
            (("db", "1"), ("renamed", "1"), true),
            (("db", "1"), ("db", "2"), false),
            (("db", ""), ("db", "2"), true),
            (("db", "1"), ("db", ""), true),
            (("db", ""), ("www", ""), false),
            (("db", "1"), ("www", ""), false),
            (("", ""), ("", ""), false),
        ] {
            let (one, other) = (host(one.0, one.1), host(other.0, other.1));
            assert_eq!(one.is_same_machine(&other), same, "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_process_is_judged_only_where_it_can_be_seen() {
        let (here, own) = (Host::here(), ProcessId::own());
        let ended = ProcessId { pid: i32::MAX, start: 1 };
        let elsewhere =
            Host { host: "elsewhere".to_owned(), machine: "0".repeat(32), ..here.clone() };
        for (host, life_of_own) in [
            (here.clone(), Life::Runs),
            (Host { host: "renamed".to_owned(), ..here.clone() }, Life::Runs),
            (Host { boot: "another".to_owned(), ..here.clone() }, Life::Ended),
            (Host { boot: String::new(), ..here.clone() }, Life::Unknown),
            (Host { pid_namespace: 1, ..here.clone() }, Life::Unknown),
            (Host { pid_namespace: 0, ..here.clone() }, Life::Unknown),
            (elsewhere, Life::Unknown),
        ] {
            assert_eq!(host.life_of(Some(&own)), life_of_own, "{host:?}");
            let without = if life_of_own == Life::Runs { Life::Ended } else { life_of_own };
            assert_eq!(host.life_of(Some(&ended)), without, "{host:?}");
            assert_eq!(host.life_of(None), without, "{host:?}");
        }
    }
}
