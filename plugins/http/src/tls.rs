//! TLS: whom to trust, and what it means if somebody is not to be trusted.
//!
//! Everything that can go wrong here goes wrong before anything was sent. What a person must
//! cure is told apart; a server that just hangs up in the handshake is as good as not there.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use dsnap_core::{Reason, text};
use dsnap_engine::limits;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{AlertDescription, CertificateError, ClientConfig, OtherError, RootCertStore, crypto};

use crate::address::Address;
use crate::file;

/// The configuration for an address: for `https://` with the authorities of the `ca=` file, or
/// else of this machine.
///
/// # Errors
///
/// There are none, or the file cannot be read.
pub(crate) fn config(address: &Address, ca: Option<&Path>) -> Result<ClientConfig, Reason> {
    let roots = match ca {
        // The client wants a configuration also where it will not be used.
        _ if !address.is_https() => RootCertStore::empty(),
        None => roots_of_machine()?,
        Some(path) => roots_in(path)?,
    };
    let provider = Arc::new(crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| Reason::new(format!("TLS cannot be set up: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn roots_of_machine() -> Result<RootCertStore, Reason> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(Reason::new("this machine has no list of trusted certificate authorities")
            .hint("install it (the package ca-certificates), or name a file with ca=FILE"));
    }
    Ok(roots)
}

fn roots_in(path: &Path) -> Result<RootCertStore, Reason> {
    let pem = file::beginning(path, limits::MAX_ANSWER)?;
    let wrong = |what: &str| {
        Reason::new(format!("the ca file {} {what}", text::path(path)))
            .hint("it must hold certificates in PEM form (-----BEGIN CERTIFICATE-----)")
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| wrong("is not PEM"))?;
        roots.add(certificate).map_err(|_| wrong("holds a certificate that cannot be used"))?;
    }
    if roots.is_empty() { Err(wrong("holds no certificate")) } else { Ok(roots) }
}

/// What a failed connection means if TLS failed in a way that a person must cure.
pub(crate) fn refusal(address: &Address, chain: &[&(dyn Error + 'static)]) -> Option<Reason> {
    let error = chain.iter().find_map(|error| error.downcast_ref::<rustls::Error>())?;
    let url = address.shown();
    Some(match error {
        rustls::Error::InvalidCertificate(flaw) => certificate(address, flaw),
        rustls::Error::PeerIncompatible(why) => no_common_ground(url, &format!("{why:?}")),
        rustls::Error::AlertReceived(
            alert @ (AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure),
        ) => no_common_ground(url, &format!("{alert:?}")),
        rustls::Error::InvalidMessage(_) => {
            Reason::new(format!("{url} does not speak TLS")).hint("is it a port for http://?")
        }
        other => {
            let why = text::harmless(other.to_string());
            Reason::new(format!("no secure connection to {url}: {why}"))
        }
    })
}

fn no_common_ground(url: &str, why: &str) -> Reason {
    Reason::new(format!("{url} speaks no TLS that is still safe ({why})"))
        .hint("the server must offer TLS 1.2 or 1.3")
}

fn certificate(address: &Address, flaw: &CertificateError) -> Reason {
    use CertificateError as E;
    let (url, host) = (address.shown(), address.host());
    let (what, hint) = match flaw {
        // A bad signature: the trusted authority of that name has another key.
        E::UnknownIssuer | E::BadSignature => (
            "comes from an authority that is not trusted here".to_owned(),
            "name the file with that authority's certificate at the end of the line: ca=FILE",
        ),
        E::NotValidForName => (format!("is not for {host}"), NAME_HINT),
        E::NotValidForNameContext { presented, .. } => {
            (format!("is not for {host}, but for {}", listed(presented)), NAME_HINT)
        }
        E::Expired | E::ExpiredContext { .. } => (
            "has expired".to_owned(),
            "renew the server's certificate, or correct the clock of this machine",
        ),
        E::NotValidYet | E::NotValidYetContext { .. } => (
            "is not valid yet".to_owned(),
            "correct the clock of this machine or of the one that made the certificate",
        ),
        E::Other(OtherError(other)) if other.to_string().contains("CaUsedAsEndEntity") => (
            "is an authority's own (CA:TRUE), and none for a server".to_owned(),
            "give the server a certificate without CA:TRUE; that one, or its authority's, belongs into ca=FILE",
        ),
        other => (
            format!("is not accepted: {}", text::harmless(other.to_string())),
            "look at it with `openssl s_client`; it must be made anew",
        ),
    };
    Reason::new(format!("the certificate of {url} {what}")).hint(hint)
}

const NAME_HINT: &str = "use one of the certificate's names in the URL";

/// rustls writes `DnsName("zope.example")`.
fn listed(names: &[String]) -> String {
    let plain = |name: &String| name.split('"').nth(1).unwrap_or(name).to_owned();
    let names: Vec<_> = names.iter().map(plain).collect();
    if names.is_empty() { "no name at all".to_owned() } else { text::harmless(names.join(", ")) }
}
