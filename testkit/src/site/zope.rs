//! A simulated Zope in front of a simulated server: XML-RPC to a DirectoryStorageToolkit.
//!
//! This decides which answer a request gets, and how a fault spoils it. The bytes of each answer
//! are in `answers`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, Version, header};
use dxr::{MethodCall, TryFromValue};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

use super::answers::{self, Answer};
use super::backend::Backend;
use super::connection::{Connection, ConnectionControl};
use super::exception::Exception;
use super::faults::{ActiveFaults, Call, Fault};
use super::other_storage::OtherStorage;
use super::server_error::ServerError;

/// The path of the toolkit object.
const PATH: &str = "/DSToolkit";
/// `admin:adminpass` in base64.
const ADMIN: &str = "YWRtaW46YWRtaW5wYXNz";
/// The code of a call without one.
const DEFAULT_CODE: &str = "toolkit";
/// The largest request in bytes; calls are much smaller.
const MAX_REQUEST: usize = 1 << 20;

/// One Zope.
#[derive(Debug)]
pub(super) struct Zope {
    pub(super) address: SocketAddr,
    pub(super) faults: Arc<ActiveFaults>,
}

/// What every request needs.
#[derive(Debug, Clone)]
struct Context {
    storage: Arc<Backend>,
    other: Arc<OtherStorage>,
    faults: Arc<ActiveFaults>,
}

impl Zope {
    /// Listens on a free port of the loopback interface. [`Fault::WrongStorage`] leads to `other`.
    pub(super) async fn start(storage: Arc<Backend>, other: Arc<OtherStorage>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let faults = Arc::new(ActiveFaults::default());
        let context = Context { storage, other, faults: Arc::clone(&faults) };
        let router = Router::new().fallback(respond).with_state(context);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, router.clone()));
            }
        });
        Ok(Self { address, faults })
    }

    /// Returns the toolkit's URL, for a line of `snapshot.conf`.
    pub(super) fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }
}

