//! `dsnap-testkit site`: a simulated site that runs until it is stopped.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use dsnap_testkit::Site;
use dsnap_testkit::control::Control;
use dsnap_testkit::site::Wanted;
use serde_json::json;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::print as say;

/// What a site is to be.
#[derive(Args)]
pub(crate) struct Options {
    /// How many Zopes stand in front of the storage
    #[arg(long, value_name = "N", default_value_t = 1)]
    zopes: usize,
    /// How many transactions are committed each second
    #[arg(long, value_name = "N", default_value_t = 20)]
    commits_per_second: u32,
    /// How long the server takes to move one transaction out of the journal, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    flush_time: u64,
    /// The Zopes are in debug mode: their faults hold a traceback
    #[arg(long)]
    debug_mode: bool,
    /// What goes wrong: FAULT, FAULT:enter, :leave or :status, and :N times (repeatable)
    #[arg(long, value_name = "FAULT", value_parser = Wanted::parse)]
    fault: Vec<Wanted>,
}

#[derive(Args)]
pub(crate) struct Wish {
    /// The storage: new, or one that dsnap-testkit made
    #[arg(long, value_name = "DIR")]
    storage: PathBuf,
    #[command(flatten)]
    options: Options,
    /// Where to write the line that says that everything is ready, too
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

impl Options {
    /// Starts the site, with its control port.
    pub(crate) fn start(&self, storage: Option<&Path>) -> io::Result<(Arc<Site>, Control)> {
        let builder = Site::builder()
            .zopes(self.zopes)
            .commits_per_second(self.commits_per_second)
            .debug_mode(self.debug_mode)
            .flush_time(std::time::Duration::from_millis(self.flush_time));
        let builder = match storage {
            Some(dir) => builder.storage(std::path::absolute(dir)?),
            None => builder,
        };
        let site = Arc::new(builder.start()?);
        for wanted in &self.fault {
            wanted.plan(&site);
        }
        let control = Control::listen(&site)?;
        Ok((site, control))
    }
}

/// Runs it.
pub(crate) fn run(wish: &Wish) -> io::Result<ExitCode> {
    // Before the site: whoever stops it early must not leave it half made.
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let (site, control) = wish.options.start(Some(&wish.storage))?;
    let ready = json!({
        "storage": site.path().to_string_lossy(),
        "urls": site.urls(),
        "access": site.access().to_string_lossy(),
    });
    if let Some(file) = &wish.ready_file {
        write_whole(file, &format!("{ready}\n"))?;
    }
    say::line(&ready);
    signals.forever().next();
    drop(control);
    site.stop_server()?;
    Ok(ExitCode::SUCCESS)
}

/// Whoever waits for the file must never see half a line; and what else is in its folder stays.
fn write_whole(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Less what the umask takes, as for any file.
    let mut builder = tempfile::Builder::new();
    builder.permissions(Permissions::from_mode(0o666));
    let mut whole = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
    whole.write_all(text.as_bytes())?;
    whole.persist(file)?;
    Ok(())
}
