//! The arguments and the environment that the program was started with.
//!
//! No other file reads them. COMMAND's environment is set in [`spawn`](crate::spawn).
#![allow(clippy::disallowed_methods, reason = "only this file reads the environment")]

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use dsnap_engine::run::nested::Inherited;
use dsnap_engine::system::credential_folder::CredentialFolder;

use crate::manual::{
    CREDENTIALS, JOURNAL, LIBRARY_FOLDER, NO_COLOUR, OUTER_RUN, PLUGIN_PATH, SEARCH_PATH, TERMINAL,
};

/// The variables of the caller's environment that matter, beside those that COMMAND inherits.
#[derive(Debug, Default)]
pub(crate) struct CallerEnvironment {
    /// The run whose COMMAND started this program.
    pub(crate) outer_run: Option<Inherited>,
    /// The folders that are searched for loadable methods after those of `--plugin-dir`.
    pub(crate) plugin_path: Vec<PathBuf>,
    /// Where systemd puts the credentials of the service that the program runs in.
    pub(crate) credentials: CredentialFolder,
}

/// Reads the variables that matter.
pub(crate) fn read() -> CallerEnvironment {
    CallerEnvironment {
        outer_run: outer_run(),
        plugin_path: plugin_path(),
        credentials: credentials(),
    }
}

/// Reads the variables that an outer run set, whether of this tool or of the original.
fn outer_run() -> Option<Inherited> {
    Some(Inherited {
        version: env::var_os(OUTER_RUN.name)?,
        directory: env::var_os("SNAPSHOT_DIRECTORY"),
        code: env::var_os("SNAPSHOT_CODE"),
        directories: env::var_os("SNAPSHOT_DIRECTORIES"),
        codes: env::var_os("SNAPSHOT_CODES"),
        tids: env::var_os("SNAPSHOT_TIDS"),
    })
}

/// Lists the folders to search after those of `--plugin-dir`: the absolute ones of
/// `DSNAP_PLUGIN_PATH`, then `../lib/dsnap` beside the program.
///
/// A program with raised privileges ignores the variable, because its caller set it.
fn plugin_path() -> Vec<PathBuf> {
    let path = env::var_os(PLUGIN_PATH.name).filter(|_| !has_raised_privileges());
    let beside_program = env::current_exe()
        .ok()
        .and_then(|program| Some(program.parent()?.parent()?.join(LIBRARY_FOLDER)));
    let named = path.iter().flat_map(env::split_paths).filter(|folder| folder.is_absolute());
    named.chain(beside_program).collect()
}

/// Finds the credentials of a systemd service. A program with raised privileges has none, because its
/// caller set the variable.
fn credentials() -> CredentialFolder {
    let folder = env::var_os(CREDENTIALS.name).filter(|_| !has_raised_privileges());
    CredentialFolder::new(folder.map(PathBuf::from))
}

/// `AT_SECURE` of `elf.h`: the entry of the auxiliary vector that is not 0 if the kernel raised
/// privileges when it started the program.
const AT_SECURE: u64 = 23;

/// Tells whether the program has privileges that its caller does not have. An unreadable auxiliary
/// vector is treated as raised privileges.
fn has_raised_privileges() -> bool {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    let auxiliary = procfs::process::Process::myself().and_then(|process| process.auxv());
    let is_secure =
        auxiliary.map_or(true, |vector| vector.get(&AT_SECURE).is_none_or(|secure| *secure != 0));
    is_secure || getuid() != geteuid() || getgid() != getegid()
}

/// Reads the command line, including the program's name.
pub(crate) fn arguments() -> impl Iterator<Item = OsString> {
    env::args_os()
}

/// Returns device and inode of the stream that leads to systemd's journal.
pub(crate) fn journal_stream() -> Option<(u64, u64)> {
    let stream = env::var(JOURNAL.name).ok()?;
    let (device, inode) = stream.split_once(':')?;
    Some((device.parse().ok()?, inode.parse().ok()?))
}

/// Tells whether a terminal can clear a line. A terminal without a name is assumed not to.
pub(crate) fn terminal_can_erase() -> bool {
    env::var_os(TERMINAL.name).is_some_and(|name| !name.is_empty() && name != "dumb")
}

/// Tells whether the user wants no colours: see <https://no-color.org>.
pub(crate) fn refuses_colour() -> bool {
    env::var_os(NO_COLOUR.name).is_some_and(|value| !value.is_empty())
}

/// Lists the folders that are searched for a COMMAND without a slash.
pub(crate) fn search_path() -> Vec<PathBuf> {
    // The C library's default if PATH is not set.
    let path = env::var_os(SEARCH_PATH.name).unwrap_or_else(|| "/bin:/usr/bin".into());
    env::split_paths(&path).collect()
}
