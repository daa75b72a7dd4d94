//! The stage: a bare storage, scripted methods, and a program that writes down what happens.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dsnap_core::Reason;
use dsnap_core::method::{Entered, Left, Methods, Request, SnapshotMethod, Status, WorksWith};
use dsnap_engine::conf::plan::Source;
use dsnap_engine::run;
use dsnap_engine::run::environment::Environment;
use dsnap_engine::run::event::Event;
use dsnap_engine::run::job::{CommandEnd, Job, NotRun, Outcome, Program, Timing};
use dsnap_engine::storage::Storage;
use dsnap_engine::system::flock::FileLock;
use dsnap_engine::system::privileges::Privileges;
use dsnap_engine::system::process::ProcessId;

/// What everybody writes into, in order.
pub(crate) type Journal = Arc<Mutex<Vec<String>>>;

/// Something a scripted method does to the storage before it answers.
pub(crate) type Deed = Box<dyn Fn(&Storage, &str) + Send + Sync>;

/// What COMMAND does.
type Command = Box<dyn FnMut(&Storage) -> CommandEnd>;

/// A method that answers as it is told, once for each answer.
pub(crate) struct Scripted {
    name: &'static str,
    works_with: WorksWith,
    enters: Mutex<VecDeque<(Deed, Entered)>>,
    leaves: Mutex<VecDeque<(Deed, Left)>>,
    journal: Journal,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl SnapshotMethod for Scripted {
    fn name(&self) -> &str {
        self.name
    }

    fn works_with(&self) -> WorksWith {
        self.works_with
    }

    fn enter(&self, request: &Request<'_>) -> Entered {
        self.journal.lock().unwrap().push(format!("{} enters", self.name));
        let next = self.enters.lock().unwrap().pop_front();
        let (deed, answer) = next.expect("an enter that the scenario does not expect");
        deed(&Storage::open(request.storage).unwrap(), request.code.as_str());
        answer
    }

    fn leave(&self, request: &Request<'_>) -> Left {
        self.journal.lock().unwrap().push(format!("{} leaves", self.name));
        let next = self.leaves.lock().unwrap().pop_front();
        let (deed, answer) = next.expect("a leave that the scenario does not expect");
        deed(&Storage::open(request.storage).unwrap(), request.code.as_str());
        answer
    }

    fn status(&self, _request: &Request<'_>) -> Status {
        Status::CannotTell
    }
}

/// A scenario.
pub(crate) struct Stage {
    pub(crate) storage: Storage,
    pub(crate) job: Job,
    methods: Vec<Arc<Scripted>>,
    conf: String,
    journal: Journal,
    stop: Cell<Option<i32>>,
    stop_at_event: Option<&'static str>,
    command: RefCell<Command>,
    pub(crate) server: Arc<Mutex<Option<FileLock>>>,
    _folder: tempfile::TempDir,
}

impl Stage {
    /// An open storage: a server (this process) holds `misc/lock`. No method, no conf line.
    pub(crate) fn open() -> Self {
        let stage = Self::closed();
        let server = FileLock::take(&stage.storage.lock()).unwrap();
        *stage.server.lock().unwrap() = Some(server);
        stage
    }

    /// A storage that nobody has open.
    pub(crate) fn closed() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["A", "B", "journal", "misc", "config"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::write(
            folder.path().join("config/settings"),
            "[structure]\nversion: 0.11\nformat: flat\n[filesystem]\nsync: 0\n",
        )
        .unwrap();
        let quick = Duration::from_millis(1);
        Self {
            storage: Storage::open(folder.path()).unwrap(),
            job: Job {
                command: Some("scripted".into()),
                recover: "dsnap --storage DIR --recover".to_owned(),
                timing: Timing { pending_enter: quick, leave_retry: quick, leave_pause: quick },
                ..Job::default()
            },
            methods: Vec::new(),
            conf: String::new(),
            journal: Journal::default(),
            stop: Cell::new(None),
            stop_at_event: None,
            command: RefCell::new(Box::new(|_| CommandEnd::Exited(0))),
            server: Arc::default(),
            _folder: folder,
        }
    }

    /// Adds a line with a method of its own that asks the storage's owner.
    pub(crate) fn owner(
        self,
        name: &'static str,
        enters: Vec<(Deed, Entered)>,
        leaves: Vec<(Deed, Left)>,
    ) -> Self {
        self.method(name, WorksWith::Owner, enters, leaves)
    }

    /// Adds a line with a method of its own that needs nobody.
    pub(crate) fn nobody(self, name: &'static str, enters: Vec<(Deed, Entered)>) -> Self {
        self.method(name, WorksWith::Nobody, enters, Vec::new())
    }

    fn method(
        mut self,
        name: &'static str,
        works_with: WorksWith,
        enters: Vec<(Deed, Entered)>,
        leaves: Vec<(Deed, Left)>,
    ) -> Self {
        self.conf += &format!("{name}\n");
        let (enters, leaves) = (Mutex::new(enters.into()), Mutex::new(leaves.into()));
        let journal = Arc::clone(&self.journal);
        self.methods.push(Arc::new(Scripted { name, works_with, enters, leaves, journal }));
        self
    }

