//! What was found at the last places below a folder. The next files often go to the same places.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use dsnap_engine::limits::MAX_RECENT_FOLDERS;
use dsnap_engine::system::folder::Folder;

/// Findings by place below one folder. A look below another folder forgets them.
#[derive(Debug)]
pub(crate) struct Recent<T> {
    root: PathBuf,
    found: HashMap<OsString, T>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { root: PathBuf::new(), found: HashMap::new() }
    }
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
            *self = Self { root: root.path().to_owned(), found: HashMap::new() };
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
        if self.found.len() >= MAX_RECENT_FOLDERS {
            self.found.clear();
        }
        self.found.insert(place.to_owned(), found);
    }
}
