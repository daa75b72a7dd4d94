//! What was found at the last places below a folder. The next files often go to the same places.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use dsnap_engine::limits::{MAX_RECENT_FOLDERS, MAX_WORKERS};
use dsnap_engine::system::folder::Folder;
use nix::sys::resource::{Resource, getrlimit};

/// Findings by place below one folder. A look below another folder forgets them.
#[derive(Debug)]
pub(crate) struct Recent<T> {
    root: PathBuf,
    found: HashMap<OsString, T>,
    /// How many findings are kept.
    most: usize,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { root: PathBuf::new(), found: HashMap::new(), most: most(descriptors()) }
    }
}

/// Returns how many findings are kept if this process may have so many descriptors. Each thread may keep
/// as many, and a quarter of the descriptors at most is for all of them.
fn most(descriptors: u64) -> usize {
    let all = usize::try_from(descriptors / 4).unwrap_or(usize::MAX);
    (all / MAX_WORKERS).clamp(1, MAX_RECENT_FOLDERS)
}

/// Returns how many descriptors this process may have.
fn descriptors() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft)
}

impl<T: Clone> Recent<T> {
    /// Returns the finding at a place, or calls `look` to find it. `look` may use the other findings.
    ///
    /// # Errors
    ///
    /// Those of `look`; nothing is kept then.
    pub(crate) fn get<E>(
        &mut self,
        root: &Folder,
        place: &Path,
        look: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        if self.root != root.path() {
            self.found.clear();
            self.root = root.path().to_owned();
        }
        if let Some(found) = self.found.get(place.as_os_str()) {
            return Ok(found.clone());
        }
        let found = look(self)?;
        self.keep(place.as_os_str(), found.clone());
        Ok(found)
    }

    /// Each finding may hold a descriptor, so only some are kept. Findings that are often needed are soon
    /// found again.
    fn keep(&mut self, place: &OsStr, found: T) {
        if self.found.len() >= self.most {
            self.found.clear();
        }
        self.found.insert(place.to_owned(), found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_threads_together_keep_at_most_a_quarter_of_the_descriptors_that_this_process_may_have() {
        assert_eq!(most(64) * MAX_WORKERS, 16);
        assert_eq!(most(1024) * MAX_WORKERS, 256);
        assert_eq!(most(u64::MAX), MAX_RECENT_FOLDERS);
        assert_eq!(most(2), 1);
    }
}
