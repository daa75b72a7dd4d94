//! `cargo xtask roundtrip`: calls libraries in C and in Rust from C, under the address sanitizer and
//! the undefined-behaviour sanitizer of the C compiler.
//!
//! `testkit/c/roundtrip.c` loads a library and makes every call: first while a simulated site
//! answers, then while nobody does. The libraries are the C example of `docs/writing-a-method.md`
//! and the Rust template. A third library reads too far; if the sanitizers miss that, the task
//! fails.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use xtask_base::process::Program;
use xtask_base::{output, workspace};

const SANITIZED: [&str; 3] =
    ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"];
const SHARED: [&str; 3] = ["-std=gnu11", "-shared", "-fPIC"];
const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

/// How long one program may run; each takes seconds.
const STEP_TIMEOUT: Duration = Duration::from_secs(120);

/// What a library answers while the site does; both speak the protocol of the example.
const ANSWERS: &str = "\
check_words: 1
  reason: `NAME` takes HOST:PORT
check_words, none: 0
enter: 1
  code: user/roundtrip-1
status: 10
leave: 8
leave again: 8
  reason: `NAME` takes HOST:PORT
enter, no words: 5
";

/// Builds the libraries and makes every call of each.
pub(crate) fn run() -> Result<()> {
    let folder = workspace::target()?.join("roundtrip");
    fs::create_dir_all(&folder)?;
    if !has_sanitizers(&folder)? {
        output::line("skipped: the C compiler has no sanitizers (libasan and libubsan)");
        return Ok(());
    }
    let programs = workspace::build()?;
    let c = workspace::root().join("testkit/c");
    let program = compile(&folder, &c.join("roundtrip.c"), "roundtrip", &["-std=c11"])?;
    fs::write(folder.join("line.c"), example()?)?;
    let line = compile(&folder, &folder.join("line.c"), "libdsnap_line.so", &SHARED)?;
    let template = programs.join("libdsnap_template.so");
    for (name, library) in [("line", &line), ("template", &template)] {
        call_with_site(&programs.join("dsnap-testkit"), &program, name, library)?;
        call_without_site(&program, name, library)?;
        output::line(format_args!("{name}: every call answered, no error found"));
    }
    let careless = compile(&folder, &c.join("careless.c"), "careless.so", &SHARED)?;
    find_error(&program, &careless)
}

/// Makes the calls while a simulated site answers.
fn call_with_site(testkit: &Path, program: &Path, name: &str, library: &Path) -> Result<()> {
    let port = r#"localhost:$(cat "$DSNAP_TESTKIT_STORAGE/misc/dsnap-testkit.port")"#;
    let script = format!(r#"exec "$0" "$1" "{port}""#);
    let site = Program::within(STEP_TIMEOUT, testkit).args(["run", "--", "sh", "-c"]).arg(script);
    let answers = site.arg(program).arg(library).quiet()?;
    let expected = ANSWERS.replace("NAME", name);
    ensure!(answers.stdout.ends_with(&expected), "{name} answers:\n{}", answers.stdout);
    Ok(())
}

/// Makes the calls while nobody listens on the library's port.
fn call_without_site(program: &Path, name: &str, library: &Path) -> Result<()> {
    let answers = Program::within(STEP_TIMEOUT, program).arg(library).arg("localhost:1").quiet()?;
    let is_unavailable = answers.stdout.contains("enter: 4\n");
    ensure!(is_unavailable, "{name} answers without a site:\n{}", answers.stdout);
    Ok(())
}

/// Checks that the sanitizers find the error of a library that reads too far.
fn find_error(program: &Path, careless: &Path) -> Result<()> {
    let run = Program::within(STEP_TIMEOUT, program).arg(careless).output()?;
    let is_found = !run.success() && run.stderr.contains("heap-buffer-overflow");
    ensure!(is_found, "a library that reads too far passes:\n{}{}", run.stdout, run.stderr);
    output::line("careless: its error was found");
    Ok(())
}

/// Finds the C library that the guide shows.
fn example() -> Result<String> {
    let guide = fs::read_to_string(workspace::root().join("docs/writing-a-method.md"))?;
    let block = guide.split_once("\n```c\n").and_then(|(_, rest)| rest.split_once("\n```\n"));
    Ok(block.context("docs/writing-a-method.md shows no library in C")?.0.to_owned() + "\n")
}

fn has_sanitizers(folder: &Path) -> Result<bool> {
    let (source, program) = (folder.join("empty.c"), folder.join("empty"));
    fs::write(&source, "int main(void) { return 0; }\n")?;
    let built =
        Program::within(STEP_TIMEOUT, "cc").args(SANITIZED).arg("-o").arg(&program).arg(&source);
    Ok(built.output()?.success() && Program::within(STEP_TIMEOUT, &program).output()?.success())
}

fn compile(folder: &Path, source: &Path, name: &str, options: &[&str]) -> Result<PathBuf> {
    let built = folder.join(name);
    let cc =
        Program::within(STEP_TIMEOUT, "cc").args(options).args(SANITIZED).args(STRICT).arg("-I");
    let cc = cc.arg(workspace::root().join("crates/core/include")).arg("-o").arg(&built);
    cc.arg(source).arg("-ldl").quiet()?;
    Ok(built)
}
