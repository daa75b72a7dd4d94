//! The page of messages: each message on it is in the program, and each reason that the program
//! gives for a failure is on it.
//!
//! What a program can check of that is the fixed words of a message. On the page, `…` stands for a
//! part that varies. Backticks within a message are left out there.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Expr, ExprCall, ExprLit, ExprPath, ItemFn, ItemMod, Lit, LitStr, Local, Macro, Pat};

use super::markdown::{quoted, tables};
use super::test_code::{is_for_tests, is_test_file};
use super::{Checkout, File, Finding};

const PAGE: &str = "docs/messages.md";
/// A page that has some of the messages, too.
const CAUSES: &str = "docs/troubleshooting.md";
/// The column of the tables that contains messages.
const COLUMN: &str = "message";
/// Sources whose reasons end a run.
const SOURCES: [&str; 7] = [
    "crates/engine/src/",
    "crates/host/src/",
    "crates/cli/src/",
    "plugins/direct/src/",
    "plugins/http/src/",
    "plugins/exec/src/",
    "plugins/zeo/src/",
];
/// Functions that make the reason of a failure out of their first argument.
const MAKERS: [(&str, &str); 4] = [
    ("Reason", "new"),
    ("Failure", "in_use"),
    ("Failure", "unavailable"),
    ("Failure", "permanent"),
];
/// A text with fewer words of its own says nothing that could be looked up.
const MIN_WORDS: usize = 3;

/// Finds messages of the page that the program does not have, and reasons that the page does not
/// have.
pub(super) fn messages(checkout: &Checkout) -> Vec<Finding> {
    // The README links to the page, so it exists.
    let Some(page) = checkout.text(PAGE) else { return Vec::new() };
    let is_source = |file: &&File| {
        SOURCES.iter().any(|folder| file.path.starts_with(folder)) && !is_test_file(&file.path)
    };
    let found: Vec<_> = checkout.files.iter().filter(is_source).flat_map(Texts::of).collect();
    let of_causes = listed(checkout.text(CAUSES).unwrap_or_default());
    let listed = listed(page);
    let is_known = |words: &Words| found.iter().any(|text| words.are_within(&text.words));
    let unknown = listed.iter().filter(|(_, words)| !is_known(words)).map(|(line, words)| {
        Finding::new(PAGE, *line, format!("no message of the program has the words {words}"))
    });
    let outdated = of_causes.iter().filter(|(_, words)| !is_known(words)).map(|(line, words)| {
        Finding::new(CAUSES, *line, format!("no message of the program has the words {words}"))
    });
    let is_listed = |words: &Words| listed.iter().any(|(_, listed)| listed.are_within(words));
    let missing = found.iter().filter(|text| text.is_reason && !is_listed(&text.words));
    let missing = missing.map(|text| {
        let cure = format!("describe this message in {PAGE}: {}", text.words);
        Finding::new(&text.path, text.line, cure)
    });
    unknown.chain(outdated).chain(missing).collect()
}

/// Lists the messages of the page, each with its line.
fn listed(page: &str) -> Vec<(usize, Words)> {
    let tables = tables(page);
    let tables = tables.iter().filter(|table| table.columns.first().is_some_and(|it| it == COLUMN));
    let rows = tables.flat_map(|table| &table.rows);
    let messages =
        rows.flat_map(|row| quoted(row.cell(0)).into_iter().map(|it| (row.line, Words::of(it))));
    messages.collect()
}

/// The fixed words of a message, in the pieces between the parts that vary.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Words(Vec<String>);

impl Words {
    /// Reads a message of the page.
    fn of(message: &str) -> Self {
        let message = message.replace('`', "");
        let pieces = message.split('…').map(|piece| piece.trim().to_owned());
        Self(pieces.filter(|piece| !piece.is_empty()).collect())
    }

    /// Reads a format string.
    fn of_format(text: &str) -> Self {
        let mut shape = String::new();
        let mut depth = 0_usize;
        for char in text.chars() {
            match char {
                '{' => {
                    depth += 1;
                    shape.push('…');
                }
                '}' => depth = depth.saturating_sub(1),
                _ if depth == 0 => shape.push(char),
                _ => {}
            }
        }
        Self::of(&shape)
    }

