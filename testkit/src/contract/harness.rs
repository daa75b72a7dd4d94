//! A simulated site with the method under test, and the calls made to it.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use dsnap_core::Code;
use dsnap_core::method::{Caller, Entered, Left, Message, Request, SnapshotMethod, Status};
use dsnap_engine::run::new_code::new_code;
use dsnap_engine::storage::Storage;

use super::call_audit::{CallAudit, ProcessState};
use super::check::{CheckError, CheckResult, EnterEffect, breach};
use super::observation::Observation;
use super::suite::Suite;
use super::wording::{CallResult, seconds};
use crate::Site;
use crate::control::Control;
use crate::site::{Server, ServerConfig, ServerError};

/// The time limit of a call that nothing delays.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// How far a call may exceed its limit: machines are slow at times.
pub(super) const GRACE: Duration = Duration::from_secs(1);
/// How long after its limit a call is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(25);
/// How long the harness waits for the simulated server.
const SERVER_TIMEOUT: Duration = Duration::from_secs(20);
/// How often a condition is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A check: its rule, and the function that tries it.
pub(super) type Check = (&'static str, fn(&Harness) -> CheckResult);

/// A site, the method under test, and what entering does to the storage.
pub(super) struct Harness {
    pub(super) subject: Subject,
    /// Skip what takes more than a few seconds.
    pub(super) quick: bool,
    pub(super) site: Arc<Site>,
    effect: Option<EnterEffect>,
    audit: Arc<CallAudit>,
    _control: Control,
}

/// The method under test, and how it is called.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) method: Arc<dyn SnapshotMethod>,
    /// A second instance, which remembers nothing of the first one's calls.
    pub(super) second_instance: Arc<dyn SnapshotMethod>,
    pub(super) words: Vec<OsString>,
    conf_folder: PathBuf,
}

/// A call in progress.
pub(super) struct PendingCall<T> {
    listener: Arc<Listener>,
    began: Instant,
    limit: Duration,
    receiver: Receiver<(T, Duration)>,
    /// The result, if it was seen before it was asked for.
    received: OnceCell<(T, Duration)>,
    before: ProcessState,
}

/// The caller as the method sees it: checks its messages, and may ask it to stop.
struct Listener {
    verb: &'static str,
    stop: AtomicBool,
    audit: Arc<CallAudit>,
}

impl Caller for Listener {
    fn say(&self, message: Message<'_>) {
        match message {
            Message::Words(text) | Message::Warning(text) | Message::Trace(text) => {
                self.audit.check_text(self.verb, text);
            }
            Message::Progress { unit, .. } => self.audit.check_text(self.verb, unit),
        }
    }

