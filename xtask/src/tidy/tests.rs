//! Each rule on a text that keeps it and on one that breaks it.

use super::*;

fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}

fn cures(findings: impl IntoIterator<Item = Finding>) -> Vec<String> {
    findings.into_iter().map(|finding| finding.to_string()).collect()
}

fn edges(member: &str, manifest: &str) -> Vec<String> {
    cures(floors::edges(member, "Cargo.toml", manifest))
}

/// A checkout of one member, `crates/core`, with one more file.
fn checkout(path: &str, text: &str) -> Checkout {
    let root = "[workspace]\nmembers = [\n    \"crates/core\", # the \"domain\"\n]\n[workspace.package]\nversion = \"0.1.0\"\n";
    Checkout::new(vec![
        file("Cargo.toml", root),
        file("crates/core/Cargo.toml", ""),
        file(path, text),
    ])
}

fn function(lines: usize, above: &str) -> String {
    format!(
        "{above}    pub(crate) async fn f<T>(\n        a: T,\n    ) -> T {{\n{}    }}\n",
        "        a;\n".repeat(lines - 4)
    )
}

#[test]
fn an_arrow_may_only_point_down() {
    assert_eq!(
        edges("crates/host", "[dependencies]\ndsnap-core.workspace = true\nanyhow = \"1\"\n"),
        [""; 0]
    );
    let up = edges("crates/core", "[dependencies]\n\ndsnap-host = { path = \"../host\" }\n");
    assert_eq!(
        up,
        [
            "Cargo.toml:3: crates/core may not depend on dsnap-host: move what is needed to a floor below both"
        ]
    );
}

#[test]
fn an_arrow_is_found_in_every_form_of_a_manifest() {
    for manifest in [
        "[dependencies]\nhost = { package = \"dsnap-host\", path = \"..\" }\n",
        "[dependencies.dsnap-host]\npath = \"..\"\n",
        "[target.'cfg(unix)'.dependencies]\ndsnap-host.workspace = true\n",
        "[build-dependencies]\ndsnap-host.workspace = true # reason\n",
    ] {
        assert_eq!(edges("crates/core", manifest).len(), 1, "{manifest}");
    }
}

#[test]
fn the_testkit_is_for_the_tests_of_the_program_only() {
    let dev = "[dev-dependencies]\ndsnap-testkit.workspace = true\ndsnap-direct.workspace = true\n";
    assert_eq!(edges("crates/cli", dev), [""; 0]);
    assert_eq!(edges("crates/core", dev).len(), 1);
    assert_eq!(edges("crates/cli", &dev.replace("dev-", "")).len(), 1);
}

#[test]
fn a_member_without_a_floor_is_found() {
    assert!(edges("crates/new", "")[0].contains("has no floor"));
}

#[test]
fn members_are_read_without_their_comments() {
    assert_eq!(checkout("a", "").members, ["crates/core"]);
}

#[test]
fn a_dependency_says_what_it_is_for() {
    let reasons = "[dependencies]\nanyhow = \"1\" # errors\ndsnap-core.workspace = true\nhere = { path = \"..\" }\n[features]\nx = []\n";
    assert_eq!(cures(manifests::manifest(&file("Cargo.toml", reasons))), [""; 0]);
    let none = "[workspace.dependencies]\nanyhow = \"1\"\n[dev-dependencies]\ntempfile = \"3\"\n";
    assert_eq!(manifests::manifest(&file("Cargo.toml", none)).len(), 2);
}

#[test]
fn no_profile_aborts_on_panic() {
    let comment = "[profile.release]\n# panic = \"abort\" would leave a snapshot behind\n";
    assert_eq!(cures(manifests::manifest(&file("Cargo.toml", comment))), [""; 0]);
    assert_eq!(
        manifests::manifest(&file("Cargo.toml", "[profile.release]\npanic = \"abort\"\n")).len(),
        1
    );
}

#[test]
fn a_member_inherits_the_lints() {
    assert!(manifests::inherits_lints("p", "[lints]\nworkspace = true\n").is_none());
    assert!(
        manifests::inherits_lints("p", "[dependencies]\nworkspace = true\n[lints]\n").is_some()
    );
}

#[test]
fn a_source_begins_with_its_documentation() {
    assert_eq!(cures(sources::source(&file("a.rs", "//! What.\n"))), [""; 0]);
    assert_eq!(sources::source(&file("a.rs", "\n//! What.\n")).len(), 1);
}

