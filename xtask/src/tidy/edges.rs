//! Which file of a crate uses which.

use std::collections::BTreeMap;

use super::File;
use super::modules::{Crate, Module, Path};
use super::uses::{Tests, Use, uses};

/// One file uses another.
#[derive(Clone)]
pub(super) struct Edge<'a> {
    pub(super) from: End<'a>,
    /// Where the first file does so first.
    pub(super) line: usize,
    pub(super) to: End<'a>,
}

/// A file, and the module that it is.
#[derive(Clone)]
pub(super) struct End<'a> {
    pub(super) module: Path,
    pub(super) file: &'a File,
}

impl<'a> Crate<'a> {
    /// Lists which file uses which, each pair once.
    ///
    /// A module that uses its own children is left out: it consists of them.
    pub(super) fn edges(&self) -> Vec<Edge<'a>> {
        let mut edges: BTreeMap<(Path, Path), Edge<'a>> = BTreeMap::new();
        for edge in self.files().flat_map(|(path, module)| self.edges_from(path, module)) {
            let pair = (edge.from.module.clone(), edge.to.module.clone());
            let known = edges.entry(pair).or_insert_with(|| edge.clone());
            known.line = known.line.min(edge.line);
        }
        edges.into_values().collect()
    }

    /// The modules that are a file of their own.
    fn files(&self) -> impl Iterator<Item = (&Path, &Module<'a>)> {
        self.modules.iter().filter(|(path, _)| self.file_module(path) == path.as_slice())
    }

    /// The module of the whole file in which a module is.
    fn file_module<'p>(&self, path: &'p [String]) -> &'p [String] {
        let file = |path: &[String]| self.modules.get(path).map(|module| &module.file.path);
        match path.split_last() {
            Some((_, parent)) if file(parent) == file(path) => self.file_module(parent),
            _ => path,
        }
    }

    fn edges_from(&self, path: &Path, module: &Module<'a>) -> Vec<Edge<'a>> {
        let used = module.file.syntax().map(|source| uses(source, Tests::LeftOut));
        let used = used.into_iter().flatten();
        used.filter_map(|used| self.edge(path, module, &used)).collect()
    }

    fn edge(&self, from: &Path, module: &Module<'a>, used: &Use) -> Option<Edge<'a>> {
        let inside: Path = from.iter().chain(&used.inside).cloned().collect();
        let to = self.resolve(&inside, &used.path)?;
        let to = self.file_module(&to);
        if to.starts_with(from) {
            return None;
        }
        Some(Edge {
            from: End { module: from.clone(), file: module.file },
            line: used.line,
            to: End { module: to.to_vec(), file: self.modules.get(to)?.file },
        })
    }
}
