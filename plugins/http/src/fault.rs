//! What a fault of Zope says.
//!
//! Zope reports every exception in the text of a fault: `Unexpected Zope exception: <class
//! 'MODULE.NAME'> - MESSAGE`, where the message may have several lines. In debug mode the text is a
//! traceback that ends with `NAME: MESSAGE`. Its source lines may quote the same messages, so only the
//! end counts.

use dsnap_engine::server::exception::Exception;

use crate::secrets::Secrets;

const PREFIX: &str = "Unexpected Zope exception:";
const TRACEBACK: &str = "Traceback (most recent call last):";

/// An exception in the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault(Exception);

/// What a fault means after every call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// There is no toolkit at the URL.
    NotFound,
    /// The user lacks the permission.
    Unauthorized,
    /// Zope has lost the connection to its ZEO server.
    Disconnected,
    /// An exception of the storage: what it means depends on the call.
    OfStorage,
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
            Some((class, message)) => Self::new(class, message),
            None => Self::new(String::new(), exception),
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
            Some(class) => Self::new(class, message.trim()),
            None => Self::new(String::new(), &exception),
        }
    }

    fn new(class: String, message: &str) -> Self {
        Self(Exception { class, message: message.to_owned() })
    }

    /// Says what the fault means.
    pub(crate) fn meaning(&self) -> Meaning {
        match self.0.class.as_str() {
            "NotFound" => Meaning::NotFound,
            "Unauthorized" => Meaning::Unauthorized,
            "ClientDisconnected" => Meaning::Disconnected,
            _ => Meaning::OfStorage,
        }
    }

    /// Shows the exception on one short line without secrets.
    pub(crate) fn summary(&self, secrets: &Secrets) -> String {
        self.0.summary(|words| secrets.mask(words).into_owned())
    }

    /// Says whether the storage of the Zope does not know a call about snapshots. Through a ZEO server
    /// without the patch of DirectoryStorage, it does not.
    pub(crate) fn lacks_call(&self) -> bool {
        self.0.class == "AttributeError" && self.0.message.to_ascii_lowercase().contains("snapshot")
    }

    /// Returns the exception, for the engine to judge.
    pub(crate) fn into_exception(self) -> Exception {
        self.0
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
    use dsnap_engine::limits::MAX_SHOWN_FAULT_CHARS;
    use dsnap_engine::server::current_use::CurrentUse;
    use dsnap_engine::server::exception;

    fn judged(words: &str) -> exception::Meaning {
        Fault::parse(words).into_exception().meaning()
    }

    fn snapshot(code: &str) -> exception::Meaning {
        exception::Meaning::InUse(CurrentUse::Snapshot(code.to_owned()))
    }

    fn no_secrets() -> Secrets {
        Secrets::new(b"admin", b"")
    }

    const IN_USE: &str = "Unexpected Zope exception: <class 'DirectoryStorage.utils.DirectoryStorageError'> - Can not enter snapshot mode: snapshot already in use by 'user/host-1001'";
    /// A shortened traceback of debug mode. Its source line quotes the message with a `%r`.
    const DEBUG: &str = "Unexpected Zope exception: \nTraceback (most recent call last):\n  File \"ZPublisher/Publish.py\", line 249, in publish_module_standard\n    response = publish(request, module_name, after_list, debug=debug)\n  File \"LocalFilesystem.py\", line 402, in enter_snapshot\n    raise DirectoryStorageError('Can not enter snapshot mode: snapshot already in use by %r' % self.snapshot_code)\nDirectoryStorageError: Can not enter snapshot mode: snapshot already in use by 'user/host-1001'\n";
    const NOT_FOUND: &str = "Unexpected Zope exception: <class 'zExceptions.NotFound'> -    Site Error \n   An error was encountered while publishing this resource.\n   \n    Resource not found  \n\n  Sorry, the requested resource does not exist. Check the URL and try again.   Resource:  NoSuchToolkit\nPOST \n ";

    #[test]
    fn in_debug_mode_only_the_end_of_the_traceback_counts() {
        assert_eq!(judged(DEBUG), snapshot("user/host-1001"));
        assert_eq!(Fault::parse(DEBUG), Fault::parse(IN_USE));
        let other = DEBUG
            .replace("DirectoryStorageError: Can", "ValueError: Cannot")
            .replace(" in use by 'user/host-1001'", "");
        assert_eq!(judged(&other), exception::Meaning::Other);
    }

    #[test]
    fn known_exceptions_are_recognised_by_their_class() {
        assert_eq!(Fault::parse(NOT_FOUND).meaning(), Meaning::NotFound);
        for (class, meaning) in [
            ("ZEO.Exceptions.ClientDisconnected", Meaning::Disconnected),
            ("zc.lockfile.LockError", Meaning::OfStorage),
            ("AccessControl.unauthorized.Unauthorized", Meaning::Unauthorized),
            ("exceptions.IOError", Meaning::OfStorage),
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
        for call in ["enter_snapshot", "get_snapshot_code", "enterSnapshot"] {
            let lacks = format!("'ClientStorage' object has no attribute '{call}'");
            assert!(says(&format!("<type 'exceptions.AttributeError'> - {lacks}")), "{call}");
            assert!(!says(&format!("<type 'exceptions.ValueError'> - {lacks}")), "{call}");
        }
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
