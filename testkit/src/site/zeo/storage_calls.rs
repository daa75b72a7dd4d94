//! The calls of a client that has registered: what DirectoryStorage answers through ZEO.
//!
//! Only the calls of a reading client are implemented. Calls that write are refused, because all commits
//! come from the simulated server itself.

use dsnap_engine::storage::format::Format;

use super::super::backend::Backend;
use super::super::server_error::ServerError;
use super::super::shared::CodeKind;
use super::clients::Client;
use super::errors::Raised;
use super::objects::{Id, Revision};
use super::pickle::{Call, Value};
use super::reply::{self, Pickle};
use super::service::Service;
use super::version::ZeoVersion;

/// Calls that change the storage.
const WRITING: &[&str] = &[
    "abortVersion",
    "checkCurrentSerialInTransaction",
    "commitVersion",
    "deleteObject",
    "new_oid",
    "new_oids",
    "restorea",
    "store",
    "storeBlobChunk",
    "storeBlobEnd",
    "storeBlobShared",
    "storeBlobStart",
    "storea",
    "tpc_abort",
    "tpc_begin",
    "tpc_finish",
    "undo",
    "undoa",
    "vote",
];

/// What a call leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Result(Pickle),
    Raised(Raised),
    /// The connection ends without an answer.
    Close,
}

/// A client that has registered.
pub(super) struct Caller<'a> {
    pub(super) service: &'a Service,
    pub(super) client: &'a Client,
    /// The methods that clients may call in addition to the usual ones.
    pub(super) methods: Pickle,
}

impl Caller<'_> {
    /// Answers a call.
    pub(super) fn answer(&self, call: &Call) -> Answer {
        match call.name.as_str() {
            "enter_snapshot" | "leave_snapshot" | "get_snapshot_code" => {
                snapshot_call(&self.service.backend, call)
            }
            "is_directory_storage" => Answer::Result(reply::number(1)),
            "get_info" => Answer::Result(self.info()),
            "get_size_info" => Answer::Result(self.service.size_info()),
            "lastTransaction" => self.last_transaction(),
            "getInvalidations" => self.with_id(call, 1, |tid| Ok(self.changes_since(tid))),
            name if name == self.tid_call() => {
                self.with_id(call, 1, |oid| Ok(reply::bytes(&self.load(oid)?.tid)))
            }
            "load" => self.with_id(call, 2, |oid| Ok(reply::tuple(&loaded(&self.load(oid)?)))),
            "loadEx" => self.load_ex(call),
            "loadBefore" => self.with_id(call, 2, |oid| self.load_before(oid, call)),
            "zeoLoad" => self.zeo_load(call),
            "verify" => self.verify(&call.arguments, self.names_versions()),
            "zeoVerify" => self.verify(&call.arguments, true),
            "endZeoVerify" => {
                self.client.outbox.tell("endVerify", &reply::tuple(&[]));
                Answer::Result(reply::none())
            }
            "undoLog" | "undoInfo" => Answer::Result(reply::tuple(&[])),
            "set_client_label" => Answer::Result(reply::none()),
            "pack" => pack(&self.service.backend),
            name if WRITING.contains(&name) => Answer::Raised(Raised::read_only()),
            _ => Answer::Close,
        }
    }

    fn names_versions(&self) -> bool {
        self.service.config.version.names_object_versions(self.client.peer())
    }

    fn is_before_3_8(&self) -> bool {
        self.service.config.version == ZeoVersion::Z303
    }

    /// Returns the name of the call for the last transaction of an object.
    fn tid_call(&self) -> &'static str {
        if self.is_before_3_8() { "getSerial" } else { "getTid" }
    }

    /// Answers a call whose first argument is an identifier.
    fn with_id(
        &self,
        call: &Call,
        expected: usize,
        answer: impl FnOnce(Id) -> Result<Pickle, Raised>,
    ) -> Answer {
        let given = call.arguments.len();
        let id = call.arguments.first().and_then(Value::identifier);
        let answered = match id {
            _ if given != expected => Err(Raised::wrong_arguments(&call.name, expected, given)),
            None => Err(Raised::wrong_type(&call.name)),
            Some(id) => answer(id),
        };
        answered.map_or_else(Answer::Raised, Answer::Result)
    }

    fn load(&self, oid: Id) -> Result<Revision, Raised> {
        let committed = self.service.catch_up();
        self.service.objects.current(oid, committed).ok_or_else(|| Raised::no_object(&oid))
    }

    fn load_ex(&self, call: &Call) -> Answer {
        let with_version = self.names_versions();
        let expected = if with_version { 2 } else { 1 };
        self.with_id(call, expected, |oid| {
            let mut parts = loaded(&self.load(oid)?).to_vec();
            parts.extend(with_version.then(|| reply::bytes(b"")));
            Ok(reply::tuple(&parts))
        })
    }

    /// Only the oldest servers find an earlier revision in the history of the object. On others,
    /// DirectoryStorage has none to give.
    fn load_before(&self, oid: Id, call: &Call) -> Result<Pickle, Raised> {
        let Some(tid) = call.arguments[1].identifier().filter(|_| self.is_before_3_8()) else {
            return Ok(reply::none());
        };
        let committed = self.service.catch_up();
        self.load(oid)?;
        let Some(revision) = self.service.objects.before(oid, tid, committed) else {
            return Ok(reply::none());
        };
        let [data, start] = loaded(&revision);
        let until = revision.until.map_or_else(reply::none, |until| reply::bytes(&until));
        Ok(reply::tuple(&[data, start, until]))
    }

    /// The oldest clients load like this. Servers of 3.8 want a method for it that DirectoryStorage
    /// does not have.
    fn zeo_load(&self, call: &Call) -> Answer {
        match self.service.config.version {
            ZeoVersion::Z308 => Answer::Raised(Raised::no_versions()),
            _ if !self.names_versions() => Answer::Close,
            _ => self.with_id(call, 1, |oid| {
                let mut parts = loaded(&self.load(oid)?).to_vec();
                parts.extend([reply::bytes(b""), reply::none(), reply::none()]);
                Ok(reply::tuple(&parts))
            }),
        }
    }

    fn last_transaction(&self) -> Answer {
        let last = self.service.objects.last(self.service.catch_up()).unwrap_or_default();
        Answer::Result(reply::bytes(&last))
    }

    fn changes_since(&self, tid: Id) -> Pickle {
        let Some((last, oids)) = self.service.changes_since(tid) else { return reply::none() };
        let oids = self.service.object_list(self.client.peer(), &oids);
        reply::tuple(&[reply::bytes(&last), oids])
    }

    /// Tells the client if its revision of an object is not the newest.
    fn verify(&self, arguments: &[Value], with_version: bool) -> Answer {
        let Some(oid) = arguments.first().and_then(Value::identifier) else {
            return Answer::Result(reply::none());
        };
        let known = arguments[1..].iter().find_map(Value::identifier);
        let current = self.load(oid).ok().map(|revision| revision.tid);
        if current.is_none() || known != current {
            let argument = match with_version {
                true => reply::tuple(&[reply::bytes(&oid), reply::bytes(b"")]),
                false => reply::bytes(&oid),
            };
            self.client.outbox.tell("invalidateVerify", &reply::tuple(&[argument]));
        }
        Answer::Result(reply::none())
    }

    fn info(&self) -> Pickle {
        let backend = &self.service.backend;
        let format = backend.storage.settings().map_or(Format::Bushy, |settings| settings.format);
        let folder = backend.storage.given().display();
        let name = format!("{} filesystem at '{folder}'", format.name());
        let interface = [reply::text("zope.interface"), reply::text("Interface")];
        // The oldest servers answer no with a number.
        let no = if self.is_before_3_8() { reply::number(0) } else { reply::truth(false) };
        let mut entries = vec![
            ("name", reply::text(&name)),
            ("interfaces", reply::tuple(&[reply::tuple(&interface)])),
            ("length", reply::number(0)),
            ("supportsUndo", no.clone()),
            ("supports_record_iternext", reply::truth(false)),
            ("extensionMethods", self.methods.clone()),
            ("size", reply::text("not measured")),
        ];
        if matches!(self.service.config.version, ZeoVersion::Z303 | ZeoVersion::Z308) {
            entries.remove(1);
            entries.insert(0, ("supportsVersions", no));
        }
        reply::dictionary(&entries)
    }
}

