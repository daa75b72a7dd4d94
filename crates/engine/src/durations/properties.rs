//! What holds for every DURATION.

use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_number_of_any_unit_is_that_many_seconds(number in 0..80_000_u64, tenths in 0..10_u64) {
        for (unit, seconds) in [("", 1), ("s", 1), ("m", 60), ("h", 3600), ("d", 86400)] {
            let whole = Duration::from_secs(number * seconds);
            let read = if whole > MAX_DURATION { Err(DurationError::TooLong) } else { Ok(whole) };
            prop_assert_eq!(parse(&format!("{number}{unit}")), read);
            let tenths = Duration::from_millis((number * 10 + tenths) * seconds * 100);
            let read = parse(&format!("{}.{}{unit}", number, tenths.as_millis() as u64 / (seconds * 100) % 10));
            let error = read.unwrap_or(MAX_DURATION).abs_diff(tenths.min(MAX_DURATION));
            // A fraction is read as a binary one.
            prop_assert!(error < Duration::from_micros(1), "{:?} for {:?}", read, tenths);
        }
    }

    #[test]
    fn any_text_is_a_duration_within_the_limit_or_an_error(text in "(-|\\+)?([0-9a-z.µ \\PC]{0,12}|[0-9]{1,9}|inf|nan|[0-9]e[0-9])[smhd]?") {
        if let Ok(duration) = parse(&text) {
            prop_assert!(duration <= MAX_DURATION);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_digit() || b".smhd".contains(&byte)));
        }
    }

    #[test]
    fn no_number_is_read_as_a_shorter_one(digits in "[1-9][0-9]{0,400}") {
        match parse(&digits) {
            Ok(duration) => prop_assert_eq!(duration.as_secs().to_string(), digits),
            Err(error) => {
                prop_assert_eq!(error, DurationError::TooLong);
                prop_assert!(digits.len() >= MAX_DURATION.as_secs().to_string().len());
            }
        }
    }

    #[test]
    fn every_duration_is_shown_in_at_most_two_units(seconds: u64) {
        let shown = in_words(Duration::from_secs(seconds));
        prop_assert!((2..=4).contains(&shown.split(' ').count()), "{}", shown);
        prop_assert!(shown.len() < 30, "{}", shown);
    }
}
