//! The end of a run that got no snapshot: the state of the storage, who holds its locks, and each reason
//! once. The last line, with the reason that decides, follows.

use std::collections::HashSet;
use std::path::Path;

use dsnap_core::{Reason, text};
use dsnap_engine::diagnosis::{Diagnosis, LockView};
use dsnap_engine::run::job::{NotRun, OtherReason};

use crate::documents::status;

/// The words of the original tool, for which people search.
const HEADING: &str = "Could not lock storage directory";

/// What a failed run says of its storage.
#[derive(Debug, Default)]
pub(crate) struct Situation {
    /// The state, in one line that begins with the storage.
    pub(crate) state: String,
    /// The snapshot code, as `misc/snapshot` has it.
    pub(crate) code: Option<String>,
    /// Each lock file that is locked, and who holds it.
    pub(crate) holders: Vec<(&'static str, String)>,
    /// The storage, if the run has several.
    pub(crate) name: Option<String>,
}

/// Lists the lines before the last one. `is_new` says of a reason that it has not been shown yet.
pub(crate) fn before_last_line(
    not_run: &NotRun,
    situation: &Situation,
    is_new: impl Fn(&OtherReason) -> bool,
) -> Vec<String> {
    let NotRun::NoSnapshot { failure, cause, others, tells_state } = not_run else {
        return Vec::new();
    };
    let decisive = cause.as_deref().unwrap_or(failure.reason());
    let others: Vec<_> =
        others.iter().filter(|other| is_new(other)).map(|other| &other.reason).collect();
    let said: Vec<_> = others.iter().copied().chain([decisive]).map(Reason::text).collect();
    let state = (!tells_state && !situation.is_told_by(&said)).then(|| situation.state.clone());
    let facts = state.into_iter().chain(situation.holders_besides(&said));
    let lines = facts.chain(without_repeated_hints(&others, decisive));
    let lines = lines.filter(|line| !line.is_empty()).map(|line| format!("  {line}"));
    [HEADING.to_owned()].into_iter().chain(lines).collect()
}

impl Situation {
    /// Takes from a diagnosis what the end of a run says.
    pub(crate) fn of(dir: &Path, diagnosis: &Diagnosis) -> Self {
        let Diagnosis { server, sublock, run, code, .. } = diagnosis;
        let locks = [("misc/lock", server), ("misc/sublock", sublock), ("misc/dsnap.lock", run)];
        let held = locks.into_iter().filter_map(|(name, lock)| match lock {
            LockView::Held(holder) => Some((name, holder.to_string())),
            LockView::Free | LockView::Unknown => None,
        });
        Self {
            state: status::state_line(dir, diagnosis),
            code: code.as_deref().map(text::harmless),
            holders: held.collect(),
            name: None,
        }
    }

    /// Says whether the reasons name the snapshot that the storage is in.
    fn is_told_by(&self, said: &[&str]) -> bool {
        let code = self.code.as_deref().filter(|code| code.starts_with("user/"));
        code.is_some_and(|code| said.iter().any(|text| text.contains(code)))
    }

    /// Says who holds which locks, as far as the reasons do not name them.
    fn holders_besides(&self, said: &[&str]) -> Vec<String> {
        let mut lines: Vec<(Vec<&str>, &str)> = Vec::new();
        for (lock, holder) in &self.holders {
            match lines.iter_mut().find(|(_, other)| other == holder) {
                Some((locks, _)) => locks.push(lock),
                None => lines.push((vec![lock], holder)),
            }
        }
        let is_new = |(_, holder): &(_, &str)| !said.iter().any(|text| text.contains(*holder));
        let of = self.name.as_ref().map_or_else(String::new, |name| format!("{name}: "));
        let words = |(locks, holder): (Vec<&str>, &str)| {
            let verb = if locks.len() == 1 { "is" } else { "are" };
            format!("{of}{} {verb} held by {holder}", locks.join(" and "))
        };
        lines.into_iter().filter(is_new).map(words).collect()
    }
}

/// Lists the lines of reasons, without a hint that stands in another one, too.
fn without_repeated_hints(others: &[&Reason], decisive: &Reason) -> Vec<String> {
    let mut known: HashSet<String> = decisive.to_string().lines().map(str::to_owned).collect();
    let mut lines = Vec::new();
    for other in others {
        let is_new = |line: &&str| !line.starts_with("hint: ") || known.insert((*line).to_owned());
        lines.extend(other.to_string().lines().filter(is_new).map(str::to_owned));
    }
    lines
}

#[cfg(test)]
mod tests {
    use dsnap_engine::run::job::Failure;

    use super::*;

    fn situation() -> Situation {
        let zope = || "zope (pid 1, user zope)".to_owned();
        Situation {
            state: "DIR: in a snapshot (user/x), entered 2 h ago".to_owned(),
            code: Some("user/x".to_owned()),
            holders: vec![
                ("misc/lock", zope()),
                ("misc/sublock", "cp (pid 2, user backup)".to_owned()),
                ("misc/dsnap.lock", zope()),
            ],
            name: None,
        }
    }

    fn lines(decisive: &str, others: &[&str], tells_state: bool) -> Vec<String> {
        let other = |text: &&str| OtherReason {
            reason: Reason::new(*text).hint("do it"),
            reported_at: None,
        };
        let failure = Failure::Permanent(Reason::new(decisive));
        let others = others.iter().map(other).collect();
        let not_run = NotRun::NoSnapshot { failure, cause: None, others, tells_state };
        before_last_line(&not_run, &situation(), |_| true)
    }

    #[test]
    fn the_state_and_who_holds_locks_stand_before_the_reasons() {
        let all = [
            HEADING,
            "  DIR: in a snapshot (user/x), entered 2 h ago",
            "  misc/lock and misc/dsnap.lock are held by zope (pid 1, user zope)",
            "  misc/sublock is held by cp (pid 2, user backup)",
            "  http://a: 401",
            "  hint: do it",
            "  http://b: 401",
        ];
        assert_eq!(lines("refused", &["http://a: 401", "http://b: 401"], false), all);
    }

    #[test]
    fn what_a_reason_says_is_not_said_again() {
        let in_use = "DIR is in the snapshot user/x; in use by cp (pid 2, user backup)";
        let zope = "  misc/lock and misc/dsnap.lock are held by zope (pid 1, user zope)";
        assert_eq!(lines(in_use, &[], false), [HEADING, zope]);
        assert_eq!(
            lines("open in zope (pid 1, user zope)", &[in_use], true)[1..],
            [format!("  {in_use}"), "  hint: do it".to_owned()]
        );
    }

    #[test]
    fn a_run_that_was_stopped_has_no_heading() {
        let lines = before_last_line(&NotRun::Stopped(15), &situation(), |_| true);
        assert!(lines.is_empty(), "{lines:?}");
    }
}