/// Encodes the data of an object, and the transaction that wrote it.
fn loaded(revision: &Revision) -> [Pickle; 2] {
    [reply::bytes(&revision.data), reply::bytes(&revision.tid)]
}

/// Answers a call of DirectoryStorage's own methods.
pub(super) fn snapshot_call(storage: &Backend, call: &Call) -> Answer {
    let done = match (call.name.as_str(), &call.arguments[..]) {
        ("get_snapshot_code", []) => storage
            .code_and_kind()
            .map(|code| code.map_or_else(reply::none, |(code, kind)| written(&code, kind))),
        ("enter_snapshot" | "leave_snapshot", [code]) => {
            let Some((code, kind)) = code_and_kind(code) else {
                return Answer::Raised(Raised::wrong_type(&call.name));
            };
            let enters = call.name == "enter_snapshot";
            let done = if enters { storage.enter_as(&code, kind) } else { storage.leave(&code) };
            done.map(|()| reply::none())
        }
        (name, arguments) => {
            let expected = usize::from(name != "get_snapshot_code");
            return Answer::Raised(Raised::wrong_arguments(name, expected, arguments.len()));
        }
    };
    done.map_or_else(|error| refusal(storage, &error), Answer::Result)
}

/// Reads a snapshot code.
fn code_and_kind(value: &Value) -> Option<(String, CodeKind)> {
    match value {
        // One character for each byte: a code with other bytes than ASCII is refused as not ASCII.
        Value::Bytes(bytes) => {
            Some((bytes.iter().map(|byte| char::from(*byte)).collect(), CodeKind::Bytes))
        }
        Value::Unicode(text) => Some((text.clone(), CodeKind::Unicode)),
        _ => None,
    }
}

/// Encodes a snapshot code as the kind of string that it is.
fn written(code: &str, kind: CodeKind) -> Pickle {
    match kind {
        CodeKind::Unicode => reply::unicode(code),
        CodeKind::Bytes => {
            let bytes = code.chars().filter_map(|character| u8::try_from(character).ok());
            reply::bytes(&bytes.collect::<Vec<_>>())
        }
    }
}

/// Answers that the storage refused something. A server that has ended closes its connections.
pub(super) fn refusal(storage: &Backend, error: &ServerError) -> Answer {
    let sublock = storage.storage.sublock().display().to_string();
    Raised::of(error, &sublock).map_or(Answer::Close, Answer::Raised)
}

/// Packs, which removes nothing here. Clients may do that on servers that they cannot write to.
fn pack(storage: &Backend) -> Answer {
    let packed =
        storage.server().and_then(|server| server.pack().and_then(|()| server.end_packing()));
    match packed {
        Ok(()) => Answer::Result(reply::none()),
        Err(error) => refusal(storage, &error),
    }
}
