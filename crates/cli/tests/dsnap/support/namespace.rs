//! Runs in a namespace of their own: with other mounts, other users, or other user ids.

use std::process::Command;

use super::program::Dsnap;
use super::root;

/// Adds the user `zope` (54321), whose own group is `zope`, and who is a member of `data` (54322).
const USERS: &str = r#"
mount -t tmpfs none /mnt && cp /etc/passwd /etc/group /mnt/ || exit 99
echo 'zope:x:54321:54321::/:/bin/sh' >>/mnt/passwd
printf 'zope:x:54321:\ndata:x:54322:zope\n' >>/mnt/group
mount --bind /mnt/passwd /etc/passwd && mount --bind /mnt/group /etc/group || exit 99
"#;

/// Tells whether a scenario may mount. Where root may not, it is passed over.
#[track_caller]
pub(crate) fn may_mount() -> bool {
    if !root::required("mount") {
        return false;
    }
    let mut mounts = Command::new("unshare");
    mounts.args(["--mount", "mount", "-t", "tmpfs", "none", "/mnt"]);
    let may = mounts.output().is_ok_and(|output| output.status.success());
    if !may {
        root::cannot_run("nothing can be mounted here");
    }
    may
}

impl Dsnap {
    /// The program with mounts of its own, which a shell script makes first.
    pub(crate) fn with_mounts(script: &str) -> Self {
        let script = format!("set -e\n{script}\nset +e\nexec \"$@\"");
        Self::through(&["unshare", "--mount", "bash", "-c", &script, "bash"])
    }

    /// The program on a machine whose database names the owner of the storages.
    pub(crate) fn with_users() -> Self {
        Self::with_mounts(USERS)
    }
}
