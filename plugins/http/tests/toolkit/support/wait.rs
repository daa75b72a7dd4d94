//! Waiting with a limit, so that a test that goes wrong fails instead of hanging.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};

/// Longer than anything in these tests takes.
pub(crate) const WAIT_LIMIT: Duration = Duration::from_secs(60);

/// Accepts a connection, on which no read or write waits longer than the limit.
pub(crate) fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let limit = Timespec::try_from(WAIT_LIMIT).ok();
    let mut listening = [PollFd::new(listener, PollFlags::IN)];
    if rustix::event::poll(&mut listening, limit.as_ref())? == 0 {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let (stream, _) = listener.accept()?;
    stream.set_read_timeout(Some(WAIT_LIMIT))?;
    stream.set_write_timeout(Some(WAIT_LIMIT))?;
    Ok(stream)
}

/// Runs a command that has to end within the limit. Returns its status and standard output.
pub(crate) fn output(mut command: Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(child.wait_with_output()));
    told.recv_timeout(WAIT_LIMIT).expect("the command did not end").unwrap()
}
