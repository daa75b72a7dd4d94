//! `https://`: which servers the method trusts, and what it says about the others.
//!
//! A server that is not trusted receives no request.

use std::fs;
use std::path::Path;

use dsnap_core::method::{Entered, Status};
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::support::certificates::{Authority, certificate_for, server_config};
use crate::support::conf_line::{ConfLine, expect};
use crate::support::replies;
use crate::support::server::{Reply, Server, server_answering};

/// Makes a line for `https://localhost` that trusts the certificates in this PEM text.
fn line_trusting(port: u16, trusted: &str) -> ConfLine {
    let url = format!("https://localhost:{port}/DSToolkit");
    ConfLine::new(&url).with_word("ca=ca.pem").with_file("ca.pem", trusted)
}

/// Checks that `enter` refuses a server with this configuration, and that the server receives no
/// request.
fn expect_refused(config: ServerConfig, trusted: &str, parts: &[&str]) {
    let server = Server::start_tls(config, [replies::nil()]);
    expect(line_trusting(server.port(), trusted).enter(), "refused", parts);
    assert!(server.received().lock().unwrap().is_empty());
}

#[test]
fn a_server_with_a_certificate_of_the_ca_files_authority_is_trusted() {
    let authority = Authority::new();
    let replies = [replies::nil(), replies::nil(), replies::code("user/x")];
    let server = Server::start_tls(authority.server_config(&certificate_for("localhost")), replies);
    let line = line_trusting(server.port(), &authority.pem());
    assert_eq!(line.enter(), Entered::Held);
    assert_eq!(line.status(), Status::Held(b"user/x".to_vec()));
    let requests = server.requests();
    assert!(requests[0].head.contains("Basic YWRtaW46YWRtaW5wYXNz\r\n"));
}

#[test]
fn a_ca_file_may_contain_several_certificates_and_the_servers_own() {
    let key = KeyPair::generate().unwrap();
    let own = certificate_for("localhost").self_signed(&key).unwrap();
    let trusted = format!("a comment\n{}{}", Authority::new().pem(), own.pem());
    let config = server_config(own.der().clone(), &key);
    let server = Server::start_tls(config, [replies::nil(), replies::nil()]);
    assert_eq!(line_trusting(server.port(), &trusted).enter(), Entered::Held);
}

#[test]
fn an_unknown_authority_is_refused_with_a_hint_about_the_ca_file() {
    for name in ["another authority", "an authority"] {
        let server = Authority::new().server_config(&certificate_for("localhost"));
        let parts = ["not signed by a trusted authority", "ca=FILE", "https://localhost:"];
        expect_refused(server, &Authority::named(name).pem(), &parts);
    }
}

#[test]
fn without_a_ca_file_the_authorities_of_the_machine_are_trusted() {
    let server = Server::start_tls(
        Authority::new().server_config(&certificate_for("localhost")),
        [replies::nil()],
    );
    let line = ConfLine::new(&format!("https://localhost:{}/", server.port()));
    // A machine without a list of authorities gives the same hint.
    expect(line.enter(), "refused", &["ca=FILE"]);
    assert!(server.received().lock().unwrap().is_empty());
}

#[test]
fn a_certificate_for_another_name_is_refused_with_its_names() {
    let authority = Authority::new();
    let parts = ["is not for localhost, but for zope.example", "in the URL"];
    expect_refused(
        authority.server_config(&certificate_for("zope.example")),
        &authority.pem(),
        &parts,
    );
}

