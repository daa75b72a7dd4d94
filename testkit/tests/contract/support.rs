//! Methods of every kind as authors have them, and `dsnap-testkit conformance` run on them.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::codes::without_codes;

/// The cases of a script that stops the server to enter, and starts it to leave.
pub(crate) const STOP_AND_START: &str = r#"
enter) exec dsnap-testkit ctl "$DSNAP_STORAGE" stop;;
leave) exec dsnap-testkit ctl "$DSNAP_STORAGE" start;;"#;
/// The case of a script that enters through the control port.
pub(crate) const ENTER: &str = r#"
enter) ctl enter "$DSNAP_CODE";;"#;
/// The case of a script that leaves if the snapshot is its own.
pub(crate) const LEAVE: &str = r#"
leave) now=$(ctl status) || exit; [ "$now" != "user/$DSNAP_CODE" ] || ctl leave "$DSNAP_CODE";;"#;

/// A working directory that only its owner can change, with the files that a line names.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
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

    /// Writes the script `script` with these cases.
    pub(crate) fn script(&self, cases: &str) -> PathBuf {
        let ctl = r#"ctl() { dsnap-testkit ctl "$DSNAP_STORAGE" "$@"; }"#;
        let script = format!("#!/bin/sh\n{ctl}\ncase $1 in{cases}\n*) exit 64;;\nesac\n");
        self.file("script", 0o755, |path| fs::write(path, script).unwrap())
    }

    /// Compiles the library of the method `line` from a source in C.
    pub(crate) fn compile(&self, source: &str) {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        self.file("libdsnap_line.so", 0o644, |path| {
            let mut cc = Command::new("cc");
            cc.args(["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-I"]);
            cc.arg(here.join("../crates/core/include")).arg("-o").arg(path);
            let done = cc.arg(here.join("c").join(source)).output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        });
    }

    /// Copies a library that cargo built for this test.
    pub(crate) fn copy_library(&self, name: &str) {
        let beside = env::current_exe().unwrap().with_file_name(name);
        self.file(name, 0o644, |path| {
            fs::copy(&beside, path).unwrap();
        });
    }

    /// Runs `dsnap-testkit conformance` in the folder.
    pub(crate) fn conformance(&self, args: &[&str]) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_dsnap-testkit"));
        let path = env::var_os("PATH").unwrap();
        let folders = env::split_paths(&path);
        let own = program.parent().unwrap().to_owned();
        let path = env::join_paths([own].into_iter().chain(folders)).unwrap();
        let mut command = Command::new(program);
        command.arg("conformance").args(args).env("PATH", path);
        command.current_dir(self.0.path()).output().unwrap()
    }

    /// Makes every check, and asserts that the method keeps all rules.
    #[track_caller]
    pub(crate) fn assert_keeps_contract(&self, args: &[&str]) {
        let (status, lines) = findings(&self.conformance(args));
        let broken = lines.iter().filter(|line| !line.starts_with("kept "));
        assert_eq!((status, broken.count()), (Some(0), 1), "{args:?}: {lines:#?}");
    }

    /// Returns the only breach of a script, and how many checks it prevented.
    #[track_caller]
    pub(crate) fn only_breach(&self, cases: &str) -> (String, usize) {
        let script = self.script(cases);
        let line = format!("exec {}", script.display());
        let (status, lines) = findings(&self.conformance(&["--quick", &line]));
        let broken: Vec<_> =
            lines.iter().filter_map(|line| line.strip_prefix("BROKEN  ")).collect();
        assert_eq!((status, broken.len()), (Some(1), 1), "{lines:#?}");
        let untried = lines.iter().filter(|line| line.ends_with("enter does not work")).count();
        let broken = broken[0].replace(&script.display().to_string(), "SCRIPT");
        (without_codes(&broken), untried)
    }
}

/// Returns the exit status, and the lines of both streams.
pub(crate) fn findings(output: &Output) -> (Option<i32>, Vec<String>) {
    let said = [&output.stdout[..], &output.stderr].concat();
    let lines = String::from_utf8(said).unwrap().lines().map(str::to_owned).collect();
    (output.status.code(), lines)
}
