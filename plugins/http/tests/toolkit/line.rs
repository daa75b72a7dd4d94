//! The words of a conf line and its files, for `enter`, `leave` and `status`.

use dsnap_core::method::{Entered, SnapshotMethod, WorksWith};
use dsnap_http::Http;

use crate::support::conf_line::{ConfLine, expect};
use crate::support::replies;
use crate::support::server::Server;
use crate::support::wait;

#[test]
fn the_method_is_called_http_and_works_with_the_owner() {
    let http = Http::default();
    assert_eq!((http.name(), http.works_with()), ("http", WorksWith::Owner));
}

#[test]
fn words_that_are_missing_or_too_many_are_malformed() {
    let http = Http::default();
    assert!(http.check_words(&["http://a/".into()]).is_err());
    assert!(http.check_words(&["http://a/".into(), "x".into(), "y".into()]).is_err());
    assert!(http.check_words(&["http://a/".into(), "x".into(), "ca=y".into()]).is_ok());
    let checked = |url: &str, access: &str| http.check_words(&[url.into(), access.into()]).unwrap();
    assert_eq!(checked("http://u:p@host/x", "access").label.unwrap(), "http://host/x");
    assert!(checked("http://a/", "x").names_relative_files);
    assert!(!checked("http://a/", "/x").names_relative_files);
}

#[test]
fn the_path_is_sent_as_the_user_wrote_it() {
    for (path, sent) in [("", "/"), ("/", "/"), ("/a//b/%7Ex;y?z=1", "/a//b/%7Ex;y?z=1")] {
        let server = Server::start([replies::nil(), replies::nil()]);
        let url = format!("http://{}", server.at(path));
        assert_eq!(ConfLine::new(&url).enter(), Entered::Held);
        let line = format!("POST {sent} HTTP/1.1");
        assert_eq!(server.requests()[1].head.lines().next(), Some(line.as_str()));
    }
}

#[test]
fn an_unusable_url_or_access_file_means_refused() {
    let bad_url = ConfLine::new("ftp://host/x");
    let bad_access = ConfLine::new("http://127.0.0.1:1/").with_file("access", "no password here\n");
    for line in [bad_url, bad_access] {
        let reason = expect(line.enter(), "refused", &[]);
        expect(line.leave(), "refused", &[reason.text()]);
        expect(line.status(), "refused", &[reason.text()]);
        assert!(!reason.to_string().contains("no password here"), "{reason}");
    }
}

#[test]
fn a_credential_is_read_from_its_folder_and_a_missing_one_names_the_setting() {
    let server = Server::start([replies::nil(), replies::nil()]);
    let line = ConfLine::new(&server.url()).with_credential("zope");
    let missing = line.path("zope").display().to_string();
    expect(line.enter(), "refused", &[&missing, "No such file", "LoadCredential=zope:FILE"]);
    assert_eq!(line.with_file("zope", "admin:adminpass\n").enter(), Entered::Held);
    let sent = "authorization: basic ywrtaw46ywrtaw5wyxnz";
    assert!(server.requests()[1].head.to_lowercase().contains(sent));
}

#[test]
fn a_url_with_a_password_is_refused_before_anything_is_sent() {
    let server = Server::start([replies::nil()]);
    let line = ConfLine::new(&format!("http://admin:secret@{}", server.at("/DSToolkit")));
    let reason = expect(line.enter(), "refused", &["user or password", "access file"]);
    assert!(!reason.to_string().contains("secret"), "{reason}");
    assert!(server.calls().is_empty());
}

#[test]
fn the_access_file_is_found_beside_the_conf_and_sent_as_bytes() {
    let server = Server::start([replies::nil(), replies::nil()]);
    let line = ConfLine::new(&server.url()).with_file("access", b" j\xf6 : p\xe4ss :third\nmore\n");
    assert_eq!(line.enter(), Entered::Held);
    // User and password are in Latin-1, without the white space around them.
    assert!(server.requests()[0].head.contains("Basic avY6cORzcw==\r\n"));
}

#[test]
fn the_path_of_a_missing_access_file_is_shown() {
    let line = ConfLine::new("http://127.0.0.1:1/");
    std::fs::remove_file(line.path("access")).unwrap();
    let path = line.path("access").display().to_string();
    expect(line.enter(), "refused", &[&path, "No such file"]);
}

#[test]
fn a_ca_file_with_an_http_url_is_refused_before_anything_is_sent() {
    let server = Server::start([replies::nil()]);
    let line = ConfLine::new(&server.url()).with_word("ca=ca.pem");
    expect(line.enter(), "refused", &["ca=FILE is only for https://", &server.url()]);
    assert!(server.calls().is_empty());
}

#[test]
fn proxy_variables_are_ignored() {
    // Runs another test again, with variables that name a proxy that does not exist.
    #[expect(clippy::disallowed_methods, reason = "only a new process can have other variables")]
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        again.env(name, "http://127.0.0.1:1/");
    }
    again.env_remove("no_proxy").env_remove("NO_PROXY");
    let name = "line::the_path_is_sent_as_the_user_wrote_it";
    again.args(["--exact", name]);
    let output = wait::output(again);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}");
}
