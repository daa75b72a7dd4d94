//! What `-vv` shows of a conversation: what is called, and what comes back. It never shows what proves
//! the password.

use std::time::Instant;

use dsnap_core::text::{self, Harmless};
use dsnap_engine::durations;
use dsnap_engine::limits::MAX_SHOWN_FAULT_CHARS;
use dsnap_engine::server::call_error::CallError;
use dsnap_engine::server::deadline::Deadline;

use crate::call::Argument;
use crate::pickle::Value;
use crate::reply;

/// One call, for the words about it.
#[derive(Clone, Copy)]
pub(crate) struct Traced<'a> {
    name: &'a str,
    deadline: &'a Deadline<'a>,
    began: Instant,
}

impl<'a> Traced<'a> {
    /// Tells the caller what is sent now.
    pub(crate) fn sent(
        name: &'a str,
        arguments: &[Argument<'_>],
        deadline: &'a Deadline<'a>,
    ) -> Self {
        let arguments: Vec<_> = arguments.iter().map(argument).collect();
        deadline.tell(&format!("calling {name}({})", arguments.join(", ")));
        Self { name, deadline, began: Instant::now() }
    }

    /// Tells the caller what came back.
    pub(crate) fn answered(self, result: &Value<'_>) {
        self.tell(&value(result));
    }

    /// Tells the caller why there is no usable answer.
    pub(crate) fn without_answer(self, error: &CallError) {
        self.tell(&format!("nothing usable: {}", error.reason().text()));
    }

    fn tell(self, answer: &str) {
        let after = durations::in_words_with_tenths(self.began.elapsed());
        self.deadline.tell(&format!("{} answered {answer} (after {after})", self.name));
    }
}

/// Tells the caller which version the server announces.
pub(crate) fn announced(version: &[u8], deadline: &Deadline<'_>) {
    deadline.tell(&format!("the server announced {}", shortened(version)));
}

fn argument(argument: &Argument<'_>) -> String {
    match argument {
        Argument::Text(text) => format!("`{}`", Harmless(text)),
        Argument::True => "true".to_owned(),
        // With the server's challenge, somebody could try passwords against the response.
        Argument::Texts(_) => "***".to_owned(),
    }
}

fn value(result: &Value<'_>) -> String {
    if let Some(exception) = reply::exception(result) {
        return format!("exception {}", exception.summary(str::to_owned));
    }
    match result {
        Value::None => "nothing".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => format!("`{}`", shortened(text)),
        Value::Tuple(items) => format!("{} values", items.len()),
        Value::Dictionary(items) => format!("a table of {} entries", items.len() / 2),
        Value::Class(_) | Value::Instance(_) => "an object".to_owned(),
    }
}

fn shortened(text: &[u8]) -> String {
    let text = reply::shown(text);
    let short: String = text.chars().take(MAX_SHOWN_FAULT_CHARS).collect();
    let end = if short.len() < text.len() { "…" } else { "" };
    text::harmless(short + end)
}
