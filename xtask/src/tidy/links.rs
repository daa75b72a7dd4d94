//! Links of all pages in Markdown: each leads to a file and a heading that exist. Pages of the book are
//! in its table of contents and on the map in the README.
//!
//! Links to other hosts are checked for their form only.

use std::collections::BTreeSet;

use xtask_base::markdown;

use super::{Checkout, File, Finding};

/// The table of contents of the book.
const SUMMARY: &str = "docs/SUMMARY.md";
const README: &str = "README.md";
/// The first page of the book, which says what the README says.
const FIRST_PAGE: &str = "docs/README.md";

/// Finds broken links, and pages that no reader finds.
pub(super) fn links(checkout: &Checkout) -> Vec<Finding> {
    let pages = checkout.files.iter().filter(|file| file.path.ends_with(".md"));
    let mut findings: Vec<_> = pages.flat_map(|page| of_page(checkout, page)).collect();
    for map in [SUMMARY, README] {
        findings.extend(unlinked(checkout, map));
    }
    findings
}

fn of_page(checkout: &Checkout, page: &File) -> Vec<Finding> {
    let line = |at: usize| page.text[..at].lines().count().max(1);
    let html = markdown::html_links(&page.text).into_iter().map(|at| {
        let cure = "write this link in Markdown: links in HTML are not checked";
        Finding::new(&page.path, line(at.start + 1), cure)
    });
    let broken = markdown::links(&page.text).into_iter().filter_map(|link| {
        let cure = broken(checkout, page, &link.target)?;
        Some(Finding::new(&page.path, line(link.at.start + 1), cure))
    });
    html.chain(broken).collect()
}

/// Says what is wrong with a link.
fn broken(checkout: &Checkout, page: &File, target: &str) -> Option<String> {
    if markdown::is_external(target) {
        let is_broken = !markdown::is_well_formed(target);
        return is_broken.then(|| format!("{target} is no address that a browser could open"));
    }
    let (path, anchor) = markdown::split(target);
    let Some(path) = destination(&page.path, path) else {
        return Some(format!("{target} leads out of the checkout"));
    };
    match checkout.text(&path) {
        None if anchor.is_empty() && is_folder(checkout, &path) => None,
        None => Some(format!("{target} leads nowhere: {path} does not exist")),
        Some(_) if anchor.is_empty() => None,
        Some(text) if has_anchor(text, anchor) => None,
        Some(_) => Some(format!("{target} leads nowhere: {path} has no such heading")),
    }
}

/// The path of a link from the root of the checkout.
fn destination(page: &str, path: &str) -> Option<String> {
    if path.is_empty() { Some(page.to_owned()) } else { markdown::resolve(page, path) }
}

fn is_folder(checkout: &Checkout, path: &str) -> bool {
    let folder = format!("{path}/");
    checkout.files.iter().any(|file| file.path.starts_with(&folder))
}

fn has_anchor(text: &str, anchor: &str) -> bool {
    markdown::headings(text).iter().any(|heading| heading.anchor == anchor)
}

/// Finds pages of the book to which this page has no link.
fn unlinked(checkout: &Checkout, map: &str) -> Vec<Finding> {
    let Some(text) = checkout.text(map) else { return Vec::new() };
    let links = markdown::links(text).into_iter();
    let linked: BTreeSet<_> =
        links.filter_map(|link| destination(map, markdown::split(&link.target).0)).collect();
    let is_page = |path: &str| path.starts_with("docs/") && path.ends_with(".md");
    let is_expected = |path: &str| is_page(path) && ![map, SUMMARY].contains(&path);
    let pages = checkout.files.iter().map(|file| file.path.as_str());
    let missing = pages.filter(|path| {
        is_expected(path) && !linked.contains(*path) && (map, *path) != (README, FIRST_PAGE)
    });
    missing.map(|path| Finding::new(map, 0, format!("link to {path}"))).collect()
}
