//! Archives of the replication tool that somebody made to do harm: to fill the memory, to keep the
//! storage locked, to bring rights or conf lines along, or to lead elsewhere through links.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::Path;

use dsnap_core::method::{Caller, Entered, Message, SnapshotMethod, Status};
use dsnap_direct::Direct;
use dsnap_testkit::tree::Tree;
use dsnap_testkit::{Fixture, Format, State};
use nix::sys::signal::Signal;
use tar::{EntryType, Header};

use crate::support::{
    DIRECT, Dsnap, fixture_builder, folder, is_locked, picture, request, storage, wait_until,
};

/// The size of a file that cannot be read to its end, nor written.
const HUGE: u64 = 2 << 40;

fn header(name: &str, kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    let owner = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
    header.set_uid(owner.0.into());
    header.set_gid(owner.1.into());
    header.set_mtime(1_768_000_000);
    header.set_cksum();
    header
}

/// Replaces the replica of a storage by these members; their contents are holes.
fn write_replica(fixture: &Fixture, members: &[Header]) {
    let mut file = File::create(fixture.storage().journal().join("replica.tar")).unwrap();
    for member in members {
        file.write_all(member.as_bytes()).unwrap();
        let size = member.entry_size().unwrap().next_multiple_of(512);
        file.seek(SeekFrom::Current(size.cast_signed())).unwrap();
    }
    let end = file.stream_position().unwrap();
    file.set_len(end + 1024).unwrap();
}

fn replica_of(members: &[Header]) -> Fixture {
    let fixture = storage(State::Replica);
    write_replica(&fixture, members);
    fixture
}

/// The run fails and changes nothing.
#[track_caller]
fn refused(fixture: &Fixture, dsnap: Dsnap, last: &str) {
    let before = picture_without_replica(fixture);
    let ran = dsnap.run().ends(125, &format!("COMMAND was not run: {last}"));
    assert_eq!(before.difference(&picture_without_replica(fixture)), None, "{ran}");
}

/// A picture reads every file, and some of these replicas are too large.
fn picture_without_replica(fixture: &Fixture) -> Tree {
    let (replica, aside) =
        (fixture.storage().journal().join("replica.tar"), fixture.path().with_extension("aside"));
    fs::rename(&replica, &aside).unwrap();
    let picture = picture(fixture.path()).without(&["journal/replica.tar"]);
    fs::rename(&aside, &replica).unwrap();
    picture
}

#[test]
fn a_header_that_announces_gigabytes_is_not_read_into_memory() {
    let kinds = [EntryType::GNULongName, EntryType::GNULongLink, EntryType::XHeader];
    for kind in kinds {
        let file = header("A/x.oid", EntryType::Regular, 0o640, 0);
        let fixture = replica_of(&[header("././@LongLink", kind, 0o640, 7 << 30), file]);
        let limited = Dsnap::through_shell("ulimit -v 1000000; exec \"$@\"");
        let dsnap = limited.knows(fixture.path()).storage(fixture.path()).arg("true");
        refused(&fixture, dsnap, "DIR/journal/replica.tar: a header is larger than 65536 bytes");
    }
}

#[test]
fn a_member_that_is_larger_than_the_rest_of_the_archive_is_refused_at_once() {
    let fixture = replica_of(&[]);
    let path = fixture.storage().journal().join("replica.tar");
    let member = header("A/x.oid", EntryType::Regular, 0o640, HUGE);
    File::options().write(true).open(&path).unwrap().write_all_at(member.as_bytes(), 0).unwrap();
    refused(
        &fixture,
        Dsnap::on(&fixture).arg("true"),
        "DIR/journal/replica.tar: its member `A/x.oid` is larger than the rest of the archive",
    );
}

struct NeverStops;

