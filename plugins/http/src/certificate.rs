//! Certificates of servers: which are accepted, and what is wrong with the others.
//!
//! The rules are those of rustls, with one addition: `ca=FILE` may contain the server's own
//! certificate even if that says CA:TRUE, as `openssl req -x509` makes it. Then exactly this
//! certificate is accepted, for its names and while it is valid.

use std::fmt;
use std::sync::Arc;

use dsnap_engine::limits;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

use crate::secrets::Secrets;

mod rsa;

/// Verifies certificates of servers.
#[derive(Debug)]
pub(crate) struct Verifier {
    rules: Arc<WebPkiServerVerifier>,
    /// The certificates of the CA file.
    listed: Vec<CertificateDer<'static>>,
}

impl Verifier {
    /// Trusts these authorities, and the listed certificates themselves. Returns `None` if there is no authority.
    pub(crate) fn new(
        roots: RootCertStore,
        listed: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Option<Self> {
        let rules = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        Some(Self { rules: rules.build().ok()?, listed })
    }

    /// Says whether the server's certificate is in the CA file itself, and only its CA:TRUE was
    /// against it. The rules check its time before that.
    fn is_listed_authority(&self, certificate: &CertificateDer<'_>, error: &Error) -> bool {
        let Error::InvalidCertificate(error) = error else { return false };
        is_of_authority(error) && self.listed.iter().any(|listed| listed == certificate)
    }
}

/// Says that one of the keys is too weak, if that is why a signature could not be verified.
fn explain_bad_signature<'c>(
    error: Error,
    certificates: impl IntoIterator<Item = &'c CertificateDer<'c>>,
) -> Error {
    if !matches!(error, Error::InvalidCertificate(CertificateError::BadSignature)) {
        return error;
    }
    let bits = |certificate: &CertificateDer<'_>| {
        rsa::key_bits(&ParsedCertificate::try_from(certificate).ok()?.subject_public_key_info())
    };
    let weakest = certificates.into_iter().filter_map(bits).min();
    match weakest.filter(|bits| *bits < limits::MIN_RSA_BITS) {
        Some(bits) => CertificateError::Other(OtherError(Arc::new(WeakKey(bits)))).into(),
        None => error,
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.rules.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            Err(error) if self.is_listed_authority(end_entity, &error) => {
                let certificate = ParsedCertificate::try_from(end_entity)?;
                rustls::client::verify_server_name(&certificate, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified.map_err(|error| {
                let sent = [end_entity].into_iter().chain(intermediates);
                explain_bad_signature(error, sent.chain(&self.listed))
            }),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = self.rules.verify_tls12_signature(message, certificate, signature);
        verified.map_err(|error| explain_bad_signature(error, [certificate]))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = self.rules.verify_tls13_signature(message, certificate, signature);
        verified.map_err(|error| explain_bad_signature(error, [certificate]))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.rules.supported_verify_schemes()
    }
}

/// An RSA key that is too short for its signature to be checked: so many bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct WeakKey(usize);

impl fmt::Display for WeakKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an RSA key of {} bits is too weak", self.0)
    }
}

impl std::error::Error for WeakKey {}

/// Says whether a certificate was refused because it is one of an authority (CA:TRUE).
fn is_of_authority(error: &CertificateError) -> bool {
    // rustls does not export the type of this error.
    matches!(error, CertificateError::Other(OtherError(it)) if it.to_string().contains("CaUsedAsEndEntity"))
}

/// Says what is wrong with a certificate, and what to do.
pub(crate) fn flaw(
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
        E::NotValidForNameContext { presented, .. } if presented.is_empty() => (
            format!("is not for {host}: it has no name in subjectAltName"),
            "make a new one that has: with openssl, `-addext subjectAltName=DNS:HOST`",
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
        error => other_flaw(secrets, error),
    }
}

fn other_flaw(secrets: &Secrets, error: &CertificateError) -> (String, &'static str) {
    if is_of_authority(error) {
        return (
            "is that of a certificate authority (CA:TRUE), not of a server".to_owned(),
            "with ca=FILE, name a file that contains exactly this certificate, or make one without CA:TRUE",
        );
    }
    if let CertificateError::Other(OtherError(other)) = error
        && let Some(WeakKey(bits)) = other.downcast_ref()
    {
        return (
            format!("depends on a key that is too weak (RSA, {bits} bits)"),
            "make a new key with at least 2048 bits, and a new certificate",
        );
    }
    (
        format!("is not accepted: {}", secrets.shown(&error.to_string())),
        "inspect it with `openssl s_client`, and make a new one",
    )
}

const NAME_HINT: &str = "use one of the certificate's names in the URL";

/// Lists the names of a certificate. rustls writes them as `DnsName("zope.example")`.
fn list_names(secrets: &Secrets, names: &[String]) -> String {
    let plain = |name: &String| name.split('"').nth(1).unwrap_or(name).to_owned();
    secrets.shown(&names.iter().map(plain).collect::<Vec<_>>().join(", "))
}
