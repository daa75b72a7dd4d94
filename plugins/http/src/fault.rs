//! What a fault of Zope says.
//!
//! Zope packs every exception into one fault: `Unexpected Zope exception: <class 'MODULE.NAME'> -
//! MESSAGE`, the message perhaps of many lines; in debug mode a traceback instead, whose source
//! lines quote the very words one looks for, and that ends with `NAME: MESSAGE`.

use dsnap_core::text;

use crate::current_use::Occupant;

const PREFIX: &str = "Unexpected Zope exception:";
const TRACEBACK: &str = "Traceback (most recent call last):";
/// How many characters of a fault are shown.
const LONGEST: usize = 300;

/// An exception in the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Without its module; empty if the fault names none.
    class: String,
    message: String,
}

/// What it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The URL leads to no toolkit.
    NotFound,
    /// The user may not.
    Unauthorized,
    /// The storage is in snapshot mode already.
    InUse(Occupant),
    /// Zope has lost its ZEO server.
    Disconnected,
    /// A file is locked by somebody else.
    Locked,
    /// Anything else.
    Other,
}

impl Fault {
    /// Reads a fault's words.
    pub(crate) fn read(words: &str) -> Self {
        let words = words.trim();
        if let Some((_, traceback)) = words.rsplit_once(TRACEBACK) {
            return Self::of_traceback(traceback);
        }
        let exception = words.strip_prefix(PREFIX).unwrap_or(words).trim_start();
        let parts =
            exception.split_once(" - ").or_else(|| Some((exception.strip_suffix(" -")?, "")));
        match parts.and_then(|(class, message)| Some((class_name(class)?, message))) {
            Some((class, message)) => Self { class, message: message.to_owned() },
            None => Self { class: String::new(), message: exception.to_owned() },
        }
    }

