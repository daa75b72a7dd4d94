//! `--also`: which other storages a run freezes, and where the option makes no sense.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dsnap_core::text;
use dsnap_engine::conf::plan::Source;

use super::{Action, absolute, recover_command};
use crate::args::UsageError;

/// Checks the directories of `--also`.
///
/// # Errors
///
/// There is no run of `--storage` to which they could belong, a name is empty or contains a line feed,
/// or two names lead to the same directory.
pub(super) fn check(
    main: Option<&Path>,
    also: &[PathBuf],
    action: &Action,
    is_nested: bool,
) -> Result<(), UsageError> {
    if also.is_empty() {
        return Ok(());
    }
    if *action != Action::Run {
        return Err(UsageError::new("--also works only with a run").hint(
            "--status takes several directories; --recover and --list-methods take one --storage",
        ));
    }
    if is_nested {
        let message = "--also does not work inside the COMMAND of another dsnap";
        let hint = "give --also to the outer dsnap, which enters the snapshots";
        return Err(UsageError::new(message).hint(hint));
    }
    let Some(main) = main else {
        return Err(UsageError::new("--also needs --storage DIR")
            .hint("dsnap --storage DIR --also DIR COMMAND"));
    };
    let all: Vec<_> = std::iter::once(main).chain(also.iter().map(PathBuf::as_path)).collect();
    all.iter().try_for_each(|dir| check_name(dir))?;
    check_different(&all)
}

/// Adds to each directory the command that recovers it.
pub(super) fn with_commands(also: Vec<PathBuf>, plugin_dirs: &[PathBuf]) -> Vec<(PathBuf, String)> {
    // The conf of the command line is that of `--storage`.
    let command = |dir: &Path| recover_command(Some(dir), &Source::Default, plugin_dirs);
    let named = also.into_iter().map(|dir| {
        let command = command(&dir);
        (dir, command)
    });
    named.collect()
}

fn check_name(dir: &Path) -> Result<(), UsageError> {
    if dir.as_os_str().is_empty() {
        return Err(UsageError::new("--also: a directory name is empty"));
    }
    if dir.as_os_str().as_bytes().contains(&b'\n') {
        let message = format!("--also: `{}` contains a line feed", text::path(dir));
        let hint = "COMMAND gets one directory a line: use a link with another name";
        return Err(UsageError::new(message).hint(hint));
    }
    Ok(())
}

fn check_different(all: &[&Path]) -> Result<(), UsageError> {
    let identities: Vec<_> = all.iter().map(|dir| Identity::of(dir)).collect();
    for (number, dir) in all.iter().enumerate() {
        let earlier = identities[..number].iter().position(|it| *it == identities[number]);
        if let Some(earlier) = earlier {
            let [one, other] = [dir, all[earlier]].map(text::path);
            let message = format!("--also: {one} and {other} are the same directory");
            return Err(UsageError::new(message).hint("name each storage once"));
        }
    }
    Ok(())
}

/// Tells whether two names lead to the same directory.
#[derive(PartialEq, Eq)]
enum Identity {
    /// Device and inode, with all links resolved.
    Found(u64, u64),
    /// It cannot be looked at. What is wrong is said when it is opened.
    Unknown(PathBuf),
}

impl Identity {
    fn of(dir: &Path) -> Self {
        fs::metadata(dir).map_or_else(
            |_| Self::Unknown(absolute(dir)),
            |found| Self::Found(found.dev(), found.ino()),
        )
    }
}