    fn count(&self) -> usize {
        let words = self.0.iter().flat_map(|piece| piece.split_whitespace());
        words.filter(|word| word.chars().any(char::is_alphabetic)).count()
    }

    /// Says whether all pieces stand in another text, in this order.
    fn are_within(&self, other: &Self) -> bool {
        let text = other.0.join(" … ");
        let mut rest = text.as_str();
        !self.0.is_empty()
            && self.0.iter().all(|piece| match rest.split_once(piece.as_str()) {
                Some((_, after)) => {
                    rest = after;
                    true
                }
                None => false,
            })
    }
}

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(" … "))
    }
}

/// A text of the program.
struct Text {
    path: String,
    line: usize,
    words: Words,
    /// It becomes the reason of a failure.
    is_reason: bool,
}

/// The texts of a source.
#[derive(Default)]
struct Texts {
    found: Vec<LitStr>,
    reasons: Vec<LitStr>,
    /// The texts that the variables of the current function are made of.
    variables: BTreeMap<String, Vec<LitStr>>,
}

impl Texts {
    fn of(file: &File) -> Vec<Text> {
        let Some(source) = file.syntax() else { return Vec::new() };
        let mut texts = Self::default();
        texts.visit_file(source);
        let text = |literal: LitStr, is_reason| Text {
            path: file.path.clone(),
            line: literal.span().start().line,
            words: Words::of_format(&literal.value()),
            is_reason,
        };
        let all = texts.found.into_iter().map(|literal| text(literal, false));
        let reasons = texts.reasons.into_iter().map(|literal| text(literal, true));
        all.chain(reasons.filter(|text| text.words.count() >= MIN_WORDS)).collect()
    }

    fn add_reason(&mut self, argument: &Expr) {
        match argument {
            Expr::Path(ExprPath { path, .. }) => {
                let name = path.get_ident().map(ToString::to_string);
                let known = name.and_then(|name| self.variables.get(&name).cloned());
                self.reasons.extend(known.unwrap_or_default());
            }
            other => self.reasons.extend(Literals::of(other)),
        }
    }
}

impl<'ast> Visit<'ast> for Texts {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.variables.clear();
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.variables.clear();
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_local(&mut self, local: &'ast Local) {
        if let (Pat::Ident(name), Some(value)) = (&local.pat, &local.init) {
            self.variables.insert(name.ident.to_string(), Literals::of(&value.expr));
        }
        visit::visit_local(self, local);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let (Expr::Path(ExprPath { path, .. }), Some(argument)) =
            (&*call.func, call.args.first())
        {
            let names: Vec<_> = path.segments.iter().map(|it| it.ident.to_string()).collect();
            let is_maker =
                |(of, name): &(&str, &str)| names.ends_with(&[(*of).into(), (*name).into()]);
            if MAKERS.iter().any(is_maker) {
                self.add_reason(argument);
            }
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_lit_str(&mut self, literal: &'ast LitStr) {
        self.found.push(literal.clone());
    }

    fn visit_macro(&mut self, found: &'ast Macro) {
        self.found.extend(literals_in(&found.tokens));
    }
}

/// The first text of each literal and macro in an expression: of `format!`, the format.
#[derive(Default)]
struct Literals(Vec<LitStr>);

impl Literals {
    fn of(expression: &Expr) -> Vec<LitStr> {
        let mut literals = Self::default();
        literals.visit_expr(expression);
        literals.0
    }
}

impl<'ast> Visit<'ast> for Literals {
    fn visit_expr_lit(&mut self, literal: &'ast ExprLit) {
        if let Lit::Str(text) = &literal.lit {
            self.0.push(text.clone());
        }
    }

    fn visit_macro(&mut self, found: &'ast Macro) {
        self.0.extend(literals_in(&found.tokens).into_iter().next());
    }
}

fn literals_in(tokens: &TokenStream) -> Vec<LitStr> {
    let mut found = Vec::new();
    for token in tokens.clone() {
        match token {
            TokenTree::Group(group) => found.extend(literals_in(&group.stream())),
            TokenTree::Literal(literal) => {
                if let Lit::Str(text) = Lit::new(literal) {
                    found.push(text);
                }
            }
            _ => {}
        }
    }
    found
}
