//! Which files the program writes, and which it never touches.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use dsnap_testkit::tree::Tree;

use super::support::{Running, assert_refused, make_in, testkit};

#[test]
fn a_storage_that_the_testkit_did_not_make_is_refused_and_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ds");
    assert_eq!(testkit(&["make", dir.to_str().unwrap()]).status.code(), Some(0));
    // Without the marker, the storage could be anybody's.
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
    assert_eq!(testkit(&["ctl", storage, "crash"]).status.code(), Some(69), "no site runs");
    assert_eq!(before.difference(&Tree::of(&dir).unwrap()), None);
}

#[test]
fn a_storage_with_links_is_refused_and_nothing_is_changed() {
    for name in ["A", "B", "journal", "misc", "config", "misc/snapshot", "misc/dsnap-testkit"] {
        let folder = tempfile::tempdir().unwrap();
        let dir = make_in(folder.path());
        let foreign = folder.path().join("foreign");
        if name == "misc/snapshot" {
            fs::write(dir.join(name), "packing").unwrap();
        }
        fs::rename(dir.join(name), &foreign).unwrap();
        symlink(&foreign, dir.join(name)).unwrap();
        assert_refused(folder.path(), &dir, "nothing was changed");
    }
}

#[test]
fn a_storage_with_a_malformed_marker_is_refused_before_anything_is_moved() {
    let folder = tempfile::tempdir().unwrap();
    let dir = make_in(folder.path());
    fs::write(dir.join("misc/dsnap-testkit"), "mine").unwrap();
    assert_refused(folder.path(), &dir, "misc/dsnap-testkit: ");
}

#[test]
fn the_conf_of_a_kept_storage_is_updated_unless_a_user_wrote_it() {
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
fn writing_the_ready_file_changes_no_other_file() {
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
fn a_storage_may_have_a_name_that_is_not_utf8() {
    let folder = tempfile::tempdir().unwrap();
    let (site, line) = Running::on(&folder.path().join(OsStr::from_bytes(b"ds-\xff")), &[]);
    assert!(line["storage"].as_str().unwrap().ends_with("ds-\u{fffd}"), "{line}");
    assert_eq!(site.stop(), Some(0));
}
