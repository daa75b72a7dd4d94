//! The promises of `docs/security.md`, in a table, and of `docs/promises.md`, each below a heading: every
//! promise names a test, and each test that is named exists.

use super::{Checkout, Finding};

const TABLE: &str = "docs/security.md";
const PAGE: &str = "docs/promises.md";
/// Where a test named `CHAPTER::TEST` is.
const CHAPTERS: &str = "crates/cli/tests/dsnap";

/// Finds names of tests that do not exist, and promises without a test.
pub(super) fn promises(checkout: &Checkout) -> Vec<Finding> {
    let mut findings = in_table(checkout);
    findings.extend(below_headings(checkout));
    findings
}

fn in_table(checkout: &Checkout) -> Vec<Finding> {
    // ARCHITECTURE.md links to the page, and each of its paths must exist.
    let page = checkout.text(TABLE).unwrap_or_default();
    let rows = page.lines().enumerate().skip_while(|(_, line)| !line.starts_with("| promise |"));
    let rows = rows.skip(2).take_while(|(_, line)| line.starts_with('|'));
    rows.flat_map(|(index, row)| of_promise(checkout, TABLE, index + 1, row)).collect()
}

fn below_headings(checkout: &Checkout) -> Vec<Finding> {
    // The README links to the page, so it exists.
    let page = checkout.text(PAGE).unwrap_or_default();
    let (mut findings, mut promise) = (Vec::new(), None::<(usize, String)>);
    for (line, text) in (1..).zip(page.lines().chain(["## end"])) {
        if text.starts_with('#') {
            let (at, tests) = promise.take().unwrap_or((0, String::new()));
            findings.extend((at > 0).then(|| of_promise(checkout, PAGE, at, &tests)));
            promise = text.starts_with("### ").then(|| (line, String::new()));
        } else if let Some((_, tests)) = &mut promise {
            *tests += text;
        }
    }
    findings.into_iter().flatten().collect()
}

fn of_promise(checkout: &Checkout, page: &str, line: usize, text: &str) -> Vec<Finding> {
    let mut tests =
        text.split('`').skip(1).step_by(2).filter(|name| name.contains("::")).peekable();
    if tests.peek().is_none() {
        return vec![Finding::new(page, line, "name the test of this promise")];
    }
    let missing = tests.filter(|name| !exists(checkout, name));
    missing.map(|name| Finding::new(page, line, format!("there is no test {name}"))).collect()
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
