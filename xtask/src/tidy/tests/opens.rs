//! The rule about what opens paths.

use super::File;
use crate::tidy::opens::opens;

fn lines(path: &str, text: &str) -> Vec<usize> {
    opens(&File::new(path, text.to_owned())).iter().map(|finding| finding.line).collect()
}

const OPENS: &str = "use std::fs::{self, File};
fn f(p: &Path) { fs::read(p); }
fn g(p: &Path) { File::open(p); std::fs::rename(p, p); }
fn h(p: &Path) { fs::metadata(p); fs::symlink_metadata(p); }
fn i(p: &Path) -> fs::File { OpenOptions::new().open(p) }
#[cfg(test)]
mod tests { fn t(p: &Path) { fs::write(p, p); } }
";

#[test]
fn paths_are_opened_in_the_room_system_only() {
    assert_eq!(lines("plugins/direct/src/moving.rs", OPENS), [2, 3, 3, 5]);
    assert_eq!(lines("crates/engine/src/run.rs", OPENS), [2, 3, 3, 5]);
    assert_eq!(lines("crates/engine/src/system/open.rs", OPENS), [0; 0]);
    assert_eq!(lines("testkit/src/site.rs", OPENS), [0; 0]);
}
