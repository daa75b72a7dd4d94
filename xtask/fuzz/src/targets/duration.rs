//! DURATION: what options and conf lines spell.

use std::time::Duration;

use dsnap_engine::durations;
use dsnap_engine::limits::MAX_DURATION;

use crate::shown::check_line;
use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "duration",
    property: "DURATION: a number is read as exactly that many seconds, or refused",
    check,
    longest: 64,
};

fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match durations::parse(&text) {
        Ok(duration) => {
            assert!(duration <= MAX_DURATION, "{text:?}: {duration:?}");
            check_value(&text, duration);
            check_words(duration);
        }
        Err(error) => {
            check_line(&error.to_string());
            assert!(plain_seconds(&text).is_none_or(|it| it > MAX_DURATION.as_secs()), "{text:?}");
        }
    }
}

/// Reads digits alone, as the original does.
fn plain_seconds(text: &str) -> Option<u64> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Works out the value again, with whole numbers only.
fn check_value(text: &str, duration: Duration) {
    let (number, unit) = match text.split_at(text.len() - 1) {
        (number, "s") => (number, 1),
        (number, "m") => (number, 60),
        (number, "h") => (number, 3600),
        (number, "d") => (number, 86400),
        _ => (text, 1),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = [whole, fraction].concat();
    assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{text:?} is a number");
    let nanoseconds = |digits: &str| format!("{digits:0<9.9}").parse::<u64>().unwrap();
    let whole = Duration::from_secs(whole.parse::<u64>().unwrap() * unit);
    let expected = whole + Duration::from_nanos(nanoseconds(fraction)) * unit as u32;
    // A fraction is read as a binary one.
    let error = expected.abs_diff(duration);
    assert!(error < Duration::from_millis(1), "{text:?}: {duration:?} is not {expected:?}");
}

/// Checks how a duration is shown: in two units at most, and as a limit that reads back.
fn check_words(duration: Duration) {
    let words = durations::in_words(duration);
    assert!((2..=4).contains(&words.split(' ').count()), "{words}");
    let limit = durations::limit_in_words(duration);
    let (number, unit) = limit.split_once(' ').unwrap();
    let spelled = format!("{number}{}", &unit[..1]);
    let read = durations::parse(&spelled).unwrap();
    assert!(read.abs_diff(duration) < Duration::from_millis(1), "{limit}: {read:?}");
}
