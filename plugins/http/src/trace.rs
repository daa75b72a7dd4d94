//! What `-vv` shows of a call: what was sent, and what came back. It never shows a secret.

use std::time::Duration;

use dsnap_core::text;
use dsnap_engine::durations;
use dsnap_engine::limits::MAX_SHOWN_FAULT_CHARS;
use dsnap_engine::server::call_error::CallError;
use dxr::Value;
use reqwest::StatusCode;

use crate::answer::{Answer, Endpoint};

/// One call of the server, for the words about it.
#[derive(Clone, Copy)]
pub(crate) struct Traced<'a> {
    pub(crate) method: &'a str,
    pub(crate) argument: Option<&'a str>,
    pub(crate) endpoint: Endpoint<'a>,
}

impl Traced<'_> {
    /// Says what is sent.
    pub(crate) fn sent(self) -> String {
        let argument = self.argument.map(|it| format!("`{}`", text::harmless(it)));
        let (method, argument) = (self.method, argument.unwrap_or_default());
        format!("calling {method}({argument})")
    }

    /// Says what came back after this time. `status` is that of the response, if there was one.
    pub(crate) fn answered(
        self,
        status: Option<StatusCode>,
        answer: &Result<Answer, CallError>,
        after: Duration,
    ) -> String {
        let after = durations::in_words_with_tenths(after);
        let status = status.map_or_else(String::new, |status| format!("{status}, "));
        let content = match answer {
            Ok(Answer::Value(Some(value))) => self.value(value),
            Ok(Answer::Value(None)) => "a value of an unknown type".to_owned(),
            Ok(Answer::Fault(fault)) => format!("fault {}", fault.summary(self.endpoint.secrets)),
            Err(error) => format!("nothing usable: {}", error.reason().text()),
        };
        format!("{} answered {status}{content} (after {after})", self.method)
    }

    fn value(self, value: &Value) -> String {
        match value {
            Value::Nil => "nothing".to_owned(),
            Value::Boolean(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            Value::String(value) => format!("`{}`", self.shortened(value)),
            other => self.shortened(&format!("{other:?}")),
        }
    }

    /// Masks secrets first: a cut could leave the beginning of one, which nothing would recognise.
    fn shortened(self, words: &str) -> String {
        let masked = self.endpoint.secrets.mask(words);
        let short: String = masked.chars().take(MAX_SHOWN_FAULT_CHARS).collect();
        let end = if short.len() < masked.len() { "…" } else { "" };
        text::harmless(short + end)
    }
}
