//! Installs packages of Python in the target folder, for `examples` and `interop`.
//!
//! A stamp, written last, marks an installation as complete; without it, everything is installed
//! again. The tasks decide which packages they need.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::output;
use crate::process::Program;

/// How long one step of an installation may take.
pub const INSTALL_TIMEOUT: Duration = Duration::from_secs(300);

/// Held while something is installed: `ci` installs in the background, and a step that needs the
/// installation waits for it.
static INSTALLING: Mutex<()> = Mutex::new(());

/// Calls `install` unless `folder` contains a complete installation of `pins`.
pub fn install_once(folder: &Path, pins: &str, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let _alone = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let stamp = folder.join("complete");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == pins) {
        return Ok(());
    }
    remove(folder)?;
    install()?;
    fs::write(&stamp, pins).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Installs packages for Python 3 in a folder unless they are there. It makes no virtual environment,
/// because Python 3 often comes without the module for that.
pub fn modules(folder: &Path, packages: &[&str]) -> Result<()> {
    install_once(folder, &packages.join("\n"), || {
        let names = packages.join(", ");
        output::line(format_args!("installing {names}; this happens once and may take a minute"));
        let install = pip("python3").args(packages).arg("--target").arg(folder);
        install.quiet().map(drop).with_context(|| format!("cannot install {names}"))
    })
}

/// Makes `pip install` for this Python; the caller adds the packages.
pub fn pip(python: impl AsRef<OsStr>) -> Program {
    let pip = ["-m", "pip", "--quiet", "--disable-pip-version-check", "install"];
    Program::within(INSTALL_TIMEOUT, python).args(pip)
}

/// Removes a folder if it exists.
pub fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;
    use crate::workspace;

    #[test]
    fn an_installation_is_made_again_until_it_is_complete() {
        let target = workspace::target().unwrap();
        let folder = target.join(format!("python-test-{}", std::process::id()));
        let mut calls = 0;
        let mut install = |pins, succeeds| {
            install_once(&folder, pins, || {
                calls += 1;
                fs::create_dir(&folder)?;
                if succeeds { Ok(()) } else { bail!("interrupted") }
            })
        };
        assert!(install("1", false).is_err());
        assert!(install("1", true).is_ok());
        assert!(install("1", false).is_ok(), "it is there already");
        assert!(install("2", true).is_ok());
        assert_eq!(calls, 3);
        remove(&folder).unwrap();
    }
}
