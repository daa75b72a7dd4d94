//! A reader of a page, who does what one section of it says, in a place of its own.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::markdown::{Block, Section, Step};
use super::place::{Place, STORAGE};
use crate::support::process::Process;
use crate::support::root;

/// Begins the line after the output of a command; its status follows.
const END: &str = "== ended with ";
/// For all commands of a section, in seconds.
const LIMIT: &str = "600";

/// A reader at a shell.
#[derive(Debug)]
pub(crate) struct Reader {
    shell: Process,
    stdin: Option<ChildStdin>,
    /// What runs in other terminals, with the words that started it.
    running: Vec<(Process, String)>,
    place: Place,
}

impl Reader {
    /// Opens a shell in the place of a section.
    pub(crate) fn new(section: &Section) -> Self {
        let place = Place::new(section);
        let mut command = place.command("timeout");
        command.args(["--kill-after=5", LIMIT, "bash"]);
        let mut shell = Process::start(with_pipes(&mut command));
        let stdin = shell.take_stdin();
        let mut reader = Self { shell, stdin, running: Vec::new(), place };
        reader.types("exec 2>&1; umask 022; cd -P .");
        reader
    }

    /// Does what the section says, in a folder whose `target` keeps what is built only once: the
    /// crates that a library in Rust needs.
    pub(crate) fn read_with_shared_target(section: &Section) {
        let reader = Self::new(section);
        let programs = Path::new(env!("CARGO_BIN_EXE_dsnap"));
        let target = programs.ancestors().nth(2).unwrap().join("guide");
        fs::create_dir_all(&target).unwrap();
        symlink(&target, reader.place.begin().join("target")).unwrap();
        reader.reads(section);
    }

    /// Does what the section says.
    pub(crate) fn read(section: &Section) {
        Self::new(section).reads(section);
    }

    fn reads(mut self, section: &Section) {
        for step in &section.steps {
            match step {
                Step::Block(block) => self.does(block),
                Step::Hidden(command, place) => self.expects(command, place, 0, ""),
            }
        }
        self.ends_running();
    }

    fn does(&mut self, block: &Block) {
        if block.not_run().is_some() || !has_tools(block) {
            return;
        }
        match block.kind() {
            "console" => self.runs(block),
            "sh" if !block.is_script() => self.runs_all(block),
            "sh" | "c" | "rust" | "python" | "toml" => self.writes(block, named(block)),
            "ini" => self.checks_unit(block),
            "conf" => self.writes_conf(block),
            "cron" => self.runs_jobs(block),
            "yaml" => self.checks_rules(block),
            "json" => {
                drop(serde_json::from_str::<serde_json::Value>(&block.text.join("\n")).unwrap())
            }
            // Output of a command that stands elsewhere, or a sketch.
            "text" => {}
            kind => panic!("{}: what is to be done with `{kind}`?", block.place),
        }
    }

