//! The pages say what `--help` says, `man` shows them without a warning, and the completions work in bash.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use clap::Command;
use xtask_base::process::Program;
use xtask_base::workspace::root;

use super::page::PAGES;
use super::*;

const LIMIT: Duration = Duration::from_secs(60);

fn page(name: &str) -> Page {
    let pages = pages(&root(), "2026-01-31").unwrap();
    pages.into_iter().find(|page| page.name() == name).unwrap()
}

/// Removes fonts and quoting from a line of a page.
fn plain(line: &str) -> String {
    let line = line.replace("\\fB", "").replace("\\fI", "").replace("\\fR", "");
    line.replace("\\-", "-").replace("\\*(Aq", "'").replace("\\&", "")
}

/// Returns the text of a section, without its heading.
fn section<'p>(page: &'p Page, title: &str) -> &'p str {
    let mut sections = page.text().split("\n.SH ").skip(1);
    let heading = |text: &&str| text.lines().next().unwrap_or_default().trim_matches('"') == title;
    let text = sections.find(heading).unwrap_or_else(|| panic!("no section {title}"));
    text.split_once('\n').map_or("", |(_, rest)| rest)
}

/// Lists the terms of lists.
fn terms(text: &str) -> BTreeSet<String> {
    let lines: Vec<_> = text.lines().collect();
    let terms = lines.windows(2).filter(|pair| pair[0] == ".TP").map(|pair| plain(pair[1]));
    terms.collect()
}

/// Lists the options among the terms, with their values: `-t, --wait <DURATION>`.
fn options(text: &str) -> BTreeSet<String> {
    let options = terms(text).into_iter().filter(|term| term.starts_with('-'));
    options.map(|term| term.split(" [default").next().unwrap().to_owned()).collect()
}

/// Lists the options that `--help` prints.
fn options_of_help(command: &Command) -> BTreeSet<String> {
    let help = command.clone().term_width(200).render_help().to_string();
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let options = lines.map(|line| line.split("  ").next().unwrap());
    // A page does not mark options that may be repeated.
    options.map(|option| option.trim_end_matches("...").to_owned()).collect()
}

#[test]
fn the_page_of_dsnap_has_the_options_of_its_help_and_no_others() {
    let page = page("dsnap");
    let found = options(section(&page, "OPTIONS"));
    assert_eq!(found, options_of_help(&dsnap::command()));
    assert!(found.contains("-t, --wait <DURATION>"), "{found:?}");
}

#[test]
fn the_page_of_the_testkit_has_the_options_of_every_command_and_no_others() {
    let mut command = dsnap_testkit::program::command();
    command.build();
    let page = page("dsnap-testkit");
    assert_eq!(options(section(&page, "OPTIONS")), options_of_help(&command));
    let commands = command.get_subcommands().filter(|it| it.get_name() != "help");
    for command in commands {
        let section = section(&page, &command.get_name().to_uppercase());
        assert_eq!(options(section), options_of_help(command), "{}", command.get_name());
    }
    assert!(options(section(&page, "SITE")).contains("--zeo[=<VERSION>]"));
}

#[test]
fn the_page_of_dsnap_has_the_exit_statuses_of_its_help_and_no_others() {
    let help = dsnap::command().get_after_help().unwrap().to_string();
    let blocks = help::blocks(&help).unwrap();
    let block = blocks.iter().find(|block| block.begins_with("Exit status")).unwrap();
    let of_help: BTreeSet<_> = block.terms().map(str::to_owned).collect();
    assert_eq!(terms(section(&page("dsnap"), "EXIT STATUS")), of_help);
    assert_eq!(of_help, defined_statuses());
}

/// Lists the exit statuses of the program: those that its source defines.
fn defined_statuses() -> BTreeSet<String> {
    let source = fs::read_to_string(root().join("crates/engine/src/exit_status.rs")).unwrap();
    let constants = source.lines().filter(|line| line.starts_with("pub const "));
    let values = constants.map(|line| line.rsplit([' ', ';']).nth(1).unwrap().to_owned());
    values.chain(["128+N".to_owned()]).collect()
}

