//! Bounded reading of files that other users may have made.
//!
//! Opening never waits for the other end of a FIFO, devices are refused, and no file is read beyond
//! its limit. Only a file that the user named may be a pipe: its writer is waited for until the user
//! stops the program.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::limits;
use crate::system::open;
use crate::system::real_user::is_lowered;
use crate::system::walk::{Part, Walk};

/// The size of the first buffer for the content of a file. Most files are smaller.
const USUAL_SIZE: usize = 4096;

/// Opens a regular file.
///
/// While root works with another user's privileges, a way through `/proc` is refused: there, links
/// to root's own files (its log, its working folder) lead past folders that the user may not pass.
///
/// # Errors
///
/// It cannot be opened, or is not a regular file.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let parts = Walk::to(&std::path::absolute(path)?).parts().map_err(|blocked| blocked.error)?;
    if is_lowered() && parts.iter().any(Part::is_in_proc) {
        return Err(through_proc());
    }
    open::regular(parts.last().ok_or(io::ErrorKind::NotFound)?.open()?)
}

/// Says why a way through `/proc` is refused.
pub(crate) fn through_proc() -> io::Error {
    io::Error::other("its path leads through /proc, where root's own files could be meant")
}

/// Reads up to `max_size` bytes. A small file takes one system call, and one more for its end.
pub(crate) fn read_up_to(file: impl Read, max_size: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(USUAL_SIZE);
    file.take(max_size).read_to_end(&mut content)?;
    Ok(content)
}

/// Reads an opened file to its end. Waits for the writer of a pipe until `stopped`
/// returns true.
///
/// # Errors
///
/// It cannot be read, is larger than `max_size` bytes, or the wait was stopped.
pub(crate) fn read_waiting_for_writer(
    mut file: &File,
    max_size: u64,
    stopped: &dyn Fn() -> bool,
) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut some = [0; 4096];
    while content.len() as u64 <= max_size {
        wait_for_input(file, stopped)?;
        match file.read(&mut some) {
            Ok(0) => return Ok(content),
            Ok(read) => content.extend(&some[..read]),
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!("larger than {max_size} bytes")))
}

/// Returns when there is something to read, or the end. The system reports the end of a FIFO only
/// if a writer has opened and closed it since we opened it, so this waits for the first writer.
fn wait_for_input(file: &File, stopped: &dyn Fn() -> bool) -> io::Result<()> {
    let pause = Timespec::try_from(limits::STOP_POLL_INTERVAL).ok();
    loop {
        if stopped() {
            return Err(io::Error::other("stopped while waiting for its writer"));
        }
        let mut asked = [PollFd::new(file, PollFlags::IN)];
        match rustix::event::poll(&mut asked, pause.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, OFlags};

    fn open_any(path: &Path) -> File {
        open::open_at(CWD, path, OFlags::RDONLY, 0).unwrap()
    }

    #[test]
    fn a_fifo_a_device_and_a_folder_are_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for path in [&fifo, Path::new("/dev/zero"), folder.path()] {
            assert_eq!(open(path).unwrap_err().to_string(), "it is not a regular file");
        }
    }

    #[test]
    fn the_writer_of_a_named_pipe_is_waited_for_until_the_wait_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let asked = std::cell::Cell::new(0);
        let twice = || asked.replace(asked.get() + 1) > 1;
        let error = read_waiting_for_writer(&open_any(&fifo), 9, &twice).unwrap_err();
        assert_eq!(error.to_string(), "stopped while waiting for its writer");
        for content in ["", "one\ntwo\n"] {
            let file = open_any(&fifo);
            std::thread::scope(|scope| {
                scope.spawn(|| std::fs::write(&fifo, content).unwrap());
                assert_eq!(
                    read_waiting_for_writer(&file, 9, &|| false).unwrap(),
                    content.as_bytes()
                );
            });
        }
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "123456789").unwrap();
        let read_waiting_for_writer =
            |max_size| read_waiting_for_writer(&open_any(&file), max_size, &|| false);
        assert_eq!(read_waiting_for_writer(9).unwrap(), b"123456789");
        assert_eq!(read_waiting_for_writer(8).unwrap_err().to_string(), "larger than 8 bytes");
    }
}
