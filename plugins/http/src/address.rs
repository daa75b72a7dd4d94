//! The URL of a toolkit object: checked before it is used, and shown without secrets.
//!
//! User and password belong in the access file. A URL that contains them is refused, and messages
//! show neither. They do not show a query either, because Zope accepts passwords there.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use dsnap_core::{Reason, text};
use reqwest::Url;

/// The hint for a server that does not answer like a toolkit.
pub(crate) const URL_HINT: &str = "correct the URL: it must lead to the DirectoryStorageToolkit object in Zope, for example http://localhost:8080/DSToolkit";

/// A usable URL of a toolkit.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    url: Url,
    shown: String,
}

impl Address {
    /// Reads the URL from a word of the line.
    ///
    /// # Errors
    ///
    /// The word is not a URL, or not one that a toolkit can have.
    pub(crate) fn read(word: &OsStr) -> Result<Self, Reason> {
        let shown = shown(word);
        match parse(word) {
            Ok(url) => Ok(Self { url, shown }),
            Err(Flaw::Credentials) => {
                let text = format!("the URL {shown} contains a user or password");
                let hint = "remove them from the URL, and write user:password in the access file";
                Err(Reason::new(text).hint(hint))
            }
            Err(Flaw::Other(flaw)) => Err(Reason::new(format!("the URL {shown} {flaw}"))
                .hint("write the URL like http://localhost:8080/DSToolkit")),
        }
    }

    /// Returns the URL itself.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Says whether the URL asks for TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Returns the host, for messages.
    #[cfg(feature = "tls")]
    pub(crate) fn host(&self) -> String {
        text::harmless(self.url.host_str().unwrap_or_default())
    }

    /// Returns the URL without secrets, for messages.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }
}

/// What is wrong with a URL.
enum Flaw {
    /// The URL contains a user or password.
    Credentials,
    /// Anything else: a verb phrase.
    Other(String),
}

fn parse(word: &OsStr) -> Result<Url, Flaw> {
    let flaw = |flaw: &str| Err(Flaw::Other(flaw.to_owned()));
    let Some(text) = word.to_str() else { return flaw("is not UTF-8") };
    let lower = text.to_ascii_lowercase();
    if !lower.starts_with("http://") && !lower.starts_with("https://") {
        return flaw("does not begin with http:// or https://");
    }
    if text.chars().any(|letter| letter.is_whitespace() || letter.is_control() || letter == '\\') {
        return flaw("contains a space, a control character or a backslash");
    }
    if authority(text).contains('@') {
        return Err(Flaw::Credentials);
    }
    if text.contains('#') {
        return flaw("contains a fragment (#)");
    }
    if authority(text).is_empty() {
        return flaw("names no host");
    }
    Url::parse(text).map_err(|error| Flaw::Other(format!("is not valid: {error}")))
}

/// Returns the part between `//` and the path.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Shows a URL in a message: as harmless text, without user, password and query.
pub(crate) fn shown(word: &OsStr) -> String {
    text::harmless(without_secrets(word))
}

/// Removes user, password and query from a URL.
fn without_secrets(word: &OsStr) -> String {
    let text = String::from_utf8_lossy(word.as_bytes());
    let (scheme, rest) = text
        .split_once("://")
        .map_or(("", &*text), |(_, rest)| (&text[..text.len() - rest.len()], rest));
    // In the path of a valid URL, an `@` is harmless. In an invalid one, anything may be a password.
    let rest = if parse(word).is_ok() { rest.into() } else { host_and_path(rest) };
    let (rest, query) = rest.split_once('?').map_or((&*rest, ""), |(rest, _)| (rest, "?…"));
    format!("{scheme}{rest}{query}")
}

/// Removes user, password and query from the target of a redirect: an absolute URL, or a path on the
/// same server. The result is not yet harmless.
pub(crate) fn target(target: &str) -> String {
    let address = target.split(['?', '#']).next().unwrap_or_default();
    if address.starts_with("//") {
        let absolute = without_secrets(format!("http:{address}").as_ref());
        return absolute.trim_start_matches("http:").to_owned();
    }
    if address.starts_with('/') { address.to_owned() } else { without_secrets(address.as_ref()) }
}

