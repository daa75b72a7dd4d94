//! The plan of a run: which methods are tried, and in which order.
//!
//! The program makes one plan per run, from `snapshot.conf` or from the `--method` lines. As in the
//! original since 1.1.12, a line that cannot be used is reported and skipped. Which words a line
//! has is [`grammar`]'s part; with whose privileges it is called is decided in `line_source`.

use std::cell::{OnceCell, RefCell};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dsnap_core::Reason;
use dsnap_core::method::{CheckedLine, Methods, SnapshotMethod, WorksWith};
use dsnap_core::text::{self, Harmless};

pub use crate::conf::complaint::{Complaint, ComplaintKind};
use crate::conf::grammar::{self, Line};
use crate::conf::label::label;
use crate::conf::line_source::{Author, ConfFile, LineSource};
use crate::storage::Storage;
use crate::system::privileges::Privileges;
use crate::{durations, limits};

/// Where a storage has its conf.
pub const DEFAULT_FILE: &str = "config/snapshot.conf";

/// The method that is tried last unless a line says otherwise.
const LAST_RESORT: &str = "direct";
/// The line that forbids the last resort.
const NO_LAST_RESORT: &str = "nodirect";

/// The option that gives a line on the command line.
pub(crate) const METHOD_OPTION: &str = "--method";

/// Where the lines of a plan come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `DIR/config/snapshot.conf`.
    Default,
    /// The file of `--snapshot-conf`.
    File(PathBuf),
    /// The lines of `--method`.
    Lines(Vec<OsString>),
}

/// One method to try, as one line describes it.
// wide: what a run needs of one line; each field comes from it or from its method alone.
#[derive(Debug)]
pub struct Step {
    /// The method.
    pub method: Arc<dyn SnapshotMethod>,
    /// The words after the method's name, without `timeout=`.
    pub words: Vec<OsString>,
    /// How long one call may take, if the line says so.
    pub timeout: Option<Duration>,
    /// The text of the line, without its comment and outer blanks.
    pub line: Vec<u8>,
    /// How messages name the line.
    pub label: String,
    /// Where the line stands, for messages: `line 3 in FILE`.
    pub location: String,
    /// Whether the method is called with the privileges with which the program was started.
    pub with_caller_privileges: bool,
    /// Why the line is not tried again in this run: its server serves another storage.
    pub wrong_server: OnceCell<Reason>,
    /// The last failure of the line that this run reported. An equal one is not reported again.
    pub(crate) reported: RefCell<Option<Reason>>,
}

impl Step {
    /// Calls the method with the privileges of its line. A panic in the call is one failed call, not
    /// the end of the run: it becomes the result that `panicked` makes of its reason.
    pub(crate) fn call<T>(
        &self,
        privileges: &Privileges,
        call: impl FnOnce(&dyn SnapshotMethod) -> T,
        panicked: impl FnOnce(Reason) -> T,
    ) -> T {
        // A method keeps nothing between two calls, so no later call sees what a panic left
        // incomplete.
        let call = || panic::catch_unwind(AssertUnwindSafe(|| call(&*self.method)));
        let result = if self.with_caller_privileges {
            privileges.with_caller_privileges(call)
        } else {
            call()
        };
        let name = self.method.name();
        result.unwrap_or_else(|_| panicked(Reason::new(format!("the method `{name}` panicked"))))
    }

    /// Returns how long a leave may take.
    pub(crate) fn leave_time(&self) -> Duration {
        self.timeout.unwrap_or(limits::LEAVE_TIMEOUT)
    }
}

/// The methods to try, in order.
#[derive(Debug)]
pub struct Plan {
    /// The methods.
    pub steps: Vec<Step>,
    /// The folder to which file names on lines are relative, as an absolute path.
    pub conf_folder: PathBuf,
    /// What is wrong with the conf, in order.
    pub complaints: Vec<Complaint>,
    /// How many lines are malformed, or name a method that cannot be used.
    pub malformed: usize,
    /// How many lines are too many to be tried.
    surplus: usize,
    /// The file that the lines come from, for people to read.
    pub source: String,
}

