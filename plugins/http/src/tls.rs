//! TLS: which servers are trusted, and what a failed handshake means.
//!
//! A handshake fails before any call is sent, and a server that sends an alert afterwards has not made
//! it. If only a person can cure the failure, its reason is made here. A server that merely closes the connection during the handshake counts as
//! unreachable, which is decided in `send_error`.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use dsnap_core::{Reason, text};
use dsnap_engine::limits;
use dsnap_engine::system::named_file;
use reqwest::ClientBuilder;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore, crypto};

use crate::address::Address;
use crate::certificate::{self, Verifier};
use crate::secrets::Secrets;

/// How TLS is spoken to one server.
pub(crate) type Config = ClientConfig;

/// Makes an HTTP client speak TLS in this way.
pub(crate) fn add(client: ClientBuilder, config: &Config) -> ClientBuilder {
    client.tls_backend_preconfigured(config.clone())
}

/// Makes the TLS configuration for an address. An `https://` server must have a certificate of an
/// authority in the `ca=` file, or without such a file, of one that this machine trusts.
///
/// # Errors
///
/// There are no authorities to trust, or the file cannot be read.
pub(crate) fn config(address: &Address, ca: Option<&Path>) -> Result<Config, Reason> {
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Reason::new(format!("TLS cannot be set up: {error}")))?;
    if !address.is_https() {
        // The HTTP client needs a configuration even if it does not use it.
        let unused = builder.with_root_certificates(RootCertStore::empty());
        return Ok(unused.with_no_client_auth());
    }
    let (roots, listed) = match ca {
        None => (machine_roots(), Vec::new()),
        Some(path) => read_roots(path)?,
    };
    let verifier = Verifier::new(roots, listed, provider).ok_or_else(no_machine_roots)?;
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    Ok(builder.with_no_client_auth())
}

fn machine_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn no_machine_roots() -> Reason {
    Reason::new("this machine has no list of trusted certificate authorities").hint(
        "install the package ca-certificates, or name a file of trusted certificates with ca=FILE",
    )
}

/// Reads the certificates of a CA file: as authorities, and as they are.
fn read_roots(path: &Path) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), Reason> {
    let pem = named_file::read_beginning(path, limits::MAX_CA_FILE)?;
    let unusable = |flaw: &str| {
        Reason::new(format!("the CA file {} {flaw}", text::path(path)))
            .hint("name a file with certificates in PEM format (-----BEGIN CERTIFICATE-----)")
    };
    let (mut roots, mut listed) = (RootCertStore::empty(), Vec::new());
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| unusable("is not in PEM format"))?;
        listed.push(certificate.clone());
        roots.add(certificate).map_err(|_| unusable("contains an unusable certificate"))?;
    }
    if roots.is_empty() { Err(unusable("contains no certificate")) } else { Ok((roots, listed)) }
}

/// Says why the TLS connection failed, if a person must act. `errors` are those of a failed
/// connection, or of one that brought no answer, outermost first.
pub(crate) fn failure(
    address: &Address,
    secrets: &Secrets,
    errors: &[&(dyn Error + 'static)],
) -> Option<Reason> {
    let error = errors.iter().find_map(|error| error.downcast_ref::<rustls::Error>())?;
    let url = address.shown();
    Some(match error {
        rustls::Error::InvalidCertificate(error) => untrusted_certificate(address, secrets, error),
        rustls::Error::PeerIncompatible(error) => no_secure_version(url, &format!("{error:?}")),
        rustls::Error::AlertReceived(alert) => refused_by_alert(url, *alert),
        rustls::Error::InvalidMessage(_) => Reason::new(format!("{url} does not speak TLS"))
            .hint("check the port: this one may be for http://"),
        other => {
            let error = secrets.shown(&other.to_string());
            Reason::new(format!("no TLS connection to {url}: {error}"))
        }
    })
}

/// Says why a server sent an alert instead of an answer, if it did. The call was not made, even if the alert
/// came after the handshake: in TLS 1.3, a server sees only then that the client has no certificate.
pub(crate) fn refusal(url: &str, errors: &[&(dyn Error + 'static)]) -> Option<Reason> {
    errors.iter().find_map(|error| match error.downcast_ref() {
        Some(rustls::Error::AlertReceived(alert)) => Some(refused_by_alert(url, *alert)),
        _ => None,
    })
}

fn refused_by_alert(url: &str, alert: AlertDescription) -> Reason {
    use AlertDescription as A;
    match alert {
        A::ProtocolVersion | A::InsufficientSecurity => no_secure_version(url, &format!("{alert:?}")),
        A::HandshakeFailure => Reason::new(format!(
            "{url} offers no secure version or cipher of TLS, or wants a client certificate ({alert:?})"
        ))
        .hint("make the server offer TLS 1.2 or 1.3, and ask for no client certificate"),
        A::CertificateRequired
        | A::NoCertificate
        | A::BadCertificate
        | A::CertificateUnknown
        | A::UnknownCA
        | A::AccessDenied => Reason::new(format!(
            "{url} wants a client certificate ({alert:?}), which `http` cannot send"
        ))
        .hint("use an address of the server that asks for no client certificate"),
        other => Reason::new(format!("{url} refused the TLS connection ({other:?})"))
            .hint("look in the log of the server, or of the proxy in front of it"),
    }
}

fn no_secure_version(url: &str, error: &str) -> Reason {
    Reason::new(format!("{url} offers no secure version or cipher of TLS ({error})"))
        .hint("make the server offer TLS 1.2 or 1.3")
}

fn untrusted_certificate(address: &Address, secrets: &Secrets, error: &CertificateError) -> Reason {
    let (flaw, hint) = certificate::flaw(&address.host(), secrets, error);
    Reason::new(format!("the certificate of {} {flaw}", address.shown())).hint(hint)
}
