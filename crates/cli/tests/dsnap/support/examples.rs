//! The files of `docs/examples`, as a reader adapts them: with other paths.

use std::fs;
use std::path::{Path, PathBuf};

use dsnap_testkit::Site;

use super::libraries::write_script;
use super::program::Dsnap;

/// The documentation.
pub(crate) fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// Reads an example.
#[track_caller]
pub(crate) fn example(name: &str) -> String {
    fs::read_to_string(docs().join("examples").join(name)).unwrap()
}

/// Copies a script of the examples, with `/srv/ds` replaced by the storage of a site.
pub(crate) fn adapted_script(name: &str, site: &Site, to: &Path) {
    write_script(to, &example(name).replace("/srv/ds", &site.path().display().to_string()));
}

/// Returns the last value of a setting in a unit of systemd.
#[track_caller]
pub(crate) fn setting(unit: &str, name: &str) -> String {
    let mut values = unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    values.next_back().unwrap_or_else(|| panic!("no {name}= in:\n{unit}")).to_owned()
}

/// Makes the run of a command line that begins with `dsnap`, for this site and with this script as
/// COMMAND. What stands for Zope and its password becomes the site's.
#[track_caller]
pub(crate) fn adapted_run(line: &str, site: &Site, command: &Path) -> Dsnap {
    let words = words(line);
    assert!(words[0].ends_with("dsnap"), "{line}");
    words[1..].iter().fold(Dsnap::new().knows(site.path()), |dsnap, word| match word.as_str() {
        "/srv/ds" => dsnap.arg(site.path()),
        word if word.ends_with("backup-tar.sh") => dsnap.arg(command),
        word => {
            let word = word.replace("http://localhost:8080/DSToolkit", &site.urls()[0]);
            dsnap.arg(word.replace("/etc/dsnap/zope.access", &site.access().display().to_string()))
        }
    })
}

/// Splits a command line at blanks; what stands in double quotes is one word.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    let words = parts.flat_map(|(number, part)| match number % 2 {
        0 => part.split_whitespace().collect(),
        _ => vec![part],
    });
    words.map(str::to_owned).collect()
}
