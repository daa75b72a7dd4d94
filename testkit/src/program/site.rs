//! `dsnap-testkit site`: runs a simulated site until a signal, or the end of stdin, stops it.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use crate::Site;
use crate::control::Control;
use crate::site::FaultSpec;
use clap::{Args, ValueHint};
use serde_json::json;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use super::print;
use super::zeo_options::ZeoOptions;
use super::zope_options::ZopeOptions;

/// The options of a site, which `run` has, too.
#[derive(Args)]
pub(crate) struct SiteOptions {
    #[command(flatten)]
    zopes: ZopeOptions,
    #[command(flatten)]
    zeo: ZeoOptions,
    /// How many transactions to commit each second
    #[arg(long, value_name = "N", default_value_t = 20)]
    commits_per_second: u32,
    /// Milliseconds that the server takes to move one transaction out of the journal
    #[arg(long, value_name = "MS", default_value_t = 0)]
    flush_time: u64,
    /// Add a fault: FAULT[:CALL][:TIMES][:zope|:zeo] (repeatable; `ctl DIR fault` lists all). CALL is enter,
    /// leave or status; for a ZEO server also connect, login or register
    #[arg(long, value_name = "FAULT", value_parser = FaultSpec::parse)]
    fault: Vec<FaultSpec>,
}

#[derive(Args)]
pub(crate) struct SiteArgs {
    /// The storage: a new directory, or one that dsnap-testkit made
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    storage: PathBuf,
    #[command(flatten)]
    options: SiteOptions,
    /// Also write the ready line (storage, URLs, ZEO server and access file as JSON) to this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ready_file: Option<PathBuf>,
    /// Also end when stdin is closed: the site then ends with a test that is killed
    #[arg(long)]
    end_with_stdin: bool,
}

impl SiteOptions {
    /// Starts the site, with its control port.
    pub(crate) fn start(&self, storage: Option<&Path>) -> io::Result<(Arc<Site>, Control)> {
        let builder = self.zopes.set(Site::builder())?;
        let builder = self.zeo.set(builder);
        let builder = builder
            .commits_per_second(self.commits_per_second)
            .flush_time(std::time::Duration::from_millis(self.flush_time));
        let builder = match storage {
            Some(dir) => builder.storage(std::path::absolute(dir)?),
            None => builder,
        };
        let site = Arc::new(builder.start()?);
        self.fault.iter().try_for_each(|spec| site.add_fault(*spec)).map_err(io::Error::other)?;
        let control = Control::listen(&site)?;
        Ok((site, control))
    }
}

/// Starts the site, prints the ready line, and waits for a signal.
pub(crate) fn run(args: &SiteArgs) -> io::Result<ExitCode> {
    // Before the site starts: a signal meanwhile must not leave half of it behind.
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let (site, control) = args.options.start(Some(&args.storage))?;
    let ready = json!({
        "storage": site.path().to_string_lossy(),
        "urls": site.urls(),
        "zeo": site.zeo_address(),
        "access": site.access().to_string_lossy(),
    });
    if let Some(file) = &args.ready_file {
        write_whole(file, &format!("{ready}\n"))?;
    }
    print::line(&ready);
    if args.end_with_stdin {
        close_with_stdin(signals.handle());
    }
    signals.forever().next();
    control.end(site)?;
    Ok(ExitCode::SUCCESS)
}

/// Ends the wait for a signal when stdin is closed. The kernel closes it even if the caller is killed.
fn close_with_stdin(signals: Handle) {
    thread::spawn(move || {
        // An input that cannot be read has ended, too.
        _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        signals.close();
    });
}

/// Writes a file at once: a reader that waits for it must never see half of a line.
fn write_whole(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    // The umask removes bits, as for any file.
    let mut builder = tempfile::Builder::new();
    builder.permissions(Permissions::from_mode(0o666));
    let mut whole = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
    whole.write_all(text.as_bytes())?;
    whole.persist(file)?;
    Ok(())
}
