//! Starts one program, waits for it, and prints what it used.
//!
//!     bench-stopwatch [--sync FILE] -- PROGRAM [ARG]...
//!
//! A program of its own, because Linux counts the memory of the starting process to the peak of the
//! started one: this process is small. It has one child, so the usage of its children is that of
//! this child and its descendants. With `--sync`, the time includes one record that is written to FILE and put
//! on disk before the program starts.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "the measurement is its output")]
#![allow(clippy::disallowed_methods, reason = "it starts the program to be measured")]

use std::env::args_os;
use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};

/// The size of a record that a run keeps on disk while it may hold a snapshot.
const RECORD: [u8; 256] = [b'r'; 256];

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<OsString> = args_os().skip(1).collect();
    let end = args.iter().position(|arg| arg == "--").ok_or("no `--` before the program")?;
    let (options, command) = (&args[..end], &args[end + 1..]);
    let (program, rest) = command.split_first().ok_or("no program after `--`")?;
    let mut command = Command::new(program);
    command.args(rest).stdin(Stdio::null()).stdout(Stdio::null());
    let began = Instant::now();
    if let [_, file] = options {
        write_record(file)?;
    }
    let status = command.status()?;
    let wall = began.elapsed();
    if !status.success() {
        return Err(format!("{} failed: {status}", program.display()).into());
    }
    print(wall)
}

fn write_record(path: &OsString) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(&RECORD)?;
    file.sync_data()
}

/// Prints the measurement as JSON.
fn print(wall: Duration) -> Result<(), Box<dyn Error>> {
    let used = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = |time: TimeVal| time.num_microseconds();
    let cpu = micros(used.user_time()) + micros(used.system_time());
    println!(r#"{{"wall_us":{},"cpu_us":{cpu},"peak_kib":{}}}"#, wall.as_micros(), used.max_rss());
    Ok(())
}