#[test]
fn the_pages_name_every_variable_and_file() {
    let page = page("dsnap");
    let variables = terms(section(&page, "ENVIRONMENT"));
    assert!(dsnap::manual::VARIABLES.iter().all(|it| variables.contains(it.name)));
    let files: BTreeSet<_> = dsnap::manual::files().into_iter().map(|(name, _)| name).collect();
    assert_eq!(terms(section(&page, "FILES")), files);
}

/// Shows a page on 80 columns. Returns what `man` prints, and its warnings.
fn shown(text: &str) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.7");
    fs::write(&file, text).unwrap();
    let man = Program::within(LIMIT, "man").args(["--warnings", "-E", "UTF-8", "-l"]).arg(&file);
    let man = man.env("MANWIDTH", "80").env("LC_ALL", "C.UTF-8").quiet().unwrap();
    (man.stdout, man.stderr)
}

#[test]
fn man_shows_the_pages_without_warnings() {
    for page in pages(&root(), "2026-01-31").unwrap() {
        let (text, warnings) = shown(page.text());
        assert_eq!(warnings, "", "{}", page.name());
        assert!(text.starts_with(page.name()) && text.contains("\nSEE ALSO\n"), "{text}");
    }
    let (_, warnings) = shown(&page("dsnap").text().replace(".SH FILES", ".NOMACRO"));
    assert!(warnings.contains("NOMACRO"), "man did not complain: {warnings}");
}

#[test]
fn every_page_and_file_that_a_page_names_exists() {
    let mut named = (0, 0);
    for page in pages(&root(), "2026-01-31").unwrap() {
        let text = plain(page.text());
        for word in text.split([' ', '\n', ',']).map(|word| word.trim_start_matches('(')) {
            let end = word.find(')').map_or(word, |end| &word[..=end]);
            if let Some((name, "1)" | "5)" | "7)")) = end.split_once('(') {
                let section = &end[name.len() + 1..end.len() - 1];
                assert!(PAGES.contains(&(name, section)), "{} names {word}", page.name());
                named.0 += 1;
            }
            let file = word.split(['#', ')', ':']).next().unwrap().trim_end_matches('.');
            if file.starts_with("docs/") {
                assert!(root().join(file).exists(), "{} names {file}", page.name());
                named.1 += 1;
            }
        }
    }
    assert!(named.0 >= 12 && named.1 >= 8, "{named:?}");
}

/// Completes the last of these words in bash, in a folder with a folder `site` and a file `side`.
fn completed(program: &str, words: &[&str]) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("site")).unwrap();
    fs::write(folder.path().join("side"), "").unwrap();
    let name = format!("bash/{program}");
    let (_, text) = completions::all().into_iter().find(|(it, _)| *it == name).unwrap();
    fs::write(folder.path().join("completion"), text).unwrap();
    // `compopt` works only while bash itself completes. With `plusdirs`, bash adds folders.
    let script = r#"compopt() { if [ "$2" = plusdirs ]; then COMPREPLY+=($(compgen -d -- "$cur")); fi; }
        . ./completion
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        function=$(complete -p "$1" | sed 's/.* -F \([^ ]*\) .*/\1/')
        "$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let bash = Program::within(LIMIT, "bash").args(["--norc", "-c", script, "bash", program]);
    let answer = bash.args(words).dir(folder.path()).quiet().unwrap();
    assert_eq!(answer.stderr, "");
    answer.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_options_commands_and_folders() {
    let set = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(completed("dsnap", &["--st"]), set(&["--storage", "--status"]));
    assert_eq!(completed("dsnap", &["--storage", "si"]), set(&["site"]));
    assert_eq!(completed("dsnap", &["--report", "si"]), set(&["site", "side"]));
    assert_eq!(completed("dsnap-testkit", &["ma"]), set(&["make"]));
    assert_eq!(completed("dsnap-testkit", &["make", "--state", "cr"]), set(&["crashed"]));
}
