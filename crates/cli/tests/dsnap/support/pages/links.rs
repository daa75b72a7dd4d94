//! The links of a page: to files of the checkout, and to headings.

use super::markdown::Page;
use super::root;

/// Lists the links of a page that lead nowhere. Links to other hosts are not followed.
pub(crate) fn broken_links<'a>(page: &'a Page, pages: &[Page]) -> Vec<&'a str> {
    let links = page.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let inner = links.filter(|link| !link.contains("://"));
    inner.filter(|link| !leads_somewhere(page, link, pages)).collect()
}

fn leads_somewhere(page: &Page, link: &str, pages: &[Page]) -> bool {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let folder = page.name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let path = root().join(folder).join(file);
    let name = if file.is_empty() { Some(page.name.clone()) } else { name(&path) };
    let Some(name) = name else { return false };
    let target = pages.iter().find(|page| page.name == name);
    anchor.is_empty() || target.is_some_and(|target| has_heading(&target.text, anchor))
}

/// The path of an existing file from the root of the checkout.
fn name(path: &std::path::Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    Some(path.strip_prefix(root().canonicalize().ok()?).ok()?.to_str()?.to_owned())
}

/// Tells whether a heading has this anchor, as GitHub makes it.
fn has_heading(text: &str, anchor: &str) -> bool {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| line.trim_start_matches('#').trim()).map(slug).any(|it| it == anchor)
}

fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
    kept.map(|it| if it == ' ' { '-' } else { it.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_a_missing_file_or_heading_is_broken() {
        let text = "[a](README.md#quick-start) [b](docs/nope.md) [c](#exit-status) [d](#nope)\n\
            [e](https://example.org/x) [f](testkit/examples/backup.sh) [g](LICENSE-MIT#nope)";
        let page = Page { text: text.to_owned(), ..Page::named("README.md") };
        let readme = Page::named("README.md");
        assert_eq!(broken_links(&page, &[readme]), ["docs/nope.md", "#nope", "LICENSE-MIT#nope"]);
    }
}
