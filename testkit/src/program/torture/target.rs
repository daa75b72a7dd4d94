//! The folder that the script writes its backups to, and the disk that it is on.
#![allow(clippy::disallowed_methods, reason = "it mounts a file system, which takes a program")]

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The size of the full disk. No backup of a storage fits.
const FULL_DISK: &str = "size=8k";
/// Its size when there is room again.
const ROOMY_DISK: &str = "remount,size=1g";
/// What stands for a full disk if nothing can be mounted: no file may become larger, in blocks of 512 bytes.
const MAX_FILE_BLOCKS: &str = "8";

/// The folder for backups.
#[derive(Debug)]
pub(super) struct Target {
    folder: PathBuf,
    disk: Disk,
}

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disk {
    /// There is room.
    Roomy,
    /// A file system of its own is mounted at the folder.
    Mounted,
    /// The script may write small files only.
    SmallFiles,
}

impl Target {
    /// Makes an empty folder, on a full disk if that is wanted.
    pub(super) fn new(folder: PathBuf, is_full: bool) -> io::Result<Self> {
        fs::create_dir(&folder)?;
        let disk = match is_full {
            false => Disk::Roomy,
            // This needs root, and a container may forbid it all the same.
            true if mount(FULL_DISK, &folder) => Disk::Mounted,
            true => Disk::SmallFiles,
        };
        Ok(Self { folder, disk })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn disk(&self) -> Disk {
        self.disk
    }

    /// Makes room on a full disk.
    pub(super) fn make_room(&mut self) -> io::Result<()> {
        match self.disk {
            Disk::Mounted if !mount(ROOMY_DISK, &self.folder) => {
                Err(io::Error::other(format!("cannot enlarge {}", self.folder.display())))
            }
            Disk::SmallFiles => {
                self.disk = Disk::Roomy;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Returns the command that runs a script here. Without a disk of its own, a shell limits the size of
    /// files first.
    pub(super) fn command(&self, program: &OsStr) -> Command {
        if self.disk != Disk::SmallFiles {
            return Command::new(program);
        }
        let mut command = Command::new("sh");
        let limit = format!("ulimit -f {MAX_FILE_BLOCKS} && exec \"$@\"");
        command.args(["-c", &limit, "sh"]).arg(program);
        command
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if self.disk == Disk::Mounted {
            // Without waiting for a process that is still in there.
            let mut umount = Command::new("umount");
            let _ = quiet(umount.arg("--lazy").arg(&self.folder)).status();
        }
    }
}

/// Mounts a file system in memory at a folder, or changes its size. False if that is not possible.
fn mount(options: &str, folder: &Path) -> bool {
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder);
    quiet(&mut mount).status().is_ok_and(|status| status.success())
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}
