//! `verify`: which copies are good after a stop, a crash, a recovery or a pack of the site.

use std::fs;
use std::path::Path;

use dsnap_core::method::Entered;

#[path = "../support/parallel.rs"]
mod parallel;

use parallel::in_parallel;

use super::support::{Scene, roll_forward};

#[test]
fn a_copy_of_a_stopped_site_stays_good_when_the_site_goes_on() {
    let scene = Scene::quiet();
    scene.ctl(&["commit 5", "enter x"]);
    let live = scene.copy("live");
    scene.leave("x");
    scene.ctl(&["commit 7", "stop"]);
    let stopped = scene.copy("stopped");
    scene.assert_good(&stopped, 24);
    scene.assert_good(&live, 17);
    scene.ctl(&["start", "commit 9"]);
    scene.assert_good(&stopped, 24);
    scene.ctl(&["crash"]);
    scene.assert_good(&stopped, 24);
    scene.ctl(&["start", "enter y"]);
    scene.assert_bad(&stopped, 33);
    scene.assert_good(&scene.copy("later"), 33);
}

#[test]
fn a_copy_of_a_snapshot_stays_good_after_a_crash_and_after_a_stop() {
    in_parallel([&["crash"][..], &["stop"], &["stop", "start"], &["crash", "start"]], |ends| {
        let scene = Scene::quiet();
        scene.ctl(&["commit 5", "enter x"]);
        let live = scene.copy("live");
        scene.leave("x");
        scene.ctl(&["commit 7"]);
        scene.ctl(ends);
        scene.assert_good(&live, 17);
        let said = scene.verify(&live).1;
        let named = said.ends_with("it is a copy of the last snapshot that was entered\n");
        assert_eq!(named, ends[0] == "stop", "{ends:?}: {said}");
    });
}

#[test]
fn after_a_crash_and_a_recovery_a_copy_must_contain_everything() {
    let scene = Scene::quiet();
    scene.ctl(&["commit 5", "enter x"]);
    let live = scene.copy("live");
    scene.leave("x");
    scene.ctl(&["commit 7", "crash"]);
    let torn = scene.copy("torn");
    scene.assert_bad(&torn, 17);
    assert_eq!(roll_forward(&scene.dir), Entered::Done);
    let closed = scene.copy("closed");
    scene.assert_good(&closed, 24);
    scene.assert_good(&live, 17);
    scene.assert_bad(&torn, 24);
    scene.ctl(&["start"]);
    scene.assert_good(&closed, 24);
}

#[test]
fn a_pack_does_not_count_as_a_snapshot() {
    let scene = Scene::quiet();
    scene.ctl(&["enter x"]);
    let live = scene.copy("live");
    scene.leave("x");
    scene.ctl(&["commit 7", "pack", "end-packing"]);
    scene.assert_good(&live, 12);
}

#[test]
fn a_stop_during_commits_saves_them_all() {
    in_parallel(0..3, |_| {
        let scene = Scene::new(&["--commits-per-second", "400"]);
        scene.ctl(&["commit 20", "stop"]);
        assert_eq!(fs::read_dir(scene.dir.join("journal")).unwrap().count(), 0);
        let (status, said) = scene.verify(&scene.copy("stopped"));
        assert_eq!(status, Some(0), "{said}");
    });
}

#[test]
fn verify_names_the_difference_of_a_wrong_copy_and_the_path_of_a_missing_one() {
    let scene = Scene::quiet();
    scene.ctl(&["stop"]);
    let copy = scene.copy("copy");
    let last = "(18 objects; the last transaction is ";
    let good = scene.verify(&copy).1;
    let last = &good[good.find(last).unwrap()..].trim_end().trim_end_matches(')');
    fs::remove_file(copy.join("x/serial")).unwrap();
    let (status, said) = scene.verify(&copy);
    assert_eq!(status, Some(1));
    assert!(said.ends_with(&format!("{last}): x/serial is missing\n")), "{said}");
    let (status, said) = scene.verify(Path::new("/no/such/copy"));
    assert_eq!(status, Some(2));
    assert!(said.starts_with("dsnap-testkit: cannot read the copy /no/such/copy: "), "{said}");
}
