//! Command lines.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use dsnap::fuzzing::{Meaning, Meant, meaning};
use dsnap_engine::limits::{MAX_DURATION, MIN_RETRY_PAUSE};

use crate::shown::check_line;
use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "command_line",
    property: "command lines: COMMAND is the end of a line, each mistake and hint is one line",
    check,
    longest: 256,
};

/// Every word ends at a NUL, which no argument can contain.
fn check(bytes: &[u8]) {
    let words = bytes.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec()));
    let words: Vec<_> = std::iter::once("dsnap".into()).chain(words).collect();
    match meaning(words.clone()) {
        Meaning::Print(text) => assert!(text.contains("dsnap"), "{text}"),
        Meaning::Act(meant) => check_meant(&words, &meant),
        Meaning::Mistake(message, hint) => {
            check_line(&message);
            check_line(&hint);
            assert!(!message.is_empty() && !hint.is_empty());
        }
    }
}

fn check_meant(words: &[OsString], meant: &Meant) {
    let Meant { dir, command, recover, durations, verbosity } = meant;
    assert!(words.ends_with(command), "{command:?} is no end of {words:?}");
    assert!(dir.as_ref().is_none_or(|dir| !dir.as_os_str().is_empty()), "{words:?}");
    assert!(durations.iter().all(|duration| *duration <= MAX_DURATION), "{durations:?}");
    assert!(durations[1] >= MIN_RETRY_PAUSE, "{durations:?}");
    assert!(i16::from(u8::MAX) >= verbosity.abs());
    if dir.is_some() {
        check_recover(recover);
    }
    check_end(words, command);
}

/// The command in hints is one line that a shell can read.
fn check_recover(recover: &str) {
    assert!(!recover.chars().any(dsnap_core::text::is_harmful), "{recover:?}");
    // A shell reads `$'…'`; this reader does not.
    let Some(words) = shlex::split(recover).filter(|_| !recover.contains("$'")) else { return };
    assert_eq!(words[..2], ["dsnap", "--storage"], "{recover}");
    assert!(words[2].starts_with('/') && words.last().is_some_and(|it| it == "--recover"));
}

/// Words behind COMMAND are COMMAND's: more of them change nothing else.
fn check_end(words: &[OsString], command: &[OsString]) {
    if command.is_empty() {
        return;
    }
    let more = ["-v", "--storage", "/", "--", "--help"].map(OsString::from);
    match meaning([words, &more].concat()) {
        Meaning::Act(longer) => assert_eq!(longer.command, [command, &more].concat()),
        other => panic!("{words:?} with {more:?}: {other:?}"),
    }
}
