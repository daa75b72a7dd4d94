//! What each line of the conf would do: its method looks, and nothing is entered.

use std::cell::OnceCell;
use std::time::{Duration, Instant, SystemTime};

use dsnap_core::Reason;
use dsnap_core::method::{Status, WorksWith};
use dsnap_core::text;

use crate::conf::plan::Step;
use crate::diagnosis::facts::Facts;
use crate::limits::{FILE_POLL_INTERVAL, SUBLOCK_TIMEOUT};
use crate::run::new_code::new_code;
use crate::run::session::Session;
use crate::storage::main_lock::Openness;
use crate::storage::snapshot_file::Content;
use crate::storage::snapshot_lock;
use crate::system::process::Host;

/// A line of the conf.
#[derive(Debug)]
pub struct LineReport {
    /// Where it stands: `line 3 in FILE`.
    pub location: String,
    /// How messages name it.
    pub label: String,
    /// Its method works on the files of a storage that no process has open.
    pub works_on_files: bool,
    /// What it would do.
    pub answer: LineAnswer,
    /// How long ago the last run ended, if that run entered by this line.
    pub last_entered: Option<Duration>,
}

/// What a line would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineAnswer {
    /// It could enter now.
    CouldEnter,
    /// Its server is in this snapshot: `user/CODE`.
    Held(String),
    /// A snapshot, a pack or a recombination is in progress. It ends without a person.
    Busy(Reason),
    /// Nobody answers.
    Unavailable(Reason),
    /// A person must act.
    Refused(Reason),
    /// It cannot look without entering.
    CannotTell,
    /// It is not asked: no process has the storage open or, for one that works on the files, a
    /// process has.
    NotAsked,
}

/// Says whether a server reports that it is busy.
pub(super) fn is_server_busy(lines: &[LineReport]) -> bool {
    lines.iter().any(|line| matches!(line.answer, LineAnswer::Busy(_)))
}

/// Asks each line.
pub(super) fn ask(session: &Session<'_>, facts: &Facts) -> Vec<LineReport> {
    let now = snapshot_lock::seconds(SystemTime::now());
    let last = facts.look.contents.last.as_ref();
    let report = |step: &Step| {
        let entered = last.filter(|last| last.entered_by == step.label);
        LineReport {
            location: step.location.clone(),
            label: step.label.clone(),
            works_on_files: step.method.works_with() == WorksWith::Nobody,
            answer: answer(session, facts, step),
            last_entered: entered.map(|last| Duration::from_secs(now.saturating_sub(last.ended))),
        }
    };
    session.plan.steps.iter().map(report).collect()
}

fn answer(session: &Session<'_>, facts: &Facts, step: &Step) -> LineAnswer {
    let with_server = match (step.method.works_with(), facts.server.openness()) {
        (WorksWith::Owner, Openness::Closed) | (WorksWith::Nobody, Openness::Open) => {
            return LineAnswer::NotAsked;
        }
        (works_with, _) => works_with == WorksWith::Owner,
    };
    if !with_server || session.program.stopped().is_some() {
        return LineAnswer::CannotTell;
    }
    let code = new_code(&Host::here().host, std::process::id());
    let stopped_at = OnceCell::new();
    let caller = session.listener(&step.label, &stopped_at);
    let request = session.request(step, &code, &caller);
    match step.call(session.privileges, |method| method.probe(&request), Status::Unavailable) {
        Status::CouldEnter => {
            let said = "reports no snapshot";
            wrong_server(session, facts, step, said, |content| !content.is_user())
                .unwrap_or(LineAnswer::CouldEnter)
        }
        Status::Held(code) => {
            let shown = text::harmless(String::from_utf8_lossy(&code).into_owned());
            let said = format!("is in the snapshot {shown}");
            wrong_server(session, facts, step, &said, |content| *content == Content::of(&code))
                .unwrap_or(LineAnswer::Held(shown))
        }
        Status::Busy(reason) => LineAnswer::Busy(reason),
        Status::Unavailable(reason) => LineAnswer::Unavailable(reason),
        Status::Refused(reason) => LineAnswer::Refused(reason),
        Status::CannotTell => LineAnswer::CannotTell,
    }
}

/// Says that a server is that of another storage, if what it says does not `agree` with `misc/snapshot`.
/// A server that is just entering or leaving may disagree for a moment.
fn wrong_server(
    session: &Session<'_>,
    facts: &Facts,
    step: &Step,
    said: &str,
    agrees: impl Fn(&Content) -> bool,
) -> Option<LineAnswer> {
    let unwritten = |content: &Content| *content == Content::Empty;
    if facts.server.openness() != Openness::Open || facts.restarted {
        return None;
    }
    let until = Instant::now() + SUBLOCK_TIMEOUT;
    loop {
        let content = snapshot_lock::read_snapshot_file(session.storage).ok()?.content;
        if agrees(&content) || unwritten(&content) || content != facts.file.content {
            return None;
        }
        if Instant::now() >= until || session.program.stopped().is_some() {
            let Step { label, location, .. } = step;
            let what = format!(
                "the server at {label} {said}, but misc/snapshot of this storage is {content}: it is the server of another storage"
            );
            let hint = format!(
                "correct {location}: it must lead to the server that has this storage open"
            );
            return Some(LineAnswer::Refused(Reason::new(what).hint(hint)));
        }
        std::thread::sleep(FILE_POLL_INTERVAL);
    }
}
