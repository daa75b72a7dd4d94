//! A conf line with its files, callers of the method, and what a result must say.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dsnap_core::method::{Caller, Entered, Left, Message, Request, SnapshotMethod, Status};
use dsnap_core::{Code, Reason, text};
use dsnap_engine::system::credential_folder::CredentialFolder;
use dsnap_zeo::Zeo;

use super::session::{ACCOUNT, right_answer};

/// The limit of a call in a test that does not set its own. Longer than any test takes.
const DEFAULT_LIMIT: Duration = Duration::from_secs(120);

/// A caller that never asks to stop.
struct NeverStops;

impl Caller for NeverStops {
    fn say(&self, message: Message<'_>) {
        assert_trace_is_shown_safely(message);
    }

    fn should_stop(&self) -> bool {
        false
    }
}

/// A caller that remembers what was traced.
#[derive(Default)]
pub(crate) struct Tracing(pub(crate) RefCell<Vec<String>>);

impl Caller for Tracing {
    fn say(&self, message: Message<'_>) {
        assert_trace_is_shown_safely(message);
        if let Message::Trace(words) = message {
            self.0.borrow_mut().push(words.to_owned());
        }
    }

    fn should_stop(&self) -> bool {
        false
    }
}

/// A caller that asks to stop when the function says so.
pub(crate) struct StopsWhen<F>(pub(crate) F);

impl<F: Fn() -> bool> Caller for StopsWhen<F> {
    fn say(&self, _message: Message<'_>) {}
    fn should_stop(&self) -> bool {
        (self.0)()
    }
}

/// A conf line, and the folder with the files that it names.
pub(crate) struct ConfLine {
    folder: tempfile::TempDir,
    words: Vec<OsString>,
    code: Code,
    limit: Duration,
    leave_limit: Option<Duration>,
    snapshot_seen: bool,
    credentials: CredentialFolder,
}

impl ConfLine {
    /// Makes a line for an address.
    pub(crate) fn new(address: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [user, _, password] = ACCOUNT;
        fs::write(folder.path().join("access"), format!("{user}:{password}\n")).unwrap();
        let code = Code::from_bytes(b"host-1001").unwrap();
        let words = vec![address.into()];
        let (limit, leave_limit) = (DEFAULT_LIMIT, None);
        let credentials = CredentialFolder::default();
        Self { folder, words, code, limit, leave_limit, snapshot_seen: false, credentials }
    }

    /// Adds a word to the line.
    pub(crate) fn with_word(mut self, word: impl Into<OsString>) -> Self {
        self.words.push(word.into());
        self
    }

    /// Adds the storage and the access file, with user and password of the scripted server.
    pub(crate) fn with_password(self) -> Self {
        self.with_word("1").with_word("access")
    }

    /// Adds the storage and `credential:NAME`, and makes the folder of the conf that of the credentials.
    pub(crate) fn with_credential(mut self, name: &str) -> Self {
        self.credentials = CredentialFolder::new(Some(self.folder.path().to_owned()));
        self.with_word("1").with_word(format!("credential:{name}"))
    }

    /// Sets the limit of a call.
    pub(crate) fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sets another limit for leaving.
    pub(crate) fn with_leave_limit(mut self, limit: Duration) -> Self {
        self.leave_limit = Some(limit);
        self
    }

    /// Says that the storage shows the snapshot, and that this line entered it.
    pub(crate) fn seen(mut self) -> Self {
        self.snapshot_seen = true;
        self
    }

    /// Writes the access file.
    pub(crate) fn with_access(self, content: impl AsRef<[u8]>) -> Self {
        self.with_file("access", content)
    }

