//! `misc/snapshot`: the file that exists exactly while `A/` is a coherent snapshot.
//!
//! Its content is the code under which the snapshot was entered, without a newline. This module reads
//! it; the method `direct` writes it when it closes a storage.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use dsnap_core::Code;
use dsnap_core::text::Harmless;

use crate::limits::MAX_SNAPSHOT_FILE;
use crate::storage::Storage;
use crate::system::reading;

/// The name of the file in `misc/`.
pub const NAME: &str = "snapshot";
/// The name in `misc/` under which `direct` writes the file before it gets its own.
pub const TEMPORARY: &str = "dsnap.snapshot";
/// That name in releases before 0.1.0.
const OLDER_TEMPORARY: &str = "snapshot.dsnap";

/// `misc/snapshot` at one moment. Two values are equal only if the file is the same one, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFile {
    /// What it says.
    pub content: Content,
    modified: Option<SystemTime>,
    inode: u64,
}

/// What `misc/snapshot` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// There is no such file: `A/` is not a snapshot.
    Absent,
    /// Something else than a file has that name.
    NotAFile,
    /// An empty file: a broken snapshot.
    Empty,
    /// `shutdown`: a server or `direct` closed the storage cleanly.
    Shutdown,
    /// `user/CODE`: a snapshot was entered under that code. Kept without `user/`.
    User(Vec<u8>),
    /// `packing`: a pack is in progress, or was when the server crashed.
    Packing,
    /// Anything else.
    Other(Vec<u8>),
}

/// Removes what is left of writing the file if a run was killed meanwhile. Only the run that holds the
/// run lock may do this. If it fails, `direct` says so when it needs the name.
pub(crate) fn remove_temporary(storage: &Storage) {
    for name in [TEMPORARY, OLDER_TEMPORARY] {
        let _ = storage.folders().misc.remove_file(name);
    }
}

impl SnapshotFile {
    /// Reads the file in `misc/` of a storage.
    ///
    /// # Errors
    ///
    /// It exists and cannot be read.
    pub fn read(storage: &Storage) -> io::Result<Self> {
        let misc = &storage.folders().misc;
        let (found, content) = match misc.file(NAME) {
            Ok(file) => {
                (file.metadata()?, Content::of(&reading::read_up_to(file, MAX_SNAPSHOT_FILE)?))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::absent()),
            Err(error) => match misc.look(NAME) {
                Ok(found) if !found.is_file() => (found, Content::NotAFile),
                _ => return Err(error),
            },
        };
        Ok(Self { content, modified: found.modified().ok(), inode: found.ino() })
    }

    /// Makes a file with this content, for tests that have no storage.
    #[cfg(test)]
    pub(crate) fn with(content: Content) -> Self {
        Self { content, ..Self::absent() }
    }

    fn absent() -> Self {
        Self { content: Content::Absent, modified: None, inode: 0 }
    }

    /// Returns when the file was written.
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// Returns how long before `now` the file was written. `now` is the time of the same file
    /// system, because this machine may have another. The age of a file that is dated ahead is
    /// unknown.
    pub fn age(&self, now: Option<SystemTime>) -> Option<Duration> {
        now?.duration_since(self.modified?).ok()
    }

    /// Returns what the file says, if it exists: `user/CODE`, `shutdown`.
    pub fn code(&self) -> Option<String> {
        match &self.content {
            Content::Absent | Content::NotAFile => None,
            Content::Empty => Some(String::new()),
            Content::Shutdown => Some("shutdown".to_owned()),
            Content::Packing => Some("packing".to_owned()),
            Content::User(code) => Some(format!("user/{}", String::from_utf8_lossy(code))),
            Content::Other(other) => Some(String::from_utf8_lossy(other).into_owned()),
        }
    }

    /// Says whether the file may be of the snapshot with `code`: it names it, or it is empty, because
    /// the server could not write it (a full disk) and is in the snapshot all the same.
    pub fn may_be_held_by(&self, code: &Code) -> bool {
        self.is_held_by(code) || self.content == Content::Empty
    }

    /// Says whether the file names the snapshot with `code`.
    pub fn is_held_by(&self, code: &Code) -> bool {
        self.content.names(code)
    }
}

