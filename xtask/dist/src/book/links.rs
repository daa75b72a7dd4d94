//! The links of the finished book: each leads to a file, and to an element with its name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};
use xtask_base::markdown;

/// What a page links to, and to what others can link on it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    links: BTreeSet<String>,
    names: BTreeSet<String>,
}

/// Checks all links. Returns the number of pages, and that of links.
pub(super) fn check(book: &Path) -> Result<(usize, usize)> {
    let mut files = BTreeMap::new();
    read(book, "", &mut files)?;
    let broken = broken(&files);
    ensure!(broken.is_empty(), "the book has broken links:\n{}", broken.join("\n"));
    let pages: Vec<_> = files.values().flatten().collect();
    Ok((pages.len(), pages.iter().map(|page| page.links.len()).sum()))
}

/// Reads a folder of the book. Only pages have content.
fn read(folder: &Path, name: &str, files: &mut BTreeMap<String, Option<Page>>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = format!("{name}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            read(&entry.path(), &format!("{name}/"), files)?;
        } else {
            let is_page = name.ends_with(".html");
            let page = is_page.then(|| fs::read_to_string(entry.path())).transpose()?;
            files.insert(name, page.map(|html| parsed(&html)));
        }
    }
    Ok(())
}

fn parsed(html: &str) -> Page {
    let mut page = Page::default();
    let mut emitter = DefaultEmitter::default();
    // Nothing in a script is a tag.
    emitter.naively_switch_states(true);
    for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
        if let Token::StartTag(tag) = token {
            page.names.extend(attribute(&tag, "id"));
            page.links.extend(["href", "src"].iter().filter_map(|name| attribute(&tag, name)));
        }
    }
    page
}

fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    let value = tag.attributes.get(name.as_bytes())?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// Lists the broken links of all pages.
fn broken(files: &BTreeMap<String, Option<Page>>) -> Vec<String> {
    let pages = files.iter().filter_map(|(name, page)| Some((name, page.as_ref()?)));
    let links = pages.flat_map(|(name, page)| page.links.iter().map(move |link| (name, link)));
    let broken = links.filter(|(name, link)| !leads_somewhere(files, name, link));
    broken.map(|(name, link)| format!("{name}: {link}")).collect()
}

fn leads_somewhere(files: &BTreeMap<String, Option<Page>>, name: &str, link: &str) -> bool {
    if markdown::is_external(link) {
        return markdown::is_well_formed(link);
    }
    let (path, anchor) = markdown::split(link);
    let path = path.split('?').next().unwrap_or_default();
    let to = if path.is_empty() { Some(name.to_owned()) } else { markdown::resolve(name, path) };
    match to.and_then(|to| files.get(&to)) {
        Some(Some(page)) => anchor.is_empty() || page.names.contains(anchor),
        Some(None) => anchor.is_empty(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_names_are_those_of_elements() {
        let page = parsed(
            "<a href='b.html?x#y' id=z>&lt;a href=no></a><img src=c.svg><!-- <a href=no> --><script>'<a href=no>'</script>",
        );
        assert_eq!(page.links.into_iter().collect::<Vec<_>>(), ["b.html?x#y", "c.svg"]);
        assert_eq!(page.names.into_iter().collect::<Vec<_>>(), ["z"]);
    }

    #[test]
    fn a_link_to_a_missing_file_or_name_is_broken() {
        let html = "<a href='b/b.html#there'><a href='b/b.html#gone'><a href='gone.html'><a href='#here' id=here>\
                    <a href='#gone'><a href='x.svg#gone'><a href='https://example.org'><a href='../a.html'>";
        let files = BTreeMap::from([
            ("a.html".to_owned(), Some(parsed(html))),
            (
                "b/b.html".to_owned(),
                Some(parsed("<h2 id=there></h2><a href='../a.html'><img src='../x.svg'>")),
            ),
            ("x.svg".to_owned(), None),
        ]);
        let expected = ["#gone", "../a.html", "b/b.html#gone", "gone.html", "x.svg#gone"];
        assert_eq!(broken(&files), expected.map(|link| format!("a.html: {link}")));
    }
}
