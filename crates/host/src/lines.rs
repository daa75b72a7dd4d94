//! Bytes that come in pieces, as lines; never more than is sensible.

/// A longer line is cut, in bytes.
const LONGEST: usize = 1 << 16;
/// What is heard of one stream in one call, in bytes; the rest is read and dropped.
const MOST: usize = 1 << 20;

/// Cuts a stream into lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    begun: Vec<u8>,
    heard: usize,
}

impl Lines {
    /// Takes a piece, and passes on each line that is whole now.
    pub(crate) fn take(&mut self, piece: &[u8], line: &mut dyn FnMut(&[u8])) {
        let room = MOST.saturating_sub(self.heard).min(piece.len());
        self.heard += room;
        for part in piece[..room].split_inclusive(|byte| *byte == b'\n') {
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
    fn a_megabyte_is_heard_and_no_more_and_a_long_line_is_cut() {
        let piece = [[b'x'; 999].as_slice(), b"\n"].concat();
        let seen = lines(&vec![piece.as_slice(); 3000]);
        let heard: usize = seen.iter().map(|line| line.len() + 1).sum();
        assert!((MOST - 1000..=MOST + 1).contains(&heard), "{heard}");
        assert_eq!(lines(&[&vec![b'x'; 200_000]])[0].len(), LONGEST);
    }
}