    /// The exception stands below the indented lines.
    fn of_traceback(traceback: &str) -> Self {
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

    /// What the fault means.
    pub(crate) fn meaning(&self) -> Meaning {
        match self.class.as_str() {
            "NotFound" => Meaning::NotFound,
            "Unauthorized" => Meaning::Unauthorized,
            "ClientDisconnected" => Meaning::Disconnected,
            "LockError" => Meaning::Locked,
            _ => self.occupant().map_or(Meaning::Other, Meaning::InUse),
        }
    }

    /// Who uses the snapshot: Python's way to write the code, in quotes.
    fn occupant(&self) -> Option<Occupant> {
        let (_, code) = self.message.rsplit_once("already in use by ")?;
        let code = code.trim().trim_start_matches('u');
        let quote = code.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let (code, _) = code[1..].rsplit_once(quote)?;
        Some(Occupant::of(code.to_owned()))
    }

    /// The fault on one line: the exception's own words.
    pub(crate) fn shown(&self) -> String {
        let words: Vec<_> = self.message.split_whitespace().collect();
        let message = words.join(" ");
        let line = match (self.class.as_str(), message.as_str()) {
            ("", message) => message.to_owned(),
            (class, "") => class.to_owned(),
            (class, message) => format!("{class}: {message}"),
        };
        let short: String = line.chars().take(LONGEST).collect();
        let end = if short.len() < line.len() { "…" } else { "" };
        text::harmless(short + end)
    }
}

/// `<class 'a.b.Name'>`, `<type 'exceptions.Name'>` or `a.b.Name`: the name.
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
        Meaning::InUse(Occupant::Snapshot(code.to_owned()))
    }

    const IN_USE: &str = "Unexpected Zope exception: <class 'DirectoryStorage.utils.DirectoryStorageError'> - Can not enter snapshot mode: snapshot already in use by 'user/host-1001'";
    /// In debug mode, shortened: the source line quotes the words with a %r.
    const DEBUG: &str = "Unexpected Zope exception: \nTraceback (most recent call last):\n  File \"ZPublisher/Publish.py\", line 249, in publish_module_standard\n    response = publish(request, module_name, after_list, debug=debug)\n  File \"LocalFilesystem.py\", line 402, in enter_snapshot\n    raise DirectoryStorageError('Can not enter snapshot mode: snapshot already in use by %r' % self.snapshot_code)\nDirectoryStorageError: Can not enter snapshot mode: snapshot already in use by 'user/host-1001'\n";
    const NOT_FOUND: &str = "Unexpected Zope exception: <class 'zExceptions.NotFound'> -    Site Error \n   An error was encountered while publishing this resource.\n   \n    Resource not found  \n\n  Sorry, the requested resource does not exist. Check the URL and try again.   Resource:  NoSuchToolkit\nPOST \n ";

    #[test]
    fn a_snapshot_in_use_is_recognised_with_its_code() {
        assert_eq!(Fault::read(IN_USE).meaning(), snapshot("user/host-1001"));
        let with = |code: &str| Fault::read(&IN_USE.replace("'user/host-1001'", code)).meaning();
        assert_eq!(with("u'user/x'"), snapshot("user/x"));
        assert_eq!(with("\"user/it's\""), snapshot("user/it's"));
        assert_eq!(with("'startup'"), Meaning::InUse(Occupant::Startup));
        let work = |work: &str| Meaning::InUse(Occupant::Work(work.to_owned()));
        assert_eq!(with("'packing'"), work("packing"));
        assert_eq!(with("'recombining/user/x'"), work("recombining/user/x"));
        assert_eq!(with("None"), Meaning::Other);
    }

    #[test]
    fn in_debug_mode_the_last_line_counts() {
        let fault = Fault::read(DEBUG);
        assert_eq!(fault.meaning(), snapshot("user/host-1001"));
        assert_eq!(fault, Fault::read(IN_USE));
        let other = DEBUG
            .replace("DirectoryStorageError: Can", "ValueError: Cannot")
            .replace(" in use by 'user/host-1001'", "");
        assert_eq!(Fault::read(&other).meaning(), Meaning::Other);
    }

    #[test]
    fn the_exceptions_that_mean_something_are_recognised_by_their_class() {
        assert_eq!(Fault::read(NOT_FOUND).meaning(), Meaning::NotFound);
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
                assert_eq!(Fault::read(&words).meaning(), meaning, "{words}");
            }
        }
    }

    #[test]
    fn a_fault_is_shown_on_one_line_in_the_exceptions_own_words() {
        let words = "DirectoryStorageError: Can not enter snapshot mode: snapshot already in use by 'user/host-1001'";
        assert_eq!(Fault::read(IN_USE).shown(), words);
        assert_eq!(Fault::read(DEBUG).shown(), words);
        let not_found = Fault::read(NOT_FOUND).shown();
        assert!(not_found.starts_with("NotFound: Site Error An error was"), "{not_found}");
        let disconnected =
            "Unexpected Zope exception: <class 'ZEO.Exceptions.ClientDisconnected'> - ";
        assert_eq!(Fault::read(disconnected).shown(), "ClientDisconnected");
        assert_eq!(Fault::read("some\x1b[31m words").shown(), "some\u{fffd}[31m words");
    }

    #[test]
    fn a_long_fault_is_cut() {
        let shown = Fault::read(&"ä".repeat(10_000)).shown();
        assert_eq!(shown, "ä".repeat(300) + "…");
    }

    proptest::proptest! {
        #[test]
        fn any_words_are_shown_on_one_short_line(words in "\\PC{0,9}(Traceback \\(most recent call last\\):|already in use by |Unexpected Zope exception:| - |'|\n| |\u{1b}|\\PC){0,30}") {
            let fault = Fault::read(&words);
            fault.meaning();
            let shown = fault.shown();
            proptest::prop_assert!(!shown.chars().any(char::is_control), "{shown:?}");
            proptest::prop_assert!(shown.chars().count() <= LONGEST + 1);
        }
    }
}
