//! The way to a file, step by step: each part is opened before it is judged, and the next step
//! begins at what was opened.
//!
//! So nobody can exchange a part between the look at it and its use.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FileType;
use rustix::io::Errno;

use crate::limits::MAX_SYMLINKS;
use crate::system::open;

/// What the system looks at on the way to a path, links included, the root folder first. The last
/// part is where the path leads.
#[derive(Debug)]
pub(crate) struct Walk {
    ahead: Vec<OsString>,
    /// The folders on the way to here.
    above: Vec<Part>,
    links: usize,
    begun: bool,
    /// The last step led to a folder that it did not name: a link, or `..`.
    unnamed: bool,
}

/// One part of the way: a folder, a link, or what the path leads to.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Its path, without links in it.
    pub(crate) path: PathBuf,
    /// What the system knows of it.
    pub(crate) found: Metadata,
    fd: Arc<File>,
}

/// A part of the way that cannot be passed.
#[derive(Debug)]
pub(crate) struct Blocked {
    /// The path of the part.
    pub(crate) path: PathBuf,
    /// Why.
    pub(crate) error: io::Error,
}

impl Walk {
    /// Begins the way to an absolute path.
    pub(crate) fn to(path: &Path) -> Self {
        Self { ahead: words(path), above: Vec::new(), links: 0, begun: false, unnamed: false }
    }

    /// Adds one more name behind the end of the way.
    pub(crate) fn go_on_to(&mut self, name: &str) {
        self.ahead.insert(0, name.into());
    }

    /// Takes the whole way, and returns its parts. The last one is where the path leads.
    ///
    /// # Errors
    ///
    /// A part cannot be passed.
    pub(crate) fn parts(self) -> Result<Vec<Part>, Blocked> {
        self.collect()
    }

    fn step(&mut self) -> Result<Option<Part>, Blocked> {
        if !self.begun {
            self.begun = true;
            let root = PathBuf::from("/");
            let fd =
                open::folder_at(&root).map_err(|error| Blocked { path: root.clone(), error })?;
            return self.pass(root, fd).map(Some);
        }
        while let Some(word) = self.ahead.pop() {
            if word != ".." {
                return self.enter(&word).map(Some);
            }
            if self.above.len() > 1 {
                self.above.pop();
            }
            self.unnamed = true;
        }
        // Where the way ends at such a folder, that one is the last part.
        let arrived = std::mem::take(&mut self.unnamed);
        Ok(self.above.last().filter(|_| arrived).cloned())
    }

    fn enter(&mut self, word: &OsString) -> Result<Part, Blocked> {
        let Some(here) = self.above.last() else {
            return Err(Blocked { path: word.into(), error: io::ErrorKind::NotADirectory.into() });
        };
        let path = here.path.join(word);
        match open::stand_for(here.fd.as_fd(), Path::new(word)) {
            Ok(fd) => self.pass(path, fd),
            Err(error) => Err(Blocked { path, error }),
        }
    }

    /// Takes a part that was opened. A link puts its target on the way ahead.
    fn pass(&mut self, path: PathBuf, fd: File) -> Result<Part, Blocked> {
        let blocked = |error: io::Error| Blocked { path: path.clone(), error };
        let part = Part::of(path.clone(), fd).map_err(blocked)?;
        self.unnamed = part.found.is_symlink();
        if !part.found.is_symlink() {
            self.above.push(part.clone());
            return Ok(part);
        }
        let target = rustix::fs::readlinkat(&*part.fd, c"", Vec::new());
        let target = target.map_err(|error| blocked(error.into()))?;
        let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
        self.links += 1;
        if self.links > MAX_SYMLINKS {
            return Err(blocked(Errno::LOOP.into()));
        }
        match self.of_descriptor(&part, &target) {
            Some(opened) => self.pass(path.clone(), opened.map_err(blocked)?),
            None => {
                if target.is_absolute() {
                    self.above.truncate(1);
                }
                self.ahead.extend(words(&target));
                Ok(part)
            }
        }
    }

    /// Opens what a link in /proc to a descriptor stands for, where that has no path (a pipe).
    fn of_descriptor(&self, link: &Part, target: &Path) -> Option<io::Result<File>> {
        if target.is_absolute()
            || !link.is_in_proc()
            || !target.as_os_str().to_string_lossy().contains(':')
        {
            return None;
        }
        let folder = self.above.last()?;
        let name = link.path.file_name()?;
        Some(open::stand_for_target(folder.as_fd(), Path::new(name)))
    }
}

