//! What the exit status of the program means. The table stands in the manual and is a promise.

use dsnap_core::Reason;
use dsnap_core::method::{Entered, Left, Status};
use dsnap_host::isolated::End;

use crate::program::Ran;

const WELL: i32 = 0;
/// EX_USAGE of sysexits.h.
const USAGE: i32 = 64;
/// EX_UNAVAILABLE.
const UNAVAILABLE: i32 = 69;
/// EX_TEMPFAIL.
const BUSY: i32 = 75;
/// EX_CONFIG.
const REFUSED: i32 = 78;
/// `enter` only: the storage is closed and a snapshot, and nothing is to be left.
const DONE: i32 = 100;

/// What `enter` came to. Anything unexpected may have had its effect.
pub(crate) fn entered(ran: Ran) -> Entered {
    match status(&ran) {
        Some(WELL) => Entered::Held,
        Some(DONE) => Entered::Done,
        Some(BUSY) => Entered::Busy(ran.refusal()),
        Some(UNAVAILABLE) => Entered::Unavailable(ran.refusal()),
        Some(USAGE | REFUSED) => Entered::Refused(ran.refusal()),
        _ => Entered::Unknown(strange(ran)),
    }
}

/// What `leave` came to.
pub(crate) fn left(ran: Ran) -> Left {
    match status(&ran) {
        Some(WELL) => Left::Left,
        Some(BUSY) => Left::Busy(ran.refusal()),
        Some(UNAVAILABLE) => Left::Unavailable(ran.refusal()),
        Some(REFUSED) => Left::Refused(ran.refusal()),
        _ => Left::Failed(strange(ran)),
    }
}

/// What `status` saw. A program need not know the verb.
pub(crate) fn seen(ran: Ran) -> Status {
    match status(&ran) {
        Some(WELL) => Status::CouldEnter,
        Some(USAGE) => Status::CannotTell,
        Some(BUSY) => Status::Busy(ran.refusal()),
        Some(UNAVAILABLE) => Status::Unavailable(ran.refusal()),
        Some(REFUSED) => Status::Refused(ran.refusal()),
        _ => Status::Refused(strange(ran)),
    }
}

fn status(ran: &Ran) -> Option<i32> {
    match ran.ended.end {
        End::Exited(status) => Some(status),
        End::Killed(_) | End::TimeUp(_) => None,
    }
}

/// The status itself is part of the reason: it may be one that nobody meant.
fn strange(ran: Ran) -> Reason {
    let end = ran.ended.end;
    match ran.reason {
        Some(reason) => Reason::new(format!("{reason} ({end})")),
        None => Reason::new(end.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dsnap_host::isolated::Ended;

    fn ran(status: i32) -> Ran {
        let ended = Ended { end: End::Exited(status), last_words: None };
        Ran { ended, reason: Some("why".to_owned()) }
    }

    #[test]
    fn of_enter() {
        let why = || Reason::new("why");
        assert_eq!(entered(ran(0)), Entered::Held);
        assert_eq!(entered(ran(100)), Entered::Done);
        assert_eq!(entered(ran(64)), Entered::Refused(why()));
        assert_eq!(entered(ran(69)), Entered::Unavailable(why()));
        assert_eq!(entered(ran(75)), Entered::Busy(why()));
        assert_eq!(entered(ran(78)), Entered::Refused(why()));
        let strange = Reason::new("why (it ended with status 7)");
        assert_eq!(entered(ran(7)), Entered::Unknown(strange));
    }

    #[test]
    fn of_leave() {
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
    fn of_status() {
        let why = || Reason::new("why");
        assert_eq!(seen(ran(0)), Status::CouldEnter);
        assert_eq!(seen(ran(64)), Status::CannotTell);
        assert_eq!(seen(ran(69)), Status::Unavailable(why()));
        assert_eq!(seen(ran(75)), Status::Busy(why()));
        assert_eq!(seen(ran(78)), Status::Refused(why()));
        assert!(matches!(seen(ran(100)), Status::Refused(_)));
    }
}
