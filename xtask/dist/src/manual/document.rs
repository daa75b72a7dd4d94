//! A page in `docs`, in Markdown, and its sections.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use roff::Roff;

use super::links::Links;
use super::markdown;

/// A page in `docs`.
pub(super) struct Document {
    name: String,
    text: String,
}

/// A part of a document: from a heading to the next one of the same level.
pub(super) struct Section<'d> {
    pub(super) level: HeadingLevel,
    pub(super) title: String,
    document: &'d str,
    events: Vec<Event<'d>>,
}

impl Document {
    /// Reads a page, named from the root of the checkout.
    pub(super) fn read(root: &Path, name: &str) -> Result<Self> {
        let text = fs::read_to_string(root.join(name));
        let text = text.with_context(|| format!("cannot read {name}"))?;
        Ok(Self { name: name.to_owned(), text })
    }

    /// Lists the sections, without the sections in them. The first one contains what stands below the title.
    pub(super) fn sections(&self) -> Vec<Section<'_>> {
        let mut sections: Vec<Section<'_>> = Vec::new();
        let mut events = Parser::new_ext(&self.text, Options::ENABLE_TABLES);
        while let Some(event) = events.next() {
            if let Event::Start(Tag::Heading { level, .. }) = event {
                let heading = events.by_ref().take_while(|it| !is_end_of_heading(it));
                let title = heading.filter_map(words).collect();
                let (document, events) = (self.name.as_str(), Vec::new());
                sections.push(Section { level, title, document, events });
            } else if let Some(section) = sections.last_mut() {
                section.events.push(event);
            }
        }
        sections
    }

    /// Shows the section of this title, with the sections in it, for the manual page `page`.
    pub(super) fn show(&self, title: &str, page: &str) -> Result<Roff> {
        let sections = self.sections();
        let mut rest = sections.iter().skip_while(|section| section.title != title);
        let first = rest.next();
        let first = first.with_context(|| format!("{} has no section {title:?}", self.name))?;
        let below = rest.take_while(|section| section.level > first.level);
        let mut roff = first.show(page)?;
        for section in below {
            roff.control("SS", [section.title.as_str()]);
            roff.extend([section.show(page)?]);
        }
        Ok(roff)
    }
}

impl Section<'_> {
    /// Shows the text below the heading, for the manual page `page`.
    pub(super) fn show(&self, page: &str) -> Result<Roff> {
        self.show_events(&self.events, page)
    }

    /// Shows the first paragraphs.
    pub(super) fn show_beginning(&self, paragraphs: usize, page: &str) -> Result<Roff> {
        let ends = self.events.iter().enumerate();
        let mut ends = ends.filter(|(_, event)| matches!(event, Event::End(TagEnd::Paragraph)));
        let (last, _) = ends.nth(paragraphs - 1).context("it has fewer paragraphs")?;
        self.show_events(&self.events[..=last], page)
    }

    fn show_events(&self, events: &[Event<'_>], page: &str) -> Result<Roff> {
        let links = Links { page, document: self.document };
        let shown = markdown::show(events, links);
        shown.with_context(|| format!("{}, section {:?}", self.document, self.title))
    }
}

fn is_end_of_heading(event: &Event<'_>) -> bool {
    matches!(event, Event::End(TagEnd::Heading(_)))
}

fn words(event: Event<'_>) -> Option<String> {
    match event {
        Event::Text(text) | Event::Code(text) => Some(text.into_string()),
        _ => None,
    }
}
