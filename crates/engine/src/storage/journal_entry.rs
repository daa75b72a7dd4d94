//! What stands in `journal/`, by its name.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// The name that a replica's archive has in `journal/`.
pub const REPLICA: &str = "replica.tar";

/// What an entry of `journal/` is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalEntry {
    /// `working_<TID>_done…`: a committed transaction.
    Done,
    /// `working_<TID>_temp…`: a transaction that was never committed.
    Temp,
    /// `replica.tar`.
    Replica,
    /// The packer's mark beside a file (`[posix] mark: file`); listings pass over it.
    Mark,
    /// Anything else: it should not be there.
    Strange,
}

impl JournalEntry {
    /// Classifies a name as the original does, by its beginning.
    pub fn of(name: &OsStr) -> Self {
        let name = name.as_bytes();
        if is_mark(OsStr::from_bytes(name)) {
            return Self::Mark;
        }
        if name == REPLICA.as_bytes() {
            return Self::Replica;
        }
        let tid_and_state =
            name.strip_prefix(b"working_").and_then(|rest| rest.split_at_checked(16));
        match tid_and_state {
            Some((tid, state)) if tid.iter().all(|&digit| is_upper_hex(digit)) => {
                match state.get(..5) {
                    Some(b"_done") => Self::Done,
                    Some(b"_temp") => Self::Temp,
                    _ => Self::Strange,
                }
            }
            _ => Self::Strange,
        }
    }
}

/// Says whether a name is that of a packing server's mark, which every listing skips.
pub fn is_mark(name: &OsStr) -> bool {
    name.as_bytes().ends_with(b".mark")
}

fn is_upper_hex(digit: u8) -> bool {
    matches!(digit, b'0'..=b'9' | b'A'..=b'F')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journal_entries_are_classified_by_the_beginning_of_their_name() {
        let of = |name: &str| JournalEntry::of(OsStr::new(name));
        assert_eq!(of("working_040D31C8F3CE2ECC_done"), JournalEntry::Done);
        assert_eq!(of("working_040D31C8F3CE2ECC_done.old"), JournalEntry::Done);
        assert_eq!(of("working_040D31C8F3CE2ECC_temp"), JournalEntry::Temp);
        assert_eq!(of("replica.tar"), JournalEntry::Replica);
        assert_eq!(of("x.mark"), JournalEntry::Mark);
        for strange in [
            "working_040d31c8f3ce2ecc_done",
            "working_040D_done",
            "working_040D31C8F3CE2ECC_vote",
            "",
            "lost+found",
        ] {
            assert_eq!(of(strange), JournalEntry::Strange, "{strange}");
        }
    }
}
