//! Writes messages and the live line to stderr, and results to stdout.
//!
//! Output that cannot be written (closed, full, a broken pipe, a stopped terminal) never changes a
//! run. Pipes and sockets get as much as they have room for, without blocking. A separate thread writes the
//! rest, and everything for a terminal or a file. Polling cannot replace the thread: a terminal with room
//! for one byte is ready, but a write of two bytes may block forever.
//! [`report`](crate::report) decides which messages are shown.

use std::io::{self, IoSlice, IsTerminal, Write};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::io::ReadWriteFlags;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::terminal::journal::{self, Priority};
use crate::terminal::style;

/// How long a write waits for a stalled reader of stderr. Later writes do not wait again.
const STALLED_READER_TIMEOUT: Duration = Duration::from_secs(1);
/// How many messages are kept for a stalled reader. Later ones are lost.
const MAX_PENDING_MESSAGES: usize = 1000;
/// The control sequence that clears the current line.
const CLEAR_LINE: &str = "\r\x1b[K";
/// The control sequence that clears the screen.
const CLEAR_SCREEN: &str = "\x1b[H\x1b[2J";
/// The width of a terminal that does not report its width.
const DEFAULT_COLUMNS: usize = 80;
/// The columns that stay free at the end of a live line: for the cursor, and for the `^C` that a
/// terminal echoes.
const RESERVED_COLUMNS: usize = 3;

static STDERR: Mutex<Stderr> = Mutex::new(Stderr { writer: None, has_live_line: false });

/// Writes lines about a failure to stderr, and removes the live line.
pub(crate) fn print_message(lines: &str) {
    print(Priority::Error, lines);
}

/// Writes lines to stderr, and removes the live line. The journal gets their priority.
pub(crate) fn print(priority: Priority, lines: &str) {
    static IS_JOURNAL: OnceLock<bool> = OnceLock::new();
    let text = match IS_JOURNAL.get_or_init(journal::is_stderr) {
        true => journal::with_priority(lines, priority),
        false if style::is_wanted(&io::stderr()) => format!("{}\n", style::message(lines)),
        false => format!("{lines}\n"),
    };
    stderr().write(&text);
}

/// Replaces the text of the live line, on a terminal that can clear a line.
///
/// A stalled terminal misses this text; the next one follows soon.
pub(crate) fn show_live_line(text: &str) {
    let text = shorten(text, columns().saturating_sub(RESERVED_COLUMNS));
    let mut stderr = stderr();
    if !stderr.is_stalled() {
        stderr.write(&text);
        stderr.has_live_line = true;
    }
}

/// Removes the live line.
pub(crate) fn clear_live_line() {
    let mut stderr = stderr();
    if stderr.has_live_line {
        stderr.write("");
    }
}

/// Tells whether this process may draw on the terminal of stderr. One in the background would draw over
/// what the user types.
pub(crate) fn is_in_foreground() -> bool {
    let foreground = rustix::termios::tcgetpgrp(io::stderr());
    // The terminal of another session has no foreground that can be asked for.
    foreground.map_or(true, |group| group == rustix::process::getpgrp())
}