impl Plan {
    /// Makes the plan. `locks_reach` says whether locks on the file system of the storage reach other
    /// machines.
    ///
    /// If `stopped` says that the program was asked to end meanwhile, the plan may be incomplete.
    pub fn make(
        source: &Source,
        storage: &Storage,
        methods: &dyn Methods,
        privileges: &Privileges,
        locks_reach: bool,
        stopped: &dyn Fn() -> bool,
    ) -> Self {
        let planner = Planner { methods, privileges, stopped };
        let owner = storage.owner().user;
        match source {
            Source::Lines(lines) => planner.plan_options(storage.config(), lines),
            // A file that the user names may be a pipe.
            Source::File(path) => {
                let file = ConfFile::open(path, owner, privileges);
                planner.plan_file(path, file, false, locks_reach)
            }
            Source::Default => {
                let path = storage.given().join(DEFAULT_FILE);
                let file = ConfFile::open(&path, owner, privileges).and_then(ConfFile::regular);
                planner.plan_file(&path, file, true, locks_reach)
            }
        }
    }

    fn empty(conf_folder: PathBuf, source: String) -> Self {
        // A bare file name has the empty path as its folder, which is the working directory.
        let conf_folder = Path::new(".").join(conf_folder);
        let conf_folder = std::path::absolute(&conf_folder).unwrap_or(conf_folder);
        Self {
            steps: Vec::new(),
            conf_folder,
            complaints: Vec::new(),
            malformed: 0,
            surplus: 0,
            source,
        }
    }

    /// Takes the result of reading a line. Returns true if the line decides about the last resort.
    fn add(&mut self, read: Result<Option<Step>, Reason>, location: &str) -> bool {
        match read {
            Ok(Some(step)) => {
                let decides = step.method.name() == LAST_RESORT;
                self.steps.push(step);
                decides
            }
            Ok(None) => true,
            Err(reason) => {
                self.malformed += 1;
                if self.malformed <= limits::MAX_MALFORMED_LINES {
                    let what = format!("malformed {location} ({})", reason.text());
                    self.complain(ComplaintKind::Lines, reason.with_text(what));
                }
                false
            }
        }
    }

    fn complain(&mut self, kind: ComplaintKind, reason: Reason) {
        self.complaints.push(Complaint { kind, reason });
    }

    /// Says how many lines are not tried, and how many malformed ones were not named.
    fn count_rest(&mut self) {
        if self.surplus > 0 {
            let (source, most) = (&self.source, limits::MAX_USABLE_LINES);
            let what = format!(
                "{source} has more than {most} lines to try; lines left out: {}",
                self.surplus
            );
            self.complain(ComplaintKind::Lines, Reason::new(what));
        }
        let unnamed = self.malformed.saturating_sub(limits::MAX_MALFORMED_LINES);
        if unnamed > 0 {
            let what = format!("malformed lines in {} that are not shown: {unnamed}", self.source);
            self.complain(ComplaintKind::Lines, Reason::new(what));
        }
    }
}

/// Makes plans out of lines.
struct Planner<'a> {
    methods: &'a dyn Methods,
    privileges: &'a Privileges,
    stopped: &'a dyn Fn() -> bool,
}

