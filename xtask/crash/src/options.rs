//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::PARTS;

/// Kills dsnap at every point, fails its system calls, and checks what remains.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask crash", after_help = parts())]
pub(crate) struct Options {
    /// Do only these parts
    #[arg(value_name = "PART", hide_possible_values = true)]
    #[arg(value_parser = PARTS.iter().map(|(name, ..)| *name).collect::<Vec<_>>())]
    parts: Vec<String>,
    /// Do only some points of each part, as `cargo xtask ci` does
    #[arg(long)]
    pub(crate) quick: bool,
    /// Repeat the random kills of the run that printed this seed, as far as timing allows
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The folder for storages; its contents are removed first
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) work: PathBuf,
    /// The program dsnap
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) dsnap: PathBuf,
    /// The folder `bin` of a Python 2.7 with the original
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) original: Option<PathBuf>,
}

impl Options {
    /// Says whether a part was named, or none was.
    pub(crate) fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|it| it == part)
    }
}

impl Options {
    /// Chooses the points to do: all of them, or with `--quick` one in `step`, the first and the last.
    pub(crate) fn chosen<T>(&self, points: Vec<T>, step: usize) -> Vec<T> {
        let (step, last) = (if self.quick { step } else { 1 }, points.len().saturating_sub(1));
        let numbered = points.into_iter().enumerate();
        numbered.filter(|(at, _)| at % step == 0 || *at == last).map(|(_, point)| point).collect()
    }
}

fn parts() -> String {
    let lines = PARTS.iter().map(|(name, what, _)| format!("  {name:12} {what}\n"));
    format!("Parts:\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_does_not_exist_is_refused() {
        let parse = |part| {
            Options::try_parse_from(["crash", "--work", "work", "--dsnap", "dsnap", part]).is_ok()
        };
        assert!(parse("signals"));
        assert!(!parse("sigals"));
    }
}
