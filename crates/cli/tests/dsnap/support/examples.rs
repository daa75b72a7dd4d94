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
/// COMMAND.
#[track_caller]
pub(crate) fn adapted_run(line: &str, site: &Site, command: &Path) -> Dsnap {
    let mut words = line.trim_start_matches('-').split_whitespace();
    assert!(words.next().is_some_and(|word| word.ends_with("dsnap")), "{line}");
    let dsnap = Dsnap::new().knows(site.path());
    words.fold(dsnap, |dsnap, word| match word {
        "/srv/ds" => dsnap.arg(site.path()),
        word if word.ends_with("backup-tar.sh") => dsnap.arg(command),
        word => dsnap.arg(word),
    })
}
