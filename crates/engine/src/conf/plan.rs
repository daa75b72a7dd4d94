//! The plan of a run: which methods are tried, in which order.
//!
//! Made once a run from `snapshot.conf` or from the `--method` lines. Lines that mean nothing
//! are named and passed over, as the original has done since 1.1.12.

use std::cell::OnceCell;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dsnap_core::Reason;
use dsnap_core::method::{Methods, SnapshotMethod, WorksWith};
use dsnap_core::text::{self, Harmless};

use crate::conf::grammar::{self, Line};
use crate::durations;
use crate::storage::Storage;
use crate::system::privileges::Privileges;
use crate::system::{reading, trust};

/// The method that is tried last unless a line says otherwise.
const LAST_RESORT: &str = "direct";
/// The line that forbids that.
const NO_LAST_RESORT: &str = "nodirect";
/// The user id of root.
const ROOT: u32 = 0;
/// A conf file larger than this is none.
const LARGEST: u64 = 1 << 20;

/// Where the lines come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `DIR/config/snapshot.conf`.
    Default,
    /// The file of `--snapshot-conf`.
    File(PathBuf),
    /// The lines of `--method`.
    Lines(Vec<OsString>),
}

/// One method to try.
#[derive(Debug)]
pub struct Step {
    /// The method.
    pub method: Arc<dyn SnapshotMethod>,
    /// The words after its name.
    pub words: Vec<OsString>,
    /// How long an answer is waited for, if the line says so.
    pub timeout: Option<Duration>,
    /// The line, without comment and outer blanks.
    pub line: Vec<u8>,
    /// How messages call it.
    pub label: String,
    /// Where it stands, for messages: `line 3 in FILE`.
    pub location: String,
    /// Whether it is called with the rights that the program was started with.
    pub with_caller_privileges: bool,
    /// Its server turned out to serve another storage, and how: not tried again in this run.
    pub wrong_server: OnceCell<Reason>,
}

impl Step {
    /// Calls the method, with the rights that its line has.
    pub(crate) fn call<T>(
        &self,
        rights: &Privileges,
        call: impl FnOnce(&dyn SnapshotMethod) -> T,
    ) -> T {
        let call = || call(&*self.method);
        if self.with_caller_privileges { rights.with_caller_privileges(call) } else { call() }
    }
}

/// Who can have written a line: it gets nothing that its author could not have had.
#[derive(Clone, Copy)]
struct Author<'a> {
    who: Who,
    rights: &'a Privileges,
    stopped: &'a dyn Fn() -> bool,
}

#[derive(Debug, Clone, Copy)]
enum Who {
    /// Nobody but root.
    Root,
    /// Whoever started the program.
    CommandLine,
    /// Perhaps somebody else.
    Anybody,
}

impl Author<'_> {
    /// The method of that name, and whether it is to be called with the rights that the program
    /// was started with.
    fn find(
        self,
        name: &OsStr,
        words: &[OsString],
        methods: &dyn Methods,
    ) -> Result<(Arc<dyn SnapshotMethod>, bool), Reason> {
        let find = |with_caller_privileges| {
            self.with_rights(with_caller_privileges, || methods.find(name.as_bytes()))
        };
        // Files of the storage are the owner's, whoever says that they are to be worked on; and
        // so are those in a folder that the owner may change.
        let owners = |method: &dyn SnapshotMethod| {
            let relative = || method.names_relative_files(words);
            method.works_with() == WorksWith::Nobody
                || matches!(self.who, Who::CommandLine) && relative()
        };
        let found = find(false);
        match (self.who, &found) {
            (Who::Anybody, _) => return found.map(|method| (method, false)),
            (_, Ok(method)) if owners(&**method) => return found.map(|method| (method, false)),
            _ => {}
        }
        let method = find(true)?;
        if owners(&*method) { found.map(|method| (method, false)) } else { Ok((method, true)) }
    }

    fn with_rights<T>(self, with_caller_privileges: bool, work: impl FnOnce() -> T) -> T {
        if with_caller_privileges { self.rights.with_caller_privileges(work) } else { work() }
    }
}

