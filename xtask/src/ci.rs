//! `cargo xtask ci`: every check that a change must pass, the quick ones first.
//!
//! Stops at the first failure. `.ci/run` installs what a machine lacks.

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::test::WithoutRoot;
use crate::{crash, demo, examples, header, interop, roundtrip, test, tidy, tools};
use xtask_base::output;
use xtask_base::workspace::{build, cargo};

type Step = (&'static str, fn() -> Result<()>);

const STEPS: &[Step] = &[
    ("tools", tools::run),
    ("fmt", fmt),
    ("tidy", tidy::run),
    ("header", || header::run(&["--check".to_owned()])),
    ("clippy", clippy),
    ("doc", doc),
    ("alone", alone),
    ("deny", deny),
    ("test", || test::run(&[], WithoutRoot::Fail)),
    ("roundtrip", roundtrip::run),
    ("demo", demo),
    ("examples", examples::run),
    ("interop", || interop::run(&[])),
    ("crash", || crash::run(&["--quick".to_owned()])),
];

/// Runs every step.
pub(crate) fn run() -> Result<()> {
    thread::scope(|scope| {
        scope.spawn(install);
        run_steps()
    })
}

/// Installs what the last steps need while the first ones compile. A step that needs a missing
/// installation makes it, and says why it cannot; so errors are ignored here.
fn install() {
    _ = examples::modules();
    _ = interop::prepare();
}

fn run_steps() -> Result<()> {
    let start = Instant::now();
    for (name, step) in STEPS {
        output::line(format_args!("\n== {name}"));
        let start = Instant::now();
        step().with_context(|| format!("ci: {name} failed"))?;
        output::line(format_args!("== {name}: passed in {}", seconds(start.elapsed())));
    }
    output::line(format_args!(
        "\nci: all {} steps passed in {}",
        STEPS.len(),
        seconds(start.elapsed())
    ));
    Ok(())
}

fn fmt() -> Result<()> {
    cargo().args(["fmt", "--all", "--check"]).run()
}

fn clippy() -> Result<()> {
    let lint = cargo().args(["clippy", "--workspace", "--all-targets", "--locked", "--"]);
    lint.args(["-D", "warnings"]).run()
}

fn doc() -> Result<()> {
    let doc = cargo().args(["doc", "--workspace", "--no-deps", "--document-private-items"]);
    doc.arg("--locked").env("RUSTDOCFLAGS", "-D warnings").run()
}

/// Checks that the programs compile with the features that they themselves ask for. Tests and the
/// steps after them use programs with the features of the whole workspace.
fn alone() -> Result<()> {
    let user_builds: [&[&str]; 3] = [
        &["-p", "dsnap"],
        &["-p", "dsnap", "--no-default-features"],
        &["-p", "dsnap", "-p", "dsnap-testkit"],
    ];
    user_builds.into_iter().try_for_each(|it| cargo().args(["check", "--locked"]).args(it).run())
}

fn deny() -> Result<()> {
    if !cargo().args(["deny", "--version"]).output()?.success() {
        output::line(
            "skipped: cargo-deny is not installed; run `cargo install --locked cargo-deny`",
        );
        return Ok(());
    }
    cargo().args(["deny", "--offline", "check", "bans", "licenses", "sources"]).run()
}

fn demo() -> Result<()> {
    ensure!(demo::show(&build()?)? == ExitCode::SUCCESS, "the demonstration failed");
    Ok(())
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
