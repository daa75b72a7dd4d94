//! The rooms of the engine, and which room may use which.
//!
//! The rule is in ARCHITECTURE.md under the heading `Rooms`, so the page cannot say one thing and
//! the code do another. `rooms/plan.rs` reads it; this file compares it with the sources. Circles
//! between the files of a room are the subject of `circles`.

mod plan;

use std::collections::BTreeSet;

use super::edges::{Edge, End};
use super::modules::Crate;
use super::{Checkout, Finding};
use plan::{Exception, Plan};

/// The page with the rule.
const PAGE: &str = "ARCHITECTURE.md";

/// The crate that has rooms.
pub(super) const ENGINE: &str = "crates/engine";

/// Checks the rooms of the engine; without an engine, there must be no rooms either.
pub(super) fn rooms(checkout: &Checkout) -> Vec<Finding> {
    let page = checkout.text(PAGE).unwrap_or_default();
    let has_engine = checkout.members.iter().any(|member| member.folder == ENGINE);
    match (has_engine, Plan::read(page)) {
        (_, Err(findings)) => findings,
        (false, Ok(None)) => Vec::new(),
        (false, Ok(Some(_))) => {
            vec![Finding::new(PAGE, 0, format!("describes rooms, but {ENGINE} is not a member"))]
        }
        (true, Ok(None)) => {
            let cure = "add a section `## Rooms` with a table `room | what is in it | may use`";
            vec![Finding::new(PAGE, 0, cure)]
        }
        (true, Ok(Some(plan))) => {
            let engine = Crate::read(checkout, &format!("{ENGINE}/src/lib.rs"));
            let mut findings = compare_names(&plan, &engine);
            findings.extend(compare_edges(&plan, &engine.edges()));
            findings
        }
    }
}

/// Checks that the page and the crate have the same rooms.
fn compare_names(plan: &Plan, engine: &Crate<'_>) -> Vec<Finding> {
    let modules: BTreeSet<&str> =
        engine.modules.keys().filter(|path| path.len() == 1).map(|path| path[0].as_str()).collect();
    let named = plan.names();
    let gone = named.iter().filter(|(name, _)| !modules.contains(*name));
    let gone = gone.map(|(name, line)| {
        Finding::new(PAGE, *line, format!("there is no room `{name}` in {ENGINE}/src"))
    });
    let unnamed = modules.iter().filter(|name| !named.contains_key(*name));
    let unnamed = unnamed.map(|name| {
        let cure = format!("name the module `{name}` of {ENGINE} under `## Rooms`");
        Finding::new(PAGE, 0, cure)
    });
    gone.chain(unnamed).collect()
}

/// Checks that each use of another room is allowed, and that each exception is needed.
fn compare_edges(plan: &Plan, edges: &[Edge<'_>]) -> Vec<Finding> {
    let between = edges.iter().filter(|edge| room(&edge.from) != room(&edge.to));
    let (mut needed, mut findings) = (BTreeSet::new(), Vec::new());
    for edge in between.filter(|edge| !plan.allows(room(&edge.from), room(&edge.to))) {
        match plan.exceptions.iter().find(|it| it.covers(&edge.from.module, &edge.to.module)) {
            Some(exception) => _ = needed.insert(exception.line),
            None => findings.push(upward(edge)),
        }
    }
    let unneeded = plan.exceptions.iter().filter(|it| !needed.contains(&it.line));
    findings.extend(unneeded.map(not_needed));
    findings
}

/// The room of a file; empty for the root of the crate, which every room may use.
fn room<'e>(end: &'e End<'_>) -> &'e str {
    end.module.first().map_or("", String::as_str)
}

fn upward(edge: &Edge<'_>) -> Finding {
    let (from, to) = (room(&edge.from), room(&edge.to));
    let cure = format!(
        "`{}` may not use `{}`: `{from}` → `{to}` is not allowed under `## Rooms` in {PAGE}; move what it needs to a room that `{from}` may use",
        edge.from.module.join("::"),
        edge.to.module.join("::"),
    );
    Finding::new(&edge.from.file.path, edge.line, cure)
}

fn not_needed(exception: &Exception) -> Finding {
    Finding::new(PAGE, exception.line, "remove this exception: nothing needs it any more")
}
