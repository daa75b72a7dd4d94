//! Freshness: may COMMAND run in this snapshot?
//!
//! The original ran COMMAND in whatever snapshot it found, and so one killed run made every
//! later backup a copy of the same old data. The verdict below is a table, and it is taken with
//! `misc/sublock` locked, so that it stays true.

use dsnap_core::Code;

use crate::storage::Leftovers;
use crate::storage::snapshot_file::Content;

/// What the methods outcome to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodOutcome<'a> {
    /// A method said *held*, under this code.
    Held(&'a Code),
    /// A method said *done*: the storage is closed and a snapshot.
    Done,
    /// No method worked.
    Nothing {
        /// A method that needs nobody looked at the files and refused them.
        files_refused: bool,
        /// No process has the storage open, and that is known.
        closed: bool,
    },
}

/// Whether COMMAND may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Entered for this run, or nothing was committed since.
    Fresh,
    /// After *done*: somebody opened the storage meanwhile.
    ServerCameUp,
    /// After *held*: the method reached a server of another storage.
    WrongServer,
    /// A snapshot, but an old one or somebody else's. Acceptable on request.
    NotFresh,
    /// No snapshot at all, or one that is being made or broken. Never acceptable.
    NoSnapshot,
}

/// The verdict on `misc/snapshot` and what lies beside it.
pub fn verdict(outcome: MethodOutcome<'_>, content: &Content, left: Leftovers) -> Verdict {
    let complete = !left.done && !left.in_b;
    match (outcome, content) {
        (MethodOutcome::Held(code), Content::User(held)) if held == code.as_str().as_bytes() => {
            Verdict::Fresh
        }
        (MethodOutcome::Held(_) | MethodOutcome::Done, Content::Shutdown) if complete => {
            Verdict::Fresh
        }
        (MethodOutcome::Held(_), _) => Verdict::WrongServer,
        (MethodOutcome::Done, _) => Verdict::ServerCameUp,
        (MethodOutcome::Nothing { files_refused: false, closed: true }, Content::Shutdown)
            if complete && !left.replica =>
        {
            Verdict::Fresh
        }
        (MethodOutcome::Nothing { .. }, Content::Shutdown | Content::User(_)) => Verdict::NotFresh,
        (MethodOutcome::Nothing { .. }, _) => Verdict::NoSnapshot,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Leftovers = Leftovers { done: false, in_b: false, replica: false };
    const DONE: Leftovers = Leftovers { done: true, ..NONE };
    const IN_B: Leftovers = Leftovers { in_b: true, ..NONE };
    const REPLICA: Leftovers = Leftovers { replica: true, ..NONE };

    fn ours() -> Code {
        Code::from_bytes(b"db-1-ours").unwrap()
    }

    fn everything_else() -> Vec<Content> {
        let other = |bytes: &[u8]| Content::of(bytes);
        vec![
            Content::Absent,
            Content::NotAFile,
            other(b""),
            other(b"packing"),
            other(b"user/x"),
            other(b"?"),
        ]
    }

    #[test]
    fn held_with_the_code_of_this_try_is_fresh_whatever_was_committed_since() {
        let content = Content::of(b"user/db-1-ours");
        for left in [NONE, DONE, IN_B] {
            assert_eq!(verdict(MethodOutcome::Held(&ours()), &content, left), Verdict::Fresh);
        }
    }

    #[test]
    fn held_or_done_and_a_complete_shutdown_is_fresh() {
        for outcome in [MethodOutcome::Held(&ours()), MethodOutcome::Done] {
            assert_eq!(verdict(outcome, &Content::Shutdown, NONE), Verdict::Fresh);
        }
    }

    #[test]
    fn held_and_anything_else_is_the_wrong_server() {
        for content in everything_else() {
            assert_eq!(
                verdict(MethodOutcome::Held(&ours()), &content, NONE),
                Verdict::WrongServer,
                "{content}"
            );
        }
        for left in [DONE, IN_B] {
            assert_eq!(
                verdict(MethodOutcome::Held(&ours()), &Content::Shutdown, left),
                Verdict::WrongServer
            );
        }
    }

    #[test]
    fn done_and_anything_else_means_that_a_server_came_up() {
        for content in everything_else() {
            assert_eq!(
                verdict(MethodOutcome::Done, &content, NONE),
                Verdict::ServerCameUp,
                "{content}"
            );
        }
        for left in [DONE, IN_B] {
            assert_eq!(
                verdict(MethodOutcome::Done, &Content::Shutdown, left),
                Verdict::ServerCameUp
            );
        }
    }

    const NOTHING: MethodOutcome<'_> =
        MethodOutcome::Nothing { files_refused: false, closed: true };

    #[test]
    fn a_clean_stop_is_fresh_without_any_method() {
        assert_eq!(verdict(NOTHING, &Content::Shutdown, NONE), Verdict::Fresh);
    }

    #[test]
    fn a_shutdown_that_is_not_complete_or_not_alone_is_not_fresh() {
        for left in [DONE, IN_B, REPLICA] {
            assert_eq!(verdict(NOTHING, &Content::Shutdown, left), Verdict::NotFresh);
        }
        let refused = MethodOutcome::Nothing { files_refused: true, closed: true };
        let open = MethodOutcome::Nothing { files_refused: false, closed: false };
        for outcome in [refused, open] {
            assert_eq!(verdict(outcome, &Content::Shutdown, NONE), Verdict::NotFresh);
        }
    }

    #[test]
    fn somebody_elses_snapshot_is_not_fresh() {
        assert_eq!(verdict(NOTHING, &Content::of(b"user/db-1-other"), NONE), Verdict::NotFresh);
    }

    #[test]
    fn what_is_no_snapshot_is_never_acceptable() {
        for content in [
            Content::Absent,
            Content::NotAFile,
            Content::Empty,
            Content::Packing,
            Content::of(b"?"),
        ] {
            assert_eq!(verdict(NOTHING, &content, NONE), Verdict::NoSnapshot, "{content}");
        }
    }
}
