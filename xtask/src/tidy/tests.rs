//! Each rule, applied to a text that keeps it and to one that breaks it.

mod architecture;
mod circles;
mod documents;
mod floors;
mod items;
mod links;
mod manifests;
mod messages;
mod opens;
mod promises;
mod public;
mod rooms;
mod rust_versions;
mod sources;

use super::metadata::{Dependency, Kind, Member};
use super::{Checkout, File, Finding};

fn file(path: &str, text: &str) -> File {
    File::new(path, text.to_owned())
}

fn cures(findings: impl IntoIterator<Item = Finding>) -> Vec<String> {
    findings.into_iter().map(|finding| finding.to_string()).collect()
}

/// A member with a library and a program.
fn member(folder: &str, dependencies: &[(&str, Kind)]) -> Member {
    let dependency = |(package, kind): &(&str, Kind)| Dependency {
        package: (*package).to_owned(),
        rename: None,
        kind: *kind,
    };
    Member {
        folder: folder.to_owned(),
        version: "0.1.0".to_owned(),
        dependencies: dependencies.iter().map(dependency).collect(),
        crate_roots: vec![format!("{folder}/src/lib.rs"), format!("{folder}/src/bin/a.rs")],
    }
}

/// A checkout of one member, `crates/core`, with one more file.
fn checkout(path: &str, text: &str) -> Checkout {
    Checkout {
        files: vec![file("crates/core/Cargo.toml", ""), file(path, text)],
        members: vec![member("crates/core", &[])],
    }
}

/// A checkout of `crates/engine`, a library without programs, with these files.
fn engine(files: &[(&str, &str)]) -> Checkout {
    let mut engine = member("crates/engine", &[]);
    engine.crate_roots.truncate(1);
    Checkout {
        files: files.iter().map(|(path, text)| file(path, text)).collect(),
        members: vec![engine],
    }
}
