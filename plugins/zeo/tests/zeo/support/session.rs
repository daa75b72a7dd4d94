//! The server's side of one connection: frames, and authentication codes once a client has logged
//! in.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;

use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};

/// The account of the scripted server: user, realm and password.
pub(crate) const ACCOUNT: [&str; 3] = ["backup", "ds-realm", "s3cret-password"];
/// Challenge and nonce.
pub(crate) const CHALLENGE: &str = "5db4dac9e531b67d387e200c6ea7dbb42fe3c57d";

/// A connection of either kind.
pub(crate) trait Stream: Read + Write + Send {
    /// Tells the client that no more bytes will come.
    fn end_sending(&self) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn end_sending(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Stream for UnixStream {
    fn end_sending(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// One connection.
pub(crate) struct Session {
    stream: Box<dyn Stream>,
    codes: Option<[Hmac<Sha1>; 2]>,
}

/// A call that arrived.
pub(crate) struct Call {
    /// The four bytes of its number.
    pub(crate) number: [u8; 4],
    pub(crate) name: String,
    /// The pickle from its arguments on.
    pub(crate) arguments: Vec<u8>,
}

impl Session {
    pub(crate) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, codes: None }
    }

    /// Sends bytes as they are.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends a message, with a code after a login.
    pub(crate) fn send(&mut self, body: &[u8]) -> io::Result<()> {
        let length = body.len() as u32;
        let frame = match &mut self.codes {
            None => [&length.to_be_bytes(), body].concat(),
            Some([sent, _]) => {
                sent.update(body);
                let code = sent.clone().finalize().into_bytes();
                [&(length | 1 << 31).to_be_bytes(), &code[..], body].concat()
            }
        };
        self.send_raw(&frame)
    }

    /// Receives a message, and checks its code.
    pub(crate) fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut head = [0; 4];
        self.stream.read_exact(&mut head)?;
        let head = u32::from_be_bytes(head);
        let mut code = vec![0; if head >> 31 == 1 { 20 } else { 0 }];
        self.stream.read_exact(&mut code)?;
        let mut body = vec![0; (head & !(1 << 31)) as usize];
        self.stream.read_exact(&mut body)?;
        match &mut self.codes {
            None => assert!(code.is_empty(), "a code before a login"),
            Some([_, received]) => {
                received.update(&body);
                assert_eq!(received.clone().finalize().into_bytes()[..], code[..], "a wrong code");
            }
        }
        Ok(body)
    }

    /// Receives a call.
    pub(crate) fn receive_call(&mut self) -> io::Result<Call> {
        self.receive().map(|body| Call::of(&body))
    }

    /// Tells the client that no more bytes will come.
    pub(crate) fn end_sending(&self) -> io::Result<()> {
        self.stream.end_sending()
    }

    /// Reads until the client closes the connection.
    pub(crate) fn wait_for_end(&mut self) {
        let mut some = [0; 4096];
        while matches!(self.stream.read(&mut some), Ok(1..)) {}
    }

    /// Wants a code in every message from now on.
    pub(crate) fn log_in(&mut self) {
        let key = session_key();
        let codes = Hmac::new_from_slice(&key).unwrap();
        self.codes = Some([codes.clone(), codes]);
    }
}

impl Call {
    /// Takes `(J`, the number, `K\0U`, the length of the name, the name, and the arguments apart.
    fn of(body: &[u8]) -> Self {
        assert!(body.starts_with(b"(J") && &body[6..9] == b"K\0U", "{}", body.escape_ascii());
        let end = 10 + usize::from(body[9]);
        Self {
            number: body[2..6].try_into().unwrap(),
            name: String::from_utf8(body[10..end].to_vec()).unwrap(),
            arguments: body[end..].to_vec(),
        }
    }
}

/// The hash of the password, as it stands in a server's database.
fn password_hash() -> String {
    let [user, realm, password] = ACCOUNT;
    hex(&Sha1::digest(format!("{user}:{realm}:{password}")))
}

fn session_key() -> Vec<u8> {
    let hash = password_hash();
    [&Sha1::digest(format!("{hash}:{CHALLENGE}"))[..], hash.as_bytes()].concat()
}

/// The answer to the challenge that the server accepts.
pub(crate) fn right_answer() -> String {
    hex(&Sha1::digest(format!("{}:{CHALLENGE}", password_hash())))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
