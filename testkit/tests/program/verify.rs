//! `verify`: which copies are good ones, after everything that can happen to the site.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dsnap_core::Code;
use dsnap_core::method::{Caller, Entered, Message, Request, SnapshotMethod};
use dsnap_direct::Direct;

use super::{Running, ctl, testkit};

/// A site on which nothing happens by itself, and a place for copies.
struct Scene {
    folder: tempfile::TempDir,
    dir: PathBuf,
    _site: Running,
}

impl Scene {
    fn new(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("ds");
        let (site, _) = Running::on(&dir, more);
        Self { folder, dir, _site: site }
    }

    fn quiet() -> Self {
        Self::new(&["--commits-per-second", "0"])
    }

    fn ctl(&self, orders: &[&str]) {
        for order in orders {
            let words: Vec<_> = order.split(' ').collect();
            assert_eq!(ctl(&self.dir, &words), (Some(0), String::new()), "{order}");
        }
    }

    /// Leaves, and waits until it may be entered again.
    fn leave(&self, code: &str) {
        self.ctl(&[&format!("leave {code}")]);
        let free = (Some(0), "in no snapshot\n".to_owned());
        while ctl(&self.dir, &["status"]) != free {
            std::thread::yield_now();
        }
    }

    fn copy(&self, name: &str) -> PathBuf {
        let to = self.folder.path().join(name);
        let mut cp = Command::new("cp");
        assert!(cp.arg("-a").arg(self.dir.join("A")).arg(&to).status().unwrap().success());
        to
    }

    fn verify(&self, copy: &Path) -> (Option<i32>, String) {
        let (copy, dir) = (copy.to_str().unwrap(), self.dir.to_str().unwrap());
        let done = testkit(&["verify", copy, "--site", dir]);
        (done.status.code(), String::from_utf8([done.stdout, done.stderr].concat()).unwrap())
    }

    #[track_caller]
    fn is_good(&self, copy: &Path, count: usize) {
        let (status, said) = self.verify(copy);
        assert_eq!(status, Some(0), "{said}");
        let exactly = format!("the copy holds exactly the {count} committed transactions\n");
        assert!(said.starts_with(&exactly), "{said}");
    }

    #[track_caller]
    fn is_bad(&self, copy: &Path, count: usize) {
        let (status, said) = self.verify(copy);
        assert_eq!(status, Some(1), "{said}");
        let exactly = format!("the copy does not hold exactly the {count} committed transactions");
        assert!(said.starts_with(&exactly), "{said}");
    }
}

#[test]
fn a_copy_of_a_stopped_site_stays_good_when_the_site_goes_on() {
    let scene = Scene::quiet();
    scene.ctl(&["commit 5", "enter x"]);
    let live = scene.copy("live");
    scene.leave("x");
    scene.ctl(&["commit 7", "stop"]);
    let stopped = scene.copy("stopped");
    scene.is_good(&stopped, 24);
    scene.is_good(&live, 17);
    scene.ctl(&["start", "commit 9"]);
    scene.is_good(&stopped, 24);
    scene.ctl(&["crash"]);
    scene.is_good(&stopped, 24);
    scene.ctl(&["start", "enter y"]);
    scene.is_bad(&stopped, 33);
    scene.is_good(&scene.copy("later"), 33);
}

#[test]
fn a_copy_of_a_snapshot_stays_good_after_a_crash_and_after_a_stop() {
    for ends in [&["crash"][..], &["stop"], &["stop", "start"], &["crash", "start"]] {
        let scene = Scene::quiet();
        scene.ctl(&["commit 5", "enter x"]);
        let live = scene.copy("live");
        scene.leave("x");
        scene.ctl(&["commit 7"]);
        scene.ctl(ends);
        scene.is_good(&live, 17);
        let said = scene.verify(&live).1;
        let named = said.ends_with("this is the last snapshot that was entered\n");
        assert_eq!(named, ends[0] == "stop", "{ends:?}: {said}");
    }
}

#[test]
fn after_a_crash_everything_must_be_in_a_copy_once_a_tool_has_closed_the_storage() {
    let scene = Scene::quiet();
    scene.ctl(&["commit 5", "enter x"]);
    let live = scene.copy("live");
    scene.leave("x");
    scene.ctl(&["commit 7", "crash"]);
    let torn = scene.copy("torn");
    scene.is_bad(&torn, 17);
    assert_eq!(roll_forward(&scene.dir), Entered::Done);
    let closed = scene.copy("closed");
    scene.is_good(&closed, 24);
    scene.is_good(&live, 17);
    scene.is_bad(&torn, 24);
    scene.ctl(&["start"]);
    scene.is_good(&closed, 24);
}

/// Closes a storage with the method `direct`.
fn roll_forward(dir: &Path) -> Entered {
    struct Nobody;
    impl Caller for Nobody {
        fn say(&self, _said: Message<'_>) {}

        fn should_stop(&self) -> bool {
            false
        }
    }
    let request = Request {
        storage: dir,
        conf_folder: dir,
        words: &[],
        code: &Code::from_bytes(b"x").unwrap(),
        time_left: None,
        caller: &Nobody,
    };
    Direct.enter(&request)
}

#[test]
fn a_pack_is_no_snapshot_of_a_tool() {
    let scene = Scene::quiet();
    scene.ctl(&["enter x"]);
    let live = scene.copy("live");
    scene.leave("x");
    scene.ctl(&["commit 7", "pack", "end-packing"]);
    scene.is_good(&live, 12);
}

#[test]
fn a_stop_in_the_midst_of_commits_covers_them_all() {
    for _ in 0..3 {
        let scene = Scene::new(&["--commits-per-second", "400"]);
        scene.ctl(&["commit 20", "stop"]);
        assert_eq!(fs::read_dir(scene.dir.join("journal")).unwrap().count(), 0);
        let (status, said) = scene.verify(&scene.copy("stopped"));
        assert_eq!(status, Some(0), "{said}");
    }
}

#[test]
fn a_wrong_copy_is_told_the_last_transaction_and_one_that_is_absent_its_path() {
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
    assert!(said.starts_with("dsnap-testkit: /no/such/copy: "), "{said}");
}