/// What is tried, in order.
#[derive(Debug)]
pub struct Plan {
    /// The methods.
    pub steps: Vec<Step>,
    /// The folder that relative names on lines are relative to.
    pub conf_folder: PathBuf,
    /// What is to be said about lines and files that could not be used, in order.
    pub complaints: Vec<String>,
    /// Whether a line has no method that can be used.
    pub malformed: bool,
    /// The file that the lines come from, for people.
    pub source: String,
}

impl Plan {
    /// Makes the plan. `locks_reach` is what [`mounts`](crate::system::mounts) says of the storage.
    ///
    /// If `stopped` says that the program was asked to end meanwhile, the plan may be incomplete.
    pub fn make(
        source: &Source,
        storage: &Storage,
        methods: &dyn Methods,
        rights: &Privileges,
        locks_reach: bool,
        stopped: &dyn Fn() -> bool,
    ) -> Self {
        let author = |who| Author { who, rights, stopped };
        match source {
            Source::Lines(lines) => {
                Self::of_options(lines, storage, methods, author(Who::CommandLine))
            }
            Source::File(path) => {
                // Somebody who names it may mean a pipe.
                let text = read(path, rights, &|| reading::open_any(path), stopped);
                Self::of_file(path, text, methods, &author, locks_reach)
            }
            Source::Default => {
                let path = storage.given().join("config/snapshot.conf");
                let text = read(&path, rights, &|| reading::open(&path), stopped);
                Self::of_file(&path, text, methods, &author, locks_reach)
            }
        }
    }

    fn of_options(
        lines: &[OsString],
        storage: &Storage,
        methods: &dyn Methods,
        author: Author<'_>,
    ) -> Self {
        let mut plan = Self::empty(storage.config(), "--method".to_owned());
        for (line, number) in lines.iter().zip(1..) {
            let location = format!("line {number} in --method");
            match grammar::line(line.as_bytes(), number) {
                Some(line) => {
                    plan.add(&line, &location, methods, author);
                }
                None => plan.complaints.push(format!("malformed {location} (it is empty)")),
            }
        }
        plan
    }

