//! Rules for the text of a manifest: reasons for dependencies, profiles that unwind, lints.
//!
//! `cargo metadata` reports none of these, so this file reads the TOML, where each value still
//! has its place in the text. What a member depends on is in `metadata`; `floors` judges that.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::metadata::Dependency;
use super::{File, Finding};

/// The tables that name dependencies, at the root, in `[workspace]` and in each `[target.…]`.
const DEPENDENCIES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// The name and the requirement of a dependency.
type Entry<'a, 'i> = (&'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>);

/// Checks a manifest: each dependency says what it is for, and no profile aborts on panic.
pub(super) fn manifest(file: &File) -> Vec<Finding> {
    let root = match DeTable::parse(&file.text) {
        Ok(root) => root.into_inner(),
        Err(error) => return vec![Finding::new(&file.path, 0, error.message())],
    };
    let unexplained = entries(&root).into_iter().filter(|entry| !is_explained(&file.text, *entry));
    let unexplained = unexplained.map(|(name, _)| {
        let cure = format!("say what {} is for, in a `# …` on its line", name.get_ref());
        Finding::new(&file.path, line(&file.text, name.span()), cure)
    });
    unexplained.chain(aborting_profiles(file, &root)).collect()
}

/// Finds the line on which a manifest names a dependency; 0 where it cannot be found.
pub(super) fn line_of(manifest: &str, dependency: &Dependency) -> usize {
    let key = dependency.rename.as_ref().unwrap_or(&dependency.package);
    let Ok(root) = DeTable::parse(manifest) else { return 0 };
    let entries = entries(root.get_ref());
    let entry = entries.iter().find(|(name, _)| *name.get_ref() == key.as_str());
    entry.map_or(0, |(name, _)| line(manifest, name.span()))
}

/// Lists every dependency of a manifest, in the order of the text.
fn entries<'a, 'i>(root: &'a DeTable<'i>) -> Vec<Entry<'a, 'i>> {
    let targets = table(root, "target").into_iter().flat_map(|targets| targets.values());
    let targets = targets.filter_map(|target| target.get_ref().as_table());
    let parents = [root].into_iter().chain(table(root, "workspace")).chain(targets);
    let tables = parents.flat_map(|parent| DEPENDENCIES.map(|name| table(parent, name)));
    let mut entries: Vec<Entry<'_, '_>> = tables.flatten().flatten().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

fn table<'a, 'i>(parent: &'a DeTable<'i>, name: &str) -> Option<&'a DeTable<'i>> {
    parent.get(name)?.get_ref().as_table()
}

/// Whether a dependency needs no reason, because it is one of this workspace or inherited from
/// the root manifest, or gives one in a comment.
fn is_explained(text: &str, (name, requirement): Entry<'_, '_>) -> bool {
    let details = requirement.get_ref().as_table();
    let is_ours = details
        .is_some_and(|details| is_true(details, "workspace") || details.contains_key("path"));
    is_ours || has_comment(text, requirement.span()) || has_comment(text, name.span())
}

fn is_true(table: &DeTable<'_>, name: &str) -> bool {
    table.get(name).is_some_and(|value| value.get_ref().as_bool() == Some(true))
}

/// Whether a comment follows on the line on which `span` ends.
fn has_comment(text: &str, span: Range<usize>) -> bool {
    let rest = text[span.end..].lines().next().unwrap_or_default();
    let rest = rest.trim_start_matches([']', ' ', '\t']);
    rest.strip_prefix('#').is_some_and(|reason| !reason.trim().is_empty())
}

fn aborting_profiles(file: &File, root: &DeTable<'_>) -> Vec<Finding> {
    let profiles = table(root, "profile").into_iter().flat_map(|profiles| profiles.values());
    let panics = profiles.filter_map(|profile| profile.get_ref().get("panic"));
    let aborts = panics.filter(|panic| panic.get_ref().as_str() == Some("abort"));
    let cure = "remove it: leaving the snapshot on a panic needs unwinding";
    aborts.map(|panic| Finding::new(&file.path, line(&file.text, panic.span()), cure)).collect()
}

/// Checks that a member inherits the workspace's lints.
pub(super) fn inherits_lints(path: &str, manifest: &str) -> Option<Finding> {
    let inherits = DeTable::parse(manifest).is_ok_and(|root| {
        table(root.get_ref(), "lints").is_some_and(|it| is_true(it, "workspace"))
    });
    (!inherits).then(|| Finding::new(path, 0, "add `[lints]` with `workspace = true`"))
}

/// Counts the line on which a span begins, from 1.
fn line(text: &str, span: Range<usize>) -> usize {
    text[..span.start].matches('\n').count() + 1
}
