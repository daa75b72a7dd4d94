//! Where a storage is mounted: do locks reach other machines there, and who holds them?
//!
//! Each scenario mounts in a mount namespace of its own, which vanishes with its processes. An
//! overlay stands for a file system on which the lock of a server is not seen: the server locks the
//! file in the upper layer.

use std::path::Path;

use dsnap_testkit::tree::Tree;
use dsnap_testkit::{Fixture, State, locks};

use crate::support::{DIRECT, Dsnap, Ran, in_parallel, picture, root, storage_of_another_user};

/// Names for a mount point, as `printf` writes them.
const NAMES: [&str; 6] = ["plain", "a blank", r"back\\040slash", r"tab\tand\nline", r"#,", r"\377"];

/// Prepares a mount namespace and becomes the program. `$1` is the folder of the storage `ds`, and
/// `$at` a mount point in it.
fn in_namespace(folder: &Path, name: &str, script: &str) -> Dsnap {
    prepared(&["unshare", "--mount"], folder, name, script)
}

fn prepared(unshare: &[&str], folder: &Path, name: &str, script: &str) -> Dsnap {
    let at = "cd \"$1\" && at=$1/$(printf \"$2\") && mkdir \"$at\" || exit 99; shift 2";
    let script = format!("{at}\n{script}");
    let shell = ["bash", "-c", &script, "bash", folder.to_str().unwrap(), name];
    Dsnap::through(&[unshare, &shell].concat())
}

/// Passes the scenario over, and says so, where its namespace or file system cannot be made.
fn unless_unmountable(ran: Ran) -> Option<Ran> {
    if matches!(ran.status.code(), Some(99 | 1)) {
        root::passed_over("its namespace or file system cannot be made here");
        return None;
    }
    Some(ran)
}

#[track_caller]
fn is_not_touched(ran: Ran, fixture: &Fixture, before: &Tree) {
    let Some(ran) = unless_unmountable(ran) else { return };
    assert_eq!(before.difference(&picture(fixture.path())), None, "{ran}");
    assert_eq!(ran.status.code(), Some(125), "{ran}");
}

/// It is not told where the upper layer is.
const OVERLAY: &str = r#"
mkdir low work && mount -t overlay -o lowerdir=low,upperdir=ds,workdir=work none "$at" || exit 99
exec "$@" --storage "$at" true
"#;

#[test]
fn an_open_storage_is_not_rolled_forward_where_its_lock_does_not_reach() {
    in_parallel(NAMES, |name| {
        let Some((folder, fixture)) = storage_of_another_user(State::Crashed) else { return };
        let before = picture(fixture.path());
        let _server = locks::Holder::hold(&fixture.storage().lock()).unwrap();
        is_not_touched(in_namespace(folder.path(), name, OVERLAY).run(), &fixture, &before);
    });
}

const UNRELATED_MOUNT: &str = r#"
mount -t tmpfs none "$at" && mkdir ovl low work || exit 99
mount -t overlay -o lowerdir=low,upperdir=ds,workdir=work none ovl || exit 99
exec "$@" --storage ovl true
"#;

#[test]
fn an_unrelated_mount_with_an_odd_name_changes_nothing_about_that() {
    in_parallel(NAMES, |name| {
        let Some((folder, fixture)) = storage_of_another_user(State::Crashed) else { return };
        let before = picture(fixture.path());
        let _server = locks::Holder::hold(&fixture.storage().lock()).unwrap();
        let ran = in_namespace(folder.path(), name, UNRELATED_MOUNT).run();
        is_not_touched(ran, &fixture, &before);
    });
}

/// The same, but with a path that can be looked up.
const LOCAL_OVERLAY: &str = r#"
mkdir low work && mount -t overlay -o "lowerdir=low,upperdir=$PWD/ds,workdir=work" none "$at" || exit 99
$HIDE || exit 99
exec "$@" --storage "$at" true
"#;

#[test]
fn an_overlay_on_a_local_disk_counts_as_one() {
    let Some((folder, _fixture)) = storage_of_another_user(State::Crashed) else { return };
    let dsnap = in_namespace(folder.path(), "x", LOCAL_OVERLAY).env("HIDE", "true");
    if let Some(ran) = unless_unmountable(dsnap.run()) {
        ran.says(0, DIRECT);
    }
}

#[test]
fn without_a_mount_table_locks_are_not_known_to_reach() {
    let Some((folder, fixture)) = storage_of_another_user(State::Crashed) else { return };
    let before = picture(fixture.path());
    let _server = locks::Holder::hold(&fixture.storage().lock()).unwrap();
    let hide = "mount -t tmpfs none /proc";
    let dsnap = in_namespace(folder.path(), "x", LOCAL_OVERLAY).env("HIDE", hide);
    is_not_touched(dsnap.run(), &fixture, &before);
}

