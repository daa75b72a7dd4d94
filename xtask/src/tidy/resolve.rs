//! From a path, as a source writes it, to the module that defines the name.
//!
//! Follows imports and re-exports, so `crate::Storage` leads to the file with `struct Storage`.
//! The compiler has already checked that every path leads somewhere.

use super::modules::{Crate, Path};

/// How many steps a path may take; imports that name each other would take more.
const MAX_STEPS: usize = 32;

impl Crate<'_> {
    /// Finds the module that a path in `module` leads to; none if it is in another crate.
    pub(super) fn resolve(&self, module: &[String], path: &[String]) -> Option<Path> {
        self.start(module, path, MAX_STEPS)
    }

    fn start(&self, module: &[String], path: &[String], steps: usize) -> Option<Path> {
        let steps = steps.checked_sub(1)?;
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.descend(&[], rest, steps),
            "self" => self.relative(module, rest, steps),
            "super" => self.relative(module.split_last()?.1, rest, steps),
            name if self.has(module, name) => self.descend(module, path, steps),
            _ => None,
        }
    }

    /// Continues behind `self` or `super`, which may be followed by another `super`.
    fn relative(&self, module: &[String], rest: &[String], steps: usize) -> Option<Path> {
        match rest.first() {
            Some(next) if next == "super" => self.start(module, rest, steps),
            _ => self.descend(module, rest, steps),
        }
    }

    /// Whether a module declares, imports or defines a name.
    fn has(&self, module: &[String], name: &str) -> bool {
        self.modules.contains_key(&child(module, name))
            || self.modules.get(module).is_some_and(|module| {
                module.imports.contains_key(name) || module.items.contains(name)
            })
    }

    /// Follows a path downwards from a module, through what the modules on the way import.
    fn descend(&self, module: &[String], path: &[String], steps: usize) -> Option<Path> {
        let steps = steps.checked_sub(1)?;
        let Some((first, rest)) = path.split_first() else { return Some(module.to_vec()) };
        let child = child(module, first);
        if self.modules.contains_key(&child) {
            return self.descend(&child, rest, steps);
        }
        if let Some(import) = self.modules.get(module)?.imports.get(first) {
            let path: Vec<String> = import.iter().chain(rest).cloned().collect();
            return self.start(module, &path, steps);
        }
        match self.through_glob(module, first, steps) {
            Some(target) => self.descend(&target, path, steps),
            None => Some(module.to_vec()),
        }
    }

    /// Finds the module from which `module` has a name that it imports with `*`.
    fn through_glob(&self, module: &[String], name: &str, steps: usize) -> Option<Path> {
        let known = self.modules.get(module).filter(|known| !known.items.contains(name))?;
        let mut targets = known.globs.iter().filter_map(|glob| self.start(module, glob, steps));
        targets.find(|target| target != module && self.has(target, name))
    }
}

fn child(module: &[String], name: &str) -> Path {
    module.iter().cloned().chain([name.to_owned()]).collect()
}