    /// Writes a file into the folder of the conf.
    pub(crate) fn with_file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.path(name), content).unwrap();
        self
    }

    /// Returns the path of a file in the folder of the conf.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn method(&self) -> Zeo {
        Zeo::with_credentials(self.credentials.clone())
    }

    fn request<'a>(&'a self, caller: &'a dyn Caller) -> Request<'a> {
        Request {
            storage: Path::new("/srv/ds"),
            conf_folder: self.folder.path(),
            words: &self.words,
            code: &self.code,
            time_left: Some(self.limit),
            leave_time: self.leave_limit.unwrap_or(self.limit),
            snapshot_seen: self.snapshot_seen,
            caller,
        }
    }

    pub(crate) fn enter(&self) -> Entered {
        self.enter_by(&self.method())
    }

    /// Enters by a method that is found otherwise.
    pub(crate) fn enter_by(&self, zeo: &dyn SnapshotMethod) -> Entered {
        zeo.enter(&self.request(&NeverStops))
    }

    pub(crate) fn leave_by(&self, zeo: &dyn SnapshotMethod) -> Left {
        zeo.leave(&self.request(&NeverStops))
    }

    pub(crate) fn status_by(&self, zeo: &dyn SnapshotMethod) -> Status {
        zeo.status(&self.request(&NeverStops))
    }

    pub(crate) fn enter_for(&self, caller: &dyn Caller) -> Entered {
        self.method().enter(&self.request(caller))
    }

    pub(crate) fn leave(&self) -> Left {
        self.leave_by(&self.method())
    }

    pub(crate) fn status(&self) -> Status {
        self.status_by(&self.method())
    }
}

/// A result, as the name of its variant and its reason.
pub(crate) trait Outcome {
    fn into_parts(self) -> (&'static str, Option<Reason>);
}

impl Outcome for Entered {
    fn into_parts(self) -> (&'static str, Option<Reason>) {
        match self {
            Self::Held => ("held", None),
            Self::Done => ("done", None),
            Self::Busy(reason) => ("busy", Some(reason)),
            Self::Unavailable(reason) => ("unavailable", Some(reason)),
            Self::Refused(reason) => ("refused", Some(reason)),
            Self::Failed(reason) => ("failed", Some(reason)),
            Self::Unknown(reason) => ("unknown", Some(reason)),
            Self::LikelyFailed(reason) => ("likely failed", Some(reason)),
        }
    }
}

impl Outcome for Left {
    fn into_parts(self) -> (&'static str, Option<Reason>) {
        match self {
            Self::Left => ("left", None),
            Self::Busy(reason) => ("busy", Some(reason)),
            Self::Unavailable(reason) => ("unavailable", Some(reason)),
            Self::Refused(reason) => ("refused", Some(reason)),
            Self::Failed(reason) => ("failed", Some(reason)),
        }
    }
}

impl Outcome for Status {
    fn into_parts(self) -> (&'static str, Option<Reason>) {
        match self {
            Self::CouldEnter => ("could enter", None),
            Self::Held(_) => ("held", None),
            Self::Busy(reason) => ("busy", Some(reason)),
            Self::Unavailable(reason) => ("unavailable", Some(reason)),
            Self::Refused(reason) => ("refused", Some(reason)),
            Self::CannotTell => ("cannot tell", None),
        }
    }
}

/// Checks that a result is this variant, and that its reason contains each of `parts` in the text or a
/// hint. Returns the reason.
pub(crate) fn expect(result: impl Outcome, variant: &str, parts: &[&str]) -> Reason {
    let (actual, reason) = result.into_parts();
    let reason = reason.unwrap_or_else(|| panic!("{actual} has no reason"));
    assert_eq!(actual, variant, "{reason}");
    for part in parts {
        assert!(reason.to_string().contains(part), "{part:?} is missing in: {reason}");
    }
    for line in [reason.text()].into_iter().chain(reason.hints().iter().map(String::as_str)) {
        assert_is_shown_safely(line);
    }
    reason
}

fn assert_trace_is_shown_safely(message: Message<'_>) {
    if let Message::Trace(words) = message {
        assert_is_shown_safely(words);
    }
}

/// Checks that this is one harmless line, without a secret.
fn assert_is_shown_safely(line: &str) {
    assert!(!line.contains('\n'), "{line:?}");
    assert!(!line.chars().any(text::is_harmful), "{line:?}");
    let secrets = [ACCOUNT[2].to_owned(), right_answer()];
    assert!(!secrets.iter().any(|secret| line.contains(secret)), "{line:?}");
}
