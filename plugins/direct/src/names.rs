//! A list of many names, in little memory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Names of folders. A journal can have hundreds of thousands, and each stays until its folder is
/// removed.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// One after the other, each with a zero byte behind it.
    bytes: Vec<u8>,
    /// Where they begin.
    starts: Vec<usize>,
}

impl Names {
    /// Adds a name.
    pub(crate) fn push(&mut self, name: &OsStr) {
        self.starts.push(self.bytes.len());
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
    }

    /// Sorts the names.
    pub(crate) fn sort(&mut self) {
        let Self { bytes, starts } = self;
        starts.sort_unstable_by_key(|start| name_at(bytes, *start));
    }

    /// Tells whether the list is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Returns how many there are.
    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Returns the name with this number.
    pub(crate) fn get(&self, number: usize) -> Option<&OsStr> {
        self.starts.get(number).map(|start| OsStr::from_bytes(name_at(&self.bytes, *start)))
    }

    /// Returns all of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &OsStr> {
        (0..self.starts.len()).filter_map(|number| self.get(number))
    }
}

fn name_at(bytes: &[u8], start: usize) -> &[u8] {
    bytes[start..].split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_in_the_order_of_their_bytes() {
        let mut names = Names::default();
        assert!(names.is_empty());
        for name in ["b", "a", "ab", ""] {
            names.push(OsStr::new(name));
        }
        names.sort();
        assert_eq!(names.iter().collect::<Vec<_>>(), ["", "a", "ab", "b"]);
        assert_eq!(names.get(3), Some(OsStr::new("b")));
        assert_eq!(names.get(4), None);
    }
}
