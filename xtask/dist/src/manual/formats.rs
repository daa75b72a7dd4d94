//! The pages that are made from `docs`: `snapshot.conf(5)` and `dsnap-method(7)`.

use std::path::Path;

use anyhow::{Context, Result};
use pulldown_cmark::HeadingLevel;
use roff::Roff;

use super::contents::{CONF, GUIDE, GUIDE_SECTIONS, METHOD};
use super::document::{Document, Section};
use super::page::Page;

/// How many paragraphs of the guide say what a method is.
const GUIDE_INTRODUCTION: usize = 2;

/// The sections that manual pages leave out: they are about this checkout, not about the installed program.
const LEFT_OUT: [&str; 2] = ["Try it", "How this is tested"];

/// Makes `snapshot.conf(5)`.
pub(super) fn conf(root: &Path, date: &str) -> Result<Page> {
    let what = "how dsnap puts a DirectoryStorage into snapshot mode";
    let mut page = Page::new(CONF, date, what);
    page.heading("DESCRIPTION");
    add_document(&mut page, &Document::read(root, "docs/snapshot-conf.md")?, Below::Page)?;
    page.heading("ASKING A ZEO SERVER");
    add_document(&mut page, &Document::read(root, "docs/zeo.md")?, Below::Section)?;
    page.see_also();
    Ok(page)
}

/// Makes `dsnap-method(7)`.
pub(super) fn method(root: &Path, date: &str) -> Result<Page> {
    let what = "how a method puts a DirectoryStorage into snapshot mode for dsnap";
    let mut page = Page::new(METHOD, date, what);
    let guide = Document::read(root, GUIDE)?;
    page.heading("DESCRIPTION");
    let sections = guide.sections();
    let introduction = sections.first().context("the guide is empty")?;
    page.add(&introduction.show_beginning(GUIDE_INTRODUCTION, METHOD.0)?);
    for title in GUIDE_SECTIONS {
        page.heading(&title.to_uppercase());
        page.add(&guide.show(title, METHOD.0)?);
    }
    page.heading("THE INTERFACE FOR LIBRARIES");
    add_document(&mut page, &Document::read(root, "docs/abi.md")?, Below::Section)?;
    page.see_also();
    Ok(page)
}

/// What a document is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Below {
    /// The page: the sections of the document become sections of the page.
    Page,
    /// A section of the page.
    Section,
}

/// Adds a whole document, without its title.
fn add_document(page: &mut Page, document: &Document, below: Below) -> Result<()> {
    let sections = document.sections();
    let wanted = |section: &&Section<'_>| !LEFT_OUT.contains(&section.title.as_str());
    for section in sections.iter().filter(wanted) {
        let mut roff = Roff::new();
        match section.level {
            HeadingLevel::H1 => {}
            HeadingLevel::H2 if below == Below::Page => page.heading(&section.title.to_uppercase()),
            _ => _ = roff.control("SS", [section.title.as_str()]),
        }
        roff.extend([section.show(page.name())?]);
        page.add(&roff);
    }
    Ok(())
}
