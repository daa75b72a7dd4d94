//! Bad input: one clear line and a hint, 125, and the directory unchanged byte for byte but for
//! the lock files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use dsnap_testkit::{Fixture, State};

use crate::support::{
    DIRECT, Dsnap, Ran, fixture_builder, folder, make_fifo, picture, root, storage,
};

/// Runs on the storage and proves that nothing but the lock files changed.
#[track_caller]
fn refused(fixture: &Fixture, last: &str) -> Ran {
    let dsnap = Dsnap::on(fixture).args(["touch"]).arg(fixture.path().join("ran"));
    let before = picture(fixture.path());
    let ran = dsnap.run().ends(125, &format!("COMMAND was not run: {last}"));
    let after = picture(fixture.path());
    assert_eq!(before.difference(&after), None, "{ran}");
    ran
}

fn write(fixture: &Fixture, name: &str, content: impl AsRef<[u8]>) {
    fs::write(fixture.path().join(name), content).unwrap();
}

#[test]
fn a_path_that_is_not_a_storage_is_refused() {
    let empty = folder();
    for dir in [empty.path(), &empty.path().join("absent"), Path::new("/etc/passwd")] {
        Dsnap::new().knows(dir).storage(dir).arg("true").run().says(
            125,
            "\
COMMAND was not run: DIR is not a DirectoryStorage directory
hint: --storage takes the folder that contains A, B, config, journal and misc
",
        );
    }
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_with_a_file_called_a_is_not_a_storage() {
    let folder = folder();
    fs::write(folder.path().join("A"), "").unwrap();
    Dsnap::new()
        .knows(folder.path())
        .storage(folder.path())
        .arg("true")
        .run()
        .ends(125, "COMMAND was not run: DIR is not a DirectoryStorage directory");
}

#[test]
fn missing_folders_are_named_with_the_command_that_makes_them() {
    let fixture = storage(State::Clean);
    fs::remove_dir(fixture.storage().b()).unwrap();
    refused(&fixture, "DIR/B is missing or is not a folder")
        .hint("a storage restored from A and config needs: mkdir DIR/B");
    fs::remove_dir(fixture.storage().journal()).unwrap();
    refused(&fixture, "DIR/B is missing or is not a folder")
        .hint("a storage restored from A and config needs: mkdir DIR/B DIR/journal");
    fs::remove_dir_all(fixture.storage().misc()).unwrap();
    refused(&fixture, "DIR/B is missing or is not a folder")
        .hint("a storage restored from A and config needs: mkdir DIR/B DIR/journal DIR/misc");
}

#[test]
fn unknown_settings_are_refused_with_the_values_that_are_known() {
    for (from, to, what) in [
        (
            "format: bushy",
            "format: hilly",
            "[structure] format is \"hilly\"; it can only be bushy, chunky, lawn or flat",
        ),
        ("version: 0.11", "version: 0.12", "[structure] version is \"0.12\"; it can only be 0.11"),
        ("version: 0.11", "", "there is no `version` in section [structure]"),
        ("sync: 1", "sync: perhaps", "[filesystem] sync is \"perhaps\"; it can only be 0 or 1"),
        ("[structure]", "nonsense", "line 1 is neither a section nor a setting"),
    ] {
        let fixture = storage(State::Crashed);
        let settings = fixture.path().join("config/settings");
        let text = fs::read_to_string(&settings).unwrap();
        let text = &text[text.find("[structure]").unwrap()..];
        assert!(text.contains(from), "{text}");
        fs::write(&settings, text.replacen(from, to, 1)).unwrap();
        refused(&fixture, &format!("DIR/config/settings: {what}"));
    }
    let fixture = storage(State::Crashed);
    fs::remove_file(fixture.path().join("config/settings")).unwrap();
    refused(&fixture, "DIR/config/settings: No such file or directory")
        .hint("every DirectoryStorage has this file; restore it from a backup");
}

#[test]
fn a_pipe_in_place_of_a_file_is_not_waited_for() {
    for (name, what) in [
        ("config/settings", "DIR/config/settings: it is not a regular file"),
        ("journal/replica.tar", "DIR/journal/replica.tar: it is not a regular file"),
    ] {
        let fixture = storage(State::Clean);
        let path = fixture.path().join(name);
        let _ = fs::remove_file(&path);
        make_fifo(&path);
        refused(&fixture, what);
    }
    // In place of the mark it is one that no method leaves standing.
    let fixture = storage(State::Clean);
    fs::remove_file(fixture.storage().snapshot()).unwrap();
    make_fifo(&fixture.storage().snapshot());
    Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
}

#[test]
fn an_unknown_entry_in_the_journal_fails_the_run_and_changes_nothing() {
    for state in [State::Clean, State::Crashed, State::InSnapshot] {
        let fixture = storage(state);
        write(&fixture, "journal/lost+found", "x");
        let ran = refused(&fixture, "DIR/journal/lost+found does not belong in a journal");
        ran.hint(
            "find out what it is, then move it away: mv DIR/journal/lost+found /some/other/place",
        );
    }
}

#[test]
fn unknown_entries_in_transactions_fail_the_run_and_change_nothing() {
    let fixture = storage(State::Crashed);
    write(&fixture, "journal/working_0000000000000001_done", "a file");
    refused(&fixture, "DIR/journal/working_0000000000000001_done does not belong in a journal");
    let fixture = storage(State::Crashed);
    fs::create_dir_all(fixture.path().join("journal/working_0000000000000001_done/folder"))
        .unwrap();
    refused(
        &fixture,
        "DIR/journal/working_0000000000000001_done/folder does not belong in a journal",
    );
    let fixture = fixture_builder()
        .format(dsnap_testkit::Format::Lawn)
        .state(State::Crashed)
        .build()
        .unwrap();
    fs::create_dir(fixture.path().join("journal/working_0000000000000001_done")).unwrap();
    write(&fixture, "journal/working_0000000000000001_done/.escape", "");
    refused(
        &fixture,
        "DIR/journal/working_0000000000000001_done/.escape does not belong in a journal",
    );
}

#[test]
fn a_folder_in_the_place_of_a_file_fails_the_run_and_changes_nothing() {
    let hint = "no server creates such a folder; find out what it is before you move it away";
    // From the journal, from `B/`, from a replica; only this program needs the last places.
    for (state, name) in [
        (State::Crashed, None),
        (State::InSnapshot, None),
        (State::Replica, None),
        (State::Crashed, Some("misc/dsnap.snapshot")),
        (State::Replica, Some("misc/replica.previous")),
    ] {
        let fixture =
            fixture_builder().format(dsnap_testkit::Format::Flat).state(state).build().unwrap();
        let name = name.unwrap_or("A/x.oid");
        let _ = fs::remove_file(fixture.path().join(name));
        fs::create_dir(fixture.path().join(name)).unwrap();
        refused(&fixture, &format!("DIR/{name} is a folder, but a file is needed there"))
            .hint(hint);
    }
}

#[test]
fn a_link_in_the_place_of_a_folder_fails_the_run_and_changes_nothing() {
    let fixture = storage(State::Replica);
    fs::remove_dir_all(fixture.storage().a().join("x")).unwrap();
    symlink("/no/such/folder", fixture.storage().a().join("x")).unwrap();
    refused(&fixture, "DIR/A/x is a symbolic link, but a folder is needed there")
        .hint("dsnap follows no link below A, B, journal and misc: put the folder itself there");
}

#[test]
fn a_replica_is_refused_while_b_or_the_journal_contain_anything_else() {
    let fixture = storage(State::Replica);
    fs::create_dir(fixture.path().join("journal/working_0000000000000001_temp")).unwrap();
    refused(&fixture, "DIR/journal/replica.tar exists, but journal/ contains something else, too");
    let fixture = storage(State::Replica);
    write(&fixture, "B/x", "");
    refused(&fixture, "DIR/journal/replica.tar exists, but B/ is not empty");
}

#[test]
fn a_damaged_replica_fails_the_run_and_changes_nothing() {
    let fixture = storage(State::Replica);
    let path = fixture.storage().journal().join("replica.tar");
    let whole = fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[0] ^= 0x20;
    for (bytes, what) in [
        (&whole[..whole.len() / 2 + 100], None),
        (&whole[..whole.len() / 2 / 512 * 512], None),
        (&whole[..0], Some("the archive has no end marker")),
        (&flipped[..], Some("archive header checksum mismatch")),
    ] {
        fs::write(&path, bytes).unwrap();
        let dsnap = Dsnap::on(&fixture).arg("true");
        let before = picture(fixture.path());
        let ran = dsnap.run();
        let after = picture(fixture.path());
        assert_eq!(ran.status.code(), Some(125), "{ran}");
        assert_eq!(before.difference(&after), None);
        let ran = ran.mentions("COMMAND was not run: DIR/journal/replica.tar: ");
        if let Some(what) = what {
            ran.mentions(what);
        }
    }
    // Cut exactly behind the last file: every file is whole, but nobody knows whether it was the last.
    let content = whole.len() - whole.iter().rev().take_while(|byte| **byte == 0).count();
    fs::write(&path, &whole[..content.next_multiple_of(512)]).unwrap();
    refused(&fixture, "DIR/journal/replica.tar: the archive has no end marker");
}

#[test]
fn a_replica_that_leads_out_of_the_storage_is_refused() {
    let evil = |fill: &dyn Fn(&mut tar::Header)| {
        let mut header = tar::Header::new_ustar();
        header.set_size(0);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        fill(&mut header);
        header.set_cksum();
        let mut archive = header.as_bytes().to_vec();
        archive.extend([0; 1024]);
        archive
    };
    let named = |name: &'static str| {
        evil(&move |header: &mut tar::Header| {
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes())
        })
    };
    let typed = |kind: tar::EntryType| {
        evil(&move |header: &mut tar::Header| {
            header.set_path("A/x").unwrap();
            header.set_entry_type(kind);
            if kind.is_symlink() || kind.is_hard_link() {
                header.set_link_name("/etc/passwd").unwrap();
            }
        })
    };
    for (archive, what) in [
        (named("/etc/dsnap-escaped"), "its member `/etc/dsnap-escaped` is outside the storage"),
        (named("../escaped"), "its member `../escaped` is outside the storage"),
        (named("A/../../escaped"), "its member `A/../../escaped` is outside the storage"),
        (named("misc/sublock"), "its member `misc/sublock` does not belong in a replica"),
        (named("./journal/x"), "its member `./journal/x` does not belong in a replica"),
        (named("B/x.oid"), "its member `B/x.oid` does not belong in a replica"),
        (typed(tar::EntryType::Symlink), "its member `A/x` is neither a file nor a folder"),
        (typed(tar::EntryType::Link), "its member `A/x` is neither a file nor a folder"),
        (typed(tar::EntryType::Char), "its member `A/x` is neither a file nor a folder"),
        (typed(tar::EntryType::Fifo), "its member `A/x` is neither a file nor a folder"),
    ] {
        let fixture = storage(State::Replica);
        write(&fixture, "journal/replica.tar", archive);
        refused(&fixture, &format!("DIR/journal/replica.tar: {what}"))
            .hint("the archive is left over from replication: move it out of journal/ and replicate again; nothing else is lost");
    }
}

