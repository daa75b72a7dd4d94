//! Colours, on a terminal that shows them: for the words with which a failure begins, for `hint:`, and
//! for the states of `--status`. Everything else stays plain, and so does what is not a terminal.
//!
//! What is coloured stands at the beginning of a line. Words of methods and servers stand behind a
//! label, so they are never coloured as if they were the program's.

use std::borrow::Cow;
use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

use crate::environment;

/// The words with which a message about a failure begins.
const FAILURES: [&str; 8] = [
    "COMMAND was not run:",
    "COMMAND was ended because of --max-hold:",
    "COMMAND was killed because of --max-hold:",
    "snapshot test failed:",
    "--recover failed:",
    "--status failed:",
    "--list-methods failed:",
    "usage:",
];
/// The word before what a person should do.
const HINT: &str = "hint:";
/// The states of `--status`.
const STATES: [(&str, AnsiColor); 4] = [
    ("ready", AnsiColor::Green),
    ("look", AnsiColor::Yellow),
    ("fails", AnsiColor::Red),
    ("unknown", AnsiColor::Magenta),
];

/// Tells whether a stream may be coloured: it is a terminal, and the user did not refuse colours.
pub(crate) fn is_wanted(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && environment::terminal_can_erase() && !environment::refuses_colour()
}

/// Colours the lines of a message.
pub(crate) fn message(lines: &str) -> String {
    map_lines(lines, |line| {
        let failure = FAILURES.iter().find_map(|words| paint(line, words, failure()));
        failure.or_else(|| paint(line, HINT, hint()))
    })
}

/// Colours the result of `--status`: the state at the beginning of a line.
pub(crate) fn status(lines: &str) -> String {
    map_lines(lines, |line| {
        let word = line.split([' ', ':']).next().unwrap_or_default();
        let (_, color) = STATES.iter().find(|(state, _)| *state == word)?;
        paint(line, word, color.on_default().bold())
    })
}

fn failure() -> Style {
    AnsiColor::Red.on_default().bold()
}

fn hint() -> Style {
    AnsiColor::Cyan.on_default().bold()
}

fn map_lines<'a>(lines: &'a str, paint: impl Fn(&'a str) -> Option<String>) -> String {
    let painted = |line: &'a str| paint(line).map_or(Cow::Borrowed(line), Cow::Owned);
    lines.split_inclusive('\n').map(painted).collect()
}

/// Colours the words with which a line begins, if it begins with them.
fn paint(line: &str, words: &str, style: Style) -> Option<String> {
    let rest = line.strip_prefix(words)?;
    Some(format!("{style}{words}{style:#}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_words_at_the_beginning_of_a_line_are_coloured() {
        let message = message("COMMAND was not run: hint: x\nhint: do it\n  hint: usage: y");
        let expected = "\x1b[1m\x1b[31mCOMMAND was not run:\x1b[0m hint: x\n\
                        \x1b[1m\x1b[36mhint:\x1b[0m do it\n  hint: usage: y";
        assert_eq!(message, expected);
        assert_eq!(super::message("Left snapshot mode"), "Left snapshot mode");
    }

    #[test]
    fn each_state_has_its_colour_and_a_path_none() {
        for (state, code) in [("ready", 32), ("look", 33), ("fails", 31), ("unknown", 35)] {
            let line = format!("{state:7} /ds: x");
            let painted = status(&line);
            assert_eq!(
                painted,
                line.replacen(state, &format!("\x1b[1m\x1b[{code}m{state}\x1b[0m"), 1)
            );
            assert!(status(&format!("{state}: x\n")).starts_with("\x1b[1m"));
        }
        assert_eq!(status("looking at /ready: x"), "looking at /ready: x");
        assert_eq!(status("server   ready"), "server   ready");
    }
}
