//! A page in Markdown, as far as a test reads it: sections, fenced blocks, and hidden commands.

use std::fs;
use std::path::Path;

use super::root;

/// Begins a command that readers of the page do not see; ` -->` ends it.
const HIDDEN: &str = "<!-- $ ";

/// A page of the documentation.
#[derive(Debug)]
pub(crate) struct Page {
    /// Its path from the root of the checkout.
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) sections: Vec<Section>,
}

/// What stands below one heading `## `, or above the first one.
#[derive(Debug, Default)]
pub(crate) struct Section {
    pub(crate) heading: String,
    pub(crate) steps: Vec<Step>,
}

/// Something to do.
#[derive(Debug)]
pub(crate) enum Step {
    Block(Block),
    /// A command that the page hides from its readers, and where it stands.
    Hidden(String, String),
}

/// A fenced block.
#[derive(Debug)]
pub(crate) struct Block {
    /// The text that follows the opening fence on its line.
    pub(crate) fence: String,
    pub(crate) text: Vec<String>,
    /// The page and the line of the fence.
    pub(crate) place: String,
}

impl Page {
    /// Reads every page: those in the main folder, and those in `docs` and below.
    pub(crate) fn all() -> Vec<Self> {
        let mut names = Vec::new();
        list(Path::new(""), false, &mut names);
        list(Path::new("docs"), true, &mut names);
        names.iter().map(|name| Self::named(name)).collect()
    }

    /// Reads the page with this path from the root of the checkout.
    pub(crate) fn named(name: &str) -> Self {
        let text = fs::read_to_string(root().join(name)).unwrap();
        Self { name: name.to_owned(), sections: sections(name, &text), text }
    }

    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.sections.iter().flat_map(Section::blocks)
    }

    /// Returns the section whose heading begins with these words.
    pub(crate) fn section(&self, heading: &str) -> &Section {
        let found = self.sections.iter().find(|section| section.heading.starts_with(heading));
        found.unwrap_or_else(|| panic!("{} has no section {heading}", self.name))
    }
}

impl Section {
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.steps.iter().filter_map(|step| match step {
            Step::Block(block) => Some(block),
            Step::Hidden(..) => None,
        })
    }

    /// Tells whether a step mentions these words.
    pub(crate) fn mentions(&self, words: &str) -> bool {
        self.steps.iter().any(|step| match step {
            Step::Block(block) => block.text.iter().any(|line| line.contains(words)),
            Step::Hidden(command, _) => command.contains(words),
        })
    }
}

impl Block {
    /// The language: the first word behind the fence.
    pub(crate) fn kind(&self) -> &str {
        self.fence.split(' ').next().unwrap_or_default()
    }

    /// Why the block is not run, if it says so.
    pub(crate) fn not_run(&self) -> Option<&str> {
        self.fence.split_once(" not run: ").map(|(_, why)| why)
    }

    /// The word that follows this one behind the fence.
    pub(crate) fn word_after(&self, word: &str) -> Option<&str> {
        let mut words = self.fence.split(' ').skip_while(|it| *it != word);
        words.nth(1)
    }

    /// The file that the block names in its first comment, a line `#!` aside: `# NAME` alone, or
    /// `# NAME: what it is`.
    pub(crate) fn file_name(&self) -> Option<&str> {
        let comment = self.text.iter().find(|line| !line.starts_with("#!"))?;
        let named = ["# ", "// "].iter().find_map(|begin| comment.strip_prefix(begin))?;
        let name = named.split(": ").next().unwrap_or_default();
        Some(name).filter(|name| !name.is_empty() && !name.contains(' '))
    }

    /// Tells whether this is a script, not commands to type.
    pub(crate) fn is_script(&self) -> bool {
        self.text.first().is_some_and(|line| line.starts_with("#!"))
    }
}

/// Lists the pages of a folder.
fn list(folder: &Path, below: bool, names: &mut Vec<String>) {
    let mut found: Vec<_> = fs::read_dir(root().join(folder)).unwrap().flatten().collect();
    found.sort_by_key(fs::DirEntry::file_name);
    for entry in found {
        let path = folder.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            if below {
                list(&path, below, names);
            }
        } else if path.extension().is_some_and(|it| it == "md") {
            names.push(path.to_str().unwrap().to_owned());
        }
    }
}

fn sections(page: &str, text: &str) -> Vec<Section> {
    let (mut sections, mut open) = (vec![Section::default()], None::<(usize, Block)>);
    for (number, line) in (1..).zip(text.lines()) {
        let section = sections.last_mut().unwrap();
        let (inner, place) = (line.trim_start(), format!("{page}:{number}"));
        match (&mut open, inner.strip_prefix("```")) {
            (Some(_), Some("")) => section.steps.extend(open.take().map(|it| Step::Block(it.1))),
            (Some((indent, block)), _) => {
                block.text.push(line.get(*indent..).unwrap_or_default().to_owned());
            }
            (None, Some(fence)) => {
                let block = Block { fence: fence.to_owned(), text: Vec::new(), place };
                open = Some((line.len() - inner.len(), block));
            }
            (None, None) => read_line(line, place, &mut sections),
        }
    }
    assert!(open.is_none(), "{page}: the last block has no end");
    sections
}

/// Reads a line that is in no block.
fn read_line(line: &str, place: String, sections: &mut Vec<Section>) {
    if let Some(heading) = line.strip_prefix("## ") {
        sections.push(Section { heading: heading.to_owned(), steps: Vec::new() });
    } else if let Some(hidden) = line.strip_prefix(HIDDEN) {
        let command = hidden.strip_suffix(" -->");
        let command = command.unwrap_or_else(|| panic!("{place}: end it with ` -->`"));
        sections.last_mut().unwrap().steps.push(Step::Hidden(command.to_owned(), place));
    }
}
