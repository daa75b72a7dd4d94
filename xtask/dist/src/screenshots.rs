//! Takes pictures of the book in a real browser, for a person to look at, and checks that no page is wider
//! than a small screen.
//!
//! The pictures are working files. Headless Chromium has no windows narrower than 500 pixels, so each page is
//! shown in a frame of the width of the screen that is meant.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use xtask_base::process::{Finished, Program};
use xtask_base::{output, python};

use crate::{Dist, tools};

/// How long the browser may take for one page.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Pages of each kind: drawings, commands, tables, long lines.
const PAGES: [&str; 11] = [
    "index",
    "snapshot",
    "install",
    "first-hour",
    "everyday",
    "several-zopes",
    "promises",
    "performance",
    "troubleshooting",
    "glossary",
    "source/CHANGELOG",
];
/// Screens: a name, and the width and height of the frame.
const SCREENS: [(&str, u32, u32); 2] = [("wide", 1400, 1000), ("narrow", 400, 1000)];
/// Colours: a name, and the number by which Chromium's settings know what the system prefers.
const COLOURS: [(&str, u8); 2] = [("light", 1), ("dark", 0)];
/// Measures all pages, each in a frame of the width of a small screen. `PAGES` stands for their names.
const MEASURE: &str = r#"<!DOCTYPE html><body><script>
const pages = PAGES;
const next = () => {
    const page = pages.shift();
    if (page === undefined) { document.body.append("measured all"); return; }
    const frame = document.createElement("iframe");
    frame.style = "border: 0; width: 400px; height: 1000px";
    frame.onload = () => {
        const root = frame.contentDocument.documentElement;
        if (root.scrollWidth > 400) document.body.append(`too wide: ${page} (${root.scrollWidth}); `);
        frame.remove();
        next();
    };
    frame.src = page;
    document.body.append(frame);
};
next();
</script></body>"#;

/// A browser, and the folders that it uses.
struct Browser {
    book: PathBuf,
    pictures: PathBuf,
    profile: PathBuf,
}

/// Takes the pictures, and measures every page.
///
/// # Errors
///
/// The book has not been made, Chromium cannot be installed, or a page is wider than a small screen.
pub(crate) fn make(dist: &Dist) -> Result<()> {
    tools::debian("chromium", "chromium")?;
    let (book, pictures) = (dist.out.join("book"), dist.work.join("screenshots"));
    ensure!(book.is_dir(), "the book has not been made: run `cargo xtask dist book screenshots`");
    python::remove(&pictures)?;
    fs::create_dir_all(&pictures)?;
    let browser = Browser { book, profile: pictures.join("profile"), pictures };
    let measured = browser.measure();
    for page in PAGES {
        for screen in SCREENS {
            browser.picture(page, screen, COLOURS[0])?;
        }
    }
    for (screen, page) in SCREENS.into_iter().zip(["snapshot", "first-hour"]) {
        browser.picture(page, screen, COLOURS[1])?;
    }
    python::remove(&browser.profile)?;
    output::line(format_args!("look at {}", browser.pictures.display()));
    measured
}

impl Browser {
    /// Fails if a page must be scrolled sideways on a small screen.
    fn measure(&self) -> Result<()> {
        let mut pages = Vec::new();
        list(&self.book, &mut pages)?;
        let names: Vec<_> = pages.iter().map(|page| format!("{:?}", url(page))).collect();
        let html = MEASURE.replace("PAGES", &format!("[{}]", names.join(",")));
        let measured = self.show(&html, &["--dump-dom"])?.stdout;
        let shown = measured.split("</script>").last().unwrap_or_default();
        let ended = shown.contains("measured all");
        ensure!(ended && !shown.contains("too wide"), "on a screen of 400 pixels: {shown}");
        output::line(format_args!("{} pages fit a screen of 400 pixels", pages.len()));
        Ok(())
    }

    fn picture(&self, page: &str, screen: (&str, u32, u32), colour: (&str, u8)) -> Result<()> {
        let ((screen, width, height), (colour, number)) = (screen, colour);
        let url = url(&self.book.join(format!("{page}.html")));
        let style = format!("border: 0; width: {width}px; height: {height}px");
        let html = format!(
            "<!DOCTYPE html><body style=\"margin: 0\"><iframe src=\"{url}\" style=\"{style}\"></iframe>"
        );
        let file = self.pictures.join(format!("{}-{screen}-{colour}.png", page.replace('/', "-")));
        let options = [
            format!("--screenshot={}", file.display()),
            format!("--window-size={},{height}", width.max(500)),
            format!("--blink-settings=preferredColorScheme={number}"),
        ];
        self.show(&html, &options.each_ref().map(String::as_str))?;
        ensure!(file.is_file(), "the browser made no picture of {page}");
        Ok(())
    }

    /// Shows a page that contains frames. Nothing is asked of other hosts.
    fn show(&self, html: &str, options: &[&str]) -> Result<Finished> {
        let page = self.pictures.join("frame.html");
        fs::write(&page, html).with_context(|| format!("cannot write {}", page.display()))?;
        let quiet = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--allow-file-access-from-files",
            "--virtual-time-budget=60000",
        ];
        let browser = Program::within(TIMEOUT, "chromium").args(quiet);
        let browser = browser.arg(format!("--user-data-dir={}", self.profile.display()));
        let shown = browser.args(options).arg(url(&page)).quiet();
        fs::remove_file(&page)?;
        shown
    }
}

fn url(file: &Path) -> String {
    format!("file://{}", file.display())
}

/// Lists the pages of the book.
fn list(folder: &Path, pages: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, pages)?;
        } else if path.extension().is_some_and(|it| it == "html") {
            pages.push(path);
        }
    }
    pages.sort();
    Ok(())
}
