//! The table of results: for each method, a row for each phase and a column for each signal.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::live::Method;

use super::Point;
use super::expected::Mark;
use super::phase::Phase;
use super::signal::Signal;

/// A method, a phase and the number of a signal.
type Cell = (usize, Phase, i32);

/// What each signal did in each phase.
#[derive(Debug, Default)]
pub(super) struct Table(Mutex<BTreeMap<Cell, Mark>>);

impl Table {
    /// Notes the result of one point.
    pub(super) fn note(&self, point: &Point, mark: Mark) {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cells.insert((point.method as usize, point.phase, point.signal.number), mark);
    }

    /// Returns the letter of a cell, `-` if the point was not tried.
    fn letter(&self, method: Method, phase: Phase, signal: &Signal) -> char {
        let cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cells.get(&(method as usize, phase, signal.number)).map_or('-', |mark| mark.letter())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signals = Signal::all();
        for method in Method::ALL {
            write!(f, "{:24}", method.name())?;
            signals.iter().try_for_each(|signal| write!(f, " {}", signal.name))?;
            for phase in Phase::ALL {
                write!(f, "\n{:24}", phase.name())?;
                for signal in &signals {
                    let (letter, width) = (self.letter(method, phase, signal), signal.name.len());
                    write!(f, " {letter:width$}")?;
                }
            }
            f.write_str("\n\n")?;
        }
        for (_, letter, meaning) in Mark::ALL {
            writeln!(f, "{letter}  {meaning}")?;
        }
        Ok(())
    }
}
