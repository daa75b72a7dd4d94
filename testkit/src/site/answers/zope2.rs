//! The answers of a real Zope 2.13.30 with a DirectoryStorageToolkit, byte for byte except for
//! the date.

use axum::http::{HeaderName, HeaderValue, StatusCode, Version, header};

use super::message::{Answer, answer, date, document, escaped, value};

pub(super) const SERVER: &str = "Zope/(2.13.30, python 2.7.18, linux2) ZServer/1.1";
const DECLARATION: &str = "<?xml version='1.0'?>";
const XML: &str = "text/xml";
const HTML: &str = "text/html; charset=iso-8859-15";
const UNAUTHORIZED: &str = include_str!("../recorded/zope2/unauthorized.html");
const NOT_XML_RPC: &str = include_str!("../recorded/zope2/not-xml-rpc.html");
const WEB_PAGE: &str = include_str!("../recorded/zope2/web-page.html");
const BAD_REQUEST: &str = include_str!("../recorded/zope2/bad-request.html");

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

/// Answers a string, or `None`.
pub(super) fn result(text: Option<&str>) -> Answer {
    with_length(StatusCode::OK, XML, document(DECLARATION, &value(text)))
}

/// Answers a call that raised an exception with this text.
pub(super) fn fault(text: &str) -> Answer {
    with_length(
        StatusCode::OK,
        XML,
        format!(
            "{DECLARATION}\n<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n\
             <value><int>-1</int></value>\n</member>\n<member>\n<name>faultString</name>\n<value><string>{}</string></value>\n\
             </member>\n</struct></value>\n</fault>\n</methodResponse>\n",
            escaped(text)
        ),
    )
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

/// Answers a chunked request, which ZServer does not understand.
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

/// Answers with this HTML.
pub(super) fn page(status: StatusCode, body: String) -> Answer {
    with_length(status, HTML, body)
}

/// Answers with text that claims to be XML.
pub(super) fn not_xml(body: String) -> Answer {
    with_length(StatusCode::OK, XML, body)
}

/// Announces that the connection closes.
pub(super) fn announce_close(answer: &mut Answer) {
    answer.headers_mut().append(header::CONNECTION, HeaderValue::from_static("close"));
}
