//! What stands on the line and in its files, as the three verbs see it.

use dsnap_core::method::{Entered, SnapshotMethod, WorksWith};
use dsnap_http::Http;

use crate::replies;
use crate::server::Server;
use crate::stage::{Site, expect};

#[test]
fn the_method_is_called_http_and_works_with_the_owner() {
    assert_eq!((Http.name(), Http.works_with()), ("http", WorksWith::Owner));
    assert_eq!(format!("{Http:?}"), "Http");
}

#[test]
fn words_that_are_missing_or_too_many_are_malformed() {
    assert!(Http.check_words(&["http://a/".into()]).is_err());
    assert!(Http.check_words(&["http://a/".into(), "x".into(), "y".into()]).is_err());
    assert!(Http.check_words(&["http://a/".into(), "x".into(), "ca=y".into()]).is_ok());
    let checked = |url: &str, access: &str| Http.check_words(&[url.into(), access.into()]).unwrap();
    assert_eq!(checked("http://u:p@host/x", "access").label.unwrap(), "http://host/x");
    assert!(checked("http://a/", "x").names_relative_files);
    assert!(!checked("http://a/", "/x").names_relative_files);
}

#[test]
fn the_path_is_asked_for_as_it_was_given() {
    for (given, asked) in [("", "/"), ("/", "/"), ("/a//b/%7Ex;y?z=1", "/a//b/%7Ex;y?z=1")] {
        let server = Server::playing([replies::nil()]);
        let url = format!("http://{}", server.at(given));
        assert_eq!(Site::new(&url).enter(), Entered::Held);
        let line = format!("POST {asked} HTTP/1.1");
        assert_eq!(server.requests()[0].head.lines().next(), Some(line.as_str()));
    }
}

#[test]
fn a_url_or_an_access_file_that_cannot_be_used_is_refused_by_all_verbs() {
    let bad_url = Site::new("ftp://host/x");
    let bad_access = Site::new("http://127.0.0.1:1/").write("access", "no password here\n");
    for site in [bad_url, bad_access] {
        let why = expect(site.enter(), "refused", &[]);
        expect(site.leave(), "refused", &[why.text()]);
        expect(site.status(), "refused", &[why.text()]);
        assert!(!why.to_string().contains("no password here"), "{why}");
    }
}

#[test]
fn a_url_with_a_password_is_refused_before_anything_is_sent() {
    let server = Server::playing([replies::nil()]);
    let site = Site::new(&format!("http://admin:secret@{}", server.at("/DSToolkit")));
    let why = expect(site.enter(), "refused", &["user or password", "access file"]);
    assert!(!why.to_string().contains("secret"), "{why}");
    assert!(server.calls().is_empty());
}

#[test]
fn the_access_file_is_found_beside_the_conf_and_its_bytes_are_sent() {
    let server = Server::playing([replies::nil()]);
    let site = Site::new(&server.url()).write("access", b" j\xf6 : p\xe4ss :third\nmore\n");
    assert_eq!(site.enter(), Entered::Held);
    // base64 of the two words in Latin-1, without the white space around them.
    assert!(server.requests()[0].head.contains("Basic avY6cORzcw==\r\n"));
}

#[test]
fn a_missing_access_file_names_its_path() {
    let site = Site::new("http://127.0.0.1:1/");
    std::fs::remove_file(site.file("access")).unwrap();
    let path = site.file("access").display().to_string();
    expect(site.enter(), "refused", &[&path, "No such file"]);
}

#[test]
fn a_ca_file_for_plain_http_is_refused_before_anything_is_sent() {
    let server = Server::playing([replies::nil()]);
    let site = Site::new(&server.url()).word("ca=ca.pem");
    expect(site.enter(), "refused", &["ca=FILE is for https://", &server.url()]);
    assert!(server.calls().is_empty());
}

#[test]
fn no_proxy_variable_is_obeyed() {
    // Another test once more, with variables that lead to nobody.
    #[expect(clippy::disallowed_methods, reason = "only a new process can have other variables")]
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        again.env(name, "http://127.0.0.1:1/");
    }
    again.env_remove("no_proxy").env_remove("NO_PROXY");
    let name = "line::the_path_is_asked_for_as_it_was_given";
    let output = again.args(["--exact", name]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
