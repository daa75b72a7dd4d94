//! Looks COMMAND up before anything is entered: a COMMAND that cannot be run must not freeze a storage.
//!
//! The rules are those of `execvp`. The system decides in the end, when COMMAND is started
//! ([`spawn`](crate::spawn)). Nothing is guessed here that only the system can know.

use std::ffi::OsStr;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use dsnap_core::text;
use dsnap_engine::limits;
use dsnap_engine::run::job::CommandEnd;
use nix::libc::{O_NOCTTY, O_NONBLOCK};
use rustix::fs::{Access, AtFlags, CWD, accessat};

use crate::environment;

/// Looks a program up, with the privileges in effect.
///
/// # Errors
///
/// There is no such program, or it cannot be executed.
pub(crate) fn find(program: &OsStr) -> Result<(), CommandEnd> {
    let is_path = program.as_bytes().contains(&b'/');
    let candidates = match (program.is_empty(), is_path) {
        (true, _) => Vec::new(),
        (_, true) => vec![PathBuf::from(program)],
        _ => environment::search_path().iter().map(|folder| folder.join(program)).collect(),
    };
    let mut why = None;
    for candidate in candidates {
        match check_executable(&candidate) {
            Ok(()) => return Ok(()),
            Err(error) if is_path && is_absent(&error) => return Err(CommandEnd::NotFound(error)),
            Err(error) if is_path => return Err(CommandEnd::CannotExecute(error)),
            // A later folder may contain a program that can be executed.
            Err(error) if !is_absent(&error) && candidate.is_file() => why = why.or(Some(error)),
            Err(_) => {}
        }
    }
    Err(why.map_or(CommandEnd::NotFound(io::ErrorKind::NotFound.into()), CommandEnd::CannotExecute))
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// Checks that a file can be executed, as far as that can be known beforehand.
fn check_executable(path: &Path) -> io::Result<()> {
    check_permission(&fs::metadata(path)?, path)?;
    let mut interpreter = path.to_owned();
    // An interpreter may be a script, too.
    for _ in 0..limits::MAX_INTERPRETERS {
        interpreter = match Format::of(&interpreter) {
            Format::Script(interpreter) => interpreter,
            Format::Text => return Err(io::Error::other("it has no first line like `#!/bin/sh`")),
            Format::Other => return Ok(()),
        };
        let found = fs::metadata(&interpreter);
        found.and_then(|found| check_permission(&found, &interpreter)).map_err(no_interpreter)?;
    }
    Ok(())
}

fn no_interpreter(error: io::Error) -> io::Error {
    match is_absent(&error) {
        true => io::Error::other("the interpreter in its first line was not found"),
        false => {
            let error = text::error(&error);
            io::Error::other(format!("the interpreter in its first line: {error}"))
        }
    }
}

/// Checks that a file is a regular one, and that the system lets this process execute it.
fn check_permission(found: &Metadata, path: &Path) -> io::Result<()> {
    if !found.is_file() {
        return Err(io::Error::from_raw_os_error(nix::libc::EACCES));
    }
    match accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS) {
        // An old kernel cannot be asked.
        Err(rustix::io::Errno::NOSYS) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What the beginning of a file says about how it is executed.
enum Format {
    /// A script with this interpreter.
    Script(PathBuf),
    /// A text that names no interpreter. The system does not execute it.
    Text,
    /// Anything else, also a file that cannot be read: it may be executable all the same.
    Other,
}

impl Format {
    fn of(path: &Path) -> Self {
        match beginning(path) {
            Ok(beginning) => Self::of_bytes(&beginning),
            Err(_) => Self::Other,
        }
    }

    fn of_bytes(beginning: &[u8]) -> Self {
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        if let Some(rest) = beginning.strip_prefix(b"#!") {
            let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let word = line.split(is_blank).find(|word| !word.is_empty());
            return word.map_or(Self::Text, |word| Self::Script(OsStr::from_bytes(word).into()));
        }
        let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r' | 0x80..);
        if beginning.iter().all(is_text) { Self::Text } else { Self::Other }
    }
}

/// Reads as much of a file as the system reads to find out how it is executed.
fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(O_NOCTTY | O_NONBLOCK).open(path)?;
    let mut beginning = Vec::new();
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    file.take(limits::MAX_INTERPRETER_LINE).read_to_end(&mut beginning)?;
    Ok(beginning)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interpreter(beginning: &[u8]) -> Option<PathBuf> {
        match Format::of_bytes(beginning) {
            Format::Script(interpreter) => Some(interpreter),
            _ => None,
        }
    }

    #[test]
    fn the_interpreter_is_the_first_word_of_the_first_line() {
        assert_eq!(interpreter(b"#!/bin/sh\necho"), Some("/bin/sh".into()));
        assert_eq!(interpreter(b"#! \t/usr/bin/env -S x\n"), Some("/usr/bin/env".into()));
        assert_eq!(interpreter(b"#!sh"), Some("sh".into()));
        assert_eq!(interpreter(b"#!/bin/sh\r\n"), Some("/bin/sh\r".into()));
        assert_eq!(interpreter(b"#!\n/bin/sh"), None);
    }

    #[test]
    fn only_a_text_is_known_to_be_no_program() {
        assert!(matches!(Format::of_bytes(b"echo a\n"), Format::Text));
        assert!(matches!(Format::of_bytes("echo ü\n".as_bytes()), Format::Text));
        assert!(matches!(Format::of_bytes(b""), Format::Text));
        assert!(matches!(Format::of_bytes(b"\x7fELF"), Format::Other));
        assert!(matches!(Format::of_bytes(b"MZ\0"), Format::Other));
    }
}
