//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Measure dsnap, and compare it with other programs.
///
/// All programs of a case do the same work, in turn, so that a busy moment of the machine slows all of
/// them. Use an idle machine. A ratio is dsnap's time divided by the other program's.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask bench",
    after_help = "Cases:\n  \
        a  a run on a clean storage, compared with the original and `flock FILE true`\n  \
        b  a run over HTTP, compared with curl making the same calls; and a run inside a run\n  \
        c  the recovery of a full journal: bushy and chunky, sync on and off, compared with the\n     \
           original and with a program that makes only the system calls that cannot be avoided\n  \
        d  the recovery of a full B/\n  \
        e  the start: `--version`, compared with an empty Rust program\n  \
        f  a call of a loaded method, compared with a linked one\n  \
        g  a run with a conf of 10 000 lines\n  \
        h  how long the storage is frozen beyond COMMAND's own time\n\n\
        Without Python 2.7, the original is not measured. Without strace, no system calls are counted.\n\
        The results are kept as JSON, by default in target/bench."
)]
pub(crate) struct Options {
    /// Only these cases [default: all]
    #[arg(value_name = "CASE", value_parser = ["a", "b", "c", "d", "e", "f", "g", "h"])]
    pub(crate) cases: Vec<String>,
    #[command(flatten)]
    pub(crate) sizes: Sizes,
    /// How often each program is measured [default: depends on the case]
    #[arg(long, value_name = "N")]
    pub(crate) rounds: Option<usize>,
    /// Write the results to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write figures and plots to docs/performance.md and docs/performance
    #[arg(long)]
    pub(crate) write_docs: bool,
    /// Measure nothing: read the results of an earlier run from this file, and show them; repeatable, for
    /// runs that measured different cases
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "cases", "full", "files", "rounds"])]
    pub(crate) from: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) places: Places,
}

/// How many files are recovered.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Sizes {
    /// Also recover 200 000 and 1 000 000 files; this takes hours, and 10 GB of disk
    #[arg(long)]
    pub(crate) full: bool,
    /// In (c), recover only this number of files [possible values: 2000, 20000, 200000, 1000000]
    #[arg(long, value_name = "N", conflicts_with = "full", hide_possible_values = true)]
    #[arg(value_parser = ["2000", "20000", "200000", "1000000"])]
    pub(crate) files: Option<String>,
}

/// What `cargo xtask bench` built, and where it is.
#[derive(Debug, clap::Args)]
pub(crate) struct Places {
    /// The folder of dsnap and of this program
    #[arg(long, value_name = "DIR", hide = true, default_value = "target/release")]
    pub(crate) programs: PathBuf,
    /// The folder of the original's programs
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) original: Option<PathBuf>,
    /// The measurements of loaded and linked methods
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) calls: Option<PathBuf>,
    /// The folder for storages and results
    #[arg(long, value_name = "DIR", hide = true, default_value = "target/bench")]
    pub(crate) work: PathBuf,
    /// The checkout
    #[arg(long, value_name = "DIR", hide = true, default_value = ".")]
    pub(crate) root: PathBuf,
}
