//! What libFuzzer reports at its end, and the table of all targets.

use std::time::Duration;

/// The result of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Campaign {
    /// How many inputs were checked.
    pub(crate) executions: u64,
    /// How many places of the code were reached.
    pub(crate) coverage: u64,
    /// How many inputs are in the corpus.
    pub(crate) corpus: usize,
    /// How many inputs failed.
    pub(crate) findings: usize,
    /// How long it took.
    pub(crate) took: Duration,
}

/// Reads the number of executions, and the coverage, from what libFuzzer wrote.
pub(crate) fn of_log(log: &str) -> (u64, u64) {
    let number = |text: &str| text.split_whitespace().next()?.parse::<u64>().ok();
    let behind = |line: &str, label: &str| number(line.split_once(label)?.1);
    let last = |label: &str| log.lines().rev().find_map(|line| behind(line, label));
    let counted = last("stat::number_of_executed_units:").or_else(|| {
        // A finding ends libFuzzer, which then counts on each line only.
        log.lines().rev().find_map(|line| number(line.strip_prefix('#')?))
    });
    (counted.unwrap_or(0), last(" cov: ").unwrap_or(0))
}

const HEAD: &str = "target         executions  per second  coverage  corpus  findings  seconds";

/// Shows one target.
pub(crate) fn line(name: &str, campaign: &Campaign) -> String {
    let Campaign { executions, coverage, corpus, findings, took } = campaign;
    let seconds = took.as_secs().max(1);
    let rate = executions / seconds;
    format!("{name:13} {executions:11} {rate:11} {coverage:9} {corpus:7} {findings:9} {seconds:8}")
}

/// Shows all targets.
pub(crate) fn table(campaigns: &[(&str, Campaign)]) -> String {
    let lines = campaigns.iter().map(|(name, campaign)| format!("\n{}", line(name, campaign)));
    format!("{HEAD}{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "#2\tINITED cov: 7 ft: 8 corp: 1/1b exec/s: 0 rss: 30Mb\n#131072\tpulse  cov: 95 ft: 201 corp: 60/1k lim: 64 exec/s: 65536 rss: 41Mb\n";

    #[test]
    fn executions_and_coverage_are_read_at_the_end_and_after_a_finding() {
        assert_eq!(of_log(LOG), (131_072, 95));
        let whole = format!("{LOG}stat::number_of_executed_units: 200000\n");
        assert_eq!(of_log(&whole), (200_000, 95));
        assert_eq!(of_log("no number"), (0, 0));
    }
}
