//! For `xtask/fuzz`, and no part of the interface: the table of mounts, which only the system writes, as a
//! function of its text.

use crate::system::mounts::Mount;

/// What a mount means to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenMount {
    /// Major and minor number of its device.
    pub device: (u32, u32),
    /// The kind of its file system.
    pub kind: Vec<u8>,
    /// Whether locks reach other machines.
    pub locks_reach: bool,
    /// Whether the file system itself is read-only.
    pub is_read_only: bool,
}

/// Finds a mount in the text of a table.
pub fn find_mount(table: &[u8], id: u64) -> Option<SeenMount> {
    let mount = Mount::find(table, id)?;
    Some(SeenMount {
        device: mount.device(),
        kind: mount.kind().to_vec(),
        locks_reach: mount.locks_reach(),
        is_read_only: mount.superblock_is_read_only(),
    })
}
