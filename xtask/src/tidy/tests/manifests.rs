//! Manifests: reasons, profiles and lints.

use super::super::manifests::{inherits_lints, manifest};
use super::{cures, file};

fn found(text: &str) -> Vec<String> {
    cures(manifest(&file("Cargo.toml", text)))
}

#[test]
fn a_dependency_says_what_it_is_for() {
    let explained = "[dependencies]\nanyhow = \"1\" # errors\ndsnap-core.workspace = true\nhere = { path = \"..\" }\n[features]\nx = []\n";
    assert_eq!(found(explained), [""; 0]);
    let unexplained =
        "[workspace.dependencies]\nanyhow = \"1\"\n[dev-dependencies]\ntempfile = \"3\"\n";
    assert_eq!(
        found(unexplained),
        [
            "Cargo.toml:2: say what anyhow is for, in a `# …` on its line",
            "Cargo.toml:4: say what tempfile is for, in a `# …` on its line"
        ]
    );
}

#[test]
fn a_reason_is_a_comment_and_not_part_of_a_value() {
    assert_eq!(found("[dependencies]\na = { version = \"1\", features = [\"# b\"] }\n").len(), 1);
    assert_eq!(found("[dependencies]\na = \"1\" #\n").len(), 1);
    assert_eq!(found("[dependencies.a] # why\nversion = \"1\"\n"), [""; 0]);
    assert_eq!(
        found("[dependencies]\na = { version = \"1\", features = [\n  \"b\",\n] } # why\n"),
        [""; 0]
    );
    assert_eq!(found("[target.'cfg(unix)'.dependencies]\na = \"1\"\n").len(), 1);
}

#[test]
fn no_profile_aborts_on_panic() {
    let comment = "[profile.release]\n# panic = \"abort\" would leave a snapshot behind\n";
    assert_eq!(found(comment), [""; 0]);
    let cure = "remove it: leaving the snapshot on a panic needs unwinding";
    for (line, aborts) in [
        (2, "[profile.release]\npanic = \"abort\"\n"),
        (1, "profile.dev.panic = 'abort'\n"),
        (3, "[profile.fast]\ninherits = \"release\"\n\"panic\" = \"abort\"\n"),
    ] {
        assert_eq!(found(aborts), [format!("Cargo.toml:{line}: {cure}")]);
    }
}

#[test]
fn a_manifest_that_is_no_toml_is_found() {
    assert_eq!(found("[dependencies\n").len(), 1);
}

#[test]
fn a_member_inherits_the_lints() {
    assert!(inherits_lints("p", "[lints]\nworkspace = true\n").is_none());
    assert!(inherits_lints("p", "lints.workspace = true\n").is_none());
    assert!(inherits_lints("p", "[dependencies]\nworkspace = true\n[lints]\n").is_some());
}
