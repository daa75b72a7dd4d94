//! Public modules of the engine: another crate uses each of them.

use super::super::public::public_modules;
use super::{cures, engine};

/// Checks an engine that declares `run` and, in it, `leave`, while another crate has this text.
fn found(other: (&str, &str)) -> Vec<String> {
    let files = [
        ("crates/engine/src/lib.rs", "//!\npub mod run;\nmod system;\npub(crate) mod text;\n"),
        ("crates/engine/src/run.rs", "//!\npub mod leave;\n"),
        ("crates/engine/src/run/leave.rs", "//!\n"),
        ("crates/engine/src/system.rs", "//!\n"),
        ("crates/engine/src/text.rs", "//!\n"),
        other,
    ];
    cures(public_modules(&engine(&files)))
}

const RUN: &str =
    "crates/engine/src/lib.rs:2: no other crate uses dsnap_engine::run: declare it without `pub`";
const LEAVE: &str = "crates/engine/src/run.rs:2: no other crate uses dsnap_engine::run::leave: declare it without `pub`";

#[test]
fn a_public_module_is_used_by_another_crate() {
    for text in [
        "use dsnap_engine::run::leave::Left;",
        "use dsnap_engine::{run::{leave::{self, Left}}};",
        "use dsnap_engine as engine;\nfn f() { engine::run::leave::leave() }",
        "use dsnap_engine::run;\nfn f() { println!(\"{}\", run::leave::TEXT) }",
        "#[cfg(test)]\nmod tests {\n    use dsnap_engine::run::leave::Left;\n}",
    ] {
        assert_eq!(found(("crates/cli/src/main.rs", text)), [""; 0], "{text}");
        assert_eq!(found(("crates/cli/tests/a.rs", text)), [""; 0], "{text}");
        assert_eq!(found(("crates/engine/tests/a.rs", text)), [""; 0], "{text}");
    }
}

#[test]
fn a_public_module_that_no_other_crate_uses_is_found() {
    assert_eq!(found(("crates/cli/src/main.rs", "use dsnap_engine::Run;")), [RUN, LEAVE]);
    assert_eq!(found(("crates/cli/src/main.rs", "use dsnap_engine::run::Run;")), [LEAVE]);
    let own = "use dsnap_engine::run::leave::Left;";
    assert_eq!(found(("crates/engine/src/bin/a.rs", own)), [RUN, LEAVE]);
    assert_eq!(found(("crates/cli/src/main.rs", "// dsnap_engine::run::leave")), [RUN, LEAVE]);
}