#[test]
fn a_dangling_link_in_the_place_of_b_is_named_with_its_target() {
    let fixture = storage(State::Clean);
    fs::remove_dir(fixture.storage().b()).unwrap();
    symlink("/no/such/folder", fixture.storage().b()).unwrap();
    refused(&fixture, "DIR/B is missing or is not a folder").hint(
        "DIR/B is a link to /no/such/folder, which is not a folder: mount or create it, or correct the link",
    );
}

#[test]
fn no_mkdir_is_suggested_for_a_path_that_exists() {
    let fixture = storage(State::Clean);
    fs::remove_dir(fixture.storage().b()).unwrap();
    fs::remove_dir(fixture.storage().journal()).unwrap();
    write(&fixture, "B", "");
    refused(&fixture, "DIR/B is missing or is not a folder")
        .mentions(
            "hint: find out what DIR/B is, move it away (mv DIR/B /some/other/place), and create a folder\n",
        )
        .hint("a storage restored from A and config needs: mkdir DIR/journal");
}

#[test]
fn folders_that_cannot_be_changed_are_found_before_anything_changes() {
    if nix::unistd::geteuid().is_root() {
        root::passed_over("root may change everything; `rights` has the same as another user");
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    let fixture = storage(State::Crashed);
    fs::set_permissions(fixture.storage().a(), fs::Permissions::from_mode(0o555)).unwrap();
    let ran = Dsnap::on(&fixture).arg("true").run();
    fs::set_permissions(fixture.storage().a(), fs::Permissions::from_mode(0o755)).unwrap();
    ran.mentions("DIR/A cannot be changed by user ").hint("chmod u+rwx DIR/A");
}
