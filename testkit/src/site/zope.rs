//! A simulated Zope in front of a simulated server: XML-RPC to a DirectoryStorageToolkit.
//!
//! This decides which answer a request gets, and how a fault spoils it. The bytes of each answer
//! are in `answers`; the port and the connections are in `zope_process`.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, Version, header};
use dxr::{MethodCall, TryFromValue};

use super::answers::{self, Answer, Answers, Missing};
use super::connection::ConnectionControl;
use super::exception::Exception;
use super::faults::{ActiveFaults, Call, Fault};
use super::other_storage::OtherStorage;
use super::zeo_link::StorageLink;
use super::zope_version::ZopeConfig;

/// The path of the toolkit object.
pub(super) const PATH: &str = "/DSToolkit";
/// `admin:adminpass` in base64.
const ADMIN: &str = "YWRtaW46YWRtaW5wYXNz";
/// The code of a call without one.
const DEFAULT_CODE: &str = "toolkit";
/// The largest request in bytes; calls are much smaller.
const MAX_REQUEST: usize = 1 << 20;

/// What every request to a Zope needs.
#[derive(Debug, Clone)]
pub(super) struct ZopeContext {
    pub(super) storage: StorageLink,
    /// Where [`Fault::WrongStorage`] leads.
    pub(super) other: Arc<OtherStorage>,
    pub(super) faults: Arc<ActiveFaults>,
    pub(super) config: ZopeConfig,
}

impl ZopeContext {
    /// Returns how this Zope spells the header of a 401.
    pub(super) fn spelling(&self) -> &'static [u8] {
        self.answers().spelling()
    }

    fn answers(&self) -> Answers {
        Answers(self.config)
    }
}

/// Returns what answers the requests of one Zope.
pub(super) fn router(context: ZopeContext) -> Router {
    Router::new().fallback(respond).with_state(context)
}

/// A call of the toolkit.
struct Request {
    call: Call,
    /// The first argument, if there is one.
    code: Option<String>,
    path: String,
    host: String,
}

