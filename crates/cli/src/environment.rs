//! What the program was started with, words and variables: the only file that reads them. What COMMAND gets is written in `spawn.rs`.
#![allow(clippy::disallowed_methods, reason = "this is the place")]

use std::env;
use std::ffi::OsString;

use dsnap_core::nested::Inherited;

/// What an outer run of this tool, or of the original, left in the environment.
pub(crate) fn outer_run() -> Option<Inherited> {
    Some(Inherited {
        version: env::var_os("SNAPSHOT_VERSION")?,
        directory: env::var_os("SNAPSHOT_DIRECTORY"),
        code: env::var_os("SNAPSHOT_CODE"),
    })
}

/// The command line, the program's name included.
pub(crate) fn words() -> impl Iterator<Item = OsString> {
    env::args_os()
}
