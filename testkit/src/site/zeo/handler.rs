//! Answers the calls of one client, with the faults that a test has set.

use super::super::backend::Backend;
use super::super::faults::{Call as Kind, Fault};
use super::super::server_error::ServerError;
use super::clients::Client;
use super::errors::Raised;
use super::pickle::Call;
use super::reply::{self, ExceptionForm};
use super::service::Service;
use super::session::Session;
use super::storage_calls::{Answer, refusal, snapshot_call};
use super::writer::Delivery;

/// The body of an answer that is not a pickle.
const GARBAGE: &[u8] = b"\xff\xfe\x00 neither a version nor a pickle";

/// How a connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Continue,
    Close,
    Reset,
}

/// Announces the version of the server.
pub(super) fn announce(service: &Service, client: &Client) -> Next {
    let _turn = service.turn();
    let version = service.config.version.name().as_bytes().to_vec();
    match service.faults.next_for(Kind::Connect) {
        None => client.outbox.send(version, Delivery::Whole),
        Some(fault) => return spoil(client, fault, version),
    }
    Next::Continue
}

/// Sends an answer as the fault demands, after the call had its effect.
fn spoil(client: &Client, fault: Fault, message: Vec<u8>) -> Next {
    let delivery = match fault {
        Fault::Silent | Fault::Deaf => return Next::Continue,
        Fault::ResetBefore | Fault::ResetAfter => return Next::Reset,
        Fault::Garbage => {
            client.outbox.send(GARBAGE.to_vec(), Delivery::Whole);
            return Next::Continue;
        }
        Fault::Slow(by) => Delivery::Late(by),
        Fault::HalfAnswer => Delivery::Half,
        Fault::Trickle => Delivery::Trickled,
        Fault::Endless => Delivery::Endless,
        Fault::Flood => Delivery::BehindOthers,
        Fault::WrongMac => Delivery::WithWrongCode,
        Fault::NoMac => Delivery::WithoutCode,
        _ => Delivery::Whole,
    };
    client.outbox.send(message, delivery);
    Next::Continue
}

/// Maps the name of a method to the kind of call to which a fault can be limited.
fn kind_of(name: &str) -> Option<Kind> {
    match name {
        "enter_snapshot" => Some(Kind::Enter),
        "leave_snapshot" => Some(Kind::Leave),
        "get_snapshot_code" => Some(Kind::Status),
        "auth_response" => Some(Kind::Login),
        "register" => Some(Kind::Register),
        _ => None,
    }
}

/// What is needed to answer one call.
pub(super) struct Handler<'a, 'b> {
    pub(super) service: &'a Service,
    pub(super) client: &'a Client,
    pub(super) session: &'b mut Session<'a>,
}

impl Handler<'_, '_> {
    /// Answers a call.
    pub(super) fn handle(self, call: &Call) -> Next {
        if call.name == ".reply" {
            // A sign of life of the client.
            return Next::Continue;
        }
        match self.fault(call) {
            None => {
                let answer = self.session.answer(call);
                self.send(call, answer, self.form(), None)
            }
            Some(fault) => self.handle_with(fault, call),
        }
    }

    fn fault(&self, call: &Call) -> Option<Fault> {
        let kind = kind_of(&call.name)?;
        self.has(kind).then(|| self.service.faults.next_for(kind)).flatten()
    }

    /// Tells whether the client can make such a call now. Otherwise, it ends the connection.
    fn has(&self, kind: Kind) -> bool {
        let is_early = kind.is_of_snapshot() && !self.session.is_registered();
        !is_early && (kind == Kind::Register || self.service.config.version.has_snapshots())
    }

    fn form(&self) -> ExceptionForm {
        ExceptionForm::of(self.service.config.version)
    }

    /// Answers a call with a fault. Some faults keep the call from having its effect.
    fn handle_with(self, fault: Fault, call: &Call) -> Next {
        let refused = || refusal(&self.service.backend, &ServerError::SublockHeld);
        let (answer, form) = match fault {
            Fault::Deaf => return Next::Continue,
            Fault::ResetBefore => return Next::Reset,
            Fault::Unpatched => return Next::Close,
            Fault::Refused => (refused(), self.form()),
            Fault::OldException => (refused(), ExceptionForm::Classic),
            Fault::Python3Exception => (refused(), ExceptionForm::Python3),
            Fault::Escapes => (Answer::Raised(Raised::with_escapes()), self.form()),
            Fault::NotAuthenticated => (Answer::Raised(Raised::unauthenticated()), self.form()),
            Fault::WrongPassword => (Answer::Result(reply::truth(false)), self.form()),
            Fault::WrongStorage => (self.on_other(call), self.form()),
            _ => (self.session.answer(call), self.form()),
        };
        self.send(call, answer, form, Some(fault))
    }

    fn on_other(&self, call: &Call) -> Answer {
        let other = self.service.other.get_or_make();
        other.map_or(Answer::Close, |other: std::sync::Arc<Backend>| snapshot_call(&other, call))
    }

    /// Sends an answer, unless the client wants none.
    fn send(&self, call: &Call, answer: Answer, form: ExceptionForm, fault: Option<Fault>) -> Next {
        let message = match answer {
            Answer::Close => return Next::Close,
            _ if call.one_way => return Next::Continue,
            Answer::Result(result) if form == ExceptionForm::Zeo5 => {
                reply::reply_of_python_3(call.number, &result)
            }
            Answer::Result(result) => reply::reply(call.number, &result),
            Answer::Raised(Raised { class, argument }) => {
                reply::exception(call.number, form, class, argument.as_deref())
            }
        };
        match fault {
            None => self.client.outbox.send(message, Delivery::Whole),
            Some(fault) => return spoil(self.client, fault, message),
        }
        Next::Continue
    }
}
