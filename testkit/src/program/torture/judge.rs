//! Judges what a script did in a trial: a script that exits with 0 must have made a whole copy, and must have
//! left the storage in no snapshot; after any fault, the next run must work.
//!
//! What a finding says, and what to do about it, is in `advice`.

use std::fmt;

use super::copies::Copies;

/// The exit status of dsnap that says that the copy may mix two states.
const BROKEN: u8 = 122;

/// How a script ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    With(i32),
    /// A signal killed it.
    By(i32),
    /// It was still running at the time limit.
    TooLate,
}

/// What the storage says about the last run of dsnap in the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dsnap {
    NotRun,
    Killed,
    With(u8),
}

/// What was seen after one run of the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observed {
    pub(super) ended: Ended,
    pub(super) dsnap: Dsnap,
    pub(super) copies: Copies,
    /// The code of the snapshot in which the storage was left.
    pub(super) snapshot: Option<String>,
}

/// Which run of the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WhichRun {
    /// A run on a new site, without a fault.
    Undisturbed,
    /// The run with the fault.
    Disturbed,
    /// The run after that, when the fault is over.
    Next,
}

/// Something that is wrong with the script.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Finding {
    /// It did not end in time.
    TooLate(WhichRun),
    /// It failed although nothing disturbed it.
    Failed(WhichRun, String),
    /// It exited with 0 without a run of dsnap.
    WithoutDsnap,
    /// It exited with 0 although dsnap had been killed.
    IgnoresKill(Copies),
    /// It exited with 0 although the copy may mix two states, or the snapshot was not left.
    IgnoresBroken,
    /// It exited with 0 without a good copy, although dsnap had failed with this status.
    IgnoresStatus(u8, Copies),
    /// It exited with 0 without a good copy, and so did dsnap.
    HidesFailure(WhichRun, Copies),
    /// It exited with 0 although the storage was in a snapshot.
    LeavesSnapshot(WhichRun, String),
}

impl Observed {
    /// Returns what is wrong, if anything is.
    pub(super) fn judge(&self, which: WhichRun) -> Option<Finding> {
        match (self.ended, which) {
            (Ended::With(0), _) => self.judge_success(which),
            (Ended::TooLate, _) => Some(Finding::TooLate(which)),
            // A disturbed script may fail, as long as it says so with its exit status.
            (_, WhichRun::Disturbed) => None,
            (ended, _) => Some(Finding::Failed(which, ended.to_string())),
        }
    }

    fn judge_success(&self, which: WhichRun) -> Option<Finding> {
        let copies = self.copies.clone();
        match (self.dsnap, &self.copies) {
            (Dsnap::NotRun, _) => Some(Finding::WithoutDsnap),
            (Dsnap::With(BROKEN), _) => Some(Finding::IgnoresBroken),
            (_, Copies::Whole) => {
                let code = self.snapshot.clone()?;
                Some(match self.dsnap {
                    Dsnap::Killed => Finding::IgnoresKill(copies),
                    _ => Finding::LeavesSnapshot(which, code),
                })
            }
            (_, Copies::OnlyB | Copies::WithChanging(_)) | (Dsnap::With(0), _) => {
                Some(Finding::HidesFailure(which, copies))
            }
            (Dsnap::Killed, _) => Some(Finding::IgnoresKill(copies)),
            (Dsnap::With(status), _) => Some(Finding::IgnoresStatus(status, copies)),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::With(status) => write!(f, "exited with {status}"),
            Self::By(signal) => write!(f, "killed by signal {signal}"),
            Self::TooLate => f.write_str("did not end"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::copies::Flaw;
    use super::*;

    const TORN: Copies = Copies::Flawed(Flaw::Torn);

    fn seen(ended: Ended, dsnap: Dsnap, copies: Copies) -> Observed {
        Observed { ended, dsnap, copies, snapshot: None }
    }

    #[test]
    fn a_script_that_exits_with_0_must_have_made_a_whole_copy() {
        let judge = |dsnap, copies| seen(Ended::With(0), dsnap, copies).judge(WhichRun::Disturbed);
        assert_eq!(judge(Dsnap::With(0), Copies::Whole), None);
        let status = judge(Dsnap::With(75), Copies::None);
        assert_eq!(status, Some(Finding::IgnoresStatus(75, Copies::None)));
        let hidden = |copies| Some(Finding::HidesFailure(WhichRun::Disturbed, copies));
        for copies in [Copies::None, Copies::OnlyB, TORN, Copies::WithChanging("B")] {
            assert_eq!(judge(Dsnap::With(0), copies.clone()), hidden(copies));
        }
        assert_eq!(judge(Dsnap::Killed, TORN), Some(Finding::IgnoresKill(TORN)));
        assert_eq!(judge(Dsnap::NotRun, Copies::Whole), Some(Finding::WithoutDsnap));
    }

    #[test]
    fn a_script_that_exits_with_0_after_122_is_wrong_even_if_its_copy_is_whole_by_chance() {
        let seen = seen(Ended::With(0), Dsnap::With(122), Copies::Whole);
        assert_eq!(seen.judge(WhichRun::Disturbed), Some(Finding::IgnoresBroken));
    }

    #[test]
    fn a_script_that_exits_with_0_must_not_leave_a_snapshot() {
        let left = |dsnap| Observed {
            snapshot: Some("user/x".to_owned()),
            ..seen(Ended::With(0), dsnap, Copies::Whole)
        };
        let leaves = Finding::LeavesSnapshot(WhichRun::Next, "user/x".to_owned());
        assert_eq!(left(Dsnap::With(0)).judge(WhichRun::Next), Some(leaves));
        let ignores = Finding::IgnoresKill(Copies::Whole);
        assert_eq!(left(Dsnap::Killed).judge(WhichRun::Disturbed), Some(ignores));
    }

    #[test]
    fn only_a_disturbed_script_may_fail_and_it_must_end() {
        for ended in [Ended::With(75), Ended::By(15)] {
            let seen = seen(ended, Dsnap::With(75), Copies::None);
            assert_eq!(seen.judge(WhichRun::Disturbed), None);
            for which in [WhichRun::Undisturbed, WhichRun::Next] {
                assert_eq!(seen.judge(which), Some(Finding::Failed(which, ended.to_string())));
            }
        }
        let hangs = seen(Ended::TooLate, Dsnap::NotRun, Copies::None);
        assert_eq!(hangs.judge(WhichRun::Disturbed), Some(Finding::TooLate(WhichRun::Disturbed)));
    }
}