impl Iterator for Walk {
    type Item = Result<Part, Blocked>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step().transpose();
        if matches!(step, Some(Err(_))) {
            self.ahead.clear();
        }
        step
    }
}

impl Part {
    fn of(path: PathBuf, fd: File) -> io::Result<Self> {
        Ok(Self { path, found: fd.metadata()?, fd: Arc::new(fd) })
    }

    /// Opens the part for reading.
    ///
    /// # Errors
    ///
    /// The effective user may not read it.
    pub(crate) fn open(&self) -> io::Result<File> {
        open::reopen(self.fd.as_fd())
    }

    /// Says whether this is in `/proc`. Links there lead to what the process itself has open, past
    /// the folders that a user may not pass.
    pub(crate) fn is_in_proc(&self) -> bool {
        is_in_proc(&self.fd)
    }

    /// Says whether this is a pipe that has no path.
    pub(crate) fn is_pipe(&self) -> bool {
        FileType::from_raw_mode(std::os::unix::fs::MetadataExt::mode(&self.found)) == FileType::Fifo
    }
}

impl AsFd for Part {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn is_in_proc(file: &File) -> bool {
    rustix::fs::fstatfs(file).is_ok_and(|found| found.f_type == rustix::fs::PROC_SUPER_MAGIC)
}

/// Splits a path into its names, the last one first.
fn words(path: &Path) -> Vec<OsString> {
    let names = path
        .components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    let mut words: Vec<_> = names.map(|part| part.as_os_str().to_owned()).collect();
    words.reverse();
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn paths(path: &Path) -> Vec<PathBuf> {
        Walk::to(path).parts().unwrap().into_iter().map(|part| part.path).collect()
    }

    #[test]
    fn every_folder_and_link_on_the_way_is_a_part_and_the_last_is_the_target() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir(root.join("open")).unwrap();
        fs::write(root.join("file"), "").unwrap();
        symlink("../file", root.join("open/middle")).unwrap();
        symlink(root.join("open/middle"), root.join("link")).unwrap();
        let seen = paths(&root.join("link"));
        assert_eq!(seen[0], Path::new("/"));
        let own: Vec<_> = seen.iter().filter(|path| path.starts_with(&root)).collect();
        let named = |names: &[&str]| names.iter().map(|name| root.join(name)).collect::<Vec<_>>();
        let expected = named(&["", "link", "", "open", "open/middle", "file"]);
        assert_eq!(
            own.iter().map(|path| path.components().collect::<PathBuf>()).collect::<Vec<_>>(),
            expected.iter().map(|path| path.components().collect::<PathBuf>()).collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_last_part_is_where_the_path_leads_even_if_no_name_leads_there() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        symlink("/", root.join("top")).unwrap();
        symlink(".", root.join("here")).unwrap();
        for (path, target) in
            [("top", Path::new("/")), ("here", &root), ("here/..", root.parent().unwrap())]
        {
            assert_eq!(paths(&root.join(path)).last().unwrap(), target, "{path}");
        }
    }

    #[test]
    fn a_circle_and_a_missing_part_block_the_way_where_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let circle = folder.path().join("circle");
        symlink("circle", &circle).unwrap();
        let blocked = Walk::to(&circle).parts().unwrap_err();
        assert_eq!(blocked.error.raw_os_error(), Some(Errno::LOOP.raw_os_error()));
        let absent = folder.path().join("absent");
        let blocked = Walk::to(&absent.join("below")).parts().unwrap_err();
        assert_eq!((blocked.path, blocked.error.kind()), (absent, io::ErrorKind::NotFound));
    }

    #[test]
    fn a_pipe_that_has_only_a_number_is_the_last_part() {
        let (read, _write) = std::io::pipe().unwrap();
        let path = open::descriptor_path(read.as_fd());
        let parts = Walk::to(&path).parts().unwrap();
        assert!(parts.last().unwrap().is_pipe());
        let file = folder_file();
        let path = open::descriptor_path(file.as_fd());
        assert!(!Walk::to(&path).parts().unwrap().last().unwrap().is_pipe());
    }

    fn folder_file() -> File {
        File::open(std::env::current_exe().unwrap()).unwrap()
    }
}
