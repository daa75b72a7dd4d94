//! Where a path becomes a descriptor: in one room only.
//!
//! A path that is opened once more leads to whatever another user has put there since. The room
//! `system` opens; everything else reaches files through what was opened.

use super::uses::{Tests, uses};
use super::{File, Finding};

/// Sources that run with root's power, or on the storage.
const CHECKED: [&str; 5] = [
    "crates/engine/src/",
    "plugins/direct/src/",
    "plugins/http/src/",
    "plugins/exec/src/",
    "plugins/zeo/src/",
];
/// The room that opens.
const ROOM: &str = "crates/engine/src/system/";
/// What only looks at a path, and can be wrong without harm.
const LOOKS: [&str; 4] = ["metadata", "symlink_metadata", "read_link", "canonicalize"];
const CURE: &str = "only crates/engine/src/system opens paths: use its Folder, trust or reading";

/// Finds what opens or changes a path elsewhere.
pub(super) fn opens(file: &File) -> Vec<Finding> {
    let checked = CHECKED.iter().any(|folder| file.path.starts_with(folder));
    if !checked || file.path.starts_with(ROOM) || file.path.ends_with("testing.rs") {
        return Vec::new();
    }
    let Some(source) = file.syntax() else { return Vec::new() };
    let opening = uses(source, Tests::LeftOut).into_iter().filter(|used| opens_path(&used.path));
    opening.map(|used| Finding::new(&file.path, used.line, CURE)).collect()
}

fn opens_path(path: &[String]) -> bool {
    let mut last = path.iter().rev().map(String::as_str);
    match (last.next(), last.next()) {
        (Some(name), Some("fs")) => {
            name.starts_with(|first: char| first.is_lowercase()) && !LOOKS.contains(&name)
        }
        (Some("open" | "create" | "create_new" | "options"), Some("File")) => true,
        (Some("new"), Some("OpenOptions")) => true,
        _ => false,
    }
}
