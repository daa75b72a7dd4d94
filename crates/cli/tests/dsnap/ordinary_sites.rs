//! Ordinary sites, on which root's run goes on working: other disks, homes, groups, containers, NFS.
//!
//! These scenarios need root; without it each says that it was passed over.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};

use dsnap_testkit::State;

use crate::support::{
    DIRECT, Dsnap, GROUP, OWNER, Ran, chown_all, conf, may_mount, root, site_of_another_user,
    storage_of_another_user, storage_with_conf, write_script,
};

/// A third user, to whom neither the storage nor the machine belongs.
const OTHER: u32 = 54_333;

#[test]
fn a_group_that_is_the_owners_own_counts_as_the_owner() {
    let Some((_folder, site)) = site_of_another_user() else { return };
    if !may_mount() {
        return;
    }
    write_script(&site.storage().config().join("method"), "#!/bin/sh\nexit 69\n");
    conf(&site, "exec method\nhttp URL access\n");
    // As the umask 002 makes everything. Only what is run must be writable by no group.
    chown_all(site.path(), OWNER, OWNER);
    for path in [site.path().to_owned(), site.storage().a(), site.storage().misc()] {
        fs::set_permissions(&path, Permissions::from_mode(0o775)).unwrap();
    }
    let conf = site.storage().config().join("snapshot.conf");
    fs::set_permissions(&conf, Permissions::from_mode(0o664)).unwrap();
    let run = |dsnap: Dsnap| dsnap.storage(site.path()).arg("true").run();
    let ran = run(Dsnap::with_users());
    assert!(!ran.stderr.contains("config/snapshot.conf can be changed"), "{ran}");
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    // A user whom the database does not know has no group of its own.
    run(Dsnap::new()).mentions("can be changed by its group: a line that runs a program");
}

/// A Secret or a ConfigMap as Kubernetes mounts it: links into a folder with a date, on a read-only
/// mount of a file system that is written elsewhere.
#[test]
fn a_conf_and_an_access_file_mounted_as_kubernetes_does_are_used() {
    let Some((folder, site)) = site_of_another_user() else { return };
    if !may_mount() {
        return;
    }
    let (volume, mount) = (folder.path().join("volume"), folder.path().join("mount"));
    fs::create_dir(&mount).unwrap();
    fs::create_dir_all(volume.join("..2026_11_25")).unwrap();
    let url = &site.urls()[0];
    for (name, text) in [
        ("snapshot.conf", format!("http {url} access\nnodirect\n")),
        ("access", "admin:adminpass\n".to_owned()),
    ] {
        let path = volume.join("..2026_11_25").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        symlink(format!("..data/{name}"), volume.join(name)).unwrap();
    }
    symlink("..2026_11_25", volume.join("..data")).unwrap();
    fs::set_permissions(&volume, Permissions::from_mode(0o777)).unwrap();
    let (volume, mount) = (volume.display(), mount.display());
    let script = format!("mount --bind '{volume}' '{mount}'; mount -o remount,bind,ro '{mount}'");
    let ran = Dsnap::with_mounts(&script)
        .storage(site.path())
        .args(["--snapshot-conf", &format!("{mount}/snapshot.conf"), "true"])
        .run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    ran.mentions("Entered snapshot using http").mentions("Left snapshot mode");
}

#[test]
fn a_new_file_gets_the_group_of_a_where_the_owner_may_give_it() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Crashed) else { return };
    if !may_mount() {
        return;
    }
    for name in ["lock", "sublock"] {
        fs::remove_file(fixture.path().join("misc").join(name)).unwrap();
    }
    let ran = Dsnap::with_users().storage(fixture.path()).arg("true").run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    for name in ["lock", "sublock", "snapshot", "dsnap.lock"] {
        let found = fs::metadata(fixture.path().join("misc").join(name)).unwrap();
        assert_eq!((found.uid(), found.gid()), (OWNER, GROUP), "{name}");
    }
}

