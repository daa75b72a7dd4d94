//! Libraries for scenarios: compiled from C with one vice, or in Rust. Also what such a library says
//! about its line: how messages name it, and whether it names relative files.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dsnap_testkit::Site;

use crate::http::{assert_free, conf, site};
use crate::stage::{Dsnap, HTTP};
use crate::traitors::port;

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

/// Runs a line that contains a password. Messages name it by `label`, and never show the password.
#[track_caller]
fn hides_its_password(site: &Site, plugins: &Plugins, line: &str, label: &str) {
    const PASSWORD: &str = "correct-horse";
    conf(site, &format!("{line} {PASSWORD}\nhttp URL access\n"));
    let run = || Dsnap::at(site).arg("--plugin-dir").arg(plugins);
    run().arg("true").run().says(0, &HTTP.replace("URL", label));
    let verbose = run().arg("-v").arg("true").run().mentions(label);
    assert!(!verbose.stderr.contains(PASSWORD), "{verbose}");
    let listed = run().arg("--list-methods").run();
    assert!(listed.stdout.contains(&format!("\n  {label}   (line 1 in ")), "{listed}");
    assert!(!format!("{}{}", listed.stdout, listed.stderr).contains(PASSWORD), "{listed}");
    assert_free(site);
}

#[test]
fn a_method_in_c_hides_the_password_of_its_line() {
    let (site, plugins) = (site(), Plugins::traitor("HIDES_ITS_SECOND_WORD"));
    let port = port(&site);
    hides_its_password(&site, &plugins, &format!("traitor {port}"), &port);
}

#[test]
fn a_method_in_rust_hides_the_password_of_its_line() {
    let (site, plugins) = (site(), Plugins::panics());
    // Its leave panics, so the next line leaves the snapshot.
    let label = format!("leave {}", port(&site));
    hides_its_password(&site, &plugins, &format!("panics {label}"), &label);
}

#[test]
fn words_that_a_library_refuses_are_reported_without_the_line() {
    let (site, plugins) = (site(), Plugins::traitor("HIDES_ITS_SECOND_WORD"));
    conf(&site, "traitor 1 correct-horse battery\nhttp URL access\n");
    let ran = Dsnap::at(&site).arg("--plugin-dir").arg(&plugins).arg("true").run();
    let why = "malformed line 1 in DIR/config/snapshot.conf (`traitor` takes PORT PASSWORD)";
    ran.says(0, &format!("{why}\n{HTTP}"));
}

#[test]
fn the_label_that_a_library_gives_is_one_harmless_line_of_limited_length() {
    let (site, plugins) = (site(), Plugins::villain("LABELS_NONSENSE"));
    conf(&site, "villain\nhttp URL access\n");
    let ran = Dsnap::at(&site).arg("--plugin-dir").arg(&plugins).arg("-v").arg("true").run();
    let begin = "\u{fffd}[31mred\u{fffd}\u{fffd}and ";
    let label = format!("{begin}{}…", "m".repeat(1000 - begin.chars().count()));
    ran.says(0, &format!("{label}: not today\n{HTTP}"));
}

#[test]
fn a_library_that_gives_an_empty_label_is_named_without_its_words() {
    let (site, plugins) = (site(), Plugins::villain("LABELS_NOTHING"));
    conf(&site, "villain correct-horse\nhttp URL access\n");
    let ran = Dsnap::at(&site).arg("--plugin-dir").arg(&plugins).arg("-v").arg("true").run();
    ran.says(0, &format!("villain: not today\n{HTTP}"));
}
