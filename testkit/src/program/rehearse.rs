//! `dsnap-testkit run`: a script, with a site to try it on.
#![allow(clippy::disallowed_methods, reason = "it starts the script")]

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode};

use clap::Args;

use super::say;
use super::site::Options;

#[derive(Args)]
pub(crate) struct Rehearsal {
    #[command(flatten)]
    options: Options,
    /// The storage: new, or one that dsnap-testkit made [default: one that vanishes afterwards]
    #[arg(long, value_name = "DIR")]
    storage: Option<std::path::PathBuf>,
    /// The script and its arguments, after `--`
    #[arg(required = true, last = true, value_name = "SCRIPT")]
    script: Vec<OsString>,
}

/// Starts a site, runs the script, and looks whether it left the storage.
pub(crate) fn run(rehearsal: &Rehearsal) -> io::Result<ExitCode> {
    let (site, _control) = rehearsal.options.start(rehearsal.storage.as_deref())?;
    let (program, args) = rehearsal.script.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let status = Command::new(program)
        .args(args)
        .env("DSNAP_TESTKIT_STORAGE", site.path())
        .env("DSNAP_TESTKIT_URL", site.urls().join(" "))
        .env("DSNAP_TESTKIT_ACCESS", site.access())
        .status()
        .map_err(|error| {
            io::Error::new(error.kind(), format!("cannot start {}: {error}", program.display()))
        })?;
    if let Some(code) = site.held() {
        say::error(format_args!(
            "the script ended, and the storage is still in the snapshot {code}"
        ));
        return Ok(ExitCode::FAILURE);
    }
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
}
