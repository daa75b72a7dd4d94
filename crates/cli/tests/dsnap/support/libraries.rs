//! Libraries and scripts for scenarios: compiled from C with one vice, in Rust, or for a shell.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::folder::folder;

/// A folder for libraries, which everybody may read and only its owner may change.
#[derive(Debug)]
pub(crate) struct Plugins(tempfile::TempDir);

impl Plugins {
    /// Makes a folder without libraries.
    pub(crate) fn none() -> Self {
        let folder = folder();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    /// Compiles the method `villain`, with that vice.
    pub(crate) fn villain(vice: &str) -> Self {
        Self::compiled("villain", vice)
    }

    /// Compiles the method `traitor`, which really enters, with that vice.
    pub(crate) fn traitor(vice: &str) -> Self {
        Self::compiled("traitor", vice)
    }

    fn compiled(method: &str, vice: &str) -> Self {
        let plugins = Self::none();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-std=gnu11", "-Wall", "-Wextra", "-Werror"])
            // A vice leaves the code behind it unused.
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
        plugins.publish(method)
    }

    /// Copies the method `panics`, which cargo built from Rust.
    pub(crate) fn panics() -> Self {
        let plugins = Self::none();
        let tests = std::env::current_exe().unwrap();
        let library = tests.parent().unwrap().join("libdsnap_villains.so");
        fs::copy(library, plugins.file("panics")).unwrap();
        plugins.publish("panics")
    }

    /// Lets everybody read a library, whatever the umask.
    fn publish(self, method: &str) -> Self {
        fs::set_permissions(self.file(method), Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The file of a method's library in it.
    pub(crate) fn file(&self, method: &str) -> PathBuf {
        self.path().join(format!("libdsnap_{method}.so"))
    }
}

impl AsRef<OsStr> for Plugins {
    fn as_ref(&self) -> &OsStr {
        self.path().as_os_str()
    }
}

/// Compiles a program of the testkit into a folder.
pub(crate) fn compile_program(name: &str, folder: &Path) -> PathBuf {
    let (source, program) = (format!("../../testkit/c/{name}.c"), folder.join(name));
    let compiled = Command::new("cc")
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(source))
        .arg("-o")
        .arg(&program)
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    program
}

/// Writes a script that everybody may run and only its owner may change.
pub(crate) fn write_script(path: &Path, text: &str) {
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

/// Writes a file that is to be executed, in another process.
///
/// A process that another scenario starts at the same time would inherit the file while it is
/// open for writing here, and then nobody could execute it ("text file busy").
fn install(mode: &str) -> Command {
    let mut command = Command::new("install");
    command.args(["-m", mode]);
    command
}
