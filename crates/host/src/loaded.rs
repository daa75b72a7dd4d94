//! A method in a library, as the run sees it: each call is made in a process of its own.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use dsnap_core::abi::*;
use dsnap_core::method::{
    Caller, Entered, Left, Message, Request, SnapshotMethod, Status, WorksWith,
};
use dsnap_core::text::Harmless;
use dsnap_core::{Reason, text};
use dsnap_engine::system::users;
use dsnap_engine::{limits, quoting};

use crate::child::MARK;
use crate::isolated::{End, Job};
use crate::wire::{self, Answer, Bytes, Call, Described, Verb};

/// How many hints of a method are shown.
const HINTS: usize = 5;

/// A library that was found, trusted and opened.
#[derive(Debug)]
pub(crate) struct Plugin {
    pub(crate) path: PathBuf,
    /// What was checked is what is loaded.
    file: File,
    /// The program that is started again for each call.
    program: PathBuf,
}

/// One method of a library.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    plugin: Arc<Plugin>,
    pub(crate) described: Described,
}

/// What a call came to.
#[derive(Debug, Default)]
struct Reply {
    methods: Vec<Described>,
    reason: Option<String>,
    hints: Vec<String>,
    code: Vec<u8>,
    result: Option<i64>,
    /// Why there is no result.
    trouble: Option<String>,
}

impl Plugin {
    pub(crate) fn new(path: PathBuf, file: File, program: PathBuf) -> Self {
        Self { path, file, program }
    }

    /// The methods that it offers.
    ///
    /// # Errors
    ///
    /// It cannot be loaded, or does not fit.
    pub(crate) fn describe(&self) -> Result<Vec<Described>, Reason> {
        let call = Call::about(Verb::Describe, "", &[]);
        let mut reply = self.call(&call, Some(limits::DESCRIBE_TIMEOUT), &Nobody);
        let Some(trouble) = reply.trouble.take() else { return Ok(reply.methods) };
        reply.trouble = Some(format!("{}: {trouble}", text::path(&self.path)));
        Err(reply.refusal())
    }

    fn call(&self, call: &Call, time: Option<Duration>, caller: &dyn Caller) -> Reply {
        self.try_call(call, time, caller).unwrap_or_else(|refusal| Reply {
            trouble: Some(refusal.text().to_owned()),
            hints: refusal.hints().to_vec(),
            ..Reply::default()
        })
    }

    fn try_call(
        &self,
        call: &Call,
        time: Option<Duration>,
        caller: &dyn Caller,
    ) -> Result<Reply, Reason> {
        let not_started =
            |error: std::io::Error| Reason::new(format!("no process for it: {error}"));
        let (answers, answer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
            .map_err(|error| not_started(error.into()))?;
        let request = wire::line(call);
        let mut command = command(&self.program);
        command.arg(MARK).arg(answer.as_raw_fd().to_string());
        command.arg(self.file.as_raw_fd().to_string()).arg(request.len().to_string());
        let job = Job {
            command,
            request: Some(request),
            inherits: vec![answer.as_fd(), self.file.as_fd()],
            answers: Some(answers),
            time,
            caller,
        };
        let mut reply = Reply::default();
        let ended = job.run(&mut |line, caller| reply.hear(line, caller));
        let ended = ended.map_err(|error| self.cannot_start(&error))?;
        if let Some(last) = ended.last_words {
            caller.say(Message::Words(&String::from_utf8_lossy(&last)));
        }
        if reply.result.is_none() && reply.trouble.is_none() {
            reply.trouble = Some(without_answer(ended.end));
        }
        Ok(reply)
    }

    fn cannot_start(&self, error: &std::io::Error) -> Reason {
        let program = std::fs::read_link(&self.program).unwrap_or_else(|_| self.program.clone());
        let (shown, user) = (text::path(&program), users::user_name(users::effective_user()));
        let what = format!("{shown} cannot be executed by user {user}: {error}");
        // Our own program holds no secret.
        Reason::new(what).hint(format!("chmod a+x {}", quoting::quoted(&program)))
    }
}

#[allow(clippy::disallowed_methods, reason = "it is started by `isolated`")]
fn command(program: &Path) -> Command {
    Command::new(program)
}

fn without_answer(end: End) -> String {
    match end {
        End::Exited(status) => format!("it ended with status {status}, without an answer"),
        end => end.to_string(),
    }
}

impl Reply {
    fn hear(&mut self, line: &[u8], caller: &dyn Caller) {
        match serde_json::from_slice(line) {
            Ok(Answer::Method(described)) => self.methods.push(described),
            Ok(Answer::Said(kind, text)) => self.hear_words(kind, &text, caller),
            Ok(Answer::Progress(done, of, unit)) => {
                let (of, unit) = ((of > 0).then_some(of), String::from_utf8_lossy(&unit.0));
                caller.say(Message::Progress { done, of, unit: &unit });
            }
            Ok(Answer::Unusable(why)) => self.trouble = Some(Harmless(why.as_bytes()).to_string()),
            Ok(Answer::Result(number)) => self.result = Some(number),
            Err(_) => {}
        }
    }

