//! Makes the trees of packages from that of tarballs: distributions have rules for places and compression.

use std::io::Write;

use anyhow::Result;
use flate2::{Compression, GzBuilder};

use crate::tree::{File, READABLE, Tree};

/// Where Debian's zsh looks, and where tarballs and rpms have the same files.
const ZSH_OF_DEBIAN: &str = "share/zsh/vendor-completions/";
const ZSH: &str = "share/zsh/site-functions/";

/// Where Debian's programs look for what is new in a package.
const CHANGELOG: &str = "share/doc/dsnap/changelog.gz";

/// Makes the tree of the Debian package.
pub(super) fn debian(tree: Tree) -> Result<Tree> {
    let mut tree = for_usr(tree)?.map(|place, file| match place.as_str() {
        // The file `copyright` contains the text of MIT, and refers to Debian's copy of Apache-2.0.
        "share/doc/dsnap/LICENSE-MIT" | "share/doc/dsnap/LICENSE-APACHE" => Ok(None),
        "share/doc/dsnap/CHANGELOG.md" => Ok(Some((CHANGELOG.to_owned(), compressed(&file)?))),
        _ => Ok(Some((place.replace(ZSH, ZSH_OF_DEBIAN), file))),
    })?;
    let copyright = include_str!("../../packaging/copyright");
    tree.add("share/doc/dsnap/copyright", copyright.into(), READABLE)?;
    let overrides = include_str!("../../packaging/lintian-overrides");
    tree.add("share/lintian/overrides/dsnap", overrides.into(), READABLE)?;
    Ok(tree)
}

/// Makes the tree of the rpm.
pub(super) fn rpm(tree: Tree) -> Result<Tree> {
    for_usr(tree)
}

/// Compresses the pages, and makes the samples name the program where a package puts it.
fn for_usr(tree: Tree) -> Result<Tree> {
    tree.map(|place, mut file| {
        if place.starts_with("share/man/") {
            return Ok(Some((format!("{place}.gz"), compressed(&file)?)));
        }
        if place.starts_with("share/doc/dsnap/docs/examples/") {
            file.bytes = replace(&file.bytes, "/usr/local/bin/dsnap ", "/usr/bin/dsnap ");
        }
        Ok(Some((place, file)))
    })
}

/// Compresses a file without a name and a date, as `gzip -9n` does.
fn compressed(file: &File) -> Result<File> {
    let mut gz = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    gz.write_all(&file.bytes)?;
    Ok(File { bytes: gz.finish()?, mode: file.mode })
}

fn replace(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.replace(from, to).into_bytes(),
        Err(_) => bytes.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(tree: &Tree) -> Vec<&str> {
        tree.files().map(|(place, _)| place).collect()
    }

    #[test]
    fn a_package_has_compressed_pages_and_a_tarball_has_not() {
        let mut tree = Tree::default();
        tree.add("share/man/man1/dsnap.1", b".TH dsnap 1\n".to_vec(), READABLE).unwrap();
        assert_eq!(places(&rpm(tree).unwrap()), ["share/man/man1/dsnap.1.gz"]);
    }

    #[test]
    fn completions_are_where_zsh_of_debian_looks() {
        let mut tree = Tree::default();
        tree.add(format!("{ZSH}_dsnap"), Vec::new(), READABLE).unwrap();
        let tree = debian(tree).unwrap();
        assert!(places(&tree).contains(&"share/zsh/vendor-completions/_dsnap"));
    }

    #[test]
    fn samples_in_a_package_name_the_program_of_the_package() {
        let mut tree = Tree::default();
        let unit = b"ExecStart=/usr/local/bin/dsnap -q /usr/local/bin/dsnap-watchdog.sh".to_vec();
        tree.add("share/doc/dsnap/docs/examples/x.service", unit, READABLE).unwrap();
        let tree = rpm(tree).unwrap();
        let (_, file) = tree.files().next().unwrap();
        let expected = b"ExecStart=/usr/bin/dsnap -q /usr/local/bin/dsnap-watchdog.sh";
        assert_eq!(file.bytes, expected);
    }
}
