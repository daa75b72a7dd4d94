//! The folder that the script writes its backups to, and the disk that it is on.
#![allow(clippy::disallowed_methods, reason = "it mounts a file system, which takes a program")]

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The mount options of a full disk. No backup of a storage fits.
const FULL_DISK_OPTIONS: &str = "size=4k";
/// The mount options that make room on it.
const LARGE_DISK_OPTIONS: &str = "remount,size=1g";
/// How large a file may become if a full disk cannot be mounted, in blocks of 512 bytes.
const MAX_FILE_BLOCKS: &str = "8";

/// The folder for backups.
#[derive(Debug)]
pub(super) struct Target {
    folder: PathBuf,
    disk: Disk,
}

/// The disk that the target is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disk {
    /// It has room.
    Roomy,
    /// A small file system is mounted at the folder.
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
            // This needs root, and some containers forbid it even to root.
            true if mount(FULL_DISK_OPTIONS, &folder) => Disk::Mounted,
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
            Disk::Mounted if !mount(LARGE_DISK_OPTIONS, &self.folder) => {
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
            // A process that still uses the folder must not delay this.
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
