//! The paths that a source uses, as it writes them: in imports, code, macros and attributes.
//!
//! A macro's arguments and an attribute's are tokens without structure, so paths in them are
//! found by their form, `a::b`. `modules` says what a path means.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ItemMod, ItemUse, Macro, Meta, Path, UseTree, Visibility};

use super::test_code::{is_test_impl_item, is_test_item};

/// A path in a source.
#[derive(Debug)]
pub(super) struct Use {
    /// The modules within the file in which it stands.
    pub(super) inside: Vec<String>,
    pub(super) path: Vec<String>,
    /// From 1.
    pub(super) line: usize,
    /// The name that an import gives it; `*` imports all names below the path.
    pub(super) imported_as: Option<String>,
}

/// Whether tests are looked at as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tests {
    Included,
    LeftOut,
}

/// Collects the paths that a source uses.
pub(super) fn uses(source: &syn::File, tests: Tests) -> Vec<Use> {
    let mut collector = Collector { tests, inside: Vec::new(), uses: Vec::new() };
    collector.visit_file(source);
    collector.uses
}

struct Collector {
    tests: Tests,
    inside: Vec<String>,
    uses: Vec<Use>,
}

impl Collector {
    fn add(&mut self, path: Vec<String>, line: usize, imported_as: Option<String>) {
        self.uses.push(Use { inside: self.inside.clone(), path, line, imported_as });
    }

    fn import(&mut self, above: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| {
            let name = (name != "self").then(|| name.to_string());
            above.iter().cloned().chain(name).collect::<Vec<_>>()
        };
        match tree {
            UseTree::Path(tree) if above.is_empty() => {
                self.import(&[tree.ident.to_string()], &tree.tree);
            }
            UseTree::Path(tree) => self.import(&with(&tree.ident), &tree.tree),
            UseTree::Name(tree) => {
                let path = with(&tree.ident);
                let name = path.last().cloned();
                self.add(path, tree.ident.span().start().line, name);
            }
            UseTree::Rename(tree) => {
                let line = tree.ident.span().start().line;
                self.add(with(&tree.ident), line, Some(tree.rename.to_string()));
            }
            UseTree::Glob(tree) => {
                let line = tree.star_token.spans[0].start().line;
                self.add(above.to_vec(), line, Some("*".to_owned()));
            }
            UseTree::Group(tree) => tree.items.iter().for_each(|tree| self.import(above, tree)),
        }
    }

    /// Adds each `a::b…` in tokens; `::` is a joint and an alone colon.
    fn scan(&mut self, tokens: &TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut line, mut colons) = (0, 0);
        for token in tokens.clone() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(ident) if colons == 2 => path.push(ident.to_string()),
                TokenTree::Ident(ident) => {
                    self.add_scanned(&mut path, line);
                    line = ident.span().start().line;
                    path.push(ident.to_string());
                }
                TokenTree::Group(group) => {
                    self.add_scanned(&mut path, line);
                    self.scan(&group.stream());
                }
                _ => self.add_scanned(&mut path, line),
            }
            colons = 0;
        }
        self.add_scanned(&mut path, line);
    }

    fn add_scanned(&mut self, path: &mut Vec<String>, line: usize) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.add(path, line, None);
        }
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item(&mut self, item: &'ast Item) {
        if self.tests == Tests::Included || !is_test_item(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if self.tests == Tests::Included || !is_test_impl_item(item) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.inside.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.inside.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if let Some(first) = path.segments.first().filter(|_| path.segments.len() > 1) {
            let names = path.segments.iter().map(|segment| segment.ident.to_string());
            self.add(names.collect(), first.ident.span().start().line, None);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        self.scan(&call.tokens);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        match &attribute.meta {
            Meta::List(list) => self.scan(&list.tokens),
            Meta::NameValue(pair) => self.visit_expr(&pair.value),
            Meta::Path(_) => {}
        }
    }

    /// Skips `pub(in path)`, which uses nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}
