//! A part: one kind of result, or a check of results.

use anyhow::Result;

use crate::Dist;

/// A kind of result, or a check of results.
#[derive(Debug)]
pub(crate) struct Part {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What it makes or checks, for people.
    pub(crate) what: &'static str,
    pub(crate) make: fn(&Dist) -> Result<()>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Writes files that people install.
    Result,
    /// Writes no results.
    Check,
    /// A check that takes so long that it is only made if the command line names it.
    OnlyIfNamed,
}

impl Part {
    pub(crate) const fn result(
        name: &'static str,
        what: &'static str,
        make: fn(&Dist) -> Result<()>,
    ) -> Self {
        Self { name, what, make, kind: Kind::Result }
    }

    pub(crate) const fn check(
        name: &'static str,
        what: &'static str,
        make: fn(&Dist) -> Result<()>,
    ) -> Self {
        Self { name, what, make, kind: Kind::Check }
    }

    /// A check that is only made if the command line names it.
    pub(crate) const fn named(
        name: &'static str,
        what: &'static str,
        make: fn(&Dist) -> Result<()>,
    ) -> Self {
        Self { name, what, make, kind: Kind::OnlyIfNamed }
    }

    /// Says whether the part writes results.
    pub(crate) fn has_results(&self) -> bool {
        self.kind == Kind::Result
    }

    /// Says whether the part is made, if the command line names `parts`.
    pub(crate) fn is_wanted(&self, parts: &[String]) -> bool {
        match parts {
            [] => self.kind != Kind::OnlyIfNamed,
            _ => parts.iter().any(|name| name == self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_takes_hours_is_made_only_if_it_is_named() {
        let quick = Part::result("quick", "", |_| Ok(()));
        let slow = Part::named("slow", "", |_| Ok(()));
        assert!(quick.is_wanted(&[]) && !slow.is_wanted(&[]));
        let named = ["slow".to_owned()];
        assert!(slow.is_wanted(&named) && !quick.is_wanted(&named));
    }
}
