//! The program of a line: found, checked and run.
//!
//! What its exit status means is `status`'s part.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use dsnap_core::method::{Message, Request};
use dsnap_core::{Reason, text};
use dsnap_engine::system::{access, trust, users};
use dsnap_engine::{durations, quoting};
use dsnap_host::isolated::{EndedProcess, IsolatedProcess, ProcessEnd};

/// A program that may be run with the privileges in effect.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    path: PathBuf,
    request: &'a Request<'a>,
}

/// A program that has run to its end.
#[derive(Debug)]
pub(crate) struct FinishedProgram {
    pub(crate) ended: EndedProcess,
    /// The last line on stderr, made harmless.
    pub(crate) reason: Option<String>,
    /// What was run: the program and its verb.
    pub(crate) command: String,
}

impl<'a> Program<'a> {
    /// Finds the program that the request's first word names.
    ///
    /// # Errors
    ///
    /// The program is missing, is not an executable file, or a user with fewer privileges could
    /// have changed it.
    pub(crate) fn of(request: &'a Request<'a>) -> Result<Self, Reason> {
        let name = request.words.first().ok_or_else(|| Reason::new("no program is named"))?;
        let path = request.conf_folder.join(name);
        // A user who could replace it between here and its start has the same privileges anyway.
        let found = trust::check_writable_only_by(&path, users::effective_user())?;
        if !found.is_file() {
            return Err(Reason::new(format!("{} is not a regular file", text::path(&path))));
        }
        if found.mode() & 0o111 == 0 {
            let shown = text::path(&path);
            return Err(Reason::new(format!("{shown} is not executable"))
                .hint(access::as_owner(&format!("chmod +x {}", quoting::quoted(&path)))));
        }
        Ok(Self { path, request })
    }

    /// Runs the program, for `default_time` at most if the request sets no limit.
    ///
    /// # Errors
    ///
    /// The program cannot be started.
    pub(crate) fn run(
        &self,
        verb: &str,
        default_time: Duration,
    ) -> Result<FinishedProgram, Reason> {
        let time = self.request.time_left.unwrap_or(default_time);
        let caller = self.request.caller;
        let process = IsolatedProcess {
            command: self.command(verb, time),
            request: None,
            inherits: Vec::new(),
            answers: None,
            time: Some(time),
            caller,
        };
        let command = format!("`{} {verb}`", quoting::quoted(&self.path));
        caller.say(Message::Trace(&format!("running {command}")));
        let began = Instant::now();
        let ended = process
            .run(&mut |_, _| {})
            .map_err(|error| access::cannot_execute(&self.path, &error))?;
        let after = durations::in_words_with_tenths(began.elapsed());
        caller.say(Message::Trace(&format!("{command} {} (after {after})", ended.end)));
        let reason =
            ended.last_stderr_line.as_deref().map(|words| text::Harmless(words).to_string());
        if let (ProcessEnd::Exited(0), Some(words)) = (ended.end, &reason) {
            // A success needs no reason, so the line is a message.
            caller.say(Message::Words(words));
        }
        Ok(FinishedProgram { ended, reason, command })
    }

    #[allow(clippy::disallowed_methods, reason = "`dsnap-host` starts it")]
    fn command(&self, verb: &str, time: Duration) -> Command {
        let mut command = Command::new(&self.path);
        command.arg(verb).args(&self.request.words[1..]);
        let code = if verb == "status" { "" } else { self.request.code.as_str() };
        command
            .env("DSNAP_CODE", code)
            .env("DSNAP_STORAGE", self.request.storage)
            // To many programs 0 means "without limit".
            .env("DSNAP_TIMEOUT", time.as_secs().max(1).to_string());
        command
    }
}

impl FinishedProgram {
    /// Returns the reason: the program's last line, or how it ended.
    pub(crate) fn into_reason(self) -> Reason {
        let end = self.how_it_ended();
        Reason::new(self.reason.unwrap_or(end))
    }

    /// Says what was run, and how it ended.
    pub(crate) fn how_it_ended(&self) -> String {
        format!("{} {}", self.command, self.ended.end)
    }
}
