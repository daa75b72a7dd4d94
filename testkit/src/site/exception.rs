//! An exception of the server: its class and words, and the text of Zope's fault, which is one line,
//! or a traceback in debug mode.

use std::fmt::Write;

use dsnap_engine::storage::Storage;

use super::server_error::ServerError;

const NOT_FOUND: &str = include_str!("recorded/zope2/not-found.txt");
/// The traceback from the publisher to the call of the toolkit's method.
const CALL: &str = include_str!("recorded/zope2/traceback.txt");
/// The traceback from there to where an enter finds another snapshot.
const IN_USE: &str = include_str!("recorded/zope2/traceback-in-use.txt");

/// Words with escape sequences for a terminal.
const ESCAPES: &str = "\u{1b}[2J\u{1b}]0;title\u{7}\u{1b}[31mdsnap: everything is fine\r\n\u{9b}5A";

/// An exception of Python code.
#[derive(Debug)]
pub(super) struct Exception {
    /// `class`, or `type` for a built-in exception.
    kind: &'static str,
    pub(super) module: &'static str,
    pub(super) name: &'static str,
    pub(super) message: String,
    /// The traceback below the call. Only those of an enter were recorded.
    frames: &'static str,
}

impl Exception {
    fn new(module: &'static str, name: &'static str, message: impl Into<String>) -> Self {
        let kind = if module == "exceptions" { "type" } else { "class" };
        Self { kind, module, name, message: message.into(), frames: "" }
    }

    fn of_storage(message: String) -> Self {
        Self::new("DirectoryStorage.utils", "DirectoryStorageError", message)
    }

    /// Returns the exception that reports an error of the server; `sublock` is that file's path.
    pub(super) fn of(error: &ServerError, sublock: &str) -> Self {
        match error {
            ServerError::InUse(code) => {
                let code = repr(code);
                let words =
                    format!("Can not enter snapshot mode: snapshot already in use by {code}");
                Self { frames: IN_USE, ..Self::of_storage(words) }
            }
            ServerError::BadCode(given, code) => {
                let code = code.as_deref().map_or_else(|| "None".to_owned(), repr);
                Self::of_storage(format!("bad code {}!={code}", repr(given)))
            }
            ServerError::SublockHeld => {
                Self::new("zc.lockfile", "LockError", format!("Couldn't lock {}", repr(sublock)))
            }
            ServerError::NotAscii(code) => {
                Self::new("exceptions", "UnicodeEncodeError", not_ascii(code))
            }
            ServerError::DiskFull => {
                Self::new("exceptions", "OSError", "[Errno 28] No space left on device")
            }
            ServerError::Ended => Self::disconnected(),
        }
    }

    /// Returns what a call of this storage returns or raises.
    pub(super) fn of_call<T>(result: Result<T, ServerError>, storage: &Storage) -> Result<T, Self> {
        let sublock = storage.sublock().display().to_string();
        result.map_err(|error| Self::of(&error, &sublock))
    }

    /// Returns the exception of a server that cannot lock `misc/sublock`.
    pub(super) fn locked(storage: &Storage) -> Self {
        Self::of(&ServerError::SublockHeld, &storage.sublock().display().to_string())
    }

    /// Returns the exception of a Zope whose ZEO server does not know a call.
    pub(super) fn lacks(call: &str) -> Self {
        let words = format!("'ClientStorage' object has no attribute '{call}'");
        Self::new("exceptions", "AttributeError", words)
    }

    /// Returns an exception with escape sequences that a terminal would obey.
    pub(super) fn with_escapes() -> Self {
        Self::of_storage(ESCAPES.to_owned())
    }

    /// Returns the exception of a Zope whose ZEO server is unavailable.
    pub(super) fn disconnected() -> Self {
        Self::new("ZEO.Exceptions", "ClientDisconnected", "")
    }

    /// Returns the exception for a path or method that does not exist.
    pub(super) fn not_found(resource: &str) -> Self {
        Self::new("zExceptions", "NotFound", NOT_FOUND.replace("NoSuchToolkit", resource))
    }

    /// Returns the text of the fault.
    pub(super) fn text(&self, debug_mode: bool) -> String {
        let Self { kind, module, name, message, frames } = self;
        match (debug_mode, message.as_str()) {
            (false, _) => {
                format!("Unexpected Zope exception: <{kind} '{module}.{name}'> - {message}")
            }
            (true, "") => format!("Unexpected Zope exception: \n{CALL}{frames}{name}\n"),
            (true, _) => {
                format!("Unexpected Zope exception: \n{CALL}{frames}{name}: {message}\n")
            }
        }
    }
}

/// Describes the first characters that are not ASCII, as Python's codec does.
fn not_ascii(code: &str) -> String {
    let begin = code.chars().take_while(char::is_ascii).count();
    let characters: Vec<_> = code.chars().skip(begin).take_while(|c| !c.is_ascii()).collect();
    let which = match characters.as_slice() {
        [one] => format!("character {} in position {begin}", repr(&one.to_string())),
        more => format!("characters in position {begin}-{}", begin + more.len() - 1),
    };
    format!("'ascii' codec can't encode {which}: ordinal not in range(128)")
}

/// Formats a string as Python 2 does with `%r`.
fn repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    // The XML parser returns text that is not ASCII as `unicode`.
    let mut written = String::from(if text.is_ascii() { "" } else { "u" });
    written.push(quote);
    for character in text.chars() {
        let number = u32::from(character);
        // Writing to a string cannot fail.
        let _ = match character {
            '\n' => write!(written, "\\n"),
            '\r' => write!(written, "\\r"),
            '\t' => write!(written, "\\t"),
            '\\' => write!(written, "\\\\"),
            character if character == quote => write!(written, "\\{character}"),
            ' '..='~' => write!(written, "{character}"),
            _ if number < 0x100 => write!(written, "\\x{number:02x}"),
            _ if number < 0x1_0000 => write!(written, "\\u{number:04x}"),
            _ => write!(written, "\\U{number:08x}"),
        };
    }
    written.push(quote);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_quoted_as_python_quotes_it() {
        for (text, written) in [
            ("user/x", "'user/x'"),
            ("user/it's", "\"user/it's\""),
            ("user/\"it\"", "'user/\"it\"'"),
            ("user/\"it's\"", "'user/\"it\\'s\"'"),
            ("a\\b\n\r\t\u{1}", "'a\\\\b\\n\\r\\t\\x01'"),
            ("user/ü", "u'user/\\xfc'"),
            ("€", "u'\\u20ac'"),
            ("😀", "u'\\U0001f600'"),
        ] {
            assert_eq!(repr(text), written);
        }
    }

    #[test]
    fn characters_that_are_not_ascii_are_located_as_python_locates_them() {
        let end = "ordinal not in range(128)";
        let one = format!("'ascii' codec can't encode character u'\\xfc' in position 5: {end}");
        assert_eq!(not_ascii("user/üx"), one);
        let two = format!("'ascii' codec can't encode characters in position 5-6: {end}");
        assert_eq!(not_ascii("user/üöxä"), two);
    }

    #[test]
    fn a_traceback_ends_with_the_name_and_the_message_if_there_is_one() {
        let words = Exception::disconnected().text(true);
        assert!(words.ends_with("\nClientDisconnected\n"), "{words}");
        let words = Exception::of(&ServerError::SublockHeld, "/x").text(true);
        assert!(words.ends_with("\nLockError: Couldn't lock '/x'\n"), "{words}");
    }
}
