//! Splits what a process prints into lines, and limits how much of it a caller gets.
//!
//! Reading the pipes is the part of `isolated`.

use std::cell::Cell;
use std::time::Instant;

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

/// A caller that passes on no more messages than [`limits::MAX_CALL_OUTPUT`] bytes, and progress not
/// more often than people can read it.
pub(crate) struct LimitedCaller<'a> {
    caller: &'a dyn Caller,
    left: Cell<usize>,
    progress: Cell<Meter>,
}

/// Says when progress may be passed on again.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Meter(Option<Instant>);

impl Meter {
    /// Says whether progress may be passed on now, and notes that it is.
    pub(crate) fn passes(&mut self) -> bool {
        let soon = |last: Instant| last.elapsed() < limits::MIN_PROGRESS_INTERVAL;
        let passes = !self.0.is_some_and(soon);
        if passes {
            self.0 = Some(Instant::now());
        }
        passes
    }
}

impl<'a> LimitedCaller<'a> {
    pub(crate) fn new(caller: &'a dyn Caller) -> Self {
        Self { caller, left: Cell::new(limits::MAX_CALL_OUTPUT), progress: Cell::default() }
    }

    /// Says whether there is room for these words, and takes it.
    fn has_room_for(&self, words: &str) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(words.len() + 1));
        words.len() < left
    }

    fn progress_passes(&self) -> bool {
        let mut meter = self.progress.get();
        let passes = meter.passes();
        self.progress.set(meter);
        passes
    }
}

impl Caller for LimitedCaller<'_> {
    fn say(&self, message: Message<'_>) {
        let passes = match message {
            Message::Words(words) | Message::Warning(words) | Message::Trace(words) => {
                self.has_room_for(words)
            }
            Message::Progress { .. } => self.progress_passes(),
        };
        if passes {
            self.caller.say(message);
        }
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

    /// Counts the bytes of words, and the reports of progress.
    struct CountingCaller(Cell<usize>, Cell<usize>);

    impl Caller for CountingCaller {
        fn say(&self, message: Message<'_>) {
            match message {
                Message::Words(words) | Message::Warning(words) | Message::Trace(words) => {
                    self.0.set(self.0.get() + words.len() + 1)
                }
                Message::Progress { .. } => self.1.set(self.1.get() + 1),
            }
        }

        fn should_stop(&self) -> bool {
            false
        }
    }

    #[test]
    fn a_caller_gets_a_megabyte_of_messages_and_no_more() {
        let counts = CountingCaller(Cell::new(0), Cell::new(0));
        let limited = LimitedCaller::new(&counts);
        (0..3000).for_each(|_| limited.say(Message::Words(&"x".repeat(999))));
        assert!(
            (limits::MAX_CALL_OUTPUT - 1000..=limits::MAX_CALL_OUTPUT).contains(&counts.0.get())
        );
    }
    #[test]
    fn progress_is_passed_on_a_few_times_a_second() {
        let counts = CountingCaller(Cell::new(0), Cell::new(0));
        let (limited, began) = (LimitedCaller::new(&counts), Instant::now());
        (0..100_000).for_each(|done| {
            limited.say(Message::Progress { done, of: None, unit: "files" });
        });
        let quarters = began.elapsed().as_millis() / limits::MIN_PROGRESS_INTERVAL.as_millis();
        assert!((1..=quarters + 1).contains(&(counts.1.get() as u128)), "{}", counts.1.get());
    }
}
