//! A scripted ZEO server: it answers like a real one in front of a storage that is in no snapshot,
//! except for what a scenario says.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::pickles::{METHODS, reply, text};
use super::session::{ACCOUNT, CHALLENGE, Call, Session, Stream, right_answer};

/// How long the server waits for a client that has gone wrong.
const CLIENT_LIMIT: Duration = Duration::from_secs(60);

/// What the server does when a call comes.
#[derive(Clone)]
pub(crate) enum Action {
    /// Replies with this result.
    Reply(Vec<u8>),
    /// Sends these messages first, and then does the other.
    After(Vec<Vec<u8>>, Box<Action>),
    /// Sends these bytes as they are, then nothing more.
    Raw(Vec<u8>),
    /// Sends these bytes as they are, and says that no more will come.
    RawThenEnd(Vec<u8>),
    /// Sends these bytes again and again, until the client goes.
    Endless(Vec<u8>),
    /// Sends these bytes one by one, each after the time in milliseconds.
    Trickle(Vec<u8>, u64),
    /// Closes the connection.
    Close,
    /// Says nothing.
    Silence,
}

/// The call before all others: the client has connected.
pub(crate) const CONNECT: &str = "connect";

/// What the server says, by the names of calls. The last action of a name stays.
#[derive(Clone)]
pub(crate) struct Script {
    version: Vec<u8>,
    wants_password: bool,
    actions: HashMap<&'static str, VecDeque<Action>>,
}

impl Script {
    /// A server of this version that wants no password.
    pub(crate) fn of_version(version: &[u8]) -> Self {
        Self { version: version.to_vec(), wants_password: false, actions: HashMap::new() }
    }

    pub(crate) fn new() -> Self {
        Self::of_version(b"Z3101")
    }

    /// Wants the password of [`ACCOUNT`].
    pub(crate) fn with_password(mut self) -> Self {
        self.wants_password = true;
        self
    }

    /// Adds an action for a call.
    pub(crate) fn on(mut self, call: &'static str, action: Action) -> Self {
        self.actions.entry(call).or_default().push_back(action);
        self
    }

    /// Adds a result for a call.
    pub(crate) fn reply(self, call: &'static str, result: impl Into<Vec<u8>>) -> Self {
        self.on(call, Action::Reply(result.into()))
    }

    fn next(&mut self, call: &str) -> Option<Action> {
        let actions = self.actions.get_mut(call)?;
        if actions.len() > 1 { actions.pop_front() } else { actions.front().cloned() }
    }

    fn usual(&self, call: &Call) -> Vec<u8> {
        match call.name.as_str() {
            "getAuthProtocol" if self.wants_password => text("digest"),
            "auth_get_challenge" => {
                let parts = [ACCOUNT[1], CHALLENGE, CHALLENGE].map(text).concat();
                [b"(", &parts[..], b"t"].concat()
            }
            "auth_response" => {
                let answer = right_answer();
                let is_right = call.arguments.windows(40).any(|it| it == answer.as_bytes());
                if is_right { b"I01\n".to_vec() } else { b"I00\n".to_vec() }
            }
            "getExtensionMethods" => METHODS.to_vec(),
            _ => b"N".to_vec(),
        }
    }
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    fn accept(&self) -> Box<dyn Stream> {
        match self {
            Self::Tcp(listener) => {
                let stream = listener.accept().unwrap().0;
                stream.set_read_timeout(Some(CLIENT_LIMIT)).unwrap();
                stream.set_nodelay(true).unwrap();
                Box::new(stream)
            }
            Self::Unix(listener) => {
                let stream = listener.accept().unwrap().0;
                stream.set_read_timeout(Some(CLIENT_LIMIT)).unwrap();
                Box::new(stream)
            }
        }
    }
}

