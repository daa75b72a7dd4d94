//! What a run reports to the program around it, in order.
//!
//! Each event renders itself; the program decides whether and where it is shown. The wordings that
//! scripts know from the original are kept to the letter.

use std::fmt;
use std::time::Duration;

use dsnap_core::{Code, Reason, text};

use crate::conf::plan::{Complaint, ComplaintKind};
use crate::durations;

const SERVER_ENDED: &str = "the server ended while the snapshot was in use; nothing is left frozen";
const SERVER_STUCK: &str = "a server was started while the snapshot was in use; it cannot write to A/ until it is restarted
hint: restart that server now; its commits stay in journal/ and B/ until then";

/// How important an event is: which options show or hide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Always shown.
    Always,
    /// Hidden by `-q`.
    Normal,
    /// Shown with `-v`.
    Verbose,
    /// Shown with `-vv`.
    Trace,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Something that happened to one of several storages.
    OfStorage {
        /// The place of the storage on the command line, from 0.
        number: usize,
        /// How messages name the storage.
        name: String,
        /// What happened.
        event: Box<Event>,
    },
    /// A conf file or line that cannot be used.
    Complaint(Complaint),
    /// Somebody could interfere with this run.
    Warning(Reason),
    /// A method is about to be asked to enter.
    Asking {
        /// The label of its line.
        label: String,
        /// How long its answer may take. A method that works on the files has no limit.
        limit: Option<Duration>,
    },
    /// A method worked: the label of its line.
    Entered(String),
    /// A line did not work.
    LineFailed {
        /// The label of the line.
        label: String,
        /// Why.
        reason: Reason,
        /// A person has to do something about it, so it is shown by default.
        important: bool,
    },
    /// `misc/sublock` is locked: the code of the run, and the last transaction in `A/`.
    Locked(Code, Option<[u8; 8]>),
    /// COMMAND runs in the snapshot of an outer run.
    Inherited {
        /// What `misc/snapshot` says.
        content: String,
        /// The code of the outer run, if it is known.
        code: Option<Code>,
        /// The last transaction in `A/`.
        tid: Option<[u8; 8]>,
        /// The snapshot is known to contain everything that was committed before the outer run.
        fresh: bool,
    },
    /// COMMAND runs in a snapshot that this run did not enter: its code, and its age.
    Accepted(String, Duration),
    /// `misc/sublock` is unlocked.
    Unlocked,
    /// A method is about to be asked to leave.
    Leaving {
        /// The label of its line.
        label: String,
        /// Which try it is, counted from 1.
        tries: u32,
        /// How long its answer may take.
        limit: Duration,
    },
    /// Leaving took several tries.
    LeaveRetried {
        /// The storage and the code.
        snapshot: String,
        /// How many tries it took.
        tries: u32,
        /// Why the last one before it failed.
        reason: Reason,
    },
    /// The snapshot is left, and that is confirmed.
    Left,
    /// A snapshot that an earlier run left behind was left.
    LeftBehind(Code),
    /// Some lines of earlier runs cannot be read: how many.
    Damaged(usize),
    /// An enter has no answer, and the run watches the storage for its effect: the label of its line.
    AwaitsEnter(String),
    /// An enter has no answer and may still come: the label of its line, and its code.
    MayStillCome(String, Code),
    /// A snapshot that cannot be used could not be left either.
    NotLeft(Reason),
    /// An enter ended the server, which did not close the storage: the label of the line that rolls
    /// it forward.
    RollsForward(String),
    /// The server is recombining, and that is waited for: how long at most.
    Recombining(Duration),
    /// The server ended during the snapshot; nothing is frozen.
    ServerEnded,
    /// A server was started while the snapshot of a closed storage was in use.
    ServerStuck,
    /// A method said something: the label of its line, and the words.
    MethodSaid(String, String),
    /// A method that is linked in warned of something: the label of its line, and the words.
    MethodWarned(String, String),
    /// A method told what it sends or runs, or what the answer is: the label of its line, and the words.
    MethodTraced(String, String),
    /// A method reported progress.
    Progress {
        /// The label of its line.
        label: String,
        /// How many units are done.
        done: u64,
        /// How many units there are, if that is known.
        of: Option<u64>,
        /// What is counted.
        unit: String,
    },
}

