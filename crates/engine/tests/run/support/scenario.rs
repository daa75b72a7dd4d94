//! A scenario: a bare storage, scripted methods, and a program that writes down what happens.

use std::cell::{Cell, RefCell};
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dsnap_core::Reason;
use dsnap_core::method::{Entered, Left, Methods, SnapshotMethod, Status, WorksWith};
use dsnap_engine::conf::plan::Source;
use dsnap_engine::run;
use dsnap_engine::run::environment::Environment;
use dsnap_engine::run::event::Event;
use dsnap_engine::run::hold::HoldLimit;
use dsnap_engine::run::job::{CommandEnd, Job, NotRun, Outcome, Program, Timing};
use dsnap_engine::run::member::Target;
use dsnap_engine::storage::{self, Storage};
use dsnap_engine::system::flock::FileLock;
use dsnap_engine::system::privileges::Privileges;
use dsnap_engine::system::process::ProcessId;

use super::method::{Scripted, SideEffect};

/// What methods and the program write into, in order.
pub(super) type Journal = Arc<Mutex<Vec<String>>>;

/// What COMMAND does.
type Command = Box<dyn FnMut(&Storage) -> CommandEnd>;

/// A storage, the lines of its conf, and what happens in a run.
///
/// More fields than usual: each is one thing that a scenario can choose.
pub(crate) struct Scenario {
    pub(crate) storage: Storage,
    pub(crate) job: Job,
    methods: Vec<Arc<Scripted>>,
    conf: String,
    journal: Journal,
    leave_requests: Journal,
    announced: RefCell<Vec<String>>,
    stop: Cell<Option<i32>>,
    stop_at_event: Option<&'static str>,
    command: RefCell<Command>,
    pub(crate) server: Arc<Mutex<Option<FileLock>>>,
    /// The other storages of the run.
    also: Vec<Scenario>,
    _folder: tempfile::TempDir,
}

impl Scenario {
    /// Makes an open storage: a server (this process) holds `misc/lock`. No method, no conf line.
    pub(crate) fn open() -> Self {
        let scenario = Self::closed();
        let server = FileLock::take(&scenario.storage.lock()).unwrap();
        *scenario.server.lock().unwrap() = Some(server);
        scenario
    }

