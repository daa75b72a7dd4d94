//! `dsnap-testkit run`: runs a script with a site of its own.
#![allow(clippy::disallowed_methods, reason = "it starts the script")]

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, ExitStatus};

use crate::Site;
use clap::{Args, ValueHint};
use procfs::process::Process;
use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::origin::WithOrigin;
use signal_hook::low_level::siginfo::Cause;

use super::print;
use super::site::SiteOptions;

#[derive(Args)]
#[command(
    after_help = "The script finds these variables: DSNAP_TESTKIT_STORAGE, the storage; DSNAP_TESTKIT_URL, \
    the URL of each Zope's toolkit, with blanks between them; DSNAP_TESTKIT_ACCESS, the file with user and \
    password; DSNAP_TESTKIT_ZEO, the address of the ZEO server, if there is one.\n\nThe exit status is that of \
    the script (128+N if signal N killed it), 1 if the script leaves the storage in a snapshot, and 2 if the \
    site or the script cannot be started."
)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    options: SiteOptions,
    /// The storage: a new directory, or one that dsnap-testkit made [default: temporary]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    storage: Option<std::path::PathBuf>,
    /// The script and its arguments
    #[arg(required = true, last = true, value_name = "SCRIPT")]
    script: Vec<OsString>,
}

/// Starts a site, runs the script, and checks that no snapshot remains.
pub(crate) fn run(args: &RunArgs) -> io::Result<ExitCode> {
    // Before the site starts: a signal meanwhile must not leave half of it behind.
    let mut signals = listen_for_signals()?;
    let (site, control) = args.options.start(args.storage.as_deref())?;
    let (program, script_args) = args.script.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut script = Command::new(program);
    tell(script.args(script_args), &site);
    let script = script.spawn().map_err(|error| {
        io::Error::new(error.kind(), format!("cannot start {}: {error}", program.display()))
    })?;
    let status = wait_and_forward(script, &mut signals)?;
    let remaining = site.remaining_snapshot();
    control.end(site)?;
    if let Some(code) = remaining {
        print::error(format_args!(
            "the script ended, but the storage is still in the snapshot {code}"
        ));
        return Ok(ExitCode::FAILURE);
    }
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Tells a script where its site is.
pub(super) fn tell(script: &mut Command, site: &Site) {
    script.env("DSNAP_TESTKIT_STORAGE", site.path());
    script.env("DSNAP_TESTKIT_URL", site.urls().join(" "));
    script.env("DSNAP_TESTKIT_ACCESS", site.access());
    match site.zeo_address() {
        Some(address) => script.env("DSNAP_TESTKIT_ZEO", address),
        // That of another site would mislead the script.
        None => script.env_remove("DSNAP_TESTKIT_ZEO"),
    };
}

/// Listens for the signals that end a script, except ignored ones, and for the script's end.
fn listen_for_signals() -> io::Result<SignalsInfo<WithOrigin>> {
    let ignored = Process::myself().and_then(|own| own.status()).map_err(io::Error::other)?.sigign;
    let signals = [SIGTERM, SIGINT, SIGHUP].into_iter();
    let signals = signals.filter(|signal| ignored & (1 << (signal - 1)) == 0);
    SignalsInfo::new(signals.chain([SIGCHLD]))
}

/// Waits for the script's end. Until then passes signals on: the script may have to leave a snapshot.
fn wait_and_forward(
    mut script: Child,
    signals: &mut SignalsInfo<WithOrigin>,
) -> io::Result<ExitStatus> {
    let pid = i32::try_from(script.id()).ok().and_then(Pid::from_raw);
    for origin in signals.forever() {
        if let Some(status) = script.try_wait()? {
            return Ok(status);
        }
        // A terminal sends its signals to the script, too.
        let by_terminal = matches!(origin.cause, Cause::Kernel);
        let signal = Signal::from_named_raw(origin.signal);
        let signal = signal.filter(|it| *it != Signal::CHILD && !by_terminal);
        if let (Some(pid), Some(signal)) = (pid, signal) {
            // The script is not reaped yet, so no other process has its number. A script that
            // changed its user cannot be signalled, only waited for.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
    script.wait()
}