    /// Writes the file of a block.
    fn writes(&self, block: &Block, name: &str) {
        let path = self.place.file(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, self.place.here(&block.text.join("\n")) + "\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }

    /// Writes a `snapshot.conf`: the file that the block names, or that of the storage, where `dsnap`
    /// must understand every line.
    fn writes_conf(&mut self, block: &Block) {
        if let Some(name) = block.file_name() {
            return self.writes(block, name);
        }
        self.writes(block, &format!("{STORAGE}/config/snapshot.conf"));
        let list = self.place.here(&format!("dsnap --list-methods --storage {STORAGE}"));
        let (said, _) = self.types(&list);
        let understood = said.contains("Methods to try") && !said.contains("malformed");
        assert!(understood, "{}: {said}", block.place);
    }

    /// Runs each job of a crontab of the system once, with the environment that cron gives it.
    fn runs_jobs(&mut self, block: &Block) {
        for line in block.text.iter().filter(|line| !line.starts_with('#')) {
            let job = cron_job(line).unwrap_or_else(|| panic!("{}: {line}", block.place));
            let script = self.place.begin().join("cron-job");
            fs::write(&script, self.place.here(job) + "\n").unwrap();
            let run = format!("env -i HOME=/ PATH=\"$PATH\" sh {}", script.display());
            self.expects(&run, &block.place, 0, "");
        }
    }

    /// Checks alerting rules with the tool of Prometheus.
    fn checks_rules(&mut self, block: &Block) {
        assert!(block.text[0] == "groups:", "{}: which program checks this?", block.place);
        self.writes(block, "rules.yml");
        if is_there("promtool") {
            self.expects("promtool check rules rules.yml", &block.place, 0, "... SUCCESS...");
        }
    }

    /// Lets systemd read a part of a service. It complains of each setting that it does not know.
    fn checks_unit(&mut self, block: &Block) {
        let begin = "[Service]\nType=oneshot\nExecStart=/bin/true\n";
        let unit = format!("{begin}{}\n", self.place.here(&block.text.join("\n")));
        fs::write(self.place.begin().join("part.service"), unit).unwrap();
        if is_there("systemd-analyze") {
            let (said, status) = self.types("systemd-analyze verify --man=no ./part.service");
            assert!(said.is_empty() && status == 0, "{}: {said}", block.place);
        }
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

    /// Types a command of the page, and compares its status, and what it says if that is shown.
    fn expects(&mut self, typed: &str, place: &str, expected: i32, shown: &str) {
        let (said, status) = self.types(&self.place.here(typed));
        let said = self.place.as_on_page(&said);
        assert!(
            status == expected && (shown.is_empty() || matches(&said, shown)),
            "{place}:\n$ {typed}\n{said}\n(status {status}, not {expected})\nand not:\n{shown}",
        );
    }

    /// Types the commands of a block, and compares what they say with what follows them.
    fn runs(&mut self, block: &Block) {
        let mut lines = block.text.iter().peekable();
        while let Some(line) = lines.next() {
            let typed = line.strip_prefix("$ ");
            let typed = typed.unwrap_or_else(|| panic!("{}: begin with `$ `", block.place));
            let mut shown = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
                shown.push(line.as_str());
            }
            let shown = shown.join("\n");
            if block.fence == "console ctrl-c" {
                self.starts(typed, &block.place, &shown);
                continue;
            }
            let last = lines.peek().is_none();
            let status = block.word_after("status").filter(|_| last);
            let status = status.map_or(0, |status| status.parse().unwrap());
            self.expects(typed, &block.place, status, &shown);
        }
    }

    /// Types each line of a block, and shows nothing.
    fn runs_all(&mut self, block: &Block) {
        for line in block.text.iter().filter(|line| !line.is_empty()) {
            self.expects(line, &block.place, 0, "");
        }
    }

    /// Starts a command that runs until Ctrl-C, and waits until it has said what is shown.
    fn starts(&mut self, typed: &str, place: &str, shown: &str) {
        let mut command = self.place.command("bash");
        command.args(["-c", &format!("exec 2>&1; exec {}", self.place.here(typed))]);
        let mut process = Process::start(with_pipes(&mut command));
        let mut said = String::new();
        for _ in 0..shown.lines().count().max(1) {
            said += &process.stdout.next_line().unwrap_or_default();
        }
        let said = self.place.as_on_page(said.trim_end());
        let as_shown = shown.is_empty() || matches(&said, shown);
        assert!(!said.is_empty() && as_shown, "{place}:\n$ {typed}\n{said}\nand not:\n{shown}");
        self.running.push((process, typed.to_owned()));
    }

    /// Presses Ctrl-C in the other terminals.
    fn ends_running(&mut self) {
        for (process, typed) in self.running.drain(..) {
            kill(Pid::from_raw(process.pid()), Signal::SIGINT).unwrap();
            let status = process.end().status;
            assert!(status.code().is_some(), "`{typed}` did not end in order: {status}");
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

fn with_pipes(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::piped()).stdout(Stdio::piped())
}

fn named(block: &Block) -> &str {
    block.file_name().unwrap_or_else(|| panic!("{}: no comment names the file", block.place))
}

/// Tells whether the program is there that a block needs, besides those that every system has.
fn has_tools(block: &Block) -> bool {
    block.word_after("needs").is_none_or(is_there)
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).exists());
    if !found {
        root::passed_over(&format!("{program} is not installed"));
    }
    found
}

/// The command of a line in a crontab of the system: behind five fields of time, and the user.
fn cron_job(line: &str) -> Option<&str> {
    let mut rest = line;
    for field in 0..6 {
        let (word, behind) = rest.trim_start().split_once([' ', '\t'])?;
        let is_time = word.chars().all(|it| it.is_ascii_digit() || "*/,-".contains(it));
        let is_user = word.starts_with(|it: char| it.is_ascii_lowercase());
        if word.is_empty() || !(if field < 5 { is_time } else { is_user }) {
            return None;
        }
        rest = behind;
    }
    // Cron takes a percent sign for the end of the line.
    Some(rest.trim()).filter(|job| !job.is_empty() && !job.contains('%'))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_crontab_has_a_time_a_user_and_a_command() {
        assert_eq!(cron_job("15 2 * * *  zope  x -q y"), Some("x -q y"));
        assert_eq!(cron_job("*/5 0-6 1,15 * *\troot\tx"), Some("x"));
        for wrong in ["15 2 * * * x", "15 2 * * zope x", "15 2 * * * zope date +%F", ""] {
            assert_eq!(cron_job(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn three_dots_in_an_example_stand_for_any_output() {
        assert!(matches("a b c", "a b c") && matches("a b c", "a ... c") && matches("a b", "...b"));
        assert!(matches("a\nb\nc", "a\n...c") && matches("x 17 y", "x ... y"));
        assert!(!matches("a b c", "a b") && !matches("b c", "a...c") && !matches("a b d", "a...c"));
    }
}
