//! Public modules of the engine: another crate uses each of them.
//!
//! The tests in `crates/engine/tests` are another crate, too. A `use` with `*` counts for the module
//! that it names, not for those below it.

use std::collections::{BTreeMap, BTreeSet};

use super::modules::{Crate, Path};
use super::rooms::ENGINE;
use super::uses::{Tests, Use, uses};
use super::{Checkout, File, Finding};

/// How other crates call the engine.
const NAME: &str = "dsnap_engine";

/// Finds the public modules of the engine that no other crate uses.
pub(super) fn public_modules(checkout: &Checkout) -> Vec<Finding> {
    let engine = Crate::read(checkout, &format!("{ENGINE}/src/lib.rs"));
    let own = format!("{ENGINE}/src/");
    let others = checkout.files.iter().filter(|file| !file.path.starts_with(&own));
    let used: BTreeSet<Path> = others.flat_map(used_modules).collect();
    let public = engine.modules.iter().filter(|(path, module)| {
        module.declaration.is_public && !path.is_empty() && !used.contains(*path)
    });
    let findings = public.map(|(path, module)| {
        let name = path.join("::");
        let cure = format!("no other crate uses {NAME}::{name}: declare it without `pub`");
        Finding::new(&module.declaration.file.path, module.declaration.line, cure)
    });
    findings.collect()
}

/// Lists the paths below the engine that a file uses, and what lies above each of them.
fn used_modules(file: &File) -> Vec<Path> {
    let is_user = file.path.ends_with(".rs") && file.text.contains(NAME);
    let source = is_user.then(|| file.syntax()).flatten();
    let uses = source.map_or_else(Vec::new, |source| uses(source, Tests::Included));
    let imports: BTreeMap<&str, &Use> =
        uses.iter().filter_map(|used| Some((used.imported_as.as_deref()?, used))).collect();
    let paths = uses.iter().filter_map(|used| below_engine(&used.path, &imports));
    paths.flat_map(|path| (1..=path.len()).map(move |end| path[..end].to_vec())).collect()
}

/// Follows the imports of a file; the rest of the path, if it leads into the engine.
fn below_engine(path: &[String], imports: &BTreeMap<&str, &Use>) -> Option<Path> {
    let mut path = path.to_vec();
    for _ in 0..=imports.len() {
        let (first, rest) = path.split_first()?;
        if first == NAME {
            return Some(rest.to_vec());
        }
        path = imports.get(first.as_str())?.path.iter().chain(rest).cloned().collect();
    }
    None
}
