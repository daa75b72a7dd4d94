//! Sources: documentation, length, unsafe code.

use super::super::sources::{forbids_unsafe, source};
use super::{checkout, cures, file, member};

fn function(lines: usize, above: &str) -> String {
    format!(
        "{above}    pub(crate) async fn f<T>(\n        a: T,\n    ) -> T {{\n{}    }}\n",
        "        a;\n".repeat(lines - 4)
    )
}

#[test]
fn a_source_begins_with_its_documentation() {
    assert_eq!(cures(source(&file("a.rs", "//! What.\n"))), [""; 0]);
    assert_eq!(source(&file("a.rs", "\n//! What.\n")).len(), 1);
}

#[test]
fn a_long_file_gives_its_reason() {
    let long = format!("//! What.\n{}", "//\n".repeat(400));
    assert_eq!(source(&file("a.rs", &long)).len(), 1);
    let argued = long.replacen("//\n", "// long: one table\n", 1);
    assert_eq!(cures(source(&file("a.rs", &argued))), [""; 0]);
    assert_eq!(cures(source(&file("a.rs", &long.replacen("//\n", "", 1)))), [""; 0]);
}

#[test]
fn a_long_function_gives_its_reason() {
    let found =
        |above, lines| source(&file("a.rs", &format!("//!\n{}", function(lines, above)))).len();
    assert_eq!(found("", 40), 0);
    assert_eq!(found("", 41), 1);
    assert_eq!(found("    // long: one table\n    #[must_use]\n", 41), 0);
    assert_eq!(found("    // long: another's\n    const A: u8 = 1;\n", 41), 1);
}

#[test]
fn declarations_and_tests_have_no_length() {
    let declaration =
        format!("//!\ntrait T {{\n    fn f(\n        a: u8,\n    );\n}}\n{}", "//\n".repeat(60));
    assert_eq!(cures(source(&file("a.rs", &declaration))), [""; 0]);
    let long = format!("//!\n#[cfg(test)]\n{}", function(60, ""));
    assert_eq!(cures(source(&file("a.rs", &long))), [""; 0]);
    let long = format!("//!\n{}", function(60, ""));
    assert_eq!(cures(source(&file("crates/cli/tests/a.rs", &long))), [""; 0]);
}

#[test]
fn a_crate_root_forbids_unsafe_code() {
    let found =
        |path, text| forbids_unsafe(&checkout(path, text), &member("crates/core", &[])).len();
    assert_eq!(found("crates/core/src/lib.rs", "//!\n#![forbid(unsafe_code)]\n"), 0);
    assert_eq!(found("crates/core/src/lib.rs", "//!\n// #![forbid(unsafe_code)]\n"), 1);
    assert_eq!(found("crates/core/src/bin/a.rs", "//!\n"), 1);
    assert_eq!(found("crates/core/src/run.rs", "//!\n"), 0);
}

#[test]
fn only_host_and_sdk_may_do_without_and_only_if_they_need() {
    let found = |folder, text| {
        forbids_unsafe(&checkout(&format!("{folder}/src/lib.rs"), text), &member(folder, &[])).len()
    };
    assert_eq!(found("crates/host", "unsafe { call() }\n"), 0);
    assert_eq!(found("crates/host", "// unsafe\n#![deny(unsafe_code)]\n"), 1);
    assert_eq!(found("crates/core", "unsafe { call() }\n"), 1);
}
