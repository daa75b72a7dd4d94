//! `cargo xtask roundtrip`: through the interface and back, under the address and
//! undefined-behaviour sanitizers of the C compiler.
//!
//! `testkit/c/roundtrip.c` loads a library and makes every call, here of the plugin in C that
//! `docs/writing-a-method.md` shows and of the template in Rust, while a simulated site answers
//! and while nobody does. A careless plugin must not pass, so that it is known that they look.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process::{Finished, Program};
use crate::{say, workspace};

const SANITIZED: [&str; 3] =
    ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"];
const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];
const LIMIT: Duration = Duration::from_secs(120);

/// What a method of the example's conversation answers, while the site does.
const ANSWERED: &str = "\
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

/// Builds what there is to build, and goes through.
pub(crate) fn run() -> Result<()> {
    let folder = workspace::target()?.join("roundtrip");
    fs::create_dir_all(&folder)?;
    if !has_sanitizers(&folder)? {
        say::line("skipped: the C compiler has no sanitizers (libasan and libubsan)");
        return Ok(());
    }
    let testkit = workspace::build(&["dsnap-testkit", "dsnap-template"])?;
    let c = workspace::root().join("testkit/c");
    let program = compile(&folder, &c.join("roundtrip.c"), "roundtrip", &["-std=c11"])?;
    let shared = ["-std=gnu11", "-shared", "-fPIC"];
    fs::write(folder.join("line.c"), example()?)?;
    let line = compile(&folder, &folder.join("line.c"), "libdsnap_line.so", &shared)?;
    let template = workspace::program("libdsnap_template.so")?;
    for (name, library) in [("line", &line), ("template", &template)] {
        through(&testkit, &program, name, library)?;
        let alone = Program::within(LIMIT, &program).arg(library).arg("localhost:1").quiet()?;
        ensure!(alone.stdout.contains("enter: 4\n"), "{name}:\n{}", alone.stdout);
        say::line(format_args!("{name}: there and back, nothing found"));
    }
    let careless = compile(&folder, &c.join("careless.c"), "careless.so", &shared)?;
    let seen = Program::within(LIMIT, &program).arg(&careless).output()?;
    let noticed = !seen.success() && seen.stderr.contains("heap-buffer-overflow");
    ensure!(noticed, "a plugin that reads too far passes:\n{}{}", seen.stdout, seen.stderr);
    say::line("careless: found");
    Ok(())
}

/// With a simulated site that answers.
fn through(testkit: &Path, program: &Path, name: &str, library: &Path) -> Result<Finished> {
    let port = r#"localhost:$(cat "$DSNAP_TESTKIT_STORAGE/misc/dsnap-testkit.port")"#;
    let script = format!(r#"exec "$0" "$1" "{port}""#);
    let site = Program::within(LIMIT, testkit).args(["run", "--", "sh", "-c"]).arg(script);
    let said = site.arg(program).arg(library).quiet()?;
    let expected = ANSWERED.replace("NAME", name);
    ensure!(said.stdout.ends_with(&expected), "{name} answers:\n{}", said.stdout);
    Ok(said)
}

/// The plugin in C that the guide shows.
fn example() -> Result<String> {
    let guide = fs::read_to_string(workspace::root().join("docs/writing-a-method.md"))?;
    let block = guide.split_once("\n```c\n").and_then(|(_, rest)| rest.split_once("\n```\n"));
    Ok(block.context("docs/writing-a-method.md shows no plugin in C")?.0.to_owned() + "\n")
}

fn has_sanitizers(folder: &Path) -> Result<bool> {
    let (source, program) = (folder.join("empty.c"), folder.join("empty"));
    fs::write(&source, "int main(void) { return 0; }\n")?;
    let built = Program::within(LIMIT, "cc").args(SANITIZED).arg("-o").arg(&program).arg(&source);
    Ok(built.output()?.success() && Program::within(LIMIT, &program).output()?.success())
}

fn compile(folder: &Path, source: &Path, name: &str, how: &[&str]) -> Result<PathBuf> {
    let made = folder.join(name);
    let cc = Program::within(LIMIT, "cc").args(how).args(SANITIZED).args(STRICT).arg("-I");
    let cc = cc.arg(workspace::root().join("crates/core/include")).arg("-o").arg(&made);
    cc.arg(source).arg("-ldl").quiet()?;
    Ok(made)
}