    fn should_stop(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

impl Harness {
    /// Starts a site with a few commits, and finds the method twice.
    pub(super) fn build(
        suite: &Suite<'_>,
        audit: &Arc<CallAudit>,
        effect: Option<EnterEffect>,
    ) -> io::Result<Self> {
        let site = Arc::new(suite.site().start()?);
        let control = Control::listen(&site)?;
        // The server leaves this many in its journal until it enters a snapshot.
        site.server().map_err(server_error)?.commit(ServerConfig::default().backlog)?;
        let find = || {
            let found = (suite.methods)().find(suite.line.name().as_encoded_bytes());
            found.map_err(io::Error::other)
        };
        let subject = Subject {
            method: find()?,
            second_instance: find()?,
            words: suite.line.words_for(&site, &control),
            conf_folder: std::env::current_dir()?,
        };
        let audit = Arc::clone(audit);
        Ok(Self { subject, quick: suite.quick, site, effect, audit, _control: control })
    }

    /// What entering does to the storage; held, unless known otherwise.
    pub(super) fn effect(&self) -> EnterEffect {
        self.effect.unwrap_or(EnterEffect::Held)
    }

    /// Creates a code that was never used.
    pub(super) fn new_code(&self) -> Code {
        new_code("conformance", std::process::id())
    }

    pub(super) fn storage(&self) -> &Storage {
        self.site.storage()
    }

    pub(super) fn server(&self) -> CheckResult<Arc<Server>> {
        self.site.server().map_err(|error| server_error(error).into())
    }

    /// Reads what the storage's files show now.
    pub(super) fn observe(&self) -> Observation {
        Observation::of(self.storage())
    }

    /// Waits until the files show what is expected; false after 20 s.
    pub(super) fn observe_until(&self, expected: impl Fn(&Observation) -> bool) -> bool {
        wait_for(|| expected(&self.observe()))
    }

    pub(super) fn enter(&self, code: &Code) -> CheckResult<Entered> {
        self.begin_enter(code, CALL_TIMEOUT).finish()
    }

    /// Calls enter, and returns while the call is in progress.
    pub(super) fn begin_enter(&self, code: &Code, limit: Duration) -> PendingCall<Entered> {
        self.begin("enter", code, limit, |subject, request| subject.method.enter(request))
    }

    pub(super) fn leave(&self, code: &Code) -> CheckResult<Left> {
        self.begin("leave", code, CALL_TIMEOUT, |subject, request| subject.method.leave(request))
            .finish()
    }

    /// Calls leave of the second instance.
    pub(super) fn leave_by_second_instance(&self, code: &Code) -> CheckResult<Left> {
        self.begin("leave", code, CALL_TIMEOUT, |subject, request| {
            subject.second_instance.leave(request)
        })
        .finish()
    }

    pub(super) fn status(&self, code: &Code) -> CheckResult<Status> {
        self.begin("status", code, CALL_TIMEOUT, |subject, request| subject.method.status(request))
            .finish()
    }

    /// Makes a call on a thread of its own, so that the suite survives one that never returns.
    fn begin<T: CallResult>(
        &self,
        verb: &'static str,
        code: &Code,
        limit: Duration,
        call: fn(&Subject, &Request<'_>) -> T,
    ) -> PendingCall<T> {
        let (audit, stop) = (Arc::clone(&self.audit), AtomicBool::new(false));
        let listener = Arc::new(Listener { verb, stop, audit });
        let (sender, receiver) = mpsc::channel();
        let before = self.audit.before();
        let (subject, code, caller) = (self.subject.clone(), code.clone(), Arc::clone(&listener));
        let (storage, began) = (self.site.path().to_owned(), Instant::now());
        std::thread::spawn(move || {
            let request = Request {
                storage: &storage,
                conf_folder: &subject.conf_folder,
                words: &subject.words,
                code: &code,
                time_left: Some(limit),
                leave_time: CALL_TIMEOUT.min(limit),
                snapshot_seen: false,
                caller: &*caller,
            };
            let result = call(&subject, &request);
            // Nobody receives the result of a call that was given up.
            let _ = sender.send((result, began.elapsed()));
        });
        PendingCall { listener, began, limit, receiver, received: OnceCell::new(), before }
    }
}

impl<T: CallResult> PendingCall<T> {
    /// Asks the call to stop, from now on.
    pub(super) fn stop(&self) {
        self.listener.stop.store(true, Ordering::SeqCst);
    }

    /// Tells whether the call has returned.
    pub(super) fn has_ended(&self) -> bool {
        match self.receiver.try_recv() {
            Ok(received) => self.received.set(received).is_ok(),
            Err(_) => self.received.get().is_some(),
        }
    }

    /// Waits for the result, and checks how the call behaved.
    pub(super) fn finish(mut self) -> CheckResult<T> {
        let Listener { verb, audit, .. } = &*self.listener;
        let left = (self.limit + GIVE_UP_AFTER).saturating_sub(self.began.elapsed());
        let received = self.received.take().map_or_else(|| self.receiver.recv_timeout(left), Ok);
        audit.after(verb, self.before);
        match received {
            Err(RecvTimeoutError::Timeout) => {
                let (took, limit) = (seconds(self.began.elapsed()), seconds(self.limit));
                let sentence =
                    format!("{verb} had not returned after {took}, but its time limit was {limit}");
                Err(breach(sentence))
            }
            Err(RecvTimeoutError::Disconnected) => Err(breach(format!("{verb} panicked"))),
            Ok((result, took)) => {
                if took > self.limit + GRACE {
                    audit.record_overrun(verb, took, self.limit);
                }
                result.reason().into_iter().for_each(|reason| audit.check_reason(verb, reason));
                Ok(result)
            }
        }
    }
}

/// Waits until a condition holds; false after 20 s.
pub(super) fn wait_for(condition: impl FnMut() -> bool) -> bool {
    wait_at_most(SERVER_TIMEOUT, condition)
}

/// Waits until a condition holds; false if the time is over first.
pub(super) fn wait_at_most(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    while !condition() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    true
}

/// Wraps an error of the simulated server where it should not refuse.
pub(super) fn server_error(error: ServerError) -> io::Error {
    io::Error::other(format!("the simulated server failed: {error:?}"))
}

impl From<ServerError> for CheckError {
    fn from(error: ServerError) -> Self {
        server_error(error).into()
    }
}
