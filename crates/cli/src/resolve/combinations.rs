//! Which options work together: a table. An option that the action ignores is a usage error.

use crate::args::{Args, UsageError};

/// What the command line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A run, or a test without COMMAND.
    Run,
    /// `--recover`.
    Recover,
    /// `--status`.
    Status,
    /// `--list-methods`.
    List,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Run => "a run",
            Self::Recover => "--recover",
            Self::Status => "--status",
            Self::List => "--list-methods",
        }
    }
}

/// Finds out what the command line asks for.
///
/// # Errors
///
/// It asks for two things, or has an option that does not work with what it asks for.
pub(crate) fn mode(args: &Args) -> Result<Mode, UsageError> {
    let instead = &args.instead;
    let asked = [
        (instead.status, Mode::Status),
        (instead.list_methods, Mode::List),
        (instead.recover, Mode::Recover),
    ];
    let mut asked = asked.into_iter().filter(|(given, _)| *given).map(|(_, mode)| mode);
    let mode = asked.next().unwrap_or(Mode::Run);
    if let Some(other) = asked.next() {
        let (mode, other) = (mode.name(), other.name());
        return Err(UsageError::new(format!("{mode} cannot be combined with {other}")));
    }
    match options(args).iter().find(|(given, _, modes)| *given && !modes.contains(&mode)) {
        Some((_, name, modes)) => Err(does_not_work(name, modes, mode)),
        None => Ok(mode),
    }
}

/// The options that work with some modes only: whether each is given, its name, and these modes.
fn options(args: &Args) -> [(bool, &'static str, &'static [Mode]); 11] {
    let (run, instead) = (&args.run, &args.instead);
    [
        (run.wait.is_some(), "-t, --wait", &[Mode::Run]),
        (run.pause.is_some(), "-s, --pause", &[Mode::Run]),
        (run.kill_after.is_some(), "-k, --kill-after", &[Mode::Run]),
        (run.max_hold.is_some(), "--max-hold", &[Mode::Run]),
        (run.accept_existing.is_some(), "--accept-existing", &[Mode::Run]),
        (run.report.is_some(), "--report", &[Mode::Run]),
        (run.metrics.is_some(), "--metrics", &[Mode::Run]),
        (instead.code.is_some(), "--code", &[Mode::Recover]),
        (instead.whole_copy, "--whole-copy", &[Mode::Recover]),
        (instead.watch, "--watch", &[Mode::Status]),
        (instead.json, "--json", &[Mode::List, Mode::Recover, Mode::Status]),
    ]
}

fn does_not_work(name: &str, modes: &[Mode], mode: Mode) -> UsageError {
    let names: Vec<_> = modes.iter().map(|mode| mode.name()).collect();
    let error = UsageError::new(format!("{name} works only with {}", listed(&names)));
    match mode {
        Mode::Run => error,
        _ if names.contains(&Mode::Run.name()) => {
            error.hint(format!("leave it out: {} runs no COMMAND", mode.name()))
        }
        _ => error.hint(format!("leave it out: it does nothing with {}", mode.name())),
    }
}

fn listed(names: &[&str]) -> String {
    match names {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::args::{self, Parsed};

    fn mode_of(line: &str) -> Result<Mode, String> {
        let words = std::iter::once("dsnap").chain(line.split_whitespace()).map(OsString::from);
        match args::parse(words) {
            Ok(Parsed::Args(args)) => mode(&args).map_err(|error| error.message),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn an_option_that_the_action_would_ignore_is_an_error() {
        let actions = [
            ("", Mode::Run),
            ("--recover", Mode::Recover),
            ("--status", Mode::Status),
            ("--list-methods", Mode::List),
        ];
        #[rustfmt::skip]
        let table = [
            // option, its name, a run, --recover, --status, --list-methods
            ("-t 1", "-t, --wait", [true, false, false, false]),
            ("-s 1", "-s, --pause", [true, false, false, false]),
            ("-k 1", "-k, --kill-after", [true, false, false, false]),
            ("--max-hold 1", "--max-hold", [true, false, false, false]),
            ("--accept-existing 1", "--accept-existing", [true, false, false, false]),
            ("--report x", "--report", [true, false, false, false]),
            ("--metrics x", "--metrics", [true, false, false, false]),
            ("--code x", "--code", [false, true, false, false]),
            ("--whole-copy", "--whole-copy", [false, true, false, false]),
            ("--watch", "--watch", [false, false, true, false]),
            ("--json", "--json", [false, true, true, true]),
            ("-v", "", [true, true, true, true]),
            ("--method direct", "", [true, true, true, true]),
        ];
        for (option, name, works) in table {
            for ((action, mode), works) in actions.iter().zip(works) {
                let line = format!("{action} --storage ds {option}");
                match mode_of(&line) {
                    Ok(found) => assert!(works && found == *mode, "{line}: {found:?}"),
                    Err(error) => {
                        let begins = format!("{name} works only with ");
                        assert!(!works && error.starts_with(&begins), "{line}: {error}");
                    }
                }
            }
        }
    }

    #[test]
    fn two_actions_at_once_are_an_error() {
        let error = |line: &str| mode_of(line).unwrap_err();
        let words = "--status cannot be combined with --recover";
        assert_eq!(error("--recover --status --storage ds"), words);
        assert_eq!(
            error("--list-methods --recover --storage ds"),
            "--list-methods cannot be combined with --recover"
        );
    }
}
