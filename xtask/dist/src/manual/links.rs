//! Links of the pages in `docs`, as manual pages show them.
//!
//! A link into the same manual page is shown as its words. A link into another manual page becomes the name
//! of that page. Any other link is shown as its words, followed by the file.

use roff::{Inline, roman};

use super::contents::CONTENTS;
use super::page::reference;

/// Where links are found: in a document, as part of a manual page.
#[derive(Clone, Copy)]
pub(super) struct Links<'l> {
    pub(super) page: &'l str,
    pub(super) document: &'l str,
}

/// How a link is shown.
pub(super) enum Shown {
    /// As its words.
    Words,
    /// As its words, followed by this.
    WordsAnd(Inline),
    /// As this instead of its words.
    Instead([Inline; 2]),
}

impl Links<'_> {
    /// Decides how to show a link to `target`.
    pub(super) fn show(&self, target: &str) -> Shown {
        if target.contains("://") {
            return Shown::WordsAnd(roman(format!(" <{target}>")));
        }
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let file = if file.is_empty() { self.document.to_owned() } else { self.path_of(file) };
        match CONTENTS.iter().find(|it| it.document == file && it.contains(anchor)) {
            Some(content) if content.page.0 == self.page => Shown::Words,
            Some(content) => Shown::Instead(reference(content.page.0, content.page.1)),
            None => Shown::WordsAnd(roman(format!(" ({file})"))),
        }
    }

    /// Names a file from the root of the checkout. Links are relative to the folder of their document.
    fn path_of(&self, file: &str) -> String {
        let folder = self.document.rsplit_once('/').map_or("", |(folder, _)| folder);
        match file.strip_prefix("../") {
            Some(file) => file.to_owned(),
            None if folder.is_empty() => file.to_owned(),
            None => format!("{folder}/{file}"),
        }
    }
}
