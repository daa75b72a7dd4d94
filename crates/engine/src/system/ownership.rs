//! Whose storage it is: the user who owns the main folder, judged on what is opened.
//!
//! Root takes the privileges of that user, so the answer must not be in anybody's hands but root's
//! and theirs. Someone who can rename folders in the storage could put a folder of root's in the
//! place of the main folder, and root would obey them.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dsnap_core::{Reason, text};

use crate::quoting::quoted;
use crate::system::trust;
use crate::system::users::{user_and_group, user_name};
use crate::system::walk::{Blocked, Part, Walk};

/// A file or folder, however it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn of(found: &Metadata) -> Self {
        Self { device: found.dev(), inode: found.ino() }
    }
}

/// To whom the main folder of a storage belongs, and which folders were judged.
#[derive(Debug)]
pub(super) struct Ownership {
    pub(super) owner: u32,
    pub(super) storage: Identity,
    pub(super) main: Identity,
    /// What others could do with folders above the storage.
    pub(super) warnings: Vec<Reason>,
}

/// Why it is not known whose storage it is.
pub(super) enum NotJudged {
    /// There is no such folder.
    Absent,
    /// A folder cannot be looked into; it belongs to that user.
    Closed(u32, Blocked),
    /// The wrong users can change a folder.
    Refused(Reason),
}

impl Ownership {
    /// Judges the folder `main` in the storage directory `dir`. It may be a link.
    pub(super) fn judge(dir: &Path, main: &str) -> Result<Self, NotJudged> {
        let way = Way::to(dir, main)?;
        let (owner, storage) = (way.main().found.uid(), way.storage());
        if !way.main().found.is_dir() {
            return Err(NotJudged::Absent);
        }
        let warnings = if owner == 0 {
            way.check_roots()?;
            Vec::new()
        } else {
            way.check_users(owner)?
        };
        Ok(Self {
            owner,
            storage: Identity::of(&storage.found),
            main: Identity::of(&way.main().found),
            warnings,
        })
    }
}

/// The parts of the way to a storage, and from there to its main folder.
struct Way {
    to_storage: Vec<Part>,
    to_main: Vec<Part>,
}

impl Way {
    fn to(dir: &Path, main: &str) -> Result<Self, NotJudged> {
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        let mut walk = Walk::to(&dir);
        let to_storage = take_parts(&mut walk, None)?;
        walk.go_on_to(main);
        let to_main = take_parts(&mut walk, to_storage.last())?;
        if to_storage.is_empty() || to_main.is_empty() {
            return Err(NotJudged::Absent);
        }
        Ok(Self { to_storage, to_main })
    }

    fn storage(&self) -> &Part {
        &self.to_storage[self.to_storage.len() - 1]
    }

    /// The entry of the main folder in the storage directory: the folder, or a link to it.
    fn entry(&self) -> &Part {
        &self.to_main[0]
    }

    fn main(&self) -> &Part {
        &self.to_main[self.to_main.len() - 1]
    }

    /// A storage is root's only if nobody else can exchange its main folder.
    fn check_roots(&self) -> Result<(), Reason> {
        let above_main = &self.to_main[..self.to_main.len() - 1];
        trust::check_parts(self.to_storage.iter().chain(above_main), &[0]).map_err(|reason| {
            let entry = text::path(&self.entry().path);
            let what = format!(
                "{entry} belongs to root, but others could have put it there: {}",
                reason.text()
            );
            Reason::new(what).hint(cure_of_roots(&reason))
        })
    }

    /// A storage is a user's only if that user or root made it one. Returns what others could do
    /// with folders above it.
    fn check_users(&self, owner: u32) -> Result<Vec<Reason>, Reason> {
        let (storage, entry) = (self.storage(), self.entry());
        let (entry_user, storage_user) = (entry.found.uid(), storage.found.uid());
        if entry_user != owner && entry_user != 0 {
            return Err(link_of_another(entry, owner));
        }
        if storage_user != owner && storage_user != 0 {
            return Err(storage_of_another(storage, entry, owner));
        }
        if storage_user == 0 {
            trust::check(storage, &[0, owner]).map_err(|reason| {
                let (entry, why) = (text::path(&entry.path), reason.text().to_owned());
                reason.with_text(format!(
                    "whose storage this is cannot be told: {why}, who could exchange {entry}"
                ))
            })?;
        }
        let above = self.to_storage.iter().rev().skip(1);
        let warnings = above.filter_map(|part| trust::check(part, &[0, owner]).err());
        Ok(warnings.map(could_be_exchanged).collect())
    }
}

fn take_parts(walk: &mut Walk, above: Option<&Part>) -> Result<Vec<Part>, NotJudged> {
    let mut parts: Vec<Part> = Vec::new();
    for part in walk {
        match part {
            Ok(part) => parts.push(part),
            Err(blocked) if blocked.error.kind() == io::ErrorKind::PermissionDenied => {
                let folder = parts.iter().rev().find(|part| part.found.is_dir()).or(above);
                let owner = folder.map_or(0, |folder| folder.found.uid());
                return Err(NotJudged::Closed(owner, blocked));
            }
            Err(_) => return Err(NotJudged::Absent),
        }
    }
    Ok(parts)
}

/// Does not suggest to give the main folder away: that may be why somebody put it there.
fn cure_of_roots(reason: &Reason) -> String {
    let cure = reason.hints().first().cloned().unwrap_or_default();
    format!(
        "if this is really a storage of root's: {cure}; otherwise find out who put that folder there, and remove it"
    )
}

fn could_be_exchanged(reason: Reason) -> Reason {
    let what = format!("{}: the storage in it could be exchanged", reason.text());
    reason.with_text(what)
}

fn link_of_another(entry: &Part, owner: u32) -> Reason {
    let (shown, owner) = (text::path(&entry.path), user_name(owner));
    let link = user_name(entry.found.uid());
    Reason::new(format!("{shown} is a link of {link} to a folder of {owner}"))
        .hint("remove the link unless you know why it is there; a link must belong to root or to the owner of the folder it leads to (chown -h)")
}

fn storage_of_another(storage: &Part, entry: &Part, owner: u32) -> Reason {
    let (shown, main) = (text::path(&storage.path), text::path(&entry.path));
    let user = storage.found.uid();
    let what = format!(
        "{shown} belongs to {}, but {main} to {}: whose storage this is cannot be told",
        user_name(user),
        user_name(owner)
    );
    Reason::new(what).hint(format!(
        "if it is a storage of {}: chown -h {} {}",
        user_name(owner),
        user_and_group(owner),
        quoted(&storage.path)
    ))
}

/// Says whether this is the root of a user namespace that has one user only, so that there is no
/// other whose privileges could be taken.
pub(super) fn is_only_user() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let counts = map.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok());
    counts.sum::<u64>() == 1
}

impl From<Reason> for NotJudged {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason)
    }
}

/// Where the storage's folder cannot be looked into.
pub(super) fn closed(dir: &Path, blocked: &Blocked) -> Reason {
    let dir = text::path(PathBuf::from(dir));
    let (at, error) = (text::path(&blocked.path), text::error(&blocked.error));
    Reason::new(format!("{dir} cannot be opened: {at}: {error}"))
}
