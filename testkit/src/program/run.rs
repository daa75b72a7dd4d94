//! `dsnap-testkit run`: a script, with a site to try it on.
#![allow(clippy::disallowed_methods, reason = "it starts the script")]

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, ExitStatus};

use clap::Args;
use procfs::process::Process;
use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::origin::WithOrigin;
use signal_hook::low_level::siginfo::Cause;

use super::print as say;
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
    // Before the site: whoever stops it early must not leave it half made.
    let mut signals = heard()?;
    let (site, _control) = rehearsal.options.start(rehearsal.storage.as_deref())?;
    let (program, args) = rehearsal.script.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let script = Command::new(program)
        .args(args)
        .env("DSNAP_TESTKIT_STORAGE", site.path())
        .env("DSNAP_TESTKIT_URL", site.urls().join(" "))
        .env("DSNAP_TESTKIT_ACCESS", site.access())
        .spawn()
        .map_err(|error| {
            io::Error::new(error.kind(), format!("cannot start {}: {error}", program.display()))
        })?;
    let status = end_of(script, &mut signals)?;
    if let Some(code) = site.still_held() {
        say::error(format_args!(
            "the script ended, and the storage is still in the snapshot {code}"
        ));
        return Ok(ExitCode::FAILURE);
    }
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The signals that end a script, but for those that are ignored, and that of its end.
fn heard() -> io::Result<SignalsInfo<WithOrigin>> {
    let ignored = Process::myself().and_then(|own| own.status()).map_err(io::Error::other)?.sigign;
    let heard = [SIGTERM, SIGINT, SIGHUP].into_iter();
    let heard = heard.filter(|signal| ignored & (1 << (signal - 1)) == 0);
    SignalsInfo::new(heard.chain([SIGCHLD]))
}

/// Waits for the script's end, and passes signals on until then: it may have to leave a snapshot.
fn end_of(mut script: Child, signals: &mut SignalsInfo<WithOrigin>) -> io::Result<ExitStatus> {
    let pid = i32::try_from(script.id()).ok().and_then(Pid::from_raw);
    for origin in signals.forever() {
        if let Some(status) = script.try_wait()? {
            return Ok(status);
        }
        // What a terminal sends, it sends to the script, too.
        let by_terminal = matches!(origin.cause, Cause::Kernel);
        let signal = Signal::from_named_raw(origin.signal);
        let signal = signal.filter(|it| *it != Signal::CHILD && !by_terminal);
        if let (Some(pid), Some(signal)) = (pid, signal) {
            // It has not been waited for: the number is its own still. One that changed its
            // user cannot be told, but waited for.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
    script.wait()
}
