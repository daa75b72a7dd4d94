//! What COMMAND of a run noted.

use std::fs;
use std::path::Path;

/// The notes of one COMMAND.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// It was started.
    pub(crate) began: bool,
    /// It came to its end.
    pub(crate) ended: bool,
    /// Each broken promise that it saw.
    pub(crate) wrong: Vec<String>,
}

impl Notes {
    /// Reads the notes in the folder of a run. A COMMAND that was not started has written none.
    pub(crate) fn read(out: &Path) -> Self {
        Self::parse(&fs::read_to_string(out.join("notes")).unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let has = |word| text.lines().any(|line| line == word);
        let wrong = text.lines().filter(|line| line.starts_with("wrong")).map(str::to_owned);
        Self { began: has("begin"), ended: has("end"), wrong: wrong.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_broken_promise_is_read() {
        let notes = Notes::parse("wrong: another COMMAND runs\nbegin\nwrong at the end: x\nend\n");
        assert!(notes.began && notes.ended);
        assert_eq!(notes.wrong, ["wrong: another COMMAND runs", "wrong at the end: x"]);
        assert_eq!(Notes::parse(""), Notes::default());
    }
}
