//! The contract suite: is a snapshot method what `dsnap_core::method` says it must be?
//!
//! One suite for every method, linked in, loaded or a script. Each check has a simulated site of
//! its own, whose storage the method may freeze and close, and compares what the method says with
//! what the files say. A breach is one sentence, with what was seen.
//!
//! `owner` and `nobody` hold the checks, for the two kinds of methods, `refusals` and `time` more of
//! `owner`'s: with something in the way, and with a server that answers late or never. `stage` is a
//! site with a method to try on it, `sight` what its files say, `manners` what counts in every call,
//! `words` the line with its placeholders.

mod call_audit;
mod harness;
mod late_answers;
mod method_line;
mod observation;
mod obstacles;
mod with_server;
mod without_server;

use std::fmt;
use std::io;
use std::sync::Arc;

use dsnap_core::method::{Methods, SnapshotMethod, WorksWith, is_name};
use dsnap_core::text;

pub use method_line::Words;

use call_audit::Manners;
use harness::Stage;

/// What is held to the contract, and how.
pub struct Suite<'a> {
    /// The line that calls the method.
    pub line: Words,
    /// Makes the list of methods anew, so that nothing is remembered from one call to another.
    pub methods: &'a dyn Fn() -> Box<dyn Methods>,
    /// Nobody else works in this process: what is printed on its stdout and what is left in its
    /// group is the method's.
    pub alone: bool,
    /// Leave out what takes more than a few seconds.
    pub quick: bool,
}

/// One sentence of the contract, and how the method kept it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The sentence, in few words.
    pub what: &'static str,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is so.
    Kept,
    /// It is not: one sentence with what was seen.
    Breach(String),
    /// It was not looked at, and why.
    NotAsked(&'static str),
}

/// Why a check has no good end.
#[derive(Debug)]
enum Not {
    Kept(String),
    Asked(&'static str),
    /// The simulated site does not work.
    Site(io::Error),
}

type Checked = Result<(), Not>;

/// A check: its sentence, and what is done.
type Check = (&'static str, fn(&Stage) -> Checked);

/// What an enter of a free storage led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `misc/snapshot` says the code.
    Held,
    /// The storage is closed, and to be opened by leaving.
    Closed,
    /// The storage is closed, and nothing is to be left.
    Done,
}

impl From<io::Error> for Not {
    fn from(error: io::Error) -> Self {
        Self::Site(error)
    }
}

/// A breach, in one sentence.
fn breach(sentence: impl Into<String>) -> Not {
    Not::Kept(sentence.into())
}

impl fmt::Debug for Suite<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suite").field("line", &self.line).finish_non_exhaustive()
    }
}

impl Suite<'_> {
    /// Makes every check; `tell` gets each finding as soon as there is one.
    ///
    /// # Errors
    ///
    /// There is no such method, it does not take the words, or the simulated site does not work.
    pub fn run(&self, tell: &mut dyn FnMut(Finding)) -> io::Result<()> {
        let manners = Arc::new(Manners::new(self.alone));
        let first = Stage::build(self, &manners, None)?;
        let (method, words) = (Arc::clone(&first.method), first.words.clone());
        method.check_words(&words).map_err(io::Error::other)?;
        tell(Finding::of("its name is valid, and the one on the line", self.name(&*method))?);
        let mut way = None;
        let (entering, rest) = match method.works_with() {
            WorksWith::Owner => (Some(with_server::ENTERING), with_server::CHECKS),
            WorksWith::Nobody => (None, without_server::CHECKS),
        };
        if let Some((what, check)) = entering {
            let found = check(&first);
            way = found.as_ref().ok().copied();
            tell(Finding::of(what, found.map(drop))?);
        }
        drop(first);
        for (what, check) in rest {
            let checked = if entering.is_some() && way.is_none() {
                Err(Not::Asked("entering does not work"))
            } else {
                check(&Stage::build(self, &manners, way)?)
            };
            tell(Finding::of(what, checked)?);
        }
        manners.tell(tell);
        Ok(())
    }

    /// Only its owner's words are compared: the registry found the method by them.
    fn name(&self, method: &dyn SnapshotMethod) -> Checked {
        let name = method.name();
        if !is_name(name) {
            let name = text::harmless(name);
            return Err(breach(format!(
                "the name `{name}` cannot stand on a line: it must be a-z, then a-z, 0-9 or _"
            )));
        }
        if name != self.line.name().to_string_lossy() {
            let called = text::harmless(self.line.name());
            return Err(breach(format!("it calls itself `{name}`, and is called `{called}`")));
        }
        Ok(())
    }
}

impl Finding {
    fn of(what: &'static str, checked: Checked) -> io::Result<Self> {
        let outcome = match checked {
            Ok(()) => Outcome::Kept,
            Err(Not::Kept(sentence)) => Outcome::Breach(sentence),
            Err(Not::Asked(why)) => Outcome::NotAsked(why),
            Err(Not::Site(error)) => return Err(error),
        };
        Ok(Self { what, outcome })
    }
}
