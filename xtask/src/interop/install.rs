//! Installs the real DirectoryStorage, ZEO servers and a Zope 5 in the target folder.
//!
//! Versions are pinned. Each is installed once, by `python::install_once`. Python 2.7 and Python 3 must be there
//! already.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use xtask_base::process::{Program, environment};
use xtask_base::{output, python, workspace};

/// The last version of virtualenv that supports Python 2.7.
const VIRTUALENV: &str = "virtualenv==20.15.1";

/// Where the version of [`PACKAGES`] is installed.
const MAIN: &str = "venv";

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

/// A ZEO server with a DirectoryStorage, in a folder of its own.
pub(crate) struct ZeoServer {
    /// Its distribution and version, for people.
    pub(crate) name: &'static str,
    folder: &'static str,
    packages: &'static [&'static str],
}

/// The server that is installed with DirectoryStorage.
pub(crate) const MAIN_ZEO: ZeoServer =
    ZeoServer { name: "ZODB3 3.10.7", folder: MAIN, packages: PACKAGES };

/// The other generations of servers.
pub(crate) const OTHER_ZEOS: [ZeoServer; 4] = [
    ZeoServer {
        name: "ZODB3 3.7.2",
        folder: "zeo-3.7",
        packages: &[
            "DirectoryStorage==1.1.21",
            "ZODB3==3.7.2",
            "zc.lockfile==2.0",
            "ZConfig==3.6.1",
            "zdaemon==4.4",
            "zope.interface==5.5.2",
            "zope.proxy==4.6.1",
            "zope.testing==5.0.1",
        ],
    },
    ZeoServer {
        name: "ZODB3 3.8.6",
        folder: "zeo-3.8",
        packages: &[
            "DirectoryStorage==1.1.21",
            "ZODB3==3.8.6",
            "zc.lockfile==2.0",
            "ZConfig==3.6.1",
            "zdaemon==4.4",
            "zope.interface==5.5.2",
            "zope.proxy==4.6.1",
            "zope.testing==5.0.1",
        ],
    },
    ZeoServer {
        name: "ZODB3 3.9.7",
        folder: "zeo-3.9",
        packages: &[
            "DirectoryStorage==1.1.21",
            "ZODB3==3.9.7",
            "transaction==3.1.0",
            "zc.lockfile==2.0",
            "ZConfig==3.6.1",
            "zdaemon==4.4",
            "zope.event==4.6",
            "zope.interface==5.5.2",
            "zope.proxy==4.6.1",
        ],
    },
    ZeoServer {
        name: "ZEO 4.3.1",
        folder: "zeo-4.3",
        packages: &[
            "DirectoryStorage==1.1.21",
            "ZEO==4.3.1",
            "ZODB==4.4.5",
            "BTrees==4.11.3",
            "persistent==4.9.3",
            "transaction==1.7.0",
            "zc.lockfile==2.0",
            "ZConfig==3.6.1",
            "zdaemon==4.4",
            "zodbpickle==2.6",
            "zope.interface==5.5.2",
        ],
    },
];

/// Zope, and what decides whether it starts and how it answers. ZODB 6.3 and later define a setting
/// that this Zope defines, too.
const ZOPE5: &[&str] = &["Zope==5.14.2", "ZODB==6.2", "waitress==3.0.2"];

/// Installs the original in the target folder, and returns the folder of its programs. Says so and returns `None`
/// if that is not possible here.
pub(crate) fn original() -> Result<Option<PathBuf>> {
    let folder = workspace::target()?.join("interop");
    fs::create_dir_all(&folder)?;
    let installed = directory_storage(&folder);
    Ok(installed.map_err(|e| output::line(format_args!("skipped: the original: {e:#}"))).ok())
}

/// Installs DirectoryStorage unless it is there, and returns the folder of its programs.
pub(crate) fn directory_storage(folder: &Path) -> Result<PathBuf> {
    zeo(&MAIN_ZEO, folder)
}

/// Installs a ZEO server with DirectoryStorage unless it is there, and returns the folder of its
/// programs.
pub(crate) fn zeo(server: &ZeoServer, folder: &Path) -> Result<PathBuf> {
    let (tool, venv) = (folder.join("virtualenv"), folder.join(server.folder));
    python::modules(&tool, &[VIRTUALENV])?;
    python::install_once(&venv, &pins(&venv, server.packages), || {
        let name = server.name;
        output::line(format_args!(
            "interop: installing DirectoryStorage 1.1.21 with {name}; this happens once and takes half a minute",
        ));
        install(&python2()?, &tool, &venv, server.packages)
            .with_context(|| format!("cannot install DirectoryStorage 1.1.21 with {name}"))
    })?;
    Ok(venv.join("bin"))
}

/// Installs Zope 5 unless it is there, and returns the folder of its modules. No virtual environment is
/// made, because Python 3 often comes without the module for that.
pub(crate) fn zope5(folder: &Path) -> Result<PathBuf> {
    let modules = folder.join("zope5");
    python::modules(&modules, ZOPE5)?;
    Ok(modules)
}

/// The text of the stamp. It contains the path, because a virtual environment cannot be moved.
fn pins(venv: &Path, packages: &[&str]) -> String {
    format!("{VIRTUALENV}\n{}\n{}\n", packages.join("\n"), venv.display())
}

fn install(python: &str, tool: &Path, venv: &Path, packages: &[&str]) -> Result<()> {
    let make = Program::within(python::INSTALL_TIMEOUT, "python3")
        .args(["-m", "virtualenv", "--quiet", "-p", python])
        .arg(venv);
    make.env("PYTHONPATH", tool).quiet()?;
    python::pip(venv.join("bin/python")).args(packages).quiet().map(drop)
}

/// Finds a Python 2.7 that works: the one on the PATH, or one of pyenv's.
fn python2() -> Result<String> {
    let mut candidates = vec![PathBuf::from("python2.7")];
    candidates.extend(pyenv());
    match candidates.iter().find_map(|candidate| probe(candidate)) {
        Some(python) => Ok(python),
        None => bail!(
            "interop needs Python 2.7, but neither `python2.7` on the PATH nor any in ~/.pyenv/versions works\n\
             hint: run `pyenv install 2.7.18`"
        ),
    }
}

/// Lists the versions 2.7 of pyenv.
fn pyenv() -> Vec<PathBuf> {
    let versions = PathBuf::from(environment("HOME").unwrap_or_default()).join(".pyenv/versions");
    let entries = fs::read_dir(versions).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("2.7"));
    named.map(|entry| entry.path().join("bin/python")).collect()
}

/// Asks a Python for its real path; none if it is not Python 2.7. The one on the PATH may be
/// pyenv's shim, which fails if that version is not selected.
fn probe(candidate: &Path) -> Option<String> {
    let ask = "import sys; assert sys.version_info[:2] == (2, 7); print(sys.executable)";
    let answer =
        Program::within(Duration::from_secs(20), candidate).args(["-c", ask]).output().ok()?;
    answer.success().then(|| answer.stdout.trim().to_owned())
}
