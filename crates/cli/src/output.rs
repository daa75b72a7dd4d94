//! The one writer: lines and the one live line to stderr, answers to stdout. What cannot be
//! written (closed, full, broken pipe, a terminal that was stopped) never changes a run.
//!
//! A thread of its own writes to stderr. No question to the system could take its place: a
//! terminal that has room for one byte is ready, and a write of two waits for as long as it likes.

use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How long a reader that does not read is waited for, once.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many messages are kept for such a reader, should it go on; later ones are lost.
const KEPT: usize = 1000;
/// Empties the line that the cursor stands on.
const CLEAR: &str = "\r\x1b[K";
/// The width of a terminal that does not tell.
const COLUMNS: usize = 80;
/// What stays free at the end of a line: for the cursor, and for the `^C` that a terminal echoes.
const FREE: usize = 3;

static STDERR: Mutex<Stderr> = Mutex::new(Stderr { writer: None, live: false });

/// Writes lines to stderr, above the live line's place.
pub(crate) fn say(lines: &str) {
    stderr().put(&format!("{lines}\n"));
}

/// Shows words on the live line, in place of what stood there. Only for a terminal that can
/// empty a line. One that takes nothing now misses them; the next ones come soon.
pub(crate) fn show_live(words: &str) {
    let words = cut(words, columns().saturating_sub(FREE));
    let mut stderr = stderr();
    if !stderr.is_stuck() {
        stderr.put(&words);
        stderr.live = true;
    }
}

/// Takes the live line away.
pub(crate) fn end_live() {
    let mut stderr = stderr();
    if stderr.live {
        stderr.put("");
    }
}

/// Writes a text to stdout, and ends its last line.
pub(crate) fn answer(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

fn stderr() -> MutexGuard<'static, Stderr> {
    STDERR.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Stderr {
    writer: Option<Writer>,
    /// The live line stands there.
    live: bool,
}

impl Stderr {
    fn put(&mut self, text: &str) {
        let clear = if std::mem::take(&mut self.live) { CLEAR } else { "" };
        let text = format!("{clear}{text}");
        if self.writer.is_none() {
            self.writer = Writer::start().ok();
        }
        match &mut self.writer {
            Some(writer) => writer.put(text),
            // Where no thread can be had there is no run either, only a reason why not.
            None => drop(io::stderr().write_all(text.as_bytes())),
        }
    }

    fn is_stuck(&mut self) -> bool {
        self.writer.as_mut().is_some_and(Writer::is_stuck)
    }
}

/// The thread that writes.
struct Writer {
    texts: SyncSender<String>,
    written: Receiver<()>,
    waiting: usize,
}

impl Writer {
    fn start() -> io::Result<Self> {
        let (texts, to_write) = mpsc::sync_channel::<String>(KEPT);
        let (done, written) = mpsc::channel();
        thread::Builder::new().name("stderr".to_owned()).spawn(move || {
            for text in to_write {
                let _ = io::stderr().write_all(text.as_bytes());
                let _ = done.send(());
            }
        })?;
        Ok(Self { texts, written, waiting: 0 })
    }

    /// Returns when the text is written; of a reader that does not read, when it was waited for.
    fn put(&mut self, text: String) {
        let was_stuck = self.is_stuck();
        if self.texts.try_send(text).is_ok() {
            self.waiting += 1;
        }
        if !was_stuck && self.written.recv_timeout(PATIENCE).is_ok() {
            self.waiting -= 1;
        }
    }

    fn is_stuck(&mut self) -> bool {
        self.waiting -= self.written.try_iter().count();
        self.waiting > 0
    }
}

fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stderr());
    size.ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(COLUMNS)
}

/// As much of the words as fits, from both ends: a line that wraps cannot be taken away, and who
/// holds a lock stands at the end.
fn cut(words: &str, columns: usize) -> String {
    let words: String = words.chars().filter(|char| char.width().is_some()).collect();
    if words.width() <= columns {
        return words;
    }
    let left = columns.saturating_sub(1);
    let head = fitting(words.chars(), left / 2);
    let tail = fitting(words.chars().rev(), left - left / 2);
    head.into_iter().chain(['…']).chain(tail.into_iter().rev()).collect()
}

fn fitting(chars: impl Iterator<Item = char>, columns: usize) -> Vec<char> {
    let mut used = 0;
    let fits = |char: &char| {
        used += char.width().unwrap_or(0);
        used <= columns
    };
    chars.take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_in_the_middle_by_the_columns_they_take() {
        assert_eq!(cut("waiting", 7), "waiting");
        assert_eq!(cut("waiting", 6), "wa…ing");
        assert_eq!(cut("waiting", 1), "…");
        assert_eq!(cut("日本語", 5), "日…語");
        assert_eq!(cut("u\u{308}ber", 4), "u\u{308}ber");
        assert_eq!(cut("one\ntwo", 80), "onetwo");
    }
}
