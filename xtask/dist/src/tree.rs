//! The files that people get, whichever way they install: one list for tarballs and packages.
//!
//! Places are written without `/usr` or another prefix in front, such as `bin/dsnap`.

mod template;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use xtask_base::workspace;

use crate::Dist;
use crate::programs::{Linkage, PROGRAMS};

/// The mode of programs and scripts.
pub(crate) const EXECUTABLE: u32 = 0o755;
/// The mode of all other files.
pub(crate) const READABLE: u32 = 0o644;

/// The folders with completions, and where each shell looks for them.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions"),
    ("fish", "share/fish/vendor_completions.d"),
    ("zsh", "share/zsh/site-functions"),
];

/// Files to install, by their places.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, File>,
}

/// The content of a file and its mode.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    pub(crate) mode: u32,
}

impl Tree {
    /// Collects the programs and everything around them.
    ///
    /// # Errors
    ///
    /// An earlier part was not made.
    pub(crate) fn of(dist: &Dist, linkage: Linkage) -> Result<Self> {
        let mut tree = Self::default();
        for program in PROGRAMS {
            tree.copy(format!("bin/{program}"), &linkage.folder(dist).join(program), EXECUTABLE)?;
        }
        tree.add_manual(dist)?;
        tree.add_documents()?;
        tree.add_bill_of_materials(dist)?;
        tree.add_interface()?;
        Ok(tree)
    }

    /// Adds a file; a place that is taken is an error.
    pub(crate) fn add(
        &mut self,
        place: impl Into<String>,
        bytes: Vec<u8>,
        mode: u32,
    ) -> Result<()> {
        let place = place.into();
        match self.files.insert(place.clone(), File { bytes, mode }) {
            None => Ok(()),
            Some(_) => bail!("two files for {place}"),
        }
    }

    /// Moves and changes files: `change` gets each file and its place, and returns both as they should be.
    pub(crate) fn map(
        self,
        change: impl Fn(String, File) -> Result<Option<(String, File)>>,
    ) -> Result<Self> {
        let files = self.files.into_iter().map(|(place, file)| change(place, file));
        let files: Vec<_> = files.collect::<Result<_>>()?;
        Ok(Self { files: files.into_iter().flatten().collect() })
    }

    /// Returns all files, sorted by place.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().map(|(place, file)| (place.as_str(), file))
    }

    fn copy(&mut self, place: impl Into<String>, source: &Path, mode: u32) -> Result<()> {
        let bytes =
            fs::read(source).with_context(|| format!("cannot read {}", source.display()))?;
        self.add(place, bytes, mode)
    }

    /// Adds all files below a folder. Scripts stay executable.
    fn copy_folder(&mut self, place: &str, folder: &Path) -> Result<()> {
        let entries =
            fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let place = format!("{place}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.copy_folder(&place, &entry.path())?;
            } else {
                let mode = if place.ends_with(".sh") { EXECUTABLE } else { READABLE };
                self.copy(place, &entry.path(), mode)?;
            }
        }
        Ok(())
    }

    /// Adds man pages and completions, which the part `manual` has made.
    fn add_manual(&mut self, dist: &Dist) -> Result<()> {
        self.copy_folder("share/man", &dist.out.join("man"))?;
        for (shell, place) in COMPLETIONS {
            self.copy_folder(place, &dist.out.join("completions").join(shell))?;
        }
        Ok(())
    }

    /// Adds README, changelog, docs with their examples, and the licenses.
    fn add_documents(&mut self) -> Result<()> {
        let root = workspace::root();
        for name in ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "SECURITY.md"] {
            self.copy(format!("share/doc/dsnap/{name}"), &root.join(name), READABLE)?;
        }
        self.copy_folder("share/doc/dsnap/docs", &root.join("docs"))
    }

    fn add_bill_of_materials(&mut self, dist: &Dist) -> Result<()> {
        for name in [crate::sbom::BILL, crate::sbom::LICENSES] {
            self.copy(format!("share/doc/dsnap/{name}"), &dist.out.join(name), READABLE)?;
        }
        Ok(())
    }

    /// Adds what authors of loadable methods need.
    fn add_interface(&mut self) -> Result<()> {
        let root = workspace::root();
        self.copy("include/dsnap.h", &root.join("crates/core/include/dsnap.h"), READABLE)?;
        let pc = include_str!("../packaging/dsnap.pc").replace("@VERSION@", crate::VERSION);
        self.add("share/pkgconfig/dsnap.pc", pc.into_bytes(), READABLE)?;
        let guide = include_str!("../packaging/interface.md");
        self.add("share/dsnap/README.md", guide.into(), READABLE)?;
        for (place, text) in template::sources(&root)? {
            self.add(format!("share/dsnap/{place}"), text, READABLE)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_files_cannot_have_one_place() {
        let mut tree = Tree::default();
        tree.add("bin/dsnap", Vec::new(), EXECUTABLE).unwrap();
        assert!(tree.add("bin/dsnap", Vec::new(), EXECUTABLE).is_err());
    }
}
