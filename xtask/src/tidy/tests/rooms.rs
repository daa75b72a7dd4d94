//! The rooms of the engine: the page and the sources agree.

use super::super::rooms::rooms;
use super::{checkout, cures, engine};

const PAGE: &str = "\
crates/engine

| question | file | test |
|---|---|---|
| What? | `crates/engine/src/run.rs` | `crates/engine/src/run.rs` |

## Rooms

| room | what is in it | may use |
|---|---|---|
| `run.rs`, `run/` | the order of a run | `storage`, system |
| `storage` | the directory | system |
| `system` | the system | – |

Single files: `durations`,
`limits`.
";

const EXCEPTIONS: &str = "\n| exception | why |\n|---|---|\n";

/// A crate with those rooms, in which one file has this text.
fn files<'a>(path: &'a str, text: &'a str, page: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut files = vec![
        ("ARCHITECTURE.md", page),
        ("CHANGELOG.md", "0.1.0"),
        ("crates/engine/Cargo.toml", "[lints]\nworkspace = true\n"),
        (
            "crates/engine/src/lib.rs",
            "//!\n#![forbid(unsafe_code)]\nmod durations;\nmod limits;\nmod run;\nmod storage;\nmod system;\npub use run::Run;\n",
        ),
        ("crates/engine/src/durations.rs", "//!\n"),
        ("crates/engine/src/limits.rs", "//!\npub struct Limit;\n"),
        ("crates/engine/src/run.rs", "//!\npub struct Run;\n"),
        ("crates/engine/src/storage.rs", "//!\nmod format;\nmod settings;\n"),
        ("crates/engine/src/storage/format.rs", "//!\n"),
        ("crates/engine/src/storage/settings.rs", "//!\n"),
        ("crates/engine/src/system.rs", "//!\n"),
    ];
    files.retain(|(known, _)| *known != path);
    files.push((path, text));
    files
}

/// Checks the rooms when `storage/format.rs` has this text.
fn found(text: &str) -> Vec<String> {
    cures(rooms(&engine(&files("crates/engine/src/storage/format.rs", text, PAGE))))
}

/// Checks the rooms when the page has this text and `storage` uses `run`.
fn found_on(page: &str) -> Vec<String> {
    let upward = "//!\nuse crate::run::Run;\n";
    cures(rooms(&engine(&files("crates/engine/src/storage/format.rs", upward, page))))
}

const UPWARD: &str = "crates/engine/src/storage/format.rs:2: `storage::format` may not use `run`: `storage` → `run` is not allowed under `## Rooms` in ARCHITECTURE.md; move what it needs to a room that `storage` may use";

#[test]
fn an_upward_edge_makes_tidy_fail() {
    let path = "crates/engine/src/storage/format.rs";
    let planted = |text| cures(engine(&files(path, text, PAGE)).findings());
    assert_eq!(planted("//!\nuse crate::system::User;\n"), [""; 0]);
    assert_eq!(planted("//!\nuse crate::run::Run;\n"), [UPWARD]);
}

#[test]
fn an_upward_edge_is_found_in_every_form() {
    for text in [
        "//!\nuse crate::run;",
        "//!\nuse crate::{run::Run, system};",
        "//!\nuse crate::run::*;",
        "//!\nuse super::super::run::Run;",
        "//!\nuse crate::Run;",
        "//!\npub(crate) use crate::run::Run as R;",
        "//!\nfn f(run: &crate::run::Run) {}",
        "//!\nstruct A(Vec<crate::run::Run>);",
        "//!\nimpl crate::run::Trait for A {}",
        "//!\nfn f() { println!(\"{}\", crate::run::NAME) }",
        "//!\n#[derive(crate::run::Derive)] struct A;",
        "//!\nmacro_rules! a { () => { $crate::run::f() }; }",
        "//!\nmod a { fn f() { super::super::super::run::f() } }",
    ] {
        assert_eq!(found(text), [UPWARD], "{text}");
    }
}

#[test]
fn an_allowed_edge_passes() {
    for text in [
        "use crate::system::User;",
        "use crate::limits::Limit;",
        "use super::settings::Settings;",
        "use crate::storage::settings::Settings;",
        "use dsnap_core::run::Run;",
        "// crate::run::Run",
        "#[cfg(test)]\nmod tests {\n    use crate::run::Run;\n}",
        "#[cfg(all(test, unix))]\nuse crate::run::Run;",
    ] {
        assert_eq!(found(text), [""; 0], "{text}");
    }
}