/// Removes everything before an `@` from an invalid URL without its scheme, and a port that is not a
/// number.
fn host_and_path(rest: &str) -> Cow<'_, str> {
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.split_once(':') {
        Some((host, port))
            if !host.contains('[') && !port.bytes().all(|digit| digit.is_ascii_digit()) =>
        {
            Cow::Owned(format!("{host}:…{path}"))
        }
        _ => Cow::Borrowed(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(word: impl AsRef<OsStr>) -> Reason {
        Address::read(word.as_ref()).unwrap_err()
    }

    #[test]
    fn a_port_that_is_not_a_number_is_not_shown_because_it_may_be_a_password() {
        for word in ["http://admin:sekrit/DSToolkit", "http://admin:sekrit%40zope:8080/DSToolkit"] {
            let reason = refused(word).to_string();
            assert!(reason.starts_with("the URL http://admin:…/DSToolkit "), "{reason}");
            assert!(!reason.contains("sekrit"), "{reason}");
        }
        assert!(refused("http://zope:99999/x").text().contains("http://zope:99999/x "));
    }

    #[test]
    fn the_target_on_another_host_is_shown_without_its_password() {
        for target in ["//admin:sekrit@evil.example/x", "http://admin:sekrit@evil.example/x"] {
            let shown = super::target(target);
            assert!(shown.ends_with("//evil.example/x") && !shown.contains("sekrit"), "{shown}");
        }
        assert_eq!(super::target("/x@y?secret"), "/x@y");
    }

    #[test]
    fn the_path_stays_as_the_user_wrote_it() {
        for (given, path) in [
            ("http://localhost:8080/DSToolkit", "/DSToolkit"),
            ("HTTP://localhost/a//b/%7Ex;y/@@z", "/a//b/%7Ex;y/@@z"),
            ("https://localhost:8443", "/"),
            ("http://[::1]:8080/", "/"),
        ] {
            let address = Address::read(given.as_ref()).unwrap();
            assert_eq!(address.url().path(), path, "{given}");
            assert_eq!(address.shown(), given);
        }
    }

    #[test]
    fn an_unusable_url_is_refused_with_the_reason() {
        for (wrong, flaw) in [
            ("ftp://host/x", "does not begin with http:// or https://"),
            ("localhost:8080/x", "does not begin with http:// or https://"),
            ("http:///x", "names no host"),
            ("http://host/x#y", "contains a fragment (#)"),
            ("http://host/a b", "contains a space, a control character or a backslash"),
            ("http://host\\x", "contains a space, a control character or a backslash"),
            ("http://host:99999/", "is not valid: invalid port number"),
        ] {
            assert_eq!(refused(wrong).text(), format!("the URL {wrong} {flaw}"));
        }
        let reason = refused(OsStr::from_bytes(b"http://h\xff/x"));
        assert_eq!(reason.text(), "the URL http://h\u{fffd}/x is not UTF-8");
    }

    #[test]
    fn a_user_or_password_in_the_url_is_refused_and_not_shown() {
        for given in ["http://admin:secret@host/x", "http://secret@host/x", "http://:secret@host/x"]
        {
            let reason = refused(given);
            assert_eq!(reason.text(), "the URL http://host/x contains a user or password");
            assert!(reason.hints()[0].contains("access file"), "{reason}");
        }
    }

    #[test]
    fn the_target_of_a_redirect_is_shown_without_secrets() {
        for (target, shown) in [
            ("http://host/@@view#top", "http://host/@@view"),
            ("/@@login?came_from=x", "/@@login"),
            ("https://admin:secret@host/x?y", "https://host/x"),
            ("", ""),
        ] {
            assert_eq!(super::target(target), shown);
        }
    }

    #[test]
    fn a_password_of_any_shape_is_not_shown() {
        for given in [
            "http://admin:sec/ret@host/x",
            "http://admin:sec#ret@host/x",
            "http://admin:sec?ret@host/x",
            "http://admin:sec ret@host/x",
            "http://admin:sec@ret@host/x",
            "admin:secret@host/x",
            "http://host/x?__ac_name=admin&__ac_password=secret",
        ] {
            let shown = shown(given.as_ref());
            assert!(!shown.contains("sec") && !shown.contains("ret"), "{given}: {shown}");
            assert!(shown.contains("host/x"), "{given}: {shown}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

        #[test]
        fn no_password_before_a_host_is_shown(password in "[^\0]{0,20}", path in "[a-z/@?#]{0,9}") {
            let shown = shown(format!("http://admin:SECRET{password}@host/{path}").as_ref());
            proptest::prop_assert!(!shown.contains("SECRET") && !shown.contains("admin"), "{shown}");
        }
    }
}