#[test]
fn an_expired_certificate_is_refused() {
    let authority = Authority::new();
    let mut params = certificate_for("localhost");
    (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
    expect_refused(authority.server_config(&params), &authority.pem(), &["has expired", "renew"]);
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_refused() {
    let authority = Authority::new();
    let mut params = certificate_for("localhost");
    params.not_before = date_time_ymd(4000, 1, 1);
    params.not_after = date_time_ymd(4001, 1, 1);
    expect_refused(
        authority.server_config(&params),
        &authority.pem(),
        &["is not valid yet", "clock"],
    );
}

/// Reads a file of the server whose authority has a weak key.
fn weak(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/toolkit/weak");
    fs::read_to_string(folder.join(file)).unwrap()
}

/// Makes a certificate like `openssl req -x509` does: signed by itself, and with CA:TRUE.
fn self_signed_authority(mut params: CertificateParams) -> (Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    (params.self_signed(&key).unwrap(), key)
}

#[test]
fn a_servers_own_certificate_in_the_ca_file_is_trusted_even_if_it_says_ca_true() {
    let (own, key) = self_signed_authority(certificate_for("localhost"));
    let replies = [replies::nil(), replies::nil()];
    let server = Server::start_tls(server_config(own.der().clone(), &key), replies);
    let trusted = format!("{}{}", Authority::new().pem(), own.pem());
    assert_eq!(line_trusting(server.port(), &trusted).enter(), Entered::Held);
}

#[test]
fn a_listed_certificate_with_ca_true_is_trusted_only_for_its_names_and_in_its_time() {
    let refused = |params: CertificateParams, parts: &[&str]| {
        let (own, key) = self_signed_authority(params);
        expect_refused(server_config(own.der().clone(), &key), &own.pem(), parts);
    };
    refused(certificate_for("zope.example"), &["is not for localhost, but for zope.example"]);
    refused(CertificateParams::default(), &["has no name in subjectAltName", "-addext"]);
    let mut expired = certificate_for("localhost");
    expired.not_before = date_time_ymd(2001, 1, 1);
    expired.not_after = date_time_ymd(2002, 1, 1);
    refused(expired, &["has expired"]);
}

#[test]
fn an_authoritys_certificate_that_is_not_listed_itself_is_refused_as_that_of_a_server() {
    let authority = Authority::new();
    let mut params = certificate_for("localhost");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let parts = ["is that of a certificate authority (CA:TRUE)", "ca=FILE"];
    expect_refused(authority.server_config(&params), &authority.pem(), &parts);
    let (own, key) = self_signed_authority(certificate_for("localhost"));
    let (other, _) = self_signed_authority(certificate_for("localhost"));
    expect_refused(server_config(own.der().clone(), &key), &other.pem(), &parts);
}

#[test]
fn a_server_that_wants_a_client_certificate_is_refused_in_every_version_of_tls() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (authority, clients) = (Authority::new(), Authority::new());
        let config =
            authority.server_config_with_clients(&certificate_for("localhost"), &clients, version);
        let server = Server::start_tls(config, [replies::nil()]);
        let entered = line_trusting(server.port(), &authority.pem()).enter();
        expect(entered, "refused", &["client certificate", "https://localhost:"]);
        assert!(server.received().lock().unwrap().is_empty());
    }
}

#[test]
fn a_key_that_is_too_weak_is_called_so() {
    // Its authority has an RSA key of 1024 bits; ring makes none, so these files come from openssl.
    let [certificate, key] = ["server.pem", "server.key"].map(weak);
    let key = KeyPair::from_pem(&key).unwrap();
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let parts = ["a key that is too weak (RSA, 1024 bits)", "2048"];
    expect_refused(server_config(certificate, &key), &weak("authority.pem"), &parts);
}

#[test]
fn a_server_with_an_outdated_protocol_is_refused() {
    // The alert `protocol_version`, and the beginning of an answer in TLS 1.0.
    let alert = b"\x15\x03\x01\x00\x02\x02\x46";
    let hello = b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF\x00\x00\x2f\x00";
    for bytes in [&alert[..], &hello[..]] {
        let line = line_trusting(server_answering(bytes), &Authority::new().pem());
        expect(line.enter(), "refused", &["no secure version or cipher of TLS", "TLS 1.2 or 1.3"]);
    }
}

#[test]
fn a_server_that_speaks_plain_http_is_refused() {
    let line = line_trusting(
        server_answering(b"HTTP/1.0 400 Bad Request\r\n\r\n"),
        &Authority::new().pem(),
    );
    expect(line.enter(), "refused", &["does not speak TLS", "http://"]);
}

#[test]
fn a_server_that_closes_the_connection_in_the_handshake_means_unavailable() {
    let server = Server::start([Reply::Reset]);
    let line = line_trusting(server.port(), &Authority::new().pem());
    expect(line.enter(), "unavailable", &["cannot be reached"]);
}

#[test]
fn an_unusable_ca_file_is_refused_with_its_path() {
    for (content, flaw) in [
        ("", "contains no certificate"),
        ("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", "is not in PEM format"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "contains an unusable certificate",
        ),
    ] {
        let line = line_trusting(1, content);
        let path = line.path("ca.pem").display().to_string();
        expect(line.enter(), "refused", &["the CA file", &path, flaw]);
    }
    let line = ConfLine::new("https://localhost:1/").with_word("ca=absent.pem");
    expect(line.enter(), "refused", &["absent.pem cannot be read: No such file"]);
}
