//! What people read: ARCHITECTURE.md, the changelog, and every text.

use super::super::documents::{architecture, changelog, every_file};
use super::{checkout, cures, file};

#[test]
fn the_architecture_names_what_there_is() {
    let found = |text| cures(architecture(&checkout("ARCHITECTURE.md", text)));
    assert_eq!(found("`crates/core`, and all in crates/*.\n"), [""; 0]);
    assert_eq!(found("nothing\n"), ["ARCHITECTURE.md: name the member crates/core"]);
    assert_eq!(
        found("crates/core, `crates/cor/x.rs`.\n"),
        ["ARCHITECTURE.md:1: crates/cor/x.rs does not exist"]
    );
}

#[test]
fn the_changelog_names_the_version() {
    assert!(changelog(&checkout("CHANGELOG.md", "## 0.1.0\n")).is_none());
    assert!(changelog(&checkout("CHANGELOG.md", "## 0.0.9\n")).is_some());
}

#[test]
fn blanks_at_the_end_of_a_line_are_found() {
    assert_eq!(cures(every_file(&file("a.md", "a\n\nb\n"))), [""; 0]);
    assert_eq!(every_file(&file("a.md", "a \n\nb\t\n")).len(), 2);
    assert_eq!(cures(every_file(&file("expected.txt", "a \n"))), [""; 0]);
}

#[test]
fn paths_of_one_machine_are_found() {
    for leak in ["see /ro^ot/x", "\"/ho^me/joe\"", "/wo^rk/main", "=/fa^rm/a"] {
        assert_eq!(every_file(&file("a", &leak.replace('^', ""))).len(), 1, "{leak}");
    }
    for fine in ["target/wo^rk/x", "$dir/ho^me/joe", "/ho^me/<you>", "/srv/zope"] {
        assert_eq!(cures(every_file(&file("a", &fine.replace('^', "")))), [""; 0], "{fine}");
    }
}
