//! Listing a folder.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;

use rustix::fs::FileType;

use crate::system::folder::Folder;
use crate::system::open;

/// An entry of a folder, as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its name.
    pub name: OsString,
    /// Whether it is a folder; a link to one is not.
    pub is_folder: bool,
}

impl Folder {
    /// Returns the entries one by one: there may be millions, and a caller may want to stop in between.
    ///
    /// # Errors
    ///
    /// The folder may not be read.
    pub fn entries(&self) -> io::Result<impl Iterator<Item = io::Result<Listed>>> {
        let entries = rustix::fs::Dir::new(open::reopen_folder(self.as_fd())?)?;
        Ok(entries.filter_map(|entry| match entry {
            Ok(entry) => self.listed(&entry).transpose(),
            Err(error) => Some(Err(error.into())),
        }))
    }

    fn listed(&self, entry: &rustix::fs::DirEntry) -> io::Result<Option<Listed>> {
        let name = OsString::from_vec(entry.file_name().to_bytes().to_vec());
        if name == "." || name == ".." {
            return Ok(None);
        }
        let is_folder = match entry.file_type() {
            FileType::Unknown => self.look(&name)?.is_dir(),
            kind => kind == FileType::Directory,
        };
        Ok(Some(Listed { name, is_folder }))
    }
}
