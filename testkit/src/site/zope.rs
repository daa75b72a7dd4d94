//! A simulated Zope in front of a simulated server: XML-RPC to a DirectoryStorageToolkit.
//!
//! What it answers is `answers`' part; here is which answer a request gets, and what a fault
//! makes of it.

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
use super::connection::{Scissors, Wire};
use super::exception::Exception;
use super::faults::{Call, Fault, Faults};
use super::server::Refused;

/// Where the toolkit object lies.
const PATH: &str = "/DSToolkit";
/// `admin:adminpass`, as it is sent.
const ADMIN: &str = "YWRtaW46YWRtaW5wYXNz";
/// More than any call needs, in bytes.
const LARGEST: usize = 1 << 20;

/// One Zope.
#[derive(Debug)]
pub(super) struct Zope {
    pub(super) address: SocketAddr,
    pub(super) faults: Arc<Faults>,
}

/// What a request is answered with.
#[derive(Debug, Clone)]
struct Behind {
    storage: Arc<Backend>,
    other: Arc<Backend>,
    faults: Arc<Faults>,
}

impl Zope {
    /// Listens on a free port of this machine. `other` is the storage that the fault
    /// [`Fault::WrongStorage`] leads to.
    pub(super) async fn start(storage: Arc<Backend>, other: Arc<Backend>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let faults = Arc::new(Faults::default());
        let behind = Behind { storage, other, faults: Arc::clone(&faults) };
        let router = Router::new().fallback(respond).with_state(behind);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, router.clone()));
            }
        });
        Ok(Self { address, faults })
    }

    /// What stands on a line of `snapshot.conf`.
    pub(super) fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }
}

async fn serve(stream: TcpStream, router: Router) {
    let scissors = Scissors::default();
    let service = TowerToHyperService::new(router.layer(Extension(scissors.clone())));
    let wire = TokioIo::new(Wire::new(stream, scissors));
    // An error is a client that went away, or a fault that somebody wanted.
    let _ = http1::Builder::new().title_case_headers(true).serve_connection(wire, service).await;
}

/// What a request asks for.
struct Request {
    call: Option<Call>,
    name: String,
    /// The argument; none if there is none.
    code: Option<String>,
    path: String,
    host: String,
}

