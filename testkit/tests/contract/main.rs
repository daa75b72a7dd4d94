//! Every method that comes along keeps its contract, whichever way it gets into the program; and
//! a script that makes a typical mistake is told which, in one sentence.
//!
//! Asked through `dsnap-testkit conformance`, as authors ask. Needs a C compiler, as `cc`.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "scenarios start the program")]

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

use tempfile::TempDir;

/// Scripts of five lines: the beginning and the end are always the same.
const STOP_AND_START: &str = r#"
enter) exec dsnap-testkit ctl "$DSNAP_STORAGE" stop;;
leave) exec dsnap-testkit ctl "$DSNAP_STORAGE" start;;"#;
const ENTER: &str = r#"
enter) ctl enter "$DSNAP_CODE";;"#;
const LEAVE: &str = r#"
leave) now=$(ctl status) || exit; [ "$now" != "user/$DSNAP_CODE" ] || ctl leave "$DSNAP_CODE";;"#;

/// A folder that nobody else can change, with what a line names.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str, mode: u32, make: impl FnOnce(&Path)) -> PathBuf {
        let path = self.0.path().join(name);
        make(&path);
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn script(&self, cases: &str) -> PathBuf {
        let ctl = r#"ctl() { dsnap-testkit ctl "$DSNAP_STORAGE" "$@"; }"#;
        let script = format!("#!/bin/sh\n{ctl}\ncase $1 in{cases}\n*) exit 64;;\nesac\n");
        self.file("script", 0o755, |path| fs::write(path, script).unwrap())
    }

    /// The library of the method `line`, from a source in C.
    fn compiled(&self, source: &str) {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        self.file("libdsnap_line.so", 0o644, |path| {
            let mut cc = Command::new("cc");
            cc.args(["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-I"]);
            cc.arg(here.join("../crates/core/include")).arg("-o").arg(path);
            let done = cc.arg(here.join("c").join(source)).output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        });
    }

    /// The library that cargo made for this test.
    fn template(&self) {
        let beside = env::current_exe().unwrap().with_file_name("libdsnap_template.so");
        self.file("libdsnap_template.so", 0o644, |path| {
            fs::copy(&beside, path).unwrap();
        });
    }

    fn conformance(&self, args: &[&str]) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_dsnap-testkit"));
        let path = env::var_os("PATH").unwrap();
        let folders = env::split_paths(&path);
        let own = program.parent().unwrap().to_owned();
        let path = env::join_paths([own].into_iter().chain(folders)).unwrap();
        let mut command = Command::new(program);
        command.arg("conformance").args(args).env("PATH", path);
        command.current_dir(self.0.path()).output().unwrap()
    }

    /// Every check, the long ones too.
    fn keeps(&self, args: &[&str]) {
        let (status, lines) = findings(&self.conformance(args));
        let broken = lines.iter().filter(|line| !line.starts_with("kept "));
        assert_eq!((status, broken.count()), (Some(0), 1), "{args:?}: {lines:#?}");
    }

    /// The one breach of a script, and how many checks could not be made for it.
    fn broken(&self, cases: &str) -> (String, usize) {
        let script = self.script(cases);
        let line = format!("exec {}", script.display());
        let (status, lines) = findings(&self.conformance(&["--quick", &line]));
        let broken: Vec<_> =
            lines.iter().filter_map(|line| line.strip_prefix("BROKEN  ")).collect();
        assert_eq!((status, broken.len()), (Some(1), 1), "{lines:#?}");
        let untried = lines.iter().filter(|line| line.ends_with("entering does not work")).count();
        (without_codes(broken[0]), untried)
    }
}

fn findings(output: &Output) -> (Option<i32>, Vec<String>) {
    let said = [&output.stdout[..], &output.stderr].concat();
    let lines = String::from_utf8(said).unwrap().lines().map(str::to_owned).collect();
    (output.status.code(), lines)
}

/// The text, with CODE in place of codes that nobody else has.
fn without_codes(text: &str) -> String {
    let mut words = text.split("conformance-");
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| {
        let end = word.find(|c: char| c != '-' && !c.is_ascii_alphanumeric());
        text + "CODE" + &word[end.unwrap_or(word.len())..]
    })
}

#[test]
fn whatever_way_a_method_comes_it_keeps_the_contract() {
    let (stopping, asking, c, rust) = (Folder::new(), Folder::new(), Folder::new(), Folder::new());
    stopping.script(STOP_AND_START);
    asking.script(&format!("{ENTER}{LEAVE}"));
    c.compiled("plugin.c");
    rust.template();
    // Most of the time they wait for the end of 20 s.
    thread::scope(|scope| {
        scope.spawn(|| Folder::new().keeps(&["direct"]));
        scope.spawn(|| Folder::new().keeps(&["http {url} {access}"]));
        scope.spawn(|| asking.keeps(&["exec", "./script"]));
        scope.spawn(|| c.keeps(&["--loaded", "--plugin-dir", ".", "line {control}"]));
        scope.spawn(|| rust.keeps(&["--loaded", "--plugin-dir", ".", "template", "{control}"]));
        let output = stopping.conformance(&["exec ./script # relative to where one is"]);
        let (status, lines) = findings(&output);
        assert_eq!(status, Some(0), "{lines:#?}");
        let untried: Vec<_> = lines.iter().filter(|line| line.starts_with("- ")).collect();
        let pack = "status does not promise what is in use: not tried, its enter stops the server";
        assert_eq!(untried, [&format!("-       {pack}")]);
    });
}