    /// Makes a storage that no process has open.
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
                timing: Timing {
                    pending_enter: quick,
                    leave_retry: quick,
                    leave_pause: quick,
                    recombining: Duration::from_secs(60),
                },
                ..Job::default()
            },
            methods: Vec::new(),
            conf: String::new(),
            journal: Journal::default(),
            leave_requests: Journal::default(),
            announced: RefCell::default(),
            stop: Cell::new(None),
            stop_at_event: None,
            command: RefCell::new(Box::new(|_| CommandEnd::Exited(0))),
            server: Arc::default(),
            also: Vec::new(),
            _folder: folder,
        }
    }

    /// Makes another storage for the same run. Its methods write into the journal of this one.
    pub(crate) fn beside(&self, other: Self) -> Self {
        Self { journal: Arc::clone(&self.journal), ..other }
    }

    /// Adds another storage of the run.
    pub(crate) fn also(mut self, other: Self) -> Self {
        self.also.push(other);
        self
    }

    /// Returns another storage of the run.
    pub(crate) fn other(&self, number: usize) -> &Self {
        &self.also[number]
    }

    /// Adds a line with a method of its own that asks the server.
    pub(crate) fn server_method(
        self,
        name: &'static str,
        enters: Vec<(SideEffect, Entered)>,
        leaves: Vec<(SideEffect, Left)>,
    ) -> Self {
        self.method(name, WorksWith::Owner, enters, leaves)
    }

    /// Adds a line with a method of its own that works on the files.
    pub(crate) fn file_method(
        self,
        name: &'static str,
        enters: Vec<(SideEffect, Entered)>,
    ) -> Self {
        self.method(name, WorksWith::Nobody, enters, Vec::new())
    }

    /// Adds words to the last line.
    pub(crate) fn words(mut self, words: &str) -> Self {
        self.conf.insert_str(self.conf.len() - 1, &format!(" {words}"));
        self
    }

    /// Lets the last method give these answers when it looks at its server.
    pub(crate) fn looking(self, statuses: Vec<Status>) -> Self {
        *self.methods.last().unwrap().statuses.lock().unwrap() = statuses.into();
        self
    }

    fn method(
        mut self,
        name: &'static str,
        works_with: WorksWith,
        enters: Vec<(SideEffect, Entered)>,
        leaves: Vec<(SideEffect, Left)>,
    ) -> Self {
        self.conf += &format!("{name}\n");
        let (enters, leaves) = (Mutex::new(enters.into()), Mutex::new(leaves.into()));
        let (statuses, journal) = (Mutex::default(), Arc::clone(&self.journal));
        let leave_requests = Arc::clone(&self.leave_requests);
        let method =
            Scripted { name, works_with, enters, leaves, statuses, journal, leave_requests };
        self.methods.push(Arc::new(method));
        self
    }

    /// Says what COMMAND does.
    pub(crate) fn command(self, command: impl FnMut(&Storage) -> CommandEnd + 'static) -> Self {
        *self.command.borrow_mut() = Box::new(command);
        self
    }

    /// Lets a TERM come when this event is reported.
    pub(crate) fn stopped_at(mut self, event: &'static str) -> Self {
        self.stop_at_event = Some(event);
        self
    }

    /// Changes what the run is to do.
    pub(crate) fn job(mut self, change: impl FnOnce(&mut Job)) -> Self {
        change(&mut self.job);
        self
    }

    /// Plays the scenario, and asserts its exit status and its whole journal.
    #[track_caller]
    pub(crate) fn play(&self, status: u8, journal: impl IntoIterator<Item: AsRef<str>>) -> Outcome {
        let outcome = self.run();
        let expected: Vec<_> = journal.into_iter().map(|line| line.as_ref().to_owned()).collect();
        assert_eq!(self.said(), expected, "{outcome:#?}");
        assert_eq!(outcome.status(), status, "{outcome:#?}");
        self.assert_no_locks();
        outcome
    }

    /// Plays the scenario.
    pub(crate) fn run(&self) -> Outcome {
        let of_each: Vec<_> = self.storages().map(Self::prepare).collect();
        let targets: Vec<_> = self
            .storages()
            .zip(&of_each)
            .map(|(it, (job, privileges))| Target { job, storage: &it.storage, privileges })
            .collect();
        run::run(&of_each[0].0, &targets, self, self, &mut |_, _| {})
    }

    /// Writes the conf of this storage.
    fn prepare(&self) -> (Job, Privileges) {
        let conf = self.storage.root().join("config/snapshot.conf");
        fs::write(&conf, format!("nodirect\n{}", self.conf)).unwrap();
        let job = Job { source: Source::File(conf), ..self.job.clone() };
        (job, Privileges::of_owner(self.storage.root(), storage::MAIN).unwrap())
    }

    /// This storage and the others of the run.
    fn storages(&self) -> impl Iterator<Item = &Self> + Clone {
        std::iter::once(self).chain(&self.also)
    }

    /// Asserts that the run locks and the sublocks are free.
    #[track_caller]
    pub(crate) fn assert_no_locks(&self) {
        for storage in self.storages().map(|it| &it.storage) {
            for path in [storage.run_lock(), storage.sublock()] {
                assert!(FileLock::take_without_pid(&path).is_ok(), "{} is held", path.display());
            }
        }
    }

    /// Ends the server, as a side effect of a call.
    pub(crate) fn ends_server(&self) -> SideEffect {
        let server = Arc::clone(&self.server);
        Box::new(move |_, _| drop(server.lock().unwrap().take()))
    }

    /// The calls that were announced so far.
    pub(crate) fn announced(&self) -> Vec<String> {
        self.announced.borrow().clone()
    }

    /// The journal so far.
    pub(crate) fn said(&self) -> Vec<String> {
        self.journal.lock().unwrap().clone()
    }

    /// The requests of the leaves so far, and whether each says that the storage shows the snapshot.
    pub(crate) fn leave_requests(&self) -> Vec<String> {
        self.leave_requests.lock().unwrap().clone()
    }

    /// Leaves out of what the storage itself says the folder, the server's process and the age.
    fn without_facts(&self, words: &str) -> String {
        let root = self.storage.root().display().to_string();
        let words = words.replace(&root, "DIR");
        let end = [" in run-", " (begun ", ", entered "].iter().find_map(|it| words.find(it));
        words[..end.unwrap_or(words.len())].to_owned()
    }

    fn note(&self, words: impl Into<String>) {
        self.journal.lock().unwrap().push(words.into());
    }
}

