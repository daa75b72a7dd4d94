//! A line with its files, and somebody who calls the method.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dsnap_core::method::{Caller, Entered, Left, Message, Request, SnapshotMethod, Status};
use dsnap_core::{Code, Reason};
use dsnap_http::Http;

/// Longer than any test takes.
pub(crate) const AGES: Duration = Duration::from_secs(120);

/// Somebody who never wants to stop.
pub(crate) struct Patient;

impl Caller for Patient {
    fn say(&self, _said: Message<'_>) {}
    fn should_stop(&self) -> bool {
        false
    }
}

/// Somebody whose wish to stop is what the function says.
pub(crate) struct Asking<F>(pub(crate) F);

impl<F: Fn() -> bool> Caller for Asking<F> {
    fn say(&self, _said: Message<'_>) {}
    fn should_stop(&self) -> bool {
        (self.0)()
    }
}

/// A folder with an access file, and a line that names it.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    words: Vec<OsString>,
    code: Code,
    time: Duration,
}

impl Site {
    /// A line for a URL.
    pub(crate) fn new(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("access"), "admin:adminpass\n").unwrap();
        let code = Code::from_bytes(b"host-1001").unwrap();
        Self { folder, words: vec![url.into(), "access".into()], code, time: AGES }
    }

    /// The line with one more word.
    pub(crate) fn word(mut self, word: impl Into<OsString>) -> Self {
        self.words.push(word.into());
        self
    }

    /// A limit of its own.
    pub(crate) fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// A file in the folder of the conf.
    pub(crate) fn write(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.file(name), content).unwrap();
        self
    }

    /// Its path.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn request<'a>(&'a self, caller: &'a dyn Caller) -> Request<'a> {
        Request {
            storage: Path::new("/srv/ds"),
            conf_folder: self.folder.path(),
            words: &self.words,
            code: &self.code,
            time_left: Some(self.time),
            caller,
        }
    }

    pub(crate) fn enter(&self) -> Entered {
        self.enter_for(&Patient)
    }

    pub(crate) fn enter_for(&self, caller: &dyn Caller) -> Entered {
        Http.enter(&self.request(caller))
    }

    pub(crate) fn leave(&self) -> Left {
        self.leave_for(&Patient)
    }

    pub(crate) fn leave_for(&self, caller: &dyn Caller) -> Left {
        Http.leave(&self.request(caller))
    }

    pub(crate) fn status(&self) -> Status {
        Http.status(&self.request(&Patient))
    }
}

/// The kind of a result, and its words if it has any.
pub(crate) trait Told {
    fn told(self) -> (&'static str, Option<Reason>);
}

impl Told for Entered {
    fn told(self) -> (&'static str, Option<Reason>) {
        match self {
            Self::Held => ("held", None),
            Self::Done => ("done", None),
            Self::Busy(why) => ("busy", Some(why)),
            Self::Unavailable(why) => ("unavailable", Some(why)),
            Self::Refused(why) => ("refused", Some(why)),
            Self::Failed(why) => ("failed", Some(why)),
            Self::Unknown(why) => ("unknown", Some(why)),
        }
    }
}

impl Told for Left {
    fn told(self) -> (&'static str, Option<Reason>) {
        match self {
            Self::Left => ("left", None),
            Self::Busy(why) => ("busy", Some(why)),
            Self::Unavailable(why) => ("unavailable", Some(why)),
            Self::Refused(why) => ("refused", Some(why)),
            Self::Failed(why) => ("failed", Some(why)),
        }
    }
}

impl Told for Status {
    fn told(self) -> (&'static str, Option<Reason>) {
        match self {
            Self::CouldEnter => ("could enter", None),
            Self::Held(_) => ("held", None),
            Self::Busy(why) => ("busy", Some(why)),
            Self::Unavailable(why) => ("unavailable", Some(why)),
            Self::Refused(why) => ("refused", Some(why)),
            Self::CannotTell => ("cannot tell", None),
        }
    }
}

/// The words of a result that must be of this kind; each of `parts` must be in the text or hint.
pub(crate) fn expect(result: impl Told, kind: &str, parts: &[&str]) -> Reason {
    let (told, why) = result.told();
    let why = why.unwrap_or_else(|| panic!("{told} without a word"));
    assert_eq!(told, kind, "{why}");
    for part in parts {
        assert!(why.to_string().contains(part), "{part:?} is missing in: {why}");
    }
    for line in [why.text()].into_iter().chain(why.hints().iter().map(String::as_str)) {
        assert!(!line.contains('\n') && !line.contains("adminpass"), "{line:?}");
    }
    why
}