/// A copy of the storage on a file system of that kind, in memory.
fn copied_to(kind: &str) -> String {
    format!(
        "mount -t {kind} none \"$at\" && cp -a ds/. \"$at\" || exit 99\n\
         exec \"$@\" --storage \"$at\" true"
    )
}

#[test]
fn on_a_file_system_of_an_unknown_kind_direct_is_no_last_resort() {
    in_parallel(NAMES, |name| {
        let Some((folder, _fixture)) = storage_of_another_user(State::Crashed) else { return };
        let dsnap = in_namespace(folder.path(), name, &copied_to("ramfs"));
        let Some(ran) = unless_unmountable(dsnap.run()) else { return };
        assert_eq!(ran.status.code(), Some(125), "{ran}");
        ran.mentions("hint: if no server has it open, on any machine: dsnap --storage ");
    });
}

#[test]
fn a_clean_storage_where_locks_may_not_reach_could_not_be_told() {
    let Some((folder, _fixture)) = storage_of_another_user(State::Clean) else { return };
    let script = copied_to("ramfs").replace(" true", " --status");
    let Some(ran) = unless_unmountable(in_namespace(folder.path(), "x", &script).run()) else {
        return;
    };
    assert_eq!(ran.status.code(), Some(3), "{ran}");
    let next = "\nnext: if no server has it open, on any machine: dsnap --storage ";
    assert!(ran.stdout.contains(next), "{ran}");
}

#[test]
fn on_a_file_system_of_an_unknown_kind_direct_is_used_if_a_line_says_so() {
    let Some((folder, _fixture)) = storage_of_another_user(State::Crashed) else { return };
    let dsnap = in_namespace(folder.path(), "x", &copied_to("ramfs")).args(["--method", "direct"]);
    if let Some(ran) = unless_unmountable(dsnap.run()) {
        ran.says(0, DIRECT);
    }
}

/// Where locks are not known to reach: a run that cannot read the boot id is killed, and COMMAND lives
/// on while the next run looks.
const WITHOUT_BOOT_ID: &str = r#"
mount -t ramfs none "$at" && cp -a ds/. "$at" && mkfifo begun go || exit 99
cat >method <<'END'
#!/bin/sh
file=$DSNAP_STORAGE/misc/snapshot
case $1 in enter) printf "user/$DSNAP_CODE" >"$file" ;; leave) rm "$file" ;; esac
END
chmod 755 method
set -- "$@" --storage "$at" --method "exec $PWD/method"
unshare --mount bash -c 'mount -t tmpfs none /proc/sys && echo $$ >tool && exec "$@"' bash     "$@" sh -c 'echo >begun; read line <go' 2>first &
read line <begun && kill -KILL "$(cat tool)" && wait
"$@" true
status=$?
echo >go
[ -e "$at/misc/snapshot" ] || echo "the snapshot was left" >&2
exit $status
"#;

#[test]
fn a_command_whose_boot_is_not_known_may_still_run() {
    let Some((folder, _fixture)) = storage_of_another_user(State::Clean) else { return };
    let ran = in_namespace(folder.path(), "x", WITHOUT_BOOT_ID).run();
    let Some(ran) = unless_unmountable(ran) else { return };
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    assert!(!ran.stderr.contains("the snapshot was left"), "{ran}");
    ran.mentions("whether that still runs cannot be seen from here").mentions("--recover --code ");
}

#[test]
fn a_local_file_system_may_be_mounted_under_any_name() {
    in_parallel(NAMES, |name| {
        let Some((folder, _fixture)) = storage_of_another_user(State::Crashed) else { return };
        let dsnap = in_namespace(folder.path(), name, &copied_to("tmpfs"));
        if let Some(ran) = unless_unmountable(dsnap.run()) {
            ran.says(0, DIRECT);
        }
    });
}

/// An overlay whose layers are on two file systems: `stat(2)` gives each file another device.
const TWO_LAYERS: &str = r#"
mkdir low work && mount -t ramfs none low || exit 99
mount -t overlay -o xino=off,lowerdir=low,upperdir=ds,workdir=work none "$at" || exit 99
exec 8>>"$at/misc/sublock" && flock --nonblock 8 || exit 99
"$@" --storage "$at" true 8>&-; exit
"#;

#[test]
fn a_lock_is_seen_where_stat_gives_another_device_than_the_mount_table() {
    let Some((folder, _fixture)) = storage_of_another_user(State::InSnapshot) else { return };
    let dsnap = in_namespace(folder.path(), "x", TWO_LAYERS).args(["--method", "nodirect"]);
    let Some(ran) = unless_unmountable(dsnap.run()) else { return };
    ran.mentions("; misc/sublock is held by bash (pid ");
}

