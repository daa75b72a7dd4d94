//! Splits what a process prints into lines, and limits how much of it a caller gets.
//!
//! Reading the pipes is the part of `isolated`.

use std::cell::Cell;

use dsnap_core::method::{Caller, Message};
use dsnap_engine::limits;

/// Splits a stream into lines.
#[derive(Debug, Default)]
pub(crate) struct LineSplitter {
    incomplete: Vec<u8>,
}

impl LineSplitter {
    /// Takes a piece of the stream, and passes on each line that is complete now.
    pub(crate) fn push(&mut self, piece: &[u8], line: &mut dyn FnMut(&[u8])) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let (text, complete) =
                part.strip_suffix(b"\n").map_or((part, false), |text| (text, true));
            let free =
                limits::MAX_OUTPUT_LINE.saturating_sub(self.incomplete.len()).min(text.len());
            self.incomplete.extend_from_slice(&text[..free]);
            if complete {
                self.finish(line);
            }
        }
    }

    /// Passes on an incomplete last line: the stream has ended, or nobody waits for more.
    pub(crate) fn finish(&mut self, line: &mut dyn FnMut(&[u8])) {
        let text = std::mem::take(&mut self.incomplete);
        if !text.trim_ascii().is_empty() {
            line(&text);
        }
    }
}

/// A caller that passes on no more messages than [`limits::MAX_CALL_OUTPUT`] bytes.
pub(crate) struct LimitedCaller<'a> {
    caller: &'a dyn Caller,
    left: Cell<usize>,
}

impl<'a> LimitedCaller<'a> {
    pub(crate) fn new(caller: &'a dyn Caller) -> Self {
        Self { caller, left: Cell::new(limits::MAX_CALL_OUTPUT) }
    }
}

impl Caller for LimitedCaller<'_> {
    fn say(&self, message: Message<'_>) {
        if let Message::Words(words) = message {
            let left = self.left.get();
            self.left.set(left.saturating_sub(words.len() + 1));
            if words.len() >= left {
                return;
            }
        }
        self.caller.say(message);
    }

    fn should_stop(&self) -> bool {
        self.caller.should_stop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut lines, mut seen) = (LineSplitter::default(), Vec::new());
        pieces.iter().for_each(|piece| lines.push(piece, &mut |line| seen.push(line.to_vec())));
        lines.finish(&mut |line| seen.push(line.to_vec()));
        seen
    }

    #[test]
    fn pieces_become_lines_and_the_last_line_needs_no_newline() {
        let seen = lines(&[b"a", b"b\nc", b"\n\n \nd"]);
        assert_eq!(seen, [b"ab".to_vec(), b"c".into(), b"d".into()]);
        assert_eq!(lines(&[]), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn a_long_line_is_cut_off() {
        assert_eq!(lines(&[&vec![b'x'; 200_000]])[0].len(), limits::MAX_OUTPUT_LINE);
    }

    struct CountingCaller(Cell<usize>);

    impl Caller for CountingCaller {
        fn say(&self, message: Message<'_>) {
            let Message::Words(words) = message else { panic!("{message:?}") };
            self.0.set(self.0.get() + words.len() + 1);
        }

        fn should_stop(&self) -> bool {
            false
        }
    }

    #[test]
    fn a_caller_gets_a_megabyte_of_messages_and_no_more() {
        let counts = CountingCaller(Cell::new(0));
        let limited = LimitedCaller::new(&counts);
        (0..3000).for_each(|_| limited.say(Message::Words(&"x".repeat(999))));
        assert!(
            (limits::MAX_CALL_OUTPUT - 1000..=limits::MAX_CALL_OUTPUT).contains(&counts.0.get())
        );
    }
}
