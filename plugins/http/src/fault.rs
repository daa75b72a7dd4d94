//! What a fault of Zope says.
//!
//! Zope reports every exception in the text of a fault: `Unexpected Zope exception: <class
//! 'MODULE.NAME'> - MESSAGE`, where the message may have several lines. In debug mode the text is a
//! traceback that ends with `NAME: MESSAGE`. Its source lines may quote the same messages, so only the
//! end counts.

use dsnap_core::text;
use dsnap_engine::limits::MAX_SHOWN_FAULT_CHARS;

use crate::current_use::CurrentUse;
use crate::secrets::Secrets;

const PREFIX: &str = "Unexpected Zope exception:";
const TRACEBACK: &str = "Traceback (most recent call last):";

/// An exception in the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The name of the exception's class, without its module; empty if the fault names none.
    class: String,
    message: String,
}

/// What a fault means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// There is no toolkit at the URL.
    NotFound,
    /// The user lacks the permission.
    Unauthorized,
    /// The storage is in use already.
    InUse(CurrentUse),
    /// Zope has lost the connection to its ZEO server.
    Disconnected,
    /// Another process has locked a file that the server needs.
    Locked,
    /// Anything else.
    Other,
}

impl Fault {
    /// Reads the `faultString` of a fault.
    pub(crate) fn parse(fault_string: &str) -> Self {
        let text = fault_string.trim();
        if let Some((_, traceback)) = text.rsplit_once(TRACEBACK) {
            return Self::parse_traceback(traceback);
        }
        let exception = text.strip_prefix(PREFIX).unwrap_or(text).trim_start();
        let parts =
            exception.split_once(" - ").or_else(|| Some((exception.strip_suffix(" -")?, "")));
        match parts.and_then(|(class, message)| Some((class_name(class)?, message))) {
            Some((class, message)) => Self { class, message: message.to_owned() },
            None => Self { class: String::new(), message: exception.to_owned() },
        }
    }

    /// Reads the exception below the indented lines of a traceback.
    fn parse_traceback(traceback: &str) -> Self {
        let indented =
            |line: &&str| line.trim().is_empty() || line.starts_with(char::is_whitespace);
        let lines: Vec<_> = traceback.lines().skip_while(indented).collect();
        let exception = lines.join("\n");
        let (class, message) = exception.split_once(':').unwrap_or((&exception, ""));
        match class_name(class) {
            Some(class) => Self { class, message: message.trim().to_owned() },
            None => Self { class: String::new(), message: exception },
        }
    }

    /// Says what the fault means.
    pub(crate) fn meaning(&self) -> Meaning {
        match self.class.as_str() {
            "NotFound" => Meaning::NotFound,
            "Unauthorized" => Meaning::Unauthorized,
            "ClientDisconnected" => Meaning::Disconnected,
            "LockError" => Meaning::Locked,
            _ => self.current_use().map_or(Meaning::Other, Meaning::InUse),
        }
    }

    /// Says whether the storage of the Zope does not know a call about snapshots. Through a ZEO server
    /// without the patch of DirectoryStorage, it does not.
    pub(crate) fn lacks_call(&self) -> bool {
        self.class == "AttributeError" && self.message.contains("Snapshot")
    }

    /// Finds the snapshot code in the message, which Python has written in quotes.
    fn current_use(&self) -> Option<CurrentUse> {
        let (_, code) = self.message.rsplit_once("already in use by ")?;
        let code = code.trim().trim_start_matches('u');
        let quote = code.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let (code, _) = code[1..].rsplit_once(quote)?;
        Some(CurrentUse::parse(code.to_owned()))
    }

    /// Shows the exception on one line, without secrets and cut at [`MAX_SHOWN_FAULT_CHARS`].
    pub(crate) fn summary(&self, secrets: &Secrets) -> String {
        let message = self.message.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = match (self.class.as_str(), message.as_str()) {
            ("", message) => message.to_owned(),
            (class, "") => class.to_owned(),
            (class, message) => format!("{class}: {message}"),
        };
        let line = secrets.mask(&line);
        let short: String = line.chars().take(MAX_SHOWN_FAULT_CHARS).collect();
        let end = if short.len() < line.len() { "…" } else { "" };
        text::harmless(short + end)
    }
}

