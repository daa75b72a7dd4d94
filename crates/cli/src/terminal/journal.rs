//! Priorities of messages: the prefix of each line if stderr leads to the journal of systemd.
//!
//! systemd names the journal's stream in `$JOURNAL_STREAM`. If stderr is that very stream, and not
//! redirected since, the journal takes `<3>` at the beginning of a line as its priority (see
//! sd-daemon(3)). Everywhere else a line stands as it is.

use std::fmt::Write;
use std::io;

use dsnap_engine::conf::plan::ComplaintKind;
use dsnap_engine::run::event::Event;

use crate::environment;

/// What a line of advice begins with.
const HINT: &str = "hint: ";

/// How important a line is: the numbers of syslog(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    /// The run failed, or its snapshot did.
    Error = 3,
    /// Somebody should look at it.
    Warning = 4,
    /// The run takes its ordinary course.
    Info = 6,
    /// Only `-v` shows it.
    Debug = 7,
}

impl Priority {
    /// Returns the priority of an event.
    pub(crate) fn of(event: &Event) -> Self {
        match event.without_storage() {
            Event::NotLeft(_) | Event::ServerStuck => Self::Error,
            Event::LineFailed { important: true, .. }
            | Event::Warning(_)
            | Event::Accepted(..)
            | Event::LeaveRetried { .. }
            | Event::LeftBehind(_)
            | Event::Damaged(_)
            | Event::MayStillCome(..)
            | Event::RollsForward(_)
            | Event::ServerEnded
            | Event::MethodWarned(..) => Self::Warning,
            Event::Complaint(complaint) if complaint.kind != ComplaintKind::NoDefault => {
                Self::Warning
            }
            Event::Asking { .. }
            | Event::Leaving { .. }
            | Event::MethodSaid(..)
            | Event::MethodTraced(..)
            | Event::Progress { .. } => Self::Debug,
            _ => Self::Info,
        }
    }
}

/// Says whether stderr leads to the journal.
pub(crate) fn is_stderr() -> bool {
    let stream = environment::journal_stream();
    let found = rustix::fs::fstat(io::stderr()).map(|found| (found.st_dev, found.st_ino));
    found.is_ok_and(|(device, inode)| stream == Some((device, inode)))
}

/// Puts the priority before each line. A hint is a warning, whatever it belongs to.
pub(crate) fn with_priority(lines: &str, priority: Priority) -> String {
    let mut text = String::new();
    for line in lines.lines() {
        let priority = if line.starts_with(HINT) { Priority::Warning } else { priority };
        // Writing into a string does not fail.
        let _ = writeln!(text, "<{}>{line}", priority as u8);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_the_priority_and_a_hint_is_a_warning() {
        let text = "COMMAND was not run: it is in use\nhint: wait\n  other";
        let expected = "<3>COMMAND was not run: it is in use\n<4>hint: wait\n<3>  other\n";
        assert_eq!(with_priority(text, Priority::Error), expected);
    }

    #[test]
    fn the_ordinary_course_of_a_run_is_info_and_what_stays_behind_an_error() {
        let reason = dsnap_core::Reason::new("x");
        assert_eq!(Priority::of(&Event::Entered("direct".into())), Priority::Info);
        assert_eq!(Priority::of(&Event::Left), Priority::Info);
        assert_eq!(Priority::of(&Event::Warning(reason.clone())), Priority::Warning);
        assert_eq!(Priority::of(&Event::NotLeft(reason)), Priority::Error);
    }
}
