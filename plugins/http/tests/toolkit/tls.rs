//! https: whom the method trusts, and what it says of those it does not.
//!
//! In every case but the good ones the server gets no request.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use dsnap_core::method::{Entered, Status};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::replies;
use crate::server::{Reply, Server};
use crate::stage::{Site, expect};

/// An authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        Self::called("an authority")
    }

    fn called(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server's configuration with a certificate from here.
    fn server(&self, params: &CertificateParams) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        config(certificate.der().clone(), &key)
    }
}

fn config(certificate: rustls::pki_types::CertificateDer<'static>, key: &KeyPair) -> ServerConfig {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    builder.with_single_cert(vec![certificate], key).unwrap()
}

fn named(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).unwrap()
}

/// Asks `https://localhost`, trusting the authority with this PEM text.
fn line(port: u16, trusted: &str) -> Site {
    let url = format!("https://localhost:{port}/DSToolkit");
    Site::new(&url).word("ca=ca.pem").write("ca.pem", trusted)
}

/// The words about a server that is not trusted, and that it was asked nothing.
fn refused(config: ServerConfig, trusted: &str, parts: &[&str]) {
    let server = Server::playing_tls(config, [replies::nil()]);
    expect(line(server.port(), trusted).enter(), "refused", parts);
    assert!(server.log().lock().unwrap().is_empty());
}

#[test]
fn a_server_whose_authority_the_ca_file_names_is_asked() {
    let authority = Authority::new();
    let replies = [replies::nil(), replies::code("user/x")];
    let server = Server::playing_tls(authority.server(&named("localhost")), replies);
    let site = line(server.port(), &authority.pem());
    assert_eq!(site.enter(), Entered::Held);
    assert_eq!(site.status(), Status::Held(b"user/x".to_vec()));
    let requests = server.requests();
    assert!(requests[0].head.contains("Basic YWRtaW46YWRtaW5wYXNz\r\n"));
}

#[test]
fn a_ca_file_may_hold_several_and_the_servers_own_certificate() {
    let key = KeyPair::generate().unwrap();
    let own = named("localhost").self_signed(&key).unwrap();
    let trusted = format!("a comment\n{}{}", Authority::new().pem(), own.pem());
    let server = Server::playing_tls(config(own.der().clone(), &key), [replies::nil()]);
    assert_eq!(line(server.port(), &trusted).enter(), Entered::Held);
}

#[test]
fn an_unknown_authority_is_refused_with_the_way_to_name_it() {
    for name in ["another authority", "an authority"] {
        let server = Authority::new().server(&named("localhost"));
        let parts = ["not trusted here", "ca=FILE", "https://localhost:"];
        refused(server, &Authority::called(name).pem(), &parts);
    }
}

#[test]
fn without_a_ca_file_the_authorities_of_the_machine_are_trusted() {
    let server =
        Server::playing_tls(Authority::new().server(&named("localhost")), [replies::nil()]);
    let site = Site::new(&format!("https://localhost:{}/", server.port()));
    // A machine without any list says that instead.
    expect(site.enter(), "refused", &["ca=FILE"]);
    assert!(server.log().lock().unwrap().is_empty());
}

#[test]
fn a_certificate_for_another_name_is_refused_with_the_names() {
    let authority = Authority::new();
    let parts = ["is not for localhost, but for zope.example", "in the URL"];
    refused(authority.server(&named("zope.example")), &authority.pem(), &parts);
}

#[test]
fn an_expired_certificate_is_refused() {
    let authority = Authority::new();
    let mut params = named("localhost");
    (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
    refused(authority.server(&params), &authority.pem(), &["has expired", "renew"]);
}

#[test]
fn a_certificate_of_the_future_is_refused() {
    let authority = Authority::new();
    let mut params = named("localhost");
    params.not_before = date_time_ymd(4000, 1, 1);
    params.not_after = date_time_ymd(4001, 1, 1);
    refused(authority.server(&params), &authority.pem(), &["is not valid yet", "clock"]);
}

#[test]
fn an_authoritys_own_certificate_is_none_for_a_server() {
    let key = KeyPair::generate().unwrap();
    let mut params = named("localhost");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = params.self_signed(&key).unwrap();
    let server = config(own.der().clone(), &key);
    refused(server, &own.pem(), &["is an authority's own (CA:TRUE)", "ca=FILE"]);
}

/// A server that answers the first bytes of TLS with these.
fn answering(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(bytes);
        let _ = stream.read(&mut [0; 4096]);
    });
    port
}

#[test]
fn a_server_with_too_old_a_protocol_is_refused() {
    // The alert `protocol_version`; and the beginning of a TLS 1.0 answer.
    let alert = b"\x15\x03\x01\x00\x02\x02\x46";
    let hello = b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF\x00\x00\x2f\x00";
    for bytes in [&alert[..], &hello[..]] {
        let site = line(answering(bytes), &Authority::new().pem());
        expect(site.enter(), "refused", &["no TLS that is still safe", "TLS 1.2 or 1.3"]);
    }
}

#[test]
fn plain_http_behind_https_is_refused() {
    let site = line(answering(b"HTTP/1.0 400 Bad Request\r\n\r\n"), &Authority::new().pem());
    expect(site.enter(), "refused", &["does not speak TLS", "http://"]);
}

#[test]
fn a_server_that_hangs_up_in_the_handshake_is_unavailable() {
    let server = Server::playing([Reply::Reset]);
    let site = line(server.port(), &Authority::new().pem());
    expect(site.enter(), "unavailable", &["cannot be reached"]);
}

#[test]
fn a_ca_file_that_is_none_is_refused_by_its_path() {
    for (content, what) in [
        ("", "holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", "is not PEM"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be used"),
    ] {
        let site = line(1, content);
        let path = site.file("ca.pem").display().to_string();
        expect(site.enter(), "refused", &["the ca file", &path, what]);
    }
    let site = Site::new("https://localhost:1/").word("ca=absent.pem");
    expect(site.enter(), "refused", &["absent.pem cannot be read: No such file"]);
}
