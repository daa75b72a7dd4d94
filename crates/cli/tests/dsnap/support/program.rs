//! The program under test: how scenarios start it, and a run that has not ended yet.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use dsnap_testkit::{Fixture, Site};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::outcome::Ran;
use super::process::Process;

/// A run of the program that has not begun.
#[derive(Debug)]
pub(crate) struct Dsnap {
    command: Command,
    replaced: Vec<(String, &'static str)>,
}

impl Dsnap {
    /// The program without arguments, in an environment without leftovers.
    pub(crate) fn new() -> Self {
        Self::started_by(Command::new(env!("CARGO_BIN_EXE_dsnap")))
    }

    /// The program as another one starts it: `starter` gets its path as next argument.
    pub(crate) fn through(starter: &[&str]) -> Self {
        let mut command = Command::new(starter[0]);
        command.args(&starter[1..]).arg(env!("CARGO_BIN_EXE_dsnap"));
        Self::started_by(command)
    }

    /// The program as a shell starts it that has prepared something: the script ends in
    /// `exec "$@"`.
    pub(crate) fn through_shell(script: &str) -> Self {
        Self::through(&["bash", "-c", script, "bash"])
    }

    fn started_by(mut command: Command) -> Self {
        let lists = ["DIRECTORIES", "CODES", "TIDS"];
        for name in ["VERSION", "DIRECTORY", "TIMESTAMP", "CODE", "TID"].into_iter().chain(lists) {
            command.env_remove(format!("SNAPSHOT_{name}"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, replaced: Vec::new() }
    }

    /// `dsnap --storage DIR`; without a conf it gets an empty one, so that no message is about that.
    pub(crate) fn on(fixture: &Fixture) -> Self {
        let conf = fixture.path().join("config/snapshot.conf");
        if !conf.exists() {
            std::fs::write(conf, "").unwrap();
        }
        Self::new().knows(fixture.path()).storage(fixture.path())
    }

    /// `dsnap --storage DIR` on a simulated site, with the conf that the site wrote.
    pub(crate) fn at(site: &Site) -> Self {
        let mut dsnap = Self::new().knows(site.path());
        dsnap.replaced.extend(site.urls().into_iter().zip(["URL", "URL2", "URL3"]));
        dsnap.replaced.extend(site.zeo_address().map(|address| (address, "ZEO")));
        dsnap.storage(site.path())
    }

    /// Messages name this path; scenarios say `DIR` instead.
    pub(crate) fn knows(self, path: &Path) -> Self {
        self.knows_as(path, "DIR")
    }

    /// The same for another path and word.
    pub(crate) fn knows_as(mut self, path: &Path, word: &'static str) -> Self {
        self.replaced.push((path.display().to_string(), word));
        self
    }

    /// Adds `--storage DIR`.
    pub(crate) fn storage(self, dir: &Path) -> Self {
        self.arg("--storage").arg(dir)
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    pub(crate) fn args<I: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = I>) -> Self {
        self.command.args(args);
        self
    }

    /// Makes this shell script COMMAND.
    pub(crate) fn sh(self, script: &str) -> Self {
        self.args(["sh", "-c", script])
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Gives it a pipe as stdin, which stays open until the run is asked to end.
    pub(crate) fn open_stdin(self) -> Self {
        self.change(|command| {
            command.stdin(Stdio::piped());
        })
    }

    /// Changes anything else about how it is started.
    pub(crate) fn change(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.command);
        self
    }

    /// Runs to the end.
    #[track_caller]
    pub(crate) fn run(mut self) -> Ran {
        let output = Process::start(&mut self.command).end();
        self.ran(output)
    }

    /// Starts.
    pub(crate) fn spawn(mut self) -> Running {
        let process = Process::start(&mut self.command);
        Running { process, first_line: String::new(), dsnap: self }
    }

    /// Starts, and waits until COMMAND has written a line.
    #[track_caller]
    pub(crate) fn start(self) -> Running {
        let mut running = self.spawn();
        running.first_line = running.next_line();
        running
    }

    #[track_caller]
    fn ran(&self, output: Output) -> Ran {
        // The system's errors are said in words.
        let number = "(os error ";
        let is_said = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(number);
        assert!(!is_said(&output.stderr) && !is_said(&output.stdout), "`{number}`: {output:?}");
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            self.replaced.iter().fold(text, |text, (from, to)| text.replace(from, to))
        };
        Ran { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// A run that has begun.
#[derive(Debug)]
pub(crate) struct Running {
    process: Process,
    first_line: String,
    dsnap: Dsnap,
}

impl Running {
    /// The process of the program itself.
    pub(crate) fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// The first line that COMMAND wrote.
    pub(crate) fn line(&self) -> &str {
        &self.first_line
    }

    /// Waits for the next line that COMMAND writes.
    #[track_caller]
    pub(crate) fn next_line(&mut self) -> String {
        self.process.stdout.next_line().unwrap_or_default().trim_end().to_owned()
    }

    /// Waits for a line on stderr that begins with these words.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, words: &str) {
        let stderr = &mut self.process.stderr;
        loop {
            match stderr.next_line() {
                Some(line) if line.starts_with(words) => return,
                Some(_) => {}
                None => panic!("never said `{words}`, but:\n{}", stderr.so_far()),
            }
        }
    }

    /// Writes a line to its stdin.
    pub(crate) fn say(&mut self, line: &str) {
        self.process.write_line(line);
    }

    /// Sends a signal to the program itself.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Sends the signal with this number to the program itself, a real-time one too.
    pub(crate) fn signal_number(&self, number: i32) {
        let mut command = Command::new("kill");
        let sent = command.arg(format!("-{number}")).arg(self.pid().to_string()).status();
        assert!(sent.unwrap().success(), "signal {number}");
    }

    /// Closes COMMAND's stdin, and waits for the end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ran {
        drop(self.process.take_stdin());
        self.ends_by_itself()
    }

    /// Waits for the end, while stdin stays as it is.
    #[track_caller]
    pub(crate) fn ends_by_itself(mut self) -> Ran {
        let _stdin = self.process.take_stdin();
        let output = self.process.end();
        self.dsnap.ran(output)
    }
}
