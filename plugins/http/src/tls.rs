//! TLS: which servers are trusted, and what a failed handshake means.
//!
//! A handshake fails before any call is sent. If only a person can cure the failure, its reason is
//! made here. A server that merely closes the connection during the handshake counts as
//! unreachable, which is decided in `send_error`.

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
use crate::secrets::Secrets;

/// Makes the TLS configuration for an address. An `https://` server must have a certificate of an
/// authority in the `ca=` file, or without such a file, of one that this machine trusts.
///
/// # Errors
///
/// There are no authorities to trust, or the file cannot be read.
pub(crate) fn config(address: &Address, ca: Option<&Path>) -> Result<ClientConfig, Reason> {
    let roots = match ca {
        // The HTTP client needs a configuration even if it does not use it.
        _ if !address.is_https() => RootCertStore::empty(),
        None => machine_roots()?,
        Some(path) => read_roots(path)?,
    };
    let provider = Arc::new(crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| Reason::new(format!("TLS cannot be set up: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn machine_roots() -> Result<RootCertStore, Reason> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let text = "this machine has no list of trusted certificate authorities";
        let hint = "install the package ca-certificates, or name a file of trusted certificates with ca=FILE";
        return Err(Reason::new(text).hint(hint));
    }
    Ok(roots)
}

fn read_roots(path: &Path) -> Result<RootCertStore, Reason> {
    let pem = file::read_beginning(path, limits::MAX_CA_FILE)?;
    let unusable = |flaw: &str| {
        Reason::new(format!("the CA file {} {flaw}", text::path(path)))
            .hint("name a file with certificates in PEM format (-----BEGIN CERTIFICATE-----)")
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| unusable("is not in PEM format"))?;
        roots.add(certificate).map_err(|_| unusable("contains an unusable certificate"))?;
    }
    if roots.is_empty() { Err(unusable("contains no certificate")) } else { Ok(roots) }
}

/// Says why the TLS handshake failed, if a person must act. `errors` are those of a failed connection,
/// outermost first.
pub(crate) fn handshake_failure(
    address: &Address,
    secrets: &Secrets,
    errors: &[&(dyn Error + 'static)],
) -> Option<Reason> {
    let error = errors.iter().find_map(|error| error.downcast_ref::<rustls::Error>())?;
    let url = address.shown();
    Some(match error {
        rustls::Error::InvalidCertificate(error) => untrusted_certificate(address, secrets, error),
        rustls::Error::PeerIncompatible(error) => no_secure_version(url, &format!("{error:?}")),
        rustls::Error::AlertReceived(
            alert @ (AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure),
        ) => no_secure_version(url, &format!("{alert:?}")),
        rustls::Error::InvalidMessage(_) => Reason::new(format!("{url} does not speak TLS"))
            .hint("check the port: this one may be for http://"),
        other => {
            let error = secrets.shown(&other.to_string());
            Reason::new(format!("no TLS connection to {url}: {error}"))
        }
    })
}

fn no_secure_version(url: &str, error: &str) -> Reason {
    Reason::new(format!("{url} offers no secure version or cipher of TLS ({error})"))
        .hint("make the server offer TLS 1.2 or 1.3")
}

fn untrusted_certificate(address: &Address, secrets: &Secrets, error: &CertificateError) -> Reason {
    let (flaw, hint) = certificate_flaw(&address.host(), secrets, error);
    Reason::new(format!("the certificate of {} {flaw}", address.shown())).hint(hint)
}

/// Says what is wrong with a certificate, and what to do.
fn certificate_flaw(
    host: &str,
    secrets: &Secrets,
    error: &CertificateError,
) -> (String, &'static str) {
    use CertificateError as E;
    match error {
        // A bad signature: a trusted authority has the right name, but another key.
        E::UnknownIssuer | E::BadSignature => (
            "is not signed by a trusted authority".to_owned(),
            "with ca=FILE, name a file that contains the certificate of that authority",
        ),
        E::NotValidForName => (format!("is not for {host}"), NAME_HINT),
        E::NotValidForNameContext { presented, .. } => {
            (format!("is not for {host}, but for {}", list_names(secrets, presented)), NAME_HINT)
        }
        E::Expired | E::ExpiredContext { .. } => (
            "has expired".to_owned(),
            "renew the server's certificate, or correct the clock of this machine",
        ),
        E::NotValidYet | E::NotValidYetContext { .. } => (
            "is not valid yet".to_owned(),
            "correct the clock of this machine, or of the machine that made the certificate",
        ),
        E::Other(OtherError(other)) if other.to_string().contains("CaUsedAsEndEntity") => (
            "is that of a certificate authority (CA:TRUE), not of a server".to_owned(),
            "give the server a certificate without CA:TRUE, and name it or its authority's with ca=FILE",
        ),
        other => (
            format!("is not accepted: {}", secrets.shown(&other.to_string())),
            "inspect it with `openssl s_client`, and make a new one",
        ),
    }
}

const NAME_HINT: &str = "use one of the certificate's names in the URL";

/// Lists the names of a certificate. rustls writes them as `DnsName("zope.example")`.
fn list_names(secrets: &Secrets, names: &[String]) -> String {
    let plain = |name: &String| name.split('"').nth(1).unwrap_or(name).to_owned();
    let names: Vec<_> = names.iter().map(plain).collect();
    if names.is_empty() { "no name at all".to_owned() } else { secrets.shown(&names.join(", ")) }
}
