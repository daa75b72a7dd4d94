//! One client: which calls it may make now, and what each of them returns.
//!
//! The order is that of a real server: a password if the server wants one, `register`, and then
//! everything else. A name that the server does not have ends the connection, and so does a call that
//! comes before `register`.

use super::super::faults::Fault;
use super::STORAGE;
use super::clients::Client;
use super::digest::{self, Codes};
use super::errors::Raised;
use super::pickle::{Call, Value};
use super::reply::{self, Pickle};
use super::service::Service;
use super::storage_calls::{Answer, Caller};
use super::version::ZeoAccount;

/// The methods that DirectoryStorage adds, in the order of the recorded servers.
const METHODS: [&str; 4] =
    ["leave_snapshot", "get_snapshot_code", "is_directory_storage", "enter_snapshot"];
/// The methods of the digest protocol.
const LOGIN_METHODS: [&str; 2] = ["auth_response", "auth_get_challenge"];

/// The state of one client.
#[derive(Debug)]
pub(super) struct Session<'a> {
    service: &'a Service,
    client: &'a Client,
    /// The version that the client has answered.
    peer: String,
    challenge: Option<String>,
    is_authenticated: bool,
    is_registered: bool,
    /// Set once a login has succeeded: after its reply, every message needs a code. Both directions begin
    /// with these codes.
    pub(super) new_codes: Option<Codes>,
}

impl<'a> Session<'a> {
    pub(super) fn new(service: &'a Service, client: &'a Client, peer: String) -> Self {
        Self {
            service,
            client,
            peer,
            challenge: None,
            is_authenticated: false,
            is_registered: false,
            new_codes: None,
        }
    }

    /// Tells whether the client has registered, and so may call everything.
    pub(super) fn is_registered(&self) -> bool {
        self.is_registered
    }

    /// Answers a call.
    pub(super) fn answer(&mut self, call: &Call) -> Answer {
        if self.service.config.version.has_snapshots() {
            return self.answer_before_zeo_5(call);
        }
        match call.name.as_str() {
            "register" => self.register(call).unwrap_or_else(Answer::Raised),
            _ => Answer::Close,
        }
    }

    fn answer_before_zeo_5(&mut self, call: &Call) -> Answer {
        let wants_login = self.service.config.authentication.clone();
        match (call.name.as_str(), wants_login) {
            ("getAuthProtocol", None) => Answer::Result(reply::none()),
            ("getAuthProtocol", Some(_)) => Answer::Result(reply::text("digest")),
            ("auth_get_challenge", Some(account)) => self.challenge(&account),
            ("auth_response", Some(account)) => {
                self.log_in(&account, call).unwrap_or_else(Answer::Raised)
            }
            ("getExtensionMethods", _) => Answer::Result(self.methods()),
            ("register", _) => self.register(call).unwrap_or_else(Answer::Raised),
            _ if self.is_registered => self.caller().answer(call),
            _ => Answer::Close,
        }
    }

    fn caller(&self) -> Caller<'_> {
        Caller { service: self.service, client: self.client, methods: self.methods() }
    }

    /// Makes a challenge, which is the nonce, too: real servers make both in the same second.
    fn challenge(&mut self, account: &ZeoAccount) -> Answer {
        let challenge = digest::new_challenge();
        let parts = [&account.realm, &challenge, &challenge].map(|part| reply::text(part));
        self.challenge = Some(challenge);
        Answer::Result(reply::tuple(&parts))
    }

    fn log_in(&mut self, account: &ZeoAccount, call: &Call) -> Result<Answer, Raised> {
        let [Value::Items(parts)] = &call.arguments[..] else {
            return Err(Raised::wrong_arguments(&call.name, 1, call.arguments.len()));
        };
        let texts: Vec<_> = parts.iter().filter_map(Value::text).collect();
        let [user, challenge, response] = texts[..] else {
            return Err(Raised::wrong_type(&call.name));
        };
        let made = self.challenge.as_deref().ok_or_else(Raised::no_challenge)?;
        if made != challenge {
            return Err(Raised::invalid_challenge());
        }
        if user != account.user {
            return Err(Raised::unknown_user(user));
        }
        self.is_authenticated = digest::response(account, challenge) == response;
        if self.is_authenticated {
            self.new_codes = digest::codes(account, challenge);
        }
        Ok(Answer::Result(reply::truth(self.is_authenticated)))
    }

    fn register(&mut self, call: &Call) -> Result<Answer, Raised> {
        let [name, read_only] = &call.arguments[..] else {
            return Err(Raised::wrong_arguments(&call.name, 2, call.arguments.len()));
        };
        let name = name.text().unwrap_or_default();
        if self.wants_login() && !self.is_authenticated {
            return Err(Raised::unauthenticated());
        }
        if self.is_registered {
            return Err(Raised::duplicate_register());
        }
        if name != STORAGE {
            return Err(Raised::unknown_storage(name));
        }
        if !read_only.is_true() {
            return Err(Raised::read_only());
        }
        self.is_registered = true;
        Ok(Answer::Result(self.registered()))
    }

    /// ZEO 5 and later know no passwords.
    fn wants_login(&self) -> bool {
        self.service.config.authentication.is_some() && self.service.config.version.has_snapshots()
    }

    /// Encodes what `register` returns; ZEO 5 and later return the last transaction.
    fn registered(&self) -> Pickle {
        if !self.service.config.version.has_snapshots() {
            let last = self.service.objects.last(self.service.catch_up());
            return reply::bytes_of_python_3(last.unwrap_or_default());
        }
        self.client.register(&self.peer);
        reply::none()
    }

    /// Encodes the names of the methods that a client may call besides the usual ones: those of
    /// DirectoryStorage only after `register`.
    fn methods(&self) -> Pickle {
        let login: &[_] =
            if self.service.config.authentication.is_some() { &LOGIN_METHODS } else { &[] };
        let knows_snapshots = self.is_registered && !self.service.faults.has(Fault::Unpatched);
        let added: &[_] = if knows_snapshots { &METHODS } else { &[] };
        let names = login.iter().chain(added);
        reply::dictionary(&names.map(|name| (*name, reply::none())).collect::<Vec<_>>())
    }
}
