//! Rules for every text file, and for the changelog.
//!
//! ARCHITECTURE.md, manifests and sources have rules of their own, each in a file beside this.

use super::{Checkout, File, Finding};

const CHANGELOG: &str = "CHANGELOG.md";

/// The folders in which machines keep what is private; without slashes, so that this file passes.
const PRIVATE: &[&str] = &["root", "work", "farm", "home"];

/// Files in which white space at the end of a line means nothing.
const TRIMMED: &[&str] = &[".rs", ".toml", ".md", ".py", ".sh", ".yml", ".ci/run"];

/// Checks a text for white space at the end of lines and for paths of one machine.
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
        if let Some(folder) = private_folder(line) {
            findings.push(Finding::new(
                &file.path,
                index + 1,
                format!("remove {folder}…, a path that exists on one machine only"),
            ));
        }
    }
    findings
}

/// Finds the private folder that a line names.
fn private_folder(line: &str) -> Option<String> {
    PRIVATE
        .iter()
        .map(|name| format!("/{name}/"))
        .find(|folder| line.match_indices(folder.as_str()).any(|(at, _)| is_path(line, at, folder)))
}

/// Whether `folder` begins an absolute path there, and in a home somebody's.
fn is_path(line: &str, at: usize, folder: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || "._-})*".contains(c);
    let absolute = !line[..at].ends_with(is_part);
    let named = line[at + folder.len()..].starts_with(|c: char| c.is_alphanumeric());
    absolute && (named || folder != "/home/")
}

/// Checks that the changelog has an entry for the workspace's version.
pub(super) fn changelog(checkout: &Checkout) -> Option<Finding> {
    let version = &checkout.members.first()?.version;
    let has_entry = checkout.text(CHANGELOG).is_some_and(|text| text.contains(version.as_str()));
    (!has_entry).then(|| Finding::new(CHANGELOG, 0, format!("write an entry for {version}")))
}
