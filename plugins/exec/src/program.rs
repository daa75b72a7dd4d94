//! The program of a line: found, trusted, run.

use std::env;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use dsnap_core::method::{Message, Request};
use dsnap_core::{Reason, text};
use dsnap_engine::quoting;
use dsnap_engine::system::{access, trust, users};
use dsnap_host::isolated::{End, Ended, Job};

/// A program that may be run with the rights that are in effect.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    path: PathBuf,
    request: &'a Request<'a>,
}

/// How it ended, and its last words.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) ended: Ended,
    /// The last line on stderr, made harmless.
    pub(crate) reason: Option<String>,
}

impl<'a> Program<'a> {
    /// The program that the request's first word names.
    ///
    /// # Errors
    ///
    /// It is missing, no file, or somebody could have changed it who has fewer rights.
    pub(crate) fn of(request: &'a Request<'a>) -> Result<Self, Reason> {
        let name = request.words.first().ok_or_else(|| Reason::new("no program is named"))?;
        let path = request.conf_folder.join(name);
        // Nobody who could exchange it between here and its start has fewer rights than it gets.
        let found = trust::check_writable_only_by(&path, users::effective_user())?;
        if !found.is_file() {
            return Err(Reason::new(format!("{} is not a regular file", text::path(&path))));
        }
        if found.mode() & 0o111 == 0 {
            let shown = text::path(&path);
            return Err(Reason::new(format!("{shown} is not executable"))
                .hint(format!("chmod +x {}", quoting::quoted(&path))));
        }
        Ok(Self { path, request })
    }

    /// Runs it; `unless` is how long it may take where the request does not say.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub(crate) fn run(&self, verb: &str, unless: Duration) -> Result<Ran, Reason> {
        let time = self.request.time_left.unwrap_or(unless);
        let caller = self.request.caller;
        let job = Job {
            command: self.command(verb, time),
            request: None,
            inherits: Vec::new(),
            answers: None,
            time: Some(time),
            caller,
        };
        let ended =
            job.run(&mut |_, _| {}).map_err(|error| access::cannot_execute(&self.path, &error))?;
        let reason = ended.last_words.as_deref().map(|words| text::Harmless(words).to_string());
        if let (End::Exited(0), Some(words)) = (ended.end, &reason) {
            // Nothing is to be explained.
            caller.say(Message::Words(words));
        }
        Ok(Ran { ended, reason })
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "it is started by `dsnap-host`; what a run inside a run would read is taken away"
    )]
    fn command(&self, verb: &str, time: Duration) -> Command {
        let mut command = Command::new(&self.path);
        command.arg(verb).args(&self.request.words[1..]).current_dir("/");
        for (name, _) in
            env::vars_os().filter(|(name, _)| name.as_bytes().starts_with(b"SNAPSHOT_"))
        {
            command.env_remove(name);
        }
        let code = if verb == "status" { "" } else { self.request.code.as_str() };
        command
            .env("DSNAP_CODE", code)
            .env("DSNAP_STORAGE", self.request.storage)
            // 0 would mean "for ever" to many programs.
            .env("DSNAP_TIMEOUT", time.as_secs().max(1).to_string());
        command
    }
}

impl Ran {
    /// Why, in the program's own words if there are any.
    pub(crate) fn refusal(self) -> Reason {
        Reason::new(self.reason.unwrap_or_else(|| self.ended.end.to_string()))
    }
}
