//! What the program was started with, words and variables: the only file that reads
//! them. What COMMAND gets is written in `spawn.rs`.
#![allow(clippy::disallowed_methods, reason = "this is the place")]

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use dsnap_engine::run::nested::Inherited;

use crate::resolve::Outside;

/// All of it that counts.
pub(crate) fn outside() -> Outside {
    Outside { outer: outer_run(), plugin_path: plugin_path() }
}

/// What an outer run of this tool, or of the original, left in the environment.
fn outer_run() -> Option<Inherited> {
    Some(Inherited {
        version: env::var_os("SNAPSHOT_VERSION")?,
        directory: env::var_os("SNAPSHOT_DIRECTORY"),
        code: env::var_os("SNAPSHOT_CODE"),
    })
}

/// Where libraries are looked for besides `--plugin-dir`: the folders of `DSNAP_PLUGIN_PATH`,
/// unless whoever started the program has fewer rights than it, and then the program's own.
fn plugin_path() -> Vec<PathBuf> {
    let path = env::var_os("DSNAP_PLUGIN_PATH").filter(|_| !has_raised_rights());
    let own = env::current_exe()
        .ok()
        .and_then(|program| Some(program.parent()?.parent()?.join("lib/dsnap")));
    let named = path.iter().flat_map(env::split_paths).filter(|folder| folder.is_absolute());
    named.chain(own).collect()
}

/// AT_SECURE of `elf.h`: the kernel says that rights were raised when the program started.
const AT_SECURE: u64 = 23;

fn has_raised_rights() -> bool {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    let said = procfs::process::Process::myself().and_then(|process| process.auxv());
    // What it does not say of a program is what it hides of one with raised rights.
    let raised = said.map_or(true, |said| said.get(&AT_SECURE).is_none_or(|secure| *secure != 0));
    raised || getuid() != geteuid() || getgid() != getegid()
}

/// The command line, the program's name included.
pub(crate) fn words() -> impl Iterator<Item = OsString> {
    env::args_os()
}

/// Whether the terminal, if there is one, can empty a line: one without a name is not known to.
pub(crate) fn terminal_can_erase() -> bool {
    env::var_os("TERM").is_some_and(|name| !name.is_empty() && name != "dumb")
}

/// The folders in which a COMMAND without a slash is looked for.
pub(crate) fn search_path() -> Vec<PathBuf> {
    // What the C library takes where there is no PATH.
    let path = env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    env::split_paths(&path).collect()
}