#[test]
fn a_file_for_tests_only_may_use_anything() {
    let storage = "//!\n#[cfg(test)]\nmod format;\nmod settings;\n";
    let mut files = files("crates/engine/src/storage/format.rs", "use crate::run::Run;", PAGE);
    files.retain(|(path, _)| *path != "crates/engine/src/storage.rs");
    files.push(("crates/engine/src/storage.rs", storage));
    assert_eq!(cures(rooms(&engine(&files))), [""; 0]);
}

#[test]
fn a_single_file_uses_no_room() {
    let limits = "//!\nuse crate::system::User;\n";
    let found = cures(rooms(&engine(&files("crates/engine/src/limits.rs", limits, PAGE))));
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("`limits` may not use `system`"), "{found:?}");
}

#[test]
fn an_exception_allows_one_edge_and_says_why() {
    let exception = |row: &str| found_on(&format!("{PAGE}{EXCEPTIONS}{row}\n"));
    assert_eq!(exception("| `storage/format.rs` → `run` | it must |"), [""; 0]);
    assert_eq!(exception("| `storage` → `run` | it must |"), [""; 0]);
    let unneeded = "ARCHITECTURE.md:20: remove this exception: nothing needs it any more";
    assert_eq!(exception("| `storage/settings` → `run` | it must |"), [UPWARD, unneeded]);
    assert_eq!(
        exception("| `storage/format` → `run` | |"),
        ["ARCHITECTURE.md:20: say why this exception is needed"]
    );
    assert_eq!(
        exception("| storage → run | it must |"),
        ["ARCHITECTURE.md:20: write the exception as `room/file` → `room/file`"]
    );
}

#[test]
fn every_room_of_the_page_exists_and_every_module_is_named() {
    let renamed = PAGE.replace("`limits`", "`bounds`");
    assert_eq!(
        cures(rooms(&engine(&files("crates/engine/src/storage/format.rs", "//!", &renamed)))),
        [
            "ARCHITECTURE.md:15: there is no room `bounds` in crates/engine/src",
            "ARCHITECTURE.md: name the module `limits` of crates/engine under `## Rooms`"
        ]
    );
}

#[test]
fn the_page_contradicts_neither_itself_nor_the_form() {
    let changed = |from: &str, to: &str| found_on(&PAGE.replace(from, to));
    let line = |line: usize, cure: &str| format!("ARCHITECTURE.md:{line}: {cure}");
    assert_eq!(
        changed("| the directory | system", "| the directory | sistem"),
        [line(12, "`sistem` has no row in this table")]
    );
    let circle = changed("| the system | –", "| the system | run");
    assert!(
        circle.contains(&line(13, "`system` may use itself in a circle: remove one of the edges"))
    );
    assert_eq!(
        changed("| the system | –", "| the system |"),
        [line(13, "name the rooms that it may use, or write `–` for none")]
    );
    assert_eq!(
        changed("| `system` | the", "| system | the"),
        [line(13, "name the room in backticks")]
    );
}

#[test]
fn an_engine_without_a_table_of_rooms_makes_tidy_fail() {
    let without = PAGE.split("## Rooms").next().unwrap_or_default();
    assert_eq!(
        found_on(without),
        ["ARCHITECTURE.md: add a section `## Rooms` with a table `room | what is in it | may use`"]
    );
    let empty = ["ARCHITECTURE.md: add a table `room | what is in it | may use` under `## Rooms`"];
    assert_eq!(found_on("## Rooms\n"), empty);
    assert_eq!(found_on(&PAGE.replace("| may use |", "| uses |")), empty);
}

#[test]
fn rooms_without_an_engine_make_tidy_fail() {
    assert_eq!(
        cures(rooms(&checkout("ARCHITECTURE.md", PAGE))),
        ["ARCHITECTURE.md: describes rooms, but crates/engine is not a member"]
    );
    assert_eq!(cures(rooms(&checkout("ARCHITECTURE.md", "crates/core\n"))), [""; 0]);
}
