//! Commands within a sentence or a table: `dsnap --status DIR`. They are not run, but read: every
//! option and every subcommand must exist.

use std::path::Path;
use std::process::Command;

use super::markdown::Page;
use super::root;
use crate::support::folder::folder;

/// Programs whose command lines are read.
const PROGRAMS: [&str; 4] = ["dsnap", "dsnap-testkit", "cargo xtask", "cargo install"];
/// Words that stand for a value which a program reads.
const VALUES: [(&str, &str); 3] = [("DURATION", "1h"), ("AGE", "1h"), ("[OPTIONS] ", "")];

/// What is known of the programs.
#[derive(Debug)]
pub(crate) struct CommandLines {
    dsnap: String,
    testkit: String,
}

impl CommandLines {
    pub(crate) fn new() -> Self {
        let dsnap = env!("CARGO_BIN_EXE_dsnap");
        let testkit = Path::new(dsnap).with_file_name("dsnap-testkit");
        Self { dsnap: dsnap.to_owned(), testkit: testkit.to_str().unwrap().to_owned() }
    }

    /// Checks a command line. Returns what is wrong.
    pub(crate) fn check(&self, line: &str) -> Result<(), String> {
        match line.split_once(' ') {
            Some(("dsnap", words)) => self.check_dsnap(words),
            Some(("dsnap-testkit", words)) => self.check_testkit(words),
            Some(("cargo", words)) => check_cargo(words),
            _ => Ok(()),
        }
    }

    /// Runs the command where none of its paths exists: it fails, but its words must make sense.
    fn check_dsnap(&self, words: &str) -> Result<(), String> {
        let mut words = words.to_owned();
        for (value, example) in VALUES {
            words = words.replace(value, example);
        }
        let are_options = words.split(' ').all(|word| word.starts_with('-'));
        // Anything may stand there, so the rest is not read.
        let words = match words.split_once('…') {
            None if are_options => format!("{words} --help"),
            Some((before, _)) if before.ends_with(' ') => format!("{before} --help"),
            _ => words.replace(['[', ']', '…'], "").replace("...", ""),
        };
        let empty = folder();
        let script = format!("'{}' {words}", self.dsnap);
        let mut shell = Command::new("sh");
        let ran = shell.args(["-c", &script]).current_dir(empty.path()).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        if said.contains("usage: ") || said.starts_with("sh: ") { Err(said) } else { Ok(()) }
    }

    /// Looks for the options in the help of the subcommand.
    fn check_testkit(&self, words: &str) -> Result<(), String> {
        let (subcommand, rest) = words.split_once(' ').unwrap_or((words, ""));
        let mut testkit = Command::new(&self.testkit);
        let ran = testkit.args([subcommand, "--help"]).output().unwrap();
        let help = String::from_utf8_lossy(&ran.stdout).into_owned();
        let own = rest.split_whitespace().take_while(|word| *word != "--");
        let mut options = own.filter(|word| word.starts_with("--"));
        match options.find(|option| !help.contains(option.trim_end_matches(['.', ',']))) {
            _ if !ran.status.success() => Err(format!("there is no command {subcommand}")),
            Some(option) => Err(format!("{subcommand} has no option {option}")),
            None => Ok(()),
        }
    }
}

/// Looks for a task in the help of xtask, and for the package that is to be installed.
fn check_cargo(words: &str) -> Result<(), String> {
    let words: Vec<_> = words.split_whitespace().collect();
    match words[..] {
        ["xtask", task, ..] => {
            let help = std::fs::read_to_string(root().join("xtask/src/main.rs")).unwrap();
            let is_task = help.contains(&format!("\n  {task} "));
            let mut options = words.iter().filter(|word| word.starts_with("--"));
            match options.find(|option| !help.contains(**option)) {
                _ if !is_task => Err(format!("xtask has no task {task}")),
                Some(option) => Err(format!("xtask has no option {option}")),
                None => Ok(()),
            }
        }
        ["install", .., "--path", path] => {
            let is_there = root().join(path).join("src/main.rs").exists();
            if is_there { Ok(()) } else { Err(format!("{path} is no program")) }
        }
        _ => Ok(()),
    }
}

/// Lists the command lines of a page that are not run: those between backticks, and those in blocks
/// that are marked so.
pub(crate) fn command_lines(page: &Page) -> Vec<String> {
    let not_run = page.blocks().filter(|block| block.not_run().is_some());
    let in_blocks = not_run.flat_map(|block| &block.text).map(|line| line.replace("$ ", ""));
    let is_ours = |line: &String| PROGRAMS.iter().any(|it| line.starts_with(&format!("{it} ")));
    spans(&page.text).into_iter().chain(in_blocks).filter(is_ours).collect()
}

/// What stands between backticks outside of blocks.
fn spans(text: &str) -> Vec<String> {
    let (mut prose, mut is_inside) = (String::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_inside = !is_inside;
        } else if !is_inside {
            prose += line.trim();
            // A paragraph ends with an empty line, and so does every span in it.
            prose += if line.is_empty() { "\n" } else { " " };
        }
    }
    let paragraphs = prose.lines().flat_map(|it| it.split('`').skip(1).step_by(2));
    paragraphs.map(|span| span.replace("\\|", "|")).collect()
}