/// A running server. Its threads end with it.
pub(crate) struct Server {
    /// ADDRESS for a conf line.
    pub(crate) address: String,
    calls: Arc<Mutex<Vec<String>>>,
    script: Arc<Mutex<Script>>,
    thread: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Listens on a port of its own.
    pub(crate) fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        Self::listen(Listener::Tcp(listener), address, tempfile::tempdir().unwrap(), script)
    }

    /// Listens on a Unix socket.
    pub(crate) fn start_on_path(script: Script) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zeo.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let address = path.display().to_string();
        Self::listen(Listener::Unix(listener), address, folder, script)
    }

    fn listen(
        listener: Listener,
        address: String,
        folder: tempfile::TempDir,
        script: Script,
    ) -> Self {
        let (calls, script) = (Arc::default(), Arc::new(Mutex::new(script)));
        let (seen, said) = (Arc::clone(&calls), Arc::clone(&script));
        let thread = thread::spawn(move || serve(&listener, &seen, &said));
        Self { address, calls, script, thread: Some(thread), _folder: folder }
    }

    /// Returns the names of the calls so far, separated by blanks: of those that matter, without the
    /// ones at the beginning of a connection.
    pub(crate) fn calls(&self) -> String {
        let all = self.calls.lock().unwrap().clone();
        let counts = |name: &&String| name.contains("snapshot") || *name == CONNECT;
        all.iter().filter(counts).cloned().collect::<Vec<_>>().join(" ")
    }

    /// Returns the names of all calls so far.
    pub(crate) fn all_calls(&self) -> String {
        self.calls.lock().unwrap().join(" ")
    }

    /// Makes the thread end.
    fn stop(&self) {
        self.script.lock().unwrap().version = Vec::new();
        match fs::metadata(&self.address) {
            Ok(_) => drop(UnixStream::connect(&self.address)),
            Err(_) => drop(TcpStream::connect(&self.address)),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        let ended = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

/// Serves one connection after the other, until the server is stopped.
fn serve(listener: &Listener, calls: &Mutex<Vec<String>>, script: &Mutex<Script>) {
    loop {
        let mut session = Session::new(listener.accept());
        if script.lock().unwrap().version.is_empty() {
            return;
        }
        calls.lock().unwrap().push(CONNECT.to_owned());
        // An error is the end of the connection.
        let _ = converse(&mut session, calls, script);
    }
}

fn converse(
    session: &mut Session,
    calls: &Mutex<Vec<String>>,
    script: &Mutex<Script>,
) -> std::io::Result<()> {
    let connected = script.lock().unwrap().next(CONNECT);
    if let Some(action) = connected {
        return act(session, action, None);
    }
    let version = script.lock().unwrap().version.clone();
    session.send(&version)?;
    let answered = session.receive()?;
    calls.lock().unwrap().push(String::from_utf8_lossy(&answered).into_owned());
    loop {
        let call = session.receive_call()?;
        calls.lock().unwrap().push(call.name.clone());
        let action = {
            let mut script = script.lock().unwrap();
            script.next(&call.name).unwrap_or_else(|| Action::Reply(script.usual(&call)))
        };
        let logs_in = call.name == "auth_response"
            && matches!(&action, Action::Reply(result) if result == b"I01\n");
        act(session, action, Some(&call))?;
        if logs_in {
            session.log_in();
        }
    }
}

/// Does an action. An error ends the connection.
fn act(session: &mut Session, action: Action, call: Option<&Call>) -> std::io::Result<()> {
    match action {
        Action::Reply(result) => {
            let number = call.map_or([0; 4], |call| call.number);
            return session.send(&reply(&number, &result));
        }
        Action::After(messages, then) => {
            messages.iter().try_for_each(|message| session.send(message))?;
            return act(session, *then, call);
        }
        Action::Raw(bytes) => session.send_raw(&bytes)?,
        Action::RawThenEnd(bytes) => {
            session.send_raw(&bytes)?;
            session.end_sending()?;
        }
        Action::Endless(bytes) => loop {
            session.send_raw(&bytes)?;
        },
        Action::Trickle(bytes, pause) => {
            for byte in bytes {
                thread::park_timeout(Duration::from_millis(pause));
                session.send_raw(&[byte])?;
            }
        }
        Action::Close => return Err(std::io::ErrorKind::ConnectionAborted.into()),
        Action::Silence => {}
    }
    session.wait_for_end();
    Err(std::io::ErrorKind::UnexpectedEof.into())
}