async fn serve(stream: TcpStream, router: Router) {
    let control = ConnectionControl::default();
    let service = TowerToHyperService::new(router.layer(Extension(control.clone())));
    let connection = TokioIo::new(Connection::new(stream, control));
    // An error means that the client closed, or that a fault cut the connection.
    let _ =
        http1::Builder::new().title_case_headers(true).serve_connection(connection, service).await;
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
    State(context): State<Context>,
    Extension(control): Extension<ConnectionControl>,
    method: Method,
    version: Version,
    uri: Uri,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Answer {
    let body = axum::body::to_bytes(body, MAX_REQUEST).await.unwrap_or_default();
    if headers.contains_key(header::TRANSFER_ENCODING) {
        control.close_after_answer();
        return answers::bad_request();
    }
    let old = version == Version::HTTP_10;
    let closes =
        old || headers.get(header::CONNECTION).is_some_and(|value| value.as_bytes() == b"close");
    let mut answer = match parse_request(&context.storage, &method, &uri, &headers, &body) {
        Err(answer) => *answer,
        Ok(request) => answer_with_faults(&context, &control, request).await,
    };
    if old {
        // With a newer version, hyper would keep the connection open if the client asks for it.
        *answer.version_mut() = Version::HTTP_10;
    }
    if closes {
        let close = axum::http::HeaderValue::from_static("close");
        answer.headers_mut().append(header::CONNECTION, close);
    }
    answer
}

/// Parses the call of a request; the error is the answer to a request without a valid call.
fn parse_request(
    storage: &Backend,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Request, Box<Answer>> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let not_found = |resource: &str| Box::new(exception(storage, &Exception::not_found(resource)));
    if *method != Method::POST || !text(header::CONTENT_TYPE).starts_with("text/xml") {
        return Err(Box::new(answers::web_page()));
    }
    let call = std::str::from_utf8(body).ok().and_then(parse_call);
    let (name, code) = call.ok_or_else(|| Box::new(answers::not_xml_rpc()))?;
    let path = uri.path().trim_end_matches('/').to_owned();
    if path != PATH {
        return Err(not_found(path.rsplit('/').next().unwrap_or_default()));
    }
    let call = match name.as_str() {
        "enterSnapshot" => Call::Enter,
        "leaveSnapshot" => Call::Leave,
        "currentSnapshotCode" => Call::Status,
        _ => return Err(not_found(&name)),
    };
    if !is_admin(text(header::AUTHORIZATION)) {
        return Err(Box::new(answers::unauthorized()));
    }
    Ok(Request { call, code, path, host: text(header::HOST).to_owned() })
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

fn exception(storage: &Backend, exception: &Exception) -> Answer {
    answers::exception(exception, storage.config.debug_mode)
}

/// Returns the answer to a call that the server refused.
fn refusal(storage: &Backend, error: &ServerError) -> Answer {
    let sublock = storage.storage.sublock().display().to_string();
    exception(storage, &Exception::of(error, &sublock))
}

/// Answers a call, unless the next fault for it prevents or spoils that.
async fn answer_with_faults(
    context: &Context,
    control: &ConnectionControl,
    request: Request,
) -> Answer {
    let Some(fault) = context.faults.next_for(request.call) else {
        return perform(&context.storage, request).await;
    };
    let (host, path) = (request.host.clone(), request.path.clone());
    match fault {
        Fault::Deaf => std::future::pending().await,
        Fault::Unauthorized => answers::unauthorized(),
        Fault::Forbidden => answers::page(StatusCode::FORBIDDEN),
        Fault::ServerError => answers::page(StatusCode::INTERNAL_SERVER_ERROR),
        Fault::Refused => refusal(&context.storage, &ServerError::SublockHeld),
        Fault::Disconnected => exception(&context.storage, &Exception::disconnected()),
        Fault::LoginForm => answers::redirected(
            answers::page(StatusCode::FOUND),
            &format!("http://{host}/login_form?came_from={path}"),
        ),
        Fault::WrongStorage => perform_on_other(&context.other, request).await,
        Fault::ResetBefore => {
            control.reset();
            answers::nil()
        }
        fault => spoil(fault, control, perform(&context.storage, request).await).await,
    }
}

/// Spoils the answer to a call that had its effect.
async fn spoil(fault: Fault, control: &ConnectionControl, answer: Answer) -> Answer {
    match fault {
        Fault::Slow(by) => answers::later(answer, by).await,
        Fault::Silent => std::future::pending().await,
        Fault::HalfAnswer => answers::half(answer).await,
        Fault::BadGateway => answers::page(StatusCode::BAD_GATEWAY),
        Fault::Elsewhere => answers::redirected(answer, "http://elsewhere.example/DSToolkit"),
        Fault::NotXml => answers::not_xml(),
        Fault::Endless => answers::endless(),
        _ => {
            control.reset();
            answer
        }
    }
}

/// Makes a call on a thread of its own, because the server may wait for a lock.
async fn perform(storage: &Arc<Backend>, request: Request) -> Answer {
    let storage = Arc::clone(storage);
    off_the_event_loop(move || call_server(&storage, &request)).await
}

async fn perform_on_other(other: &Arc<OtherStorage>, request: Request) -> Answer {
    let other = Arc::clone(other);
    off_the_event_loop(move || match other.get_or_make() {
        Ok(storage) => call_server(&storage, &request),
        Err(_) => answers::page(StatusCode::INTERNAL_SERVER_ERROR),
    })
    .await
}

async fn off_the_event_loop(work: impl FnOnce() -> Answer + Send + 'static) -> Answer {
    let answer = tokio::task::spawn_blocking(work).await;
    answer.unwrap_or_else(|_| answers::page(StatusCode::INTERNAL_SERVER_ERROR))
}

fn call_server(storage: &Backend, request: &Request) -> Answer {
    let code = request.code.as_deref().filter(|code| !code.is_empty()).unwrap_or(DEFAULT_CODE);
    let done = match request.call {
        Call::Enter => storage.enter(code),
        Call::Leave => storage.leave(code),
        Call::Status => {
            return match storage.code() {
                Ok(code) => answers::code(code.as_deref()),
                Err(error) => refusal(storage, &error),
            };
        }
    };
    match done {
        Err(error) => refusal(storage, &error),
        Ok(()) if request.code.is_none() => answers::moved(&request.host, &request.path),
        Ok(()) => answers::nil(),
    }
}
