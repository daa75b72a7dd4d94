//! Manifests, as far as the rules need them: lines of sections, read by hand.
//!
//! No TOML parser: everybody who runs any task would wait for it to be built. This knows the
//! forms that our manifests use. Which arrows are allowed is `floors`' part.

use super::{File, Finding};

/// Who gets a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The crate, or its build script.
    Normal,
    /// Its tests.
    Dev,
}

/// One dependency of a manifest.
#[derive(Debug)]
pub(super) struct Dependency {
    pub(super) package: String,
    pub(super) kind: Kind,
    /// From 1.
    pub(super) line: usize,
    text: String,
}

/// Everything a manifest depends on, in all its sections.
pub(super) fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut section = "";
    let mut found = Vec::new();
    for (index, text) in manifest.lines().enumerate() {
        if let Some(name) = heading(text) {
            section = name;
            found.extend(own_section(name, index, text));
        } else if let (Some(kind), Some(name)) = (kind(section), key(text)) {
            found.push(dependency(name, kind, index, text));
        }
    }
    found
}

fn dependency(name: &str, kind: Kind, index: usize, text: &str) -> Dependency {
    let renamed = text.split_once("package = \"").and_then(|(_, rest)| rest.split('"').next());
    let package = renamed.unwrap_or(name).to_owned();
    Dependency { package, kind, line: index + 1, text: text.to_owned() }
}

/// `[dependencies.NAME]`: a section for one.
fn own_section(section: &str, index: usize, text: &str) -> Option<Dependency> {
    let (parent, name) = section.rsplit_once('.')?;
    Some(dependency(name, kind(parent)?, index, text))
}

/// A section's name, without brackets.
fn heading(line: &str) -> Option<&str> {
    let (name, _) = line.trim_start().strip_prefix('[')?.rsplit_once(']')?;
    Some(name.trim_start_matches('[').trim_end_matches(']').trim())
}

fn kind(section: &str) -> Option<Kind> {
    match section.rsplit('.').next() {
        Some("dev-dependencies") => Some(Kind::Dev),
        Some("dependencies" | "build-dependencies") => Some(Kind::Normal),
        _ => None,
    }
}

/// The first word of a `name = …` or `name.workspace = …` line that begins at the margin.
fn key(line: &str) -> Option<&str> {
    let (left, _) = line.split_once('=')?;
    let name = left.split('.').next()?.trim_end().trim_matches('"');
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

/// The paths in `members = […]`.
pub(super) fn members(root: &str) -> Vec<String> {
    let Some((_, list)) = root.split_once("members = [") else { return Vec::new() };
    let list = list.split_once(']').map_or(list, |(list, _)| list);
    let quoted = |line: &str| {
        code(line).split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
    };
    list.lines().flat_map(quoted).collect()
}

/// A line without its comment.
fn code(line: &str) -> &str {
    line.split_once('#').map_or(line, |(code, _)| code)
}

/// What holds for every manifest: reasons for dependencies, and unwinding.
pub(super) fn manifest(file: &File) -> Vec<Finding> {
    let mut findings: Vec<Finding> = dependencies(&file.text)
        .iter()
        .filter(|it| !it.argued())
        .map(|it| it.argue(file))
        .collect();
    findings.extend(unwinds(file));
    findings
}

impl Dependency {
    /// Says what it is for; one of this workspace need not.
    fn argued(&self) -> bool {
        let text = code(&self.text);
        text.contains("workspace = true") || text.contains("path = \"") || self.text.contains("# ")
    }

    fn argue(&self, file: &File) -> Finding {
        Finding::new(
            &file.path,
            self.line,
            format!("say what {} is for, in a `# …` on its line", self.package),
        )
    }
}

fn unwinds(file: &File) -> Vec<Finding> {
    let aborts = |line: &str| {
        let (key, value) = code(line).split_once('=').unwrap_or_default();
        key.trim().trim_matches('"').ends_with("panic") && value.contains("abort")
    };
    let lines = file.text.lines().enumerate().filter(|(_, line)| aborts(line));
    let cure = "remove it: leaving the snapshot on a panic needs unwinding";
    lines.map(|(index, _)| Finding::new(&file.path, index + 1, cure)).collect()
}

/// A member has the workspace's lints.
pub(super) fn inherits_lints(path: &str, manifest: &str) -> Option<Finding> {
    let mut section = "";
    let inherits = manifest.lines().any(|line| {
        section = heading(line).unwrap_or(section);
        section == "lints" && code(line).trim() == "workspace = true"
    });
    let dotted = manifest.lines().any(|line| code(line).trim() == "lints.workspace = true");
    (!inherits && !dotted).then(|| Finding::new(path, 0, "add `[lints]` with `workspace = true`"))
}
