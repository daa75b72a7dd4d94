//! The code of a snapshot: under which name a try enters, so that its snapshot can be told from
//! everybody else's.

use std::fmt;

/// How long a code may be: servers write it into messages and into one file.
const LONGEST: usize = 64;
/// How many random characters end a code.
const RANDOM: usize = 8;

/// A code, without the `user/` that the server puts before it. Printable ASCII, 1 to 64 of
/// them, no blank: with anything else a real server ends up in a broken snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Code(String);

impl Code {
    /// A code that nobody else has: host, process, and something random.
    pub fn unique(host: &str, pid: u32) -> Self {
        let tail = format!("-{pid}-{}", random_word());
        let plain =
            |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
        let host: String = host.chars().filter(plain).take(LONGEST - tail.len()).collect();
        Self(host + &tail)
    }

    /// Takes a code from outside; `user/` before it is dropped.
    pub fn from_bytes(code: &[u8]) -> Option<Self> {
        let code = code.strip_prefix(b"user/").unwrap_or(code);
        let valid = (1..=LONGEST).contains(&code.len()) && code.iter().all(u8::is_ascii_graphic);
        let code = std::str::from_utf8(code).ok()?;
        valid.then(|| Self(code.to_owned()))
    }

    /// The code itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn random_word() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = [0; RANDOM];
    if getrandom::fill(&mut random).is_err() {
        // Without the system's randomness the clock still tells two tries of one process apart.
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        random = now.as_nanos().to_le_bytes()[..RANDOM].try_into().unwrap_or_default();
    }
    random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_names_host_and_process_and_never_comes_twice() {
        let code = Code::unique("db1.example", 4711);
        assert!(code.as_str().starts_with("db1.example-4711-"), "{code}");
        assert_ne!(code, Code::unique("db1.example", 4711));
    }

    #[test]
    fn a_code_is_printable_ascii_of_at_most_64_characters() {
        for host in ["", "hôst näme\n", &"x".repeat(300)] {
            let code = Code::unique(host, u32::MAX);
            assert!(code.as_str().len() <= 64, "{code}");
            assert_eq!(Code::from_bytes(code.as_str().as_bytes()), Some(code));
        }
    }

    #[test]
    fn codes_from_outside_are_taken_with_and_without_user() {
        assert_eq!(Code::from_bytes(b"user/a-1"), Code::from_bytes(b"a-1"));
        for wrong in [&b""[..], b"user/", b"a b", b"a\xff", &[b'x'; 65]] {
            assert_eq!(Code::from_bytes(wrong), None, "{wrong:?}");
        }
    }
}