impl Methods for Scenario {
    fn find(&self, name: &[u8]) -> Result<Arc<dyn SnapshotMethod>, Reason> {
        let mut methods = self.storages().flat_map(|it| &it.methods);
        let found = methods.find(|method| method.name.as_bytes() == name);
        found.map(|method| Arc::clone(method) as _).ok_or_else(|| Reason::new("no such method"))
    }

    fn runs_code(&self, _name: &[u8]) -> bool {
        true
    }
}

impl Program for Scenario {
    fn report(&self, event: Event) {
        let of = match &event {
            Event::OfStorage { number, .. } => format!("{}: ", ["A", "B", "C"][*number]),
            _ => String::new(),
        };
        let words = match event.without_storage() {
            Event::AwaitsEnter(_) => return,
            // The method itself notes that it is called.
            Event::Asking { .. } | Event::Leaving { .. } => {
                return self.announced.borrow_mut().push(event.to_string());
            }
            // The message names the folder and the code, which are others each time.
            Event::LeaveRetried { tries, reason, .. } => {
                format!("left at try {tries}, after: {}", reason.text())
            }
            event => event.to_string(),
        };
        // Only the first line: the hints below it are not part of the order.
        let words = words.lines().next().unwrap_or_default();
        let words = format!("{of}{words}");
        if self.stop_at_event.is_some_and(|at| words.starts_with(at)) {
            self.stop.set(Some(15));
        }
        self.note(words);
    }

    fn stopped(&self) -> Option<i32> {
        self.stop.get()
    }

    fn sleep(&self, _pause: Duration) {
        self.assert_no_locks();
    }

    fn pause(&self, pause: Duration, _left: Duration, reason: &Reason) {
        self.note(format!("pause: {}", self.without_facts(reason.text())));
        self.assert_no_locks();
        std::thread::sleep(pause);
    }

    fn run_command(
        &self,
        environment: &Environment<'_>,
        _limit: Option<HoldLimit>,
        began: &mut dyn FnMut(ProcessId),
    ) -> CommandEnd {
        began(ProcessId::own());
        let snapshots = environment.snapshots.iter().map(|snapshot| &*snapshot.directory);
        let storages = self.storages().map(|it| &it.storage);
        assert!(snapshots.eq(storages.clone().map(Storage::given)), "{environment:?}");
        for sublock in storages.map(Storage::sublock) {
            assert!(
                FileLock::take_without_pid(&sublock).is_err(),
                "COMMAND runs without {}",
                sublock.display()
            );
        }
        self.note("COMMAND runs");
        (self.command.borrow_mut())(&self.storage)
    }
}

/// The reason of a run that had no snapshot.
#[track_caller]
pub(crate) fn reason(outcome: &Outcome) -> String {
    match &outcome.command {
        Err(NotRun::NoSnapshot { failure, .. }) => failure.reason().text().to_owned(),
        other => panic!("there was a snapshot: {other:?}"),
    }
}