impl Caller for NeverStops {
    fn say(&self, _said: Message<'_>) {}

    fn should_stop(&self) -> bool {
        false
    }
}

#[test]
fn a_look_passes_over_the_content_of_a_huge_member() {
    let fixture = replica_of(&[header("A/huge", EntryType::Regular, 0o640, HUGE)]);
    let status = request(&fixture, &NeverStops, |request| Direct.status(request));
    assert_eq!(status, Status::CouldEnter);
}

#[test]
fn a_recovery_stops_in_the_middle_of_a_huge_member() {
    let fixture = replica_of(&[header("A/huge", EntryType::Regular, 0o640, HUGE)]);
    let running = Dsnap::on(&fixture).arg("true").spawn();
    let huge = fixture.storage().a().join("huge");
    wait_until("the first bytes", || fs::metadata(&huge).is_ok_and(|found| found.len() > 0));
    running.signal(Signal::SIGTERM);
    let ran = running.ends_by_itself();
    assert_eq!(ran.status.code(), Some(128 + 15), "{ran}");
    assert!(!fixture.storage().snapshot().exists());
    assert!(fixture.storage().journal().join("replica.tar").exists());
    assert!(!is_locked(&fixture.storage().lock()) && !is_locked(&fixture.storage().sublock()));
    // Without the huge member, the next recovery comes to its end.
    write_replica(&fixture, &[header("A/huge", EntryType::Regular, 0o640, 3)]);
    Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
    assert_eq!(fs::read(huge).unwrap(), [0; 3]);
}

/// Wants to stop at once.
struct StopsAfter(Cell<u32>);

impl Caller for StopsAfter {
    fn say(&self, _said: Message<'_>) {}

    fn should_stop(&self) -> bool {
        self.0.set(self.0.get().saturating_sub(1));
        self.0.get() == 0
    }
}

#[test]
fn a_replica_is_looked_at_before_anything_is_locked() {
    const MEMBERS: u32 = 50;
    let member = |number| header(&format!("A/{number}"), EntryType::Regular, 0o640, 1000);
    let members: Vec<_> = (0..MEMBERS).map(member).collect();
    let fixture = replica_of(&members);
    for lock in [fixture.storage().lock(), fixture.storage().sublock()] {
        let _ = fs::remove_file(lock);
    }
    let caller = StopsAfter(Cell::new(MEMBERS));
    let entered = request(&fixture, &caller, |request| Direct.enter(request));
    let Entered::Failed(reason) = entered else { panic!("{entered:?}") };
    assert_eq!(reason.text(), "asked to stop before anything was changed");
    assert!(!fixture.storage().lock().exists() && !fixture.storage().sublock().exists());
}

#[test]
fn setuid_setgid_and_sticky_bits_of_a_replica_are_stripped() {
    let fixture = replica_of(&[
        header("A/o7", EntryType::Directory, 0o7775, 0),
        header("A/o7/c", EntryType::Regular, 0o7755, 0),
        header("A/o7/d", EntryType::Regular, 0o4710, 0),
    ]);
    Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
    for (name, mode) in [("A/o7", 0o775), ("A/o7/c", 0o755), ("A/o7/d", 0o710)] {
        let found = fs::metadata(fixture.path().join(name)).unwrap();
        assert_eq!(found.mode() & 0o7777, mode, "{name}");
    }
}

#[test]
fn a_conf_in_a_replica_is_left_out_with_a_warning() {
    for name in [
        "config/snapshot.conf",
        "./config/snapshot.conf",
        "config//snapshot.conf",
        "config/./snapshot.conf/",
        "Config/Snapshot.Conf",
        "config/snapshot.conf/below",
    ] {
        let member = header(name, EntryType::Regular, 0o644, 9);
        let fixture = replica_of(&[member.clone(), member]);
        let ran = Dsnap::on(&fixture).arg("true").run();
        assert_eq!(ran.status.code(), Some(0), "{ran}");
        let warning = "direct access: DIR/journal/replica.tar: its member ";
        let warnings = ran.stderr.lines().filter(|line| line.starts_with(warning));
        let left_out = " was left out: no archive may say what dsnap runs on this machine";
        assert_eq!(warnings.filter(|line| line.ends_with(left_out)).count(), 1, "{name}: {ran}");
        assert_eq!(fs::read(fixture.storage().config().join("snapshot.conf")).unwrap(), b"");
        assert!(!fixture.path().join("Config").exists());
    }
}

#[test]
fn a_file_never_takes_the_place_of_a_folder_of_the_storage() {
    for name in ["A", "./B", "config"] {
        let fixture = replica_of(&[header(name, EntryType::Regular, 0o640, 0)]);
        // A link is what a file could replace.
        let (folder, moved) = (fixture.path().join(name), fixture.path().join("moved"));
        fs::rename(&folder, &moved).unwrap();
        symlink("moved", &folder).unwrap();
        let dsnap = Dsnap::on(&fixture).arg("true");
        let last =
            format!("DIR/journal/replica.tar: its member `{name}` is a file, but must be a folder");
        refused(&fixture, dsnap, &last);
    }
}

#[test]
fn no_link_below_a_leads_a_file_elsewhere() {
    for state in [State::Replica, State::Crashed, State::InSnapshot] {
        let fixture = storage(state);
        let elsewhere = folder();
        let x = fixture.storage().a().join("x");
        fs::remove_dir_all(&x).unwrap();
        symlink(elsewhere.path(), &x).unwrap();
        let dsnap = Dsnap::on(&fixture).arg("true");
        let before = picture(fixture.path());
        dsnap.run().ends(
            125,
            "COMMAND was not run: DIR/A/x is a symbolic link, but a folder is needed there",
        );
        assert_eq!(before.difference(&picture(fixture.path())), None);
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}

/// A recovery opens one folder inside the other.
#[test]
fn folders_nested_too_deep_are_refused_before_anything_changes() {
    for place in ["B", "journal/working_0000000000000001_temp"] {
        let fixture = fixture_builder().format(Format::Flat).state(State::Crashed).build().unwrap();
        fs::create_dir_all(fixture.path().join(place).join("d/".repeat(200))).unwrap();
        let ran = Dsnap::on(&fixture).arg("true").run();
        assert_eq!(ran.status.code(), Some(125), "{ran}");
        ran.mentions(" is nested more than 64 folders deep\n");
        assert!(fixture.path().join(place).join(Path::new("d/d")).exists());
    }
}
