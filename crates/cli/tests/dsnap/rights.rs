//! As root on a storage of another user: everything but COMMAND is done with the owner's rights.
//!
//! These scenarios need root; without it each says that it was passed over.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::Path;

use dsnap_testkit::{Fixture, State};

use crate::support::{
    DIRECT, Dsnap, GROUP, OWNER, assert_like_the_replica, chown_all, folder, picture,
    storage_of_another_user, write_replica_with_folders, write_script,
};

fn owners(path: &Path, seen: &mut Vec<(String, u32)>) {
    let found = fs::symlink_metadata(path).unwrap();
    seen.push((path.display().to_string(), found.uid()));
    if found.is_dir() {
        fs::read_dir(path).unwrap().flatten().for_each(|entry| owners(&entry.path(), seen));
    }
}

#[test]
fn no_new_file_below_the_storage_belongs_to_root() {
    for state in [State::Crashed, State::InSnapshot, State::Replica] {
        let Some((_folder, fixture)) = storage_of_another_user(state) else { return };
        // The database knows no groups of this owner; so the folder has to give its own.
        fs::set_permissions(fixture.storage().misc(), Permissions::from_mode(0o2775)).unwrap();
        Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
        let mut seen = Vec::new();
        owners(fixture.path(), &mut seen);
        let roots: Vec<_> = seen.into_iter().filter(|(_, uid)| *uid != OWNER).collect();
        assert_eq!(roots, []);
        fixture.ledger().verify(&fixture.storage().a()).assert_holds();
    }
}

#[test]
fn command_runs_as_root_with_all_ids() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Crashed) else { return };
    let ran = Dsnap::on(&fixture)
        .args(["grep", "-E", "^(Uid|Gid|Groups)", "/proc/self/status"])
        .run()
        .says(0, DIRECT);
    let outside = std::process::Command::new("grep")
        .args(["-E", "^(Uid|Gid|Groups)", "/proc/self/status"])
        .output()
        .unwrap();
    assert_eq!(ran.stdout, String::from_utf8(outside.stdout).unwrap());
}

#[test]
fn command_is_looked_up_with_the_callers_privileges() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Clean) else { return };
    let roots = folder();
    let script = roots.path().join("script");
    write_script(&script, "#!/bin/sh\nexit 7\n");
    fs::set_permissions(&script, Permissions::from_mode(0o700)).unwrap();
    Dsnap::on(&fixture).arg(&script).run().says(7, DIRECT);
    write_script(&script, "#!/no/such/interpreter\n");
    let ran = Dsnap::on(&fixture).knows(roots.path()).arg(&script).run();
    ran.ends(126, "COMMAND was not run: `DIR/script` cannot be executed: the interpreter in its first line was not found");
}

#[test]
fn signals_are_passed_on_with_the_callers_privileges() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Clean) else { return };
    let running = Dsnap::on(&fixture)
        .sh("trap 'exit 40' TERM; echo begun; while :; do sleep 0.01; done")
        .start();
    running.signal(nix::sys::signal::Signal::SIGTERM);
    running.end().says(40, DIRECT);
}

#[test]
fn a_link_from_b_to_a_folder_of_root_is_not_followed_with_roots_privileges() {
    let Some((folder, fixture)) = storage_of_another_user(State::InSnapshot) else { return };
    let elsewhere = folder.path().join("roots");
    fs::rename(fixture.storage().b(), &elsewhere).unwrap();
    chown_all(&elsewhere, 0, 0);
    symlink(&elsewhere, fixture.storage().b()).unwrap();
    let before = dsnap_testkit::tree::Tree::of(&elsewhere).unwrap();
    let ran = Dsnap::on(&fixture).arg("true").run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.mentions("DIR/B is a link of root to a folder of root\n");
    assert_eq!(before.difference(&dsnap_testkit::tree::Tree::of(&elsewhere).unwrap()), None);
}

#[test]
fn a_folder_that_the_owner_cannot_reach_is_reported_as_such_and_not_as_missing() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Clean) else { return };
    chown_all(fixture.path(), OWNER, GROUP);
    chown(fixture.path(), Some(0), Some(0)).unwrap();
    fs::set_permissions(fixture.path(), Permissions::from_mode(0o700)).unwrap();
    let ran = Dsnap::on(&fixture).arg("true").run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.mentions(&format!("DIR/A cannot be reached by user {OWNER}: ")).hint("chmod a+x DIR");
}

