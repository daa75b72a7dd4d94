//! The result of a run, as `--metrics` writes it: the text format of Prometheus.
//!
//! A failed run copies the time of the last success from the older file: alerts compute its age.

use crate::documents::run_report::{RunReport, StorageReport};

const SUCCESS_TIME: &str = "dsnap_last_success_timestamp_seconds";
const SUCCESS_TRANSACTION_TIME: &str = "dsnap_last_success_transaction_timestamp_seconds";

/// A metric of one storage: its name, its description, and its value if there is one.
type Metric = (&'static str, &'static str, Option<f64>);

/// Writes the text, with one series for each storage. `old` is the text that the previous run wrote.
pub(crate) fn text(report: &RunReport, old: &str) -> String {
    let of_each: Vec<_> = report.storages().map(|it| of_storage(report, it, old)).collect();
    // The format wants all series of a metric together.
    let count = of_each.first().map_or(0, |(_, metrics)| metrics.len());
    (0..count).map(|number| family(&of_each, number)).collect()
}

/// Writes all series of the metric with that number.
fn family(of_each: &[(String, Vec<Metric>)], number: usize) -> String {
    let mut text = String::new();
    for (label, metrics) in of_each {
        let (name, help, Some(value)) = metrics[number] else { continue };
        if text.is_empty() {
            text = format!("# HELP {name} {help}\n# TYPE {name} gauge\n");
        }
        text += &format!("{name}{label} {value}\n");
    }
    text
}

fn of_storage(report: &RunReport, storage: &StorageReport, old: &str) -> (String, Vec<Metric>) {
    let label = label(&storage.storage);
    let successes = successes(report, storage, old, &label);
    let metrics = successes.into_iter().chain(last_run(report, storage)).collect();
    (label, metrics)
}

/// Returns the metrics that only a successful run changes.
fn successes(report: &RunReport, storage: &StorageReport, old: &str, label: &str) -> [Metric; 2] {
    let kept = |name: &str| value(old, name, label);
    let (ended, transaction) = match report.is_backup() {
        true => (Some(number(report.ended)), storage.last_transaction_time.map(number)),
        false => (kept(SUCCESS_TIME), kept(SUCCESS_TRANSACTION_TIME)),
    };
    [
        (SUCCESS_TIME, "When the last successful run ended.", ended),
        (
            SUCCESS_TRANSACTION_TIME,
            "When the last transaction in the last good snapshot was committed.",
            transaction,
        ),
    ]
}

fn last_run(report: &RunReport, storage: &StorageReport) -> [Metric; 6] {
    let status = f64::from(report.exit_status);
    let duration = report.duration_seconds;
    [
        (
            "dsnap_last_run_timestamp_seconds",
            "When the last run ended.",
            Some(number(report.ended)),
        ),
        ("dsnap_last_run_exit_status", "The exit status of the last run.", Some(status)),
        ("dsnap_last_run_duration_seconds", "How long the last run took.", Some(duration)),
        (
            "dsnap_last_run_frozen_seconds",
            "How long the last run kept the storage in a snapshot.",
            storage.frozen_seconds,
        ),
        (
            "dsnap_unmerged_files",
            "Files in B/, not yet merged into A/, after the last run.",
            storage.b_files.map(number),
        ),
        (
            "dsnap_unmerged_bytes",
            "Bytes in B/, not yet merged into A/, after the last run.",
            storage.b_bytes.map(number),
        ),
    ]
}

/// Converts to the only number type of the format; exact up to 2 to the power of 53.
#[allow(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
fn number(value: u64) -> f64 {
    value as f64
}

/// Writes the label that names the storage.
fn label(storage: &str) -> String {
    let storage = storage.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{{storage=\"{storage}\"}}")
}

/// Finds a value in a text.
fn value(text: &str, name: &str, label: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(label))?;
    line.trim().parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_quoted_as_the_format_wants_it() {
        assert_eq!(label("/srv/ds"), r#"{storage="/srv/ds"}"#);
        assert_eq!(label("/a\"b\\c\nd"), r#"{storage="/a\"b\\c\nd"}"#);
    }

    #[test]
    fn a_value_is_read_back_only_for_the_same_storage() {
        let text = "# HELP m x\nm{storage=\"/a\"} 17\nm{storage=\"/b\"} +Inf\n";
        assert_eq!(value(text, "m", &label("/a")), Some(17.0));
        assert_eq!(value(text, "m", &label("/b")), None);
        assert_eq!(value(text, "m", &label("/c")), None);
    }
}
