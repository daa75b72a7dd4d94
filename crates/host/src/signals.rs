//! Signals by their number, for what safe crates offer only for signals with a name of their own.
//!
//! Real-time signals have a number only, and the crates with safe functions do not know them.
#![allow(unsafe_code, reason = "system calls for which no crate has a safe function")]

use std::io;

use nix::errno::Errno;
use nix::libc::{self, c_int};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

pub mod caught;

/// Sends a signal to a process.
///
/// # Errors
///
/// No signal has this number, there is no such process, or this one may not send it a signal.
pub fn send(process: Pid, signal: c_int) -> io::Result<()> {
    // SAFETY: the call reads and writes no memory of this process.
    let result = unsafe { libc::kill(process.as_raw(), signal) };
    Ok(Errno::result(result).map(drop)?)
}

/// Returns the name of a signal as `kill` takes it: `TERM`, or `RTMIN+2` of a real-time one.
pub fn name(signal: c_int) -> String {
    match (Signal::try_from(signal), signal - libc::SIGRTMIN()) {
        (Ok(known), _) => known.as_str().trim_start_matches("SIG").to_owned(),
        (_, 0) => "RTMIN".to_owned(),
        (_, above) if above > 0 && signal <= libc::SIGRTMAX() => format!("RTMIN+{above}"),
        _ => signal.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_has_the_name_that_kill_takes() {
        assert_eq!(name(libc::SIGTERM), "TERM");
        assert_eq!(name(libc::SIGRTMIN()), "RTMIN");
        assert_eq!(name(libc::SIGRTMIN() + 2), "RTMIN+2");
        assert_eq!(name(100), "100");
    }

    #[test]
    fn a_number_that_no_signal_has_is_an_error() {
        assert!(send(nix::unistd::getpid(), 1000).is_err());
    }
}
