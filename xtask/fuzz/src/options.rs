//! The command line.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use dsnap_fuzz::target::Target;
use dsnap_fuzz::targets::TARGETS;

/// Feeds arbitrary bytes to everything that dsnap reads.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask fuzz", after_help = targets())]
pub(crate) struct Options {
    /// Run only these targets
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How many seconds each target runs
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub(crate) seconds: u64,
    /// How many targets run at the same time
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) jobs: usize,
    /// Add inputs that reach new code to the corpus in xtask/fuzz/corpus, as few as possible
    #[arg(long)]
    pub(crate) keep: bool,
    /// The folder for inputs and findings
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) work: PathBuf,
    /// The program that cargo-fuzz built
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) fuzzer: PathBuf,
}

impl Options {
    /// Lists the targets that are wanted.
    ///
    /// # Errors
    ///
    /// There is no target of that name.
    pub(crate) fn targets(&self) -> Result<Vec<&'static Target>> {
        if self.targets.is_empty() {
            return Ok(TARGETS.iter().collect());
        }
        let find = |name: &String| {
            let found = TARGETS.iter().find(|target| target.name == name);
            found.with_context(|| format!("there is no target {name}; `--help` lists them"))
        };
        self.targets.iter().map(find).collect()
    }
}

fn targets() -> String {
    let lines = TARGETS.iter().map(|target| format!("  {:13} {}\n", target.name, target.property));
    format!("Targets:\n{}", lines.collect::<String>())
}
