//! Where the scenarios' folders lie: in memory, where the system allows that.
//!
//! A recovery syncs each file that it moves, and a disk makes that the longest part of all
//! scenarios by far. No scenario depends on what a disk holds after a power failure.

use std::path::Path;
use std::sync::Once;

use nix::sys::statvfs::{FsFlags, statvfs};
use tempfile::TempDir;

/// The system's file system in memory.
pub(crate) const MEMORY: &str = "/dev/shm";
/// The largest storage needs a tenth of it. A container's may be as small as 64 MB.
const MIN_FREE_BYTES: u64 = 1 << 30;

/// Makes an empty folder, which vanishes with its scenario.
pub(crate) fn folder() -> TempDir {
    prefer_memory();
    tempfile::tempdir().unwrap()
}

/// Puts all temporary folders into memory from now on, those of the testkit too.
pub(super) fn prefer_memory() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if is_usable(Path::new(MEMORY)) {
            let _ = tempfile::env::override_temp_dir(Path::new(MEMORY));
        }
    });
}

/// Scenarios execute scripts in their folders, and raise rights by the mode of a file.
fn is_usable(folder: &Path) -> bool {
    let forbids = FsFlags::ST_NOEXEC | FsFlags::ST_NOSUID | FsFlags::ST_RDONLY;
    statvfs(folder).is_ok_and(|found| {
        let free = found.blocks_available() * found.fragment_size();
        !found.flags().intersects(forbids) && free >= MIN_FREE_BYTES
    }) && tempfile::tempdir_in(folder).is_ok()
}
