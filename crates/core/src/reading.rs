//! Reading small files that others may have made: never a wait for whoever may be at the other
//! end of a FIFO, never a device, never more than is sensible.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Opens a regular file.
///
/// # Errors
///
/// It cannot be opened, or is something else than a regular file.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is not a regular file"))
    }
}

/// The whole content of a regular file.
///
/// # Errors
///
/// As for [`open`], or it is larger than `longest` bytes.
pub fn whole(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
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
            assert_eq!(whole(path, 9).unwrap_err().to_string(), "it is not a regular file");
        }
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "123456789").unwrap();
        assert_eq!(whole(&file, 9).unwrap(), b"123456789");
        assert_eq!(whole(&file, 8).unwrap_err().to_string(), "larger than 8 bytes");
    }
}
