//! What a message of the server is: the reply to a call, or one that nobody asked for.
//!
//! A server treats us as one of its clients, so it announces every commit and every pack. Such a
//! message can come at any point, can be large, and may contain anything. It is told by its name:
//! its number can be the same as that of our call.

use dsnap_engine::limits::MAX_ZEO_TEXT;
use dsnap_engine::server::exception::Exception;

use crate::pickle::{Decoder, Unreadable, Value};

/// A message of the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message<'p> {
    /// The reply to the call with this number.
    Reply(i64, Value<'p>),
    /// Anything else. Its contents were not read.
    Notice,
}

/// Reads a message. `complete` says that it was kept as a whole.
///
/// # Errors
///
/// It is no message, or a reply that cannot be read.
pub(crate) fn read(pickle: &[u8], complete: bool) -> Result<Message<'_>, Unreadable> {
    let mut decoder = Decoder::new(pickle);
    match decoder.begin(3)? {
        [_, _, Value::Text(b".reply")] if complete => match decoder.finish()? {
            Value::Tuple(message) => of_reply(message),
            _ => Err(Unreadable),
        },
        [_, _, Value::Text(b".reply")] => Err(Unreadable),
        [_, _, Value::Text(_)] => Ok(Message::Notice),
        _ => Err(Unreadable),
    }
}

fn of_reply(message: Vec<Value<'_>>) -> Result<Message<'_>, Unreadable> {
    match <[Value<'_>; 4]>::try_from(message) {
        Ok([Value::Number(number), _, _, result]) => Ok(Message::Reply(number, result)),
        _ => Err(Unreadable),
    }
}

/// Finds the exception in a result. No call returns a tuple that begins with a class.
pub(crate) fn exception(result: &Value<'_>) -> Option<Exception> {
    let Value::Tuple(parts) = result else { return None };
    let [Value::Class(class), instance] = &parts[..] else { return None };
    Some(Exception { class: shown(class), message: message(instance) })
}

/// Finds what an exception says: the first of its arguments. Each version of Python and of ZEO puts
/// them elsewhere.
fn message(instance: &Value<'_>) -> String {
    let mut part = Some(instance);
    while let Some(value) = part {
        part = match value {
            Value::Text(text) => return shown(text),
            Value::Dictionary(state) => state_of(state, b"args").or(state_of(state, b"message")),
            Value::Tuple(items) => match items.first() {
                Some(Value::Text(text)) => return shown(text),
                _ => items.last(),
            },
            Value::Instance(parts) => parts.last(),
            Value::None | Value::Number(_) | Value::Class(_) => None,
        };
    }
    String::new()
}

fn state_of<'v, 'p>(state: &'v [Value<'p>], name: &[u8]) -> Option<&'v Value<'p>> {
    let mut pairs = state.chunks_exact(2);
    pairs.find_map(|pair| (pair[0] == Value::Text(name)).then(|| &pair[1]))
}

/// Makes the beginning of a text of the server to a string.
pub(crate) fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(MAX_ZEO_TEXT)]).into_owned()
}

#[cfg(test)]
mod tests;
