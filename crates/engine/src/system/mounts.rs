//! Do locks on a file system reach other machines?
//!
//! On some network file systems `flock` succeeds but locks nothing beyond this machine. There, a
//! free lock proves nothing.

use std::path::Path;

use procfs::process::{MountInfo, Process};

/// Says whether a lock that is free here is free on every machine.
///
/// `path` must exist. If the system does not tell, the answer is yes, as for local disks.
pub(crate) fn locks_reach(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return true };
    let Ok(mounts) = Process::myself().and_then(|me| me.mountinfo()) else { return true };
    // Of several mounts on the longest mount point, the last one is visible.
    let on_path = mounts.0.iter().filter(|mount| path.starts_with(&mount.mount_point));
    on_path.max_by_key(|mount| mount.mount_point.components().count()).is_none_or(reaches)
}

fn reaches(mount: &MountInfo) -> bool {
    let option =
        |name: &str| mount.super_options.get(name).or_else(|| mount.mount_options.get(name));
    let local_lock = || option("local_lock").cloned().flatten();
    match mount.fs_type.as_str() {
        "nfs" | "nfs4" => {
            option("nolock").is_none()
                && !local_lock().is_some_and(|what| what == "flock" || what == "all")
        }
        "cifs" | "smb3" => option("nobrl").is_none(),
        "9p" | "virtiofs" => false,
        kind => !(kind == "fuse" || kind.starts_with("fuse.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use procfs::FromBufRead;
    use procfs::process::MountInfos;

    fn reach(kind: &str, options: &str) -> bool {
        let line = format!("36 35 98:0 / /srv rw,noatime - {kind} server:/x rw,{options}\n");
        let mounts = MountInfos::from_buf_read(line.as_bytes()).unwrap();
        reaches(&mounts.0[0])
    }

    #[test]
    fn locks_on_local_disks_and_plain_nfs_reach() {
        assert!(reach("ext4", "errors=remount-ro"));
        assert!(reach("nfs", "vers=3"));
        assert!(reach("nfs4", "local_lock=none"));
        assert!(reach("nfs4", "local_lock=posix"));
        assert!(reach("cifs", "vers=3.1.1"));
        assert!(reach("fuseblk", "user_id=0"));
    }

    #[test]
    fn locks_that_stay_on_this_machine_are_recognised() {
        assert!(!reach("nfs", "nolock"));
        assert!(!reach("nfs", "local_lock=flock"));
        assert!(!reach("nfs4", "local_lock=all"));
        assert!(!reach("cifs", "nobrl"));
        assert!(!reach("9p", "trans=virtio"));
        assert!(!reach("virtiofs", "x"));
        assert!(!reach("fuse.sshfs", "user_id=0"));
    }

    #[test]
    fn the_file_system_of_a_path_is_found() {
        let folder = tempfile::tempdir().unwrap();
        assert!(locks_reach(folder.path()));
    }
}
