//! What a server says, shown without the secrets that were sent to it.
//!
//! A server in debug mode, or a proxy's error page, may repeat the request: the password, the pair
//! `user:password`, or the `Authorization` header. So everything that a server says passes through
//! [`Secrets::shown`] or [`Secrets::mask`] before it becomes part of a message.
//!
//! This helps against a server that repeats a secret by accident. A server that wants to reveal the
//! password can spell it in ways that no program recognises.

mod spelling;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use dsnap_core::text;
use dsnap_engine::limits::{MAX_ESCAPE_LAYERS, MAX_MASKED_WORDS, MIN_MASKED_IN_PLACE};

use self::spelling::Notation;

/// What stands in place of a secret.
const MASK: &str = "***";
/// What stands in place of a text that takes too long to search.
const TOO_LONG: &str = "[not shown: it is too long]";
/// What stands in place of a whole text.
const WITHHELD: &str = "[not shown: it may contain the password]";

/// The secrets of one access file, in the spellings in which a server may repeat them.
pub(crate) struct Secrets {
    /// The longest first: the pair contains the password.
    spellings: Vec<String>,
}

impl Secrets {
    /// Collects what must not be shown. An empty password is no secret.
    pub(crate) fn new(user: &[u8], password: &[u8]) -> Self {
        if password.is_empty() {
            return Self { spellings: Vec::new() };
        }
        let pair = [user, b":", password].concat();
        let mut spellings: Vec<_> = [password, &pair].into_iter().flat_map(spellings_of).collect();
        spellings.sort_by(|one, other| other.len().cmp(&one.len()).then(one.cmp(other)));
        spellings.dedup();
        Self { spellings }
    }

    /// Shows what a server says: harmless, and without the secrets.
    pub(crate) fn shown(&self, words: &str) -> String {
        text::harmless(&*self.mask(words))
    }

    /// Masks the secrets in what a server says. The result is not yet harmless, and not yet cut: a cut
    /// could leave the beginning of a password, which nothing would recognise.
    ///
    /// A long secret is replaced where it stands. If a text contains a short one, or an escaped one, all
    /// of the text is withheld: between the letters of ordinary words, the gaps would spell out a
    /// password of a few letters, and the end of an escaped one is not certain.
    pub(crate) fn mask<'w>(&self, words: &'w str) -> Cow<'w, str> {
        if words.len() > MAX_MASKED_WORDS {
            return Cow::Borrowed(TOO_LONG);
        }
        let long = |secret: &&String| secret.chars().count() >= MIN_MASKED_IN_PLACE;
        let mut masked = Cow::Borrowed(words);
        for secret in self.spellings.iter().filter(long) {
            if masked.contains(secret.as_str()) {
                masked = Cow::Owned(masked.replace(secret.as_str(), MASK));
            }
        }
        if self.are_in(&masked, MAX_ESCAPE_LAYERS) { Cow::Borrowed(WITHHELD) } else { masked }
    }

    /// Says whether a text contains a secret, perhaps with blanks in it, or under so many layers of
    /// escapes. One layer is of one notation: the `%` of a password is no escape of XML.
    fn are_in(&self, words: &str, layers: usize) -> bool {
        let joined = spelling::without_blanks(words);
        let is_in = |secret: &String| {
            let secret_joined = spelling::without_blanks(secret);
            words.contains(secret.as_str())
                || !secret_joined.is_empty() && joined.contains(&secret_joined)
        };
        self.spellings.iter().any(is_in)
            || layers > 0
                && Notation::ALL.into_iter().any(|notation| {
                    let plain = notation.unescape(words);
                    plain != words && self.are_in(&plain, layers - 1)
                })
    }
}

/// Lists how a server may write these bytes: as UTF-8, as Latin-1, and in Base64. The padding of Base64
/// may be missing, so it is no part of a spelling.
fn spellings_of(secret: &[u8]) -> [String; 4] {
    [
        String::from_utf8_lossy(secret).into_owned(),
        secret.iter().copied().map(char::from).collect(),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
    ]
}

#[cfg(test)]
mod tests;
