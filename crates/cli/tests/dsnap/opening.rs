//! Files that others can change are opened without effect: a link, a terminal, a pipe or a device in
//! the place of a file is an error at once, and nothing is changed.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;

use dsnap_testkit::{Fixture, State};

use crate::support::{
    DIRECT, Dsnap, OWNER, Ran, Terminal, make_fifo, picture, root, storage, storage_of_another_user,
};

/// The files in `misc/` and `config/` that a run opens.
const OPENED: [&str; 5] =
    ["misc/lock", "misc/sublock", "misc/dsnap.lock", "misc/snapshot", "config/settings"];

/// Puts something in the place of a file, and runs.
#[track_caller]
fn with_stranger(fixture: &Fixture, name: &str, put: impl FnOnce(&Path)) -> Ran {
    let path = fixture.path().join(name);
    fs::write(fixture.path().join("config/snapshot.conf"), "").unwrap();
    let _ = fs::remove_file(&path);
    put(&path);
    let before = picture(fixture.path());
    let ran = Dsnap::on(fixture).arg("true").run();
    assert_eq!(ran.status.code(), Some(125), "{name}: {ran}");
    // Only the run's own lock may be new.
    let _ = fs::remove_file(fixture.path().join("misc/dsnap.lock"));
    let after = picture(fixture.path());
    if name != "misc/dsnap.lock" {
        assert_eq!(before.difference(&after), None, "{name}: {ran}");
    }
    ran
}

#[test]
fn a_pipe_a_folder_or_a_device_in_the_place_of_a_file_is_an_error_at_once() {
    for name in OPENED.into_iter().filter(|name| *name != "misc/snapshot") {
        let said = |put: fn(&Path)| with_stranger(&storage(State::Crashed), name, put);
        let words = "it is not a regular file";
        said(make_fifo).mentions(name).mentions(words);
        let folder = said(|path| fs::create_dir(path).unwrap());
        assert!(folder.stderr.contains(words) || folder.stderr.contains("directory"), "{folder}");
    }
}

#[test]
fn a_link_in_the_place_of_a_file_is_not_followed() {
    // A link in the place of `misc/snapshot` is no snapshot, and `direct` removes it.
    for name in OPENED.into_iter().filter(|name| *name != "misc/snapshot") {
        let ran = with_stranger(&storage(State::Crashed), name, |path| {
            let elsewhere = path.with_extension("elsewhere");
            fs::write(&elsewhere, "shutdown").unwrap();
            symlink(elsewhere, path).unwrap();
        });
        ran.mentions(name).mentions("it is a symbolic link, which dsnap does not follow here");
    }
}

#[test]
fn a_terminal_in_the_place_of_a_lock_does_not_become_ours() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Clean) else { return };
    let terminal = Terminal::new();
    chown(terminal.name(), Some(OWNER), None).unwrap();
    for name in OPENED {
        let path = fixture.path().join(name);
        let kept = fs::read(&path).unwrap_or_default();
        let _ = fs::remove_file(&path);
        symlink(terminal.name(), &path).unwrap();
        // It leads its session, and has no terminal.
        let ran = Dsnap::through(&["setsid", "--wait"])
            .storage(fixture.path())
            .sh("cut -d' ' -f7 /proc/self/stat")
            .run();
        assert!(matches!(ran.stdout.as_str(), "" | "0\n"), "{name}: {ran}");
        let _ = fs::remove_file(&path);
        if !kept.is_empty() {
            fs::write(&path, kept).unwrap();
        }
    }
}

#[test]
fn a_folder_below_a_is_never_reached_through_a_link() {
    if !root::required("keep root's privileges") {
        return;
    }
    let (fixture, elsewhere) = (storage(State::InSnapshot), crate::support::folder());
    let a = fixture.storage().a();
    for entry in fs::read_dir(&a).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        fs::rename(entry.path(), elsewhere.path().join(entry.file_name())).unwrap();
        symlink(elsewhere.path().join(entry.file_name()), entry.path()).unwrap();
    }
    let before = picture(elsewhere.path());
    let ran = Dsnap::on(&fixture).arg("true").run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    assert_eq!(before.difference(&picture(elsewhere.path())), None, "{ran}");
}

#[test]
fn an_ordinary_storage_is_opened_as_before() {
    Dsnap::on(&storage(State::Crashed)).arg("true").run().says(0, DIRECT);
}
