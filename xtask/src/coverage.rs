//! `cargo xtask coverage`: the lines that no test runs, of the crates that decide what happens to data.
//!
//! The compiler counts how often each line runs. `cov` reads the counts: it is a program of the crate
//! `llvm_profparser`, and needs no tools of LLVM, which would have to fit the compiler.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xtask_base::process::{Program, environment, on_path};
use xtask_base::{output, python, workspace};

/// The crates whose lines are shown.
const CRATES: [&str; 3] = ["crates/core", "crates/engine", "plugins/direct"];
/// The program that reads the counts.
const COV: &str = "cov";
/// Makes the compiler add the counters.
const FLAGS: &str = "-C instrument-coverage";
/// How many files each program has for its counts: so many processes can write at the same time.
const POOL: &str = "%4m.profraw";
/// Parts of paths of files that only tests use. They are not counted.
const FOR_TESTS: [&str; 5] = ["/tests/", "/tests.rs", "/testing", "/properties.rs", "/run/model"];
/// Where a file's own tests begin. They are not counted, either.
const OWN_TESTS: [&str; 2] = ["#[cfg(test)]", "mod tests {"];

/// Runs all tests, and prints for each file the share of lines that they run, and the other lines.
pub(crate) fn run() -> Result<()> {
    ensure!(
        on_path(COV).is_some(),
        "{COV} is missing\nhint: cargo install --locked llvm_profparser"
    );
    let folder = workspace::target()?.join("coverage");
    let counts = folder.join("counts");
    make_empty(&counts)?;
    let programs = build(&folder)?;
    test(&folder, &counts)?;
    let shown = show(&programs, &counts)?;
    let files = files_of(&shown, &workspace::root());
    ensure!(!files.is_empty(), "{COV} shows no file of {}", CRATES.join(", "));
    print(&files);
    Ok(())
}

/// Makes an empty folder into which tests write as any user.
fn make_empty(folder: &Path) -> Result<()> {
    python::remove(folder)?;
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(0o1777))?;
    Ok(())
}

/// Returns `cargo test` for all packages, in a folder of its own.
fn cargo_test(folder: &Path) -> Program {
    let mut flags = environment("RUSTFLAGS").unwrap_or_default();
    flags.push(" ");
    flags.push(FLAGS);
    let test = workspace::cargo().args(["test", "--workspace", "--locked", "--quiet"]);
    // Counting needs no debug information, and the build is quicker without it.
    let test = test.env("RUSTFLAGS", flags).env("CARGO_PROFILE_DEV_DEBUG", "0");
    test.env("CARGO_TARGET_DIR", folder)
}

/// Builds the tests, and returns the programs that count.
fn build(folder: &Path) -> Result<Vec<PathBuf>> {
    let built = cargo_test(folder).args(["--no-run", "--message-format=json"]);
    // Build scripts and macros count, too.
    let built = built.env("LLVM_PROFILE_FILE", folder.join(format!("build-{POOL}"))).quiet()?;
    let artifacts = built.stdout.lines().filter(|line| line.starts_with('{'));
    let mut programs = Vec::new();
    for artifact in artifacts {
        let artifact: serde_json::Value = serde_json::from_str(artifact)?;
        programs.extend(artifact["executable"].as_str().map(PathBuf::from));
    }
    ensure!(!programs.is_empty(), "cargo has built no test");
    Ok(programs)
}

/// Runs the tests. Some of them fail because of the counting: it adds system calls, and a process that may not
/// write its counts complains on stderr.
fn test(folder: &Path, counts: &Path) -> Result<()> {
    let tests = cargo_test(folder).arg("--no-fail-fast");
    let status = tests.env("LLVM_PROFILE_FILE", counts.join(POOL)).status()?;
    if !status.success() {
        output::line(
            "note: some tests failed. Counting adds system calls, and processes of other users say that they cannot write counts; compare with `cargo xtask test`",
        );
    }
    Ok(())
}

/// Returns all sources, with the count of each line.
fn show(programs: &[PathBuf], counts: &Path) -> Result<String> {
    let mut args = vec![OsString::from("show")];
    let mut add = |option: &str, value: &OsStr| args.extend([option.into(), value.to_owned()]);
    for entry in fs::read_dir(counts)? {
        let path = entry?.path();
        // A process that was killed at its start leaves an empty file.
        if fs::metadata(&path)?.len() > 0 {
            add("--instr-profile", path.as_os_str());
        }
    }
    programs.iter().for_each(|program| add("--object", program.as_os_str()));
    Ok(Program::new(COV).args(args).quiet().context("cannot read the counts")?.stdout)
}

