//! Every text, and the changelog.

use super::super::documents::{changelog, every_file};
use super::{checkout, cures, file};

#[test]
fn the_changelog_names_the_version() {
    assert!(changelog(&checkout("CHANGELOG.md", "## 0.1.0\n")).is_none());
    assert!(changelog(&checkout("CHANGELOG.md", "## 0.0.9\n")).is_some());
}

#[test]
fn white_space_at_the_end_of_a_line_is_found() {
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