    /// What COMMAND does.
    pub(crate) fn command(self, command: impl FnMut(&Storage) -> CommandEnd + 'static) -> Self {
        *self.command.borrow_mut() = Box::new(command);
        self
    }

    /// A TERM comes when this event is reported.
    pub(crate) fn stopped_at(mut self, event: &'static str) -> Self {
        self.stop_at_event = Some(event);
        self
    }

    pub(crate) fn job(mut self, change: impl FnOnce(&mut Job)) -> Self {
        change(&mut self.job);
        self
    }

    /// Plays the scenario, and compares journal and status.
    #[track_caller]
    pub(crate) fn play(&self, status: u8, journal: &[&str]) -> Outcome {
        let outcome = self.run();
        assert_eq!(self.journal.lock().unwrap().as_slice(), journal, "{outcome:#?}");
        assert_eq!(outcome.status(), status, "{outcome:#?}");
        self.nothing_is_held();
        outcome
    }

    /// Plays the scenario.
    pub(crate) fn run(&self) -> Outcome {
        let conf = self.storage.root().join("config/snapshot.conf");
        fs::write(&conf, format!("nodirect\n{}", self.conf)).unwrap();
        let job = Job { source: Source::File(conf), ..self.job.clone() };
        let rights = Privileges::of_owner(&self.storage.a()).unwrap();
        run::run(&job, &self.storage, &rights, self, self)
    }

    /// After a run, both of the tool's locks are free.
    #[track_caller]
    pub(crate) fn nothing_is_held(&self) {
        for path in [self.storage.run_lock(), self.storage.sublock()] {
            assert!(FileLock::take_without_pid(&path).is_ok(), "{} is held", path.display());
        }
    }

    /// Ends the server.
    pub(crate) fn ends_server(&self) -> Deed {
        let server = Arc::clone(&self.server);
        Box::new(move |_, _| drop(server.lock().unwrap().take()))
    }

    /// What happened so far.
    pub(crate) fn said(&self) -> Vec<String> {
        self.journal.lock().unwrap().clone()
    }

    fn note(&self, words: impl Into<String>) {
        self.journal.lock().unwrap().push(words.into());
    }
}

impl Methods for Stage {
    fn find(&self, name: &[u8]) -> Result<Arc<dyn SnapshotMethod>, Reason> {
        let found = self.methods.iter().find(|method| method.name.as_bytes() == name);
        found.map(|method| Arc::clone(method) as _).ok_or_else(|| Reason::new("no such method"))
    }
}

impl Program for Stage {
    fn report(&self, event: Event) {
        // The code is another one each time.
        let words = event.to_string();
        let words = words.lines().next().unwrap_or_default();
        if self.stop_at_event.is_some_and(|at| words.starts_with(at)) {
            self.stop.set(Some(15));
        }
        self.note(words);
    }

    fn stopped(&self) -> Option<i32> {
        self.stop.get()
    }

    fn pause(&self, pause: Duration, _left: Duration, reason: &Reason) {
        self.note(format!("pause: {}", reason.text()));
        self.nothing_is_held();
        std::thread::sleep(pause);
    }

    fn run_command(
        &self,
        environment: Option<&Environment<'_>>,
        began: &mut dyn FnMut(ProcessId),
    ) -> CommandEnd {
        began(ProcessId::own());
        let environment = environment.unwrap();
        assert_eq!(environment.directory, PathBuf::from(self.storage.given()));
        assert!(
            FileLock::take_without_pid(&self.storage.sublock()).is_err(),
            "COMMAND runs unguarded"
        );
        self.note("COMMAND runs");
        (self.command.borrow_mut())(&self.storage)
    }
}

/// Does nothing to the storage.
pub(crate) fn nothing() -> Deed {
    Box::new(|_, _| {})
}

/// Enters as a server does.
pub(crate) fn enter() -> Deed {
    Box::new(|storage, code| fs::write(storage.snapshot(), format!("user/{code}")).unwrap())
}

/// Writes something else into `misc/snapshot`.
pub(crate) fn mark(content: &'static str) -> Deed {
    Box::new(move |storage, _| fs::write(storage.snapshot(), content).unwrap())
}

/// Leaves as a server does.
pub(crate) fn leave() -> Deed {
    Box::new(|storage, _| fs::remove_file(storage.snapshot()).unwrap())
}

/// A refusal for scripts.
pub(crate) fn because(text: &str) -> Reason {
    Reason::new(text)
}

/// The reason of a run that was refused.
#[track_caller]
pub(crate) fn reason(outcome: &Outcome) -> String {
    match &outcome.command {
        Err(NotRun::NoSnapshot { failure, .. }) => failure.reason().text().to_owned(),
        other => panic!("not refused: {other:?}"),
    }
}
