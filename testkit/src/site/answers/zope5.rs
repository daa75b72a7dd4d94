//! The answers of a real Zope 5.14.2 in waitress, byte for byte except for the date.
//!
//! `cargo xtask interop` compares them with those of an installed Zope.

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};

use super::message::{Answer, answer, date, document, escaped, value};

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\" ?>";
const XML: &str = "text/xml; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
/// Zope's error pages come from another place, which writes no blank.
const ERROR_HTML: &str = "text/html;charset=utf-8";
const POWERED_BY: (HeaderName, &str) =
    (HeaderName::from_static("x-powered-by"), "Zope (www.zope.dev), Python (www.python.org)");
const EXCEPTION: &str = include_str!("../recorded/zope5/exception.txt");
const ERROR_PAGE: &str = include_str!("../recorded/zope5/error.html");
const WEB_PAGE: &str = include_str!("../recorded/zope5/web-page.html");

/// Makes an answer of waitress alone.
fn by_waitress(status: StatusCode, kind: &str, body: String) -> Answer {
    let (date, length) = (date(), body.len().to_string());
    let headers = [
        (header::CONTENT_LENGTH, length.as_str()),
        (header::CONTENT_TYPE, kind),
        (header::DATE, &date),
        (header::SERVER, "waitress"),
    ];
    answer(status, &headers, body.into())
}

/// Makes an answer of Zope, to which waitress adds that it passed it on.
fn by_zope(status: StatusCode, kind: &str, body: String) -> Answer {
    let mut answer = by_waitress(status, kind, body);
    for (name, value) in [(header::VIA, "waitress"), POWERED_BY] {
        answer.headers_mut().append(name, HeaderValue::from_static(value));
    }
    answer
}

/// Answers a string, or `None`.
pub(super) fn result(text: Option<&str>) -> Answer {
    by_zope(StatusCode::OK, XML, document(DECLARATION, &value(text)))
}

/// Answers `True`.
pub(super) fn yes() -> Answer {
    by_zope(StatusCode::OK, XML, document(DECLARATION, "<boolean>1</boolean>"))
}

/// Answers a call that raised any exception. The connection closes.
pub(super) fn exception() -> Answer {
    let body = EXCEPTION.replace('\n', "\r\n");
    let kind = "text/plain; charset=utf-8";
    let mut answer = by_waitress(StatusCode::INTERNAL_SERVER_ERROR, kind, body);
    announce_close(&mut answer);
    answer
}

/// Answers that there is nothing to call, and what was looked for.
pub(super) fn not_found(resource: &str) -> Answer {
    let words = format!(
        "Sorry, the requested resource does not exist.<p>Check the URL and try again.</p><p><b>Resource:</b> {}</p>",
        escaped(resource)
    );
    error_page(StatusCode::NOT_FOUND, "Resource not found", &words)
}

/// Answers XML that is not an XML-RPC call.
pub(super) fn no_call() -> Answer {
    error_page(StatusCode::BAD_REQUEST, "Sorry, a site error occurred.", "ResponseError()")
}

/// Answers a call as Zope 6 does with XML-RPC off, which is its default.
pub(super) fn xmlrpc_is_off() -> Answer {
    let title = "Sorry, a site error occurred.";
    error_page(StatusCode::BAD_REQUEST, title, "Unsupported request type")
}

fn error_page(status: StatusCode, title: &str, words: &str) -> Answer {
    let page = ERROR_PAGE.replace("TITLE", title).replace("WORDS", words);
    by_waitress(status, ERROR_HTML, page)
}

/// Answers a request with missing, wrong or insufficient credentials.
pub(super) fn unauthorized() -> Answer {
    let mut answer = by_zope(StatusCode::UNAUTHORIZED, "", String::new());
    let challenge = HeaderValue::from_static("basic realm=\"Zope\", charset=\"UTF-8\"");
    answer.headers_mut().remove(header::CONTENT_TYPE);
    answer.headers_mut().append(header::WWW_AUTHENTICATE, challenge);
    sort_headers(&mut answer);
    // hyper moves the length of an empty body to the end, but not that of an empty stream.
    let nothing = futures_util::stream::empty::<std::io::Result<Bytes>>();
    *answer.body_mut() = Body::from_stream(nothing);
    answer
}

/// Answers a request that is not meant for XML-RPC: an ordinary page.
pub(super) fn web_page(host: &str) -> Answer {
    by_zope(StatusCode::OK, HTML, WEB_PAGE.replace("HOST", host))
}

/// Answers with this HTML.
pub(super) fn page(status: StatusCode, body: String) -> Answer {
    by_zope(status, HTML, body)
}

/// Answers with text that claims to be XML.
pub(super) fn not_xml(body: String) -> Answer {
    by_zope(StatusCode::OK, XML, body)
}

/// Announces that the connection closes.
pub(super) fn announce_close(answer: &mut Answer) {
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    sort_headers(answer);
}

/// Sorts the headers by name, as waitress does.
fn sort_headers(answer: &mut Answer) {
    let headers = answer.headers_mut();
    let mut sorted: Vec<_> = headers.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    sorted.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
    headers.clear();
    headers.extend(sorted);
}
