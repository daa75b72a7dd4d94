//! The floor of a recovery: does the system calls that no recovery can avoid, and nothing else.
//!
//!     bench-floor PLAN STORAGE
//!
//! PLAN lists the calls, one on each line. The bench wrote it when it made the storage, so this program
//! searches, checks and compares nothing. Tabs separate the parts of a line:
//!
//! | line | what is done |
//! |---|---|
//! | `from` FOLDER | opens the folder of the storage from which the next files come |
//! | `mkdir` PLACE | makes a folder below `A/` |
//! | `unlink` NAME | removes a file that a later one replaces |
//! | `move` NAME PLACE | moves a file to its place below `A/` |
//! | `sync` | puts the file system on disk |
//! | `rmdir` FOLDER | removes an empty folder of the storage |
#![forbid(unsafe_code)]

use std::env::args_os;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use nix::fcntl::renameat;
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, syncfs, unlinkat};

/// Files are read from PLAN in pieces of this size.
const BUFFER: usize = 1 << 16;

struct Floor {
    root: PathBuf,
    storage: OwnedFd,
    a: OwnedFd,
    from: OwnedFd,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = args_os().skip(1).map(PathBuf::from);
    let (Some(plan), Some(root)) = (args.next(), args.next()) else {
        return Err("usage: bench-floor PLAN STORAGE".into());
    };
    let open = |path: PathBuf| File::open(path).map(OwnedFd::from);
    let (storage, a, from) = (open(root.clone())?, open(root.join("A"))?, open(root.clone())?);
    let mut floor = Floor { root, storage, a, from };
    let (mut plan, mut line) = (BufReader::with_capacity(BUFFER, File::open(plan)?), String::new());
    while plan.read_line(&mut line)? > 0 {
        floor.step(line.trim_end())?;
        line.clear();
    }
    Ok(())
}

impl Floor {
    fn step(&mut self, line: &str) -> Result<(), Box<dyn Error>> {
        let mut words = line.split('\t');
        let mut word = || words.next().ok_or("a line of the plan is too short");
        match word()? {
            "from" => self.from = File::open(self.root.join(word()?))?.into(),
            "mkdir" => mkdirat(&self.a, word()?, Mode::from_bits_truncate(0o777))?,
            "unlink" => unlinkat(&self.from, word()?, UnlinkatFlags::NoRemoveDir)?,
            "move" => renameat(&self.from, word()?, &self.a, word()?)?,
            "sync" => syncfs(&self.storage)?,
            "rmdir" => unlinkat(&self.storage, word()?, UnlinkatFlags::RemoveDir)?,
            other => return Err(format!("the plan has an unknown step {other}").into()),
        }
        Ok(())
    }
}
