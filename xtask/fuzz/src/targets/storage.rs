//! A storage whose files a target writes. Each thread has its own, so that tests can run in parallel.

use std::fs;
use std::path::{Path, PathBuf};

use dsnap_core::Code;
use dsnap_core::method::{Caller, Message, Request};
use dsnap_engine::limits;
use dsnap_engine::storage::Storage;

use crate::shown::check_line;

/// The folders of a storage.
pub(crate) const FOLDERS: [&str; 5] = ["A", "B", "journal", "misc", "config"];

/// The code of all calls.
pub(crate) const CODE: &str = "host-1001";

/// A folder with an empty storage in it. What appears beside the storage was written outside of it.
pub(crate) struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let site = Self { folder };
        for name in FOLDERS {
            fs::create_dir_all(site.dir().join(name)).unwrap();
        }
        let settings = "[structure]\nformat: flat\nversion: 0.11\n[filesystem]\nsync: 0\n";
        fs::write(site.dir().join("config/settings"), settings).unwrap();
        site
    }

    /// Returns the folder around the storage.
    pub(crate) fn outside(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the directory of the storage.
    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("storage")
    }

    pub(crate) fn storage(&self) -> Storage {
        Storage::open(&self.dir()).unwrap()
    }
}

/// A caller that never asks to stop. It checks every text that it gets.
pub(crate) struct Listener;

impl Caller for Listener {
    fn say(&self, message: Message<'_>) {
        match message {
            Message::Words(text) | Message::Warning(text) | Message::Trace(text) => {
                check_line(text)
            }
            Message::Progress { done, of, unit } => {
                check_line(unit);
                assert!(of.is_none_or(|of| done <= of), "{done} of {of:?}");
            }
        }
    }

    fn should_stop(&self) -> bool {
        false
    }
}

pub(crate) fn code() -> Code {
    Code::from_bytes(CODE.as_bytes()).unwrap()
}

/// Makes a request of a line with these words.
pub(crate) fn request<'a>(
    dir: &'a Path,
    words: &'a [std::ffi::OsString],
    code: &'a Code,
) -> Request<'a> {
    Request {
        storage: dir,
        conf_folder: dir,
        words,
        code,
        time_left: Some(limits::LEAVE_TIMEOUT),
        leave_time: limits::LEAVE_TIMEOUT,
        snapshot_seen: false,
        caller: &Listener,
    }
}
