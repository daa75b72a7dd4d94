//! Where the storages are, and which of them are kept.
//!
//! They are in memory if the system has a file system for that, because syncs cost nothing there. What a failed
//! point left is copied to the target folder of cargo.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use tempfile::TempDir;
use xtask_base::{python, tree};

use crate::options::Options;

/// The system's file system in memory.
const MEMORY: &str = "/dev/shm";

/// How many failed points are kept.
const MAX_KEPT: usize = 20;

/// The folders of one part.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: TempDir,
    kept: PathBuf,
    count_kept: AtomicUsize,
    paths: AtomicUsize,
}

impl Scratch {
    /// Makes an empty folder, which is removed at the end of the part. Removes what an earlier run kept.
    pub(crate) fn new(options: &Options, part: &str) -> Result<Self> {
        let kept = options.work.join(part);
        python::remove(&kept)?;
        fs::create_dir_all(&options.work)?;
        let folder = folder_in_memory(&options.work)?;
        Ok(Self { folder, kept, count_kept: AtomicUsize::new(0), paths: AtomicUsize::new(0) })
    }

    /// Returns the path of a file or folder in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a folder in it.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Returns a new path in a folder of this name.
    pub(crate) fn new_path(&self, folder: &str) -> Result<PathBuf> {
        let number = self.paths.fetch_add(1, Ordering::Relaxed);
        Ok(self.folder(folder)?.join(format!("{number:06}")))
    }

    /// Copies what a failed point left to the folder that is kept, and returns a message with its path. Keeps
    /// only the first ones.
    pub(crate) fn keep(&self, left: &Path, point: &str) -> Result<String> {
        if self.count_kept.fetch_add(1, Ordering::Relaxed) >= MAX_KEPT {
            return Ok(format!("not kept, as {MAX_KEPT} others are"));
        }
        let kept = self.kept.join(point.replace(|it: char| !it.is_ascii_alphanumeric(), "-"));
        fs::create_dir_all(&self.kept)?;
        python::remove(&kept)?;
        tree::copy(left, &kept)?;
        Ok(format!("kept in {}", kept.display()))
    }
}

/// Makes an empty folder in memory, or in `work` if the system has no file system for that.
pub(crate) fn folder_in_memory(work: &Path) -> Result<TempDir> {
    let named = |folder: &Path| tempfile::Builder::new().prefix("dsnap-crash-").tempdir_in(folder);
    named(Path::new(MEMORY)).or_else(|_| named(work)).context("cannot make a folder for storages")
}
