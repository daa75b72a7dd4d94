//! The result of `--status`, as text for people: a page about one storage, or a line about each of
//! several.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dsnap_engine::durations;
use dsnap_engine::storage::transaction_time;

use super::{
    FileSystemReport, FindingReport, LastRunReport, LockReport, MethodReport, Report, SizeReport,
    StorageReport,
};

/// The widest label after which the answers still stand in one column.
const MAX_LABEL_COLUMNS: usize = 50;

impl fmt::Display for Report {
    /// Writes a page about one storage, or a line about each of several.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.storages.as_slice() {
            [storage] => storage.tell(f),
            storages => storages.iter().try_for_each(|storage| storage.summarize(f)),
        }
    }
}

impl StorageReport {
    fn headline(&self) -> String {
        let state = state_words(self.state);
        let age = self.snapshot_age_seconds.filter(|_| self.snapshot.is_some());
        let ago = age.map_or_else(String::new, |age| {
            let ago = durations::in_words(Duration::from_secs(age));
            format!(", {}{ago} ago", began_words(self.state))
        });
        let is_open_unseen = self.server.as_ref().is_some_and(|lock| lock.state == "unknown");
        let unseen =
            if is_open_unseen { "; whether a server has it open cannot be seen" } else { "" };
        let code = self.snapshot.as_deref().filter(|code| code.starts_with("user/"));
        let code = code.map_or_else(String::new, |code| format!(" ({code})"));
        format!("{state}{code}{ago}{unseen}")
    }

    /// Writes one line: the storage, and its state.
    pub(super) fn state_line(&self) -> String {
        format!("{}: {}", self.storage, self.headline())
    }

    /// Writes one line, with the worst of the findings.
    fn summarize(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let worst = self.findings.first().map_or_else(String::new, |it| format!("; {}", it.text));
        writeln!(f, "{:7} {}{worst}", self.severity, self.state_line())
    }

    fn tell(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:7} {}", self.severity, self.state_line())?;
        for FindingReport { severity, text, next } in &self.findings {
            writeln!(f, "\n{severity}: {text}")?;
            next.iter().try_for_each(|next| writeln!(f, "next: {next}"))?;
        }
        let fields = self.fields();
        if !fields.is_empty() {
            writeln!(f)?;
        }
        for (name, value) in fields {
            writeln!(f, "{name:20}{value}")?;
        }
        self.list_methods(f)
    }

    /// Lists the methods, with their answers in one column.
    fn list_methods(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.methods.is_empty() {
            writeln!(f, "\nmethods, in the order in which a run tries them:")?;
        }
        let width = self.methods.iter().map(|method| method.label.chars().count()).max();
        let width = width.unwrap_or_default().min(MAX_LABEL_COLUMNS);
        self.methods.iter().try_for_each(|method| {
            let MethodReport { label, place, .. } = method;
            writeln!(f, "  {label:width$}  {} [{place}]", method.answer_words())
        })
    }

    /// Returns the id of the last transaction, and how long ago it was committed if the id says so.
    fn last_transaction_words(&self) -> Option<String> {
        let id = self.last_transaction.as_ref()?;
        let time =
            u64::from_str_radix(id, 16).ok().map(u64::to_be_bytes).and_then(transaction_time);
        let since = |time| SystemTime::now().duration_since(UNIX_EPOCH + Duration::from_secs(time));
        let Some(Ok(age)) = time.map(since) else { return Some(id.clone()) };
        Some(format!("{id}, {} ago", durations::in_words(age)))
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let lock = |lock: &LockReport| lock.to_string();
        let locked = |lock: &LockReport| match lock.state {
            "held" => format!("locked by {lock}"),
            "free" => "not locked".to_owned(),
            _ => "not seen to be locked from here".to_owned(),
        };
        let last_run = |last: &LastRunReport| last.to_string();
        let size = |size: &SizeReport| size.to_string();
        let file_system = |it: &FileSystemReport| it.to_string();
        let unsettled = Some(self.unsettled.join(", ")).filter(|codes| !codes.is_empty());
        let fields = [
            ("server", self.server.as_ref().map(lock)),
            ("misc/sublock", self.sublock.as_ref().map(locked)),
            ("run of dsnap", self.run.as_ref().map(lock)),
            ("last run", self.last_run.as_ref().map(last_run)),
            ("snapshots to leave", unsettled),
            ("last transaction", self.last_transaction_words()),
            ("B/", self.b.as_ref().map(size)),
            ("journal/", self.journal.as_ref().map(size)),
            ("file system", self.file_system.as_ref().map(file_system)),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

impl fmt::Display for LockReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.state, self.pid, &self.program, &self.user) {
            ("held", Some(pid), Some(program), Some(user)) => {
                write!(f, "{program} (pid {pid}, user {user})")
            }
            ("held", ..) => f.write_str("a process that cannot be seen from here"),
            ("free", ..) => f.write_str("none"),
            _ => f.write_str("none that can be seen from here"),
        }
    }
}

