//! `--list-methods`: which methods there are, for people and for programs.

use std::fmt;

use dsnap_core::method::WorksWith;
use dsnap_core::text;
use dsnap_engine::conf::plan::Plan;
use dsnap_host::{CAN_LOAD, ListedMethod, Registry};
use serde::Serialize;

/// The number of the form of the JSON document; it changes when a field changes its meaning.
const SCHEMA: u32 = 1;
/// The exit status if a line of the conf has no method that can be used.
const UNUSABLE: u8 = 1;

/// All that is told.
#[derive(Debug, Serialize)]
pub(crate) struct Listing {
    schema_version: u32,
    can_load: bool,
    methods: Vec<Method>,
    rejected: Vec<Rejected>,
    conf: Option<Conf>,
}

/// A method that a line can name.
#[derive(Debug, Serialize)]
struct Method {
    name: String,
    version: String,
    abi_version: Option<u32>,
    /// The library's path; none is linked in.
    file: Option<String>,
    works_with: &'static str,
}

/// A library that cannot be used.
#[derive(Debug, Serialize)]
struct Rejected {
    file: String,
    reason: String,
    hints: Vec<String>,
}

/// What the lines of a conf come to.
#[derive(Debug, Serialize)]
struct Conf {
    source: String,
    lines: Vec<Line>,
    complaints: Vec<String>,
    usable: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    place: String,
    label: String,
    method: String,
}

impl Listing {
    /// Looks at everything, with the rights that are in effect.
    pub(crate) fn of(registry: &Registry, plan: Option<&Plan>) -> Self {
        let (mut methods, mut rejected) = (Vec::new(), Vec::new());
        for ListedMethod { name, file, details } in registry.list() {
            let file = file.map(text::path);
            match details {
                Ok(details) => methods.push(Method {
                    name: text::harmless(name),
                    version: details.version,
                    abi_version: details.abi_version,
                    file,
                    works_with: words(details.works_with),
                }),
                Err(why) => rejected.push(Rejected {
                    file: file.unwrap_or(name),
                    reason: why.text().to_owned(),
                    hints: why.hints().to_vec(),
                }),
            }
        }
        let conf = plan.map(Conf::of);
        Self { schema_version: SCHEMA, can_load: CAN_LOAD, methods, rejected, conf }
    }

    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        if self.conf.as_ref().is_none_or(|conf| conf.usable) { 0 } else { UNUSABLE }
    }

    pub(crate) fn to_json(&self) -> String {
        // These types always have a JSON form.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl Conf {
    fn of(plan: &Plan) -> Self {
        let line = |step: &dsnap_engine::conf::plan::Step| Line {
            place: step.location.clone(),
            label: step.label.clone(),
            method: step.method.name().to_owned(),
        };
        Self {
            source: plan.source.clone(),
            lines: plan.steps.iter().map(line).collect(),
            complaints: plan.complaints.clone(),
            usable: !plan.malformed,
        }
    }
}

fn words(works_with: WorksWith) -> &'static str {
    match works_with {
        WorksWith::Owner => "owner",
        WorksWith::Nobody => "nobody",
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest = self.methods.iter().map(|method| method.name.len()).max().unwrap_or(0);
        for method in &self.methods {
            method.show(f, widest)?;
        }
        if !self.can_load {
            writeln!(f, "this build is static: it cannot load methods from libraries")?;
        }
        for Rejected { file, reason, hints } in &self.rejected {
            let path = if reason.contains(file.as_str()) { "" } else { file };
            let colon = if path.is_empty() { "" } else { ": " };
            writeln!(f, "not usable: {path}{colon}{reason}")?;
            hints.iter().try_for_each(|hint| writeln!(f, "hint: {hint}"))?;
        }
        self.conf.iter().try_for_each(|conf| conf.show(f))
    }
}

impl Method {
    fn show(&self, f: &mut fmt::Formatter<'_>, widest: usize) -> fmt::Result {
        let Self { name, version, .. } = self;
        let with = match self.works_with {
            "nobody" => "works on a storage that no process has open",
            _ => "works with the process that has the storage open",
        };
        write!(f, "{name:widest$}  {version}, {with}; ")?;
        match (&self.file, self.abi_version) {
            (Some(file), Some(abi)) => writeln!(f, "interface {abi}, {file}"),
            _ => writeln!(f, "linked in"),
        }
    }
}

impl Conf {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nTried, in this order ({}):", self.source)?;
        for Line { place, label, .. } in &self.lines {
            writeln!(f, "  {label}   ({place})")?;
        }
        self.complaints.iter().try_for_each(|complaint| writeln!(f, "{complaint}"))
    }
}
