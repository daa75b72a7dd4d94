//! The URL of a toolkit object: checked before it is used, and shown without what may be secret.
//!
//! Users and passwords belong into the access file. A URL that has some all the same is refused,
//! and neither its user nor its password is shown; nor is a query, in which Zope takes passwords.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use dsnap_core::{Reason, text};
use reqwest::Url;

/// A URL that can be asked.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    url: Url,
    shown: String,
}

impl Address {
    /// Reads the word that is to be a URL.
    ///
    /// # Errors
    ///
    /// It is none that leads to a toolkit.
    pub(crate) fn read(word: &OsStr) -> Result<Self, Reason> {
        let shown = shown(word);
        match usable(word) {
            Ok(url) => Ok(Self { url, shown }),
            Err(Flaw::Credentials) => Err(Reason::new(format!(
                "the URL {shown} is given with a user or password"
            ))
            .hint("take them out of the URL; the access file is the place for user:password")),
            Err(Flaw::Other(flaw)) => Err(Reason::new(format!("the URL {shown} {flaw}"))
                .hint("a URL looks like http://localhost:8080/DSToolkit")),
        }
    }

    /// The URL itself.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Whether TLS is wanted.
    pub(crate) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The host, as one calls it.
    pub(crate) fn host(&self) -> String {
        text::harmless(self.url.host_str().unwrap_or_default())
    }

    /// The URL for messages.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }
}

/// Why a word is no URL that can be used.
enum Flaw {
    Credentials,
    Other(String),
}

fn usable(word: &OsStr) -> Result<Url, Flaw> {
    let flaw = |flaw: &str| Err(Flaw::Other(flaw.to_owned()));
    let Some(text) = word.to_str() else { return flaw("is not UTF-8") };
    let lower = text.to_ascii_lowercase();
    if !lower.starts_with("http://") && !lower.starts_with("https://") {
        return flaw("does not begin with http:// or https://");
    }
    if text.chars().any(|letter| letter.is_whitespace() || letter.is_control() || letter == '\\') {
        return flaw("holds a blank, a control character or a backslash");
    }
    if authority(text).contains('@') {
        return Err(Flaw::Credentials);
    }
    if text.contains('#') {
        return flaw("has a fragment (#)");
    }
    if authority(text).is_empty() {
        return flaw("names no host");
    }
    Url::parse(text).map_err(|error| Flaw::Other(format!("cannot be used: {error}")))
}

/// What stands between `//` and the path.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// A URL for messages: harmless, without user and password, without what its query says.
pub(crate) fn shown(word: &OsStr) -> String {
    let text = String::from_utf8_lossy(word.as_bytes());
    let (scheme, rest) = text
        .split_once("://")
        .map_or(("", &*text), |(_, rest)| (&text[..text.len() - rest.len()], rest));
    // In a path an `@` means nothing; in something unusable a password may have any shape.
    let rest = if usable(word).is_ok() { rest.into() } else { without_secrets(rest) };
    let (rest, query) = rest.split_once('?').map_or((&*rest, ""), |(rest, _)| (rest, "?…"));
    text::harmless(format!("{scheme}{rest}{query}"))
}

/// Where a redirect leads, for messages: an absolute URL, or a path on the same server.
pub(crate) fn shown_target(target: &str) -> String {
    let place = target.split(['?', '#']).next().unwrap_or_default();
    if place.starts_with("//") {
        let shown = shown(format!("http:{place}").as_ref());
        return shown.trim_start_matches("http:").to_owned();
    }
    if place.starts_with('/') { text::harmless(place) } else { shown(place.as_ref()) }
}

/// What follows the scheme of an unusable URL: without what stands before an `@`, and without
/// what stands for a port and is none.
fn without_secrets(rest: &str) -> Cow<'_, str> {
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.split_once(':') {
        Some((host, port))
            if !host.contains('[') && !port.bytes().all(|it| it.is_ascii_digit()) =>
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
    fn what_stands_for_a_port_and_is_none_may_be_a_password() {
        for word in ["http://admin:sekrit/DSToolkit", "http://admin:sekrit%40zope:8080/DSToolkit"] {
            let refusal = refused(word).to_string();
            assert!(refusal.starts_with("the URL http://admin:…/DSToolkit "), "{refusal}");
            assert!(!refusal.contains("sekrit"), "{refusal}");
        }
        assert!(refused("http://zope:99999/x").text().contains("http://zope:99999/x "));
    }

    #[test]
    fn a_redirect_to_another_host_shows_no_password_either() {
        for target in ["//admin:sekrit@evil.example/x", "http://admin:sekrit@evil.example/x"] {
            let shown = shown_target(target);
            assert!(shown.ends_with("//evil.example/x") && !shown.contains("sekrit"), "{shown}");
        }
        assert_eq!(shown_target("/x@y?secret"), "/x@y");
    }

    #[test]
    fn the_path_stays_as_it_was_given() {
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
    fn a_url_that_cannot_be_used_is_refused_with_the_reason() {
        for (wrong, reason) in [
            ("ftp://host/x", "does not begin with http:// or https://"),
            ("localhost:8080/x", "does not begin with http:// or https://"),
            ("http:///x", "names no host"),
            ("http://host/x#y", "has a fragment (#)"),
            ("http://host/a b", "holds a blank, a control character or a backslash"),
            ("http://host\\x", "holds a blank, a control character or a backslash"),
            ("http://host:99999/", "cannot be used: invalid port number"),
        ] {
            assert_eq!(refused(wrong).text(), format!("the URL {wrong} {reason}"));
        }
        let refusal = refused(OsStr::from_bytes(b"http://h\xff/x"));
        assert_eq!(refusal.text(), "the URL http://h\u{fffd}/x is not UTF-8");
    }

    #[test]
    fn a_user_or_password_in_the_url_is_refused_and_not_shown() {
        for given in ["http://admin:secret@host/x", "http://secret@host/x", "http://:secret@host/x"]
        {
            let refusal = refused(given);
            assert_eq!(refusal.text(), "the URL http://host/x is given with a user or password");
            assert!(refusal.hints()[0].contains("access file"), "{refusal}");
        }
    }

    #[test]
    fn a_redirects_target_is_shown_without_secrets() {
        for (target, shown) in [
            ("http://host/@@view#top", "http://host/@@view"),
            ("/@@login?came_from=x", "/@@login"),
            ("https://admin:secret@host/x?y", "https://host/x"),
            ("", ""),
        ] {
            assert_eq!(shown_target(target), shown);
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
        #[test]
        fn no_password_before_a_host_is_shown(password in "[^\0]{0,20}", path in "[a-z/@?#]{0,9}") {
            let shown = shown(format!("http://admin:SECRET{password}@host/{path}").as_ref());
            proptest::prop_assert!(!shown.contains("SECRET") && !shown.contains("admin"), "{shown}");
        }
    }
}
