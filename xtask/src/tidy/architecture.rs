//! ARCHITECTURE.md: it names every member, and no file or test that does not exist.
//!
//! Whether the page is right only a reader can say. Its section on rooms is the subject of
//! `rooms`.

use super::markdown::{Row, Table, tables};
use super::rooms::ENGINE;
use super::{Checkout, Finding};

const PAGE: &str = "ARCHITECTURE.md";

/// The folders whose paths are looked for in the page's text.
const FOLDERS: [&str; 4] = ["crates/", "plugins/", "testkit/", "xtask/"];

/// The columns of the table that leads from a question to the file and the test that answer it.
const QUESTIONS: [&str; 3] = ["question", "file", "test"];

/// Checks the page against the checkout.
pub(super) fn architecture(checkout: &Checkout) -> Vec<Finding> {
    let Some(page) = checkout.text(PAGE) else {
        return vec![Finding::new(PAGE, 0, "is missing: write it")];
    };
    let unnamed = checkout.members.iter().filter(|member| !page.contains(&member.folder));
    let mut findings: Vec<Finding> = unnamed
        .map(|member| Finding::new(PAGE, 0, format!("name the member {}", member.folder)))
        .collect();
    for (index, line) in page.lines().enumerate() {
        let gone = places(line).into_iter().filter(|place| !exists(checkout, place));
        findings.extend(gone.map(|place| missing(index + 1, place)));
    }
    findings.extend(questions(checkout, page));
    findings
}

fn missing(line: usize, place: &str) -> Finding {
    Finding::new(PAGE, line, format!("{place} does not exist"))
}

/// Lists the paths in a line.
fn places(line: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let words = line.split(|c| !is_part(c)).map(|word| word.trim_end_matches(['.', '/', '-']));
    words.filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder))).collect()
}

/// Whether a file or folder exists.
fn exists(checkout: &Checkout, place: &str) -> bool {
    let place = place.trim_end_matches('/');
    let mut below = checkout.files.iter().filter_map(|file| file.path.strip_prefix(place));
    below.any(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Checks the table of questions: each one has a file and a test.
fn questions(checkout: &Checkout, page: &str) -> Vec<Finding> {
    let tables = tables(page);
    let is_questions = |table: &&Table| table.columns == QUESTIONS;
    match tables.iter().find(is_questions) {
        Some(table) => table.rows.iter().flat_map(|row| question(checkout, row)).collect(),
        None if checkout.members.iter().any(|member| member.folder == ENGINE) => {
            vec![Finding::new(PAGE, 0, format!("add a table `{}`", QUESTIONS.join(" | ")))]
        }
        None => Vec::new(),
    }
}

fn question(checkout: &Checkout, row: &Row) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (column, what) in [(1, "file"), (2, "test")] {
        let answers = row.quoted(column);
        if answers.is_empty() {
            let cure = format!("name the {what} that answers this question, in backticks");
            findings.push(Finding::new(PAGE, row.line, cure));
        }
        // A command, such as `cargo xtask interop`, is no place.
        let places = answers.into_iter().filter(|answer| !answer.contains(' '));
        findings.extend(places.filter_map(|place| answer(checkout, row.line, place)));
    }
    findings
}

/// Checks a `path` or `path::function` of the table; paths are from the root of the checkout.
fn answer(checkout: &Checkout, line: usize, place: &str) -> Option<Finding> {
    let Some((path, function)) = place.split_once("::") else {
        let is_reported = places(place) == [place];
        return (!is_reported && !exists(checkout, place)).then(|| missing(line, place));
    };
    let name = function.rsplit("::").next().unwrap_or(function);
    let defines = |text: &str| text.contains(&format!("fn {name}("));
    let is_missing = !checkout.text(path).is_some_and(defines);
    is_missing.then(|| Finding::new(PAGE, line, format!("{path} has no function {name}")))
}
