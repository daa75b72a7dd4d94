//! What COMMAND is told in its environment, and the locks that it inherits.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::PathBuf;

use dsnap_core::Code;

/// The version of the variables: the value of `SNAPSHOT_VERSION`.
pub const VERSION: &str = "2";

/// A variable of COMMAND. Without a value it is unset, because an outer program may have set it.
pub type Variable = (&'static str, Option<OsString>);

/// The environment of COMMAND, and the locks that it inherits.
#[derive(Debug)]
pub struct Environment<'a> {
    /// The variables.
    pub variables: Vec<Variable>,
    /// The snapshots of this run, in the order in which the user named the storages. A run inside
    /// another one has none of its own.
    pub snapshots: Vec<CommandSnapshot<'a>>,
}

/// A snapshot in which COMMAND runs.
#[derive(Debug)]
pub struct CommandSnapshot<'a> {
    /// The storage directory exactly as the user gave it.
    pub directory: PathBuf,
    /// In seconds since 1970: never later than the state that is seen.
    pub timestamp: u64,
    /// The code of this run.
    pub code: Code,
    /// The last transaction in `A/`, if it can be read.
    pub tid: Option<[u8; 8]>,
    /// The locked `misc/sublock`, to be inherited.
    pub sublock: &'a fs::File,
}

impl<'a> Environment<'a> {
    /// Describes the snapshots of a run, that of `--storage` first.
    pub(crate) fn new(snapshots: Vec<CommandSnapshot<'a>>) -> Self {
        Self { variables: variables(&snapshots), snapshots }
    }
}

impl CommandSnapshot<'_> {
    fn tid_in_hex(&self) -> Option<OsString> {
        self.tid.map(|tid| format!("{:016X}", u64::from_be_bytes(tid)).into())
    }
}

/// Lists the variables: those of the first storage, and lists of all if there are several.
fn variables(snapshots: &[CommandSnapshot<'_>]) -> Vec<Variable> {
    let Some(first) = snapshots.first() else { return Vec::new() };
    // All that was committed before the earliest is in each storage.
    let timestamp = snapshots.iter().map(|it| it.timestamp).min().unwrap_or_default();
    let list = |value: &dyn Fn(&CommandSnapshot<'_>) -> OsString| {
        (snapshots.len() > 1).then(|| lines(snapshots.iter().map(value)))
    };
    vec![
        ("SNAPSHOT_VERSION", Some(VERSION.into())),
        ("SNAPSHOT_DIRECTORY", Some(first.directory.clone().into())),
        ("SNAPSHOT_TIMESTAMP", Some(timestamp.to_string().into())),
        ("SNAPSHOT_CODE", Some(first.code.as_str().into())),
        ("SNAPSHOT_TID", first.tid_in_hex()),
        ("SNAPSHOT_DIRECTORIES", list(&|it| it.directory.clone().into())),
        ("SNAPSHOT_CODES", list(&|it| it.code.as_str().into())),
        ("SNAPSHOT_TIDS", list(&|it| it.tid_in_hex().unwrap_or_default())),
    ]
}

/// Writes one value a line.
fn lines(values: impl Iterator<Item = OsString>) -> OsString {
    values.collect::<Vec<_>>().join(OsStr::new("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot<'a>(
        directory: &str,
        timestamp: u64,
        tid: Option<[u8; 8]>,
        sublock: &'a fs::File,
    ) -> CommandSnapshot<'a> {
        let code = Code::from_bytes(format!("code-{timestamp}").as_bytes()).unwrap();
        CommandSnapshot { directory: directory.into(), timestamp, code, tid, sublock }
    }

    fn values(snapshots: Vec<CommandSnapshot<'_>>) -> Vec<Option<String>> {
        let variables = Environment::new(snapshots).variables.into_iter();
        variables.map(|(_, value)| value.map(|it| it.into_string().unwrap())).collect()
    }

    #[test]
    fn the_variables_of_one_storage_are_no_lists_and_unset_what_another_run_has_left() {
        let sublock = tempfile::tempfile().unwrap();
        let values = values(vec![snapshot("/a", 7, Some([0, 0, 0, 0, 0, 0, 1, 0xab]), &sublock)]);
        let expected = ["2", "/a", "7", "code-7", "00000000000001AB"].map(|it| Some(it.to_owned()));
        assert_eq!(values[..5], expected);
        assert_eq!(values[5..], [None, None, None]);
    }

    #[test]
    fn the_variables_of_several_storages_name_all_in_order_and_the_earliest_time() {
        let sublock = tempfile::tempfile().unwrap();
        let tid = Some([1; 8]);
        let all = [("/b", 9, None), ("/a", 7, tid), ("/c", 8, None)]
            .map(|(directory, time, tid)| snapshot(directory, time, tid, &sublock));
        let values = values(all.into());
        let list = |it: &str| Some(it.to_owned());
        assert_eq!(values[..5], [list("2"), list("/b"), list("7"), list("code-9"), None]);
        assert_eq!(
            values[5..],
            [list("/b\n/a\n/c"), list("code-9\ncode-7\ncode-8"), list("\n0101010101010101\n")]
        );
    }
}