impl Planner<'_> {
    fn plan_options(&self, conf_folder: PathBuf, lines: &[OsString]) -> Plan {
        let mut plan = Plan::empty(conf_folder, METHOD_OPTION.to_owned());
        for (line, number) in lines.iter().zip(1..) {
            let location = format!("line {number} in {METHOD_OPTION}");
            match grammar::line(line.as_bytes(), number) {
                Some(line) => {
                    self.add(&mut plan, &line, &location, Author::COMMAND_LINE);
                }
                None => plan.complain(
                    ComplaintKind::Lines,
                    Reason::new(format!("malformed {location} (it is empty)")),
                ),
            }
        }
        plan.count_rest();
        plan
    }

    fn plan_file(
        &self,
        path: &Path,
        file: io::Result<ConfFile>,
        is_default: bool,
        locks_reach: bool,
    ) -> Plan {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut plan = Plan::empty(folder, text::path(path));
        let mut last_resort = true;
        let text = file.and_then(|file| Ok((file.read(self.stopped)?, file)));
        match text {
            Ok((text, ConfFile { trust, other_author, .. })) => {
                let author = Author { trust, other: other_author.as_ref() };
                for line in grammar::lines(&text) {
                    let location = format!("line {} in {}", line.number, plan.source);
                    if let Some(reason) = self.refusal(&line, author.other) {
                        plan.add(Err(reason), &location);
                        continue;
                    }
                    last_resort &= !self.add(&mut plan, &line, &location, author);
                }
                plan.count_rest();
            }
            Err(error) => {
                let words = text::error(&error);
                let what = format!("failed to open {} ({words})", text::path(path));
                plan.complain(ComplaintKind::of(&error, is_default), Reason::new(what));
            }
        }
        if last_resort && locks_reach {
            plan.steps.extend(self.last_resort());
        }
        plan
    }

    /// Says why a line that runs anything is refused, if somebody else can write the conf.
    fn refusal(&self, line: &Line, other_author: Option<&Reason>) -> Option<Reason> {
        let (other_author, name) = (other_author?, line.words.as_ref().ok()?.first()?);
        let harmless = [LAST_RESORT, NO_LAST_RESORT].iter().any(|known| name == known);
        if harmless || !self.methods.runs_code(name.as_bytes()) {
            return None;
        }
        let what = format!(
            "{}: a line that runs a program needs a conf that nobody else can write",
            other_author.text()
        );
        Some(other_author.clone().with_text(what))
    }

    /// Adds the step of a line. Returns true if the line decides about the last resort.
    fn add(&self, plan: &mut Plan, line: &Line, location: &str, author: Author<'_>) -> bool {
        // Asking a library about a line may take a while.
        if (self.stopped)() {
            return false;
        }
        if plan.steps.len() >= limits::MAX_USABLE_LINES {
            let name = line.words.as_ref().ok().and_then(|words| words.first());
            let is = |word: &str| name.is_some_and(|name| name == word);
            plan.surplus += usize::from(!is(NO_LAST_RESORT));
            return is(NO_LAST_RESORT) || is(LAST_RESORT);
        }
        let conf_folder = plan.conf_folder.clone();
        let source = LineSource { author, conf_folder: &conf_folder, privileges: self.privileges };
        plan.add(self.step(line, location, source), location)
    }

    /// Reads the step that a line describes; `None` for `nodirect`.
    fn step(
        &self,
        line: &Line,
        location: &str,
        source: LineSource<'_>,
    ) -> Result<Option<Step>, Reason> {
        let all_words = line.words.clone().map_err(Reason::new)?;
        let Some((name, words)) = all_words.split_first() else { return Ok(None) };
        if (name == LAST_RESORT || name == NO_LAST_RESORT) && !words.is_empty() {
            return Err(Reason::new(format!("`{}` takes no arguments", text::harmless(name))));
        }
        if name == NO_LAST_RESORT {
            return Ok(None);
        }
        let candidate = source.find(name, self.methods)?;
        let (words, timeout) = match candidate.method.works_with() {
            WorksWith::Owner => split_timeout(words).map_err(Reason::new)?,
            WorksWith::Nobody => (words, None),
        };
        let checked = candidate.check_words(words).map_err(|it| it.given_by(location))?;
        let (method, with_caller_privileges) = candidate.settle(&checked)?;
        Ok(Some(Step {
            label: label(&*method, checked, &all_words),
            method,
            words: words.to_vec(),
            timeout,
            line: line.text.clone(),
            location: location.to_owned(),
            with_caller_privileges,
            wrong_server: OnceCell::new(),
            reported: RefCell::new(None),
        }))
    }

    fn last_resort(&self) -> Option<Step> {
        let method = self.methods.find(LAST_RESORT.as_bytes()).ok()?;
        let checked = method.check_words(&[]).unwrap_or_else(|_| CheckedLine::of(&[]));
        Some(Step {
            label: label(&*method, checked, &[LAST_RESORT.into()]),
            method,
            words: Vec::new(),
            timeout: None,
            line: LAST_RESORT.into(),
            location: "the last resort".to_owned(),
            with_caller_privileges: false,
            wrong_server: OnceCell::new(),
            reported: RefCell::new(None),
        })
    }
}

/// Splits a last word `timeout=DURATION` off the words of a line.
fn split_timeout(words: &[OsString]) -> Result<(&[OsString], Option<Duration>), String> {
    let Some((last, rest)) = words.split_last() else { return Ok((words, None)) };
    let Some(value) = last.as_bytes().strip_prefix(b"timeout=") else { return Ok((words, None)) };
    let value = Harmless(value).to_string();
    match durations::parse(&value) {
        Ok(Duration::ZERO) => Err(format!("timeout={value} leaves no time for an answer")),
        Ok(timeout) => Ok((rest, Some(timeout))),
        Err(error) => Err(format!("timeout={value} {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_bare_file_name_is_the_working_directory() {
        let here = std::env::current_dir().unwrap();
        for (folder, resolved) in
            [("", here.clone()), ("etc", here.join("etc")), ("/etc", "/etc".into())]
        {
            assert_eq!(Plan::empty(folder.into(), String::new()).conf_folder, resolved);
        }
    }
}
