//! What the process that isolates a call answers: the library in it may write there.

use std::cell::Cell;
use std::ffi::OsString;

use dsnap_core::method::{Caller, Entered, Left, Message, Status};
use dsnap_engine::limits::{MAX_CALL_OUTPUT, MAX_HINTS};
use dsnap_host::fuzzing::GivenAnswers;

use super::outcome::{Outcome, check};
use crate::shown::check_line;
use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "answers",
    property: "answers of an isolated call: pieces of any size mean the same, only a result counts",
    check: check_bytes,
    longest: 2048,
};

/// Counts the bytes of what is said.
#[derive(Default)]
struct Listener(Cell<usize>);

impl Caller for Listener {
    fn say(&self, message: Message<'_>) {
        if let Message::Words(words) | Message::Trace(words) = message {
            self.0.set(self.0.get() + words.len());
        }
    }

    fn should_stop(&self) -> bool {
        false
    }
}

/// The first byte is the verb, the second one the length of the pieces.
fn check_bytes(bytes: &[u8]) {
    let [verb, length, stream @ ..] = bytes else { return };
    let read = |lengths: &[usize]| {
        let listener = Listener::default();
        let answers = GivenAnswers::read(stream, lengths, &listener);
        assert!(listener.0.get() <= MAX_CALL_OUTPUT);
        answers
    };
    let whole = read(&[stream.len()]);
    let pieces = read(&[usize::from(*length), 1, 7]);
    assert_eq!(format!("{pieces:?}"), format!("{whole:?}"));
    match verb {
        b'c' => check_words(whole),
        _ => check(&outcome(*verb, whole, stream), |_| {}),
    }
}

fn check_words(answers: GivenAnswers) {
    let words = [OsString::from("x")];
    match answers.into_checked_line("villain", &words) {
        Ok(line) => {
            let label = line.label.unwrap_or_default();
            check_line(&label);
            assert!(label.trim().is_empty() || label.starts_with("villain"), "{label:?}");
        }
        Err(reason) => check(&Outcome::Failed(reason), |_| {}),
    }
}

fn outcome(verb: u8, answers: GivenAnswers, stream: &[u8]) -> Outcome {
    let has_result = stream.windows(6).any(|it| it == b"Result") || stream.contains(&b'\\');
    let outcome = match verb {
        b'e' => {
            let entered = answers.into_entered();
            let is_good = matches!(entered, Entered::Held | Entered::Done);
            assert!(has_result || !is_good, "entered without a result");
            Outcome::of_entered(entered)
        }
        b'l' => {
            let left = answers.into_left();
            assert!(has_result || left != Left::Left, "left without a result");
            Outcome::of_left(left)
        }
        // The program shows a code only after it made it harmless.
        _ => match answers.into_status() {
            Status::Held(_) => Outcome::Good,
            other => Outcome::of_status(other),
        },
    };
    if let Outcome::Failed(reason) = &outcome {
        assert!(reason.hints().is_empty() && reason.foreign_hints().len() <= MAX_HINTS);
    }
    outcome
}
