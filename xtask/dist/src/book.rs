//! Makes a book in HTML of the pages of `docs`, with mdBook, and checks its links.
//!
//! `cargo xtask tidy` checks the links of the pages as forges show them. The links of the book differ: mdBook
//! makes the anchors and the names of files, and pages outside of `docs` have other places. So the finished
//! book is checked, too.

mod links;
mod source;

use anyhow::Result;
use xtask_base::process::Program;
use xtask_base::{output, python, workspace};

use crate::Dist;
use crate::tools::CargoTool;

/// The version of mdBook, so that a book is the same wherever it is built.
/// Its server, which is most of it, is not needed.
const MDBOOK: CargoTool = CargoTool {
    name: "mdbook",
    version: "0.5.4",
    options: &["--no-default-features", "--features", "search"],
};

/// Builds the book, and checks its links.
///
/// # Errors
///
/// mdBook cannot be installed or fails, or a link leads nowhere.
pub(crate) fn make(dist: &Dist) -> Result<()> {
    let mdbook = MDBOOK.program(dist)?;
    let (sources, book) = (dist.work.join("book"), dist.out.join("book"));
    python::remove(&sources)?;
    python::remove(&book)?;
    source::write(&workspace::root(), &sources)?;
    // The pages are in the main folder of `docs`, because forges show them there.
    let build = Program::new(mdbook).env("MDBOOK_BOOK__SRC", source::PAGES);
    build.arg("build").arg(&sources).arg("--dest-dir").arg(&book).quiet()?;
    let (pages, links) = links::check(&book)?;
    output::line(format_args!("{pages} pages, {links} links, none of them broken"));
    Ok(())
}
