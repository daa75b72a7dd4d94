//! A COMMAND that records how long it ran.
//!
//!     bench-command FILE MILLISECONDS
//!
//! Waits, and writes its first and its last instant to FILE, in microseconds since 1970. The rest of
//! the snapshot's time is the cost of the program that started it.
#![forbid(unsafe_code)]

use std::env::args_os;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn main() -> Result<(), Box<dyn Error>> {
    let first = now()?;
    let mut args = args_os().skip(1);
    let file = PathBuf::from(args.next().ok_or("usage: bench-command FILE MILLISECONDS")?);
    let millis = args.next().and_then(|it| it.to_str()?.parse().ok()).unwrap_or(0);
    sleep(Duration::from_millis(millis));
    fs::write(file, format!("{first} {}\n", now()?))?;
    Ok(())
}

fn now() -> Result<u128, Box<dyn Error>> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())
}
