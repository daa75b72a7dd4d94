//! The answers of a real Zope 2.13.30 with a DirectoryStorageToolkit, byte for byte except for
//! the date.

use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, Version, header};
use hyper::ext::ReasonPhrase;

use super::exception::Exception;

const SERVER: &str = "Zope/(2.13.30, python 2.7.18, linux2) ZServer/1.1";
const XML: &str = "text/xml";
const HTML: &str = "text/html; charset=iso-8859-15";
const UNAUTHORIZED: &str = include_str!("recorded/unauthorized.html");
const NOT_XML_RPC: &str = include_str!("recorded/not-xml-rpc.html");
const WEB_PAGE: &str = include_str!("recorded/web-page.html");
const BAD_REQUEST: &str = include_str!("recorded/bad-request.html");

/// An answer that is not sent yet.
pub(super) type Answer = Response<Body>;

fn answer(status: StatusCode, headers: &[(HeaderName, &str)], body: Body) -> Answer {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in headers {
        // Everything here is printable ASCII.
        let value = HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""));
        response.headers_mut().append(name.clone(), value);
    }
    response
}

fn with_length(status: StatusCode, kind: &str, body: String) -> Answer {
    let (date, length) = (date(), body.len().to_string());
    let headers = [
        (header::SERVER, SERVER),
        (header::DATE, &date),
        (header::CONTENT_LENGTH, &length),
        (header::CONTENT_TYPE, kind),
    ];
    answer(status, &headers, body.into())
}

fn date() -> String {
    httpdate::fmt_http_date(SystemTime::now())
}

fn document(value: &str) -> String {
    format!(
        "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value>{value}</value>{}</param>\n</params>\n</methodResponse>\n",
        // xmlrpclib writes no line feed after nil.
        if value == "<nil/>" { "" } else { "\n" }
    )
}

/// Answers `None`.
pub(super) fn nil() -> Answer {
    with_length(StatusCode::OK, XML, document("<nil/>"))
}

/// Answers a string, or `None`.
pub(super) fn code(code: Option<&str>) -> Answer {
    let Some(code) = code else { return nil() };
    let value = format!("<string>{}</string>", escaped(code));
    with_length(StatusCode::OK, XML, document(&value))
}

/// Answers a call without an argument: it had its effect, and Zope redirects to a page.
pub(super) fn moved(host: &str, path: &str) -> Answer {
    redirected(nil(), &format!("http://{host}{path}/manage_main"))
}

/// Makes an answer a redirect.
pub(super) fn redirected(mut answer: Answer, location: &str) -> Answer {
    *answer.status_mut() = StatusCode::FOUND;
    answer.extensions_mut().insert(ReasonPhrase::from_static(b"Moved Temporarily"));
    let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/"));
    answer.headers_mut().append(header::LOCATION, location);
    answer
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn fault(text: &str) -> Answer {
    with_length(
        StatusCode::OK,
        XML,
        format!(
            "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n\
             <value><int>-1</int></value>\n</member>\n<member>\n<name>faultString</name>\n<value><string>{}</string></value>\n\
             </member>\n</struct></value>\n</fault>\n</methodResponse>\n",
            escaped(text)
        ),
    )
}

/// Answers a call that raised an exception.
pub(super) fn exception(exception: &Exception, debug_mode: bool) -> Answer {
    fault(&exception.text(debug_mode))
}

/// Answers a request with missing, wrong or insufficient credentials.
pub(super) fn unauthorized() -> Answer {
    let (date, length) = (date(), UNAUTHORIZED.len().to_string());
    let headers = [
        (header::SERVER, SERVER),
        (header::DATE, date.as_str()),
        (HeaderName::from_static("bobo-exception-line"), "756"),
        (header::CONTENT_LENGTH, &length),
        (HeaderName::from_static("bobo-exception-value"), "See the server error log for details"),
        (header::CONTENT_TYPE, HTML),
        (
            HeaderName::from_static("bobo-exception-type"),
            "<class 'zExceptions.unauthorized.Unauthorized'>",
        ),
        (HeaderName::from_static("bobo-exception-file"), "HTTPResponse.py"),
        (header::WWW_AUTHENTICATE, "basic realm=\"Zope\""),
    ];
    answer(StatusCode::UNAUTHORIZED, &headers, UNAUTHORIZED.into())
}

/// Answers a body that is not an XML-RPC call.
pub(super) fn not_xml_rpc() -> Answer {
    with_length(StatusCode::INTERNAL_SERVER_ERROR, HTML, NOT_XML_RPC.to_owned())
}

/// Answers a request that is not meant for XML-RPC: an ordinary page.
pub(super) fn web_page() -> Answer {
    with_length(StatusCode::OK, HTML, WEB_PAGE.to_owned())
}

/// Answers a chunked request, which Zope does not understand.
pub(super) fn bad_request() -> Answer {
    let body = BAD_REQUEST.replace('\n', "\r\n");
    let (date, length) = (date(), body.len().to_string());
    let headers = [
        (header::DATE, date.as_str()),
        (header::CONTENT_LENGTH, &length),
        (header::CONTENT_TYPE, "text/html"),
        (header::SERVER, "Medusa/121227"),
    ];
    let mut answer = answer(StatusCode::BAD_REQUEST, &headers, body.into());
    *answer.version_mut() = Version::HTTP_10;
    answer
}

/// Answers with an error page, as a proxy or a broken Zope does.
pub(super) fn page(status: StatusCode) -> Answer {
    let title = status.canonical_reason().unwrap_or_default();
    with_length(status, HTML, format!("<html><body><h1>{title}</h1></body></html>\n"))
}

/// Answers with text that claims to be XML.
pub(super) fn not_xml() -> Answer {
    with_length(StatusCode::OK, XML, "It works!\n".to_owned())
}

/// Answers without an end.
pub(super) fn endless() -> Answer {
    let begin = "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><string>";
    let piece = Bytes::from("snapshot ".repeat(1000));
    let pieces = std::iter::once(Bytes::from(begin)).chain(std::iter::repeat(piece));
    let stream = futures_util::stream::iter(pieces.map(Ok::<_, std::io::Error>));
    let headers = [(header::SERVER, SERVER), (header::CONTENT_TYPE, XML)];
    answer(StatusCode::OK, &headers, Body::from_stream(stream))
}

/// Cuts an answer after half of its body.
pub(super) async fn half(whole: Answer) -> Answer {
    let (head, body) = whole.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let half = bytes.slice(..bytes.len() / 2);
    let cut = std::io::Error::other("cut");
    let stream = futures_util::stream::iter([Ok(half), Err(cut)]);
    Response::from_parts(head, Body::from_stream(stream))
}

/// Delays an answer.
pub(super) async fn later(answer: Answer, by: Duration) -> Answer {
    tokio::time::sleep(by).await;
    answer
}
