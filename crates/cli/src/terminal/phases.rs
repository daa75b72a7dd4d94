//! With `-v`: when each phase of a run began, and how long it took.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dsnap_core::Reason;
use dsnap_engine::durations::in_words_with_tenths;
use dsnap_engine::run::event::Event;
use dsnap_engine::run::job::CommandEnd;
use dsnap_host::signals;

/// Measures the phases of a run.
#[derive(Debug, Default)]
pub(crate) struct Phases {
    /// When the last call of a method began.
    call_began: Cell<Option<Instant>>,
}

impl Phases {
    /// Says which phase an event begins. The result replaces the event's own words.
    pub(crate) fn begun(&self, event: &Event) -> Option<String> {
        if !matches!(event.without_storage(), Event::Asking { .. } | Event::Leaving { .. }) {
            return None;
        }
        self.call_began.set(Some(Instant::now()));
        Some(stamped(&event.to_string()))
    }

    /// Says how long the phase took that an event ends. The result follows the event's own words.
    pub(crate) fn ended(&self, event: &Event) -> Option<String> {
        let what = match event.without_storage() {
            Event::Entered(_) => "entered",
            Event::LineFailed { .. } => "failed",
            Event::Left | Event::LeftBehind(_) => "left",
            _ => return None,
        };
        let took = self.call_began.take()?.elapsed();
        let words = Reason::new(format!("{what} after {}", in_words_with_tenths(took)));
        Some(stamped(event.name_storage(words).text()))
    }
}

/// Says how COMMAND ended, and how long it ran.
pub(crate) fn command_ended(end: &CommandEnd, ran: Duration) -> Option<String> {
    let how = match end {
        CommandEnd::Exited(status) => format!("exited with status {status}"),
        CommandEnd::Killed(signal) => format!("was killed by signal {}", signals::name(*signal)),
        CommandEnd::Overdue { .. } => "was ended".to_owned(),
        CommandEnd::CannotExecute(_) | CommandEnd::NotFound(_) => return None,
    };
    Some(stamped(&format!("COMMAND {how} after {}", in_words_with_tenths(ran))))
}

/// Says how long a storage was frozen. `name` is its path if there are several, and `is_left` says
/// whether it no longer is.
pub(crate) fn frozen(name: Option<&str>, time: Duration, is_left: bool) -> String {
    let time = in_words_with_tenths(time);
    let storage = name.unwrap_or("the storage");
    stamped(&if is_left {
        format!("{storage} was frozen for {time}")
    } else {
        format!("{storage} has been frozen for {time}, and may still be")
    })
}

/// Puts the time of day before words, in UTC.
pub(crate) fn stamped(words: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{} {words}", time_of_day(now.as_secs()))
}

fn time_of_day(seconds: u64) -> String {
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}Z", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_has_two_digits_for_each_part() {
        assert_eq!(time_of_day(0), "00:00:00Z");
        assert_eq!(time_of_day(86_400 * 3 + 3600 * 9 + 60 * 5 + 7), "09:05:07Z");
    }

    #[test]
    fn a_call_has_a_beginning_and_one_end() {
        let phases = Phases::default();
        assert_eq!(phases.ended(&Event::Left), None);
        let begun = phases.begun(&Event::Asking { label: "zope".into(), limit: None }).unwrap();
        assert!(begun.ends_with("Z using zope"), "{begun}");
        assert_eq!(phases.begun(&Event::Unlocked), None);
        let ended = phases.ended(&Event::Entered("zope".into())).unwrap();
        assert!(ended.ends_with("Z entered after 0.0 s"), "{ended}");
        assert_eq!(phases.ended(&Event::Entered("zope".into())), None);
    }
}
