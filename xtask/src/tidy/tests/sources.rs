//! Sources: documentation, length, unsafe code.

use super::super::sources::{forbids_unsafe, source};
use super::{checkout, cures, file, member};

#[test]
fn a_source_begins_with_its_documentation() {
    assert_eq!(cures(source(&file("a.rs", "//! What.\n"))), [""; 0]);
    assert_eq!(source(&file("a.rs", "\n//! What.\n")).len(), 1);
}

#[test]
fn a_source_that_is_not_rust_is_found() {
    assert_eq!(cures(source(&file("a.rs", "//! What.\nfn f() {\n"))).len(), 1);
}

#[test]
fn a_long_file_gives_its_reason() {
    let long = format!("//! What.\n{}", "//\n".repeat(400));
    assert_eq!(source(&file("a.rs", &long)).len(), 1);
    let explained = long.replacen("//\n", "// long: one table\n", 1);
    assert_eq!(cures(source(&file("a.rs", &explained))), [""; 0]);
    assert_eq!(cures(source(&file("a.rs", &long.replacen("//\n", "", 1)))), [""; 0]);
}

#[test]
fn every_library_and_program_forbids_unsafe_code() {
    let found =
        |path, text| forbids_unsafe(&checkout(path, text), &member("crates/core", &[])).len();
    assert_eq!(found("crates/core/src/lib.rs", "//!\n#![forbid(unsafe_code)]\n"), 0);
    assert_eq!(found("crates/core/src/lib.rs", "//!\n// #![forbid(unsafe_code)]\n"), 1);
    assert_eq!(found("crates/core/src/bin/a.rs", "//!\n"), 1);
    assert_eq!(found("crates/core/src/run.rs", "//!\n"), 0);
}

#[test]
fn only_host_and_sdk_may_contain_unsafe_code_and_forbid_it_while_they_contain_none() {
    let found = |folder, text| {
        forbids_unsafe(&checkout(&format!("{folder}/src/lib.rs"), text), &member(folder, &[])).len()
    };
    assert_eq!(found("crates/host", "unsafe { call() }\n"), 0);
    assert_eq!(found("crates/host", "// unsafe\n#![deny(unsafe_code)]\n"), 1);
    assert_eq!(found("crates/core", "unsafe { call() }\n"), 1);
}
