//! A reader of `docs/writing-a-method.md`, who does what it says.
//!
//! A block of a file (`sh`, `c`, `rust`, `toml`, `conf`) names its file in its first comment, and
//! is written. A `console` block is run by one bash for each part, one line that begins with `$ `
//! at a time. Each command must end with status 0. If lines follow it, it must say exactly these;
//! `...` stands for anything. A block that is not run says so behind its fence. `/srv/try` stands
//! for the empty folder, `/srv/src/dsnap` for this checkout.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};

use tempfile::TempDir;

use super::folder::folder;
use super::process::Process;

/// The folder in which the example works.
const TRY: &str = "/srv/try";
/// The checkout of the example.
const SOURCES: &str = "/srv/src/dsnap";
/// Begins the line after the output of a command; its status follows.
const END: &str = "== ended with ";
/// For all commands of a part, in seconds.
const LIMIT: &str = "600";

/// The checkout.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// The text of the guide.
pub(crate) fn text() -> String {
    fs::read_to_string(root().join("docs/writing-a-method.md")).unwrap()
}

/// A fenced block of the guide.
#[derive(Debug)]
pub(crate) struct Block {
    /// The text that follows the opening fence on its line.
    pub(crate) fence: String,
    pub(crate) text: Vec<String>,
    /// The number of the fence's line, from 1.
    line: usize,
}

/// Finds the blocks of the part whose heading begins with these words.
pub(crate) fn blocks(heading: &str) -> Vec<Block> {
    let (text, mut found, mut inside, mut open) = (text(), Vec::new(), false, None::<Block>);
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some("")) => found.extend(open.take().filter(|_| inside)),
            (Some(block), _) => block.text.push(line.to_owned()),
            (None, Some(fence)) => {
                let fence = fence.to_owned();
                open = Some(Block { fence, text: Vec::new(), line: number + 1 });
            }
            (None, None) if line.starts_with("## ") => inside = line[3..].starts_with(heading),
            (None, None) => {}
        }
    }
    found
}

/// Finds the file that a block names in its first comment, a line `#!` aside.
fn file_name(block: &Block) -> &str {
    let comment = block.text.iter().find(|line| !line.starts_with("#!")).map_or("", |it| it);
    let named = comment.trim_start_matches(['#', '/', ' ']);
    let name = named.split([' ', ':']).next().unwrap();
    assert!(!name.is_empty() && name.len() < comment.len(), "line {}: no file", block.line);
    name
}

/// A reader of the guide, at a shell in an empty folder.
#[derive(Debug)]
pub(crate) struct Reader {
    folder: TempDir,
    shell: Process,
    stdin: Option<ChildStdin>,
}

impl Reader {
    /// Opens a shell in which the programs of this build are found first.
    pub(crate) fn new() -> Self {
        let folder = folder();
        let programs = Path::new(env!("CARGO_BIN_EXE_dsnap")).parent().unwrap();
        let testkit = programs.join("dsnap-testkit");
        assert!(testkit.exists(), "build it first: cargo build -p dsnap-testkit");
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=5", LIMIT, "bash"])
            .current_dir(folder.path())
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("CARGO_NET_OFFLINE", "true")
            // The library is tried, not measured.
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env_remove("DSNAP_PLUGIN_PATH")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut shell = Process::start(&mut command);
        let stdin = shell.take_stdin();
        let mut reader = Self { folder, shell, stdin };
        reader.types("exec 2>&1; umask 022; cd -P .");
        reader
    }

    /// Opens a shell in a folder whose `target` keeps what is built only once: the crates that
    /// the example needs.
    pub(crate) fn with_shared_target() -> Self {
        let reader = Self::new();
        let programs = Path::new(env!("CARGO_BIN_EXE_dsnap"));
        let target = programs.ancestors().nth(2).unwrap().join("guide");
        fs::create_dir_all(&target).unwrap();
        std::os::unix::fs::symlink(&target, reader.folder.path().join("target")).unwrap();
        reader
    }

    /// Puts the folders of this scenario in the place of the example's.
    fn here(&self, text: &str) -> String {
        let folder = self.folder.path().canonicalize().unwrap();
        text.replace(TRY, folder.to_str().unwrap()).replace(SOURCES, root().to_str().unwrap())
    }

    /// Writes the file of a block.
    fn writes(&self, block: &Block) {
        let path: PathBuf = self.folder.path().join(file_name(block));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, self.here(&block.text.join("\n")) + "\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }

    /// Types a command; returns what it says until it has ended, and its status.
    fn types(&mut self, command: &str) -> (String, i32) {
        // Braces, so that `cd` and `export` last; no input, because this writes there.
        let line = format!("{{ {command}\n}} </dev/null\nprintf '\\n{END}%s\\n' $?\n");
        self.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
        let mut said = String::new();
        loop {
            let line = self.shell.stdout.next_line();
            let line = line.unwrap_or_else(|| panic!("the shell ended in `{command}`:\n{said}"));
            if let Some(status) = line.strip_prefix(END) {
                return (said.trim_end().to_owned(), status.trim().parse().unwrap());
            }
            said.push_str(&line);
        }
    }

    /// Types the commands of a block, and compares what they say with what follows them.
    fn runs(&mut self, block: &Block) {
        let mut lines = block.text.iter().peekable();
        while let Some(line) = lines.next() {
            let typed = line.strip_prefix("$ ");
            let typed = typed.unwrap_or_else(|| panic!("line {}: begin with `$ `", block.line));
            let mut shown = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
                shown.push(self.here(line));
            }
            let (said, status) = self.types(&self.here(typed));
            let shown = shown.join("\n");
            assert!(
                status == 0 && (shown.is_empty() || matches(&said, &shown)),
                "the block at line {}:\n$ {typed}\n{said}\n(status {status})\nand not:\n{shown}",
                block.line
            );
        }
    }

    /// Reads a part of the guide to its end, and does what it says.
    pub(crate) fn reads(&mut self, part: &str) {
        let blocks = blocks(part);
        assert!(!blocks.is_empty(), "there is no part {part}");
        for block in &blocks {
            match block.fence.as_str() {
                "sh" | "c" | "rust" | "toml" | "conf" => self.writes(block),
                "console" => self.runs(block),
                fence if fence.contains("not run: ") => {}
                fence => panic!("line {}: what is to be done with `{fence}`?", block.line),
            }
        }
    }
}

impl Drop for Reader {
    /// Ends the shell, which waits for its own processes, before the folder goes.
    fn drop(&mut self) {
        drop(self.stdin.take());
        self.shell.wait_if_it_ends();
    }
}

/// Whether `said` is what is shown, in which `...` stands for anything.
pub(crate) fn matches(said: &str, shown: &str) -> bool {
    let mut pieces = shown.split("...");
    let Some(mut rest) = said.strip_prefix(pieces.next().unwrap()) else { return false };
    let pieces: Vec<_> = pieces.collect();
    let Some((last, between)) = pieces.split_last() else { return rest.is_empty() };
    for piece in between {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}
