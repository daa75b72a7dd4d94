//! A simulated site with a method to try on it.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use dsnap_core::method::{Caller, Entered, Left, Message, Request, SnapshotMethod, Status};
use dsnap_core::{Code, Reason};
use dsnap_engine::run::new_code::new_code;
use dsnap_engine::storage::Storage;

use super::call_audit::{Before, Manners};
use super::observation::Sight;
use super::{Not, Suite, Way, breach};
use crate::Site;
use crate::control::Control;
use crate::site::{Manner, Refused, Server};

/// How long a call may take in which nothing is in the way.
pub(super) const TIME: Duration = Duration::from_secs(15);
/// How much longer a call may take than it has time: machines are slow at times.
pub(super) const GRACE: Duration = Duration::from_secs(1);
/// After which time a call that goes on is given up.
const LOST: Duration = Duration::from_secs(25);
/// How long is waited for something that the simulated server does.
const PATIENCE: Duration = Duration::from_secs(20);

/// A site, a method, and the way in which it enters.
pub(super) struct Stage {
    pub(super) method: Arc<dyn SnapshotMethod>,
    /// The same method again, without anything that the first one remembers.
    pub(super) other: Arc<dyn SnapshotMethod>,
    pub(super) words: Vec<OsString>,
    pub(super) quick: bool,
    way: Option<Way>,
    conf_folder: PathBuf,
    manners: Arc<Manners>,
    _control: Control,
    pub(super) site: Arc<Site>,
}

/// A call that goes on.
pub(super) struct Pending<'a, T> {
    verb: &'static str,
    listener: Arc<Listener>,
    begun: Instant,
    time: Duration,
    result: Receiver<(T, Duration)>,
    came: OnceCell<(T, Duration)>,
    before: Option<Before>,
    manners: &'a Manners,
}

/// Hears what a method says, and may want it to stop.
struct Listener {
    verb: &'static str,
    stop: AtomicBool,
    manners: Arc<Manners>,
}

impl Caller for Listener {
    fn say(&self, said: Message<'_>) {
        match said {
            Message::Words(words) => self.manners.words(self.verb, words),
            Message::Progress { unit, .. } => self.manners.words(self.verb, unit),
        }
    }

    fn should_stop(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

impl Stage {
    pub(super) fn build(
        suite: &Suite<'_>,
        manners: &Arc<Manners>,
        way: Option<Way>,
    ) -> io::Result<Self> {
        let site = Arc::new(Site::builder().start()?);
        let control = Control::listen(&site)?;
        // So many that the server leaves them in its journal until somebody enters.
        site.server().map_err(refused)?.commit(Manner::default().backlog)?;
        let find = || {
            let found = (suite.methods)().find(suite.line.name().as_encoded_bytes());
            found.map_err(io::Error::other)
        };
        Ok(Self {
            method: find()?,
            other: find()?,
            words: suite.line.on(&site, &control),
            quick: suite.quick,
            way,
            conf_folder: std::env::current_dir()?,
            manners: Arc::clone(manners),
            _control: control,
            site,
        })
    }

    pub(super) fn way(&self) -> Way {
        self.way.unwrap_or(Way::Held)
    }

    /// A code that nobody used yet.
    pub(super) fn code(&self) -> Code {
        new_code("conformance", std::process::id())
    }

    pub(super) fn storage(&self) -> &Storage {
        self.site.storage()
    }

    pub(super) fn server(&self) -> Result<Arc<Server>, Not> {
        self.site.server().map_err(|why| refused(why).into())
    }

    /// What the files say.
    pub(super) fn sight(&self) -> Sight {
        Sight::of(self.storage())
    }

    /// Waits until the files say what is wanted; false if they never do.
    pub(super) fn comes_to(&self, wanted: impl Fn(&Sight) -> bool) -> bool {
        wait_for(|| wanted(&self.sight()))
    }

    pub(super) fn enter(&self, code: &Code) -> Result<Entered, Not> {
        self.begin_enter(code, TIME).end()
    }

    pub(super) fn begin_enter(&self, code: &Code, time: Duration) -> Pending<'_, Entered> {
        self.begin("enter", &self.method, code, time, |method, request| method.enter(request))
    }

    pub(super) fn leave(&self, code: &Code) -> Result<Left, Not> {
        self.leave_by(&self.method, code)
    }

    pub(super) fn leave_by(
        &self,
        method: &Arc<dyn SnapshotMethod>,
        code: &Code,
    ) -> Result<Left, Not> {
        self.begin("leave", method, code, TIME, |method, request| method.leave(request)).end()
    }

    pub(super) fn status(&self, code: &Code) -> Result<Status, Not> {
        self.begin("status", &self.method, code, TIME, |method, request| method.status(request))
            .end()
    }

    /// A call on a thread of its own, so that one which never ends can be told.
    fn begin<T: Answer>(
        &self,
        verb: &'static str,
        method: &Arc<dyn SnapshotMethod>,
        code: &Code,
        time: Duration,
        ask: fn(&dyn SnapshotMethod, &Request<'_>) -> T,
    ) -> Pending<'_, T> {
        let manners = Arc::clone(&self.manners);
        let listener = Arc::new(Listener { verb, stop: AtomicBool::new(false), manners });
        let (send, result) = mpsc::channel();
        let before = Some(self.manners.before());
        let (method, code, caller) = (Arc::clone(method), code.clone(), Arc::clone(&listener));
        let (storage, conf_folder) = (self.site.path().to_owned(), self.conf_folder.clone());
        let (words, begun) = (self.words.clone(), Instant::now());
        std::thread::spawn(move || {
            let request = Request {
                storage: &storage,
                conf_folder: &conf_folder,
                words: &words,
                code: &code,
                time_left: Some(time),
                caller: &*caller,
            };
            let result = ask(&*method, &request);
            // Nobody waits any more for one that came too late.
            let _ = send.send((result, begun.elapsed()));
        });
        let came = OnceCell::new();
        Pending { verb, listener, begun, time, result, came, before, manners: &self.manners }
    }
}

impl<T: Answer> Pending<'_, T> {
    /// From now on the call is to stop.
    pub(super) fn stop(&self) {
        self.listener.stop.store(true, Ordering::SeqCst);
    }

