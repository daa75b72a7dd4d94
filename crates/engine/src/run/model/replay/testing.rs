//! A real run on a real storage: two methods that behave as a case tells them, and a program that notes
//! what the run says.

use std::cell::RefCell;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dsnap_core::method::{Entered, Left, Methods, Request, SnapshotMethod, Status, WorksWith};
use dsnap_core::{Code, Reason};

use super::super::said::Said;
use super::super::site::Conf;
use crate::conf::plan::Source;
use crate::record::entry::{self, Record};
use crate::record::evidence::Evidence;
use crate::record::run_lock::RunLock;
use crate::run::environment::Environment;
use crate::run::event::Event;
use crate::run::hold::HoldLimit;
use crate::run::job::{CommandEnd, Job, Program, Timing};
use crate::run::member::Target;
use crate::storage::main_lock::LockStamp;
use crate::storage::snapshot_file::{Content, SnapshotFile};
use crate::storage::{MAIN, Storage, testing};
use crate::system::flock::FileLock;
use crate::system::privileges::Privileges;
use crate::system::process::{Host, ProcessId};

/// The code of the run that left something behind.
const LEFT_BEHIND: &str = "db-1-x";

/// How the storage is before the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Before {
    Open,
    ShutDown,
    Crashed,
    /// In the snapshot of a run that was killed.
    LeftBehind,
    /// The enter of a run that was killed may still come.
    Unknown,
}

/// What the enter does, and what the run learns of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Enter {
    Held,
    /// An administrator leaves the snapshot at once.
    HeldAndLeft,
    /// Then the server is stopped, too.
    HeldAndStopped,
    EnteredWithoutAnswer,
    NoAnswer,
    ServerEnds,
    /// A proxy answers; the enter has its effect or not.
    EnteredBehindProxy,
    ProxyFails,
    Busy,
    Unavailable,
    Refused,
}

/// What the leave does, and what the run learns of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Leave {
    Left,
    LeftWithoutAnswer,
    NoAnswer,
}

/// What happens while COMMAND runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Meanwhile {
    Nothing,
    ServerEnds,
    ServerStarts,
}

/// One case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) conf: Conf,
    pub(super) before: Before,
    pub(super) enter: Enter,
    pub(super) leave: Leave,
    pub(super) meanwhile: Meanwhile,
}

/// What `misc/snapshot` contains at the end, and whether a record of the run is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct End {
    pub(super) file: &'static str,
    pub(super) record: bool,
}

/// What is real: the storage and the server.
struct Real {
    case: Case,
    storage: Storage,
    server: Mutex<Option<FileLock>>,
    restarted: Mutex<bool>,
}

/// The program around the run.
struct Played {
    real: Arc<Real>,
    said: RefCell<Vec<Said>>,
}

/// Plays a case. Returns what the run said, and the end.
pub(super) fn play(case: Case) -> (Vec<Said>, End) {
    let (_folder, storage) = testing::storage();
    let settings = "[structure]\nversion: 0.11\nformat: flat\n[filesystem]\nsync: 0\n";
    fs::write(storage.config().join("settings"), settings).unwrap();
    let real =
        Arc::new(Real { case, storage, server: Mutex::default(), restarted: Mutex::default() });
    real.prepare();
    let played = Played { real, said: RefCell::default() };
    played.run();
    let end = played.real.end();
    (played.said.into_inner(), end)
}

impl Real {
    fn prepare(&self) {
        match self.case.before {
            Before::Open => self.start(),
            Before::ShutDown => self.write("shutdown"),
            Before::Crashed => {}
            Before::LeftBehind => {
                self.start();
                self.record(Evidence::Here);
                self.write(&format!("user/{LEFT_BEHIND}"));
            }
            Before::Unknown => {
                self.start();
                self.record(Evidence::Unknown);
            }
        }
    }

    fn start(&self) {
        *self.server.lock().unwrap() = Some(FileLock::take(&self.storage.lock()).unwrap());
    }

    fn stop(&self) {
        drop(self.server.lock().unwrap().take());
    }

    fn write(&self, content: &str) {
        fs::write(self.storage.snapshot(), content).unwrap();
    }

    fn remove(&self) {
        let _ = fs::remove_file(self.storage.snapshot());
    }

    fn record(&self, evidence: Evidence) {
        let lock = RunLock::take(&self.storage).unwrap();
        let record = Record {
            evidence,
            line: b"server".to_vec(),
            may_close: false,
            main_lock: LockStamp::of(&self.storage),
            host: Host::here(),
            storage: self.storage.resolved(),
            directory: self.storage.inode(),
            file: lock.inode(),
            ..entry::tests::record(LEFT_BEHIND)
        };
        lock.record_intent(record).unwrap();
    }

    fn end(&self) -> End {
        let left_behind = Code::from_bytes(LEFT_BEHIND.as_bytes()).unwrap();
        let file = SnapshotFile::read(&self.storage).unwrap();
        let records = RunLock::take(&self.storage).unwrap().records();
        End {
            file: match file.content {
                _ if file.is_held_by(&left_behind) => "another code",
                Content::User(_) => "the code",
                Content::Absent => "absent",
                Content::Shutdown => "shutdown",
                other => panic!("no method writes {other}"),
            },
            record: records.iter().any(|record| record.code != left_behind),
        }
    }

