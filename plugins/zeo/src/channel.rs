//! A connection as a stream of bytes. Each wait ends with its time limit, or when the caller wants to
//! stop.

use std::os::fd::OwnedFd;

use dsnap_engine::server::deadline::Deadline;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::trouble::Trouble;

/// A connected socket that does not block.
#[derive(Debug)]
pub(crate) struct Channel(OwnedFd);

impl Channel {
    /// Takes a connected socket that does not block.
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self(socket)
    }

    /// Sends all bytes.
    ///
    /// # Errors
    ///
    /// The connection broke, or waiting had to end. Some bytes may have been sent.
    pub(crate) fn send(&self, mut bytes: &[u8], deadline: &Deadline<'_>) -> Result<(), Trouble> {
        while !bytes.is_empty() {
            deadline.check()?;
            match send(&self.0, bytes, SendFlags::NOSIGNAL) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(Errno::AGAIN) => wait(&self.0, PollFlags::OUT, deadline)?,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Fills the whole buffer.
    ///
    /// # Errors
    ///
    /// The connection broke or was closed, or waiting had to end.
    pub(crate) fn receive(
        &self,
        mut buffer: &mut [u8],
        deadline: &Deadline<'_>,
    ) -> Result<(), Trouble> {
        while !buffer.is_empty() {
            // A server that sends without end is never waited for, so this is asked each time.
            deadline.check()?;
            match recv(&self.0, &mut *buffer, RecvFlags::empty()) {
                Ok((0, _)) => return Err(Trouble::Closed),
                Ok((received, _)) => buffer = &mut buffer[received..],
                Err(Errno::AGAIN) => wait(&self.0, PollFlags::IN, deadline)?,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Waits a short while for a socket. The caller then tries again.
pub(crate) fn wait(
    socket: &OwnedFd,
    event: PollFlags,
    deadline: &Deadline<'_>,
) -> Result<(), Trouble> {
    let pause = Timespec::try_from(deadline.poll_interval()).ok();
    match poll(&mut [PollFd::new(socket, event)], pause.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
