//! Circles between the files of a crate: one of them cannot be read without the others.
//!
//! Reports one circle, the shortest, for each group of files that all lead to each other. Which
//! rooms may use which is the subject of `rooms`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Finding;
use super::edges::Edge;

/// The edges that leave each file, by the file's path.
type Graph<'a> = BTreeMap<&'a str, Vec<&'a Edge<'a>>>;

/// Finds the circles among the edges of a crate.
pub(super) fn circles(edges: &[Edge<'_>]) -> Vec<Finding> {
    let mut graph = Graph::new();
    for edge in edges {
        graph.entry(&edge.from.file.path).or_default().push(edge);
    }
    let mut circles: Vec<_> = graph.keys().filter_map(|file| shortest(&graph, file)).collect();
    circles.sort_by_key(Vec::len);
    let mut reported: BTreeSet<&str> = BTreeSet::new();
    let mut findings = Vec::new();
    for circle in circles {
        if !reported.contains(circle[0].from.file.path.as_str()) {
            let start = circle[0].from.file.path.as_str();
            reported.extend(group(&graph, start));
            findings.push(finding(&circle));
        }
    }
    findings
}

/// Finds the shortest way from a file back to itself.
fn shortest<'a>(graph: &Graph<'a>, start: &str) -> Option<Vec<&'a Edge<'a>>> {
    let mut ways = VecDeque::from([vec![]]);
    let mut reached = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        let at = way.last().map_or(start, |edge: &&Edge<'_>| &edge.to.file.path);
        for edge in graph.get(at).into_iter().flatten() {
            let way: Vec<_> = way.iter().copied().chain([*edge]).collect();
            if edge.to.file.path == start {
                return Some(way);
            }
            if reached.insert(&edge.to.file.path) {
                ways.push_back(way);
            }
        }
    }
    None
}

/// Lists the files that a file leads to and that lead back to it.
fn group<'a>(graph: &Graph<'a>, start: &'a str) -> Vec<&'a str> {
    let from_start = reachable(graph, start);
    from_start.into_iter().filter(|file| reachable(graph, file).contains(start)).collect()
}

fn reachable<'a>(graph: &Graph<'a>, start: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = vec![start];
    while let Some(at) = next.pop() {
        let targets = graph.get(at).into_iter().flatten().map(|edge| edge.to.file.path.as_str());
        next.extend(targets.filter(|target| reached.insert(*target)));
    }
    reached
}

fn finding(circle: &[&Edge<'_>]) -> Finding {
    let steps: Vec<String> = circle
        .iter()
        .map(|edge| format!("{}:{} uses {}", edge.from.file.path, edge.line, edge.to.file.path))
        .collect();
    let cure = format!(
        "a circle ({}): move what they share to a file that uses none of them",
        steps.join(", ")
    );
    Finding::new(&circle[0].from.file.path, circle[0].line, cure)
}
