//! An empty `misc/snapshot`: a server that entered could not write its code (a full disk), and is in
//! the snapshot all the same. Only that server can say in which one.

use dsnap_core::method::{Status, WorksWith};
use dsnap_core::{Code, text};

use crate::conf::plan::Step;
use crate::failure::Failure;
use crate::quoting::quoted;
use crate::run::event;
use crate::run::new_code::new_code;
use crate::run::session::Session;
use crate::storage::main_lock::Openness;
use crate::storage::snapshot_file::Content;
use crate::storage::snapshot_lock;
use crate::system::process::Host;

/// Asks each line in which snapshot its server is, if `misc/snapshot` is empty.
///
/// # Errors
///
/// A server is in a snapshot, or none can say.
pub(crate) fn ask_servers(session: &Session<'_>) -> Result<(), Failure> {
    let file = snapshot_lock::read_snapshot_file(session.storage)?;
    if file.content != Content::Empty || session.openness() == Openness::Closed {
        return Ok(());
    }
    let root = text::path(session.storage.root());
    let code = new_code(&Host::here().host, std::process::id());
    let servers =
        session.plan.steps.iter().filter(|step| step.method.works_with() == WorksWith::Owner);
    let mut why = Vec::new();
    for step in servers {
        match status(session, step, &code) {
            Status::CouldEnter => return Ok(()),
            Status::Held(held) => return Err(held_by(session, step, &held)),
            Status::CannotTell => why.push(format!("{} cannot tell", step.label)),
            Status::Busy(reason) | Status::Unavailable(reason) | Status::Refused(reason) => {
                why.push(event::of_line(&step.label, reason.text()));
            }
        }
    }
    let none = || "no line asks a server".to_owned();
    let why = if why.is_empty() { none() } else { why.join("; ") };
    let what = format!(
        "misc/snapshot in {root} is empty, and which snapshot its server is in is not known: {why}"
    );
    Err(Failure::permanent(what).hint("restart the server that has the storage open"))
}

fn status(session: &Session<'_>, step: &Step, code: &Code) -> Status {
    let caller = session.ignoring_stop(&step.label);
    let request = session.request(step, code, &caller);
    step.call(session.privileges, |method| method.status(&request), Status::Unavailable)
}

fn held_by(session: &Session<'_>, step: &Step, held: &[u8]) -> Failure {
    let (root, shown) = (text::path(session.storage.root()), Content::of(held));
    let failure = Failure::in_use(format!(
        "misc/snapshot in {root} is empty, but its server is in the snapshot {shown} (says {})",
        step.label
    ));
    match held.strip_prefix(b"user/").and_then(Code::from_bytes) {
        Some(code) => failure.hint(format!(
            "if nothing uses that snapshot any more: {} --code {}",
            session.job.recover,
            quoted(code.as_str())
        )),
        None => failure,
    }
}