#[test]
fn a_long_file_gives_its_reason() {
    let long = format!("//! What.\n{}", "//\n".repeat(400));
    assert_eq!(sources::source(&file("a.rs", &long)).len(), 1);
    let argued = long.replacen("//\n", "// long: one table\n", 1);
    assert_eq!(cures(sources::source(&file("a.rs", &argued))), [""; 0]);
    assert_eq!(cures(sources::source(&file("a.rs", &long.replacen("//\n", "", 1)))), [""; 0]);
}

#[test]
fn a_long_function_gives_its_reason() {
    let found = |above, lines| {
        sources::source(&file("a.rs", &format!("//!\n{}", function(lines, above)))).len()
    };
    assert_eq!(found("", 40), 0);
    assert_eq!(found("", 41), 1);
    assert_eq!(found("    // long: one table\n    #[must_use]\n", 41), 0);
    assert_eq!(found("    // long: another's\n    const A: u8 = 1;\n", 41), 1);
}

#[test]
fn declarations_and_tests_have_no_length() {
    let declaration =
        format!("//!\ntrait T {{\n    fn f(\n        a: u8,\n    );\n}}\n{}", "//\n".repeat(60));
    assert_eq!(cures(sources::source(&file("a.rs", &declaration))), [""; 0]);
    let long = format!("//!\n#[cfg(test)]\n{}", function(60, ""));
    assert_eq!(cures(sources::source(&file("a.rs", &long))), [""; 0]);
    let long = format!("//!\n{}", function(60, ""));
    assert_eq!(cures(sources::source(&file("crates/cli/tests/a.rs", &long))), [""; 0]);
}

#[test]
fn a_crate_root_forbids_unsafe_code() {
    let found = |path, text| sources::forbids_unsafe(&checkout(path, text), "crates/core").len();
    assert_eq!(found("crates/core/src/lib.rs", "//!\n#![forbid(unsafe_code)]\n"), 0);
    assert_eq!(found("crates/core/src/lib.rs", "//!\n// #![forbid(unsafe_code)]\n"), 1);
    assert_eq!(found("crates/core/src/bin/a.rs", "//!\n"), 1);
    assert_eq!(found("crates/core/src/run.rs", "//!\n"), 0);
}

#[test]
fn only_host_and_sdk_may_do_without_and_only_if_they_need() {
    let found = |member, text| {
        sources::forbids_unsafe(&checkout(&format!("{member}/src/lib.rs"), text), member).len()
    };
    assert_eq!(found("crates/host", "unsafe { call() }\n"), 0);
    assert_eq!(found("crates/host", "// unsafe\n#![deny(unsafe_code)]\n"), 1);
    assert_eq!(found("crates/core", "unsafe { call() }\n"), 1);
}

#[test]
fn the_architecture_names_what_there_is() {
    let found = |text| cures(documents::architecture(&checkout("ARCHITECTURE.md", text)));
    assert_eq!(found("`crates/core`, and all in crates/*.\n"), [""; 0]);
    assert_eq!(found("nothing\n"), ["ARCHITECTURE.md: name the member crates/core"]);
    assert_eq!(
        found("crates/core, `crates/cor/x.rs`.\n"),
        ["ARCHITECTURE.md:1: crates/cor/x.rs does not exist"]
    );
}

#[test]
fn the_changelog_names_the_version() {
    assert!(documents::changelog(&checkout("CHANGELOG.md", "## 0.1.0\n")).is_none());
    assert!(documents::changelog(&checkout("CHANGELOG.md", "## 0.0.9\n")).is_some());
}

#[test]
fn blanks_at_the_end_of_a_line_are_found() {
    assert_eq!(cures(documents::every_file(&file("a.md", "a\n\nb\n"))), [""; 0]);
    assert_eq!(documents::every_file(&file("a.md", "a \n\nb\t\n")).len(), 2);
    assert_eq!(cures(documents::every_file(&file("expected.txt", "a \n"))), [""; 0]);
}

#[test]
fn paths_of_one_machine_are_found() {
    for leak in ["see /ro^ot/x", "\"/ho^me/joe\"", "/wo^rk/main", "=/fa^rm/a"] {
        assert_eq!(documents::every_file(&file("a", &leak.replace('^', ""))).len(), 1, "{leak}");
    }
    for fine in ["target/wo^rk/x", "$dir/ho^me/joe", "/ho^me/<you>", "/srv/zope"] {
        assert_eq!(
            cures(documents::every_file(&file("a", &fine.replace('^', "")))),
            [""; 0],
            "{fine}"
        );
    }
}
