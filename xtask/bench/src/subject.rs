//! A case: programs that do the same work, and what has to be done before each of them.

use anyhow::Result;

use crate::process::Invocation;

/// One of the programs of a case.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) invocation: Invocation,
}

impl Subject {
    pub(crate) fn new(name: &'static str, invocation: Invocation) -> Self {
        Self { name, invocation }
    }
}

/// A part of a case that can be done again and again.
pub(crate) type Step<'a> = Box<dyn FnMut() -> Result<()> + 'a>;

/// What is measured together.
pub(crate) struct Case<'a> {
    /// `a` to `h`.
    pub(crate) letter: &'static str,
    pub(crate) name: String,
    pub(crate) files: Option<u64>,
    /// How often each program is measured, unless the user says so.
    pub(crate) rounds: usize,
    /// Whether system calls are counted, in a round of its own.
    pub(crate) counts_calls: bool,
    /// The first is dsnap.
    pub(crate) subjects: Vec<Subject>,
    pub(crate) steps: Steps<'a>,
}

/// What is done around each program, outside of the time that is measured.
pub(crate) struct Steps<'a> {
    /// Before the program starts.
    pub(crate) prepare: Step<'a>,
    /// After it has ended: it must have done its work.
    pub(crate) check: Step<'a>,
}

impl<'a> Steps<'a> {
    /// Does nothing.
    pub(crate) fn none() -> Self {
        Self::preparing(|| Ok(()))
    }

    /// Does something before each program.
    pub(crate) fn preparing(prepare: impl FnMut() -> Result<()> + 'a) -> Self {
        Self { prepare: Box::new(prepare), check: Box::new(|| Ok(())) }
    }
}
