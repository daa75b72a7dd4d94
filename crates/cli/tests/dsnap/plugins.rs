//! Libraries for scenarios: compiled from C with one vice, or in Rust.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder for libraries that everybody may pass and nobody else may change, whatever the umask.
#[derive(Debug)]
pub(crate) struct Plugins(tempfile::TempDir);

impl Plugins {
    pub(crate) fn none() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    /// The method `villain`, with that vice.
    pub(crate) fn villain(vice: &str) -> Self {
        Self::compiled("villain", vice)
    }

    /// The method `traitor`, which really enters, with that vice.
    pub(crate) fn traitor(vice: &str) -> Self {
        Self::compiled("traitor", vice)
    }

    fn compiled(method: &str, vice: &str) -> Self {
        let plugins = Self::none();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-std=gnu11", "-Wall", "-Wextra", "-Werror"])
            // A vice leaves what lies behind it unused.
            .args(["-Wno-unused-function", "-Wno-array-bounds", "-Wno-infinite-recursion"])
            .arg(format!("-DVICE_{vice}"))
            .arg("-I")
            .arg(root.join("crates/core/include"))
            .arg(root.join(format!("testkit/c/{method}.c")))
            .arg("-o")
            .arg(plugins.file(method))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&compiled.stderr).into_owned();
        assert!(compiled.status.success(), "{vice}: {said}");
        plugins.close(method)
    }

    /// The method `panics`.
    pub(crate) fn panics() -> Self {
        let plugins = Self::none();
        let tests = std::env::current_exe().unwrap();
        let library = tests.parent().unwrap().join("libdsnap_villains.so");
        fs::copy(library, plugins.file("panics")).unwrap();
        plugins.close("panics")
    }

    fn close(self, method: &str) -> Self {
        fs::set_permissions(self.file(method), Permissions::from_mode(0o755)).unwrap();
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, method: &str) -> PathBuf {
        self.path().join(format!("libdsnap_{method}.so"))
    }
}

impl AsRef<OsStr> for Plugins {
    fn as_ref(&self) -> &OsStr {
        self.path().as_os_str()
    }
}

/// Writes a script that may be run by its owner's rights.
pub(crate) fn script(path: &Path, text: &str) {
    let mut child = install("755").arg("/dev/stdin").arg(path).stdin(Stdio::piped()).spawn();
    let child = child.as_mut().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// Copies the program under test.
pub(crate) fn copy_of_dsnap(to: &Path, mode: &str) {
    let copied = install(mode).arg(env!("CARGO_BIN_EXE_dsnap")).arg(to).status().unwrap();
    assert!(copied.success());
}

/// Writes a file to be executed, in another process: what a scenario beside this one starts would
/// inherit it while it is open for writing, and nobody could execute it then ("text file busy").
fn install(mode: &str) -> Command {
    let mut command = Command::new("install");
    command.args(["-m", mode]);
    command
}