/// The same with a server that has the storage open, and with the original tool in a snapshot of it.
const TWO_LAYERS_OPEN: &str = r#"
mkdir low work && mount -t ramfs none low || exit 99
mount -t overlay -o xino=off,lowerdir=low,upperdir=ds,workdir=work none "$at" || exit 99
exec 7>>"$at/misc/lock" 8>>"$at/misc/sublock" && flock --nonblock 7 && flock --nonblock 8 || exit 99
export SNAPSHOT_DIRECTORY=$at
"$@" 7>&- 8>&-; exit
"#;

#[test]
fn a_server_is_seen_where_stat_gives_another_device_than_the_mount_table() {
    let Some((folder, _fixture)) = storage_of_another_user(State::Crashed) else { return };
    let dsnap = in_namespace(folder.path(), "x", TWO_LAYERS_OPEN);
    let dsnap = dsnap.args(["--method", "direct", "--storage"]).arg(folder.path().join("x"));
    let Some(ran) = unless_unmountable(dsnap.arg("true").run()) else { return };
    ran.mentions(" is open in bash (pid ");
}

#[test]
fn a_run_inside_a_run_is_seen_where_stat_gives_another_device_than_the_mount_table() {
    let Some((folder, _fixture)) = storage_of_another_user(State::InSnapshot) else { return };
    let dsnap = in_namespace(folder.path(), "x", TWO_LAYERS_OPEN).env("SNAPSHOT_VERSION", "2");
    let Some(ran) = unless_unmountable(dsnap.args(["echo", "inside"]).run()) else { return };
    ran.says(0, "").prints("inside\n");
}

/// The same in a folder of the overlay as root directory: its mount is not in the table then.
const CHROOT: &str = r#"
mkdir -p low work up/top && cp -a ds up/top/ && mount -t ramfs none low || exit 99
mount -t overlay -o xino=off,lowerdir=low,upperdir=up,workdir=work none "$at" || exit 99
for each in /bin /lib /lib64 /usr /etc /proc /dev "${1%/*}"; do
    [ ! -e "$each" ] || { mkdir -p "$at/top$each" && mount --rbind "$each" "$at/top$each"; } || exit 99
done
exec 8>>"$at/top/ds/misc/sublock" && flock --nonblock 8 || exit 99
chroot "$at/top" "$@" --storage /ds true 8>&-; exit
"#;

#[test]
fn a_lock_is_seen_where_the_mount_table_does_not_show_the_mount() {
    let Some((folder, _fixture)) = storage_of_another_user(State::InSnapshot) else { return };
    let dsnap = in_namespace(folder.path(), "x", CHROOT).args(["--method", "nodirect"]);
    let Some(ran) = unless_unmountable(dsnap.run()) else { return };
    ran.mentions("; misc/sublock is held by bash (pid ");
}

/// A FUSE server that never answers, and a process that has a descriptor on it. The program sees
/// that one, and not the server of the storage.
const DEAD_FUSE: &str = r#"
exec 7<>/dev/fuse || exit 99
mount -i -t fuse -o fd=7,rootmode=40000,user_id=0,group_id=0,allow_other none "$at" || exit 99
exec 6< <(python3 -c '
import os, signal, sys
os.open(sys.argv[1], os.O_PATH)
print("open", flush=True)
signal.pause()
' "$at")
read -u 6 || exit 99
timeout --signal KILL 60 "$@" --storage ds true 7>&- 6>&-
"#;

#[test]
fn a_dead_fuse_server_does_not_stall_the_search_for_a_holder() {
    let Some((folder, fixture)) = storage_of_another_user(State::Clean) else { return };
    let _tool = locks::Holder::hold(&fixture.storage().sublock()).unwrap();
    let unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let dsnap = prepared(&unshare, folder.path(), "dead", DEAD_FUSE);
    let Some(ran) = unless_unmountable(dsnap.run()) else { return };
    let by = "a process that cannot be seen from here";
    let ran = ran.mentions(&format!(
        "COMMAND was not run: a snapshot of {} is in use: misc/sublock is held by {by}\n",
        fixture.path().display()
    ));
    assert_eq!(ran.status.code(), Some(75), "{ran}");
}

#[test]
fn a_server_that_cannot_be_seen_from_here_keeps_direct_away() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Crashed) else { return };
    let before = picture(fixture.path());
    let _server = locks::Holder::hold(&fixture.storage().lock()).unwrap();
    let unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let dsnap = Dsnap::through(&unshare).storage(fixture.path()).arg("true");
    let Some(ran) = unless_unmountable(dsnap.run()) else { return };
    let dir = fixture.path().display();
    let by = format!("{dir} is open in a process that cannot be seen from here");
    let ran = ran.ends(125, &format!("COMMAND was not run: {by} and not in a snapshot"));
    assert_eq!(before.difference(&picture(fixture.path())), None, "{ran}");
}
