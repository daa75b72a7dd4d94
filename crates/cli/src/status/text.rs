//! The result of `--status`, as text for people: the story of one storage, or a line for each of
//! several.

use std::fmt;
use std::time::Duration;

use dsnap_engine::durations;

use super::{
    FileSystemReport, FindingReport, LastRunReport, LockReport, MethodReport, Report, SizeReport,
    StorageReport,
};

impl fmt::Display for Report {
    /// Tells the story of one storage, or says one line of each of several.
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
            format!(", {} ago", durations::in_words(Duration::from_secs(age)))
        });
        let code = self.snapshot.as_deref().filter(|code| code.starts_with("user/"));
        let code = code.map_or_else(String::new, |code| format!(" ({code})"));
        format!("{state}{code}{ago}")
    }

    /// One line, with the worst of the findings.
    fn summarize(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let worst = self.findings.first().map_or_else(String::new, |it| format!("; {}", it.text));
        writeln!(f, "{:7} {}: {}{worst}", self.severity, self.storage, self.headline())
    }

    fn tell(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:7} {}: {}", self.severity, self.storage, self.headline())?;
        for FindingReport { severity, text, next } in &self.findings {
            writeln!(f, "\n{severity}: {text}")?;
            next.iter().try_for_each(|next| writeln!(f, "next: {next}"))?;
        }
        let fields = self.fields();
        if !fields.is_empty() {
            writeln!(f)?;
        }
        for (name, value) in fields {
            writeln!(f, "{name:17}{value}")?;
        }
        if !self.methods.is_empty() {
            writeln!(f, "methods, in the order in which a run tries them:")?;
        }
        self.methods.iter().try_for_each(|method| writeln!(f, "  {method}"))
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let lock = |lock: &LockReport| lock.to_string();
        let last_run = |last: &LastRunReport| last.to_string();
        let size = |size: &SizeReport| size.to_string();
        let file_system = |it: &FileSystemReport| it.to_string();
        let unsettled = Some(self.unsettled.join(", ")).filter(|codes| !codes.is_empty());
        let fields = [
            ("server", self.server.as_ref().map(lock)),
            ("misc/sublock", self.sublock.as_ref().map(lock)),
            ("run of dsnap", self.run.as_ref().map(lock)),
            ("last run", self.last_run.as_ref().map(last_run)),
            ("unsettled", unsettled),
            ("last transaction", self.last_transaction.clone()),
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

impl fmt::Display for MethodReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, label, answer, reason, .. } = self;
        let reason = reason.as_deref().unwrap_or_default();
        write!(f, "{label} ({place}): ")?;
        match *answer {
            "could_enter" => f.write_str("could enter now")?,
            "in_snapshot" => write!(f, "its server is in the snapshot {reason}")?,
            "busy" => write!(f, "busy: {reason}")?,
            "unavailable" | "refused" => f.write_str(reason)?,
            "not_asked" => f.write_str("not asked in this state")?,
            "works_on_files" => f.write_str("works on the files, if no process has them open")?,
            _ => f.write_str("shows only on entering whether it works")?,
        }
        let Some(ago) = self.last_entered_seconds_ago else { return Ok(()) };
        write!(f, "; entered {} ago", durations::in_words(Duration::from_secs(ago)))
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
        write!(f, "{at_least}{} files, {} bytes", self.files, self.bytes)
    }
}

impl fmt::Display for FileSystemReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reach = if self.locks_reach { "reach" } else { "are not known to reach" };
        write!(f, "{}; locks {reach} every machine", self.kind)
    }
}

fn state_words(state: &str) -> &'static str {
    match state {
        "closed" => "closed cleanly",
        "closed_incomplete" => "closed, but not completely",
        "crashed" => "not closed by its server",
        "left_in_snapshot" => "not open; left in a snapshot",
        "crashed_packing" => "not open; left while it was packed",
        "running" => "open in a server",
        "in_snapshot" => "in a snapshot",
        "packing" => "being packed by its server",
        "recombining" => "recombining (the server merges B/ back into A/)",
        "stuck" => "stuck: its server was started while a snapshot was in use",
        "broken" => "in a state that no server leaves behind",
        _ => "no storage that can be used",
    }
}
