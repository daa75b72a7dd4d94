//! ARCHITECTURE.md: what it names exists.

use super::super::architecture::architecture;
use super::{checkout, cures, engine};

#[test]
fn the_architecture_names_what_there_is() {
    let found = |text| cures(architecture(&checkout("ARCHITECTURE.md", text)));
    assert_eq!(found("`crates/core`, and all in crates/*.\n"), [""; 0]);
    assert_eq!(found("nothing\n"), ["ARCHITECTURE.md: name the member crates/core"]);
    assert_eq!(
        found("crates/core, `crates/cor/x.rs`, `testkit/x.rs`.\n"),
        [
            "ARCHITECTURE.md:1: crates/cor/x.rs does not exist",
            "ARCHITECTURE.md:1: testkit/x.rs does not exist"
        ]
    );
}

/// Checks a page with one row in its table of questions.
fn found(row: &str) -> Vec<String> {
    let page = format!("crates/engine\n\n| question | file | test |\n|---|---|---|\n{row}\n");
    let files = [
        ("ARCHITECTURE.md", page.as_str()),
        ("crates/engine/src/run.rs", "//! Runs.\n"),
        ("crates/engine/tests/run.rs", "//! Runs.\n#[test]\nfn a_run_ends() {}\n"),
        ("docs/abi.md", "the interface\n"),
    ];
    cures(architecture(&engine(&files)))
}

#[test]
fn a_question_names_a_file_and_a_test() {
    let test = "crates/engine/tests/run.rs";
    for row in [
        format!("| What? | `crates/engine/src/run.rs` | `{test}` |"),
        format!("| What? | `docs/abi.md`, `crates/engine/src/` | `{test}::a_run_ends` |"),
        "| What? | `crates/engine/src/run.rs` | `cargo xtask interop` |".to_owned(),
    ] {
        assert_eq!(found(&row), [""; 0], "{row}");
    }
    let place = "ARCHITECTURE.md:5:";
    assert_eq!(
        found("| What? | `docs/abi.md` | none |"),
        [format!("{place} name the test that answers this question, in backticks")]
    );
    assert_eq!(
        found(&format!("| What? | | `{test}` |")),
        [format!("{place} name the file that answers this question, in backticks")]
    );
}

#[test]
fn the_file_and_the_test_of_a_question_exist() {
    let row = "| What? | `docs/api.md` | `crates/engine/tests/run.rs::tests::a_run_begins` |";
    assert_eq!(
        found(row),
        [
            "ARCHITECTURE.md:5: docs/api.md does not exist",
            "ARCHITECTURE.md:5: crates/engine/tests/run.rs has no function a_run_begins"
        ]
    );
    assert_eq!(
        found("| What? | `docs/abi.md` | `crates/engine/tests/gone.rs` |"),
        ["ARCHITECTURE.md:5: crates/engine/tests/gone.rs does not exist"]
    );
    let row = "| What? | `docs/abi.md` | `docs/gone.rs::a_run_ends` |";
    assert_eq!(found(row), ["ARCHITECTURE.md:5: docs/gone.rs has no function a_run_ends"]);
}

#[test]
fn an_engine_needs_a_table_of_questions() {
    let lib = ("crates/engine/src/lib.rs", "//!\n");
    let page = |text| cures(architecture(&engine(&[("ARCHITECTURE.md", text), lib])));
    let missing = ["ARCHITECTURE.md: add a table `question | file | test`"];
    assert_eq!(page("crates/engine\n"), missing);
    assert_eq!(page("crates/engine\n| question | file |\n|---|---|\n"), missing);
}