#[test]
fn main_and_other_folders_on_another_disk_by_a_link_are_used() {
    for name in ["A", "B", "journal", "misc", "config"] {
        for link_of in [OWNER, 0] {
            let Some((folder, fixture)) = storage_of_another_user(State::InSnapshot) else {
                return;
            };
            let (inside, disk) = (fixture.path().join(name), folder.path().join("disk"));
            fs::rename(&inside, &disk).unwrap();
            symlink(&disk, &inside).unwrap();
            lchown(&inside, Some(link_of), Some(link_of)).unwrap();
            Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
            fixture.ledger().verify(&fixture.storage().a()).assert_holds();
        }
    }
}

#[test]
fn a_storage_below_a_private_home_is_used() {
    let Some((folder, fixture)) = storage_of_another_user(State::Crashed) else { return };
    let home = folder.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::rename(fixture.path(), home.join("ds")).unwrap();
    chown_all(&home, OWNER, GROUP);
    fs::set_permissions(&home, Permissions::from_mode(0o700)).unwrap();
    let ran = Dsnap::new().knows(&home).storage(&home.join("ds")).arg("true").run();
    ran.says(0, DIRECT);
}

#[test]
fn the_owners_own_runs_lower_nothing_and_go_on_working() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Crashed) else { return };
    let ran = Dsnap::through(&["setpriv", "--reuid=54321", "--regid=54322", "--clear-groups"])
        .knows(fixture.path())
        .storage(fixture.path())
        .args(["id", "-u"])
        .run();
    ran.says(0, DIRECT).prints("54321\n");
}

/// Writes the id maps of a process that waits in a new user namespace, and lets it go on.
fn map_ids(dsnap: Dsnap, ids: &[(u32, u32)]) -> Ran {
    let mut running = dsnap.open_stdin().start();
    let map: String = ids.iter().map(|(inner, outer)| format!("{inner} {outer} 1\n")).collect();
    for name in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{}/{name}", running.pid()), &map).unwrap();
    }
    running.say("go");
    running.ends_by_itself()
}

/// Waits in a user namespace until somebody has written the maps.
const WAITS: &str = "echo begun; read go; exec \"$@\"";

#[test]
fn where_root_may_not_look_the_owner_of_the_folder_is_tried() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Crashed) else { return };
    // To root, who has no id of its own on this file system, the folder is closed, as on NFS with
    // `root_squash`.
    fs::set_permissions(fixture.path(), Permissions::from_mode(0o700)).unwrap();
    let starter = "setpriv --reuid=70000 --regid=70000 --clear-groups unshare --user bash -c";
    let starter: Vec<_> = starter.split(' ').chain([WAITS, "bash"]).collect();
    let in_namespace =
        || Dsnap::through(&starter).knows(fixture.path()).storage(fixture.path()).arg("true");
    let ran = map_ids(in_namespace(), &[(0, 70_000), (OWNER, OWNER), (65_534, 65_534)]);
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    // The folders above belong to the machine's root, who has no number in this namespace.
    ran.mentions(
        "nobody, who could change it: the storage in it could be exchanged\nhint: use a path",
    )
    .mentions(DIRECT);
    assert_eq!(fs::metadata(fixture.storage().snapshot()).unwrap().uid(), OWNER);
    // A folder of one user in which the storage of another is.
    chown_all(&fixture.storage().a(), OTHER, OTHER);
    let ids = [(0, 70_000), (OWNER, OWNER), (OTHER, OTHER), (65_534, 65_534)];
    let ran = map_ids(in_namespace(), &ids);
    assert_eq!(ran.status.code(), Some(125), "{ran}");
}

#[test]
fn a_container_with_one_id_lowers_nothing() {
    if !root::required("make a container with one id") {
        return;
    }
    // Nobody but the one user is there who could exchange anything, whatever the modes say.
    let fixture = storage_with_conf(State::Crashed, "");
    fs::set_permissions(fixture.path(), Permissions::from_mode(0o777)).unwrap();
    let ran = Dsnap::through(&["unshare", "--user", "--map-root-user"])
        .knows(fixture.path())
        .storage(fixture.path())
        .arg("true")
        .run();
    ran.says(0, DIRECT);
}