impl MethodReport {
    fn answer_words(&self) -> String {
        let reason = self.reason.as_deref().unwrap_or_default();
        let answer = match self.answer {
            "could_enter" => "could enter now".to_owned(),
            "in_snapshot" => format!("its server is in the snapshot {reason}"),
            "busy" => format!("busy: {reason}"),
            "unavailable" | "refused" => reason.to_owned(),
            "not_asked" => "not used in this state".to_owned(),
            "works_on_files" => "works while no process has the storage open".to_owned(),
            _ => "cannot be checked without entering".to_owned(),
        };
        let used = self.last_entered_seconds_ago.map_or("", |_| "; used by the last run");
        answer + used
    }
}

impl fmt::Display for LastRunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ago = durations::in_words(Duration::from_secs(self.ended_seconds_ago));
        write!(f, "{ago} ago, exit status {}", self.exit_status)?;
        self.entered_by.iter().try_for_each(|by| write!(f, ", entered by {by}"))
    }
}

impl fmt::Display for SizeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at_least = if self.at_least { "at least " } else { "" };
        let plural = if self.files == 1 { "" } else { "s" };
        write!(f, "{at_least}{} file{plural}, {}", self.files, bytes_in_words(self.bytes))
    }
}

impl fmt::Display for FileSystemReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reach = if self.locks_reach { "reach" } else { "are not known to reach" };
        write!(f, "{}; locks {reach} every machine", self.kind)
    }
}

/// Shows a size to people with three digits, as `df -H` counts: `999 bytes`, `1.50 kB`, `12.3 MB`.
#[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
fn bytes_in_words(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let (mut number, mut unit) = (bytes as f64 / 1000.0, "kB");
    for larger in ["MB", "GB", "TB"] {
        // From here on, rounding would show a fourth digit.
        if number < 999.5 {
            break;
        }
        (number, unit) = (number / 1000.0, larger);
    }
    let decimals = if number < 9.995 { 2 } else { usize::from(number < 99.95) };
    format!("{number:.decimals$} {unit}")
}

/// Says what began when `misc/snapshot` was written.
fn began_words(state: &str) -> &'static str {
    match state {
        "in_snapshot" | "left_in_snapshot" => "entered ",
        "packing" | "crashed_packing" | "recombining" => "begun ",
        _ => "",
    }
}

fn state_words(state: &str) -> &'static str {
    match state {
        "closed" => "closed cleanly",
        "closed_incomplete" => "closed, but not completely",
        "crashed" => "not closed by its server",
        "left_in_snapshot" => "not open; left in a snapshot",
        "crashed_packing" => "not open; its server ended during a pack",
        "running" => "open in a server",
        "in_snapshot" => "in a snapshot",
        "packing" => "being packed by its server",
        "recombining" => "recombining (the server merges B/ back into A/)",
        "stuck" => "stuck: its server was started while a snapshot was in use",
        "broken" => "in an unknown state",
        _ => "no storage that can be looked at",
    }
}

#[cfg(test)]
mod tests {
    use super::bytes_in_words;

    #[test]
    fn a_size_has_three_digits_and_a_unit() {
        for (bytes, words) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1500, "1.50 kB"),
            (9994, "9.99 kB"),
            (9995, "10.0 kB"),
            (99_960, "100 kB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (12_345_678, "12.3 MB"),
            (7_000_000_000_000_000, "7000 TB"),
        ] {
            assert_eq!(bytes_in_words(bytes), words, "{bytes}");
        }
    }
}