    fn hear_words(&mut self, kind: u32, text: &Bytes, caller: &dyn Caller) {
        match kind {
            DSNAP_SAY_WORDS => caller.say(Message::Words(&String::from_utf8_lossy(&text.0))),
            DSNAP_SAY_REASON => self.reason = Some(Harmless(&text.0).to_string()),
            DSNAP_SAY_HINT if self.hints.len() < HINTS => {
                self.hints.push(Harmless(&text.0).to_string());
            }
            DSNAP_SAY_CODE => self.code.clone_from(&text.0),
            _ => {}
        }
    }

    /// Why, in the method's own words if it gave any.
    fn refusal(&mut self) -> Reason {
        let reason = self.trouble.take().or(self.reason.take());
        let reason = reason.unwrap_or_else(|| "it gives no reason".to_owned());
        self.hints.drain(..).fold(Reason::new(reason), Reason::hint)
    }

    fn strange(&mut self) -> Reason {
        if let Some(number) = self.result.filter(|_| self.trouble.is_none()) {
            let reason = self.reason.take().map_or_else(String::new, |it| format!("{it}; "));
            let what = format!("{reason}it gave back {number}, which is no result of this call");
            self.trouble = Some(what);
        }
        self.refusal()
    }

    fn number(&self) -> Option<i32> {
        self.result.filter(|_| self.trouble.is_none()).and_then(|it| it.try_into().ok())
    }
}

impl Loaded {
    pub(crate) fn new(plugin: Arc<Plugin>, described: Described) -> Self {
        Self { plugin, described }
    }

    fn ask(&self, verb: Verb, request: &Request<'_>, unless: Duration) -> Reply {
        let time = request.time_left.unwrap_or(unless);
        let call = Call {
            storage: Bytes::of(request.storage),
            conf_folder: Bytes::of(request.conf_folder),
            code: request.code.as_str().to_owned(),
            time_left: u64::try_from(time.as_millis()).ok(),
            ..Call::about(verb, &self.described.name, request.words)
        };
        self.plugin.call(&call, Some(time), request.caller)
    }
}

impl SnapshotMethod for Loaded {
    fn name(&self) -> &str {
        &self.described.name
    }

    fn works_with(&self) -> WorksWith {
        match self.described.works_with {
            DSNAP_WORKS_WITH_NOBODY => WorksWith::Nobody,
            _ => WorksWith::Owner,
        }
    }

    fn may_close(&self) -> bool {
        self.described.flags & DSNAP_NEVER_CLOSES == 0
    }

    fn check_words(&self, words: &[OsString]) -> Result<(), Reason> {
        let call = Call::about(Verb::CheckWords, &self.described.name, words);
        let mut reply = self.plugin.call(&call, Some(limits::DESCRIBE_TIMEOUT), &Nobody);
        match reply.number() {
            Some(number) if number != 0 => Ok(()),
            _ => Err(reply.refusal()),
        }
    }

    fn enter(&self, request: &Request<'_>) -> Entered {
        let mut reply = self.ask(Verb::Enter, request, limits::ENTER_TIMEOUT);
        match reply.number() {
            Some(DSNAP_HELD) => Entered::Held,
            Some(DSNAP_DONE) => Entered::Done,
            Some(DSNAP_BUSY) => Entered::Busy(reply.refusal()),
            Some(DSNAP_UNAVAILABLE) => Entered::Unavailable(reply.refusal()),
            Some(DSNAP_REFUSED) => Entered::Refused(reply.refusal()),
            Some(DSNAP_FAILED) => Entered::Failed(reply.refusal()),
            Some(DSNAP_UNKNOWN) => Entered::Unknown(reply.refusal()),
            _ => Entered::Unknown(reply.strange()),
        }
    }

    fn leave(&self, request: &Request<'_>) -> Left {
        let mut reply = self.ask(Verb::Leave, request, limits::LEAVE_TIMEOUT);
        match reply.number() {
            Some(DSNAP_LEFT) => Left::Left,
            Some(DSNAP_BUSY) => Left::Busy(reply.refusal()),
            Some(DSNAP_UNAVAILABLE) => Left::Unavailable(reply.refusal()),
            Some(DSNAP_REFUSED) => Left::Refused(reply.refusal()),
            Some(DSNAP_FAILED) => Left::Failed(reply.refusal()),
            _ => Left::Failed(reply.strange()),
        }
    }

    fn status(&self, request: &Request<'_>) -> Status {
        let mut reply = self.ask(Verb::Status, request, limits::LEAVE_TIMEOUT);
        match reply.number() {
            Some(DSNAP_COULD_ENTER) => Status::CouldEnter,
            Some(DSNAP_IS_HELD) => Status::Held(std::mem::take(&mut reply.code)),
            Some(DSNAP_BUSY) => Status::Busy(reply.refusal()),
            Some(DSNAP_UNAVAILABLE) => Status::Unavailable(reply.refusal()),
            Some(DSNAP_CANNOT_TELL) => Status::CannotTell,
            Some(DSNAP_REFUSED) => Status::Refused(reply.refusal()),
            // There is no "failed" in looking: a person has to see to the method.
            _ => Status::Refused(reply.strange()),
        }
    }
}

/// Nobody listens, and nobody wants anything to stop: what a library says of itself is quick.
struct Nobody;

impl Caller for Nobody {
    fn say(&self, _said: Message<'_>) {}

    fn should_stop(&self) -> bool {
        false
    }
}
