//! The exceptions of a ZEO server, with the classes and words of the real ones.

use super::super::exception::Exception;
use super::super::server_error::ServerError;
use super::reply::Class;

/// An exception that a call raises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raised {
    pub(super) class: Class,
    /// Its one argument, if there is one.
    pub(super) argument: Option<Vec<u8>>,
}

impl Raised {
    fn new(module: &'static str, name: &'static str, words: impl Into<String>) -> Self {
        let argument = Some(words.into().into_bytes());
        Self { class: Class { module, name }, argument }
    }

    fn value_error(words: impl Into<String>) -> Self {
        Self::new("exceptions", "ValueError", words)
    }

    /// Returns the exception that the storage raises; `sublock` is the path of `misc/sublock`. Returns
    /// `None` if the server has ended, because it then answers nothing.
    pub(super) fn of(error: &ServerError, sublock: &str) -> Option<Self> {
        if *error == ServerError::Ended {
            return None;
        }
        Some(Exception::of(error, sublock).into())
    }

    pub(super) fn unknown_storage(name: &str) -> Self {
        Self::value_error(format!("unknown storage: {name}"))
    }

    pub(super) fn duplicate_register() -> Self {
        Self::value_error("duplicate register() call")
    }

    pub(super) fn read_only() -> Self {
        let class = Class { module: "ZODB.POSException", name: "ReadOnlyError" };
        Self { class, argument: None }
    }

    /// There is no object with this identifier.
    pub(super) fn no_object(oid: &[u8]) -> Self {
        let class = Class { module: "ZODB.POSException", name: "POSKeyError" };
        Self { class, argument: Some(oid.to_vec()) }
    }

    pub(super) fn unauthenticated() -> Self {
        let words = "Client was never authenticated with server!";
        Self::new("ZEO.Exceptions", "AuthError", words)
    }

    /// The client did not ask for a challenge yet.
    pub(super) fn no_challenge() -> Self {
        let words = "StorageClass instance has no attribute '_challenge'";
        Self::new("exceptions", "AttributeError", words)
    }

    pub(super) fn invalid_challenge() -> Self {
        Self::value_error("invalid challenge")
    }

    pub(super) fn unknown_user(user: &str) -> Self {
        Self::new("exceptions", "LookupError", format!("No such user: {user}"))
    }

    /// DirectoryStorage lacks the method that older servers need for `zeoLoad`.
    pub(super) fn no_versions() -> Self {
        let words = "Full instance has no attribute 'modifiedInVersion'";
        Self::new("exceptions", "AttributeError", words)
    }

    /// The call has the wrong number of arguments; Python counts `self`, too.
    pub(super) fn wrong_arguments(name: &str, expected: usize, given: usize) -> Self {
        let (expected, given) = (expected + 1, given + 1);
        let plural = if expected == 1 { "" } else { "s" };
        let words = format!("{name}() takes exactly {expected} argument{plural} ({given} given)");
        Self::new("exceptions", "TypeError", words)
    }

    /// An argument has a type that the call cannot use.
    pub(super) fn wrong_type(name: &str) -> Self {
        Self::new("exceptions", "TypeError", format!("{name}(): an argument has the wrong type"))
    }

    pub(super) fn with_escapes() -> Self {
        Self::from(Exception::with_escapes())
    }
}

impl From<Exception> for Raised {
    fn from(exception: Exception) -> Self {
        Self::new(exception.module, exception.name, exception.message)
    }
}