/// Writes a text to stdout, and ends its last line.
pub(crate) fn print_result(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// Colours the text of `--status`, if stdout is a terminal that shows colours.
pub(crate) fn coloured(status: &str) -> String {
    if style::is_wanted(&io::stdout()) { style::status(status) } else { status.to_owned() }
}

/// Writes a text to stdout, with an empty line after it. On a terminal, clears the one before.
pub(crate) fn redraw_result(text: &str) {
    let clear = if io::stdout().is_terminal() { CLEAR_SCREEN } else { "" };
    print_result(&format!("{clear}{text}\n"));
}

fn stderr() -> MutexGuard<'static, Stderr> {
    STDERR.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Stderr {
    writer: Option<Writer>,
    /// The live line is on the screen.
    has_live_line: bool,
}

impl Stderr {
    fn write(&mut self, text: &str) {
        let clear = if std::mem::take(&mut self.has_live_line) { CLEAR_LINE } else { "" };
        let mut text = format!("{clear}{text}").into_bytes();
        if !self.is_stalled() {
            text.drain(..write_without_waiting(&text));
        }
        if !text.is_empty() {
            self.write_by_thread(text);
        }
    }

    fn write_by_thread(&mut self, text: Vec<u8>) {
        if self.writer.is_none() {
            self.writer = Writer::start().ok();
        }
        match &mut self.writer {
            Some(writer) => writer.write(text),
            // If no thread can be started, the run fails, and little more than its failure is reported.
            None => drop(io::stderr().write_all(&text)),
        }
    }

    fn is_stalled(&mut self) -> bool {
        self.writer.as_mut().is_some_and(Writer::is_stalled)
    }
}

/// Writes as much to stderr as does not block, and returns the number of bytes. Terminals are left out, and
/// not every kind of file supports such a write: then the number is 0.
fn write_without_waiting(text: &[u8]) -> usize {
    /// Means the file's current position (-1 for `pwritev2`).
    const POSITION: u64 = u64::MAX;
    let stderr = io::stderr();
    if stderr.is_terminal() {
        return 0;
    }
    let text = [IoSlice::new(text)];
    rustix::io::pwritev2(stderr, &text, POSITION, ReadWriteFlags::NOWAIT).unwrap_or(0)
}

/// The thread that writes to stderr.
struct Writer {
    texts: SyncSender<Vec<u8>>,
    written: Receiver<()>,
    /// The number of texts that are not written yet.
    pending: usize,
}

impl Writer {
    fn start() -> io::Result<Self> {
        let (texts, queue) = mpsc::sync_channel::<Vec<u8>>(MAX_PENDING_MESSAGES);
        let (done, written) = mpsc::channel();
        thread::Builder::new().name("stderr".to_owned()).spawn(move || {
            for text in queue {
                let _ = io::stderr().write_all(&text);
                let _ = done.send(());
            }
        })?;
        Ok(Self { texts, written, pending: 0 })
    }

    /// Writes a text. Waits for a reader that stalls, but only once.
    fn write(&mut self, text: Vec<u8>) {
        let was_stalled = self.is_stalled();
        if self.texts.try_send(text).is_ok() {
            self.pending += 1;
        }
        if !was_stalled && self.written.recv_timeout(STALLED_READER_TIMEOUT).is_ok() {
            self.pending -= 1;
        }
    }

    fn is_stalled(&mut self) -> bool {
        self.pending -= self.written.try_iter().count();
        self.pending > 0
    }
}

fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stderr());
    size.ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|columns| *columns > 0)
        .unwrap_or(DEFAULT_COLUMNS)
}

/// Shortens a text in the middle to fit one line. A line that wraps could not be cleared, and the
/// holder of a lock is named at the end.
fn shorten(text: &str, columns: usize) -> String {
    let text: String = text.chars().filter(|char| char.width().is_some()).collect();
    if text.width() <= columns {
        return text;
    }
    let remaining = columns.saturating_sub(1);
    let head = take_columns(text.chars(), remaining / 2);
    let tail = take_columns(text.chars().rev(), remaining - remaining / 2);
    head.into_iter().chain(['…']).chain(tail.into_iter().rev()).collect()
}

fn take_columns(chars: impl Iterator<Item = char>, columns: usize) -> Vec<char> {
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
    fn a_text_is_shortened_in_the_middle_by_display_width() {
        assert_eq!(shorten("waiting", 7), "waiting");
        assert_eq!(shorten("waiting", 6), "wa…ing");
        assert_eq!(shorten("waiting", 1), "…");
        assert_eq!(shorten("日本語", 5), "日…語");
        assert_eq!(shorten("u\u{308}ber", 4), "u\u{308}ber");
        assert_eq!(shorten("one\ntwo", 80), "onetwo");
    }
}