impl Content {
    /// Says whether this names the snapshot with `code`.
    pub(crate) fn names(&self, code: &Code) -> bool {
        matches!(self, Self::User(held) if held == code.as_str().as_bytes())
    }

    /// Says whether a snapshot was entered by a tool.
    pub(crate) fn is_user(&self) -> bool {
        matches!(self, Self::User(_))
    }

    /// Interprets the bytes of the file.
    pub fn of(content: &[u8]) -> Self {
        match content {
            b"" => Self::Empty,
            b"shutdown" => Self::Shutdown,
            b"packing" => Self::Packing,
            other => match other.strip_prefix(b"user/") {
                Some(code) => Self::User(code.to_owned()),
                None => Self::Other(other.to_owned()),
            },
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("absent"),
            Self::NotAFile => f.write_str("not a file"),
            Self::Empty => f.write_str("empty"),
            Self::Shutdown => f.write_str("`shutdown`"),
            Self::Packing => f.write_str("`packing`"),
            Self::User(code) => write!(f, "`user/{}`", Harmless(code)),
            Self::Other(bytes) => write!(f, "`{}`", Harmless(bytes)),
        }
    }
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::testing;
    use std::fs;

    #[test]
    fn every_content_is_recognised() {
        let (_folder, storage) = testing::storage();
        let path = storage.snapshot();
        assert_eq!(SnapshotFile::read(&storage).unwrap().content, Content::Absent);
        for (bytes, content) in [
            (&b""[..], Content::Empty),
            (b"shutdown", Content::Shutdown),
            (b"packing", Content::Packing),
            (b"user/db-1-abc", Content::User(b"db-1-abc".to_vec())),
            (b"shutdown\n", Content::Other(b"shutdown\n".to_vec())),
        ] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(SnapshotFile::read(&storage).unwrap().content, content);
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(SnapshotFile::read(&storage).unwrap().content, Content::NotAFile);
    }

    #[test]
    fn a_rewritten_file_is_a_change() {
        let (folder, storage) = testing::storage();
        let path = storage.snapshot();
        fs::write(&path, "shutdown").unwrap();
        let before = SnapshotFile::read(&storage).unwrap();
        assert_eq!(SnapshotFile::read(&storage).unwrap(), before);
        fs::write(folder.path().join("new"), "shutdown").unwrap();
        fs::rename(folder.path().join("new"), &path).unwrap();
        assert_ne!(SnapshotFile::read(&storage).unwrap(), before);
    }

    #[test]
    fn a_file_dated_ahead_has_no_age() {
        let now = SystemTime::now();
        let second = Duration::from_secs(1);
        let dated = |modified| SnapshotFile { modified, ..SnapshotFile::absent() };
        assert_eq!(dated(Some(now - second)).age(Some(now)), Some(second));
        assert_eq!(dated(Some(now)).age(Some(now)), Some(Duration::ZERO));
        assert_eq!(dated(Some(now + second)).age(Some(now)), None);
        assert_eq!(dated(None).age(Some(now)), None);
        assert_eq!(dated(Some(now)).age(None), None);
    }

    #[test]
    fn a_pipe_and_a_socket_are_no_files_and_are_not_waited_for() {
        let (_folder, storage) = testing::storage();
        let path = storage.snapshot();
        let pipe = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, pipe).unwrap();
        assert_eq!(SnapshotFile::read(&storage).unwrap().content, Content::NotAFile);
        fs::remove_file(&path).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert_eq!(SnapshotFile::read(&storage).unwrap().content, Content::NotAFile);
    }

    #[test]
    fn a_link_is_not_followed() {
        let (_folder, storage) = testing::storage();
        let code = storage.config().join("code");
        fs::write(&code, "shutdown").unwrap();
        std::os::unix::fs::symlink(&code, storage.snapshot()).unwrap();
        assert_eq!(SnapshotFile::read(&storage).unwrap().content, Content::NotAFile);
    }

    #[test]
    fn a_code_matches_only_as_a_whole() {
        let code = Code::from_bytes(b"db-1").unwrap();
        let file = |text: &str| SnapshotFile {
            content: Content::of(text.as_bytes()),
            modified: None,
            inode: 1,
        };
        assert!(file("user/db-1").is_held_by(&code));
        assert!(!file("user/db-12").is_held_by(&code));
        assert!(!file("db-1").is_held_by(&code));
    }
}
