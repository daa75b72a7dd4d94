//! `cargo xtask fuzz`: feeds arbitrary bytes to everything that dsnap reads.
//!
//! This builds libFuzzer around the targets, with cargo-fuzz. `xtask/fuzz`, a separate program, runs it. A short
//! form, without libFuzzer, is part of `cargo test`.

use anyhow::{Result, ensure};
use xtask_base::process::{Program, on_path};
use xtask_base::workspace;

/// The program that runs libFuzzer.
const FUZZ: &str = "dsnap-fuzz";
/// The program that cargo-fuzz builds, and the feature that it needs.
const LIBFUZZER: &str = "libfuzzer";
/// The toolchain that cargo-fuzz needs. It adds options to the compiler that no stable one has.
const TOOLCHAIN: &str = "nightly";
/// The only kind of machine that this task supports: its name is part of the path of the built program.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Builds everything, and starts the program; its help text explains `args`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let help = args.iter().any(|arg| arg == "--help" || arg == "-h");
    if !help {
        check_tools()?;
        build()?;
    }
    let target = workspace::target()?;
    let work = target.join("fuzz-inputs");
    let fuzzer = target.join("fuzz").join(TARGET).join("release").join(LIBFUZZER);
    let program = workspace::cargo().args(["run", "--quiet", "--locked", "-p", FUZZ]);
    let program = program.args(["--bin", FUZZ, "--"]).args(args);
    program.arg("--work").arg(&work).arg("--fuzzer").arg(&fuzzer).run()
}

/// Fails if a program is missing, and says how to get it.
fn check_tools() -> Result<()> {
    ensure!(
        on_path("cargo-fuzz").is_some(),
        "cargo-fuzz is missing\nhint: cargo install --locked cargo-fuzz"
    );
    ensure!(
        on_path("c++").is_some(),
        "a C++ compiler is missing, which libFuzzer needs\nhint: apt-get install g++"
    );
    let has_nightly = on_path("rustup").is_some()
        && Program::new("rustup")
            .args(["run", TOOLCHAIN, "rustc", "--version"])
            .output()?
            .success();
    ensure!(
        has_nightly,
        "the {TOOLCHAIN} toolchain is missing\nhint: rustup toolchain install {TOOLCHAIN} --profile minimal"
    );
    Ok(())
}

/// What makes the release profile quicker to build, and its backtraces readable.
const PROFILE: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_STRIP", "none"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "2"),
];

/// Builds libFuzzer and all targets, with AddressSanitizer.
fn build() -> Result<()> {
    let folder = workspace::root().join("xtask/fuzz");
    let fuzz = Program::new("rustup").args(["run", TOOLCHAIN, "cargo", "fuzz", "build"]);
    let fuzz = fuzz.arg("--fuzz-dir").arg(folder).arg("--target-dir");
    let fuzz = fuzz.arg(workspace::target()?.join("fuzz"));
    let fuzz = fuzz.args(["--features", LIBFUZZER, LIBFUZZER]).dir(&workspace::root());
    PROFILE.iter().fold(fuzz, |fuzz, (name, value)| fuzz.env(name, value)).run()
}
