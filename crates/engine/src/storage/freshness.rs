//! Freshness: may COMMAND run in this snapshot?
//!
//! The original runs COMMAND in any snapshot that it finds. After one killed run, every later backup
//! is therefore a copy of the same old data. The verdict here is a table. It is taken with `misc/sublock`
//! locked, so that it stays true.

use dsnap_core::Code;

use crate::storage::Leftovers;
use crate::storage::snapshot_file::Content;

/// What came of the methods that were tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MethodOutcome<'a> {
    /// A method reported *held*, under this code.
    Held(&'a Code),
    /// A method reported *done*: the storage is closed and a snapshot.
    Done,
    /// No method worked.
    Nothing {
        /// A method that works on the files has refused them.
        files_refused: bool,
        /// No process has the storage open, and that is known.
        closed: bool,
    },
}

/// Whether COMMAND may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was entered for this run, or nothing has been committed since.
    Fresh,
    /// After *done*: a server has opened the storage meanwhile.
    ServerCameUp,
    /// After *held*: the method reached the server of another storage.
    WrongServer,
    /// It is stale, or was entered by somebody else. The user may accept it.
    NotFresh,
    /// There is no snapshot, or it is being made, or it is broken. Never acceptable.
    NoSnapshot,
}

/// Judges `misc/snapshot` and what was committed but is not in `A/`.
pub(crate) fn verdict(outcome: MethodOutcome<'_>, content: &Content, left: Leftovers) -> Verdict {
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
    fn held_with_the_code_of_this_try_is_fresh_even_if_transactions_followed() {
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
    fn a_snapshot_entered_by_someone_else_is_not_fresh() {
        assert_eq!(verdict(NOTHING, &Content::of(b"user/db-1-other"), NONE), Verdict::NotFresh);
    }

    #[test]
    fn anything_that_is_not_a_snapshot_is_never_acceptable() {
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
