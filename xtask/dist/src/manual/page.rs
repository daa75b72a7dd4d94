//! A manual page: its title, its sections, and the text that `man` reads.

use roff::{Inline, Roff, bold, roman};

/// What `roff` writes at the beginning of each text: a page needs it once.
const PREAMBLE_LINES: usize = 2;

/// A manual page.
pub(super) struct Page {
    name: String,
    section: &'static str,
    text: String,
}

/// The names and sections of all pages.
pub(super) const PAGES: [(&str, &str); 4] =
    [("dsnap", "1"), ("dsnap-testkit", "1"), ("snapshot.conf", "5"), ("dsnap-method", "7")];

/// What the sections of the manual are called.
const MANUALS: [(&str, &str); 3] =
    [("1", "User Commands"), ("5", "File Formats"), ("7", "Miscellaneous")];

impl Page {
    /// Begins a page. `what` completes the line that `whatis` shows.
    pub(super) fn new((name, section): (&str, &'static str), date: &str, what: &str) -> Self {
        let manual = MANUALS.iter().find(|(number, _)| *number == section);
        let manual = manual.map_or("", |(_, manual)| manual);
        let version = concat!("dsnap ", env!("CARGO_PKG_VERSION"));
        let mut roff = Roff::new();
        roff.control("TH", [name, section, date, version, manual]);
        // Names and options stay in one piece, so that they can be found and copied.
        roff.control("nh", []).control("ad", ["l"]);
        roff.control("SH", ["NAME"]);
        roff.text([roman(format!("{name} - {what}"))]);
        Self { name: name.to_owned(), section, text: roff.render() }
    }

    /// Adds text.
    pub(super) fn add(&mut self, roff: &Roff) {
        self.add_rendered(&roff.render());
    }

    /// Adds text that `roff` has rendered.
    pub(super) fn add_rendered(&mut self, text: &str) {
        let lines = text.lines().skip(PREAMBLE_LINES);
        self.add_lines(&lines.collect::<Vec<_>>().join("\n"));
    }

    /// Adds lines of a text that `roff` has rendered.
    pub(super) fn add_lines(&mut self, lines: &str) {
        for line in lines.lines() {
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    /// Begins a section.
    pub(super) fn heading(&mut self, title: &str) {
        let mut roff = Roff::new();
        roff.control("SH", [title]);
        self.add(&roff);
    }

    /// Adds a paragraph. Words between backquotes are bold.
    pub(super) fn paragraph(&mut self, text: &str) {
        let pieces = text.split('`').enumerate();
        let line = pieces.map(|(index, it)| if index % 2 == 0 { roman(it) } else { bold(it) });
        let mut roff = Roff::new();
        roff.control("PP", []);
        roff.text(line.collect::<Vec<_>>());
        self.add(&roff);
    }

    /// Adds terms, each with its meaning.
    pub(super) fn terms<'t>(&mut self, terms: impl IntoIterator<Item = (&'t str, &'t str)>) {
        let mut roff = Roff::new();
        for (term, meaning) in terms {
            roff.control("TP", []);
            roff.text([bold(term)]);
            roff.text([roman(meaning)]);
        }
        self.add(&roff);
    }

    /// Ends the page with the other pages, and with where the documentation is.
    pub(super) fn see_also(&mut self) {
        self.heading("SEE ALSO");
        let others = PAGES.iter().filter(|(name, _)| *name != self.name);
        let mut line: Vec<Inline> = Vec::new();
        for (name, section) in others {
            line.push(roman(if line.is_empty() { "" } else { ", " }));
            line.extend(reference(name, section));
        }
        let mut roff = Roff::new();
        roff.text(line);
        self.add(&roff);
        self.paragraph(
            "Names such as docs/security.md are pages of the documentation that comes with dsnap, \
             which your system may keep in /usr/share/doc/dsnap.",
        );
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn section(&self) -> &'static str {
        self.section
    }

    pub(super) fn file_name(&self) -> String {
        format!("{}.{}", self.name, self.section)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// Writes the name of a page as manuals do.
pub(super) fn reference(name: &str, section: &str) -> [Inline; 2] {
    [bold(name), roman(format!("({section})"))]
}
