//! Reading small files that others may have made: never a wait for whoever may be at the other
//! end of a FIFO, never a device, never more than is sensible. Only a file that the user named may
//! be a pipe; it is waited for as long as the user likes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};

use crate::limits;

/// Opens a regular file.
///
/// # Errors
///
/// It cannot be opened, or is something else than a regular file.
pub fn open(path: &Path) -> io::Result<File> {
    let file = open_any(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is not a regular file"))
    }
}

/// Opens whatever is there, without waiting for anybody.
///
/// # Errors
///
/// It cannot be opened.
pub fn open_any(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// The whole content of a file that [`open_any`] opened. A pipe's writer, and what it writes, are
/// waited for until `stopped`.
///
/// # Errors
///
/// It cannot be read, is larger than `longest` bytes, or the wait was stopped.
pub fn read_waiting_for_writer(
    mut file: File,
    longest: u64,
    stopped: &dyn Fn() -> bool,
) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut some = [0; 4096];
    while content.len() as u64 <= longest {
        wait_for_input(&file, stopped)?;
        match file.read(&mut some) {
            Ok(0) => return Ok(content),
            Ok(read) => content.extend(&some[..read]),
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!("larger than {longest} bytes")))
}

/// Returns when there is something to read, or an end. The system reports the end of a FIFO only
/// if a writer has come and gone since it was opened: one that is still to come is waited for.
fn wait_for_input(file: &File, stopped: &dyn Fn() -> bool) -> io::Result<()> {
    let pause = Timespec::try_from(limits::STOP_POLL_INTERVAL).ok();
    loop {
        if stopped() {
            return Err(io::Error::other("stopped while waiting for somebody to write it"));
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

/// The whole content of a regular file.
///
/// # Errors
///
/// As for [`open`], or it is larger than `longest` bytes.
pub fn read(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    open(path)?.take(longest + 1).read_to_end(&mut content)?;
    if content.len() as u64 > longest {
        return Err(io::Error::other(format!("larger than {longest} bytes")));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifo_a_device_and_a_folder_are_no_files_and_are_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for path in [&fifo, Path::new("/dev/zero"), folder.path()] {
            assert_eq!(read(path, 9).unwrap_err().to_string(), "it is not a regular file");
        }
    }

    #[test]
    fn a_pipe_that_was_named_is_waited_for_until_it_ends_or_the_wait_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let asked = std::cell::Cell::new(0);
        let twice = || asked.replace(asked.get() + 1) > 1;
        let error = read_waiting_for_writer(open_any(&fifo).unwrap(), 9, &twice).unwrap_err();
        assert_eq!(error.to_string(), "stopped while waiting for somebody to write it");
        for content in ["", "one\ntwo\n"] {
            let file = open_any(&fifo).unwrap();
            std::thread::scope(|scope| {
                scope.spawn(|| std::fs::write(&fifo, content).unwrap());
                assert_eq!(
                    read_waiting_for_writer(file, 9, &|| false).unwrap(),
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
        assert_eq!(read(&file, 9).unwrap(), b"123456789");
        assert_eq!(read(&file, 8).unwrap_err().to_string(), "larger than 8 bytes");
        let read_waiting_for_writer =
            |longest| read_waiting_for_writer(open_any(&file).unwrap(), longest, &|| false);
        assert_eq!(read_waiting_for_writer(9).unwrap(), b"123456789");
        assert_eq!(read_waiting_for_writer(8).unwrap_err().to_string(), "larger than 8 bytes");
    }
}
