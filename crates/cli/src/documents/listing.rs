//! The result of `--list-methods`, as text for people and as JSON for programs.
//!
//! The registry finds the methods and the engine reads the conf; this file only presents both. The
//! schema of the document is `docs/schema/listing.schema.json`.

use std::fmt;

use dsnap_core::method::WorksWith;
use dsnap_core::{Reason, text};
use dsnap_engine::conf::plan::Step;
use dsnap_engine::exit_status;
use dsnap_engine::run::session::Session;
use dsnap_host::{CAN_LOAD, KIND_OF_BUILD, ListedMethod, Registry};
use serde::Serialize;

/// The version of the JSON document. It changes when a field changes its meaning.
const SCHEMA_VERSION: u32 = 1;
/// The exit status if a conf line cannot be used.
const UNUSABLE_LINE: u8 = 1;

/// The methods, and the lines of a conf.
// wide: one field for each value of the JSON document.
#[derive(Debug, Serialize)]
pub(crate) struct Listing {
    schema_version: u32,
    exit_status: u8,
    /// Why the storage or the conf cannot be opened.
    failure: Option<String>,
    hints: Vec<String>,
    can_load: bool,
    methods: Vec<Method>,
    rejected: Vec<Rejected>,
    conf: Option<Conf>,
}

/// A method that a conf line can name.
#[derive(Debug, Serialize)]
struct Method {
    name: String,
    version: String,
    abi_version: Option<u32>,
    /// The path of the library; absent for a method that is built in.
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

/// The lines of a conf, and its mistakes.
#[derive(Debug, Serialize)]
struct Conf {
    /// Why the file cannot be opened.
    #[serde(skip)]
    unreadable: Option<Reason>,
    source: String,
    lines: Vec<Line>,
    complaints: Vec<String>,
    usable: bool,
}

/// A conf line that names a method.
#[derive(Debug, Serialize)]
struct Line {
    place: String,
    label: String,
    method: String,
    /// Why a file or program of the line cannot be used.
    unusable: Option<String>,
    hints: Vec<String>,
}

impl Listing {
    /// Lists the methods of the registry and the lines of a session's plan. Reads libraries with the
    /// privileges that are in effect.
    pub(crate) fn new(registry: &Registry, session: Option<&Session<'_>>) -> Self {
        let (mut methods, mut rejected) = (Vec::new(), Vec::new());
        for ListedMethod { name, file, details } in registry.list() {
            let file = file.map(text::path);
            match details {
                Ok(details) => methods.push(Method {
                    name: text::harmless(name),
                    version: details.version,
                    abi_version: details.abi_version,
                    file,
                    works_with: works_with_name(details.works_with),
                }),
                Err(reason) => rejected.push(Rejected {
                    file: file.unwrap_or(name),
                    reason: reason.text().to_owned(),
                    hints: reason.hints().to_vec(),
                }),
            }
        }
        let conf = session.map(Conf::of);
        let failure = conf.as_ref().and_then(|conf| conf.unreadable.as_ref());
        let exit_status = match &conf {
            Some(conf) if conf.unreadable.is_some() => exit_status::FAILED,
            Some(conf) if !conf.usable => UNUSABLE_LINE,
            _ => 0,
        };
        let empty = Self::empty(failure);
        Self { exit_status, methods, rejected, conf, ..empty }
    }

    /// Makes the document of a listing whose storage cannot be opened: nothing is listed.
    pub(crate) fn failed(reason: &Reason) -> Self {
        Self { exit_status: exit_status::FAILED, ..Self::empty(Some(reason)) }
    }

    fn empty(failure: Option<&Reason>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            exit_status: 0,
            failure: failure.map(|reason| reason.text().to_owned()),
            hints: failure.map_or_else(Vec::new, |reason| reason.hints().to_vec()),
            can_load: CAN_LOAD,
            methods: Vec::new(),
            rejected: Vec::new(),
            conf: None,
        }
    }

    /// Returns the exit status.
    pub(crate) fn status(&self) -> u8 {
        self.exit_status
    }

    /// Says why the conf cannot be opened, if so.
    pub(crate) fn unreadable(&self) -> Option<&Reason> {
        self.conf.as_ref().and_then(|conf| conf.unreadable.as_ref())
    }
}

impl Conf {
    fn of(session: &Session<'_>) -> Self {
        let plan = &session.plan;
        let lines: Vec<_> = plan.steps.iter().map(|step| Line::of(session, step)).collect();
        let unreadable = plan.complaints.iter().find(|it| it.is_of_unreadable_file());
        let has_unusable = lines.iter().any(|line| line.unusable.is_some());
        Self {
            unreadable: unreadable.map(|complaint| complaint.reason.clone()),
            source: plan.source.clone(),
            complaints: plan.complaints.iter().map(|it| it.reason.to_string()).collect(),
            usable: plan.malformed == 0 && !has_unusable && unreadable.is_none(),
            lines,
        }
    }
}

impl Line {
    fn of(session: &Session<'_>, step: &Step) -> Self {
        let flaw = session.check_files(step).err();
        Self {
            place: step.location.clone(),
            label: step.label.clone(),
            method: step.method.name().to_owned(),
            hints: flaw.as_ref().map_or_else(Vec::new, |flaw| flaw.hints().to_vec()),
            unusable: flaw.map(|flaw| flaw.text().to_owned()),
        }
    }
}

fn works_with_name(works_with: WorksWith) -> &'static str {
    match works_with {
        WorksWith::Owner => "owner",
        WorksWith::Nobody => "nobody",
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest = self.methods.iter().map(|method| method.name.len()).max().unwrap_or(0);
        for method in &self.methods {
            method.write(f, widest)?;
        }
        if !self.can_load {
            writeln!(f, "this dsnap is {KIND_OF_BUILD}, which cannot load methods from libraries")?;
        }
        for Rejected { file, reason, hints } in &self.rejected {
            // Some reasons name the file already.
            let subject = if reason.contains(file.as_str()) { "" } else { &format!("{file}: ") };
            writeln!(f, "unusable: {subject}{reason}")?;
            hints.iter().try_for_each(|hint| writeln!(f, "hint: {hint}"))?;
        }
        self.conf.iter().try_for_each(|conf| conf.write(f))
    }
}

impl Method {
    fn write(&self, f: &mut fmt::Formatter<'_>, widest: usize) -> fmt::Result {
        let Self { name, version, .. } = self;
        let purpose = match self.works_with {
            "nobody" => "for a storage that no process has open",
            _ => "for a storage that a server has open",
        };
        write!(f, "{name:widest$}  {version}, {purpose}; ")?;
        match (&self.file, self.abi_version) {
            (Some(file), Some(abi)) => writeln!(f, "loaded from {file}, interface {abi}"),
            _ => writeln!(f, "built in"),
        }
    }
}

impl Conf {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nMethods to try, in this order (from {}):", self.source)?;
        for Line { place, label, unusable, hints, .. } in &self.lines {
            let flaw = unusable.iter().map(|flaw| format!(": {flaw}")).collect::<String>();
            writeln!(f, "  {label}   ({place}){flaw}")?;
            hints.iter().try_for_each(|hint| writeln!(f, "  hint: {hint}"))?;
        }
        self.complaints.iter().try_for_each(|complaint| writeln!(f, "{complaint}"))
    }
}
