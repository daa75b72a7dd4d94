//! The pages of the programs: `dsnap(1)` and `dsnap-testkit(1)`.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use clap::Command;
use clap_mangen::Man;
use roff::{Roff, bold};

use super::document::Document;
use super::help::{self, Block};
use super::page::Page;

/// The sections of `dsnap(1)` between options and files, with the beginning of the blocks of `--help` in them.
const SECTIONS: [(&str, &str); 5] = [
    ("OPTIONS", "A DURATION"),
    ("METHODS", "Methods, "),
    ("EXIT STATUS", "Exit status: "),
    ("ENVIRONMENT", "COMMAND finds "),
    ("EXAMPLES", "Example: "),
];

/// The sections of docs/everyday.md that are examples.
const EXAMPLES: [&str; 4] =
    ["Test the setup", "Back up", "Run it from cron", "Back up several storages together"];

/// Makes `dsnap(1)`.
pub(super) fn dsnap(root: &Path, date: &str) -> Result<Page> {
    let command = dsnap::command();
    let about = command.get_about().context("dsnap does not say what it does")?.to_string();
    let mut page = Page::new(("dsnap", "1"), date, &first_sentence(&about));
    page.add_rendered(&rendered(|out| man(&command).render_synopsis_section(out))?);
    page.heading("DESCRIPTION");
    about.split("\n\n").for_each(|text| page.paragraph(&text.replace('\n', " ")));
    add_details(&mut page, &command, root)?;
    page.see_also();
    Ok(page)
}

/// Adds what `--help` says below the usage, in the order of a manual page.
fn add_details(page: &mut Page, command: &Command, root: &Path) -> Result<()> {
    let details = command.get_after_help().context("dsnap has no details")?.to_string();
    let blocks = help::blocks(&details)?;
    ensure!(blocks.len() == SECTIONS.len(), "a block of `dsnap --help` has no section in dsnap(1)");
    for (section, beginning) in SECTIONS {
        let block = blocks.iter().find(|block| block.begins_with(beginning));
        let block = block.with_context(|| format!("`dsnap --help` lacks {beginning:?}"))?;
        match section {
            "OPTIONS" => {
                add_options(page, command, block)?;
                continue;
            }
            "EXAMPLES" => add_files(page),
            _ => {}
        }
        page.heading(section);
        page.add(&block.show());
        match section {
            "ENVIRONMENT" => add_variables(page),
            "EXAMPLES" => add_examples(page, root)?,
            _ => {}
        }
    }
    Ok(())
}

/// Adds the options. `block` says what their values mean; options under a heading of their own follow.
fn add_options(page: &mut Page, command: &Command, block: &Block) -> Result<()> {
    let options = rendered(|out| man(command).render_options_section(out))?;
    let mut groups = options.split("\n.SH ");
    page.add_rendered(&groups.by_ref().take(2).collect::<Vec<_>>().join("\n.SH "));
    page.add(&block.show());
    for group in groups {
        page.add_lines(&format!(".SS {group}"));
    }
    Ok(())
}

/// Adds the variables that dsnap itself reads.
fn add_variables(page: &mut Page) {
    page.paragraph("dsnap itself reads these variables:");
    page.terms(dsnap::manual::VARIABLES.iter().map(|it| (it.name, it.meaning)));
}

fn add_files(page: &mut Page) {
    page.heading("FILES");
    let files = dsnap::manual::files();
    page.terms(files.iter().map(|(name, meaning)| (name.as_str(), *meaning)));
}

fn add_examples(page: &mut Page, root: &Path) -> Result<()> {
    let everyday = Document::read(root, "docs/everyday.md")?;
    for title in EXAMPLES {
        let mut roff = Roff::new();
        roff.control("SS", [title]);
        roff.extend([everyday.show(title, page.name())?]);
        page.add(&roff);
    }
    Ok(())
}

/// Makes `dsnap-testkit(1)`: one section for each command.
pub(super) fn testkit(_root: &Path, date: &str) -> Result<Page> {
    let mut command = dsnap_testkit::program::command();
    command.build();
    let about = command.get_about().context("dsnap-testkit does not say what it does")?.to_string();
    let mut page = Page::new(("dsnap-testkit", "1"), date, &first_sentence(&about));
    let command = command.clone().override_usage(usage(&command));
    page.add_rendered(&rendered(|out| man(&command).render_synopsis_section(out))?);
    page.heading("DESCRIPTION");
    page.paragraph(&format!("{about}. Each COMMAND has its own options."));
    page.add_rendered(&rendered(|out| man(&command).render_options_section(out))?);
    for subcommand in command.get_subcommands().filter(|it| it.get_name() != "help") {
        add_subcommand(&mut page, subcommand)?;
    }
    page.see_also();
    Ok(page)
}

fn add_subcommand(page: &mut Page, command: &Command) -> Result<()> {
    page.heading(&command.get_name().to_uppercase());
    let mut roff = Roff::new();
    roff.text([bold(usage(command))]);
    page.add(&roff);
    let about = command.get_about().context("a command does not say what it does")?;
    page.paragraph(&format!("{about}."));
    let options = rendered(|out| man(&compact(command)).render_options_section(out))?;
    page.add_rendered(&options.replace(".SH OPTIONS\n", ""));
    let details = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    details.split("\n\n").filter(|text| !text.is_empty()).for_each(|text| page.paragraph(text));
    Ok(())
}

/// Puts the possible values of options behind their descriptions, as `--help` does.
fn compact(command: &Command) -> Command {
    command.clone().mut_args(|arg| {
        let values = arg.get_possible_values();
        let names: Vec<_> = values.iter().map(|value| value.get_name()).collect();
        if names.is_empty() || !arg.get_num_args().is_some_and(|it| it.takes_values()) {
            return arg;
        }
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let help = format!("{help} [possible values: {}]", names.join(", "));
        arg.help(help).hide_possible_values(true)
    })
}

/// Returns the usage as `--help` shows it.
fn usage(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    usage.trim_start_matches("Usage:").trim().to_owned()
}

fn man(command: &Command) -> Man {
    Man::new(command.clone())
}

fn rendered(render: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> Result<String> {
    let mut text = Vec::new();
    render(&mut text)?;
    Ok(String::from_utf8(text)?)
}

/// Makes the line that `whatis` shows of a description.
fn first_sentence(about: &str) -> String {
    let sentence = about.split('.').next().unwrap_or(about).replace('\n', " ");
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
