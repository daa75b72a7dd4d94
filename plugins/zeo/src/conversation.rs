//! The beginning of a conversation with a ZEO server.
//!
//! 1. The server announces its version, and the answer is the same version.
//! 2. If the server wants a password, `login` proves that we have it.
//! 3. We register as a client that only reads, which no server refuses.
//! 4. The list of extension methods says whether the storage has snapshots. It comes before the first
//!    of those calls, because a server closes the connection after a call that it does not know.
//!
//! None of that has an effect on the storage. Later calls do.

use dsnap_core::Reason;
use dsnap_core::text::Harmless;
use dsnap_engine::server::access_file::Account;
use dsnap_engine::server::call_error::CallError;
use dsnap_engine::server::deadline::Deadline;
use dsnap_engine::server::exception::Exception;

use crate::call::Argument;
use crate::calls::Calls;
use crate::connection;
use crate::frames::Frames;
use crate::line::Line;
use crate::login;
use crate::pickle::Value;
use crate::trace;
use crate::trouble::{ANNOUNCEMENT, Endpoint, PORT_HINT};

/// The versions of ZODB 3.1 to ZEO 4. For our calls they are the same.
const VERSIONS: [&[u8]; 8] =
    [b"Z200", b"Z201", b"Z303", b"Z308", b"Z309", b"Z310", b"Z3101", b"Z4"];
/// The oldest version, which does not know the question for a password.
const WITHOUT_PASSWORD: &[u8] = b"Z200";
/// The version that knows extension methods only with the patch of DirectoryStorage.
const WITHOUT_EXTENSIONS: &[u8] = b"Z200";
/// The versions of ZEO 5 and later, which know no extension methods.
const WITHOUT_SNAPSHOTS: [&[u8]; 2] = [b"Z5", b"M5"];

/// What a storage with snapshots must have.
const EXTENSION_METHODS: [&[u8]; 3] = [b"enter_snapshot", b"leave_snapshot", b"get_snapshot_code"];

/// Connects to the server of a line, and says all that comes before a snapshot call.
///
/// # Errors
///
/// The server cannot be reached, does not let us in, or has no snapshots. Nothing had an effect.
pub(crate) fn begin(
    line: &Line,
    account: Option<&Account>,
    deadline: &Deadline<'_>,
) -> Result<Calls, CallError> {
    let endpoint = Endpoint { address: &line.shown, deadline };
    let channel = connection::open(&line.address, deadline)
        .map_err(|trouble| endpoint.before_connecting(&trouble))?;
    deadline.note_sent();
    let mut calls = Calls::new(Frames::new(channel), &line.shown);
    let version = agree_on_version(&mut calls, deadline)?;
    if version != WITHOUT_PASSWORD {
        login::log_in(&mut calls, line, account, deadline)?;
    }
    register(&mut calls, &line.storage, deadline)?;
    check_extension_methods(&mut calls, version, &line.storage, deadline)?;
    Ok(calls)
}

fn agree_on_version(
    calls: &mut Calls,
    deadline: &Deadline<'_>,
) -> Result<&'static [u8], CallError> {
    let received = calls.frames().receive_version(deadline);
    received.map_err(|trouble| calls.without_answer(ANNOUNCEMENT, &trouble, deadline))?;
    let announced = calls.frames().last().0;
    trace::announced(announced, deadline);
    let Some(version) = VERSIONS.into_iter().find(|known| *known == announced) else {
        let announced = announced.to_vec();
        return Err(unknown_version(calls.address(), &announced));
    };
    let sent = calls.frames().send(version, deadline);
    sent.map_err(|trouble| calls.without_answer(ANNOUNCEMENT, &trouble, deadline))?;
    Ok(version)
}

/// Registers as a client that only reads. Snapshots can be entered all the same.
fn register(calls: &mut Calls, storage: &[u8], deadline: &Deadline<'_>) -> Result<(), CallError> {
    let arguments = [Argument::Text(storage), Argument::True];
    match calls.call("register", &arguments, deadline, |_| Some(()))? {
        Ok(()) => Ok(()),
        Err(exception) => Err(not_registered(calls.address(), storage, &exception)),
    }
}

fn check_extension_methods(
    calls: &mut Calls,
    version: &[u8],
    storage: &[u8],
    deadline: &Deadline<'_>,
) -> Result<(), CallError> {
    let has_all = |listed: &Value<'_>| match listed {
        Value::Dictionary(listed) => {
            let has = |name: &&[u8]| listed.iter().step_by(2).any(|it| *it == Value::Text(name));
            Some(EXTENSION_METHODS.iter().all(has))
        }
        _ => None,
    };
    match calls.call("getExtensionMethods", &[], deadline, has_all)? {
        Ok(true) => Ok(()),
        Ok(false) => Err(no_snapshots(calls.address(), version, storage)),
        Err(exception) => Err(calls.failed("getExtensionMethods", &exception)),
    }
}

fn unknown_version(address: &str, announced: &[u8]) -> CallError {
    let version = Harmless(announced);
    if WITHOUT_SNAPSHOTS.contains(&announced) {
        let text = format!(
            "the server at {address} is ZEO 5 or later (it announces {version}), which cannot be asked for snapshots"
        );
        let hint = "let a Zope enter the snapshot (`http`), or a script (`exec`)";
        return CallError::Refused(Reason::new(text).hint(hint));
    }
    if matches!(announced, [b'Z' | b'M', rest @ ..] if rest.iter().all(u8::is_ascii_digit)) {
        let text = format!(
            "the server at {address} announces {version}, a version of ZEO that is not known"
        );
        let hint = "let a Zope enter the snapshot (`http`), or a script (`exec`)";
        return CallError::Refused(Reason::new(text).hint(hint));
    }
    let text = format!("the server at {address} does not announce a version of ZEO");
    CallError::Unreadable(Reason::new(text).hint(PORT_HINT))
}

fn not_registered(address: &str, storage: &[u8], exception: &Exception) -> CallError {
    let (storage, summary) = (Harmless(storage), exception.summary(str::to_owned));
    let hint = match exception.class.as_str() {
        "AuthError" => {
            "end the line with the storage and an access file: zeo ADDRESS STORAGE ACCESS"
        }
        _ => {
            "write the name of the storage's section in zeo.conf behind the address, in lower case; without a name it is 1"
        }
    };
    let text =
        format!("the server at {address} refuses access to the storage {storage}: {summary}");
    CallError::Refused(Reason::new(text).hint(hint))
}

fn no_snapshots(address: &str, version: &[u8], storage: &[u8]) -> CallError {
    let storage = Harmless(storage);
    let text = format!("the storage {storage} of the server at {address} has no snapshots");
    let hint = if version == WITHOUT_EXTENSIONS {
        "patch ZEO as DirectoryStorage's doc/INSTALL.txt says, and restart it; if it is patched, correct the address or the storage"
    } else {
        "check the address and the storage: this one is not a DirectoryStorage"
    };
    CallError::Refused(Reason::new(text).hint(hint))
}
