//! Links that lead somewhere, and links that do not.

use super::super::links::links;
use super::{Checkout, cures, file};

fn found(files: &[(&str, &str)]) -> Vec<String> {
    let files = files.iter().map(|(path, text)| file(path, text)).collect();
    cures(links(&Checkout { files, members: Vec::new() }))
}

#[test]
fn a_link_leads_to_a_file_a_folder_or_a_heading() {
    let text =
        "# A\n\n[a](#a) [b](docs/b.md) [c](docs/b.md#the-b) [d](docs) [e](https://example.org/x)\n";
    assert_eq!(found(&[("A.md", text), ("docs/b.md", "# The B\n")]), [""; 0]);
}

#[test]
fn a_link_that_leads_nowhere_is_named_with_its_line() {
    let text = "# A\n\n[a](#b)\n[b](docs/gone.md)\n[c](docs/b.md#the-c)\n[d](../b.md)\n[e](htp://x)\n<a href=\"x\">f</a>\n";
    assert_eq!(
        found(&[("A.md", text), ("docs/b.md", "# The B\n```\n# The C\n```\n")]),
        [
            "A.md:8: write this link in Markdown: links in HTML are not checked",
            "A.md:3: #b leads nowhere: A.md has no such heading",
            "A.md:4: docs/gone.md leads nowhere: docs/gone.md does not exist",
            "A.md:5: docs/b.md#the-c leads nowhere: docs/b.md has no such heading",
            "A.md:6: ../b.md leads out of the checkout",
            "A.md:7: htp://x is no address that a browser could open",
        ]
    );
}

#[test]
fn every_page_of_the_book_is_in_its_table_of_contents_and_on_the_map() {
    let pages = [
        ("README.md", "[b](docs/b.md)"),
        ("docs/README.md", ""),
        ("docs/SUMMARY.md", "[a](README.md)"),
        ("docs/b.md", ""),
        ("docs/c/d.md", ""),
    ];
    assert_eq!(
        found(&pages),
        [
            "docs/SUMMARY.md: link to docs/b.md",
            "docs/SUMMARY.md: link to docs/c/d.md",
            "README.md: link to docs/c/d.md",
        ]
    );
}