#[test]
fn a_script_whose_leave_is_not_idempotent_is_told_so() {
    let (broken, _) = Folder::new().broken(&format!("{ENTER}\nleave) ctl leave \"$DSNAP_CODE\";;"));
    assert_eq!(
        broken,
        "leave with nothing to leave is left: leave without an enter says failed (dsnap-testkit: \
         there is no snapshot user/CODE (it ended with status 1)): that there is nothing to leave \
         is left"
    );
}

#[test]
fn a_script_that_ends_with_the_status_of_its_last_command_is_told_so() {
    let curl = "\nenter) ctl enter \"$DSNAP_CODE\"; (exit 7);;";
    let (broken, untried) = Folder::new().broken(&format!("{curl}{LEAVE}"));
    assert_eq!(
        broken,
        "enter ends in held or done, and that is true: enter says unknown (it ended with status \
         7), although it worked: misc/snapshot says user/CODE"
    );
    assert_eq!(untried, 14);
    let ignoring_stop = "\nenter) ctl enter \"$DSNAP_CODE\" || true;;";
    let (broken, _) = Folder::new().broken(&format!("{ignoring_stop}{LEAVE}"));
    assert_eq!(
        broken,
        "enter is busy while a snapshot or a pack is in the way: enter says held, but \
         misc/snapshot says user/CODE, and the code is CODE"
    );
    let (broken, _) = Folder::new().broken(&format!("\nenter) true;;{LEAVE}"));
    assert_eq!(
        broken,
        "enter ends in held or done, and that is true: enter says held, but there is no \
         misc/snapshot, and the code is CODE"
    );
}

#[test]
fn a_script_that_ignores_the_code_is_told_so() {
    let fixed = "\nenter) ctl enter backup;;\nleave) ctl leave backup || true;;";
    assert_eq!(
        Folder::new().broken(fixed).0,
        "enter ends in held or done, and that is true: enter says held, but misc/snapshot says \
         user/backup, and the code is CODE"
    );
    let anybodys = "\nleave) now=$(ctl status) || exit; ctl leave \"${now#user/}\"; true;;";
    assert_eq!(
        Folder::new().broken(&format!("{ENTER}{anybodys}")).0,
        "leave leaves alone what has another code: leave says left, and has ended the snapshot \
         CODE, though its code is CODE: there is no misc/snapshot"
    );
}

#[test]
fn a_library_of_another_minor_version_is_used() {
    for source in ["later.c", "earlier.c"] {
        let folder = Folder::new();
        folder.compiled(source);
        let args = ["--quick", "--plugin-dir", ".", "line {control}"];
        let (status, lines) = findings(&folder.conformance(&args));
        assert_eq!(status, Some(0), "{source}: {lines:#?}");
        assert!(lines.last().unwrap().ends_with(" kept, 0 broken"), "{source}: {lines:#?}");
    }
}

#[test]
fn a_library_of_another_major_version_is_refused_with_both_numbers() {
    let folder = Folder::new();
    folder.compiled("other.c");
    let (status, lines) = findings(&folder.conformance(&["--plugin-dir", ".", "line {control}"]));
    assert_eq!(status, Some(2), "{lines:#?}");
    let end = "libdsnap_line.so: it speaks version 2 of the interface, and this dsnap version 1";
    assert!(lines[0].ends_with(end), "{lines:#?}");
}

#[test]
fn what_cannot_be_tried_is_no_breach() {
    let folder = Folder::new();
    let said = |args: &[&str]| {
        let (status, lines) = findings(&folder.conformance(args));
        assert_eq!(status, Some(2), "{lines:#?}");
        lines[0].clone()
    };
    assert_eq!(said(&["--loaded", "direct"]), "dsnap-testkit: there is no method `direct`");
    assert_eq!(
        said(&["nothing of ours"]),
        "dsnap-testkit: there is no method `nothing`; there is: direct, http, exec"
    );
    assert_eq!(said(&["http {url}"]), "dsnap-testkit: `http` needs a URL and an access file");
    assert_eq!(
        said(&["exec", "x", "{zeo}"]),
        "dsnap-testkit: {zeo} does not exist yet: no ZEO server is simulated"
    );
    assert!(said(&["exec 'x"]).starts_with("dsnap-testkit: "));
}
