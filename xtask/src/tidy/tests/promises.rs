//! The rule about the promises of two pages.

use super::{Checkout, cures, file};
use crate::tidy::promises::promises;

fn found(page: &str) -> Vec<String> {
    found_on("docs/security.md", page)
}

fn found_on(path: &str, page: &str) -> Vec<String> {
    let files = vec![
        file(path, page),
        file("crates/cli/tests/dsnap/rights.rs", "fn a_rule_holds() {}"),
        file("crates/engine/src/system/trust.rs", "fn another_rule_holds() {}"),
    ];
    cures(promises(&Checkout { files, members: Vec::new() }))
}

#[test]
fn each_promise_names_tests_that_exist() {
    let page = "| promise | tests |
|---|---|
| one | `rights::a_rule_holds`, `system::trust::tests::another_rule_holds` |
| two | `rights::another_rule_holds` |
| three | `A/` |

| other | table |
";
    assert_eq!(
        found(page),
        [
            "docs/security.md:4: there is no test rights::another_rule_holds",
            "docs/security.md:5: name the test of this promise"
        ]
    );
}

#[test]
fn each_promise_with_a_heading_names_tests_that_exist() {
    let page = "## What is promised

### One

- `rights::a_rule_holds`

### Two

- `rights::another_rule_holds`

### Three

## What is not
";
    assert_eq!(
        found_on("docs/promises.md", page),
        [
            "docs/promises.md:7: there is no test rights::another_rule_holds",
            "docs/promises.md:11: name the test of this promise"
        ]
    );
}
