//! New snapshot codes: `HOST-PID-RANDOM`, so that people see who entered and no code comes twice.

use std::time::{SystemTime, UNIX_EPOCH};

use dsnap_core::Code;
use dsnap_core::code::MAX_CODE;
use rustix::rand::GetRandomFlags;

/// How many random characters end a code.
const RANDOM_CHARS: usize = 8;

/// Makes a code that names the host and the process, and ends in something random.
///
/// Characters of `host` that a code cannot hold are dropped, and what is too long is cut.
pub fn new_code(host: &str, pid: u32) -> Code {
    let tail = format!("{pid}-{}", random_word());
    let plain = |letter: &char| letter.is_ascii_alphanumeric() || ".-_".contains(*letter);
    let host: String = host.chars().filter(plain).collect();
    // A later run reads the code from a file and accepts it only if it begins so.
    let host = host.trim_start_matches(|letter: char| !letter.is_ascii_alphanumeric());
    let host: String = host.chars().take(MAX_CODE - tail.len() - 1).collect();
    let code = if host.is_empty() { tail } else { format!("{host}-{tail}") };
    // Never missing: pid and random word alone are a code.
    Code::from_file(code.as_bytes()).unwrap_or_else(|| unreachable!("{code}"))
}

fn random_word() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = [0; RANDOM_CHARS];
    if rustix::rand::getrandom(&mut random, GetRandomFlags::empty()) != Ok(RANDOM_CHARS) {
        // Without the system's randomness, the clock still tells two tries of one process apart.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        random = now.as_nanos().to_le_bytes()[..RANDOM_CHARS].try_into().unwrap_or_default();
    }
    random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_names_host_and_process_and_no_code_comes_twice() {
        let code = new_code("db1.example", 4711);
        assert!(code.as_str().starts_with("db1.example-4711-"), "{code}");
        assert_ne!(code, new_code("db1.example", 4711));
    }

    #[test]
    fn every_code_that_is_made_can_be_read_from_a_file_again() {
        for host in ["", "-", "..", "-rf", "_x", "h\u{f6}st n\u{e4}me\n", "/../x", &"x".repeat(300)]
        {
            let code = new_code(host, u32::MAX);
            assert!(code.as_str().len() <= MAX_CODE, "{code}");
            assert_eq!(Code::from_file(code.as_str().as_bytes()), Some(code));
        }
    }
}
