//! Folders, with real files.

use super::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn opened() -> (tempfile::TempDir, Folder) {
    let folder = tempfile::tempdir().unwrap();
    let opened = Folder::open(folder.path()).unwrap();
    (folder, opened)
}

#[test]
fn an_entry_is_reached_through_the_descriptor_even_if_the_path_leads_elsewhere() {
    let (outer, _) = opened();
    let path = outer.path().join("folder");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("file"), "ours").unwrap();
    let folder = Folder::open(&path).unwrap();
    assert!(folder.is_in_place());
    fs::rename(&path, outer.path().join("moved")).unwrap();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("file"), "theirs").unwrap();
    assert_eq!(folder.read("file", 9).unwrap(), b"ours");
    assert!(!folder.is_in_place());
}

#[test]
fn only_a_regular_file_is_opened_and_a_link_is_not_followed() {
    let (path, folder) = opened();
    fs::write(path.path().join("file"), "x").unwrap();
    symlink("file", path.path().join("link")).unwrap();
    nix::unistd::mkfifo(&path.path().join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::create_dir(path.path().join("folder")).unwrap();
    assert_eq!(folder.read("file", 1).unwrap(), b"x");
    let error = |name: &str| folder.file(name).unwrap_err().to_string();
    assert_eq!(error("link"), "it is a symbolic link, which dsnap does not follow here");
    for name in ["fifo", "folder"] {
        assert_eq!(error(name), "it is not a regular file");
    }
    assert_eq!(folder.read("file", 0).unwrap_err().to_string(), "larger than 0 bytes");
}

#[test]
fn a_listing_tells_folders_from_links_to_folders() {
    let (path, folder) = opened();
    fs::create_dir(path.path().join("folder")).unwrap();
    symlink("folder", path.path().join("link")).unwrap();
    let mut listed: Vec<_> = folder.entries().unwrap().collect::<io::Result<_>>().unwrap();
    listed.sort();
    let entry = |name: &str, is_folder| Listed { name: name.into(), is_folder };
    assert_eq!(listed, [entry("folder", true), entry("link", false)]);
}

#[test]
fn a_new_folder_has_the_mode_of_the_one_it_is_in() {
    let (path, _) = opened();
    for parent in [0o2755, 0o775, 0o700] {
        let a = path.path().join(format!("A{parent:o}"));
        fs::create_dir(&a).unwrap();
        set(&a, parent);
        let folder = Folder::open(&a).unwrap();
        // More than one in each: the first is looked at more closely.
        for new in ["o0/12", "o1", "o2"] {
            folder.make_folders(new).unwrap();
        }
        for made in ["o0", "o0/12", "o1", "o2"] {
            let mode = fs::metadata(a.join(made)).unwrap().mode() & 0o7777;
            assert_eq!(mode, parent, "{made}");
        }
    }
}

#[test]
fn a_file_or_a_link_in_the_way_of_a_folder_is_an_error() {
    let (path, folder) = opened();
    fs::write(path.path().join("file"), "").unwrap();
    symlink("/tmp", path.path().join("link")).unwrap();
    for place in ["file", "file/below", "link", "link/below"] {
        assert!(folder.make_folders(place).is_err(), "{place}");
    }
}