/// Takes `Name` from `<class 'a.b.Name'>`, `<type 'exceptions.Name'>` or `a.b.Name`.
fn class_name(class: &str) -> Option<String> {
    let quoted = class.trim().strip_suffix("'>").and_then(|class| class.split_once('\''));
    let path = quoted.map_or(class.trim(), |(_, path)| path);
    let is_path = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.');
    let name = path.rsplit('.').next().unwrap_or_default();
    (path.chars().all(is_path) && !name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(code: &str) -> Meaning {
        Meaning::InUse(CurrentUse::Snapshot(code.to_owned()))
    }

    fn no_secrets() -> Secrets {
        Secrets::new(b"admin", b"")
    }

    const IN_USE: &str = "Unexpected Zope exception: <class 'DirectoryStorage.utils.DirectoryStorageError'> - Can not enter snapshot mode: snapshot already in use by 'user/host-1001'";
    /// A shortened traceback of debug mode. Its source line quotes the message with a `%r`.
    const DEBUG: &str = "Unexpected Zope exception: \nTraceback (most recent call last):\n  File \"ZPublisher/Publish.py\", line 249, in publish_module_standard\n    response = publish(request, module_name, after_list, debug=debug)\n  File \"LocalFilesystem.py\", line 402, in enter_snapshot\n    raise DirectoryStorageError('Can not enter snapshot mode: snapshot already in use by %r' % self.snapshot_code)\nDirectoryStorageError: Can not enter snapshot mode: snapshot already in use by 'user/host-1001'\n";
    const NOT_FOUND: &str = "Unexpected Zope exception: <class 'zExceptions.NotFound'> -    Site Error \n   An error was encountered while publishing this resource.\n   \n    Resource not found  \n\n  Sorry, the requested resource does not exist. Check the URL and try again.   Resource:  NoSuchToolkit\nPOST \n ";

    #[test]
    fn the_code_of_a_snapshot_in_use_is_found() {
        assert_eq!(Fault::parse(IN_USE).meaning(), snapshot("user/host-1001"));
        let with = |code: &str| Fault::parse(&IN_USE.replace("'user/host-1001'", code)).meaning();
        assert_eq!(with("u'user/x'"), snapshot("user/x"));
        assert_eq!(with("\"user/it's\""), snapshot("user/it's"));
        assert_eq!(with("'startup'"), Meaning::InUse(CurrentUse::Startup));
        let task = |task: &str| Meaning::InUse(CurrentUse::ServerTask(task.to_owned()));
        assert_eq!(with("'packing'"), task("packing"));
        assert_eq!(with("'recombining/user/x'"), task("recombining/user/x"));
        assert_eq!(with("None"), Meaning::Other);
    }

    #[test]
    fn in_debug_mode_only_the_end_of_the_traceback_counts() {
        let fault = Fault::parse(DEBUG);
        assert_eq!(fault.meaning(), snapshot("user/host-1001"));
        assert_eq!(fault, Fault::parse(IN_USE));
        let other = DEBUG
            .replace("DirectoryStorageError: Can", "ValueError: Cannot")
            .replace(" in use by 'user/host-1001'", "");
        assert_eq!(Fault::parse(&other).meaning(), Meaning::Other);
    }

    #[test]
    fn known_exceptions_are_recognised_by_their_class() {
        assert_eq!(Fault::parse(NOT_FOUND).meaning(), Meaning::NotFound);
        for (class, meaning) in [
            ("ZEO.Exceptions.ClientDisconnected", Meaning::Disconnected),
            ("zc.lockfile.LockError", Meaning::Locked),
            ("AccessControl.unauthorized.Unauthorized", Meaning::Unauthorized),
            ("exceptions.IOError", Meaning::Other),
        ] {
            for words in [
                format!("Unexpected Zope exception: <class '{class}'> - "),
                format!("Unexpected Zope exception: <class '{class}'> - some NotFound words"),
                format!("Unexpected Zope exception: {class} - words"),
                format!(
                    "Unexpected Zope exception: \nTraceback (most recent call last):\n  File \"x\"\n    raise NotFound('y')\n{class}: words\nand more"
                ),
            ] {
                assert_eq!(Fault::parse(&words).meaning(), meaning, "{words}");
            }
        }
    }

    #[test]
    fn a_storage_that_does_not_know_snapshots_is_recognised() {
        let says = |words: &str| Fault::parse(&format!("{PREFIX} {words}")).lacks_call();
        let lacks = "'ClientStorage' object has no attribute 'enterSnapshot'";
        assert!(says(&format!("<class 'exceptions.AttributeError'> - {lacks}")));
        assert!(!says(&format!("<class 'exceptions.ValueError'> - {lacks}")));
        assert!(!says("<class 'exceptions.AttributeError'> - 'x' object has no attribute 'y'"));
    }

    #[test]
    fn a_summary_is_the_exception_on_one_line() {
        let words = "DirectoryStorageError: Can not enter snapshot mode: snapshot already in use by 'user/host-1001'";
        assert_eq!(Fault::parse(IN_USE).summary(&no_secrets()), words);
        assert_eq!(Fault::parse(DEBUG).summary(&no_secrets()), words);
        let not_found = Fault::parse(NOT_FOUND).summary(&no_secrets());
        assert!(not_found.starts_with("NotFound: Site Error An error was"), "{not_found}");
        let disconnected =
            "Unexpected Zope exception: <class 'ZEO.Exceptions.ClientDisconnected'> - ";
        assert_eq!(Fault::parse(disconnected).summary(&no_secrets()), "ClientDisconnected");
        assert_eq!(
            Fault::parse("some\x1b[31m words").summary(&no_secrets()),
            "some\u{fffd}[31m words"
        );
    }

    #[test]
    fn a_long_summary_is_cut() {
        let shown = Fault::parse(&"ä".repeat(10_000)).summary(&no_secrets());
        assert_eq!(shown, "ä".repeat(300) + "…");
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

        #[test]
        fn a_summary_of_any_text_is_one_short_line(words in "\\PC{0,9}(Traceback \\(most recent call last\\):|already in use by |Unexpected Zope exception:| - |'|\n| |\u{1b}|\\PC){0,30}") {
            let fault = Fault::parse(&words);
            fault.meaning();
            let shown = fault.summary(&no_secrets());
            proptest::prop_assert!(!shown.chars().any(char::is_control), "{shown:?}");
            proptest::prop_assert!(shown.chars().count() <= MAX_SHOWN_FAULT_CHARS + 1);
        }
    }
}
