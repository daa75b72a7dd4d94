//! The sources of the book: the files of `docs`, and the files outside of it to which pages link.
//!
//! A page links to a file such as `../CHANGELOG.md`, because that works on forges. A book contains only what
//! is below its folder. So such a file is copied to `source/`, and links to it are changed. A page that is
//! copied in this way becomes a chapter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use xtask_base::markdown::{self, Link};
use xtask_base::process::Program;

/// The folder of the pages, beside `book.toml`.
pub(super) const PAGES: &str = "src";
const DOCS: &str = "docs/";
/// Files of `docs` that set mdBook up, and are no pages.
const SETTINGS: [&str; 2] = ["docs/book.toml", "docs/book.css"];
/// The table of contents.
const SUMMARY: &str = "SUMMARY.md";
/// The part of the table of contents with the pages from outside of `docs`.
const PROJECT_HEADING: &str = "\n# The project\n\n";

/// Files by their path in the checkout.
type Files = BTreeMap<String, Vec<u8>>;

/// Writes the sources of the book into a new folder.
pub(super) fn write(root: &Path, folder: &Path) -> Result<()> {
    let read = |path: &str| {
        fs::read(root.join(path))
            .with_context(|| format!("cannot read {path}, to which a page links"))
    };
    let names = Program::new("git").args(["ls-files", "-z", DOCS]).dir(root).quiet()?.stdout;
    let mut files = Files::new();
    for name in names.split_terminator('\0') {
        files.insert(name.to_owned(), read(name)?);
    }
    for (place, content) in arrange(files, read)? {
        let path = folder.join(place);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Arranges the files of `docs`, and those to which they link, as mdBook expects them. `read` reads a file
/// of the checkout.
fn arrange(docs: Files, read: impl Fn(&str) -> Result<Vec<u8>>) -> Result<Files> {
    let (mut arranged, mut outside) = (Files::new(), BTreeSet::new());
    let mut queue: Vec<_> = docs.into_iter().collect();
    let mut others = String::new();
    while let Some((name, mut content)) = queue.pop() {
        if name.ends_with(".md") {
            let page = String::from_utf8(content).with_context(|| format!("{name} is no text"))?;
            let (page, found) = moved_page(&name, page)?;
            for path in found {
                if outside.insert(path.clone()) {
                    let content = read(&path)?;
                    queue.push((path, content));
                }
            }
            content = page.into_bytes();
        }
        arranged.insert(place(&name), content);
    }
    for path in outside.iter().filter(|path| path.ends_with(".md")) {
        let title =
            title(&arranged[&place(path)]).with_context(|| format!("{path} has no heading"))?;
        writeln!(others, "- [{title}]({})", in_book(path))?;
    }
    if let Some(summary) = arranged.get_mut(&format!("{PAGES}/{SUMMARY}"))
        && !others.is_empty()
    {
        summary.extend((PROJECT_HEADING.to_owned() + &others).into_bytes());
    }
    Ok(arranged)
}

/// The place of a file of the checkout in the folder of the book's sources.
fn place(name: &str) -> String {
    match name.strip_prefix(DOCS) {
        Some(setting) if SETTINGS.contains(&name) => setting.to_owned(),
        _ => format!("{PAGES}/{}", in_book(name)),
    }
}

/// The path of a file of the checkout, as pages of the book link to it from the top.
fn in_book(name: &str) -> String {
    match name.strip_prefix(DOCS) {
        // mdBook makes `index.html` of it, but links to it would lead to `README.html`.
        Some(name) => name.replace("README.md", "index.md"),
        None => format!("source/{name}"),
    }
}

/// Changes the links of a page that would lead elsewhere in the book. Returns the page, and the files
/// outside of `docs` to which it links.
fn moved_page(name: &str, mut page: String) -> Result<(String, BTreeSet<String>)> {
    let (links, mut outside) = (markdown::links(&page), BTreeSet::new());
    for Link { target, at } in links.into_iter().rev() {
        let (path, anchor) = markdown::split(&target);
        if markdown::is_external(&target) || path.is_empty() {
            continue;
        }
        let to = markdown::resolve(name, path)
            .with_context(|| format!("{name}: {target} leads out of the checkout"))?;
        if !to.starts_with(DOCS) {
            outside.insert(to.clone());
        }
        ensure!(page[at.clone()] == target, "{name}: write {target} in the link itself");
        let mark = if anchor.is_empty() { "" } else { "#" };
        page.replace_range(at, &format!("{}{mark}{anchor}", relative(name, &to)));
    }
    Ok((page, outside))
}

/// The link from one file to another, both named as in the checkout.
fn relative(from: &str, to: &str) -> String {
    let up = "../".repeat(in_book(from).matches('/').count());
    up + &in_book(to)
}

/// The first heading of a page.
fn title(page: &[u8]) -> Option<String> {
    let headings = markdown::headings(&String::from_utf8_lossy(page));
    headings.into_iter().next().map(|heading| heading.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arranged_from(docs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let docs = docs.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
        let read = |path: &str| match path {
            "LOG.md" => Ok(b"# Log\n\n[a](docs/a.md#x) [c](lib/c.rs)\n".to_vec()),
            "lib/c.rs" => Ok(b"code".to_vec()),
            _ => anyhow::bail!("{path} is not there"),
        };
        let files = arrange(docs.collect(), read).unwrap().into_iter();
        files.map(|(name, content)| (name, String::from_utf8(content).unwrap())).collect()
    }

    #[test]
    fn a_file_outside_of_docs_is_copied_and_links_to_it_are_changed() {
        let files = arranged_from(&[
            ("docs/SUMMARY.md", "[D](README.md)\n[A](a.md)\n"),
            ("docs/README.md", ""),
            ("docs/a.md", "[log](../LOG.md#log) [b](b/b.md) [x](#x) [y](https://example.org)\n"),
            ("docs/b/b.md", "[code](../../lib/c.rs) [a](../a.md)\n"),
            ("docs/book.toml", "[book]\n"),
        ]);
        let page = |name: &str| files[name].as_str();
        assert_eq!(
            page("src/a.md"),
            "[log](source/LOG.md#log) [b](b/b.md) [x](#x) [y](https://example.org)\n"
        );
        assert_eq!(page("src/b/b.md"), "[code](../source/lib/c.rs) [a](../a.md)\n");
        assert_eq!(page("src/source/LOG.md"), "# Log\n\n[a](../a.md#x) [c](../source/lib/c.rs)\n");
        assert_eq!(page("src/source/lib/c.rs"), "code");
        let others = "\n# The project\n\n- [Log](source/LOG.md)\n";
        assert_eq!(page("src/SUMMARY.md"), format!("[D](index.md)\n[A](a.md)\n{others}"));
        assert_eq!(page("src/index.md"), "");
        assert_eq!(page("book.toml"), "[book]\n");
    }
}
