//! How an answer is put together from its parts, for every Zope.

use std::time::SystemTime;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};

/// An answer that is not sent yet.
pub(in crate::site) type Answer = Response<Body>;

pub(super) fn answer(status: StatusCode, headers: &[(HeaderName, &str)], body: Body) -> Answer {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in headers {
        // Everything here is printable ASCII.
        let value = HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""));
        response.headers_mut().append(name.clone(), value);
    }
    response
}

pub(super) fn date() -> String {
    httpdate::fmt_http_date(SystemTime::now())
}

/// Writes the XML of a string, or of `None`.
pub(super) fn value(text: Option<&str>) -> String {
    match text {
        Some(text) => format!("<string>{}</string>", escaped(text)),
        None => "<nil/>".to_owned(),
    }
}

/// Writes the document of a result, which begins with this declaration.
pub(super) fn document(declaration: &str, value: &str) -> String {
    format!(
        "{declaration}\n<methodResponse>\n<params>\n<param>\n<value>{value}</value>{}</param>\n</params>\n</methodResponse>\n",
        // Python writes no line feed after nil.
        if value == "<nil/>" { "" } else { "\n" }
    )
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