    /// Whether the result is there.
    pub(super) fn has_ended(&self) -> bool {
        match self.result.try_recv() {
            Ok(came) => self.came.set(came).is_ok(),
            Err(_) => self.came.get().is_some(),
        }
    }

    /// Waits for the result.
    pub(super) fn end(mut self) -> Result<T, Not> {
        let left = (self.time + LOST).saturating_sub(self.begun.elapsed());
        let came = self.came.take().map_or_else(|| self.result.recv_timeout(left), Ok);
        if let Some(before) = self.before.take() {
            self.manners.after(self.verb, before);
        }
        let verb = self.verb;
        match came {
            Err(RecvTimeoutError::Timeout) => Err(breach(format!(
                "{verb} had not ended after {}, though it had time for {}",
                seconds(self.begun.elapsed()),
                seconds(self.time)
            ))),
            Err(RecvTimeoutError::Disconnected) => Err(breach(format!("{verb} panicked"))),
            Ok((result, took)) => {
                if took > self.time + GRACE {
                    self.manners.late(verb, took, self.time);
                }
                result.reason().into_iter().for_each(|reason| self.manners.reason(verb, reason));
                Ok(result)
            }
        }
    }
}

/// Waits until something is so; false if it never is.
pub(super) fn wait_for(mut wanted: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + PATIENCE;
    while !wanted() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

pub(super) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f32())
}

/// The simulated server does not do what it always does.
pub(super) fn refused(why: Refused) -> io::Error {
    io::Error::other(format!("the simulated server refuses: {why:?}"))
}

/// What a call gives back.
pub(super) trait Answer: Send + 'static {
    /// Why; none where nothing is to be explained.
    fn reason(&self) -> Option<&Reason>;

    /// For people.
    fn shown(&self) -> String;
}

fn with(word: &str, why: &Reason) -> String {
    format!("{word} ({})", why.text())
}

impl Answer for Entered {
    fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Held | Self::Done => None,
            Self::Busy(why)
            | Self::Unavailable(why)
            | Self::Refused(why)
            | Self::Failed(why)
            | Self::Unknown(why) => Some(why),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Held => "held".to_owned(),
            Self::Done => "done".to_owned(),
            Self::Busy(why) => with("busy", why),
            Self::Unavailable(why) => with("unavailable", why),
            Self::Refused(why) => with("refused", why),
            Self::Failed(why) => with("failed", why),
            Self::Unknown(why) => with("unknown", why),
        }
    }
}

impl Answer for Left {
    fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Left => None,
            Self::Busy(why) | Self::Unavailable(why) | Self::Refused(why) | Self::Failed(why) => {
                Some(why)
            }
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Left => "left".to_owned(),
            Self::Busy(why) => with("busy", why),
            Self::Unavailable(why) => with("unavailable", why),
            Self::Refused(why) => with("refused", why),
            Self::Failed(why) => with("failed", why),
        }
    }
}

impl Answer for Status {
    fn reason(&self) -> Option<&Reason> {
        match self {
            Self::CouldEnter | Self::Held(_) | Self::CannotTell => None,
            Self::Busy(why) | Self::Unavailable(why) | Self::Refused(why) => Some(why),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::CouldEnter => "that it could enter".to_owned(),
            Self::Held(code) => format!("held by {}", dsnap_core::text::Harmless(code)),
            Self::CannotTell => "that it cannot tell".to_owned(),
            Self::Busy(why) => with("busy", why),
            Self::Unavailable(why) => with("unavailable", why),
            Self::Refused(why) => with("refused", why),
        }
    }
}
