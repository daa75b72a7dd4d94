//! From Markdown to the text of a manual page.
//!
//! Code becomes bold, as names in manual pages are. A table becomes a list: the first column is the term,
//! and the others are its meaning. What a manual page cannot show is an error, so that nothing gets lost.

use anyhow::{Result, bail};
use pulldown_cmark::{CodeBlockKind, Event, Tag, TagEnd};
use roff::{Inline, Roff, bold, italic, roman};

use super::links::{Links, Shown};

/// How far a code block is indented.
const CODE_INDENT: &str = "4";
const CODE_INDENT_IN_LIST: &str = "8";
/// How far the text of a list is indented.
const LIST_INDENT: &str = "4";

/// Shows a piece of Markdown.
pub(super) fn show(events: &[Event<'_>], links: Links<'_>) -> Result<Roff> {
    let mut writer = Writer::new(links);
    events.iter().try_for_each(|event| writer.add(event))?;
    Ok(writer.roff)
}

/// A text while it is written.
// wide: one field for each part of a document that can be open
struct Writer<'l> {
    links: Links<'l>,
    roff: Roff,
    /// The words of the current paragraph, heading or cell.
    line: Vec<Inline>,
    /// Whether these words stand out.
    emphasis: usize,
    in_code_block: bool,
    /// The lists around this place: the next number of each, if its items have numbers.
    lists: Vec<Option<u64>>,
    /// Whether the next paragraph stands beside the sign of its item.
    at_item: bool,
    /// The target of the current link, and the number of words before the link.
    link: Option<(String, usize)>,
    table: Table,
}

/// The cells of the current table.
#[derive(Default)]
struct Table {
    head: Vec<Vec<Inline>>,
    row: Vec<Vec<Inline>>,
}

impl<'l> Writer<'l> {
    fn new(links: Links<'l>) -> Self {
        Self {
            links,
            roff: Roff::new(),
            line: Vec::new(),
            emphasis: 0,
            in_code_block: false,
            lists: Vec::new(),
            at_item: false,
            link: None,
            table: Table::default(),
        }
    }

    fn add(&mut self, event: &Event<'_>) -> Result<()> {
        match event {
            Event::Start(tag) => return self.start(tag),
            Event::End(tag) => self.end(*tag),
            Event::Text(text) if self.in_code_block => self.code(text),
            Event::Text(text) if self.emphasis > 0 => self.line.push(italic(&**text)),
            Event::Text(text) => self.line.push(roman(&**text)),
            Event::Code(text) => self.line.push(bold(&**text)),
            Event::SoftBreak => self.line.push(roman(" ")),
            Event::HardBreak => self.line.push(Inline::LineBreak),
            Event::Html(_) | Event::InlineHtml(_) => {}
            other => bail!("a manual page cannot show {other:?}"),
        }
        Ok(())
    }

    fn start(&mut self, tag: &Tag<'_>) -> Result<()> {
        match tag {
            Tag::Paragraph => self.begin_paragraph(),
            Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented) => self.begin_code(),
            Tag::List(first) => self.begin_list(*first),
            Tag::Item => self.begin_item(),
            Tag::Emphasis | Tag::Strong => self.emphasis += 1,
            Tag::Link { dest_url, .. } => {
                self.link = Some((dest_url.to_string(), self.line.len()));
            }
            Tag::Table(_) => self.table = Table::default(),
            Tag::TableHead | Tag::TableRow | Tag::TableCell | Tag::HtmlBlock => {}
            other => bail!("a manual page cannot show {other:?}"),
        }
        Ok(())
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => self.flush(),
            TagEnd::CodeBlock => self.end_code(),
            TagEnd::List(_) => self.end_list(),
            // An item without paragraphs has its words in the item itself.
            TagEnd::Item => self.flush(),
            TagEnd::Emphasis | TagEnd::Strong => self.emphasis -= 1,
            TagEnd::Link => self.end_link(),
            TagEnd::TableCell => self.table.row.push(std::mem::take(&mut self.line)),
            TagEnd::TableHead => self.table.head = std::mem::take(&mut self.table.row),
            TagEnd::TableRow => self.end_row(),
            _ => {}
        }
    }

    fn begin_paragraph(&mut self) {
        match (self.lists.is_empty(), self.at_item) {
            (true, _) => _ = self.roff.control("PP", []),
            (false, false) => _ = self.roff.control("IP", ["", LIST_INDENT]),
            (false, true) => {}
        }
        self.at_item = false;
    }

    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.at_item = false;
            self.roff.text(line);
        }
    }

    fn begin_code(&mut self) {
        self.flush();
        self.in_code_block = true;
        let (space, indent) =
            if self.lists.is_empty() { ("PP", CODE_INDENT) } else { ("sp", CODE_INDENT_IN_LIST) };
        self.roff.control(space, []).control("RS", [indent]).control("EX", []);
    }

    fn code(&mut self, text: &str) {
        text.lines().for_each(|line| _ = self.roff.text([roman(line)]));
    }

    fn end_code(&mut self) {
        self.in_code_block = false;
        self.roff.control("EE", []).control("RE", []);
    }

    fn begin_list(&mut self, first: Option<u64>) {
        self.flush();
        if !self.lists.is_empty() {
            self.roff.control("RS", [LIST_INDENT]);
        }
        self.lists.push(first);
    }

    fn begin_item(&mut self) {
        let sign = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{}.", *number - 1)
            }
            _ => "\\(bu".to_owned(),
        };
        self.roff.control("IP", [sign.as_str(), LIST_INDENT]);
        self.at_item = true;
    }

    fn end_list(&mut self) {
        self.lists.pop();
        if !self.lists.is_empty() {
            self.roff.control("RE", []);
        }
    }

    fn end_link(&mut self) {
        let Some((target, begin)) = self.link.take() else { return };
        match self.links.show(&target) {
            Shown::Words => {}
            Shown::WordsAnd(more) => self.line.push(more),
            Shown::Instead(name) => {
                self.line.truncate(begin);
                self.line.extend(name);
            }
        }
    }

    /// Writes a row of a table: the first cell as a term, the others below their headings.
    fn end_row(&mut self) {
        let mut cells = std::mem::take(&mut self.table.row).into_iter();
        self.roff.control("TP", []);
        self.roff.text(cells.next().unwrap_or_default());
        let several = self.table.head.len() > 2;
        let headed = cells.zip(self.table.head.iter().skip(1)).filter(|(cell, _)| !cell.is_empty());
        for (index, (cell, heading)) in headed.enumerate() {
            if index > 0 {
                self.roff.control("br", []);
            }
            let mut line =
                if several { [heading.as_slice(), &[roman(": ")]].concat() } else { Vec::new() };
            line.extend(cell);
            self.roff.text(line);
        }
    }
}
