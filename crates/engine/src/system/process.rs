//! A process and the machine it runs on, known well enough to tell later whether it still lives.
//!
//! Pids are reused. A pid with its start time, boot and pid namespace is not.

use std::fs;
use std::os::unix::fs::MetadataExt;

use procfs::process::Process;

/// A process, distinguished from every later one with the same pid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessId {
    /// The pid in the process's own pid namespace.
    pub pid: i32,
    /// The start time, in clock ticks since boot.
    pub start: u64,
}

/// The machine, boot and pid namespace in which a process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The host name.
    pub host: String,
    /// The boot id.
    pub boot: String,
    /// The number of the pid namespace; 0 if unknown.
    pub pid_namespace: u64,
}

impl ProcessId {
    /// Finds the running process with that pid; `None` if it does not exist, or is a zombie.
    pub fn of(pid: i32) -> Option<Self> {
        let stat = Process::new(pid).ok()?.stat().ok()?;
        let runs = !matches!(stat.state, 'Z' | 'X');
        runs.then_some(Self { pid, start: stat.starttime })
    }

    /// Returns this process.
    pub fn own() -> Self {
        let pid = std::process::id().cast_signed();
        Self::of(pid).unwrap_or(Self { pid, start: 0 })
    }

    /// Says whether this very process still runs. Only meaningful on its own [`Host`].
    pub fn lives(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }
}

impl Host {
    /// Returns the host of this process.
    pub fn here() -> Self {
        let host = nix::unistd::gethostname().ok();
        let boot = procfs::sys::kernel::random::boot_id().unwrap_or_default();
        // The number of a namespace is the inode of its file.
        let namespace = fs::metadata("/proc/self/ns/pid").map_or(0, |found| found.ino());
        Self {
            host: host.and_then(|name| name.into_string().ok()).unwrap_or_default(),
            boot: boot.trim().to_owned(),
            pid_namespace: namespace,
        }
    }

    /// Says whether the processes of that host can be seen from here by their pids. After another
    /// boot of the machine none of them runs, which counts as seen.
    pub fn is_visible(&self) -> bool {
        let here = Self::here();
        self.host == here.host
            && (self.boot != here.boot || self.pid_namespace == here.pid_namespace)
    }

    /// Says whether that very process of this host is known to run.
    pub fn sees(&self, process: &ProcessId) -> bool {
        *self == Self::here() && process.lives()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_one_with_another_start_time_does_not() {
        let own = ProcessId::own();
        assert!(own.lives() && own.start > 0);
        assert!(!ProcessId { start: own.start + 1, ..own }.lives());
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "the test needs a process that ends")]
    fn a_zombie_does_not_live() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id().cast_signed();
        while ProcessId::of(pid).is_some() {
            std::thread::yield_now();
        }
        assert!(Process::new(pid).is_ok(), "it is a zombie");
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
}
