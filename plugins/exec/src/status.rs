//! What the exit status of the program means.
//!
//! The manual has this table, and scripts rely on it. Running the program is `program`'s part.

use dsnap_core::Reason;
use dsnap_core::method::{Entered, Left, Status};
use dsnap_host::isolated::ProcessEnd;

use crate::program::FinishedProgram;

const SUCCESS: i32 = 0;
/// EX_USAGE of sysexits.h.
const USAGE: i32 = 64;
/// EX_UNAVAILABLE.
const UNAVAILABLE: i32 = 69;
/// EX_TEMPFAIL.
const BUSY: i32 = 75;
/// EX_CONFIG.
const REFUSED: i32 = 78;
/// `enter` only: the storage is closed and is a snapshot as it is. There is nothing to leave.
const DONE: i32 = 100;

/// Reads the result of `enter`. After an unexpected exit status it may have had its effect.
pub(crate) fn entered(finished: FinishedProgram) -> Entered {
    match status(&finished) {
        Some(SUCCESS) => Entered::Held,
        Some(DONE) => Entered::Done,
        Some(BUSY) => Entered::Busy(finished.into_reason()),
        Some(UNAVAILABLE) => Entered::Unavailable(finished.into_reason()),
        Some(USAGE | REFUSED) => Entered::Refused(finished.into_reason()),
        _ => Entered::Unknown(unexpected(finished)),
    }
}

/// Reads the result of `leave`.
pub(crate) fn left(finished: FinishedProgram) -> Left {
    match status(&finished) {
        Some(SUCCESS) => Left::Left,
        Some(BUSY) => Left::Busy(finished.into_reason()),
        Some(UNAVAILABLE) => Left::Unavailable(finished.into_reason()),
        Some(REFUSED) => Left::Refused(finished.into_reason()),
        _ => Left::Failed(unexpected(finished)),
    }
}

/// Reads the result of `status`. A program need not know this verb.
pub(crate) fn looked(finished: FinishedProgram) -> Status {
    match status(&finished) {
        Some(SUCCESS) => Status::CouldEnter,
        Some(USAGE) => Status::CannotTell,
        Some(BUSY) => Status::Busy(finished.into_reason()),
        Some(UNAVAILABLE) => Status::Unavailable(finished.into_reason()),
        Some(REFUSED) => Status::Refused(finished.into_reason()),
        _ => Status::Refused(unexpected(finished)),
    }
}

fn status(finished: &FinishedProgram) -> Option<i32> {
    match finished.ended.end {
        ProcessEnd::Exited(status) => Some(status),
        ProcessEnd::Killed(_)
        | ProcessEnd::TimeUp(_)
        | ProcessEnd::AnsweredTooMuch
        | ProcessEnd::NotKilled(_)
        | ProcessEnd::OutputUnreadable(_) => None,
    }
}

/// Makes a reason that names the exit status, which the author of the program may not have meant.
fn unexpected(finished: FinishedProgram) -> Reason {
    let end = finished.how_it_ended();
    Reason::new(match finished.reason {
        Some(reason) => format!("{reason} ({end})"),
        None => end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dsnap_host::isolated::EndedProcess;

    fn ran(status: i32) -> FinishedProgram {
        let ended = EndedProcess { end: ProcessEnd::Exited(status), last_stderr_line: None };
        let (reason, command) = (Some("why".to_owned()), "`/x enter`".to_owned());
        FinishedProgram { ended, reason, command }
    }

    #[test]
    fn each_exit_status_of_enter_has_its_result() {
        let why = || Reason::new("why");
        assert_eq!(entered(ran(0)), Entered::Held);
        assert_eq!(entered(ran(100)), Entered::Done);
        assert_eq!(entered(ran(64)), Entered::Refused(why()));
        assert_eq!(entered(ran(69)), Entered::Unavailable(why()));
        assert_eq!(entered(ran(75)), Entered::Busy(why()));
        assert_eq!(entered(ran(78)), Entered::Refused(why()));
        let unexpected = Reason::new("why (`/x enter` exited with status 7)");
        assert_eq!(entered(ran(7)), Entered::Unknown(unexpected));
    }

    #[test]
    fn a_program_whose_output_cannot_be_read_may_have_entered() {
        let ran = ran(0);
        let ended = EndedProcess { end: ProcessEnd::OutputUnreadable(5), ..ran.ended };
        let end = "was killed, because dsnap could not read its output: Input/output error";
        let reason = Reason::new(format!("why (`/x enter` {end})"));
        assert_eq!(entered(FinishedProgram { ended, ..ran }), Entered::Unknown(reason));
    }

    #[test]
    fn each_exit_status_of_leave_has_its_result() {
        let why = || Reason::new("why");
        assert_eq!(left(ran(0)), Left::Left);
        assert_eq!(left(ran(69)), Left::Unavailable(why()));
        assert_eq!(left(ran(75)), Left::Busy(why()));
        assert_eq!(left(ran(78)), Left::Refused(why()));
        for status in [1, 64, 100] {
            assert!(matches!(left(ran(status)), Left::Failed(_)), "{status}");
        }
    }

    #[test]
    fn each_exit_status_of_status_has_its_result() {
        let why = || Reason::new("why");
        assert_eq!(looked(ran(0)), Status::CouldEnter);
        assert_eq!(looked(ran(64)), Status::CannotTell);
        assert_eq!(looked(ran(69)), Status::Unavailable(why()));
        assert_eq!(looked(ran(75)), Status::Busy(why()));
        assert_eq!(looked(ran(78)), Status::Refused(why()));
        assert!(matches!(looked(ran(100)), Status::Refused(_)));
    }
}
