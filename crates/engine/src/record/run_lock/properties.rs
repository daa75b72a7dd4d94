//! What holds for every line that says which run holds the lock.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::record::properties::{code, host, process, with_another_byte};

fn run() -> impl Strategy<Value = RunRecord> {
    (code(), process(), option::of(process()), host(), any::<u64>()).prop_map(
        |(code, tool, command, host, since)| RunRecord { code, tool, command, host, since },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_line_of_any_run_reads_back(run in run()) {
        prop_assert_eq!(RunRecord::from_line(&run.to_line()), Some(run));
    }

    #[test]
    fn the_line_of_a_run_with_another_byte_or_a_missing_end_is_rejected(
        run in run(),
        at: Index,
        change in 1..=u8::MAX,
    ) {
        let line = run.to_line();
        prop_assert_eq!(RunRecord::from_line(&with_another_byte(&line, at, change)), None);
        prop_assert_eq!(RunRecord::from_line(&line[..at.index(line.len())]), None);
    }
}
