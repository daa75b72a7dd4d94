//! What a server's snapshot code says: who or what has its storage in snapshot mode.

use dsnap_core::text::Harmless;
use dsnap_core::{Code, Reason};

/// Who has the storage in snapshot mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Occupant {
    /// Nobody, since the server's start: it found `misc/sublock` held.
    Startup,
    /// The server itself: `packing`, or `recombining/` and what it does after.
    Work(String),
    /// Somebody, under this code: `user/` and what they call it.
    Snapshot(String),
}

impl Occupant {
    /// Reads the code as the server says it.
    pub(crate) fn of(code: String) -> Self {
        if code == "startup" {
            Self::Startup
        } else if code == "packing" || code.starts_with("recombining/") {
            Self::Work(code)
        } else {
            Self::Snapshot(code)
        }
    }

    /// Whether it is the snapshot under this code.
    pub(crate) fn is(&self, code: &Code) -> bool {
        matches!(self, Self::Snapshot(said) if said.strip_prefix("user/") == Some(code.as_str()))
    }
}

/// A server in this state neither enters nor leaves.
pub(crate) fn stuck(url: &str) -> Reason {
    Reason::new(format!(
        "the server at {url} was started while somebody held misc/sublock: it can neither enter nor leave a snapshot as long as it runs (its code is `startup`)"
    ))
    .hint("restart the server at a moment when nobody holds misc/sublock; nothing else ends it")
}

/// The server is busy with itself.
pub(crate) fn at_work(url: &str, work: &str) -> Reason {
    Reason::new(if work == "packing" {
        format!("the server at {url} is packing")
    } else {
        format!("the server at {url} is ending another snapshot ({})", Harmless(work.as_bytes()))
    })
}

/// Somebody else has a snapshot.
pub(crate) fn taken(url: &str, code: &str) -> Reason {
    let code = Harmless(code.as_bytes());
    Reason::new(format!("the server at {url} is in a snapshot of somebody else ({code})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_tells_who_is_there() {
        for work in ["packing", "recombining/user/a-1", "recombining/packing"] {
            assert_eq!(Occupant::of(work.to_owned()), Occupant::Work(work.to_owned()));
        }
        assert_eq!(Occupant::of("startup".to_owned()), Occupant::Startup);
        for code in ["user/a-1", "user/startup", "user/packing", "something"] {
            assert_eq!(Occupant::of(code.to_owned()), Occupant::Snapshot(code.to_owned()));
        }
    }

    #[test]
    fn our_code_is_the_whole_of_it_behind_user() {
        let ours = Code::from_bytes(b"a-1").unwrap();
        assert!(Occupant::of("user/a-1".to_owned()).is(&ours));
        for other in ["a-1", "user/a-12", "user/user/a-1", "recombining/user/a-1", "startup"] {
            assert!(!Occupant::of(other.to_owned()).is(&ours), "{other}");
        }
    }
}
