//! Leaving at the server of another storage, whose `misc/snapshot` cannot be seen from here.
//!
//! A method says *left* if its server is not in the snapshot. Behind a load balancer, that may be another server
//! than the one that entered. So the server is asked before the leave and after it.

use std::cell::Cell;

use dsnap_core::method::Status;
use dsnap_core::{Code, Reason};

use crate::failure::Failure;
use crate::run::event;
use crate::storage::snapshot_file::Content;

/// What this run knows of the server of another storage.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    /// A leave failed while the server was in the snapshot. The server may have left nevertheless.
    may_be_left: Cell<bool>,
}

impl Elsewhere {
    /// Leaves, and checks that the server was in the snapshot before and is not afterwards. `is_held` asks
    /// the server. If it returns `None`, the method cannot tell, and the result of `leave` counts.
    ///
    /// # Errors
    ///
    /// The error of `leave`, or one that says that another server answered.
    pub(super) fn leave(
        &self,
        label: &str,
        is_held: impl Fn() -> Option<bool>,
        leave: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let was_held = is_held();
        let answer = leave();
        if was_held == Some(true) && answer.is_err() {
            self.may_be_left.set(true);
        }
        answer?;
        let never_held = was_held == Some(false) && !self.may_be_left.get();
        if never_held || is_held() == Some(true) {
            return Err(Failure::Permanent(another_answers(label)));
        }
        Ok(())
    }
}

/// Says whether a server with this status is in the snapshot. `None` if the status does not tell.
pub(super) fn is_held(status: &Status, code: &Code) -> Option<bool> {
    match status {
        Status::Held(held) => Some(Content::of(held).names(code)),
        Status::CouldEnter => Some(false),
        _ => None,
    }
}

fn another_answers(label: &str) -> Reason {
    let what = event::of_line(label, "the server that answers now is not the one that entered");
    Reason::new(what).hint(
        "if a load balancer is behind this line, write the address of the storage's own server into it",
    )
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const HELD: Option<bool> = Some(true);
    const FREE: Option<bool> = Some(false);

    /// Leaves once at a server that gives these answers to the questions before and after.
    fn leaves(server: &Elsewhere, answers: [Option<bool>; 2], succeeds: bool) -> bool {
        let answers = RefCell::new(answers.to_vec());
        let failure = || Failure::permanent("no answer");
        let left = server.leave(
            "zope",
            || answers.borrow_mut().remove(0),
            || succeeds.then_some(()).ok_or_else(failure),
        );
        left.is_ok()
    }

    #[test]
    fn a_server_that_was_never_in_the_snapshot_has_not_left_it() {
        assert!(leaves(&Elsewhere::default(), [HELD, FREE], true));
        assert!(!leaves(&Elsewhere::default(), [FREE, FREE], true));
        assert!(!leaves(&Elsewhere::default(), [FREE, HELD], true));
        assert!(!leaves(&Elsewhere::default(), [HELD, HELD], true));
    }

    #[test]
    fn a_method_that_cannot_look_is_believed() {
        assert!(leaves(&Elsewhere::default(), [None, None], true));
        assert!(!leaves(&Elsewhere::default(), [None, None], false));
    }

    #[test]
    fn after_a_lost_answer_a_server_that_is_free_has_left() {
        let server = Elsewhere::default();
        assert!(!leaves(&server, [HELD, FREE], false));
        assert!(leaves(&server, [FREE, FREE], true));
    }
}
