//! The program under test, and sites that it runs.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use dsnap_core::Code;
use dsnap_core::method::{Caller, Entered, Message, Request, SnapshotMethod};
use dsnap_direct::Direct;
use dsnap_testkit::tree::Tree;

pub(crate) const TESTKIT: &str = env!("CARGO_BIN_EXE_dsnap-testkit");
/// How long a scenario waits for anything at most.
const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs the program to its end.
pub(crate) fn testkit(args: &[&str]) -> Output {
    Command::new(TESTKIT).args(args).output().unwrap()
}

/// Waits until a condition holds, and fails after a minute.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + WAIT_TIMEOUT;
    while !condition() {
        assert!(Instant::now() < end, "after a minute still not: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A running `dsnap-testkit site`. Dropping it kills the process.
pub(crate) struct Running(Child);

impl Running {
    /// Starts a site on a directory, and waits for its ready line.
    pub(crate) fn on(dir: &Path, more: &[&str]) -> (Self, serde_json::Value) {
        let mut command = Command::new(TESTKIT);
        command.args(["site", "--storage"]).arg(dir).args(more).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (Self(child), serde_json::from_str(&line).unwrap())
    }

    /// Stops the site by a signal; returns its exit status.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        self.0.wait().unwrap().code()
    }
}

/// Sends an order; returns the exit status and both streams.
pub(crate) fn ctl(dir: &Path, words: &[&str]) -> (Option<i32>, String) {
    let done = testkit(&[&["ctl", dir.to_str().unwrap()], words].concat());
    (done.status.code(), String::from_utf8([done.stdout, done.stderr].concat()).unwrap())
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A site with orders for it, and a folder for copies.
pub(crate) struct Scene {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) dir: PathBuf,
    _site: Running,
}

impl Scene {
    pub(crate) fn new(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("ds");
        let (site, _) = Running::on(&dir, more);
        Self { folder, dir, _site: site }
    }

    /// Starts a site on which nothing happens without an order.
    pub(crate) fn quiet() -> Self {
        Self::new(&["--commits-per-second", "0"])
    }

    /// Sends orders, which must succeed without output.
    pub(crate) fn ctl(&self, orders: &[&str]) {
        for order in orders {
            let words: Vec<_> = order.split(' ').collect();
            assert_eq!(ctl(&self.dir, &words), (Some(0), String::new()), "{order}");
        }
    }

    /// Leaves a snapshot, and waits until the server has recombined.
    pub(crate) fn leave(&self, code: &str) {
        self.ctl(&[&format!("leave {code}")]);
        let free = (Some(0), "in no snapshot\n".to_owned());
        wait_until("the site is in no snapshot", || ctl(&self.dir, &["status"]) == free);
    }

    /// Copies `A/` to a folder of that name.
    pub(crate) fn copy(&self, name: &str) -> PathBuf {
        let to = self.folder.path().join(name);
        let mut cp = Command::new("cp");
        assert!(cp.arg("-a").arg(self.dir.join("A")).arg(&to).status().unwrap().success());
        to
    }

    /// Verifies a copy; returns the exit status and both streams.
    pub(crate) fn verify(&self, copy: &Path) -> (Option<i32>, String) {
        let (copy, dir) = (copy.to_str().unwrap(), self.dir.to_str().unwrap());
        let done = testkit(&["verify", copy, "--site", dir]);
        (done.status.code(), String::from_utf8([done.stdout, done.stderr].concat()).unwrap())
    }

    #[track_caller]
    pub(crate) fn assert_good(&self, copy: &Path, count: usize) {
        let (status, said) = self.verify(copy);
        assert_eq!(status, Some(0), "{said}");
        let exactly = format!("the copy holds exactly the {count} committed transactions\n");
        assert!(said.starts_with(&exactly), "{said}");
    }

    #[track_caller]
    pub(crate) fn assert_bad(&self, copy: &Path, count: usize) {
        let (status, said) = self.verify(copy);
        assert_eq!(status, Some(1), "{said}");
        let exactly = format!("the copy does not hold exactly the {count} committed transactions");
        assert!(said.starts_with(&exactly), "{said}");
    }
}

/// Recovers a storage with the method `direct`.
pub(crate) fn roll_forward(dir: &Path) -> Entered {
    struct Silent;
    impl Caller for Silent {
        fn say(&self, _message: Message<'_>) {}

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
        leave_time: std::time::Duration::from_secs(15),
        snapshot_seen: false,
        caller: &Silent,
    };
    Direct.enter(&request)
}

/// Makes a storage in a folder.
pub(crate) fn make_in(folder: &Path) -> PathBuf {
    let dir = folder.join("ds");
    assert_eq!(testkit(&["make", dir.to_str().unwrap()]).status.code(), Some(0));
    dir
}

#[track_caller]
pub(crate) fn assert_refused(folder: &Path, dir: &Path, text: &str) {
    let before = Tree::of(folder).unwrap();
    let storage = dir.to_str().unwrap();
    for args in [&["site", "--storage", storage][..], &["run", "--storage", storage, "--", "true"]]
    {
        let refused = testkit(args);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains(text), "{said}");
    }
    assert_eq!(before.difference(&Tree::of(folder).unwrap()), None);
}

/// Asserts that `run` reports the snapshot that a script leaves behind.
#[track_caller]
pub(crate) fn assert_reported(options: &[&str], script: &str, held: &str) {
    let script = script.replace("ctl ", &format!("{TESTKIT} ctl \"$DSNAP_TESTKIT_STORAGE\" "));
    let ran = testkit(&[&["run"], options, &["--", "sh", "-c", &script]].concat());
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(said.ends_with(&format!("is still in the snapshot {held}\n")), "{said}");
}

/// Starts `run` with a script that prints a line and ends when its stdin does; returns that line,
/// too.
pub(crate) fn begin_run(options: &[&str], script: &str) -> (Child, BufReader<ChildStdout>, String) {
    begin_run_in(None, options, script)
}

/// The same, with another folder for temporary files.
pub(crate) fn begin_run_in(
    temporary: Option<&Path>,
    options: &[&str],
    script: &str,
) -> (Child, BufReader<ChildStdout>, String) {
    let mut command = Command::new(TESTKIT);
    command.envs(temporary.map(|folder| ("TMPDIR", folder)));
    command.arg("run").args(options).args(["--", "sh", "-c", script]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    (child, out, line.trim_end().to_owned())
}
