//! The line by which an earlier run entered, where this run does not have it: how messages name it,
//! and how it is given again.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use dsnap_core::text;

use crate::conf::plan::{METHOD_OPTION, Step};
use crate::conf::{grammar, label};
use crate::quoting::quoted;
use crate::record::entry::Record;
use crate::run::session::Session;
use crate::system::{trust, users};

/// Finds the line that entered, if the conf (or this run's `--method`) still has it.
pub(crate) fn step<'a>(session: &'a Session<'_>, record: &Record) -> Option<&'a Step> {
    session.plan.steps.iter().find(|step| step.line == record.line)
}

/// Names the line without its text, which may contain a password.
pub(crate) fn named(record: &Record) -> String {
    let Record { label, conf, .. } = record;
    let conf = text::harmless(conf);
    if label.is_empty() { conf } else { format!("`{}` ({conf})", text::harmless(label)) }
}

/// Says how a person gives this program the line again.
pub(crate) fn how_to_give_again(session: &Session<'_>, record: &Record) -> String {
    let recover = &session.job.recover;
    if !record.conf.ends_with(&format!(" in {METHOD_OPTION}")) {
        return format!("put that line back, then: {recover}");
    }
    if may_be_repeated(session, record) {
        let line = quoted(OsStr::from_bytes(&record.line));
        return format!("give that --method again: {recover} {METHOD_OPTION} {line}");
    }
    format!("give the --method LINE of that run again: {recover} {METHOD_OPTION} LINE")
}

/// Says whether a hint may contain the text of the line. Somebody else may have written the record
/// to make the user of this program run the line, and a line may contain a password.
fn may_be_repeated(session: &Session<'_>, record: &Record) -> bool {
    let user = users::effective_user();
    let is_forgeable = || trust::others_can_change(&session.storage.run_lock(), user);
    hides_nothing(session, record) && !session.privileges.are_lowered() && !is_forgeable()
}

/// Says whether the label shows the words themselves. The words of a method that runs no code name
/// files, so of these a URL that is shown unchanged is enough.
fn hides_nothing(session: &Session<'_>, record: &Record) -> bool {
    let Some(Ok(words)) = grammar::line(&record.line, 1).map(|line| line.words) else {
        return false;
    };
    let runs_code = words.first().is_none_or(|it| session.methods.runs_code(it.as_bytes()));
    let shown = |word| text::harmless(word) == record.label;
    record.label == label::of_words(&words) || (!runs_code && words.iter().any(shown))
}
