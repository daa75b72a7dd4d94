//! When a transaction was committed: its id is a time.
//!
//! ZODB's `TimeStamp` counts the minutes since 1900 in the upper half of the id, with twelve months
//! of 31 days in each year, and the fraction of that minute in the lower half.

/// The first year of a transaction id.
const FIRST_YEAR: u64 = 1900;

/// Returns when the transaction with that id was committed, in seconds since 1970.
///
/// `None` if that is earlier, or if the id is no time: its month has no such day.
pub fn transaction_time(id: [u8; 8]) -> Option<u64> {
    let id = u64::from_be_bytes(id);
    let (minutes, fraction) = (id >> 32, id & 0xFFFF_FFFF);
    let (days, minute) = (minutes / 1440, minutes % 1440);
    let (months, day) = (days / 31, days % 31 + 1);
    let (year, month) = (months / 12 + FIRST_YEAR, months % 12 + 1);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before: u64 = lengths.iter().take(usize::try_from(month - 1).ok()?).sum();
    if day > lengths[usize::try_from(month - 1).ok()?] {
        return None;
    }
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    let days = (365 * year + leap_days(year - 1) + before + day - 1)
        .checked_sub(365 * 1970 + leap_days(1969))?;
    Some(days * 86400 + minute * 60 + ((fraction * 60) >> 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_time_at_which_its_transaction_was_committed() {
        // As persistent.TimeStamp makes them.
        for (id, seconds) in [
            (0x023C_2B00_0000_0000_u64, 0),         // 1970-01-01 00:00:00
            (0x023C_2B00_8000_0000, 30),            // 1970-01-01 00:00:30
            (0x0332_B0BE_0000_0000, 951_826_440),   // 2000-02-29 12:14:00
            (0x0405_E700_0000_0000, 1_767_225_600), // 2026-01-01 00:00:00
        ] {
            assert_eq!(transaction_time(id.to_be_bytes()), Some(seconds), "{id:x}");
        }
    }

    #[test]
    fn an_id_before_1970_or_with_a_day_that_its_month_does_not_have_is_no_time() {
        assert_eq!(transaction_time([0; 8]), None);
        // The 31st of February 2026.
        let minutes: u64 = (((2026 - 1900) * 12 + 1) * 31 + 30) * 1440;
        assert_eq!(transaction_time((minutes << 32).to_be_bytes()), None);
    }
}
