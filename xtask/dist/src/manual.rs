//! The part `manual`: manual pages, and completions for bash, zsh and fish.
//!
//! This part contains no text of its own. Options come from the definitions that the programs use, and longer
//! texts from `--help` and from the pages in `docs`:
//!
//! - `programs` and `formats` make the pages; `contents` says which pages in `docs` are part of them,
//! - `help` and `markdown` read the two kinds of text; `document` finds the sections of a page in `docs`, and
//!   `links` says where its links lead,
//! - `page` puts a manual page together, and `completions` writes those of the shells.

mod completions;
mod contents;
mod document;
mod formats;
mod help;
mod links;
mod markdown;
mod page;
mod programs;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use xtask_base::output;
use xtask_base::process::Program;
use xtask_base::workspace;

use crate::Dist;
use page::Page;

/// Writes the pages to `man/manN` and the completions to `completions`.
pub(crate) fn make(dist: &Dist) -> Result<()> {
    let date = date()?;
    for page in pages(&workspace::root(), &date)? {
        let folder = dist.out.join("man").join(format!("man{}", page.section()));
        write(&folder.join(page.file_name()), page.text().as_bytes())?;
    }
    for (name, text) in completions::all() {
        write(&dist.out.join("completions").join(name), &text)?;
    }
    Ok(())
}

/// Makes all pages from the checkout at `root`.
fn pages(root: &Path, date: &str) -> Result<Vec<Page>> {
    let makers = [programs::dsnap, programs::testkit, formats::conf, formats::method];
    makers.into_iter().map(|make| make(root, date)).collect()
}

/// Asks git for the date of the newest commit, so that two builds of one commit are the same.
fn date() -> Result<String> {
    let ask = ["log", "-1", "--date=format:%Y-%m-%d", "--format=%cd"];
    let answer = Program::new("git").args(ask).dir(&workspace::root()).quiet();
    let answer = answer.context("the pages need the date of the commit, from a clone with git")?;
    Ok(answer.stdout.trim().to_owned())
}

fn write(file: &Path, text: &[u8]) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    output::line(file.display());
    Ok(())
}
