//! What the manual page says and `--help` has no room for: the variables that the program reads, and the
//! files that matter.
//!
//! The program takes the names of its variables from here, so the page cannot differ from it. The options,
//! the variables of COMMAND and the exit statuses are part of [`command`](crate::command).

use dsnap_engine::{conf, record, storage};

/// A variable or a file: its name, and what it is for.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The name, as users write it.
    pub name: &'static str,
    /// What it is for, in one or two sentences.
    pub meaning: &'static str,
}

pub(crate) const PLUGIN_PATH: Entry = Entry {
    name: "DSNAP_PLUGIN_PATH",
    meaning: "Folders to search for loadable methods after those of --plugin-dir, with a colon between two. \
              Folders that are not absolute are ignored.",
};

pub(crate) const OUTER_RUN: Entry = Entry {
    name: "SNAPSHOT_VERSION",
    meaning: "With the other variables of COMMAND: this run is part of another run\'s COMMAND, and uses its \
              snapshot.",
};

pub(crate) const CREDENTIALS: Entry = Entry {
    name: "CREDENTIALS_DIRECTORY",
    meaning: "Where credential:NAME in snapshot.conf is read. Set by systemd.",
};

pub(crate) const JOURNAL: Entry = Entry {
    name: "JOURNAL_STREAM",
    meaning: "Tells whether messages go to the journal, where they get a priority. Set by systemd.",
};

pub(crate) const TERMINAL: Entry = Entry {
    name: "TERM",
    meaning: "If it is unset or \"dumb\", there is no line that shows what the run is doing.",
};

pub(crate) const NO_COLOUR: Entry =
    Entry { name: "NO_COLOR", meaning: "If it is set and not empty, messages have no colours." };

pub(crate) const SEARCH_PATH: Entry =
    Entry { name: "PATH", meaning: "The folders that are searched for a COMMAND without a slash." };

/// The variables that the program reads.
pub const VARIABLES: &[Entry] =
    &[OUTER_RUN, PLUGIN_PATH, CREDENTIALS, JOURNAL, NO_COLOUR, SEARCH_PATH, TERMINAL];

/// Where libraries with methods are, from the folder above that of the program.
pub(crate) const LIBRARY_FOLDER: &str = "lib/dsnap";

/// Lists the files that matter, each with what it is for.
pub fn files() -> Vec<(String, &'static str)> {
    let (main, conf) = (storage::MAIN, conf::plan::DEFAULT_FILE);
    let (sublock, record) = (storage::snapshot_lock::SUBLOCK, record::FILE);
    vec![
        (format!("DIR/{main}"), "The main directory of the storage: what COMMAND copies."),
        (format!("DIR/{conf}"), "The methods to try: see snapshot.conf(5)."),
        (
            format!("DIR/misc/{record}"),
            "The lock of a run, and what it wrote down so that a later run can clean up.",
        ),
        (
            format!("DIR/misc/{sublock}"),
            "Locked while COMMAND runs, so that no server leaves the snapshot.",
        ),
        (
            format!("../{LIBRARY_FOLDER}/libdsnap_NAME.so"),
            "The loadable method NAME, from the folder of the program: see dsnap-method(7).",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_names_every_variable_that_is_read() {
        let source = include_str!("environment.rs");
        let reads = source.matches("env::var").count();
        let of_outer_run = source.matches("env::var_os(\"SNAPSHOT_").count();
        assert_eq!(reads - of_outer_run, VARIABLES.len());
        assert_eq!(source.matches(".name)").count(), VARIABLES.len());
    }
}
