//! A loaded method, as the run sees it. Each call is made in a process of its own.
//!
//! Here a call becomes a request to that process, and its answers become a result. The child's side
//! is `child`, starting and ending the process is `isolated`.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use dsnap_core::abi::*;
use dsnap_core::method::{
    Caller, CheckedLine, Entered, Left, Message, Request, SnapshotMethod, Status, WorksWith,
};
use dsnap_core::text::Harmless;
use dsnap_core::{Reason, text};
use dsnap_engine::system::users;
use dsnap_engine::{limits, quoting};

use crate::isolated::{IsolatedProcess, ProcessEnd};
use crate::wire::{self, Answer, Bytes, Call, ISOLATED_CALL, MethodDescription, Verb};

/// A library that was found, checked and opened.
#[derive(Debug)]
pub(crate) struct Plugin {
    pub(crate) path: PathBuf,
    /// The file that was checked, so that no other file is loaded.
    file: File,
    /// The program that is started again for each call.
    program: PathBuf,
}

/// A method of a library.
#[derive(Debug, Clone)]
pub(crate) struct LoadedMethod {
    plugin: Arc<Plugin>,
    pub(crate) description: MethodDescription,
}

/// The answers of one call.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    methods: Vec<MethodDescription>,
    reason: Option<String>,
    /// What the method advises.
    hints: Vec<String>,
    label: Option<String>,
    code: Vec<u8>,
    result: Option<i64>,
    /// Why there is no result.
    error: Option<Reason>,
}

impl Plugin {
    pub(crate) fn new(path: PathBuf, file: File, program: PathBuf) -> Self {
        Self { path, file, program }
    }

    /// Lists the methods that the library offers.
    ///
    /// # Errors
    ///
    /// The library cannot be loaded, or is one of another version.
    pub(crate) fn describe(&self) -> Result<Vec<MethodDescription>, Reason> {
        let call = Call::without_storage(Verb::Describe, "", &[]);
        let mut reply = self.call(&call, Some(limits::DESCRIBE_TIMEOUT), &SilentCaller);
        let Some(error) = reply.error.take() else { return Ok(reply.methods) };
        let text = format!("{}: {}", text::path(&self.path), error.text());
        Err(error.with_text(text))
    }

    fn call(&self, call: &Call, time: Option<Duration>, caller: &dyn Caller) -> Reply {
        let failed = |reason| Reply { error: Some(reason), ..Reply::default() };
        self.try_call(call, time, caller).unwrap_or_else(failed)
    }

    fn try_call(
        &self,
        call: &Call,
        time: Option<Duration>,
        caller: &dyn Caller,
    ) -> Result<Reply, Reason> {
        let not_started = |error: std::io::Error| {
            Reason::new(format!("cannot start a process for the call: {}", text::error(&error)))
        };
        let (answers, answer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
            .map_err(|error| not_started(error.into()))?;
        let request = wire::line(call);
        let mut command = command(&self.program);
        command.arg(ISOLATED_CALL).arg(answer.as_raw_fd().to_string());
        command.arg(self.file.as_raw_fd().to_string()).arg(request.len().to_string());
        let process = IsolatedProcess {
            command,
            request: Some(request),
            inherits: vec![answer.as_fd(), self.file.as_fd()],
            answers: Some(answers),
            time,
            caller,
        };
        let mut reply = Reply::default();
        let ended = process
            .run(&mut |line, caller| reply.add(line, caller))
            .map_err(|error| self.cannot_start(&error))?;
        if let Some(last) = ended.last_stderr_line {
            caller.say(Message::Words(&String::from_utf8_lossy(&last)));
        }
        if reply.result.is_none() && reply.error.is_none() {
            reply.error = Some(Reason::new(without_answer(ended.end)));
        }
        Ok(reply)
    }

    fn cannot_start(&self, error: &std::io::Error) -> Reason {
        let program = std::fs::read_link(&self.program).unwrap_or_else(|_| self.program.clone());
        let (shown, user) = (text::path(&program), users::user_name(users::effective_user()));
        let error = text::error(error);
        let what = format!("{shown} cannot be executed by user {user}: {error}");
        // The program file contains nothing secret.
        Reason::new(what).hint(format!("chmod a+x {}", quoting::quoted(&program)))
    }
}

#[allow(clippy::disallowed_methods, reason = "`isolated` starts it")]
fn command(program: &Path) -> Command {
    Command::new(program)
}

/// Says how a process ended that gave no result.
fn without_answer(end: ProcessEnd) -> String {
    match end {
        ProcessEnd::Exited(status) => {
            format!("the process of the call exited with status {status}, without an answer")
        }
        end => format!("the process of the call {end}"),
    }
}

impl Reply {
    /// Adds one line of the answer.
    pub(crate) fn add(&mut self, line: &[u8], caller: &dyn Caller) {
        match serde_json::from_slice(line) {
            Ok(Answer::Method(description)) if self.has_room_for_method() => {
                self.methods.push(description);
            }
            Ok(Answer::Said(kind, text)) => self.add_text(kind, &text, caller),
            Ok(Answer::Progress(done, of, unit)) => {
                let (of, unit) = ((of > 0).then_some(of), String::from_utf8_lossy(&unit.0));
                caller.say(Message::Progress { done, of, unit: &unit });
            }
            Ok(Answer::NotCalled(why)) => self.error = Some(Reason::new(text::harmless(why))),
            Ok(Answer::Result(number)) => self.result = Some(number),
            Ok(Answer::Method(_)) | Err(_) => {}
        }
    }

