//! The program under test: how scenarios start it, and how they state what it did.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Output, Stdio};

use dsnap_testkit::{Fixture, Site, State};

/// What a run that enters directly says on stderr.
pub(crate) const DIRECT: &str = "Entered snapshot using direct access
Locked snapshot mode
Unlocked snapshot mode
";

/// What an ordinary run says that enters by http.
pub(crate) const HTTP: &str = "Entered snapshot using URL
Locked snapshot mode
Unlocked snapshot mode
Left snapshot mode
";

/// A run of the program.
#[derive(Debug)]
pub(crate) struct Dsnap {
    command: Command,
    replaced: Vec<(String, &'static str)>,
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
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

    fn started_by(mut command: Command) -> Self {
        for name in ["VERSION", "DIRECTORY", "TIMESTAMP", "CODE", "TID"] {
            command.env_remove(format!("SNAPSHOT_{name}"));
        }
        command.stdin(Stdio::null());
        Self { command, replaced: Vec::new() }
    }

    /// `dsnap --storage DIR`; its conf is an empty file, so that none is missed.
    pub(crate) fn on(fixture: &Fixture) -> Self {
        let conf = fixture.path().join("config/snapshot.conf");
        if !conf.exists() {
            std::fs::write(conf, "").unwrap();
        }
        Self::new().knows(fixture.path()).arg("--storage").arg(fixture.path())
    }

    /// `dsnap --storage DIR` on a simulated site, with the conf that the site wrote.
    pub(crate) fn at(site: &Site) -> Self {
        let ports = site.urls().into_iter().zip(["URL", "URL2", "URL3"]);
        ports
            .fold(Self::new().knows(site.path()), |mut dsnap, (url, name)| {
                dsnap.replaced.push((url, name));
                dsnap
            })
            .arg("--storage")
            .arg(site.path())
    }

    /// Messages name this path; scenarios say `DIR` instead.
    pub(crate) fn knows(mut self, path: &Path) -> Self {
        self.replaced.push((path.display().to_string(), "DIR"));
        self
    }

    /// The same for another path and word.
    pub(crate) fn knows_as(mut self, path: &Path, word: &'static str) -> Self {
        self.replaced.push((path.display().to_string(), word));
        self
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<I: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = I>) -> Self {
        self.command.args(args);
        self
    }

    /// COMMAND is this shell script.
    pub(crate) fn sh(self, script: &str) -> Self {
        self.args(["sh", "-c", script])
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn change(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.command);
        self
    }

    /// Starts, with the streams that were chosen.
    pub(crate) fn child(mut self) -> Child {
        self.command.spawn().unwrap()
    }

    /// Runs to the end.
    pub(crate) fn run(mut self) -> Ran {
        let output = self.command.output().unwrap();
        self.ran(output)
    }

    /// Starts, and waits until COMMAND has written a line.
    pub(crate) fn start(mut self) -> Running {
        let mut child = self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        Running { child, stdout, line, dsnap: self }
    }

    /// Starts, and reads what the program itself says.
    pub(crate) fn spawn(mut self) -> Waiting {
        let mut child = self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Waiting { child, stderr, said: String::new(), dsnap: self }
    }

    fn ran(&self, output: Output) -> Ran {
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            self.replaced.iter().fold(text, |text, (from, to)| text.replace(from, to))
        };
        Ran { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// A run whose COMMAND has begun.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    line: String,
    dsnap: Dsnap,
}

impl Running {
    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// The first line that COMMAND wrote.
    pub(crate) fn line(&self) -> &str {
        self.line.trim_end()
    }

    /// The next line that COMMAND writes.
    pub(crate) fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Closes COMMAND's stdin, and waits for the end.
    pub(crate) fn end(mut self) -> Ran {
        drop(self.child.stdin.take());
        let mut rest = Vec::new();
        self.stdout.read_to_end(&mut rest).unwrap();
        let mut output = self.child.wait_with_output().unwrap();
        output.stdout = [self.line.as_bytes(), &rest].concat();
        self.dsnap.ran(output)
    }
}

/// A run that may not have come to COMMAND yet.
#[derive(Debug)]
pub(crate) struct Waiting {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
    dsnap: Dsnap,
}

impl Waiting {
    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Waits for a line on stderr that begins with these words.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, words: &str) {
        let mut line = String::new();
        while !line.starts_with(words) {
            line.clear();
            assert_ne!(
                self.stderr.read_line(&mut line).unwrap(),
                0,
                "never said `{words}`, but:\n{}",
                self.said
            );
            self.said += &line;
        }
    }

    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ran {
        let mut rest = Vec::new();
        self.stderr.read_to_end(&mut rest).unwrap();
        let mut output = self.child.wait_with_output().unwrap();
        output.stderr = [self.said.as_bytes(), &rest].concat();
        self.dsnap.ran(output)
    }
}

/// Waits until `condition` holds; a scenario in which it never does fails.
#[track_caller]
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !condition() {
        assert!(began.elapsed().as_secs() < 60, "{what} never happened");
        std::thread::yield_now();
    }
}

impl Ran {
    /// Status, and exactly these words on stderr and none on stdout.
    #[track_caller]
    pub(crate) fn says(self, status: i32, stderr: &str) -> Self {
        assert_eq!(self.stderr, stderr, "{self}");
        assert_eq!(self.status.code(), Some(status), "{self}");
        self
    }

    /// Status, and the last line on stderr but for hints.
    #[track_caller]
    pub(crate) fn ends(self, status: i32, last: &str) -> Self {
        let words = self.stderr.lines().rfind(|line| !line.starts_with("hint: "));
        assert_eq!(words, Some(last), "{self}");
        assert_eq!(self.status.code(), Some(status), "{self}");
        self
    }

    /// The hint on the last line.
    #[track_caller]
    pub(crate) fn hint(self, hint: &str) -> Self {
        assert_eq!(self.stderr.lines().last(), Some(format!("hint: {hint}").as_str()), "{self}");
        self
    }

    /// These words, somewhere on stderr, so many times.
    #[track_caller]
    pub(crate) fn counts(self, words: &str, times: usize) -> Self {
        assert_eq!(self.stderr.matches(words).count(), times, "`{words}` in {self}");
        self
    }

    #[track_caller]
    pub(crate) fn prints(self, stdout: &str) -> Self {
        assert_eq!(self.stdout, stdout, "{self}");
        self
    }

    #[track_caller]
    pub(crate) fn mentions(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "no `{words}` in {self}");
        self
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, stdout, stderr } = self;
        write!(f, "\n== {status}\n== stdout\n{stdout}== stderr\n{stderr}")
    }
}

/// Whether this scenario can be played; where it cannot, that is said aloud.
pub(crate) fn as_root(what: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        // Not `eprintln!`, which nobody sees of a test that passes.
        let _ = writeln!(std::io::stderr(), "passed over: only root can {what}");
    }
    root
}

/// A storage in that state, in the default format.
pub(crate) fn storage(state: State) -> Fixture {
    Fixture::builder().state(state).build().unwrap()
}