async fn respond(
    State(behind): State<Behind>,
    Extension(scissors): Extension<Scissors>,
    method: Method,
    version: Version,
    uri: Uri,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Answer {
    let body = axum::body::to_bytes(body, LARGEST).await.unwrap_or_default();
    if headers.contains_key(header::TRANSFER_ENCODING) {
        scissors.end();
        return answers::bad_request();
    }
    let old = version == Version::HTTP_10;
    let closes =
        old || headers.get(header::CONNECTION).is_some_and(|value| value.as_bytes() == b"close");
    let mut answer = match understood(&behind.storage, &method, &uri, &headers, &body) {
        Err(answer) => *answer,
        Ok(request) => with_fault(&behind, &scissors, request).await,
    };
    if old {
        // An answer of a newer version would be made to keep the connection, if that is asked.
        *answer.version_mut() = Version::HTTP_10;
    }
    if closes {
        let close = axum::http::HeaderValue::from_static("close");
        answer.headers_mut().append(header::CONNECTION, close);
    }
    answer
}

/// The call that a request makes, or the answer to one that makes none.
fn understood(
    storage: &Backend,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Request, Box<Answer>> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let not_found =
        |resource: &str| Err(Box::new(storage.exception(&Exception::not_found(resource))));
    if *method != Method::POST || !text(header::CONTENT_TYPE).starts_with("text/xml") {
        return Err(Box::new(answers::web_page()));
    }
    let call = std::str::from_utf8(body).ok().and_then(method_call);
    let (name, code) = call.ok_or_else(|| Box::new(answers::not_xml_rpc()))?;
    let path = uri.path().trim_end_matches('/').to_owned();
    if path != PATH {
        return not_found(path.rsplit('/').next().unwrap_or_default());
    }
    let call = match name.as_str() {
        "enterSnapshot" => Some(Call::Enter),
        "leaveSnapshot" => Some(Call::Leave),
        "currentSnapshotCode" => Some(Call::Status),
        _ => None,
    };
    let authorized = text(header::AUTHORIZATION)
        .split_once(' ')
        .is_some_and(|(scheme, word)| scheme.eq_ignore_ascii_case("basic") && word.trim() == ADMIN);
    match (call, authorized) {
        (None, _) => not_found(&name),
        (_, false) => Err(Box::new(answers::unauthorized())),
        (call, true) => Ok(Request { call, name, code, path, host: text(header::HOST).to_owned() }),
    }
}

/// The method's name, and its first argument if that is a string.
fn method_call(body: &str) -> Option<(String, Option<String>)> {
    let call = MethodCall::from_xml(body).ok()?;
    let code = call.params.first().and_then(|value| String::try_from_value(value).ok());
    Some((call.name.to_string(), code))
}

/// The answer that a request gets, and what a fault makes of it.
async fn with_fault(behind: &Behind, scissors: &Scissors, request: Request) -> Answer {
    let Some(fault) = behind.faults.meet(request.call) else {
        return perform(&behind.storage, request).await;
    };
    let (host, path) = (request.host.clone(), request.path.clone());
    match fault {
        Fault::Deaf => std::future::pending().await,
        Fault::Unauthorized => answers::unauthorized(),
        Fault::Forbidden => answers::page(StatusCode::FORBIDDEN),
        Fault::ServerError => answers::page(StatusCode::INTERNAL_SERVER_ERROR),
        Fault::Refused => behind.storage.refusal(&Refused::SublockHeld),
        Fault::Disconnected => behind.storage.exception(&Exception::disconnected()),
        Fault::LoginForm => answers::redirected(
            answers::page(StatusCode::FOUND),
            &format!("http://{host}/login_form?came_from={path}"),
        ),
        Fault::WrongStorage => perform(&behind.other, request).await,
        Fault::ResetBefore => {
            scissors.cut();
            answers::nil()
        }
        fault => spoilt(fault, scissors, perform(&behind.storage, request).await).await,
    }
}

/// The call had its effect; its answer does not come as it should.
async fn spoilt(fault: Fault, scissors: &Scissors, answer: Answer) -> Answer {
    match fault {
        Fault::Slow(by) => answers::later(answer, by).await,
        Fault::Silent => std::future::pending().await,
        Fault::HalfAnswer => answers::half(answer).await,
        Fault::BadGateway => answers::page(StatusCode::BAD_GATEWAY),
        Fault::Elsewhere => answers::redirected(answer, "http://elsewhere.example/DSToolkit"),
        Fault::NotXml => answers::not_xml(),
        Fault::Endless => answers::endless(),
        _ => {
            scissors.cut();
            answer
        }
    }
}

/// Does what a request asks for. A storage's lock is waited for on a thread of its own.
async fn perform(storage: &Arc<Backend>, request: Request) -> Answer {
    let storage = Arc::clone(storage);
    let performed = tokio::task::spawn_blocking(move || do_it(&storage, &request)).await;
    performed.unwrap_or_else(|_| answers::page(StatusCode::INTERNAL_SERVER_ERROR))
}

fn do_it(storage: &Backend, request: &Request) -> Answer {
    // The toolkit itself takes no code for this one.
    let code = request.code.as_deref().filter(|code| !code.is_empty()).unwrap_or("toolkit");
    let done = match request.call {
        Some(Call::Enter) => storage.enter(code),
        Some(Call::Leave) => storage.leave(code),
        Some(Call::Status) => {
            return match storage.code() {
                Ok(code) => answers::code(code.as_deref()),
                Err(why) => storage.refusal(&why),
            };
        }
        None => return storage.exception(&Exception::not_found(&request.name)),
    };
    match done {
        Err(why) => storage.refusal(&why),
        Ok(()) if request.code.is_none() => answers::moved(&request.host, &request.path),
        Ok(()) => answers::nil(),
    }
}