#[test]
fn a_folder_above_that_the_owner_may_not_pass_is_named_and_no_hint_gives_it_away() {
    let Some((folder, fixture)) = storage_of_another_user(State::Clean) else { return };
    let (private, sub) = (folder.path().join("pri vate"), folder.path().join("pri vate/sub"));
    fs::create_dir_all(&sub).unwrap();
    fs::rename(fixture.path(), sub.join("ds")).unwrap();
    fs::set_permissions(&private, Permissions::from_mode(0o700)).unwrap();
    let run = |dir: &Path| {
        let dsnap = Dsnap::new().knows(folder.path()).storage(dir);
        let ran = dsnap.arg("true").run();
        assert_eq!(ran.status.code(), Some(125), "{ran}");
        ran.mentions(&format!(" cannot be reached by user {OWNER}: "))
            .hint("chmod a+x 'DIR/pri vate'");
    };
    run(&sub.join("ds"));
    let link = folder.path().join("link");
    symlink("pri vate/sub", &link).unwrap();
    run(&link.join("ds"));
    fs::set_permissions(&private, Permissions::from_mode(0o711)).unwrap();
    let dsnap = Dsnap::new().arg("--method=direct").storage(&link.join("ds"));
    dsnap.arg("true").run().says(0, DIRECT);
}

#[test]
fn no_hint_names_what_only_a_link_of_the_owner_leads_to() {
    let Some((folder, fixture)) = storage_of_another_user(State::Clean) else { return };
    let private = folder.path().join("private");
    fs::create_dir_all(private.join("below")).unwrap();
    fs::set_permissions(&private, Permissions::from_mode(0o700)).unwrap();
    for name in ["B", "journal", "misc", "A"] {
        let (inside, aside) = (fixture.path().join(name), folder.path().join("aside"));
        fs::rename(&inside, &aside).unwrap();
        symlink(private.join("below"), &inside).unwrap();
        lchown(&inside, Some(OWNER), Some(GROUP)).unwrap();
        let ran = Dsnap::on(&fixture).knows_as(&private, "PRIVATE").arg("true").run();
        assert_eq!(ran.status.code(), Some(125), "{ran}");
        assert!(!ran.stderr.contains("PRIVATE"), "{name}: {ran}");
        assert!(!ran.stderr.contains("chmod") || name == "A", "{name}: {ran}");
        fs::remove_file(&inside).unwrap();
        fs::rename(&aside, &inside).unwrap();
    }
}

#[test]
fn the_holder_of_a_lock_is_named_under_the_owners_privileges_too() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Clean) else { return };
    let running =
        Dsnap::on(&fixture).args(["sh", "-c", "echo begun; read line"]).open_stdin().start();
    let by = format!("another run of dsnap uses this storage: dsnap (pid {}, user ", running.pid());
    let ran = Dsnap::on(&fixture).arg("true").run().mentions(&by);
    assert_eq!(ran.status.code(), Some(75), "{ran}");
    running.end();
}

#[test]
fn a_folder_that_the_owner_may_not_change_is_found_before_anything_changes() {
    for folder in ["A", "B", "journal", "misc"] {
        let Some((_folder, fixture)) = storage_of_another_user(State::InSnapshot) else { return };
        let path = fixture.path().join(folder);
        if folder == "A" {
            // The owner of `A` itself is whose rights are taken.
            let below = fs::read_dir(&path)
                .unwrap()
                .flatten()
                .find(|entry| entry.path().is_dir())
                .unwrap()
                .path();
            chown_all(&below, 0, 0);
        } else {
            chown(&path, Some(0), Some(0)).unwrap();
        }
        let before = picture(fixture.path());
        let ran = Dsnap::on(&fixture).arg("true").run();
        assert_eq!(ran.status.code(), Some(125), "{ran}");
        let after = picture(fixture.path());
        assert_eq!(before.difference(&after), None, "{ran}");
        assert!(
            ran.stderr
                .lines()
                .last()
                .unwrap()
                .starts_with(&format!("hint: chown -h {} DIR/{folder}", owner_and_group())),
            "{ran}"
        );
    }
}