    fn has_room_for_method(&self) -> bool {
        (self.methods.len() as u64) < limits::MAX_METHODS_PER_LIBRARY
    }

    fn add_text(&mut self, kind: u32, text: &Bytes, caller: &dyn Caller) {
        match kind {
            DSNAP_SAY_WORDS => caller.say(Message::Words(&String::from_utf8_lossy(&text.0))),
            DSNAP_SAY_TRACE => caller.say(Message::Trace(&String::from_utf8_lossy(&text.0))),
            DSNAP_SAY_REASON => self.reason = Some(Harmless(&text.0).to_string()),
            DSNAP_SAY_HINT if self.hints.len() < limits::MAX_HINTS => {
                self.hints.push(Harmless(&text.0).to_string());
            }
            DSNAP_SAY_CODE => self.code.clone_from(&text.0),
            DSNAP_SAY_LABEL => self.label = Some(Harmless(&text.0).to_string()),
            _ => {}
        }
    }

    /// Takes the reason: why there is no result, or what the method said.
    fn take_reason(&mut self) -> Reason {
        let said = self.reason.take().unwrap_or_else(|| "the method gives no reason".to_owned());
        let reason = self.error.take().unwrap_or_else(|| Reason::new(said));
        self.hints.drain(..).fold(reason, Reason::foreign_hint)
    }

    /// Reads the result of `check_words`.
    ///
    /// The flag is trusted only in the one number that has no other flag. An older library may
    /// return any nonzero number for usable words.
    pub(crate) fn checked_line(
        mut self,
        name: &str,
        words: &[OsString],
    ) -> Result<CheckedLine, Reason> {
        let Some(result) = self.result.filter(|result| *result != 0 && self.error.is_none()) else {
            return Err(self.take_reason());
        };
        let default = CheckedLine::of(words);
        Ok(CheckedLine {
            label: self.label.map(|label| named(name, label)),
            names_relative_files: default.names_relative_files
                && result != i64::from(DSNAP_WORDS_USABLE | DSNAP_WORDS_NO_RELATIVE_FILES),
            ..default
        })
    }

    /// Reads the result of `enter`.
    pub(crate) fn into_entered(mut self) -> Entered {
        match self.number() {
            Some(DSNAP_HELD) => Entered::Held,
            Some(DSNAP_DONE) => Entered::Done,
            Some(DSNAP_BUSY) => Entered::Busy(self.take_reason()),
            Some(DSNAP_UNAVAILABLE) => Entered::Unavailable(self.take_reason()),
            Some(DSNAP_REFUSED) => Entered::Refused(self.take_reason()),
            Some(DSNAP_FAILED) => Entered::Failed(self.take_reason()),
            Some(DSNAP_UNKNOWN) => Entered::Unknown(self.take_reason()),
            Some(DSNAP_LIKELY_FAILED) => Entered::LikelyFailed(self.take_reason()),
            _ => Entered::Unknown(self.take_unexpected()),
        }
    }

    /// Reads the result of `leave`.
    pub(crate) fn into_left(mut self) -> Left {
        match self.number() {
            Some(DSNAP_LEFT) => Left::Left,
            Some(DSNAP_BUSY) => Left::Busy(self.take_reason()),
            Some(DSNAP_UNAVAILABLE) => Left::Unavailable(self.take_reason()),
            Some(DSNAP_REFUSED) => Left::Refused(self.take_reason()),
            Some(DSNAP_FAILED) => Left::Failed(self.take_reason()),
            _ => Left::Failed(self.take_unexpected()),
        }
    }

