//! Digest authentication: proving to the server that we have the password, without sending it.
//!
//! After that, every message of both sides has a code that only somebody with the password can make.

use std::path::Path;

use dsnap_core::Reason;
use dsnap_core::text::{self, Harmless};
use dsnap_engine::limits::MAX_ZEO_CHALLENGE;
use dsnap_engine::server::access_file::Account;
use dsnap_engine::server::call_error::CallError;
use dsnap_engine::server::deadline::Deadline;

use crate::call::Argument;
use crate::calls::Calls;
use crate::digest::PasswordHash;
use crate::line::Line;
use crate::pickle::Value;

/// Logs in if the server wants it.
///
/// # Errors
///
/// The line has no password that the server accepts, or the server is not the one that the line
/// names by its realm.
pub(crate) fn log_in(
    calls: &mut Calls,
    line: &Line,
    account: Option<&Account>,
    deadline: &Deadline<'_>,
) -> Result<(), CallError> {
    let address = calls.address().to_owned();
    match asked_protocol(calls, deadline)? {
        None if line.realm.is_some() => Err(no_realm(&address)),
        None => Ok(()),
        Some(protocol) if protocol != b"digest" => Err(unknown_protocol(&address, &protocol)),
        Some(_) => match (account, &line.access) {
            (Some(account), Some(file)) => {
                prove(calls, line.realm.as_deref(), account, file, deadline)
            }
            _ => Err(no_access_file(&address)),
        },
    }
}

/// Asks which kind of authentication the server wants, if any.
fn asked_protocol(
    calls: &mut Calls,
    deadline: &Deadline<'_>,
) -> Result<Option<Vec<u8>>, CallError> {
    let name = "getAuthProtocol";
    let read = |result: &Value<'_>| match result {
        Value::None => Some(None),
        Value::Text(protocol) => Some(Some(protocol.to_vec())),
        _ => None,
    };
    let answer = calls.call(name, &[], deadline, read)?;
    answer.map_err(|exception| calls.failed(name, &exception))
}

struct Challenge {
    realm: Vec<u8>,
    challenge: Vec<u8>,
    nonce: Vec<u8>,
}

impl Challenge {
    fn read(result: &Value<'_>) -> Option<Self> {
        let Value::Tuple(parts) = result else { return None };
        let [Value::Text(realm), Value::Text(challenge), Value::Text(nonce)] = &parts[..] else {
            return None;
        };
        let usable = [realm, challenge, nonce].iter().all(|it| it.len() <= MAX_ZEO_CHALLENGE);
        let copy = |part: &&[u8]| part.to_vec();
        usable.then(|| Self { realm: copy(realm), challenge: copy(challenge), nonce: copy(nonce) })
    }
}

fn prove(
    calls: &mut Calls,
    realm: Option<&[u8]>,
    account: &Account,
    file: &Path,
    deadline: &Deadline<'_>,
) -> Result<(), CallError> {
    let name = "auth_get_challenge";
    let asked = calls.call(name, &[], deadline, Challenge::read)?;
    let given = asked.map_err(|exception| calls.failed(name, &exception))?;
    if realm.is_some_and(|realm| realm != given.realm) {
        return Err(other_realm(calls.address(), &given.realm));
    }
    let hash = PasswordHash::new(&account.user, &given.realm, &account.password);
    let response = hash.answer(&given.challenge);
    let argument = Argument::Texts(&[&account.user, &given.challenge, response.as_bytes()]);
    let is_accepted = |result: &Value<'_>| match result {
        Value::Number(number) => Some(*number != 0),
        _ => None,
    };
    let refused = match calls.call("auth_response", &[argument], deadline, is_accepted)? {
        Ok(true) => {
            let (sent, received) = (hash.codes(&given.nonce), hash.codes(&given.nonce));
            calls.frames().authenticate(sent, received);
            return Ok(());
        }
        Ok(false) => "the password is wrong".to_owned(),
        Err(exception) => exception.summary(str::to_owned),
    };
    Err(not_authorised(calls.address(), &refused, file))
}

fn not_authorised(address: &str, answer: &str, file: &Path) -> CallError {
    let text = format!("not authorised: the server at {address} answered: {answer}");
    CallError::Refused(Reason::new(text).hint(format!(
        "check the user and password in {}: they must be those of the server's password database",
        text::path(file)
    )))
}

fn no_access_file(address: &str) -> CallError {
    let text = format!("not authorised: the server at {address} wants a user and password");
    let hint = "write user:password into a file that only you can read, and its name on the line: zeo ADDRESS STORAGE ACCESS";
    CallError::Refused(Reason::new(text).hint(hint))
}

fn unknown_protocol(address: &str, protocol: &[u8]) -> CallError {
    let protocol = Harmless(protocol);
    let text =
        format!("the server at {address} wants {protocol} authentication; `zeo` knows digest only");
    CallError::Refused(Reason::new(text).hint("write `authentication-protocol digest` in zeo.conf"))
}

fn other_realm(address: &str, realm: &[u8]) -> CallError {
    let realm = Harmless(realm);
    let text = format!(
        "the server at {address} asks for a password of the realm {realm}, which is not the one on the line"
    );
    CallError::Refused(Reason::new(text).hint(REALM_HINT))
}

fn no_realm(address: &str) -> CallError {
    let text = format!("the server at {address} asks for no password, but the line names a realm");
    CallError::Refused(Reason::new(text).hint(REALM_HINT))
}

const REALM_HINT: &str =
    "compare `realm=` on the line with `authentication-realm` in zeo.conf, and check the address";
