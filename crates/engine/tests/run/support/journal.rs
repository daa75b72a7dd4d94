//! The journal that a scenario expects, in the steps of a run.

/// The journal of a run in which nothing is entered and COMMAND is not run.
pub(crate) const NOTHING: [&str; 0] = [];

/// An empty journal, to be continued.
pub(crate) fn journal() -> Expected {
    Expected(Vec::new())
}

/// The journal of an ordinary run by this method: entered, locked, COMMAND, unlocked, left.
pub(crate) fn ordinary_run(method: &str) -> Expected {
    journal().ordinary_run(method)
}

/// Lines that a scenario expects, in order.
#[derive(Debug, Clone)]
pub(crate) struct Expected(Vec<String>);

impl Expected {
    /// Adds a line.
    pub(crate) fn line(self, line: &str) -> Self {
        self.lines(&[line])
    }

    /// Adds lines.
    pub(crate) fn lines(mut self, lines: &[&str]) -> Self {
        self.0.extend(lines.iter().map(|&line| line.to_owned()));
        self
    }

    /// The method enters.
    pub(crate) fn entered(self, method: &str) -> Self {
        self.line(&format!("{method} enters")).line(&format!("Entered snapshot using {method}"))
    }

    /// COMMAND runs while the snapshot is locked.
    pub(crate) fn command_runs(self) -> Self {
        self.lines(&["Locked snapshot mode", "COMMAND runs", "Unlocked snapshot mode"])
    }

    /// The method leaves.
    pub(crate) fn left(self, method: &str) -> Self {
        self.line(&format!("{method} leaves")).line("Left snapshot mode")
    }

    /// A whole ordinary run by this method.
    pub(crate) fn ordinary_run(self, method: &str) -> Self {
        self.entered(method).command_runs().left(method)
    }
}

impl IntoIterator for Expected {
    type Item = String;
    type IntoIter = std::vec::IntoIter<String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