    /// Reads the result of `status`.
    pub(crate) fn into_status(mut self) -> Status {
        match self.number() {
            Some(DSNAP_COULD_ENTER) => Status::CouldEnter,
            Some(DSNAP_IS_HELD) => Status::Held(std::mem::take(&mut self.code)),
            Some(DSNAP_BUSY) => Status::Busy(self.take_reason()),
            Some(DSNAP_UNAVAILABLE) => Status::Unavailable(self.take_reason()),
            Some(DSNAP_CANNOT_TELL) => Status::CannotTell,
            Some(DSNAP_REFUSED) => Status::Refused(self.take_reason()),
            // `status` has no "failed". A person must look after the method.
            _ => Status::Refused(self.take_unexpected()),
        }
    }

    /// Takes the reason for a call without a result that belongs to it.
    fn take_unexpected(&mut self) -> Reason {
        if let Some(number) = self.result.filter(|_| self.error.is_none()) {
            let reason = self.reason.take().map_or_else(String::new, |it| format!("{it}; "));
            let what =
                format!("{reason}the method gave back {number}, which is no result of this call");
            self.error = Some(Reason::new(what));
        }
        self.take_reason()
    }

    /// Returns the number that the method returned, if the call was made.
    fn number(&self) -> Option<i32> {
        self.result.filter(|_| self.error.is_none()).and_then(|it| it.try_into().ok())
    }
}

/// Makes a label begin with the name of its method. Messages begin with the label, and a library
/// must not choose words that look like a message of this program.
fn named(name: &str, label: String) -> String {
    let rest = label.strip_prefix(name);
    let is_named = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    if is_named || label.trim().is_empty() { label } else { format!("{name} {label}") }
}

impl LoadedMethod {
    pub(crate) fn new(plugin: Arc<Plugin>, description: MethodDescription) -> Self {
        Self { plugin, description }
    }

    /// Makes a call, which may take `default_time` if the request sets no limit.
    fn call(&self, verb: Verb, request: &Request<'_>, default_time: Duration) -> Reply {
        let time = request.time_left.unwrap_or(default_time);
        let call = Call {
            storage: Bytes::of(request.storage),
            conf_folder: Bytes::of(request.conf_folder),
            code: request.code.as_str().to_owned(),
            time_left: u64::try_from(time.as_millis()).ok(),
            leave_time: u64::try_from(request.leave_time.as_millis()).unwrap_or(u64::MAX),
            snapshot_seen: request.snapshot_seen,
            ..Call::without_storage(verb, &self.description.name, request.words)
        };
        self.plugin.call(&call, Some(time), request.caller)
    }
}

impl SnapshotMethod for LoadedMethod {
    fn name(&self) -> &str {
        &self.description.name
    }

    fn works_with(&self) -> WorksWith {
        match self.description.works_with {
            DSNAP_WORKS_WITH_NOBODY => WorksWith::Nobody,
            _ => WorksWith::Owner,
        }
    }

    fn may_close(&self) -> bool {
        self.description.flags & DSNAP_NEVER_CLOSES == 0
    }

    fn check_words(&self, words: &[OsString]) -> Result<CheckedLine, Reason> {
        let call = Call::without_storage(Verb::CheckWords, &self.description.name, words);
        let reply = self.plugin.call(&call, Some(limits::DESCRIBE_TIMEOUT), &SilentCaller);
        reply.checked_line(self.name(), words)
    }

    fn enter(&self, request: &Request<'_>) -> Entered {
        self.call(Verb::Enter, request, limits::ENTER_TIMEOUT).into_entered()
    }

    fn leave(&self, request: &Request<'_>) -> Left {
        self.call(Verb::Leave, request, limits::LEAVE_TIMEOUT).into_left()
    }

    fn status(&self, request: &Request<'_>) -> Status {
        self.call(Verb::Status, request, limits::LEAVE_TIMEOUT).into_status()
    }
}

/// A caller for short calls: it ignores messages and never asks to stop.
struct SilentCaller;

impl Caller for SilentCaller {
    fn say(&self, _message: Message<'_>) {}

    fn should_stop(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_begins_with_the_name_of_its_method() {
        for (label, named_label) in [
            ("host 1", "villain host 1"),
            ("villain 1", "villain 1"),
            ("villain", "villain"),
            ("villainous", "villain villainous"),
            ("hint: x", "villain hint: x"),
            ("http://x/", "villain http://x/"),
            // The engine puts the name in its place.
            (" ", " "),
        ] {
            assert_eq!(named("villain", label.to_owned()), named_label);
        }
    }
}
