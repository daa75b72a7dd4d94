//! The tarballs: the programs and everything around them, to unpack into any folder.

use std::fs::File;
use std::io::Write;

use anyhow::{Context, Result};
use tar::{Builder, EntryType, Header};
use xtask_base::process::Program;

use crate::programs::Linkage;
use crate::tree::{EXECUTABLE, Tree};
use crate::{Dist, VERSION};

/// Returns the name of a tarball without its suffix, which is also the name of the folder in it.
pub(crate) fn name(linkage: Linkage) -> String {
    let kind = match linkage {
        Linkage::Glibc => "gnu",
        Linkage::Static => "static",
    };
    format!("dsnap-{VERSION}-x86_64-linux-{kind}")
}

/// Writes a tarball for each way to link the programs.
pub(crate) fn make(dist: &Dist) -> Result<()> {
    for linkage in Linkage::ALL {
        let name = name(linkage);
        let path = dist.out.join(format!("{name}.tar"));
        let file =
            File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        write(file, &name, &Tree::of(dist, linkage)?, dist.commit.epoch)?;
        // Without a name and a date, the compressed file depends on the content only. gzip is much faster
        // than a library that is compiled without optimisation.
        Program::new("gzip").args(["-9", "--no-name", "--force"]).arg(&path).quiet()?;
    }
    Ok(())
}

/// Writes the files below a folder named `top`, with owner root and one date.
fn write(out: impl Write, top: &str, tree: &Tree, epoch: u64) -> Result<()> {
    let mut archive = Builder::new(out);
    let mut folder = String::new();
    for (place, file) in tree.files() {
        for parent in new_folders(&format!("{top}/{place}"), &mut folder) {
            append(&mut archive, header(EntryType::Directory, EXECUTABLE, epoch), &parent, &[])?;
        }
        let header = header(EntryType::Regular, file.mode, epoch);
        append(&mut archive, header, &format!("{top}/{place}"), &file.bytes)?;
    }
    archive.into_inner()?.flush()?;
    Ok(())
}

/// Lists the folders of `path` that `last`, the folder of the file before, does not contain.
fn new_folders(path: &str, last: &mut String) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let ends = folder.match_indices('/').map(|(end, _)| end).chain([folder.len()]);
    let parents = ends.map(|end| format!("{}/", &folder[..end]));
    let new = parents.filter(|parent| !last.starts_with(parent.as_str())).collect();
    *last = format!("{folder}/");
    new
}

fn header(kind: EntryType, mode: u32, epoch: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(epoch);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn append(
    archive: &mut Builder<impl Write>,
    mut header: Header,
    path: &str,
    bytes: &[u8],
) -> Result<()> {
    header.set_size(bytes.len() as u64);
    archive.append_data(&mut header, path, bytes).with_context(|| format!("cannot pack {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::READABLE;

    fn packed(places: &[&str]) -> Vec<u8> {
        let mut tree = Tree::default();
        for place in places {
            tree.add(*place, place.as_bytes().to_vec(), READABLE).unwrap();
        }
        let mut bytes = Vec::new();
        write(&mut bytes, "top", &tree, 1_000_000_000).unwrap();
        bytes
    }

    #[test]
    fn a_tarball_depends_only_on_its_files() {
        let names = ["bin/a", "share/doc/x", "share/man/y"];
        let reversed: Vec<_> = names.iter().rev().copied().collect();
        assert_eq!(packed(&names), packed(&reversed));
        assert_ne!(packed(&names), packed(&names[1..]));
    }

    #[test]
    fn every_folder_stands_once_before_its_files() {
        let bytes = packed(&["bin/a", "bin/b", "share/doc/x", "share/man/y"]);
        let mut archive = tar::Archive::new(bytes.as_slice());
        let paths = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            assert_eq!(
                (entry.header().uid().unwrap(), entry.header().mtime().unwrap()),
                (0, 1_000_000_000)
            );
            entry.path().unwrap().display().to_string()
        });
        let expected = "top/ top/bin/ top/bin/a top/bin/b top/share/ top/share/doc/ top/share/doc/x top/share/man/ top/share/man/y";
        assert_eq!(paths.collect::<Vec<_>>().join(" "), expected);
    }
}