#[test]
fn a_replica_that_cannot_be_unpacked_is_found_before_anything_changes() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Replica) else { return };
    fs::write(fixture.storage().snapshot(), "user/old-1").unwrap();
    let a = fixture.storage().a();
    fs::read_dir(&a).unwrap().flatten().for_each(|entry| chown_all(&entry.path(), 0, 0));
    refused_for_want_of_rights(&fixture, "A/");
}

#[test]
fn a_replica_with_a_folder_of_somebody_else_is_found_before_anything_changes() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Replica) else { return };
    write_replica_with_folders(&fixture);
    let folder = fixture.storage().a().join("o7");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
    refused_for_want_of_rights(&fixture, "A/o7");
}

#[test]
fn an_unfinished_transaction_that_cannot_be_removed_is_found_before_anything_changes() {
    let Some((_folder, fixture)) = storage_of_another_user(State::InSnapshot) else { return };
    let below = fixture.storage().journal().join("working_0000000000000001_temp/below");
    fs::create_dir_all(&below).unwrap();
    fs::write(below.join("file"), "").unwrap();
    chown(below.parent().unwrap(), Some(OWNER), Some(GROUP)).unwrap();
    refused_for_want_of_rights(&fixture, "journal/working_0000000000000001_temp/below");
}

/// How a hint names the owner of these storages: the database knows no groups of theirs.
fn owner_and_group() -> String {
    let group = nix::unistd::Group::from_gid(65_534.into()).unwrap();
    format!("{OWNER}:{}", group.map_or("65534".to_owned(), |group| group.name))
}

/// The run fails, the hint is the `chown` line for a path that begins so, and nothing changed.
#[track_caller]
fn refused_for_want_of_rights(fixture: &Fixture, path: &str) {
    let tree = || picture(fixture.path());
    let before = tree();
    let ran = Dsnap::on(fixture).arg("true").run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    assert_eq!(before.difference(&tree()), None, "{ran}");
    ran.mentions(&format!("\nhint: chown -h {} DIR/{path}", owner_and_group()));
}

/// A run as root's cron often makes it.
#[track_caller]
fn runs_under_roots_umask(fixture: &Fixture) {
    let ran =
        Dsnap::through_shell("umask 077; exec \"$@\"").storage(fixture.path()).arg("true").run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
}

#[test]
fn a_replica_unpacked_as_the_owner_keeps_modes_and_times_whatever_the_umask() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Replica) else { return };
    write_replica_with_folders(&fixture);
    runs_under_roots_umask(&fixture);
    assert_like_the_replica(&fixture);
}

#[test]
fn the_mode_of_the_run_lock_does_not_depend_on_the_umask() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Crashed) else { return };
    runs_under_roots_umask(&fixture);
    assert_eq!(fs::metadata(fixture.storage().run_lock()).unwrap().mode() & 0o7777, 0o660);
}

#[test]
fn new_files_and_folders_have_the_mode_of_their_neighbours_whatever_the_umask() {
    for state in [State::Crashed, State::InSnapshot, State::Replica] {
        let Some((_folder, fixture)) = storage_of_another_user(state) else { return };
        fs::remove_file(fixture.storage().lock()).unwrap();
        let ran = Dsnap::through_shell("umask 077; exec \"$@\"")
            .storage(fixture.path())
            .arg("true")
            .run();
        assert_eq!(ran.status.code(), Some(0), "{ran}");
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        let file = mode(&fixture.storage().sublock());
        assert_eq!(mode(&fixture.storage().snapshot()), file);
        assert_eq!(mode(&fixture.storage().lock()), file);
        let mut folders = Vec::new();
        folders_below(&fixture.storage().a(), &mut folders);
        let usual = mode(&fixture.storage().a());
        let closed = folders.iter().filter(|folder| mode(folder) != usual).count();
        assert_eq!(closed, 0, "of {} folders", folders.len());
    }
}

fn folders_below(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            folders_below(&entry.path(), found);
            found.push(entry.path());
        }
    }
}
