//! Bytes that come in pieces, as lines; and how much of them is listened to.

/// A longer line is cut, in bytes.
const LONGEST: usize = 1 << 16;
/// How many words are heard in one call, in bytes; the rest is read and dropped.
const MOST: usize = 1 << 20;

/// Cuts a stream into lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    begun: Vec<u8>,
}

/// How much more is listened to. What decides a call, a result or a reason, comes last: it is not
/// counted.
#[derive(Debug)]
pub(crate) struct Patience(usize);

impl Default for Patience {
    fn default() -> Self {
        Self(MOST)
    }
}

impl Patience {
    /// Whether so many bytes more are listened to.
    pub(crate) fn allows(&mut self, bytes: usize) -> bool {
        // A line without words costs something, too.
        let left = self.0.checked_sub(bytes + 1);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

impl Lines {
    /// Takes a piece, and passes on each line that is whole now.
    pub(crate) fn take(&mut self, piece: &[u8], line: &mut dyn FnMut(&[u8])) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let (text, whole) = part.strip_suffix(b"\n").map_or((part, false), |text| (text, true));
            let free = LONGEST.saturating_sub(self.begun.len()).min(text.len());
            self.begun.extend_from_slice(&text[..free]);
            if whole {
                self.pass_on(line);
            }
        }
    }

    /// The stream has ended: what was begun is a line, too.
    pub(crate) fn end(&mut self, line: &mut dyn FnMut(&[u8])) {
        self.pass_on(line);
    }

    fn pass_on(&mut self, line: &mut dyn FnMut(&[u8])) {
        let text = std::mem::take(&mut self.begun);
        if !text.trim_ascii().is_empty() {
            line(&text);
        }
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
        assert_eq!(
            lines(&[b"a", b"b\nc", b"\n\n \nd"]),
            [b"ab".to_vec(), b"c".into(), b"d".into()]
        );
        assert_eq!(lines(&[]), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn a_long_line_is_cut_and_the_last_one_is_heard_however_many_came_before() {
        assert_eq!(lines(&[&vec![b'x'; 200_000]])[0].len(), LONGEST);
        let piece = [[b'x'; 999].as_slice(), b"\n"].concat();
        let pieces = [vec![piece.as_slice(); 3000], vec![b"why"]].concat();
        assert_eq!(lines(&pieces).last().unwrap(), b"why");
    }

    #[test]
    fn a_megabyte_is_listened_to_and_no_more() {
        let mut patience = Patience::default();
        let heard = (0..3000).filter(|_| patience.allows(999)).count();
        assert_eq!(heard, MOST / 1000);
        assert!(!patience.allows(1), "what is dropped is not followed by a shorter line");
    }
}
