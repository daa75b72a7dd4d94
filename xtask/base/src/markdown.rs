//! Links and headings of a page in Markdown, as a parser sees them: nothing in code blocks counts.

use std::collections::HashMap;
use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// A link or an image.
#[derive(Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it leads: a path, a URL, `#anchor`, or a path and an anchor.
    pub target: String,
    /// Where the target stands in the text; of a reference (`[a][b]`), where the link does.
    pub at: Range<usize>,
}

/// A heading.
#[derive(Debug, PartialEq, Eq)]
pub struct Heading {
    /// Its text, without marks such as backticks.
    pub text: String,
    /// The name that forges give it in links.
    pub anchor: String,
}

/// Lists the links and images of a page.
pub fn links(page: &str) -> Vec<Link> {
    let events = events(page).filter_map(|(event, range)| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some((dest_url.into_string(), range))
        }
        _ => None,
    });
    events.map(|(target, range)| Link { at: place(page, &target, range), target }).collect()
}

/// Finds the target in the text of its link. It is the last part of an inline link.
fn place(page: &str, target: &str, link: Range<usize>) -> Range<usize> {
    match page[link.clone()].rfind(target) {
        Some(at) => link.start + at..link.start + at + target.len(),
        None => link,
    }
}

/// Lists the places where HTML of a page refers to something, which [`links`] does not see.
pub fn html_links(page: &str) -> Vec<Range<usize>> {
    let refers = |html: &str| html.contains("href=") || html.contains("src=");
    let html = events(page).filter(|(event, _)| match event {
        Event::Html(html) | Event::InlineHtml(html) => refers(html),
        _ => false,
    });
    html.map(|(_, range)| range).collect()
}

/// Lists the headings of a page.
pub fn headings(page: &str) -> Vec<Heading> {
    let (mut headings, mut open, mut seen) = (Vec::new(), None::<String>, HashMap::new());
    for (event, _) in events(page) {
        match (event, &mut open) {
            (Event::Start(Tag::Heading { .. }), _) => open = Some(String::new()),
            (Event::Text(text) | Event::Code(text), Some(heading)) => heading.push_str(&text),
            (Event::SoftBreak | Event::HardBreak, Some(heading)) => heading.push(' '),
            (Event::End(TagEnd::Heading(_)), _) => {
                let text = open.take().unwrap_or_default();
                let anchor = anchor(&text, &mut seen);
                headings.push(Heading { text, anchor });
            }
            _ => {}
        }
    }
    headings
}

/// Makes the anchor of a heading as GitHub does: a repeated one gets a number.
fn anchor(heading: &str, seen: &mut HashMap<String, usize>) -> String {
    let kept = heading.trim().chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
    let slug = kept.map(|it| if it == ' ' { '-' } else { it }).collect::<String>().to_lowercase();
    let count = seen.entry(slug.clone()).or_default();
    *count += 1;
    if *count == 1 { slug } else { format!("{slug}-{}", *count - 1) }
}

fn events(page: &str) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
    Parser::new_ext(page, Options::ENABLE_TABLES).into_offset_iter()
}

/// Splits the target of a link into a path and an anchor; either may be empty.
pub fn split(target: &str) -> (&str, &str) {
    target.split_once('#').unwrap_or((target, ""))
}

/// Tells whether a link leads to another host.
pub fn is_external(target: &str) -> bool {
    let scheme = target.split_once(':').map_or("", |(scheme, _)| scheme);
    !scheme.is_empty() && scheme.chars().all(|it| it.is_ascii_alphanumeric() || "+-.".contains(it))
}

/// Tells whether an external link can be followed: a scheme that browsers know, and a host or an
/// address.
pub fn is_well_formed(target: &str) -> bool {
    let is_name = |it: char| it.is_ascii_alphanumeric() || "-.".contains(it);
    let authority = |rest: &str| {
        let host = rest.split(['/', '?', '#', ':']).next().unwrap_or_default();
        host.contains('.') && host.chars().all(is_name) && !host.starts_with('.')
    };
    let known = ["https://", "http://"].iter().find_map(|it| target.strip_prefix(it));
    !target.contains(char::is_whitespace)
        && match (known, target.strip_prefix("mailto:")) {
            (Some(rest), _) => authority(rest),
            (None, Some(address)) => {
                address.split_once('@').is_some_and(|(_, host)| authority(host))
            }
            (None, None) => false,
        }
}

/// Resolves a path relative to the page that contains it; both begin at the same root. Returns `None` for a
/// path that leads out of the root.
pub fn resolve(page: &str, path: &str) -> Option<String> {
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!path.starts_with('/')).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(page: &str) -> Vec<String> {
        links(page).into_iter().map(|link| link.target).collect()
    }

    #[test]
    fn links_images_and_references_are_found_but_not_those_in_code() {
        let page = "[a](a.md#b) ![c](c.svg)\n\n`[no](no.md)`\n\n```\n[no](no.md)\n```\n\n[d][e]\n\n[e]: e.md\n";
        assert_eq!(targets(page), ["a.md#b", "c.svg", "e.md"]);
        assert_eq!(&page[links(page)[0].at.clone()], "a.md#b");
        assert_eq!(html_links("a <img src=\"x\"> <!-- $ x --> `<a href=>`").len(), 1);
    }

    #[test]
    fn the_target_is_found_behind_a_text_with_the_same_words() {
        let page = "[a.md](a.md)";
        assert_eq!(links(page)[0].at, 7..11);
    }

    #[test]
    fn anchors_are_those_of_forges() {
        let page = "# The `--status`, in short\n\n```sh\n# no heading\n```\n\n## B/ fills\n\n## B/ fills\n";
        let anchors: Vec<_> = headings(page).into_iter().map(|it| it.anchor).collect();
        assert_eq!(anchors, ["the---status-in-short", "b-fills", "b-fills-1"]);
    }

    #[test]
    fn an_external_link_needs_a_known_scheme_and_a_host() {
        for good in ["https://rust-lang.org", "http://example.org:80/x?y#z", "mailto:a@example.org"]
        {
            assert!(is_external(good) && is_well_formed(good), "{good}");
        }
        for bad in
            ["https://", "https:/example.org", "htps://example.org", "https://a b.org", "mailto:a"]
        {
            assert!(is_external(bad) && !is_well_formed(bad), "{bad}");
        }
        assert!(!is_external("a.md#b:c") && !is_external("#x"));
    }

    #[test]
    fn a_path_is_resolved_against_its_page_and_stays_below_the_root() {
        assert_eq!(resolve("docs/a.md", "../README.md").as_deref(), Some("README.md"));
        assert_eq!(resolve("docs/a/b.md", "./c.md").as_deref(), Some("docs/a/c.md"));
        assert_eq!(resolve("docs/a.md", "../../x"), None);
        assert_eq!(resolve("docs/a.md", "/x"), None);
    }
}
