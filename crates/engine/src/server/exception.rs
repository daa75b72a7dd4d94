//! An exception that a call raised in the server.

use dsnap_core::text;

use super::current_use::CurrentUse;
use crate::limits::MAX_SHOWN_FAULT_CHARS;

/// An exception in the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// The name of the class, without its module; empty if the server names none.
    pub class: String,
    /// What the exception says. It may have several lines.
    pub message: String,
}

/// What an exception of DirectoryStorage means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// The storage is in use already.
    InUse(CurrentUse),
    /// Another process has locked a file that the server needs.
    Locked,
    /// Anything else.
    Other,
}

impl Exception {
    /// Says what the exception means.
    pub fn meaning(&self) -> Meaning {
        match self.class.as_str() {
            "LockError" => Meaning::Locked,
            _ => self.current_use().map_or(Meaning::Other, Meaning::InUse),
        }
    }

    /// Finds the snapshot code in the message, which Python has written in quotes.
    fn current_use(&self) -> Option<CurrentUse> {
        let (_, code) = self.message.rsplit_once("already in use by ")?;
        let code = code.trim().trim_start_matches('u');
        let quote = code.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let (code, _) = code[1..].rsplit_once(quote)?;
        Some(CurrentUse::parse(code.to_owned()))
    }

    /// Shows the exception on one line, cut at [`MAX_SHOWN_FAULT_CHARS`]. `mask` removes the secrets
    /// before the cut, which could leave the beginning of one.
    pub fn summary(&self, mask: impl Fn(&str) -> String) -> String {
        let message = self.message.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = match (self.class.as_str(), message.as_str()) {
            ("", message) => message.to_owned(),
            (class, "") => class.to_owned(),
            (class, message) => format!("{class}: {message}"),
        };
        let line = mask(&line);
        let short: String = line.chars().take(MAX_SHOWN_FAULT_CHARS).collect();
        let end = if short.len() < line.len() { "…" } else { "" };
        text::harmless(short + end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(class: &str, message: &str) -> Meaning {
        Exception { class: class.to_owned(), message: message.to_owned() }.meaning()
    }

    #[test]
    fn the_code_of_a_snapshot_in_use_is_found() {
        let with = |code: &str| {
            let message = format!("Can not enter snapshot mode: snapshot already in use by {code}");
            meaning("DirectoryStorageError", &message)
        };
        let snapshot = |code: &str| Meaning::InUse(CurrentUse::Snapshot(code.to_owned()));
        assert_eq!(with("'user/host-1001'"), snapshot("user/host-1001"));
        assert_eq!(with("u'user/x'"), snapshot("user/x"));
        assert_eq!(with("\"user/it's\""), snapshot("user/it's"));
        assert_eq!(with("'startup'"), Meaning::InUse(CurrentUse::Startup));
        let task = |task: &str| Meaning::InUse(CurrentUse::ServerTask(task.to_owned()));
        assert_eq!(with("'packing'"), task("packing"));
        assert_eq!(with("'recombining/user/x'"), task("recombining/user/x"));
        assert_eq!(with("None"), Meaning::Other);
    }

    #[test]
    fn a_locked_file_is_recognised_by_the_class_alone() {
        assert_eq!(meaning("LockError", ""), Meaning::Locked);
        assert_eq!(meaning("ValueError", "LockError"), Meaning::Other);
    }

    #[test]
    fn a_long_summary_is_cut_after_the_secrets_are_masked() {
        let exception = Exception { class: String::new(), message: "ä".repeat(10_000) };
        assert_eq!(exception.summary(str::to_owned), "ä".repeat(MAX_SHOWN_FAULT_CHARS) + "…");
        assert_eq!(exception.summary(|words| words.replace('ä', "")), "");
    }
}
