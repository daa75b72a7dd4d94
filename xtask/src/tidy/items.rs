//! How long functions are, and how many fields types have, outside of tests.
//!
//! A longer or wider one gives its reason in a comment directly above it. A table of test cases
//! may be as long as it needs to be.

use syn::{Block, Ident, ImplItem, Item, Signature, TraitItem};

use super::sources::LONG;
use super::test_code::{is_test_file, is_test_impl_item, is_test_item};
use super::{File, Finding};

const FUNCTION_LINES: usize = 40;
const FIELDS: usize = 7;

/// How a type with more fields gives its reason.
const WIDE: &str = "// wide: ";

/// Finds the functions that are too long and the types that are too wide.
pub(super) fn items(file: &File) -> Vec<Finding> {
    let source = file.syntax().filter(|_| !is_test_file(&file.path));
    let Some(source) = source else { return Vec::new() };
    let mut measure = Measure { file, lines: file.text.lines().collect(), findings: Vec::new() };
    measure.items(&source.items);
    measure.findings
}

struct Measure<'a> {
    file: &'a File,
    lines: Vec<&'a str>,
    findings: Vec<Finding>,
}

impl Measure<'_> {
    fn items(&mut self, items: &[Item]) {
        for item in items.iter().filter(|item| !is_test_item(item)) {
            self.item(item);
        }
    }

    fn item(&mut self, item: &Item) {
        match item {
            Item::Enum(item) => {
                for variant in &item.variants {
                    self.fields(&variant.ident, variant.fields.len());
                }
            }
            Item::Fn(item) => self.function(&item.sig, &item.block),
            Item::Impl(item) => item.items.iter().for_each(|item| self.impl_item(item)),
            Item::Mod(item) => {
                let items = item.content.as_ref().map(|(_, items)| items);
                self.items(items.map_or(&[], Vec::as_slice));
            }
            Item::Struct(item) => self.fields(&item.ident, item.fields.len()),
            Item::Trait(item) => item.items.iter().for_each(|item| self.trait_item(item)),
            Item::Union(item) => self.fields(&item.ident, item.fields.named.len()),
            _ => {}
        }
    }

    fn impl_item(&mut self, item: &ImplItem) {
        if let (ImplItem::Fn(item), false) = (item, is_test_impl_item(item)) {
            self.function(&item.sig, &item.block);
        }
    }

    fn trait_item(&mut self, item: &TraitItem) {
        if let TraitItem::Fn(item) = item
            && let Some(body) = &item.default
        {
            self.function(&item.sig, body);
        }
    }

    fn function(&mut self, signature: &Signature, body: &Block) {
        let first = signature.fn_token.span.start().line;
        let opened = body.brace_token.span.open().start().line;
        let length = body.brace_token.span.close().end().line + 1 - first;
        let begins = self.lines.get(opened).map_or("", |line| line.trim_start());
        if length > FUNCTION_LINES && !begins.starts_with(LONG) && !self.has_reason(first, LONG) {
            let cure = format!(
                "{} has {length} lines: divide it, or give the reason in a line `{LONG}…` directly above it",
                signature.ident
            );
            self.findings.push(Finding::new(&self.file.path, first, cure));
        }
    }

    fn fields(&mut self, name: &Ident, count: usize) {
        let line = name.span().start().line;
        if count > FIELDS && !self.has_reason(line, WIDE) {
            let cure = format!(
                "{name} has {count} fields: divide it, or give the reason in a line `{WIDE}…` directly above it"
            );
            self.findings.push(Finding::new(&self.file.path, line, cure));
        }
    }

    /// Looks for a reason above a line, among attributes and documentation.
    fn has_reason(&self, line: usize, reason: &str) -> bool {
        let above = self.lines.iter().take(line - 1).rev().map(|line| line.trim_start());
        let mut above = above.take_while(|line| line.starts_with("//") || line.starts_with("#["));
        above.any(|line| line.starts_with(reason))
    }
}
