//! In place of `tls`, if the method is built without it: an `https://` address is refused before anything is
//! sent.

use std::error::Error;
use std::path::Path;

use dsnap_core::Reason;
use reqwest::ClientBuilder;

use crate::address::Address;
use crate::secrets::Secrets;

/// Nothing: only `http://` is spoken.
#[derive(Debug)]
pub(crate) struct Config;

/// Leaves the HTTP client as it is.
pub(crate) fn add(client: ClientBuilder, _config: &Config) -> ClientBuilder {
    client
}

/// Refuses an address that asks for TLS.
///
/// # Errors
///
/// The address begins with `https://`.
pub(crate) fn config(address: &Address, _ca: Option<&Path>) -> Result<Config, Reason> {
    if !address.is_https() {
        return Ok(Config);
    }
    let text = format!("{} needs TLS, which this dsnap was built without", address.shown());
    Err(Reason::new(text).hint("install a dsnap that was built with the feature `tls`"))
}

/// No connection fails because of TLS.
pub(crate) fn failure(
    _address: &Address,
    _secrets: &Secrets,
    _errors: &[&(dyn Error + 'static)],
) -> Option<Reason> {
    None
}

/// No server refuses a call because of TLS.
pub(crate) fn refusal(_url: &str, _errors: &[&(dyn Error + 'static)]) -> Option<Reason> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_is_refused_and_http_is_not() {
        let address = |url: &str| Address::read(url.as_ref()).unwrap();
        let reason = config(&address("https://zope.example/DSToolkit"), None).unwrap_err();
        assert!(reason.text().starts_with("https://zope.example/DSToolkit needs TLS"), "{reason}");
        assert!(config(&address("http://zope.example/DSToolkit"), None).is_ok());
    }
}
