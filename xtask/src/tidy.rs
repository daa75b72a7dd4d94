//! `cargo xtask tidy`: the rules of the house that neither compiler nor clippy checks.
//!
//! Each rule is a pure function from text to findings, in a file by its subject; here they are
//! applied to all files that git knows or would add, and all findings are shown, not only the
//! first. Formatting is rustfmt's, printing and unwrapping clippy's business.

mod architecture;
mod circles;
mod documents;
mod edges;
mod floors;
mod items;
mod manifests;
mod markdown;
mod metadata;
mod modules;
mod public;
mod resolve;
mod rooms;
mod sources;
mod test_code;
mod uses;

#[cfg(test)]
mod tests;

use std::cell::OnceCell;
use std::fmt;
use std::fs;

use anyhow::{Context, Result, ensure};

use crate::process::Program;
use crate::{say, workspace};
use metadata::Member;
use modules::Crate;

/// One thing that is wrong: where, and what cures it.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// From 1; 0 is the whole file.
    line: usize,
    cure: String,
}

impl Finding {
    fn new(path: &str, line: usize, cure: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, cure: cure.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.cure),
            line => write!(f, "{}:{line}: {}", self.path, self.cure),
        }
    }
}

/// A text file, by its path from the root.
struct File {
    path: String,
    text: String,
    syntax: OnceCell<syn::Result<syn::File>>,
}

impl File {
    fn new(path: &str, text: String) -> Self {
        Self { path: path.to_owned(), text, syntax: OnceCell::new() }
    }

    /// Parses a Rust source; none if it is no Rust, which `sources` reports.
    fn syntax(&self) -> Option<&syn::File> {
        self.parsed().as_ref().ok()
    }

    fn parsed(&self) -> &syn::Result<syn::File> {
        self.syntax.get_or_init(|| syn::parse_file(&self.text))
    }
}

/// The checkout as the rules see it.
struct Checkout {
    files: Vec<File>,
    members: Vec<Member>,
}

impl Checkout {
    /// Reads all text files that git knows or would add.
    fn read() -> Result<Self> {
        let root = workspace::root();
        let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let listed = Program::new("git").args(list).dir(&root).quiet()?;
        let names = listed.stdout.split_terminator('\0');
        let files = names.filter_map(|name| read(name).transpose()).collect::<Result<_>>()?;
        Ok(Self { files, members: metadata::members(&root)? })
    }

    fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.file(path).map(|file| file.text.as_str())
    }

    fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for file in &self.files {
            findings.extend(documents::every_file(file));
            if file.path.ends_with(".rs") {
                findings.extend(sources::source(file));
                findings.extend(items::items(file));
            }
            if file.path.ends_with("Cargo.toml") {
                findings.extend(manifests::manifest(file));
            }
        }
        for member in &self.members {
            findings.extend(self.member(member));
        }
        findings.extend(architecture::architecture(self));
        findings.extend(rooms::rooms(self));
        findings.extend(public::public_modules(self));
        findings.extend(documents::changelog(self));
        findings
    }

    fn member(&self, member: &Member) -> Vec<Finding> {
        let path = format!("{}/Cargo.toml", member.folder);
        let manifest = self.text(&path).unwrap_or_default();
        let mut findings = floors::edges(member, manifest);
        findings.extend(manifests::inherits_lints(&path, manifest));
        findings.extend(sources::forbids_unsafe(self, member));
        for root in &member.crate_roots {
            findings.extend(circles::circles(&Crate::read(self, root).edges()));
        }
        findings
    }
}

/// A file's text; none if it is gone, no file, or no text.
fn read(name: &str) -> Result<Option<File>> {
    let path = workspace::root().join(name);
    if !fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
        return Ok(None);
    }
    let bytes = fs::read(&path).with_context(|| name.to_owned())?;
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    Ok(text.map(|text| File::new(name, text)))
}

/// Applies every rule; an error if there is anything to cure.
pub(crate) fn run() -> Result<()> {
    let checkout = Checkout::read()?;
    let findings = checkout.findings();
    for finding in &findings {
        say::line(finding);
    }
    ensure!(findings.is_empty(), "tidy: {} findings", findings.len());
    say::line(format_args!("tidy: {} files, nothing to cure", checkout.files.len()));
    Ok(())
}
