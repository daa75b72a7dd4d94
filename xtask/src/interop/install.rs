//! The real DirectoryStorage, installed below the target folder.
//!
//! Python 2.7 itself is not ours to install: where it is missing the task says so and fails.
//! Versions are pinned, and a stamp that is written last says that the installation is whole;
//! a half-made one is made again.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::{Program, environment};
use crate::say;

/// The last virtualenv that makes environments of Python 2.7.
const VIRTUALENV: &str = "virtualenv==20.15.1";

const PACKAGES: &[&str] = &[
    "DirectoryStorage==1.1.21",
    "ZODB3==3.10.7",
    "zc.lockfile==1.4",
    "ZConfig==3.6.1",
    "transaction==3.1.0",
    "zdaemon==4.4",
    "zope.event==4.6",
    "zope.interface==5.5.2",
];

const LIMIT: Duration = Duration::from_secs(300);

/// Installs it unless it is there; the folder of its programs.
pub(crate) fn directory_storage(folder: &Path) -> Result<PathBuf> {
    let (tool, venv) = (folder.join("virtualenv"), folder.join("venv"));
    let (stamp, pins) = (venv.join("complete"), pins(&venv));
    if fs::read_to_string(&stamp).is_ok_and(|found| found == pins) {
        return Ok(venv.join("bin"));
    }
    let python = python()?;
    say::line("interop: installing DirectoryStorage 1.1.21 (once, half a minute)");
    for half_made in [&tool, &venv] {
        remove(half_made)?;
    }
    install(&python, &tool, &venv).context("cannot install DirectoryStorage 1.1.21")?;
    fs::write(&stamp, pins)?;
    Ok(venv.join("bin"))
}

/// What the stamp says: also the place, since an environment cannot be moved.
fn pins(venv: &Path) -> String {
    format!("{VIRTUALENV}\n{}\n{}\n", PACKAGES.join("\n"), venv.display())
}

/// Removes a folder, which need not exist.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| folder.display().to_string())
        }
        _ => Ok(()),
    }
}

fn install(python: &str, tool: &Path, venv: &Path) -> Result<()> {
    let pip = ["-m", "pip", "--quiet", "--disable-pip-version-check", "install"];
    Program::within(LIMIT, "python3").args(pip).args([VIRTUALENV, "--target"]).arg(tool).quiet()?;
    let make = Program::within(LIMIT, "python3")
        .args(["-m", "virtualenv", "--quiet", "-p", python])
        .arg(venv);
    make.env("PYTHONPATH", tool).quiet()?;
    Program::within(LIMIT, venv.join("bin/python")).args(pip).args(PACKAGES).quiet()?;
    Ok(())
}

/// A Python 2.7 that works: the one on the PATH, else one of pyenv's.
fn python() -> Result<String> {
    let mut candidates = vec![PathBuf::from("python2.7")];
    candidates.extend(pyenv());
    match candidates.iter().find_map(|candidate| probe(candidate)) {
        Some(python) => Ok(python),
        None => bail!(
            "interop needs Python 2.7, and neither `python2.7` on the PATH nor one below ~/.pyenv/versions works\n\
             hint: pyenv install 2.7.18"
        ),
    }
}

fn pyenv() -> Vec<PathBuf> {
    let versions = PathBuf::from(environment("HOME").unwrap_or_default()).join(".pyenv/versions");
    let entries = fs::read_dir(versions).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("2.7"));
    named.map(|entry| entry.path().join("bin/python")).collect()
}

/// Where this Python really lies; none if it is not a Python 2.7 (a shim may be there alone).
fn probe(candidate: &Path) -> Option<String> {
    let ask = "import sys; assert sys.version_info[:2] == (2, 7); print(sys.executable)";
    let answer =
        Program::within(Duration::from_secs(20), candidate).args(["-c", ask]).output().ok()?;
    answer.success().then(|| answer.stdout.trim().to_owned())
}
