//! The documentation, as its readers use it: every command of every page is run.
//!
//! The pages are those in the main folder and below `docs`; a new one is found without being named
//! here. Each section (`## `) of a page is read in an empty folder of its own, from top to bottom, by
//! a shell that is `bash`. What the word behind a fence means:
//!
//! | fence | the test |
//! |---|---|
//! | `console` | types each line that begins with `$ `, and compares the output with the lines below, if there are any; `...` stands for anything. Each command must exit with 0 |
//! | `console status N` | the same, but the last command exits with N |
//! | `console ctrl-c` | starts the command as in another terminal, waits for its first lines, and ends it with Ctrl-C at the end of the section |
//! | `sh` that begins with `#!` | writes the file that the first comment names: `# NAME` or `# NAME: what it is` |
//! | `sh` otherwise | types each line, which must exit with 0 |
//! | `c`, `rust`, `python`, `toml` | writes the file that the first comment names |
//! | `ini` | lets `systemd-analyze` verify a service with these settings |
//! | `conf` | writes the file that its first comment names; without one, the conf of `/srv/ds`, where `dsnap` must understand each line |
//! | `cron` | runs the command of each line, with the environment that cron gives it |
//! | `yaml` | checks alerting rules with `promtool` |
//! | `json` | parses it |
//! | `text` | nothing: it must contain no command |
//! | any, then `needs PROGRAM` | is passed over where PROGRAM is not installed |
//! | any, then `not run: REASON` | is not run; there may be a handful of these |
//!
//! A line `<!-- $ COMMAND -->` is typed, too, but the readers of the page do not see it: it brings
//! about the state that the next lines are about, for example with `dsnap-testkit ctl /srv/ds crash`, or
//! with `killed-run /srv/ds`, which leaves the storage in the snapshot of a killed run.
//!
//! `/srv/ds`, `/srv/mail`, `/srv/main`, `/srv/catalog` and `/srv/members` are storages of simulated sites
//! that keep committing. `localhost:8080` (also called `zope1:8080`) and `zope2:8080` are the Zopes of the
//! first; it has a ZEO server at `localhost:8100` if the section names that. `/srv/try` is the folder in
//! which a section begins, and `/srv/src/dsnap` is this checkout. Other paths below `/srv`, `/backup`,
//! `/tmp`, `/usr/local` and so on (`support/pages/place.rs`) are in the folder of the test, too. `systemctl`, `docker`, `sudo`, `ssh` and some others are stubs
//! (`support/pages/stubs.rs`).

use crate::support::in_parallel;
use crate::support::pages::{CommandLines, Page, Reader, command_lines};

/// The page whose parts have tests of their own, because one of them builds a library in Rust.
const GUIDE: &str = "docs/writing-a-method.md";
/// How many blocks of all pages may not be run: some take minutes, need root or download something, and some
/// install what `cargo xtask dist` makes, which has checks of its own for that.
const A_HANDFUL: usize = 10;

#[test]
fn writing_a_method_part_1_a_script() {
    Reader::read(Page::named(GUIDE).section("Part 1"));
}

#[test]
fn writing_a_method_part_2_a_library_in_c() {
    Reader::read(Page::named(GUIDE).section("Part 2"));
}

#[test]
fn writing_a_method_part_3_a_library_in_rust() {
    Reader::read_with_shared_target(Page::named(GUIDE).section("Part 3"));
}

#[test]
fn every_block_of_every_other_page_does_what_it_shows() {
    let pages = Page::all();
    let pages = pages.iter().filter(|page| page.name != GUIDE);
    let sections = pages.flat_map(|page| &page.sections);
    let sections: Vec<_> = sections.filter(|section| !section.steps.is_empty()).collect();
    assert!(sections.len() > 10, "the pages were not found");
    in_parallel(sections, Reader::read);
}

#[test]
fn every_part_of_the_guide_has_a_test_and_its_example_in_c_stays_short() {
    let page = Page::named(GUIDE);
    let sections = page.sections.iter().filter(|section| !section.steps.is_empty());
    let tested = ["Part 1", "Part 2", "Part 3"];
    for section in sections {
        assert!(tested.iter().any(|part| section.heading.starts_with(part)), "{section:?}");
    }
    let c = page.blocks().find(|block| block.fence == "c").unwrap();
    assert!(c.text.len() <= 70 && c.text.iter().all(|line| line.len() <= 100), "{}", c.text.len());
}

#[test]
fn at_most_a_handful_of_blocks_is_not_run_and_no_sketch_contains_a_command() {
    let pages = Page::all();
    let blocks: Vec<_> = pages.iter().flat_map(Page::blocks).collect();
    let not_run: Vec<_> = blocks.iter().filter(|block| block.not_run().is_some()).collect();
    assert!(not_run.len() <= A_HANDFUL, "{not_run:#?}");
    assert!(not_run.iter().all(|block| block.not_run().unwrap().len() > 5), "{not_run:#?}");
    let is_command = |line: &&String| line.starts_with("$ ") || line.starts_with("dsnap ");
    for sketch in blocks.iter().filter(|block| block.kind() == "text") {
        assert_eq!(sketch.text.iter().find(is_command), None, "{}", sketch.place);
    }
}

#[test]
fn every_option_in_a_sentence_or_table_exists() {
    let (programs, mut wrong) = (CommandLines::new(), Vec::new());
    let mut count = 0;
    for page in Page::all() {
        for line in command_lines(&page) {
            count += 1;
            if let Err(why) = programs.check(&line) {
                wrong.push(format!("{}: `{line}`: {why}", page.name));
            }
        }
    }
    assert!(wrong.is_empty() && count > 30, "{count}: {wrong:#?}");
}

#[test]
fn an_option_that_does_not_exist_is_noticed() {
    let programs = CommandLines::new();
    for wrong in [
        "dsnap --storage DIR --nope",
        "dsnap --status --nope",
        "dsnap -t soon --storage DIR",
        "dsnap -v --nope …",
        "dsnap-testkit nope",
        "dsnap-testkit run --nope -- x",
        "cargo xtask nope",
        "cargo install --locked --path crates/engine",
    ] {
        assert!(programs.check(wrong).is_err(), "{wrong}");
    }
    for right in
        ["dsnap --status DIR...", "dsnap --status", "dsnap -v …", "dsnap-testkit run -- x --nope"]
    {
        assert_eq!(programs.check(right), Ok(()), "{right}");
    }
}
