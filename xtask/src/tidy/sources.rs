//! Rust sources: how they begin, how long they are, and where unsafe code may be.
//!
//! What a source defines is measured in `items`. Unsafe code itself is the compiler's business.

use super::metadata::Member;
use super::{Checkout, File, Finding};

const FILE_LINES: usize = 400;

/// How a longer file or function gives its reason.
pub(super) const LONG: &str = "// long: ";

/// How far down a file its reason may stand: it is below the module's documentation.
const HEAD: usize = 60;

/// The crates that may contain unsafe code.
const MAY_BE_UNSAFE: &[&str] = &["crates/sdk", "crates/host"];

const FORBID: &str = "#![forbid(unsafe_code)]";

/// Checks that a source begins with documentation, is Rust, and is not too long.
pub(super) fn source(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !file.text.starts_with("//!") {
        findings.push(Finding::new(
            &file.path,
            1,
            "begin with `//!`: what this is, why, and what is elsewhere",
        ));
    }
    if let Err(error) = file.parsed() {
        findings.push(Finding::new(&file.path, error.span().start().line, error.to_string()));
    }
    findings.extend(long_file(file));
    findings
}

fn long_file(file: &File) -> Option<Finding> {
    let lines = file.text.lines().count();
    let has_reason = file.text.lines().take(HEAD).any(|line| line.starts_with(LONG));
    let cure = format!(
        "{lines} lines: split it, or give the reason in a line `{LONG}…` near its beginning"
    );
    (lines > FILE_LINES && !has_reason).then(|| Finding::new(&file.path, 0, cure))
}

/// Checks that every library and program of a member forbids unsafe code, unless the member may
/// and does contain some.
pub(super) fn forbids_unsafe(checkout: &Checkout, member: &Member) -> Vec<Finding> {
    let src = format!("{}/src/", member.folder);
    let mut sources = checkout.files.iter().filter(|file| file.path.starts_with(&src));
    if MAY_BE_UNSAFE.contains(&&*member.folder) && sources.any(|file| is_unsafe(&file.text)) {
        return Vec::new();
    }
    let roots = checkout.files.iter().filter(|file| member.crate_roots.contains(&file.path));
    // `export!` expands to an `allow` of unsafe code, which `forbid` would refuse.
    let roots = roots.filter(|file| !file.text.contains("dsnap_sdk::export!"));
    let wrong = roots.filter(|file| !file.text.lines().any(|line| line == FORBID));
    wrong.map(|file| Finding::new(&file.path, 0, format!("add `{FORBID}`"))).collect()
}

/// Whether the keyword is used outside comments.
fn is_unsafe(text: &str) -> bool {
    let code = text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    code.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .any(|word| word == "unsafe")
}
