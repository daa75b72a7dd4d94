//! Which answer a request gets, from the Zope that a site has; and answers that a fault spoils.
//!
//! `zope2` and `zope5` contain the answers of real ones. Both put them together with `message`.

mod message;
mod zope2;
mod zope5;

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use hyper::ext::ReasonPhrase;

use super::exception::Exception;
use super::zope_version::{ZopeConfig, ZopeVersion};

pub(super) use message::Answer;

/// The answers of a Zope that is configured like this.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answers(pub(super) ZopeConfig);

/// What a request looked for and Zope did not find.
pub(super) struct Missing<'a> {
    pub(super) host: &'a str,
    /// The path of the request, without a slash at the end.
    pub(super) path: &'a str,
    /// The path of the toolkit.
    pub(super) toolkit: &'a str,
    /// The name of the method.
    pub(super) method: &'a str,
}

impl Answers {
    /// Answers `None`.
    pub(super) fn nil(self) -> Answer {
        self.code(None)
    }

    /// Answers a string, or `None`.
    pub(super) fn code(self, code: Option<&str>) -> Answer {
        match self.0.version {
            ZopeVersion::Zope2 => zope2::result(code),
            ZopeVersion::Zope5 => zope5::result(code),
        }
    }

    /// Answers a call that had its effect. Without an argument, Zope 2 redirects to a page.
    pub(super) fn done(self, with_argument: bool, host: &str, path: &str) -> Answer {
        match self.0.version {
            ZopeVersion::Zope2 if !with_argument => {
                redirected(self.nil(), &format!("http://{host}{path}/manage_main"))
            }
            _ => self.nil(),
        }
    }

    /// Answers a call that raised an exception.
    pub(super) fn exception(self, exception: &Exception) -> Answer {
        match self.0.version {
            ZopeVersion::Zope2 => zope2::fault(&exception.text(self.0.debug_mode)),
            ZopeVersion::Zope5 => zope5::exception(),
        }
    }

    /// Answers a call of an object or method that does not exist.
    pub(super) fn not_found(self, missing: &Missing<'_>) -> Answer {
        match self.0.version {
            ZopeVersion::Zope2 => self.exception(&Exception::not_found(missing.last_name())),
            ZopeVersion::Zope5 => zope5::not_found(&missing.resource()),
        }
    }

    /// Answers a call of `isDirectorystorage`, which the toolkit for Zope 2 does not publish.
    pub(super) fn is_directory_storage(self, missing: &Missing<'_>) -> Answer {
        match self.0.version {
            ZopeVersion::Zope2 => self.not_found(missing),
            ZopeVersion::Zope5 => zope5::yes(),
        }
    }

    /// Answers a request with missing, wrong or insufficient credentials.
    pub(super) fn unauthorized(self) -> Answer {
        match self.0.version {
            ZopeVersion::Zope2 => zope2::unauthorized(),
            ZopeVersion::Zope5 => zope5::unauthorized(),
        }
    }

    /// Answers a body that is not an XML-RPC call, although it may be XML.
    pub(super) fn not_xml_rpc(self, is_xml: bool) -> Answer {
        match self.0.version {
            ZopeVersion::Zope2 => zope2::not_xml_rpc(),
            ZopeVersion::Zope5 if is_xml => zope5::no_call(),
            ZopeVersion::Zope5 => zope5::exception(),
        }
    }

    /// Answers a request that is not meant for XML-RPC: an ordinary page.
    pub(super) fn web_page(self, host: &str) -> Answer {
        match self.0.version {
            ZopeVersion::Zope2 => zope2::web_page(),
            ZopeVersion::Zope5 => zope5::web_page(host),
        }
    }

    /// Returns the answer to every call if XML-RPC is off.
    pub(super) fn xmlrpc_is_off(self) -> Option<Answer> {
        (!self.0.xmlrpc).then(zope5::xmlrpc_is_off)
    }

    /// Returns the answer to a chunked request, if this Zope does not understand those.
    pub(super) fn chunked(self) -> Option<Answer> {
        (self.0.version == ZopeVersion::Zope2).then(zope2::bad_request)
    }

    /// Returns how the header of a 401 is spelled.
    pub(super) fn spelling(self) -> &'static [u8] {
        match self.0.version {
            ZopeVersion::Zope2 => b"WWW-Authenticate",
            ZopeVersion::Zope5 => b"Www-Authenticate",
        }
    }

    /// Announces that the connection closes.
    pub(super) fn announce_close(self, answer: &mut Answer) {
        match self.0.version {
            ZopeVersion::Zope2 => zope2::announce_close(answer),
            ZopeVersion::Zope5 => zope5::announce_close(answer),
        }
    }

    /// Answers with an error page, as a proxy or a broken Zope does.
    pub(super) fn page(self, status: StatusCode) -> Answer {
        let title = status.canonical_reason().unwrap_or_default();
        let body = format!("<html><body><h1>{title}</h1></body></html>\n");
        match self.0.version {
            ZopeVersion::Zope2 => zope2::page(status, body),
            ZopeVersion::Zope5 => zope5::page(status, body),
        }
    }

    /// Answers with text that claims to be XML.
    pub(super) fn not_xml(self) -> Answer {
        let body = "It works!\n".to_owned();
        match self.0.version {
            ZopeVersion::Zope2 => zope2::not_xml(body),
            ZopeVersion::Zope5 => zope5::not_xml(body),
        }
    }
}

impl<'a> Missing<'a> {
    /// Returns the last name that does not exist.
    fn last_name(&self) -> &'a str {
        if self.path == self.toolkit {
            return self.method;
        }
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Returns what the error page of Zope 5 says: a name in the root, or the URL of another one.
    fn resource(&self) -> String {
        let Self { host, path, toolkit, method } = self;
        let mut names = path.split('/').skip(1);
        match names.next() {
            Some(name) if *toolkit == format!("/{name}") => {
                format!("http://{host}{toolkit}/{}", names.next().unwrap_or(method))
            }
            name => format!("{}\nPOST", name.unwrap_or(method)),
        }
    }
}

/// Makes an answer a redirect.
pub(super) fn redirected(mut answer: Answer, location: &str) -> Answer {
    *answer.status_mut() = StatusCode::FOUND;
    answer.extensions_mut().insert(ReasonPhrase::from_static(b"Moved Temporarily"));
    let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/"));
    answer.headers_mut().append(header::LOCATION, location);
    answer
}

/// Answers without an end.
pub(super) fn endless() -> Answer {
    let begin = "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><string>";
    let piece = Bytes::from("snapshot ".repeat(1000));
    let pieces = std::iter::once(Bytes::from(begin)).chain(std::iter::repeat(piece));
    let stream = futures_util::stream::iter(pieces.map(Ok::<_, std::io::Error>));
    let headers = [(header::SERVER, zope2::SERVER), (header::CONTENT_TYPE, "text/xml")];
    message::answer(StatusCode::OK, &headers, Body::from_stream(stream))
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