    fn of_file<'a>(
        path: &Path,
        text: io::Result<(Vec<u8>, Who)>,
        methods: &dyn Methods,
        author: &dyn Fn(Who) -> Author<'a>,
        locks_reach: bool,
    ) -> Self {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut plan = Self::empty(folder, text::path(path));
        let mut last_resort = true;
        match text {
            Ok((text, who)) => {
                let author = author(who);
                for line in grammar::lines(&text) {
                    let location = format!("line {} in {}", line.number, plan.source);
                    last_resort &= !plan.add(&line, &location, methods, author);
                }
            }
            Err(error) => {
                plan.complaints.push(format!("failed to open {} ({error})", text::path(path)))
            }
        }
        if last_resort && locks_reach {
            plan.add_last_resort(methods);
        }
        plan
    }

    fn empty(conf_folder: PathBuf, source: String) -> Self {
        // The folder of a bare name is the empty path, which is none.
        let conf_folder = Path::new(".").join(conf_folder);
        let conf_folder = std::path::absolute(&conf_folder).unwrap_or(conf_folder);
        Self { steps: Vec::new(), conf_folder, complaints: Vec::new(), malformed: false, source }
    }

    /// Adds what a line says; true if it decides about the last resort.
    fn add(
        &mut self,
        line: &Line,
        location: &str,
        methods: &dyn Methods,
        author: Author<'_>,
    ) -> bool {
        if (author.stopped)() {
            // What a library says of itself may take a while.
            return false;
        }
        match Self::step(line, location, methods, author) {
            Ok(Some(step)) => {
                let decides = step.method.name() == LAST_RESORT;
                self.steps.push(step);
                decides
            }
            Ok(None) => true,
            Err(reason) => {
                let what = format!("malformed {location} ({})", reason.text());
                self.complaints.push(reason.with_text(what).to_string());
                self.malformed = true;
                false
            }
        }
    }

    /// The step that a line describes; none for `nodirect`.
    fn step(
        line: &Line,
        location: &str,
        methods: &dyn Methods,
        author: Author<'_>,
    ) -> Result<Option<Step>, Reason> {
        let mut words = line.words.clone().map_err(Reason::new)?;
        let name = words.remove(0);
        if (name == LAST_RESORT || name == NO_LAST_RESORT) && !words.is_empty() {
            return Err(Reason::new(format!("`{}` stands alone", text::harmless(&name))));
        }
        if name == NO_LAST_RESORT {
            return Ok(None);
        }
        let (method, with_caller_privileges) =
            author.find(&name, without_timeout(&words), methods)?;
        let timeout = match method.works_with() {
            WorksWith::Owner => take_timeout(&mut words).map_err(Reason::new)?,
            WorksWith::Nobody => None,
        };
        let label = method.label(&Harmless(&line.text).to_string());
        let (line, location) = (line.text.clone(), location.to_owned());
        let wrong_server = OnceCell::new();
        let step = Step {
            method,
            words,
            timeout,
            line,
            label,
            location,
            with_caller_privileges,
            wrong_server,
        };
        author.with_rights(with_caller_privileges, || step.method.check_words(&step.words))?;
        Ok(Some(step))
    }

    fn add_last_resort(&mut self, methods: &dyn Methods) {
        if let Ok(method) = methods.find(LAST_RESORT.as_bytes()) {
            let label = method.label(LAST_RESORT);
            let location = "the last resort".to_owned();
            self.steps.push(Step {
                method,
                words: Vec::new(),
                timeout: None,
                line: LAST_RESORT.into(),
                label,
                location,
                with_caller_privileges: false,
                wrong_server: OnceCell::new(),
            });
        }
    }
}

/// The words but for a last one that is the program's, not the method's.
fn without_timeout(words: &[OsString]) -> &[OsString] {
    match words.split_last() {
        Some((last, rest)) if last.as_bytes().starts_with(b"timeout=") => rest,
        _ => words,
    }
}

/// Takes a last word `timeout=DURATION` off a line.
fn take_timeout(words: &mut Vec<OsString>) -> Result<Option<Duration>, String> {
    let Some(value) = words.last().and_then(|word| word.as_bytes().strip_prefix(b"timeout="))
    else {
        return Ok(None);
    };
    let value = Harmless(value).to_string();
    let timeout = durations::parse(&value).map_err(|error| format!("timeout `{value}` {error}"))?;
    words.pop();
    Ok(Some(timeout))
}

/// Reads a conf file; as root only if nobody but root can change it.
fn read(
    path: &Path,
    rights: &Privileges,
    open: &dyn Fn() -> io::Result<File>,
    stopped: &dyn Fn() -> bool,
) -> io::Result<(Vec<u8>, Who)> {
    let trusted =
        rights.are_lowered() && rights.with_caller_privileges(|| only_root_can_change(path));
    let file = if trusted { rights.with_caller_privileges(open) } else { open() }?;
    let text = reading::read_waiting_for_writer(file, LARGEST, stopped)?;
    Ok((text, if trusted { Who::Root } else { Who::Anybody }))
}

/// Whether the lines of a conf can be nobody's but root's.
fn only_root_can_change(path: &Path) -> bool {
    std::path::absolute(path).is_ok_and(|path| trust::check_writable_only_by(&path, ROOT).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_bare_name_is_the_working_directory() {
        let here = std::env::current_dir().unwrap();
        for (folder, resolved) in
            [("", here.clone()), ("etc", here.join("etc")), ("/etc", "/etc".into())]
        {
            assert_eq!(Plan::empty(folder.into(), String::new()).conf_folder, resolved);
        }
    }
}
