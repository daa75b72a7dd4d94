//! DURATION: how options and conf lines spell a length of time, and how messages do.

use std::fmt;
use std::time::Duration;

use crate::limits::MAX_DURATION;

/// Why a text is not a DURATION.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DurationError {
    /// The text is empty.
    Empty,
    /// It is negative.
    Negative,
    /// It is more than a hundred years.
    TooLong,
    /// It is not a number with an optional unit.
    NotANumber,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "is empty",
            Self::Negative => "is negative",
            Self::TooLong => "is more than a hundred years",
            Self::NotANumber => "is not a number of seconds, or one like 1.5, 90s, 10m, 2h or 1d",
        })
    }
}

impl std::error::Error for DurationError {}

/// Reads seconds (`90`, `1.5`), or a number with one of the units `s`, `m`, `h`, `d`.
///
/// # Errors
///
/// The text is empty, negative, not such a number, or more than a hundred years.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    let (sign, number) = text.strip_prefix('-').map_or((1.0, text), |number| (-1.0, number));
    let (number, unit) = match number.char_indices().next_back() {
        Some((at, 's')) => (&number[..at], 1.0),
        Some((at, 'm')) => (&number[..at], 60.0),
        Some((at, 'h')) => (&number[..at], 3600.0),
        Some((at, 'd')) => (&number[..at], 86400.0),
        _ => (number, 1.0),
    };
    if !is_decimal(number) {
        return Err(DurationError::NotANumber);
    }
    let seconds: f64 = number.parse().map_err(|_| DurationError::NotANumber)?;
    if sign < 0.0 {
        return Err(DurationError::Negative);
    }
    let duration =
        Duration::try_from_secs_f64(seconds * unit).map_err(|_| DurationError::TooLong)?;
    if duration > MAX_DURATION { Err(DurationError::TooLong) } else { Ok(duration) }
}

/// Accepts digits with at most one point between them. Rust's parser also accepts `inf` and `1e9`.
fn is_decimal(number: &str) -> bool {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    [whole, fraction]
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Shows a duration to people: `2 d 3 h`, `4 min 10 s`, `5 min`, `7 s`.
pub fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes, seconds % 60) {
        (0, 0, 0, s) => format!("{s} s"),
        (0, 0, m, 0) => format!("{m} min"),
        (0, 0, m, s) => format!("{m} min {s} s"),
        (0, h, 0, _) => format!("{h} h"),
        (0, h, m, _) => format!("{h} h {m} min"),
        (d, 0, _, _) => format!("{d} d"),
        (d, h, _, _) => format!("{d} d {h} h"),
    }
}

/// Shows a measured duration to people: with tenths below ten seconds, like [`in_words`] above.
pub fn in_words_with_tenths(duration: Duration) -> String {
    if duration < Duration::from_secs(10) {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        in_words(duration)
    }
}

/// Shows a time limit to people, in whole words: `15 seconds`, `1.5 seconds`, `5 minutes`.
pub fn limit_in_words(limit: Duration) -> String {
    let (number, unit) = match limit.as_secs() {
        seconds if seconds >= 60 && seconds % 60 == 0 && limit.subsec_nanos() == 0 => {
            (Duration::from_secs(seconds / 60), "minute")
        }
        _ => (limit, "second"),
    };
    let plural = if number == Duration::from_secs(1) { "" } else { "s" };
    format!("{} {unit}{plural}", number.as_secs_f64())
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_seconds_as_before() {
        assert_eq!(parse("0"), Ok(Duration::ZERO));
        assert_eq!(parse("600"), Ok(Duration::from_secs(600)));
    }

    #[test]
    fn fractions_and_units_are_understood() {
        assert_eq!(parse("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(parse("2h"), Ok(Duration::from_secs(7200)));
        assert_eq!(parse("1d"), Ok(Duration::from_secs(86400)));
        assert_eq!(parse("36500d"), Ok(Duration::from_secs(36500 * 86400)));
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        for (text, error) in [
            ("", DurationError::Empty),
            ("-1", DurationError::Negative),
            ("-0.5h", DurationError::Negative),
            ("37000d", DurationError::TooLong),
            ("99999999999999999999999999", DurationError::TooLong),
            ("x", DurationError::NotANumber),
            ("s", DurationError::NotANumber),
            ("inf", DurationError::NotANumber),
            ("1e3", DurationError::NotANumber),
            ("+5", DurationError::NotANumber),
            (".5", DurationError::NotANumber),
            ("1.2.3", DurationError::NotANumber),
            ("5 ", DurationError::NotANumber),
            ("10min", DurationError::NotANumber),
            ("5µ", DurationError::NotANumber),
        ] {
            assert_eq!(parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_limit_is_shown_as_it_can_be_said() {
        let words = |text| limit_in_words(parse(text).unwrap());
        assert_eq!(
            ["0", "0.5", "1", "15", "90", "1m", "5m", "2h"].map(words),
            [
                "0 seconds",
                "0.5 seconds",
                "1 second",
                "15 seconds",
                "90 seconds",
                "1 minute",
                "5 minutes",
                "120 minutes"
            ]
        );
    }

    #[test]
    fn people_see_the_two_largest_units() {
        let words = |seconds| in_words(Duration::from_secs(seconds));
        assert_eq!(
            [words(7), words(250), words(7260), words(183_600), words(300), words(7200)],
            ["7 s", "4 min 10 s", "2 h 1 min", "2 d 3 h", "5 min", "2 h"]
        );
    }
}