impl Event {
    /// Returns how important the event is.
    pub fn level(&self) -> Level {
        match self {
            Self::OfStorage { event, .. } => event.level(),
            Self::Accepted(..)
            | Self::LeaveRetried { .. }
            | Self::NotLeft(_)
            | Self::LeftBehind(_)
            // The lines are lost when the file is written next, so no later run can say it.
            | Self::Damaged(_)
            | Self::ServerStuck => Level::Always,
            Self::Complaint(complaint) => complaint.kind.level(),
            Self::LineFailed { important, .. } => line_level(*important),
            Self::Asking { .. }
            | Self::Leaving { .. }
            | Self::AwaitsEnter(_)
            | Self::Inherited { .. }
            | Self::MethodSaid(..)
            | Self::Progress { .. } => Level::Verbose,
            Self::MethodTraced(..) => Level::Trace,
            _ => Level::Normal,
        }
    }

    /// Returns what happened, whichever storage it happened to.
    pub fn without_storage(&self) -> &Self {
        match self {
            Self::OfStorage { event, .. } => event,
            event => event,
        }
    }

    /// Names the storage of the event in a reason, if the run has several storages.
    pub fn name_storage(&self, reason: Reason) -> Reason {
        match self {
            Self::OfStorage { name, .. } => reason_of_storage(name, reason),
            _ => reason,
        }
    }

    /// Renders an event that is about one line.
    fn about_line(&self) -> String {
        match self {
            Self::Asking { label, limit } => asking(label, *limit),
            Self::Leaving { label, tries, limit } => leaving(label, *tries, *limit),
            Self::Entered(label) => format!("Entered snapshot using {label}"),
            Self::LineFailed { label, reason, .. } => reason_of_line(label, reason).to_string(),
            Self::AwaitsEnter(label) => {
                format!("{label}: watching whether the snapshot begins all the same")
            }
            Self::MayStillCome(label, code) => {
                format!(
                    "{label}: the snapshot user/{code} may still begin; the next run checks that"
                )
            }
            Self::RollsForward(label) => {
                format!("the server ended without closing the storage; {label} recovers it")
            }
            Self::MethodSaid(label, words)
            | Self::MethodWarned(label, words)
            | Self::MethodTraced(label, words) => {
                format!("{label}: {}", text::harmless(words))
            }
            Self::Progress { label, done, of, unit } => {
                let of = of.map_or_else(String::new, |of| format!("of {of} "));
                format!("{label}: {done} {of}{}", text::harmless(unit))
            }
            _ => String::new(),
        }
    }
}

impl ComplaintKind {
    /// Returns which options show or hide a complaint.
    pub(crate) fn level(self) -> Level {
        match self {
            Self::NoDefault => Level::Verbose,
            Self::Unreadable | Self::Lines => Level::Normal,
            // The user relies on its lines.
            Self::NamedUnreadable => Level::Always,
        }
    }
}

/// Returns which options show or hide the failure of a line.
pub(crate) fn line_level(important: bool) -> Level {
    if important { Level::Normal } else { Level::Verbose }
}

fn asking(label: &str, limit: Option<Duration>) -> String {
    match limit {
        Some(limit) => format!("asking {label} (up to {})", durations::in_words(limit)),
        None => format!("using {label}"),
    }
}

fn leaving(label: &str, tries: u32, limit: Duration) -> String {
    let limit = durations::in_words(limit);
    let tries = if tries > 1 { format!(", try {tries}") } else { String::new() };
    format!("leaving{tries}: asking {label} (up to {limit})")
}

fn recombining(limit: Duration) -> String {
    let limit = durations::in_words(limit);
    format!(
        "the server is recombining (merging B/ back into A/ after a snapshot); waiting up to {limit}"
    )
}

