//! Times, sizes and ratios for people.

/// Formats a number of KiB.
pub(crate) fn mebibytes(kib: u64) -> String {
    let mib = u32::try_from(kib).map_or(f64::INFINITY, f64::from) / 1024.0;
    format!("{} MiB", significant(mib))
}

/// Formats milliseconds. Whole microseconds are measured.
pub(crate) fn time(millis: f64) -> String {
    if millis == 0.0 {
        "< 0.001 ms".to_owned()
    } else if millis < 1000.0 {
        format!("{} ms", significant(millis))
    } else {
        format!("{} s", significant(millis / 1000.0))
    }
}

/// Formats a number with three significant digits.
pub(crate) fn significant(number: f64) -> String {
    match number.abs() {
        large if large >= 99.95 => format!("{number:.0}"),
        medium if medium >= 9.995 => format!("{number:.1}"),
        small if small >= 0.0995 => format!("{number:.2}"),
        nothing if nothing < 0.0005 => "0".to_owned(),
        _ => format!("{number:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_significant_digits() {
        let shown = [0.0, 0.0123, 0.5, 9.999, 12.34, 1234.5].map(significant);
        assert_eq!(shown, ["0", "0.012", "0.50", "10.0", "12.3", "1234"]);
    }

    #[test]
    fn what_is_too_quick_to_be_measured_has_a_limit() {
        assert_eq!([0.0, 0.001, 1500.0].map(time), ["< 0.001 ms", "0.001 ms", "1.50 s"]);
    }
}
