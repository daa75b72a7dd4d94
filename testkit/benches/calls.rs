//! Measures how much longer a call of a loaded method takes than one of a linked method: a loaded one gets
//! a process of its own for each call.
//!
//! `cargo xtask bench` builds the library and runs this. Each round makes both calls, so that a busy
//! machine slows both. With `--json FILE`, the times are also written to FILE, in microseconds.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "../examples/nothing.rs"]
mod nothing;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use dsnap_core::method::{Caller, Entered, Message, Methods, Request, SnapshotMethod};
use dsnap_engine::run::new_code::new_code;
use dsnap_host::Registry;

/// The number of measured pairs of calls.
const ROUNDS: usize = 200;
/// The number of pairs before them, which are not measured.
const WARM_UP: usize = 10;
/// How much longer than a linked call a loaded one may take.
const MAX_OVERHEAD: Duration = Duration::from_millis(5);

struct Silent;

impl Caller for Silent {
    fn say(&self, _: Message<'_>) {}

    fn should_stop(&self) -> bool {
        false
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    dsnap_host::answer_isolated_call();
    let folder = tempfile::tempdir()?;
    std::fs::copy(library()?, folder.path().join("libdsnap_nothing.so"))?;
    let registry = Registry::new("").searching(vec![folder.path().to_owned()]);
    let loaded = registry.find(b"nothing")?;
    let rounds = (0..ROUNDS + WARM_UP).map(|_| (time(&nothing::Nothing), time(&*loaded)));
    let (linked, loaded): (Vec<_>, Vec<_>) = rounds.skip(WARM_UP).unzip();
    let more: Vec<_> =
        loaded.iter().zip(&linked).map(|(loaded, linked)| loaded.saturating_sub(*linked)).collect();
    show("linked", &linked);
    show("loaded", &loaded);
    let median = show("loaded over linked", &more);
    if let Some(file) = json_file() {
        write(&file, &linked, &loaded)?;
    }
    println!("the median must be at most {MAX_OVERHEAD:?}");
    Ok(if median <= MAX_OVERHEAD { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn time(method: &dyn SnapshotMethod) -> Duration {
    let code = new_code("bench", 1);
    let request = Request {
        storage: Path::new("/"),
        conf_folder: Path::new("/"),
        words: &[],
        code: &code,
        time_left: Some(Duration::from_secs(60)),
        leave_time: Duration::from_secs(15),
        snapshot_seen: false,
        caller: &Silent,
    };
    let began = Instant::now();
    let entered = method.enter(&request);
    let took = began.elapsed();
    assert_eq!(entered, Entered::Done);
    took
}

/// The file after `--json`; cargo adds arguments of its own.
fn json_file() -> Option<PathBuf> {
    std::env::args_os().skip_while(|arg| arg != "--json").nth(1).map(PathBuf::from)
}

fn write(file: &Path, linked: &[Duration], loaded: &[Duration]) -> std::io::Result<()> {
    let micros = |times: &[Duration]| times.iter().map(Duration::as_micros).collect::<Vec<_>>();
    let times = serde_json::json!({ "linked": micros(linked), "loaded": micros(loaded) });
    std::fs::write(file, format!("{times}\n"))
}

/// Prints the minimum, median and maximum; returns the median.
fn show(what: &str, times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    let median = times[times.len() / 2];
    println!(
        "{what:18}  min {:>10.3?}  median {median:>10.3?}  max {:>10.3?}",
        times[0],
        times[times.len() - 1]
    );
    median
}

/// Returns the library's path: the benchmark is in `deps`, the library in `examples` beside it.
fn library() -> std::io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let profile = program.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    Ok(profile.join("examples/libnothing.so"))
}