async fn respond(
    State(context): State<ZopeContext>,
    Extension(control): Extension<ConnectionControl>,
    method: Method,
    version: Version,
    uri: Uri,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Answer {
    let body = axum::body::to_bytes(body, MAX_REQUEST).await.unwrap_or_default();
    let answers = context.answers();
    if headers.contains_key(header::TRANSFER_ENCODING)
        && let Some(answer) = answers.chunked()
    {
        control.close_after_answer();
        return answer;
    }
    let old = version == Version::HTTP_10;
    let closes =
        old || headers.get(header::CONNECTION).is_some_and(|value| value.as_bytes() == b"close");
    let mut answer = match parse_request(answers, &method, &uri, &headers, &body) {
        Err(answer) => *answer,
        Ok(request) => answer_with_faults(&context, &control, request).await,
    };
    if old {
        // With a newer version, hyper would keep the connection open if the client asks for it.
        *answer.version_mut() = Version::HTTP_10;
    }
    if closes {
        answers.announce_close(&mut answer);
    }
    answer
}

/// Parses the call of a request; the error is the answer to a request without a valid call.
fn parse_request(
    answers: Answers,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Request, Box<Answer>> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let host = text(header::HOST);
    if *method != Method::POST || !text(header::CONTENT_TYPE).starts_with("text/xml") {
        return Err(Box::new(answers.web_page(host)));
    }
    if let Some(answer) = answers.xmlrpc_is_off() {
        return Err(Box::new(answer));
    }
    let call = std::str::from_utf8(body).ok().and_then(parse_call);
    let is_xml = body.starts_with(b"<");
    let (name, code) = call.ok_or_else(|| Box::new(answers.not_xml_rpc(is_xml)))?;
    let path = uri.path().trim_end_matches('/').to_owned();
    let missing = Missing { host, path: &path, toolkit: PATH, method: &name };
    let call = match name.as_str() {
        _ if path != PATH => return Err(Box::new(answers.not_found(&missing))),
        "enterSnapshot" => Call::Enter,
        "leaveSnapshot" => Call::Leave,
        "currentSnapshotCode" => Call::Status,
        "isDirectorystorage" => return Err(Box::new(answers.is_directory_storage(&missing))),
        _ => return Err(Box::new(answers.not_found(&missing))),
    };
    if !is_admin(text(header::AUTHORIZATION)) {
        return Err(Box::new(answers.unauthorized()));
    }
    let host = host.to_owned();
    Ok(Request { call, code, path, host })
}

fn is_admin(authorization: &str) -> bool {
    let parts = authorization.split_once(' ');
    parts.is_some_and(|(scheme, word)| scheme.eq_ignore_ascii_case("basic") && word.trim() == ADMIN)
}

/// Returns the method's name, and its first argument if that is a string.
fn parse_call(body: &str) -> Option<(String, Option<String>)> {
    let call = MethodCall::from_xml(body).ok()?;
    let code = call.params.first().and_then(|value| String::try_from_value(value).ok());
    Some((call.name.to_string(), code))
}

/// Answers a call, unless the next fault for it prevents or spoils that.
async fn answer_with_faults(
    context: &ZopeContext,
    control: &ConnectionControl,
    request: Request,
) -> Answer {
    let answers = context.answers();
    let Some(fault) = context.faults.next_for(request.call) else {
        return perform(answers, &context.storage, request).await;
    };
    let (host, path) = (request.host.clone(), request.path.clone());
    match fault {
        Fault::Deaf => std::future::pending().await,
        Fault::Unauthorized => answers.unauthorized(),
        Fault::Forbidden => answers.page(StatusCode::FORBIDDEN),
        Fault::ServerError => answers.page(StatusCode::INTERNAL_SERVER_ERROR),
        Fault::Refused => answers.exception(&context.storage.locked()),
        Fault::Disconnected => answers.exception(&Exception::disconnected()),
        Fault::LoginForm => answers::redirected(
            answers.page(StatusCode::FOUND),
            &format!("http://{host}/login_form?came_from={path}"),
        ),
        Fault::WrongStorage => perform_on_other(answers, &context.other, request).await,
        Fault::ResetBefore => {
            control.reset();
            answers.nil()
        }
        fault => {
            let answer = perform(answers, &context.storage, request).await;
            spoil(answers, fault, control, answer).await
        }
    }
}

/// Spoils the answer to a call that had its effect.
async fn spoil(
    answers: Answers,
    fault: Fault,
    control: &ConnectionControl,
    answer: Answer,
) -> Answer {
    match fault {
        Fault::Slow(by) => answers::later(answer, by).await,
        Fault::Silent => std::future::pending().await,
        Fault::HalfAnswer => answers::half(answer).await,
        Fault::BadGateway => answers.page(StatusCode::BAD_GATEWAY),
        Fault::Elsewhere => answers::redirected(answer, "http://elsewhere.example/DSToolkit"),
        Fault::NotXml => answers.not_xml(),
        Fault::Endless => answers::endless(),
        _ => {
            control.reset();
            answer
        }
    }
}

/// Makes a call on a thread of its own, because the server may wait for a lock.
async fn perform(answers: Answers, storage: &StorageLink, request: Request) -> Answer {
    let storage = storage.clone();
    off_the_event_loop(answers, move || call_storage(answers, &storage, &request)).await
}

async fn perform_on_other(answers: Answers, other: &Arc<OtherStorage>, request: Request) -> Answer {
    let other = Arc::clone(other);
    off_the_event_loop(answers, move || match other.get_or_make() {
        Ok(storage) => call_storage(answers, &StorageLink::Direct(storage), &request),
        Err(_) => answers.page(StatusCode::INTERNAL_SERVER_ERROR),
    })
    .await
}

async fn off_the_event_loop(
    answers: Answers,
    work: impl FnOnce() -> Answer + Send + 'static,
) -> Answer {
    let answer = tokio::task::spawn_blocking(work).await;
    answer.unwrap_or_else(|_| answers.page(StatusCode::INTERNAL_SERVER_ERROR))
}

fn call_storage(answers: Answers, storage: &StorageLink, request: &Request) -> Answer {
    let code = request.code.as_deref().filter(|code| !code.is_empty()).unwrap_or(DEFAULT_CODE);
    match storage.call(request.call, code) {
        Err(exception) => answers.exception(&exception),
        Ok(current) if request.call == Call::Status => answers.code(current.as_deref()),
        Ok(_) => answers.done(request.code.is_some(), &request.host, &request.path),
    }
}