    fn enter(&self, code: &Code) -> Entered {
        let reason = || Reason::new("scripted");
        let enter = || self.write(&format!("user/{code}"));
        match self.case.enter {
            Enter::Held => enter(),
            Enter::HeldAndLeft => {}
            Enter::HeldAndStopped => {
                self.write("shutdown");
                self.stop();
            }
            Enter::EnteredWithoutAnswer => {
                enter();
                return Entered::Unknown(reason());
            }
            Enter::NoAnswer => return Entered::Unknown(reason()),
            Enter::ServerEnds => {
                self.stop();
                return Entered::Unknown(reason());
            }
            Enter::EnteredBehindProxy => {
                enter();
                return Entered::LikelyFailed(reason());
            }
            Enter::ProxyFails => return Entered::LikelyFailed(reason()),
            Enter::Busy => return Entered::Busy(reason()),
            Enter::Unavailable => return Entered::Unavailable(reason()),
            Enter::Refused => return Entered::Refused(reason()),
        }
        Entered::Held
    }

    fn leave(&self) -> Left {
        let reason = || Reason::new("scripted");
        if self.server.lock().unwrap().is_none() {
            return Left::Unavailable(reason());
        }
        if *self.restarted.lock().unwrap() {
            return Left::Refused(reason());
        }
        match self.case.leave {
            Leave::Left => {
                self.remove();
                Left::Left
            }
            Leave::LeftWithoutAnswer => {
                self.remove();
                Left::Failed(reason())
            }
            Leave::NoAnswer => Left::Failed(reason()),
        }
    }

    fn direct(&self) -> Entered {
        if self.server.lock().unwrap().is_some() {
            return Entered::Unavailable(Reason::new("open"));
        }
        self.write("shutdown");
        Entered::Done
    }

    fn meanwhile(&self) {
        match self.case.meanwhile {
            Meanwhile::Nothing => {}
            Meanwhile::ServerEnds => self.stop(),
            Meanwhile::ServerStarts => {
                self.stop();
                fs::write(self.storage.lock(), "another server").unwrap();
                self.start();
                *self.restarted.lock().unwrap() = true;
            }
        }
    }
}

/// One of the two methods.
struct Method(Arc<Real>, WorksWith);

impl std::fmt::Debug for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl SnapshotMethod for Method {
    fn name(&self) -> &str {
        if self.1 == WorksWith::Owner { "server" } else { "files" }
    }

    fn works_with(&self) -> WorksWith {
        self.1
    }

    fn may_close(&self) -> bool {
        false
    }

    fn enter(&self, request: &Request<'_>) -> Entered {
        match self.1 {
            WorksWith::Owner => self.0.enter(request.code),
            WorksWith::Nobody => self.0.direct(),
        }
    }

    fn leave(&self, _request: &Request<'_>) -> Left {
        self.0.leave()
    }

    fn status(&self, _request: &Request<'_>) -> Status {
        Status::CannotTell
    }
}

impl Methods for Played {
    fn find(&self, name: &[u8]) -> Result<Arc<dyn SnapshotMethod>, Reason> {
        let works_with = if name == b"server" { WorksWith::Owner } else { WorksWith::Nobody };
        Ok(Arc::new(Method(Arc::clone(&self.real), works_with)))
    }

    fn runs_code(&self, _name: &[u8]) -> bool {
        true
    }
}

impl Program for Played {
    fn report(&self, event: Event) {
        self.said.borrow_mut().extend(Said::of(&event));
    }

    fn stopped(&self) -> Option<i32> {
        None
    }

    fn sleep(&self, _pause: Duration) {}

    fn pause(&self, _pause: Duration, _left: Duration, _reason: &Reason) {
        panic!("a run without -t makes one try");
    }

    fn run_command(
        &self,
        _environment: &Environment<'_>,
        _limit: Option<HoldLimit>,
        _began: &mut dyn FnMut(ProcessId),
    ) -> CommandEnd {
        self.said.borrow_mut().push(Said::Command);
        self.real.meanwhile();
        CommandEnd::Exited(0)
    }
}

impl Played {
    fn run(&self) {
        let Real { case, storage, .. } = &*self.real;
        let (last, accept_existing) = match case.conf {
            Conf::Direct => ("files\n", None),
            Conf::Accepting => ("", Some(Duration::from_secs(86_400))),
        };
        let conf = storage.config().join("snapshot.conf");
        fs::write(&conf, format!("nodirect\nserver\n{last}")).unwrap();
        let quick = Duration::from_millis(1);
        let job = Job {
            source: Source::File(conf),
            command: Some("scripted".into()),
            accept_existing,
            timing: Timing {
                pending_enter: quick,
                leave_retry: quick,
                leave_pause: quick,
                recombining: Duration::ZERO,
            },
            ..Job::default()
        };
        let privileges = Privileges::of_owner(storage.root(), MAIN).unwrap();
        let target = Target { job: &job, storage, privileges: &privileges };
        crate::run::run(&job, &[target], self, self, &mut |_, _| {});
    }
}
