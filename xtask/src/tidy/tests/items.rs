//! Lengths of functions and widths of types.

use super::super::items::items;
use super::{cures, file};

fn found(path: &str, text: &str) -> Vec<String> {
    cures(items(&file(path, text)))
}

fn function(lines: usize, above: &str) -> String {
    format!(
        "{above}    pub(crate) async fn f<T>(\n        a: T,\n    ) -> T {{\n{}    }}\n",
        "        a;\n".repeat(lines - 4)
    )
}

#[test]
fn a_long_function_gives_its_reason() {
    let found = |above, lines| found("a.rs", &function(lines, above));
    assert_eq!(found("", 40), [""; 0]);
    assert_eq!(
        found("", 41),
        [
            "a.rs:1: f has 41 lines: divide it, or give the reason in a line `// long: …` directly above it"
        ]
    );
    assert_eq!(found("    // long: one table\n    #[must_use]\n", 41), [""; 0]);
    assert_eq!(found("    // long: another's\n    const A: u8 = 1;\n", 41).len(), 1);
}

#[test]
fn the_reason_of_a_long_function_may_begin_its_body() {
    let body = |first| format!("fn f() {{\n    {first}\n{}}}\n", "    a;\n".repeat(40));
    assert_eq!(found("a.rs", &body("// long: one table")), [""; 0]);
    assert_eq!(found("a.rs", &body("// no reason")).len(), 1);
}

#[test]
fn every_kind_of_function_is_measured() {
    let body = format!("{{\n{}}}", "a;\n".repeat(40));
    for text in [
        format!("pub(in a) const unsafe extern \"C\" fn f() {body}\n"),
        format!("impl A {{\n    async fn f() {body}\n}}\n"),
        format!("trait A {{\n    fn f() {body}\n}}\n"),
        format!("mod a {{\n    fn f() {body}\n}}\n"),
        format!("#[cfg(test)]\nmod tests {{}}\nfn f() {body}\n"),
    ] {
        assert_eq!(found("a.rs", &text).len(), 1, "{text}");
    }
}

#[test]
fn declarations_and_tests_have_no_length() {
    let declaration = "trait T {\n    fn f(\n        a: u8,\n    );\n}\n";
    assert_eq!(found("a.rs", &format!("{declaration}{}", "//\n".repeat(60))), [""; 0]);
    assert_eq!(found("a.rs", &format!("#[cfg(test)]\n{}", function(60, ""))), [""; 0]);
    assert_eq!(found("a.rs", &format!("#[test]\n{}", function(60, ""))), [""; 0]);
    assert_eq!(found("crates/cli/tests/a.rs", &function(60, "")), [""; 0]);
}

#[test]
fn a_wide_type_gives_its_reason() {
    let fields = |count| "    a: u8,\n".repeat(count);
    let structure = |above, count| format!("{above}struct A {{\n{}}}\n", fields(count));
    assert_eq!(found("a.rs", &structure("", 7)), [""; 0]);
    assert_eq!(
        found("a.rs", &structure("/// A thing.\n#[derive(Debug)]\n", 8)),
        [
            "a.rs:3: A has 8 fields: divide it, or give the reason in a line `// wide: …` directly above it"
        ]
    );
    let explained = "/// A thing.\n// wide: the layout is C's\n#[derive(Debug)]\n";
    assert_eq!(found("a.rs", &structure(explained, 8)), [""; 0]);
}

#[test]
fn every_kind_of_type_is_measured() {
    let named = format!("{{\n{}}}", "a: u8,\n".repeat(8));
    let unnamed = format!("({})", "u8, ".repeat(8));
    for text in [
        format!("struct A{unnamed};\n"),
        format!("union A {named}\n"),
        format!("enum A {{\n    B {named},\n}}\n"),
        format!("enum A {{\n    B{unnamed},\n}}\n"),
    ] {
        assert_eq!(found("a.rs", &text).len(), 1, "{text}");
    }
    let variants: String = ('A'..='Z').map(|name| format!("    {name},\n")).collect();
    assert_eq!(found("a.rs", &format!("enum A {{\n{variants}}}\n")), [""; 0]);
    assert_eq!(found("a.rs", &format!("#[cfg(test)]\nstruct A {named}\n")), [""; 0]);
}
