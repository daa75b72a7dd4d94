//! What a finding says, and the advice to the author of the script.

use std::fmt;

use super::copies::{Copies, Flaw};
use super::judge::{Finding, WhichRun};

/// The advice for scripts that do not pass on the status of dsnap.
const PASS_ON: &str = "Let the script exit with the status of dsnap: begin it with `set -e`, or write \
    `dsnap ... || exit`. Put no `|| true`, no `;` and no pipe behind dsnap.";

impl Finding {
    /// Returns what the author of the script can do.
    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::TooLate(_) => {
                "Look for a loop, or for a program that waits without a limit. If dsnap may wait longer than the \
                 time limit (its option -t), give torture a higher --limit."
            }
            Self::Failed(WhichRun::Next, _) => {
                "Something that the disturbed run left behind is in the way: a lock file, a folder, half of an \
                 archive. Let the script remove it at the beginning, or use a new name for each run."
            }
            Self::Failed(..) => {
                "Run `dsnap-testkit run -- SCRIPT`, and fix the errors that the script reports."
            }
            Self::WithoutDsnap => {
                "Give dsnap the path in DSNAP_TESTKIT_STORAGE. If the script names your real storage, the \
                 rehearsal copies that one."
            }
            Self::IgnoresBroken | Self::IgnoresKill(_) | Self::IgnoresStatus(..) => PASS_ON,
            Self::HidesFailure(which, copies) => advice_for(*which, copies),
            Self::LeavesSnapshot(WhichRun::Next, _) => {
                "Each run of dsnap ends the snapshot that a killed run left behind. Let the script call dsnap \
                 every time, as the same user and with the same snapshot.conf."
            }
            Self::LeavesSnapshot(..) => PASS_ON,
        }
    }
}

fn advice_for(which: WhichRun, copies: &Copies) -> &'static str {
    match (copies, which) {
        (Copies::OnlyB, _) => {
            "Copy A/: it contains everything that was committed before the snapshot. B/ contains only what is \
             committed during the snapshot, and changes while it is copied."
        }
        (Copies::WithChanging(_), _) => {
            "Copy only A and config. The server writes to B/ and journal/ during a snapshot, so a copy of them \
             may be torn, and a storage that is restored with them may not open."
        }
        (Copies::None, WhichRun::Undisturbed) => {
            "Write the backup below the folder in DSNAP_TESTKIT_TARGET. If it is neither a folder with A/ in it \
             nor a tar file of one, give --restore a script that restores it."
        }
        (_, WhichRun::Undisturbed) => {
            "Copy inside dsnap: the program that copies must be COMMAND, or be started by COMMAND, and it must \
             have ended when COMMAND ends. Copy all of A/."
        }
        _ => {
            "COMMAND must fail if the program that copies fails (rsync, cp, tar): begin COMMAND with `set -e`, \
             and put no `|| true`, no `;` and no pipe behind that program."
        }
    }
}

/// One or two sentences.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLate(which) => {
                write!(f, "{} was still running after the time limit, and was killed.", run(*which))
            }
            Self::Failed(WhichRun::Next, how) => {
                write!(f, "The fault was over, but the next run {}.", was(how))
            }
            Self::Failed(_, how) => write!(f, "Nothing disturbed the script, but it {}.", was(how)),
            Self::WithoutDsnap => {
                f.write_str("The script exited with 0, but it did not run dsnap on the storage of the rehearsal.")
            }
            Self::IgnoresBroken => f.write_str(
                "The script exited with 0, but dsnap had exited with 122: the copy may mix two states, or the \
                 storage is still in a snapshot.",
            ),
            Self::IgnoresKill(Copies::Whole) => f.write_str(
                "The script exited with 0, but dsnap had been killed, so the storage was still in a snapshot.",
            ),
            Self::IgnoresKill(copies) => {
                write!(f, "The script exited with 0, but dsnap had been killed, and {}.", state(copies))
            }
            Self::IgnoresStatus(status, copies) => write!(
                f,
                "The script exited with 0, but dsnap had exited with {status}, and {}.",
                state(copies)
            ),
            Self::HidesFailure(which, copies) => {
                write!(f, "{} exited with 0, and so did dsnap, but {}.", run(*which), state(copies))
            }
            Self::LeavesSnapshot(which, code) => write!(
                f,
                "{} exited with 0, but the storage was still in the snapshot {code}.",
                run(*which)
            ),
        }
    }
}

fn run(which: WhichRun) -> &'static str {
    match which {
        WhichRun::Next => "The next run, after the fault was over,",
        _ => "The script",
    }
}

/// Turns how a script ended into the end of a sentence.
fn was(how: &str) -> String {
    if how.starts_with("killed") { format!("was {how}") } else { how.to_owned() }
}

/// Says what is wrong with the copies.
fn state(copies: &Copies) -> String {
    match copies {
        Copies::None => "no copy was made below DSNAP_TESTKIT_TARGET".to_owned(),
        Copies::OnlyB => "it had copied B/, and not A/".to_owned(),
        Copies::Flawed(Flaw::Unreadable(why)) => format!("the copy cannot be read ({why})"),
        Copies::Flawed(Flaw::Torn) => {
            "the copy is incomplete: files are missing, or belong to different moments".to_owned()
        }
        Copies::Flawed(Flaw::Old(count)) => {
            let s = if *count == 1 { "" } else { "s" };
            format!("the copy is old: it lacks {count} transaction{s} committed before the run")
        }
        Copies::WithChanging(folder) => {
            format!("it had also copied files of {folder}/, which change during a snapshot")
        }
        Copies::Whole => "the copy is whole".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flaw_of_a_copy_has_words_and_advice_of_its_own() {
        let copies = [
            Copies::None,
            Copies::OnlyB,
            Copies::Flawed(Flaw::Torn),
            Copies::Flawed(Flaw::Old(1)),
            Copies::WithChanging("journal"),
        ];
        let findings = copies.map(|copies| Finding::HidesFailure(WhichRun::Undisturbed, copies));
        let words: std::collections::BTreeSet<_> =
            findings.iter().map(Finding::to_string).collect();
        assert_eq!(words.len(), findings.len());
        assert!(findings[1].to_string().ends_with("but it had copied B/, and not A/."));
        assert!(findings[1].advice().starts_with("Copy A/"));
        assert!(findings[4].advice().contains("Copy only A and config"));
    }
}
