//! Where libraries are looked for, and which of them are trusted.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dsnap_core::{Reason, text};
use dsnap_engine::system::{access, reading, trust};

/// The folders, in order.
#[derive(Debug, Default)]
pub(crate) struct Search {
    folders: Vec<PathBuf>,
}

impl Search {
    pub(crate) fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders }
    }

    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// The file for a method's name: the first there is.
    pub(crate) fn find(&self, name: &str) -> Option<PathBuf> {
        let files = self.folders.iter().map(|folder| folder.join(file_name(name)));
        // One that is not to be used is refused, not passed over: it may be the one that is meant.
        // And so is one that cannot be looked at.
        let absent = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
        files.into_iter().find(|file| {
            file.symlink_metadata().map_or_else(|error| !absent.contains(&error.kind()), |_| true)
        })
    }

    /// Every file in the folders that has the name of a library of ours: the method's name, and
    /// the file. Of several with one name the first is used, so only that one is listed.
    pub(crate) fn list(&self) -> Vec<(String, PathBuf)> {
        let mut found: Vec<(String, PathBuf)> = Vec::new();
        for folder in &self.folders {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let mut here: Vec<_> = entries
                .filter_map(|entry| Some((method_name(entry.file_name().to_str()?)?, entry.path())))
                .filter(|(name, _)| !found.iter().any(|(known, _)| known == name))
                .collect();
            here.sort();
            found.extend(here);
        }
        found
    }
}

fn file_name(method: &str) -> String {
    format!("libdsnap_{method}.so")
}

fn method_name(file: &str) -> Option<String> {
    Some(file.strip_prefix("libdsnap_")?.strip_suffix(".so")?.to_owned())
}

/// Opens a file that nobody but root and the effective user can change.
///
/// # Errors
///
/// Somebody else can, or it cannot be opened, or it was exchanged meanwhile.
pub(crate) fn open_trusted(path: &Path) -> Result<File, Reason> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let failed = |error: io::Error| access::cannot_read(&path, &error);
    // Opened first: what is checked below is what stands behind this descriptor.
    let file = reading::open(&path).map_err(failed)?;
    let checked = trust::check_writable_only_by(&path, rustix::process::geteuid().as_raw())?;
    let opened = file.metadata().map_err(failed)?;
    if (opened.dev(), opened.ino()) == (checked.dev(), checked.ino()) {
        return Ok(file);
    }
    Err(Reason::new(format!("{} was exchanged while it was looked at", text::path(&path)))
        .hint("run again; if it is a deployment that does so, let it finish first"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_first_folder_that_has_a_file_counts() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(two.path().join("libdsnap_lvm.so"), "").unwrap();
        let search = Search::new(vec![one.path().into(), two.path().into()]);
        assert_eq!(search.find("lvm"), Some(two.path().join("libdsnap_lvm.so")));
        fs::write(one.path().join("libdsnap_lvm.so"), "").unwrap();
        assert_eq!(search.find("lvm"), Some(one.path().join("libdsnap_lvm.so")));
        assert_eq!(search.find("zfs"), None);
        assert_eq!(search.list(), [("lvm".to_owned(), one.path().join("libdsnap_lvm.so"))]);
    }

    #[test]
    fn what_was_opened_stays_what_it_was_whatever_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let (good, bad) = (folder.path().join("good"), folder.path().join("bad"));
        for (file, mode) in [(&good, 0o644), (&bad, 0o666)] {
            fs::write(file, "").unwrap();
            fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
        }
        let file = open_trusted(&good).unwrap();
        fs::rename(&bad, &good).unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o644);
        let refusal = open_trusted(&good).unwrap_err();
        assert_eq!(refusal.hints(), [format!("chmod go-w {}", good.display())]);
    }

    #[test]
    fn other_files_are_no_libraries_of_ours() {
        for name in ["libfoo.so", "dsnap_x.so", "libdsnap_x.so.1", "README"] {
            assert_eq!(method_name(name), None, "{name}");
        }
    }

    #[test]
    fn what_was_checked_is_what_is_opened_even_if_somebody_exchanges_it() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, mode) in [("good", 0o644), ("bad", 0o666)] {
            fs::write(path(name), name).unwrap();
            fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        symlink("good", path("link")).unwrap();
        let good = fs::metadata(path("good")).unwrap().ino();
        let (mut opened, mut refused) = (0, 0);
        std::thread::scope(|scope| {
            let (done, exchanges) = std::sync::mpsc::channel::<()>();
            let path = &path;
            scope.spawn(move || {
                for target in ["bad", "good"].into_iter().cycle() {
                    symlink(target, path("next")).unwrap();
                    fs::rename(path("next"), path("link")).unwrap();
                    if exchanges
                        .try_recv()
                        .is_err_and(|it| it == std::sync::mpsc::TryRecvError::Disconnected)
                    {
                        return;
                    }
                }
            });
            // Until both were seen often.
            while opened < 100 || refused < 100 {
                match open_trusted(&path("link")) {
                    Ok(file) => {
                        assert_eq!(file.metadata().unwrap().ino(), good);
                        opened += 1;
                    }
                    Err(_) => refused += 1,
                }
            }
            drop(done);
        });
    }
}
