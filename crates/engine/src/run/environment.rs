//! What COMMAND is told in its environment, and the lock that it inherits.

use std::fs;
use std::path::PathBuf;

use dsnap_core::Code;

/// The environment of COMMAND, and the lock that it inherits.
#[derive(Debug)]
pub struct Environment<'a> {
    /// `SNAPSHOT_DIRECTORY`: the directory exactly as the user gave it.
    pub directory: PathBuf,
    /// `SNAPSHOT_TIMESTAMP`, in seconds since 1970: never later than the state that is seen.
    pub timestamp: u64,
    /// `SNAPSHOT_CODE`: the code of this run.
    pub code: Code,
    /// `SNAPSHOT_TID`: the last transaction in `A/`, if it can be read.
    pub tid: Option<[u8; 8]>,
    /// The locked `misc/sublock`, to be inherited.
    pub sublock: &'a fs::File,
}
