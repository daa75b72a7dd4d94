//! Rust sources: how they begin, how long they and their functions are, where unsafe code may be.
//!
//! Reads lines as rustfmt leaves them, which `ci` checks first; so a function ends where its
//! closing brace stands below its first letter. Unsafe code itself is the compiler's business.

use super::metadata::Member;
use super::{Checkout, File, Finding};

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 40;

/// How a longer file or function gives its reason.
const REASON: &str = "// long: ";

/// How far down a file its reason may stand: below the module's documentation.
const HEAD: usize = 60;

/// The crates in which unsafe code may be, once there is any.
const MAY_BE_UNSAFE: &[&str] = &["crates/sdk", "crates/host"];

const FORBID: &str = "#![forbid(unsafe_code)]";

/// What holds for every source.
pub(super) fn source(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !file.text.starts_with("//!") {
        findings.push(Finding::new(
            &file.path,
            1,
            "begin with `//!`: what this is, why, and what is elsewhere",
        ));
    }
    findings.extend(long_file(file));
    findings.extend(long_functions(file));
    findings
}

fn long_file(file: &File) -> Option<Finding> {
    let lines = file.text.lines().count();
    let argued = file.text.lines().take(HEAD).any(|line| line.starts_with(REASON));
    let cure = format!(
        "{lines} lines: split it, or give the reason in a line `{REASON}…` near its beginning"
    );
    (lines > FILE_LINES && !argued).then(|| Finding::new(&file.path, 0, cure))
}

/// Functions outside tests; a table of cases may be as long as it likes.
fn long_functions(file: &File) -> Vec<Finding> {
    if is_test(&file.path) {
        return Vec::new();
    }
    let lines: Vec<&str> = file.text.lines().take_while(|line| *line != "#[cfg(test)]").collect();
    let functions = (0..lines.len()).filter_map(|at| Some((at, length(&lines[at..])?)));
    let long = functions.filter(|(at, length)| *length > FUNCTION_LINES && !argued(&lines, *at));
    long.map(|(at, length)| Finding::new(&file.path, at + 1, long_function(length))).collect()
}

fn long_function(length: usize) -> String {
    format!(
        "a function of {length} lines: divide it, or give the reason in a line `{REASON}…` directly above it"
    )
}

fn is_test(path: &str) -> bool {
    path.contains("tests/") || path.contains("benches/") || path.ends_with("/tests.rs")
}

/// How many lines the function takes that begins in the first one; none if none does, or it has no body.
fn length(lines: &[&str]) -> Option<usize> {
    let first = lines.first()?;
    if !begins_function(first) || first.ends_with(['}', ';']) {
        return None;
    }
    let indent = first.len() - first.trim_start().len();
    let beside = |line: &&&str| {
        line.len() > indent
            && !line[..indent].contains(|c| c != ' ')
            && !line[indent..].starts_with(' ')
    };
    let last = lines[1..].iter().position(|line| {
        beside(&line) && (line[indent..].starts_with('}') || line.ends_with(';'))
    })?;
    lines[last + 1].trim_start().starts_with('}').then_some(last + 2)
}

fn begins_function(line: &str) -> bool {
    let qualifier = |word: &&str| {
        matches!(*word, "const" | "async" | "unsafe" | "extern")
            || word.starts_with("pub")
            || word.starts_with('"')
            || word.ends_with(')')
    };
    line.split_whitespace().find(|word| !qualifier(word)) == Some("fn")
}

/// A reason directly above, among attributes and documentation, or as the first line of the body.
fn argued(lines: &[&str], at: usize) -> bool {
    let above = lines[..at].iter().rev().map(|line| line.trim_start());
    let mut above = above.take_while(|line| line.starts_with("//") || line.starts_with("#["));
    let within = lines.get(at + 1).is_some_and(|line| line.trim_start().starts_with(REASON));
    within || above.any(|line| line.starts_with(REASON))
}

/// Every crate root of a member forbids unsafe code, unless it is one of the two that have some.
pub(super) fn forbids_unsafe(checkout: &Checkout, member: &Member) -> Vec<Finding> {
    let src = format!("{}/src/", member.folder);
    let mut sources = checkout.files.iter().filter(|file| file.path.starts_with(&src));
    if MAY_BE_UNSAFE.contains(&&*member.folder) && sources.any(|file| is_unsafe(&file.text)) {
        return Vec::new();
    }
    let roots = checkout.files.iter().filter(|file| member.crate_roots.contains(&file.path));
    // What exports a plugin expands to an attribute that only `deny` lets pass.
    let roots = roots.filter(|file| !file.text.contains("dsnap_sdk::export!"));
    let wrong = roots.filter(|file| !file.text.lines().any(|line| line == FORBID));
    wrong.map(|file| Finding::new(&file.path, 0, format!("add `{FORBID}`"))).collect()
}

/// Whether the keyword stands outside comments.
fn is_unsafe(text: &str) -> bool {
    let code = text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    code.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .any(|word| word == "unsafe")
}
