//! `cargo xtask tidy`: checks the rules of the project that neither compiler nor clippy checks.
//!
//! Each rule is a pure function from the checkout, or one file, to findings. The rules are in the
//! files below, by subject; this file applies them to every file that git knows or would add. It
//! prints all findings, not only the first. Formatting is left to rustfmt.

mod architecture;
mod circles;
mod documents;
mod edges;
mod floors;
mod items;
mod links;
mod manifests;
mod markdown;
mod messages;
mod metadata;
mod modules;
mod opens;
mod promises;
mod public;
mod resolve;
mod rooms;
mod rust_versions;
mod sources;
mod test_code;
mod uses;

#[cfg(test)]
mod tests;

use std::cell::OnceCell;
use std::fmt;
use std::fs;

use anyhow::{Context, Result, ensure};

use metadata::Member;
use modules::Crate;
use xtask_base::process::Program;
use xtask_base::{output, workspace};

/// Something that breaks a rule: where it is, and what cures it.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// Counted from 1; 0 means the whole file.
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

/// A text file.
struct File {
    /// From the root of the checkout.
    path: String,
    text: String,
    syntax: OnceCell<syn::Result<syn::File>>,
}

impl File {
    fn new(path: &str, text: String) -> Self {
        Self { path: path.to_owned(), text, syntax: OnceCell::new() }
    }

    /// The parsed source; none if it is not Rust, which `sources` reports.
    fn syntax(&self) -> Option<&syn::File> {
        self.parsed().as_ref().ok()
    }

    fn parsed(&self) -> &syn::Result<syn::File> {
        self.syntax.get_or_init(|| syn::parse_file(&self.text))
    }
}

/// What the rules check.
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
                findings.extend(opens::opens(file));
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
        findings.extend(promises::promises(self));
        findings.extend(messages::messages(self));
        findings.extend(links::links(self));
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

/// Reads a text file; none if it is missing, another kind of file, or binary.
fn read(name: &str) -> Result<Option<File>> {
    let path = workspace::root().join(name);
    if !fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
        return Ok(None);
    }
    let bytes = fs::read(&path).with_context(|| format!("cannot read {name}"))?;
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    Ok(text.map(|text| File::new(name, text)))
}

/// Applies every rule; any finding is an error.
pub(crate) fn run() -> Result<()> {
    let checkout = Checkout::read()?;
    let mut findings = checkout.findings();
    findings.extend(rust_versions::rust_versions(&workspace::root())?);
    for finding in &findings {
        output::line(finding);
    }
    ensure!(findings.is_empty(), "tidy: {} findings", findings.len());
    output::line(format_args!("tidy: {} files checked, no findings", checkout.files.len()));
    Ok(())
}
