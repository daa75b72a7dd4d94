//! The promises of `docs/security.md`: each test that the page names exists.

use super::{Checkout, Finding};

const PAGE: &str = "docs/security.md";
/// Where a test named `CHAPTER::TEST` is.
const CHAPTERS: &str = "crates/cli/tests/dsnap";

/// Finds names of tests that do not exist, and promises without a test.
pub(super) fn promises(checkout: &Checkout) -> Vec<Finding> {
    // ARCHITECTURE.md links to the page, and each of its paths must exist.
    let page = checkout.text(PAGE).unwrap_or_default();
    let rows = page.lines().enumerate().skip_while(|(_, line)| !line.starts_with("| promise |"));
    let rows = rows.skip(2).take_while(|(_, line)| line.starts_with('|'));
    rows.flat_map(|(index, row)| row_findings(checkout, index + 1, row)).collect()
}

fn row_findings(checkout: &Checkout, line: usize, row: &str) -> Vec<Finding> {
    let mut tests = row.split('`').skip(1).step_by(2).filter(|name| name.contains("::")).peekable();
    if tests.peek().is_none() {
        return vec![Finding::new(PAGE, line, "name the test of this promise")];
    }
    let missing = tests.filter(|name| !exists(checkout, name));
    missing.map(|name| Finding::new(PAGE, line, format!("there is no test {name}"))).collect()
}

/// Whether a chapter of the scenarios, or any other source, has the test.
fn exists(checkout: &Checkout, name: &str) -> bool {
    let Some((module, test)) = name.rsplit_once("::") else { return false };
    let function = format!("fn {test}(");
    match checkout.text(&format!("{CHAPTERS}/{module}.rs")) {
        Some(chapter) => chapter.contains(&function),
        None => checkout.files.iter().any(|file| file.text.contains(&function)),
    }
}
