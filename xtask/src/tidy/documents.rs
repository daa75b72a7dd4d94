//! What is written for people: the architecture, the changelog, and what no file may contain.
//!
//! Whether a document is right only a reader can say; here is what a reader should not have to
//! look for. Manifests and sources have rules of their own, beside this.

use super::{Checkout, File, Finding};

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const CHANGELOG: &str = "CHANGELOG.md";

/// Where developers' machines keep their things; names without slashes, so that this file passes.
const PRIVATE: &[&str] = &["root", "work", "farm", "home"];

/// Files whose blanks at the end of a line mean nothing.
const TRIMMED: &[&str] = &[".rs", ".toml", ".md", ".py", ".sh", ".yml", ".ci/run"];

/// What holds for every text.
pub(super) fn every_file(file: &File) -> Vec<Finding> {
    let trimmed = TRIMMED.iter().any(|end| file.path.ends_with(end));
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        if trimmed && line.ends_with([' ', '\t', '\r']) {
            findings.push(Finding::new(
                &file.path,
                index + 1,
                "remove the white space at the end of the line",
            ));
        }
        if let Some(leak) = leak(line) {
            findings.push(Finding::new(
                &file.path,
                index + 1,
                format!("{leak}… is a path of one machine: name no such place"),
            ));
        }
    }
    findings
}

/// The private folder that a line names.
fn leak(line: &str) -> Option<String> {
    PRIVATE
        .iter()
        .map(|name| format!("/{name}/"))
        .find(|folder| line.match_indices(folder.as_str()).any(|(at, _)| is_path(line, at, folder)))
}

/// An absolute path, not the middle of a relative one; in a home, somebody's.
fn is_path(line: &str, at: usize, folder: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || "._-})*".contains(c);
    let absolute = !line[..at].ends_with(part);
    let named = line[at + folder.len()..].starts_with(|c: char| c.is_alphanumeric());
    absolute && (named || folder != "/home/")
}

/// The architecture names every member, and no place that is not there.
pub(super) fn architecture(checkout: &Checkout) -> Vec<Finding> {
    let Some(text) = checkout.text(ARCHITECTURE) else {
        return vec![Finding::new(ARCHITECTURE, 0, "is missing: write it")];
    };
    let missing = checkout.members.iter().map(|member| &member.folder);
    let missing = missing.filter(|folder| !text.contains(folder.as_str()));
    let mut findings: Vec<Finding> = missing
        .map(|member| Finding::new(ARCHITECTURE, 0, format!("name the member {member}")))
        .collect();
    for (index, line) in text.lines().enumerate() {
        let gone = places(line).into_iter().filter(|place| !exists(checkout, place));
        findings.extend(
            gone.map(|place| {
                Finding::new(ARCHITECTURE, index + 1, format!("{place} does not exist"))
            }),
        );
    }
    findings
}

/// The `crates/…` and `plugins/…` paths in a line.
fn places(line: &str) -> Vec<&str> {
    let part = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let words = line.split(|c| !part(c)).map(|word| word.trim_end_matches(['.', '/', '-']));
    words.filter(|word| word.starts_with("crates/") || word.starts_with("plugins/")).collect()
}

fn exists(checkout: &Checkout, place: &str) -> bool {
    let inside = |file: &File| {
        file.path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    checkout.files.iter().any(inside)
}

/// The changelog tells of the version that the workspace has.
pub(super) fn changelog(checkout: &Checkout) -> Option<Finding> {
    let version = &checkout.members.first()?.version;
    let told = checkout.text(CHANGELOG).is_some_and(|text| text.contains(version.as_str()));
    (!told).then(|| Finding::new(CHANGELOG, 0, format!("write an entry for {version}")))
}
