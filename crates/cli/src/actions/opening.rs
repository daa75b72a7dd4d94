//! Opens a storage for an action: with the storage owner's privileges, and signals caught.

use std::path::Path;

use dsnap_core::{Reason, text};
use dsnap_direct::Direct;
use dsnap_engine::storage::{self, Storage};
use dsnap_engine::system::privileges::Privileges;
use dsnap_exec::Exec;
use dsnap_host::Registry;
use dsnap_http::Http;
#[cfg(feature = "zeo")]
use dsnap_zeo::Zeo;

use crate::chronicle::Chronicle;
use crate::report::Frontend;
use crate::resolve::Invocation;
use crate::signals::Signals;
use crate::spawn::CommandRunner;

/// Catches signals, opens the storage, takes the storage owner's privileges, and calls `work`.
pub(super) fn with_storage<T>(
    invocation: &Invocation,
    dir: Option<&Path>,
    chronicle: &Chronicle,
    work: impl FnOnce(&Storage, &Privileges, &Frontend<'_>) -> T,
) -> Result<T, Reason> {
    let signals = catch_signals()?;
    at_storage(invocation, dir.unwrap_or(Path::new("")), &signals, chronicle, work)
}

pub(super) fn catch_signals() -> Result<Signals, Reason> {
    Signals::catch().map_err(|error| {
        Reason::new(format!("dsnap cannot catch signals: {}", text::error(&error)))
    })
}

pub(super) fn at_storage<T>(
    invocation: &Invocation,
    dir: &Path,
    signals: &Signals,
    chronicle: &Chronicle,
    work: impl FnOnce(&Storage, &Privileges, &Frontend<'_>) -> T,
) -> Result<T, Reason> {
    let privileges = Privileges::of_owner(dir, storage::MAIN)?;
    privileges.lower()?;
    let storage = Storage::open_judged(dir, &privileges).inspect_err(|_| {
        let _ = privileges.restore();
    })?;
    let runner = CommandRunner { command: &invocation.command, privileges: &privileges, signals };
    let frontend = Frontend::new(invocation.verbosity, signals, runner, chronicle);
    Ok(work(&storage, &privileges, &frontend))
}

/// Makes the registry of the built-in methods and of the folders with loadable ones.
pub(super) fn registry(invocation: &Invocation) -> Registry {
    let http = Http::with_credentials(invocation.credentials.clone());
    let built_in = Registry::new(env!("CARGO_PKG_VERSION")).with(Direct).with(http).with(Exec);
    #[cfg(feature = "zeo")]
    let built_in = built_in.with(Zeo::with_credentials(invocation.credentials.clone()));
    built_in.searching(invocation.plugin_dirs.clone())
}
