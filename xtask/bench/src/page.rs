//! The figures in the documentation: tables between two markers, plots, and the results themselves.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::results::{Machine, Report};
use crate::{plots, table, units};

const PAGE: &str = "docs/performance.md";
/// The folder of the results and of the plots.
const FOLDER: &str = "docs/performance";
/// Everything between these two lines of the page is written by the bench.
const BEGIN: &str = "<!-- written by `cargo xtask bench --write-docs` -->";
const END: &str = "<!-- end -->";

/// Writes the results, the plots and the figures in the page.
pub(crate) fn write(report: &Report, root: &Path) -> Result<()> {
    let (page, folder) = (root.join(PAGE), root.join(FOLDER));
    fs::create_dir_all(&folder)?;
    report.write(&folder.join("results.json"))?;
    let plots = plots::draw(report, &folder)?;
    let text = fs::read_to_string(&page).with_context(|| format!("cannot read {PAGE}"))?;
    Ok(fs::write(&page, replaced(&text, &figures(report, &plots))?)?)
}

/// Replaces what is between the markers.
fn replaced(page: &str, figures: &str) -> Result<String> {
    let marked = || {
        let (before, rest) = page.split_once(BEGIN)?;
        Some((before, rest.split_once(END)?.1))
    };
    let (before, after) =
        marked().with_context(|| format!("{PAGE} lacks the line {BEGIN} or {END}"))?;
    Ok(format!("{before}{BEGIN}\n\n{figures}\n{END}{after}"))
}

/// The machine, the tables and the plots, each with its title and the name of its file.
fn figures(report: &Report, plots: &[(String, String)]) -> String {
    let Machine { processors, kernel, file_system, load } = &report.machine;
    let size = units::mebibytes(report.program_size / 1024);
    let machine = format!(
        "Measured with dsnap {} on a machine with {processors} processors, Linux {kernel} and {file_system}; \
         the load average before was {load}. The program is {size} large.\n",
        report.version
    );
    let plots = plots.iter().map(|(title, file)| format!("\n![{title}](performance/{file})\n"));
    [machine, table::markdown(&report.cases), table::aims_in_markdown(report)]
        .into_iter()
        .map(|part| part + "\n")
        .chain(plots)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_part_between_the_markers_is_replaced() {
        let page = format!("# Title\n{BEGIN}\nold\n{END}\nmore\n");
        let new = replaced(&page, "new\n").unwrap();
        assert_eq!(new, format!("# Title\n{BEGIN}\n\nnew\n\n{END}\nmore\n"));
        assert_eq!(replaced(&new, "new\n").unwrap(), new);
        assert!(replaced("# Title\n", "new").is_err());
    }
}
