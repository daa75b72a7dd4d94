//! A run that has ended, and how scenarios state what it did.

use std::path::Path;
use std::process::{Command, ExitStatus};

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Asserts the status, and exactly these words on stderr.
    #[track_caller]
    pub(crate) fn says(self, status: i32, stderr: &str) -> Self {
        assert_eq!(self.stderr, stderr, "{self}");
        assert_eq!(self.status.code(), Some(status), "{self}");
        self
    }

    /// Asserts the status, and the last line on stderr, hints and phases aside.
    #[track_caller]
    pub(crate) fn ends(self, status: i32, last: &str) -> Self {
        let words = self.stderr.lines().rfind(|it| !it.starts_with("hint: ") && !is_phase(it));
        assert_eq!(words, Some(last), "{self}");
        assert_eq!(self.status.code(), Some(status), "{self}");
        self
    }

    /// Asserts that the last line on stderr is this hint.
    #[track_caller]
    pub(crate) fn hint(self, hint: &str) -> Self {
        assert_eq!(self.stderr.lines().last(), Some(format!("hint: {hint}").as_str()), "{self}");
        self
    }

    /// Does what the last line on stderr says, a hint that ends with `: ` and a command. Returns
    /// the status. Give the run no words for its paths.
    #[track_caller]
    pub(crate) fn follow_hint(&self) -> ExitStatus {
        let hint = self.stderr.lines().last().and_then(|line| line.strip_prefix("hint: "));
        let hint = hint.unwrap_or_else(|| panic!("no hint: {self}"));
        follow(hint.rsplit_once(": ").map_or(hint, |(_, command)| command))
    }

    /// The same run without what `-v` says of its phases.
    pub(crate) fn without_phases(self) -> Self {
        let lines = self.stderr.split_inclusive('\n').filter(|line| !is_phase(line));
        Self { stderr: lines.collect(), ..self }
    }

    /// Asserts that these words stand on stderr so many times.
    #[track_caller]
    pub(crate) fn counts(self, words: &str, times: usize) -> Self {
        assert_eq!(self.stderr.matches(words).count(), times, "`{words}` in {self}");
        self
    }

    /// Asserts exactly these words on stdout.
    #[track_caller]
    pub(crate) fn prints(self, stdout: &str) -> Self {
        assert_eq!(self.stdout, stdout, "{self}");
        self
    }

    /// Asserts that these words stand on stderr.
    #[track_caller]
    pub(crate) fn mentions(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "no `{words}` in {self}");
        self
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, stdout, stderr } = self;
        write!(f, "\n== {status}\n== stdout\n{stdout}== stderr\n{stderr}")
    }
}

/// Says whether a line tells of a phase, as `-v` does: it begins with a time of day in UTC.
pub(crate) fn is_phase(line: &str) -> bool {
    let pattern = b"00:00:00Z ";
    line.len() > pattern.len()
        && line.bytes().zip(pattern).all(|(byte, like)| match like {
            b'0' => byte.is_ascii_digit(),
            other => byte == *other,
        })
}

/// Runs a command in a shell in which the program under test is found first.
pub(crate) fn follow(command: &str) -> ExitStatus {
    let folder = Path::new(env!("CARGO_BIN_EXE_dsnap")).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    Command::new("sh").args(["-ec", command]).env("PATH", path).status().unwrap()
}