/// The lines of one file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lines {
    /// How many lines have code.
    code: usize,
    /// The numbers of those that did not run.
    missed: Vec<usize>,
}

/// Reads what [`COV`] has shown. Returns the files of [`CRATES`].
fn files_of(shown: &str, root: &Path) -> BTreeMap<String, Lines> {
    let mut files = BTreeMap::<String, Lines>::new();
    let (mut file, mut before) = (None, "");
    for line in shown.lines() {
        let Some((number, count, text)) = counted(line) else {
            let path = Path::new(line).strip_prefix(root).ok().and_then(Path::to_str);
            file = path.filter(|path| is_counted(path));
            continue;
        };
        // What follows in this file is not counted.
        file = file.filter(|_| [before, text] != OWN_TESTS);
        before = text;
        let (Some(file), Some(count)) = (file, count) else { continue };
        let lines = files.entry(file.to_owned()).or_default();
        lines.code += 1;
        lines.missed.extend((count == 0).then_some(number));
    }
    files
}

fn is_counted(path: &str) -> bool {
    CRATES.iter().any(|it| path.starts_with(it)) && !FOR_TESTS.iter().any(|it| path.contains(it))
}

/// Splits a line into its number, how often it ran (if it has code), and its text.
fn counted(line: &str) -> Option<(usize, Option<u64>, &str)> {
    let (number, rest) = line.split_once('|')?;
    let (count, text) = rest.split_once('|')?;
    let count = count.trim();
    let ran = if count.is_empty() { None } else { Some(count.parse().ok()?) };
    Some((number.trim().parse().ok()?, ran, text))
}

/// Prints the files of each crate whose lines did not all run, and the sum.
fn print(files: &BTreeMap<String, Lines>) {
    for name in CRATES {
        let of_crate = || files.iter().filter(|(path, _)| path.starts_with(name));
        for (path, lines) in of_crate().filter(|(_, lines)| !lines.missed.is_empty()) {
            output::line(format_args!(
                "{path}: {}; not run: {}",
                share(lines.code, lines.missed.len()),
                ranges(&lines.missed)
            ));
        }
        let code = of_crate().map(|(_, lines)| lines.code).sum();
        let missed = of_crate().map(|(_, lines)| lines.missed.len()).sum();
        output::line(format_args!("{name}: {}\n", share(code, missed)));
    }
}

fn share(code: usize, missed: usize) -> String {
    let ran = code - missed;
    let per_mille = (ran * 1000).checked_div(code).unwrap_or(1000);
    format!("{ran} of {code} lines ran ({}.{} %)", per_mille / 10, per_mille % 10)
}

/// Writes consecutive numbers as one range.
fn ranges(numbers: &[usize]) -> String {
    let ranges = numbers.chunk_by(|one, next| one + 1 == *next);
    let written = ranges.map(|range| match range {
        [one] => one.to_string(),
        _ => format!("{}-{}", range[0], range[range.len() - 1]),
    });
    written.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_without_code_of_other_crates_and_of_tests_do_not_count() {
        let shown = "/checkout/crates/core/src/a.rs\n    1|       |//! x\n    2|      1|fn a() {\n    \
            3|      0|    b | c | d\n    4|       |#[cfg(test)]\n    5|       |mod tests {\n    6|      0|x\n\n\
            /checkout/crates/cli/src/b.rs\n    1|      0|x\n\n/elsewhere/c.rs\n    1|      0|x\n\n\
            /checkout/crates/core/tests/d.rs\n    1|      0|x\n";
        let files = files_of(shown, Path::new("/checkout"));
        let expected = Lines { code: 2, missed: vec![3] };
        assert_eq!(files, [("crates/core/src/a.rs".to_owned(), expected)].into());
    }

    #[test]
    fn consecutive_lines_are_one_range() {
        assert_eq!(ranges(&[1, 2, 3, 5, 7, 8]), "1-3, 5, 7-8");
        assert_eq!(share(8, 1), "7 of 8 lines ran (87.5 %)");
    }
}
