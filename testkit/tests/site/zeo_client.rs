//! A client of a simulated ZEO server that sends and receives bytes, and knows nothing of pickles.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use dsnap_testkit::Site;
use dsnap_testkit::site::{ZeoAccount, ZeoConfig, ZeoVersion};
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};

/// How long a test waits for a message before it fails.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) const REGISTER: &[u8] = b"(J\x03\0\0\0K\0U\x08register(U\x011K\x01tt.";
pub(crate) const ENTER: &[u8] = b"(J\x03\0\0\0K\0U\x0eenter_snapshot(U\x01xtt.";
pub(crate) const LEAVE: &[u8] = b"(J\x03\0\0\0K\0U\x0eleave_snapshot(U\x01xtt.";
pub(crate) const CODE: &[u8] = b"(J\x03\0\0\0K\0U\x11get_snapshot_code)t.";
pub(crate) const NONE: &[u8] = b"(K\x03K\x00U\x06.replyNt.";

/// Starts a site without Zopes, with a ZEO server of this version.
pub(crate) fn site(version: ZeoVersion) -> Site {
    site_with(ZeoConfig { version, ..ZeoConfig::default() })
}

pub(crate) fn site_with(config: ZeoConfig) -> Site {
    Site::builder().zopes(0).zeo(config).start().unwrap()
}

trait Stream: Read + Write {
    fn limit(&self, limit: Duration);
}

impl Stream for TcpStream {
    fn limit(&self, limit: Duration) {
        self.set_read_timeout(Some(limit)).unwrap();
    }
}

impl Stream for UnixStream {
    fn limit(&self, limit: Duration) {
        self.set_read_timeout(Some(limit)).unwrap();
    }
}

/// A connection.
pub(crate) struct Client {
    stream: Box<dyn Stream>,
    codes: Option<[Hmac<Sha1>; 2]>,
    /// The first bytes of a message that has begun to arrive.
    begun: Vec<u8>,
}

impl Client {
    /// Connects, without reading anything.
    pub(crate) fn to(site: &Site) -> Self {
        let address = site.zeo_address().unwrap();
        let stream: Box<dyn Stream> = if address.starts_with('/') {
            Box::new(UnixStream::connect(address).unwrap())
        } else {
            Box::new(TcpStream::connect(address).unwrap())
        };
        stream.limit(LIMIT);
        Self { stream, codes: None, begun: Vec::new() }
    }

    /// Connects, and answers with the version that the server announces.
    pub(crate) fn connected_to(site: &Site) -> Self {
        let mut client = Self::to(site);
        let version = client.receive().unwrap();
        client.send(&version);
        client
    }

    /// Connects and registers.
    pub(crate) fn registered_at(site: &Site) -> Self {
        let mut client = Self::connected_to(site);
        assert_eq!(client.call(REGISTER), NONE);
        client
    }

    /// Sends a message, with a code after a login.
    pub(crate) fn send(&mut self, message: &[u8]) {
        let length = u32::try_from(message.len()).unwrap();
        let frame = match &mut self.codes {
            None => [&length.to_be_bytes()[..], message].concat(),
            Some([sent, _]) => {
                let code = next(sent, message);
                [&(length | 1 << 31).to_be_bytes()[..], &code, message].concat()
            }
        };
        // The server may have closed already.
        let _ = self.stream.write_all(&frame);
    }

    /// Sends bytes as they are.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Receives what arrives next, a few bytes at most.
    pub(crate) fn read_some(&mut self) -> Vec<u8> {
        let mut some = [0; 64];
        let count = self.stream.read(&mut some).unwrap();
        some[..count].to_vec()
    }

    /// Returns the error that ends the connection; `None` if it just ends.
    pub(crate) fn read_error(&mut self) -> Option<ErrorKind> {
        self.stream.read_to_end(&mut Vec::new()).err().map(|error| error.kind())
    }

    /// Tells whether an answer begins to arrive within this time.
    pub(crate) fn is_answered_within(&mut self, time: Duration) -> bool {
        self.stream.limit(time);
        let mut first = [0];
        let is_answered = self.stream.read_exact(&mut first).is_ok();
        self.begun.extend(is_answered.then_some(first[0]));
        self.stream.limit(LIMIT);
        is_answered
    }

    /// Receives bytes as they are.
    pub(crate) fn receive_raw(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Receives a message, and checks its code after a login; `None` if the server closes.
    pub(crate) fn receive(&mut self) -> Option<Vec<u8>> {
        let mut head = [0; 4];
        let begun = std::mem::take(&mut self.begun);
        head[..begun.len()].copy_from_slice(&begun);
        match self.stream.read_exact(&mut head[begun.len()..]) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the server neither answers nor closes")
            }
            Err(_) => return None,
        }
        let head = u32::from_be_bytes(head);
        let code = self.receive_raw(if head >> 31 == 1 { 20 } else { 0 });
        let body = self.receive_raw((head & !(1 << 31)) as usize);
        if let Some([_, received]) = &mut self.codes {
            assert_eq!(next(received, &body)[..], code[..], "a wrong code");
        } else {
            assert!(code.is_empty(), "a code before a login");
        }
        Some(body)
    }

    /// Sends a call, and returns the next message.
    #[track_caller]
    pub(crate) fn call(&mut self, call: &[u8]) -> Vec<u8> {
        self.send(call);
        self.receive().unwrap_or_else(|| panic!("the server closed: {}", call.escape_ascii()))
    }

    /// Tells whether the server closes the connection, after this message.
    pub(crate) fn is_closed_after(&mut self, message: &[u8]) -> bool {
        self.send(message);
        self.receive().is_none()
    }

    /// Sends and wants a code with every message from now on.
    pub(crate) fn use_codes(&mut self, account: &ZeoAccount, nonce: &str) {
        let hash = hash_of(account);
        let key = [&Sha1::digest(format!("{hash}:{nonce}"))[..], hash.as_bytes()].concat();
        let codes: Hmac<Sha1> = Hmac::new_from_slice(&key).unwrap();
        self.codes = Some([codes.clone(), codes]);
    }
}

fn next(codes: &mut Hmac<Sha1>, message: &[u8]) -> [u8; 20] {
    codes.update(message);
    codes.clone().finalize().into_bytes().into()
}

fn hash_of(account: &ZeoAccount) -> String {
    hex(&Sha1::digest(format!("{}:{}:{}", account.user, account.realm, account.password)))
}

/// Returns the response to a challenge.
pub(crate) fn response(account: &ZeoAccount, challenge: &str) -> String {
    hex(&Sha1::digest(format!("{}:{challenge}", hash_of(account))))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
