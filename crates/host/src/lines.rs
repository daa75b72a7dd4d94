//! Bytes that come in pieces, as lines; and words, of which only so many are passed on.

use std::cell::Cell;

use dsnap_core::method::{Caller, Message};
use dsnap_engine::limits;

/// A longer line is cut, in bytes.
const LONGEST: usize = 1 << 16;

/// Cuts a stream into lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Takes a piece, and passes on each line that is whole now.
    pub(crate) fn take(&mut self, piece: &[u8], line: &mut dyn FnMut(&[u8])) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let (text, whole) = part.strip_suffix(b"\n").map_or((part, false), |text| (text, true));
            let free = LONGEST.saturating_sub(self.begun.len()).min(text.len());
            self.begun.extend_from_slice(&text[..free]);
            if whole {
                self.end(line);
            }
        }
    }

    /// The stream has ended, or nobody waits for more: what was begun is a line, too.
    pub(crate) fn end(&mut self, line: &mut dyn FnMut(&[u8])) {
        let text = std::mem::take(&mut self.begun);
        if !text.trim_ascii().is_empty() {
            line(&text);
        }
    }
}

/// Passes on to another caller no more words than a call may say.
pub(crate) struct Measured<'a> {
    caller: &'a dyn Caller,
    left: Cell<usize>,
}

impl<'a> Measured<'a> {
    pub(crate) fn new(caller: &'a dyn Caller) -> Self {
        Self { caller, left: Cell::new(limits::MAX_CALL_OUTPUT) }
    }
}

impl Caller for Measured<'_> {
    fn say(&self, said: Message<'_>) {
        if let Message::Words(words) = said {
            let left = self.left.get();
            self.left.set(left.saturating_sub(words.len() + 1));
            if words.len() >= left {
                return;
            }
        }
        self.caller.say(said);
    }

    fn should_stop(&self) -> bool {
        self.caller.should_stop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut lines, mut seen) = (Lines::default(), Vec::new());
        pieces.iter().for_each(|piece| lines.take(piece, &mut |line| seen.push(line.to_vec())));
        lines.end(&mut |line| seen.push(line.to_vec()));
        seen
    }

    #[test]
    fn pieces_become_lines_and_the_last_one_needs_no_end() {
        let seen = lines(&[b"a", b"b\nc", b"\n\n \nd"]);
        assert_eq!(seen, [b"ab".to_vec(), b"c".into(), b"d".into()]);
        assert_eq!(lines(&[]), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn a_long_line_is_cut() {
        assert_eq!(lines(&[&vec![b'x'; 200_000]])[0].len(), LONGEST);
    }

    struct Counts(Cell<usize>);

    impl Caller for Counts {
        fn say(&self, said: Message<'_>) {
            let Message::Words(words) = said else { panic!("{said:?}") };
            self.0.set(self.0.get() + words.len() + 1);
        }

        fn should_stop(&self) -> bool {
            false
        }
    }

    #[test]
    fn a_megabyte_of_words_is_heard_and_no_more() {
        let counts = Counts(Cell::new(0));
        let measured = Measured::new(&counts);
        (0..3000).for_each(|_| measured.say(Message::Words(&"x".repeat(999))));
        assert!(
            (limits::MAX_CALL_OUTPUT - 1000..=limits::MAX_CALL_OUTPUT).contains(&counts.0.get())
        );
    }
}