fn accepted(content: &str, age: Duration) -> String {
    let age = durations::in_words(age);
    format!("Using the existing snapshot {content}, {age} old: later transactions are not in it")
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfStorage { name, event, .. } => {
                f.write_str(&of_storage(name, &event.to_string()))
            }
            Self::Complaint(Complaint { reason, .. }) | Self::Warning(reason) => {
                write!(f, "{reason}")
            }
            Self::Locked(..) => f.write_str("Locked snapshot mode"),
            Self::Inherited { content, .. } => {
                write!(f, "Using the snapshot {content} of the outer run")
            }
            Self::Accepted(content, age) => f.write_str(&accepted(content, *age)),
            Self::Unlocked => f.write_str("Unlocked snapshot mode"),
            Self::LeaveRetried { snapshot, tries, reason } => write!(
                f,
                "{snapshot} was left at try {tries}; the try before failed: {}",
                reason.text()
            ),
            Self::Left => f.write_str("Left snapshot mode"),
            Self::LeftBehind(code) => {
                write!(f, "Left the snapshot user/{code}, which an earlier run had left behind")
            }
            Self::Damaged(count) => {
                write!(
                    f,
                    "misc/dsnap.lock: ignoring what cannot be read of earlier runs (lines: {count})"
                )
            }
            Self::NotLeft(reason) => write!(f, "{reason}"),
            Self::Recombining(limit) => f.write_str(&recombining(*limit)),
            Self::ServerEnded => f.write_str(SERVER_ENDED),
            Self::ServerStuck => f.write_str(SERVER_STUCK),
            _ => f.write_str(&self.about_line()),
        }
    }
}

/// Puts the label of a line before what is said of it, unless the label is a URL that the words
/// contain.
///
/// Only a linked method has a URL as label, and it writes the words itself. Everybody else could
/// write words that look like a message of this program.
pub fn of_line(label: &str, words: &str) -> String {
    if is_url(label) && words.contains(label) {
        words.to_owned()
    } else {
        format!("{label}: {words}")
    }
}

/// Puts the label of a line before its reason, like [`of_line`].
pub fn reason_of_line(label: &str, reason: &Reason) -> Reason {
    reason.clone().with_text(of_line(label, reason.text()))
}

/// Puts the name of a storage, its path, before what is said of it, unless the words name it already.
pub(crate) fn of_storage(name: &str, words: &str) -> String {
    let ends = |rest: &str| rest.is_empty() || rest.starts_with([' ', ':', ',']);
    let mut parts = words.split(name);
    // A path below the storage names it only as the subject: the words may end in the label of a line.
    let is_subject = parts.next() == Some("")
        && words.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
    if is_subject || parts.any(ends) { words.to_owned() } else { format!("{name}: {words}") }
}

/// Puts the name of a storage before a reason, like [`of_storage`].
pub(crate) fn reason_of_storage(name: &str, reason: Reason) -> Reason {
    let text = of_storage(name, reason.text());
    reason.with_text(text)
}

fn is_url(label: &str) -> bool {
    let scheme = label.split_once("://").map_or("", |(scheme, _)| scheme);
    !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_method_begin_with_the_label_of_its_line() {
        let said = Event::MethodSaid("exec /x".into(), "hint: rm\nLeft snapshot mode".into());
        assert_eq!(said.to_string(), "exec /x: hint: rm\u{fffd}Left snapshot mode");
        let progress =
            |of| Event::Progress { label: "a".into(), done: 1, of, unit: "files".into() };
        assert_eq!(progress(Some(2)).to_string(), "a: 1 of 2 files");
        assert_eq!(progress(None).to_string(), "a: 1 files");
    }

    #[test]
    fn words_that_name_their_storage_do_not_name_it_twice() {
        assert_eq!(of_storage("/srv/a", "Left snapshot mode"), "/srv/a: Left snapshot mode");
        for words in [
            "/srv/a is in use",
            "/srv/a/misc/sublock is held",
            "/srv/a: no",
            "a snapshot of /srv/a is in use",
        ] {
            assert_eq!(of_storage("/srv/a", words), words);
        }
        for words in ["/srv/ab is in use", "Entered snapshot using exec /srv/a/config/stop"] {
            assert_eq!(of_storage("/srv/a", words), format!("/srv/a: {words}"));
        }
    }

    #[test]
    fn only_a_url_need_not_be_repeated_before_the_words() {
        let words = "hint: run x http://a/b";
        assert_eq!(of_line("http://a/b", words), words);
        assert_eq!(of_line("http://a/c", words), format!("http://a/c: {words}"));
        assert_eq!(of_line("x http://a/b", words), format!("x http://a/b: {words}"));
    }
}
