//! Which process on which machine: enough to tell later whether it still lives.
//!
//! A pid alone is used again. With its start time, the boot and the pid namespace it is not.

use std::fs;

use procfs::process::Process;

/// A process, told apart from every later one of the same pid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessId {
    /// Its number in its pid namespace.
    pub pid: i32,
    /// When it began, in clock ticks since the machine did.
    pub start: u64,
}

/// Where a process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The name of the machine.
    pub host: String,
    /// This boot of it.
    pub boot: String,
    /// The pid namespace, by number.
    pub pid_namespace: u64,
}

impl ProcessId {
    /// The running process of that number; `None` if there is none, or only what is left of one
    /// until its parent asks.
    pub fn of(pid: i32) -> Option<Self> {
        let stat = Process::new(pid).ok()?.stat().ok()?;
        let runs = !matches!(stat.state, 'Z' | 'X');
        runs.then_some(Self { pid, start: stat.starttime })
    }

    /// This process.
    pub fn own() -> Self {
        let pid = std::process::id().cast_signed();
        Self::of(pid).unwrap_or(Self { pid, start: 0 })
    }

    /// Whether this very process still runs. Only to be asked at its own [`Host`].
    pub fn lives(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }
}

impl Host {
    /// Here.
    pub fn here() -> Self {
        let host = nix::unistd::gethostname().ok();
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let namespace = fs::read_link("/proc/self/ns/pid").ok();
        Self {
            host: host.and_then(|name| name.into_string().ok()).unwrap_or_default(),
            boot: boot.trim().to_owned(),
            pid_namespace: namespace.and_then(|link| number_in(link.to_str()?)).unwrap_or(0),
        }
    }

    /// Whether processes of that place can be seen from here, by their numbers. A machine that
    /// was booted since has none of them any more.
    pub fn is_visible(&self) -> bool {
        let here = Self::here();
        self.host == here.host
            && (self.boot != here.boot || self.pid_namespace == here.pid_namespace)
    }

    /// Whether that very process, of this place, is known to run.
    pub fn sees(&self, process: &ProcessId) -> bool {
        *self == Self::here() && process.lives()
    }
}

/// The number in `pid:[4026531836]`.
fn number_in(link: &str) -> Option<u64> {
    link.trim_end_matches(']').rsplit('[').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_one_that_began_at_another_time_does_not() {
        let own = ProcessId::own();
        assert!(own.lives() && own.start > 0);
        assert!(!ProcessId { start: own.start + 1, ..own }.lives());
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a process that ends takes another program")]
    fn a_process_that_nobody_has_waited_for_does_not_live() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id().cast_signed();
        while ProcessId::of(pid).is_some() {
            std::thread::yield_now();
        }
        assert!(Process::new(pid).is_ok(), "it is a zombie");
        child.wait().unwrap();
    }

    #[test]
    fn here_is_known_and_stays_the_same() {
        let here = Host::here();
        assert_eq!(here, Host::here());
        assert!(
            !here.host.is_empty() && !here.boot.is_empty() && here.pid_namespace > 0,
            "{here:?}"
        );
    }
}
