//! The modules of a library or program, and the names in each.
//!
//! Follows the `mod` declarations from the root file. Code for tests only is left out, so tests
//! may use anything. `resolve` finds what a path means, `edges` which file uses which.

use std::collections::{BTreeMap, BTreeSet};

use syn::{Item, ItemMod, Visibility};

use super::test_code::{is_for_tests, is_test_item};
use super::uses::{Tests, uses};
use super::{Checkout, File};

/// The names that lead from the root of a crate to a module; the root itself has none.
pub(super) type Path = Vec<String>;

/// The modules of one library or program.
#[derive(Default)]
pub(super) struct Crate<'a> {
    pub(super) modules: BTreeMap<Path, Module<'a>>,
}

/// A module: a file, or a part of one.
pub(super) struct Module<'a> {
    pub(super) file: &'a File,
    pub(super) declaration: Declaration<'a>,
    /// What it imports, by the name that it uses.
    pub(super) imports: BTreeMap<String, Vec<String>>,
    /// The paths of which it imports every name.
    pub(super) globs: Vec<Vec<String>>,
    /// The names of what it defines.
    pub(super) items: BTreeSet<String>,
}

/// Where a module is declared.
#[derive(Clone, Copy)]
pub(super) struct Declaration<'a> {
    pub(super) file: &'a File,
    pub(super) line: usize,
    pub(super) is_public: bool,
}

impl<'a> Crate<'a> {
    /// Reads the crate with this root file; it has no modules if the file is missing.
    pub(super) fn read(checkout: &'a Checkout, root: &str) -> Self {
        let mut this = Self::default();
        if let Some(file) = checkout.file(root) {
            let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
            let declaration = Declaration { file, line: 0, is_public: true };
            let root = Place { checkout, file, folder, path: Vec::new() };
            this.add_file(&root, declaration);
        }
        this
    }

    fn add_file(&mut self, place: &Place<'a>, declaration: Declaration<'a>) {
        let source = place.file.syntax().filter(|source| !is_for_tests(&source.attrs));
        let Some(source) = source else { return };
        self.add_module(place, declaration, &source.items);
        for used in uses(source, Tests::LeftOut) {
            let path: Path = place.path.iter().chain(&used.inside).cloned().collect();
            if let (Some(module), Some(name)) = (self.modules.get_mut(&path), used.imported_as) {
                module.import(name, used.path);
            }
        }
    }

    fn add_module(&mut self, place: &Place<'a>, declaration: Declaration<'a>, items: &'a [Item]) {
        self.modules.insert(place.path.clone(), Module::new(place.file, declaration, items));
        for item in items.iter().filter(|item| !is_test_item(item)) {
            if let Item::Mod(child) = item {
                self.add_child(place, child);
            }
        }
    }

    fn add_child(&mut self, parent: &Place<'a>, child: &'a ItemMod) {
        let name = child.ident.to_string();
        let declaration = Declaration {
            file: parent.file,
            line: child.ident.span().start().line,
            is_public: matches!(child.vis, Visibility::Public(_)),
        };
        match &child.content {
            Some((_, items)) => {
                self.add_module(&parent.below(&name, parent.file), declaration, items);
            }
            None => {
                if let Some(file) = parent.child_file(&name) {
                    self.add_file(&parent.below(&name, file), declaration);
                }
            }
        }
    }
}

/// Where a module is found: its file, the folder of its children, and its path.
struct Place<'a> {
    checkout: &'a Checkout,
    file: &'a File,
    folder: String,
    path: Path,
}

impl<'a> Place<'a> {
    fn below(&self, name: &str, file: &'a File) -> Self {
        let path = self.path.iter().cloned().chain([name.to_owned()]).collect();
        Self { checkout: self.checkout, file, folder: format!("{}/{name}", self.folder), path }
    }

    fn child_file(&self, name: &str) -> Option<&'a File> {
        let file = |end: &str| self.checkout.file(&format!("{}/{name}{end}", self.folder));
        file(".rs").or_else(|| file("/mod.rs"))
    }
}

impl<'a> Module<'a> {
    fn new(file: &'a File, declaration: Declaration<'a>, items: &[Item]) -> Self {
        let items = items.iter().filter_map(name).collect();
        Self { file, declaration, imports: BTreeMap::new(), globs: Vec::new(), items }
    }

    fn import(&mut self, name: String, path: Vec<String>) {
        if name == "*" {
            self.globs.push(path);
        } else {
            self.imports.insert(name, path);
        }
    }
}

/// The name of what an item defines.
fn name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}
