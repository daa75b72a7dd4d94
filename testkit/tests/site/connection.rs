//! When a connection to a simulated Zope stays open, and when it closes.

use crate::support::{Connection, request, site, status_request};

/// Returns the headers about the connection.
fn connection_headers(head: &str) -> Vec<&str> {
    head.lines().filter(|line| line.to_ascii_lowercase().starts_with("connection")).collect()
}

#[test]
fn an_http_1_1_connection_stays_open_unless_the_client_asks_to_close_d33() {
    let site = site();
    let mut connection = Connection::to(&site);
    for code in ["one", "two"] {
        for method in ["enterSnapshot", "leaveSnapshot"] {
            connection.send(&request(method, Some(code)));
            let (head, _) = connection.answer();
            assert!(head.starts_with("HTTP/1.1 200 OK\n"), "{head}");
            assert_eq!(connection_headers(&head), [""; 0]);
        }
        site.server().unwrap().wait_until_free();
    }
    assert!(connection.is_open());
}

#[test]
fn a_connection_closes_if_the_client_asks_in_any_case_d33() {
    for word in ["close", "Close"] {
        let site = site();
        let mut connection = Connection::to(&site);
        connection.send(&status_request("HTTP/1.1", &format!("Connection: {word}\n")));
        assert_eq!(connection_headers(&connection.answer().0), ["Connection: close"]);
        assert!(!connection.is_open());
    }
}

#[test]
fn an_http_1_0_connection_closes_even_if_the_client_asks_to_keep_it_d32() {
    for headers in ["", "Connection: keep-alive\n", "Connection: Keep-Alive\n"] {
        let site = site();
        let mut connection = Connection::to(&site);
        connection.send(&status_request("HTTP/1.0", headers));
        assert_eq!(connection_headers(&connection.answer().0), ["Connection: close"], "{headers}");
        assert!(!connection.is_open(), "{headers}");
    }
}

#[test]
fn a_chunked_request_is_a_bad_request_and_the_connection_closes_d39() {
    for headers in ["", "Connection: close\r\n"] {
        let site = site();
        let mut connection = Connection::to(&site);
        connection.send(&format!(
            "POST /DSToolkit HTTP/1.1\r\n{headers}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
        ));
        let (head, _) = connection.answer();
        assert!(head.starts_with("HTTP/1.0 400 Bad Request\n"), "{head}");
        assert!(!connection.is_open(), "{headers}");
    }
}

#[test]
fn pipelined_calls_are_answered_in_order_d43() {
    let site = site();
    let mut connection = Connection::to(&site);
    let question = status_request("HTTP/1.1", "");
    let enter = request("enterSnapshot", Some("x"));
    connection
        .send(&[&question, &enter, &question, &enter, &question].map(String::as_str).concat());
    let bodies: Vec<_> = (0..5).map(|_| connection.answer().1).collect();
    let says = |at: usize, words: &str| assert!(bodies[at].contains(words), "{bodies:?}");
    says(0, "<nil/>");
    says(1, "<nil/>");
    says(2, "<string>user/x</string>");
    says(3, "already in use by 'user/x'");
    says(4, "<string>user/x</string>");
}
