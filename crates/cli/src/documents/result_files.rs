//! `--report` and `--metrics`: files that tell other programs how a run ended.
//!
//! Each is written to a new file beside it, which then takes its place: a reader sees the old one or
//! the new one, never an incomplete one.

use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use dsnap_core::text;
use dsnap_engine::limits;

use super::run_report::RunReport;
use super::{json, metrics};

/// The permissions of the files: programs of other users read them.
const MODE: u32 = 0o644;

/// The files to write after a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResultFiles {
    /// `--report`: a JSON document.
    pub(crate) report: Option<PathBuf>,
    /// `--metrics`: a text file for the node exporter of Prometheus.
    pub(crate) metrics: Option<PathBuf>,
}

impl ResultFiles {
    /// Says whether any file is to be written.
    pub(crate) fn are_wanted(&self) -> bool {
        self.report.is_some() || self.metrics.is_some()
    }

    /// Writes the files, and returns a warning for each that cannot be written.
    pub(crate) fn write(&self, report: &RunReport) -> Vec<String> {
        let document = |path: &PathBuf| replace(path, &(json(report) + "\n"));
        let metrics = |path: &PathBuf| {
            let old = read_old(path).unwrap_or_default();
            replace(path, &metrics::text(report, &old))
        };
        let report = self.report.iter().map(|path| ("--report", path, document(path)));
        let metrics = self.metrics.iter().map(|path| ("--metrics", path, metrics(path)));
        let warning = |(option, path, written): (&str, &PathBuf, io::Result<()>)| {
            let error = written.err()?;
            // The name of the new file beside it, which `tempfile` adds, tells people nothing.
            let error = error.to_string();
            let error = text::error(&error.split(" at path ").next().unwrap_or_default());
            Some(format!("warning: {option}: {} cannot be written: {error}", text::path(path)))
        };
        report.chain(metrics).filter_map(warning).collect()
    }
}

/// Replaces a file with a new one that has this content.
fn replace(path: &Path, content: &str) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Root would replace `/dev/null` or `/dev/stdout` for the whole machine. What stdout leads to may
    // be a regular file.
    let is_device = folder.canonicalize().is_ok_and(|folder| folder == Path::new("/dev"));
    if is_device || path.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other("not a regular file"));
    }
    let mut file = tempfile::Builder::new()
        .prefix(".dsnap-")
        .permissions(Permissions::from_mode(MODE))
        .tempfile_in(folder)?;
    file.write_all(content.as_bytes())?;
    // The umask has taken some of them away.
    file.as_file().set_permissions(Permissions::from_mode(MODE))?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Reads the metrics of the last run, up to a limit.
fn read_old(path: &Path) -> Option<String> {
    // Opening a pipe would block.
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    File::open(path).ok()?.take(limits::MAX_OLD_METRICS).read_to_string(&mut text).ok()?;
    Some(text)
}
