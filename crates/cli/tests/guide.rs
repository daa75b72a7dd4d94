//! `docs/writing-a-method.md`, run as its readers run it: each part in an empty folder.
//!
//! A block of a file (`sh`, `c`, `rust`, `toml`, `conf`) names its file in its first comment, and
//! is written. A `console` block is run by one bash a part, a line that begins `$ ` at a time; each
//! must end with 0, and if lines follow, it must have said exactly these: `...` stands for
//! anything. A block that is not run says so behind its fence. The example's folders stand for
//! the real ones: `/srv/try` is the empty folder, `/srv/src/dsnap` this checkout.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "a reader's shell is started")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

const TRY: &str = "/srv/try";
const SOURCES: &str = "/srv/src/dsnap";
/// Ends what a command says; its status follows.
const END: &str = "== ended with ";
/// For all commands of a part, in seconds.
const LIMIT: &str = "600";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().parent().unwrap()
}

fn guide() -> String {
    fs::read_to_string(root().join("docs/writing-a-method.md")).unwrap()
}

/// A fenced block.
#[derive(Debug)]
struct Block {
    /// What stands behind the fence.
    fence: String,
    text: Vec<String>,
    /// Of the fence, from 1.
    line: usize,
}

/// The blocks of the part whose heading begins so.
fn blocks(heading: &str) -> Vec<Block> {
    let (guide, mut found, mut inside, mut open) = (guide(), Vec::new(), false, None::<Block>);
    for (number, line) in guide.lines().enumerate() {
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

/// The file that a block names in its first comment; a line `#!` is none.
fn file_name(block: &Block) -> &str {
    let comment = block.text.iter().find(|line| !line.starts_with("#!")).map_or("", |it| it);
    let named = comment.trim_start_matches(['#', '/', ' ']);
    let name = named.split([' ', ':']).next().unwrap();
    assert!(!name.is_empty() && name.len() < comment.len(), "line {}: no file", block.line);
    name
}

/// A reader, at a shell in an empty folder.
struct Reader {
    folder: tempfile::TempDir,
    shell: Child,
    said: BufReader<ChildStdout>,
}

impl Reader {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dsnap = Path::new(env!("CARGO_BIN_EXE_dsnap"));
        let programs = dsnap.parent().unwrap();
        assert!(
            programs.join("dsnap-testkit").exists(),
            "build it first: cargo build -p dsnap-testkit"
        );
        let path = std::env::var("PATH").unwrap();
        let mut shell = Command::new("timeout")
            .args(["--kill-after=5", LIMIT, "bash"])
            .current_dir(folder.path())
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("CARGO_NET_OFFLINE", "true")
            .env_remove("DSNAP_PLUGIN_PATH")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(shell.stdout.take().unwrap());
        let mut reader = Self { folder, shell, said };
        reader.types("exec 2>&1; umask 022; cd -P .");
        reader
    }

    /// What the guide says, in the real folders.
    fn here(&self, text: &str) -> String {
        let folder = self.folder.path().canonicalize().unwrap();
        text.replace(TRY, folder.to_str().unwrap()).replace(SOURCES, root().to_str().unwrap())
    }

    fn writes(&self, block: &Block) {
        let path: PathBuf = self.folder.path().join(file_name(block));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, self.here(&block.text.join("\n")) + "\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }

    /// Types a command, and reads what is said until it has ended; its status, too.
    fn types(&mut self, command: &str) -> (String, i32) {
        // Braces, so that `cd` and `export` last; no input, because that is where we write.
        let line = format!("{{ {command}\n}} </dev/null\nprintf '\\n{END}%s\\n' $?\n");
        self.shell.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
        let mut said = String::new();
        loop {
            let mut line = Vec::new();
            let read = self.said.read_until(b'\n', &mut line).unwrap();
            assert_ne!(read, 0, "the shell ended in `{command}`, after:\n{said}");
            let line = String::from_utf8_lossy(&line);
            if let Some(status) = line.strip_prefix(END) {
                return (said.trim_end().to_owned(), status.trim().parse().unwrap());
            }
            said.push_str(&line);
        }
    }

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

    /// Reads a part to its end, doing what it says.
    fn reads(&mut self, part: &str) {
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
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Whether it is what is shown, in which `...` stands for anything.
fn matches(said: &str, shown: &str) -> bool {
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

#[test]
fn part_1_a_script() {
    Reader::new().reads("Part 1");
}

#[test]
fn part_2_a_library_in_c() {
    Reader::new().reads("Part 2");
}

#[test]
fn part_3_a_library_in_rust() {
    let mut reader = Reader::new();
    // What it needs is only built once.
    let target = Path::new(env!("CARGO_BIN_EXE_dsnap")).ancestors().nth(2).unwrap().join("guide");
    fs::create_dir_all(&target).unwrap();
    std::os::unix::fs::symlink(&target, reader.folder.path().join("target")).unwrap();
    reader.reads("Part 3");
}

#[test]
fn hardly_anything_is_not_run_and_the_example_in_c_stays_short() {
    let all: Vec<_> = ["Part 1", "Part 2", "Part 3"].into_iter().flat_map(blocks).collect();
    let passed_over = all.iter().filter(|block| block.fence.contains("not run"));
    assert_eq!(passed_over.count(), 1);
    let c = all.iter().find(|block| block.fence == "c").unwrap();
    assert!(c.text.len() <= 70 && c.text.iter().all(|line| line.len() <= 100), "{}", c.text.len());
    // Nothing else on the page would be run.
    assert_eq!(guide().matches("\n```").count(), 2 * all.len());
}

#[test]
fn what_is_shown_is_what_is_said() {
    assert!(matches("a b c", "a b c") && matches("a b c", "a ... c") && matches("a b", "...b"));
    assert!(matches("a\nb\nc", "a\n...c") && matches("x 17 y", "x ... y"));
    assert!(!matches("a b c", "a b") && !matches("b c", "a...c") && !matches("a b d", "a...c"));
}
