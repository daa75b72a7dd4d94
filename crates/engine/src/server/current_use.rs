//! What a server's snapshot code says about the current use of its storage.

use dsnap_core::{Code, Reason};

/// The use that keeps the server from entering a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CurrentUse {
    /// The server found `misc/sublock` locked when it started, and is stuck since.
    Startup,
    /// The server's own work: `packing`, or `recombining/` and the use that has just ended.
    ServerTask(String),
    /// A snapshot under this code: `user/` and the code of its owner's choice.
    Snapshot(String),
}

impl CurrentUse {
    /// Reads a snapshot code that the server reports.
    pub fn parse(code: String) -> Self {
        if code == "startup" {
            Self::Startup
        } else if code == "packing" || code.starts_with("recombining/") {
            Self::ServerTask(code)
        } else {
            Self::Snapshot(code)
        }
    }

    /// Says whether this is the snapshot under `code`.
    pub fn is_snapshot(&self, code: &Code) -> bool {
        matches!(self, Self::Snapshot(user_code)
            if user_code.strip_prefix("user/") == Some(code.as_str()))
    }
}

/// Says why a server in the state `startup` neither enters nor leaves a snapshot.
pub(super) fn stuck_since_startup(url: &str) -> Reason {
    Reason::new(format!(
        "the server at {url} was started while misc/sublock was locked; until it is restarted, it can neither enter nor leave a snapshot (its snapshot code is `startup`)"
    ))
    .hint("restart the server while no other process has misc/sublock locked")
}

/// Says what the server is busy with. `shown` is the task as it may be shown.
pub fn busy_with_task(url: &str, task: &str, shown: &str) -> Reason {
    Reason::new(if task == "packing" {
        format!("the server at {url} is packing")
    } else {
        format!("the server at {url} is recombining: it merges B/ back into A/ ({shown})")
    })
}

/// Says that the server is in a snapshot under another code, as it may be shown.
pub fn in_another_snapshot(url: &str, code: &str) -> Reason {
    Reason::new(format!("the server at {url} is already in another snapshot ({code})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(code: &str) -> CurrentUse {
        CurrentUse::parse(code.to_owned())
    }

    #[test]
    fn a_snapshot_code_says_what_the_storage_is_used_for() {
        for task in ["packing", "recombining/user/a-1", "recombining/packing"] {
            assert_eq!(parse(task), CurrentUse::ServerTask(task.to_owned()));
        }
        assert_eq!(parse("startup"), CurrentUse::Startup);
        for code in ["user/a-1", "user/startup", "user/packing", "something"] {
            assert_eq!(parse(code), CurrentUse::Snapshot(code.to_owned()));
        }
    }

    #[test]
    fn a_snapshot_is_ours_only_if_everything_after_user_is_our_code() {
        let ours = Code::from_bytes(b"a-1").unwrap();
        assert!(parse("user/a-1").is_snapshot(&ours));
        for other in ["a-1", "user/a-12", "user/user/a-1", "recombining/user/a-1", "startup"] {
            assert!(!parse(other).is_snapshot(&ours), "{other}");
        }
    }
}
