//! Builds, installs and tries the Python wheel of the testkit.
//!
//! `examples` builds it with the programs of the tests, `dist` with those that people get. Both run the test
//! that the documentation shows. The sources are in `testkit/python`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::process::Program;
use crate::{python, workspace};

/// The modules that build and install the wheel. Another version of the builder may write other bytes.
pub const MODULES: [&str; 2] = ["hatchling==1.33.0", "virtualenv==21.15.11"];

/// The page that shows the test.
const PAGE: &str = "docs/rehearse.md";
/// What makes the test fail: the Zope does not accept the password.
const FAULT: &str = "import pytest\n\npytestmark = pytest.mark.dsnap_site(fault=\"401\")\n\n\n";
/// What the failed test must say: that the run failed, and why.
const EXPECTED_MESSAGES: [&str; 3] =
    ["exited with status 125", "COMMAND was not run: not authorised", "answered 401 Unauthorized"];

/// How long all tests of one folder may take.
const TEST_TIMEOUT: Duration = Duration::from_secs(300);

/// Builds a wheel in the new folder `out`, and returns its path. `programs` contains dsnap and dsnap-testkit;
/// `settings` are variables for the builder and for `testkit/python/build_hook.py`.
pub fn build(
    modules: &Path,
    programs: &Path,
    settings: &[(&str, &str)],
    out: &Path,
) -> Result<PathBuf> {
    let builder = Program::within(python::INSTALL_TIMEOUT, "python3").args(["-m", "hatchling"]);
    let builder = builder.args(["build", "--target", "wheel", "--directory"]).arg(out);
    let builder = builder.dir(&workspace::root().join("testkit/python"));
    let builder = with_modules(builder, modules).env("DSNAP_PROGRAMS", programs);
    let built = settings.iter().fold(builder, |builder, (name, value)| builder.env(name, value));
    built.quiet().context("cannot build the wheel")?;
    only_wheel(out)
}

/// Returns the path of the only wheel in a folder.
fn only_wheel(folder: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let paths = entries.into_iter().map(|entry| entry.path());
    let wheels: Vec<_> = paths.filter(|path| path.extension() == Some("whl".as_ref())).collect();
    match <[PathBuf; 1]>::try_from(wheels) {
        Ok([wheel]) => Ok(wheel),
        Err(found) => bail!("{} contains {} wheels, not one", folder.display(), found.len()),
    }
}

/// Makes a new virtual environment, installs the wheel there with these words of `pip install`, and returns
/// the Python of the environment.
pub fn install(
    modules: &Path,
    environment: &Path,
    wheel: &Path,
    words: &[&str],
) -> Result<PathBuf> {
    python::remove(environment)?;
    let make = Program::within(python::INSTALL_TIMEOUT, "python3").args(["-m", "virtualenv"]);
    with_modules(make.arg("--quiet").arg(environment), modules).quiet()?;
    let python = environment.join("bin/python");
    python::pip(&python).args(words).arg(wheel).quiet().context("cannot install the wheel")?;
    Ok(python)
}

/// Makes a run of pytest. The environment contains the plugin, and either it or `modules` contains pytest.
pub fn pytest(python: &Path, modules: &Path, tests: &Path) -> Program {
    let pytest = Program::within(TEST_TIMEOUT, python).args(["-m", "pytest", "-q", "-p"]);
    with_modules(pytest.arg("no:cacheprovider").arg(tests), modules)
}

/// Runs the test of the documentation: it must pass, and fail with the reason if the site has a fault.
pub fn try_documented_test(python: &Path, modules: &Path, folder: &Path) -> Result<()> {
    let page = fs::read_to_string(workspace::root().join(PAGE))?;
    let test = documented_test(&page).with_context(|| format!("{PAGE} shows no test in Python"))?;
    let (green, red) = (folder.join("test_green.py"), folder.join("test_red.py"));
    fs::write(&green, &test)?;
    fs::write(&red, format!("{FAULT}{test}"))?;
    pytest(python, modules, &green).quiet()?;
    let failed = pytest(python, modules, &red).output()?;
    let says_why = EXPECTED_MESSAGES.iter().all(|words| failed.stdout.contains(words));
    ensure!(
        !failed.success() && says_why,
        "the test does not fail, or does not say why: {}",
        failed.failure()
    );
    Ok(())
}

/// Returns the first block of Python on a page.
fn documented_test(page: &str) -> Option<String> {
    let (_, block) = page.split_once("\n```python\n")?;
    Some(block.split_once("```")?.0.to_owned())
}

/// Lets a Python find modules, without writing compiled ones into the checkout.
fn with_modules(python: Program, modules: &Path) -> Program {
    python.env("PYTHONPATH", modules).env("PYTHONDONTWRITEBYTECODE", "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_block_of_python_is_the_documented_test() {
        let page = "a\n\n```sh\nx\n```\n\n```python\n# t.py\ny\n```\n\n```python\nz\n```\n";
        assert_eq!(documented_test(page).unwrap(), "# t.py\ny\n");
        assert_eq!(documented_test("```sh\nx\n```\n"), None);
    }
}
