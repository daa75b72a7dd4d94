//! ADDRESS: where a ZEO server listens, `host:port` or the path of a socket.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use dsnap_core::{Reason, text};
use dsnap_engine::limits::MAX_SOCKET_PATH;

const HINT: &str =
    "write the address of zeo.conf: host:port, or the path of a socket like /srv/zope/var/zeo.sock";

/// Where a ZEO server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// A host, as a name or a number, and a port.
    Tcp(String, u16),
    /// The path of a socket.
    Unix(PathBuf),
}

impl Address {
    /// Reads the address from a word of the line. A word with a slash is a path, relative to `folder`.
    ///
    /// # Errors
    ///
    /// The word is no address.
    pub(crate) fn read(word: &OsStr, folder: &Path) -> Result<Self, Reason> {
        let flaw = if is_path(word) {
            match folder.join(word) {
                path if path.as_os_str().len() <= MAX_SOCKET_PATH => return Ok(Self::Unix(path)),
                _ => {
                    format!("is a path of more than {MAX_SOCKET_PATH} bytes, too long for a socket")
                }
            }
        } else {
            match host_and_port(word) {
                Some((host, port)) => return Ok(Self::Tcp(host, port)),
                None => "is neither host:port nor the path of a socket".to_owned(),
            }
        };
        Err(Reason::new(format!("the address {} {flaw}", shown(word))).hint(HINT))
    }
}

/// Says whether a word of the line names a socket.
pub(crate) fn is_path(word: &OsStr) -> bool {
    word.as_bytes().contains(&b'/') && !word.as_bytes().windows(3).any(|part| part == b"://")
}

/// Splits `host:port`. The number of an IPv6 address stands in brackets: `[::1]:8100`.
fn host_and_port(word: &OsStr) -> Option<(String, u16)> {
    let (host, port) = word.to_str()?.rsplit_once(':')?;
    let port = port.bytes().all(|digit| digit.is_ascii_digit()).then(|| port.parse().ok())??;
    let number = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = number.unwrap_or(host);
    let is_host =
        |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_' | '%');
    let is_usable = |letter| is_host(letter) || number.is_some() && letter == ':';
    (port > 0 && !host.is_empty() && host.chars().all(is_usable)).then(|| (host.to_owned(), port))
}

/// Shows an address in a message. A user and password in front of a host are left out: they belong
/// in the access file.
pub(crate) fn shown(word: &OsStr) -> String {
    let bytes = word.as_bytes();
    if is_path(word) {
        return text::path(Path::new(word));
    }
    let begin = bytes.iter().rposition(|&byte| byte == b'@').map_or(0, |at| at + 1);
    let bytes = &bytes[begin..];
    let end = match bytes.iter().rposition(|&byte| byte == b':') {
        // Behind the colon, anything but a number may be a password.
        Some(at) if !bytes[at + 1..].iter().all(u8::is_ascii_digit) => at + 1,
        _ => bytes.len(),
    };
    let more = if end < bytes.len() { "…" } else { "" };
    text::harmless(OsStr::from_bytes(&bytes[..end])) + more
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(word: &str) -> Result<Address, Reason> {
        Address::read(word.as_ref(), Path::new("/conf"))
    }

    #[test]
    fn host_and_port_or_a_path_are_an_address() {
        let tcp = |host: &str, port| Address::Tcp(host.to_owned(), port);
        assert_eq!(read("localhost:8100"), Ok(tcp("localhost", 8100)));
        assert_eq!(read("192.0.2.1:1"), Ok(tcp("192.0.2.1", 1)));
        assert_eq!(read("[::1]:8100"), Ok(tcp("::1", 8100)));
        assert_eq!(read("[fe80::1%eth0]:8100"), Ok(tcp("fe80::1%eth0", 8100)));
        assert_eq!(read("/var/zeo.sock"), Ok(Address::Unix("/var/zeo.sock".into())));
        assert_eq!(read("./zeo.sock"), Ok(Address::Unix("/conf/./zeo.sock".into())));
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        for wrong in
            ["", "localhost", "8100", ":8100", "a:0", "a:65536", "a:+1", "::1:8100", "a b:1"]
        {
            let text = read(wrong).unwrap_err();
            assert!(
                text.text().ends_with("is neither host:port nor the path of a socket"),
                "{wrong}"
            );
        }
        let long = format!("/{}", "x".repeat(MAX_SOCKET_PATH));
        assert!(read(&long).unwrap_err().text().ends_with("too long for a socket"));
        assert!(read(&long[1..]).is_err());
    }

    #[test]
    fn what_may_be_a_password_is_not_shown() {
        for wrong in ["admin:sekrit@host:8100", "admin:sekrit", "zeo://admin:sekrit@host:8100"] {
            let reason = read(wrong).unwrap_err().to_string();
            assert!(!reason.contains("sekrit"), "{reason}");
        }
    }
}
