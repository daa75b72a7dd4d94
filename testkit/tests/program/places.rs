//! Where the program writes, and where it does not.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use dsnap_testkit::tree::Tree;

use super::{Running, testkit};

#[test]
fn a_storage_that_the_testkit_did_not_make_is_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ds");
    assert_eq!(testkit(&["make", dir.to_str().unwrap()]).status.code(), Some(0));
    // As far as anybody can tell, it is somebody's own now.
    fs::remove_file(dir.join("misc/dsnap-testkit")).unwrap();
    let before = Tree::of(&dir).unwrap();
    let storage = dir.to_str().unwrap();
    for args in [
        &["site", "--storage", storage][..],
        &["run", "--storage", storage, "--", "true"],
        &["make", storage],
        &["verify", storage, "--site", storage],
    ] {
        let refused = testkit(args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}: {refused:?}");
    }
    assert_eq!(testkit(&["ctl", storage, "crash"]).status.code(), Some(69), "nobody runs it");
    assert_eq!(before.difference(&Tree::of(&dir).unwrap()), None);
}

/// A storage that `make` made in a folder.
fn made(folder: &Path) -> std::path::PathBuf {
    let dir = folder.join("ds");
    assert_eq!(testkit(&["make", dir.to_str().unwrap()]).status.code(), Some(0));
    dir
}

#[track_caller]
fn is_refused(folder: &Path, dir: &Path, words: &str) {
    let before = Tree::of(folder).unwrap();
    let storage = dir.to_str().unwrap();
    for args in [&["site", "--storage", storage][..], &["run", "--storage", storage, "--", "true"]]
    {
        let refused = testkit(args);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(before.difference(&Tree::of(folder).unwrap()), None);
}

#[test]
fn a_storage_that_leads_into_another_one_is_refused_and_neither_is_touched() {
    for name in ["A", "B", "journal", "misc", "config", "misc/snapshot", "misc/dsnap-testkit"] {
        let folder = tempfile::tempdir().unwrap();
        let dir = made(folder.path());
        let foreign = folder.path().join("foreign");
        if name == "misc/snapshot" {
            fs::write(dir.join(name), "packing").unwrap();
        }
        fs::rename(dir.join(name), &foreign).unwrap();
        symlink(&foreign, dir.join(name)).unwrap();
        is_refused(folder.path(), &dir, "nothing was changed");
    }
}

#[test]
fn a_storage_whose_marker_says_nothing_is_refused_before_anything_is_moved() {
    let folder = tempfile::tempdir().unwrap();
    let dir = made(folder.path());
    fs::write(dir.join("misc/dsnap-testkit"), "mine").unwrap();
    is_refused(folder.path(), &dir, "misc/dsnap-testkit: ");
}

#[test]
fn the_conf_of_a_kept_storage_follows_its_zopes_unless_it_is_somebodys_own() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ds");
    let storage = dir.to_str().unwrap();
    let script =
        "echo http $DSNAP_TESTKIT_URL access; cat $DSNAP_TESTKIT_STORAGE/config/snapshot.conf";
    let conf = || {
        let ran = testkit(&["run", "--storage", storage, "--", "sh", "-c", script]);
        let said = String::from_utf8(ran.stdout).unwrap();
        let (expected, conf) = said.split_once('\n').unwrap();
        (format!("{expected}\n"), conf.to_owned())
    };
    for _ in 0..3 {
        let (expected, conf) = conf();
        assert_eq!(conf, expected);
    }
    fs::write(dir.join("config/snapshot.conf"), "nodirect\n").unwrap();
    assert_eq!(conf().1, "nodirect\n");
    assert_eq!(conf().1, "nodirect\n");
}

#[test]
fn a_ready_file_takes_no_other_file_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (ready, other) = (folder.path().join("r.json"), folder.path().join("r.unfinished"));
    fs::write(&other, "mine").unwrap();
    let more = ["--ready-file", ready.to_str().unwrap()];
    let (site, line) = Running::on(&folder.path().join("ds"), &more);
    assert_eq!(fs::read_to_string(&ready).unwrap(), format!("{line}\n"));
    assert_eq!(fs::read_to_string(&other).unwrap(), "mine");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    assert_eq!(site.stop(), Some(0));
}

#[test]
fn a_storage_may_have_a_name_that_is_no_text() {
    let folder = tempfile::tempdir().unwrap();
    let (site, line) = Running::on(&folder.path().join(OsStr::from_bytes(b"ds-\xff")), &[]);
    assert!(line["storage"].as_str().unwrap().ends_with("ds-\u{fffd}"), "{line}");
    assert_eq!(site.stop(), Some(0));
}
