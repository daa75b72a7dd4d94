//! Whose storage it is: root obeys nobody who could have put a folder in the place of another.
//!
//! These scenarios need root; without it each says that it was passed over.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use dsnap_engine::system::flock::FileLock;
use dsnap_testkit::{Fixture, State};

use crate::support::{
    DIRECT, Dsnap, GROUP, OWNER, Ran, chown_all, folder, may_mount, root, storage,
    storage_of_another_user, write_script,
};

/// A third user, to whom neither the storage nor the machine belongs.
const OTHER: u32 = 54_333;

/// A storage of another user, whose conf makes those who obey it write down who they are.
struct Trap {
    _folder: tempfile::TempDir,
    fixture: Fixture,
    written: PathBuf,
    /// Only a storage that somebody has open makes a run ask its lines.
    _server: FileLock,
}

impl Trap {
    #[track_caller]
    fn set() -> Option<Self> {
        let (folder, fixture) = storage_of_another_user(State::Clean)?;
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
        let written = open.join("written");
        // Root trusts its own programs, so what counts is who chose this one.
        let script = folder.path().join("script");
        write_script(&script, &format!("#!/bin/sh\nid -u >>{}\nexit 69\n", written.display()));
        let line = format!("exec {}\nnodirect\n", script.display());
        fs::write(fixture.path().join("config/snapshot.conf"), line).unwrap();
        chown_all(&fixture.path().join("config"), OWNER, GROUP);
        let server = FileLock::take(&fixture.storage().lock()).unwrap();
        Some(Self { _folder: folder, fixture, written, _server: server })
    }

    fn a(&self) -> PathBuf {
        self.fixture.storage().a()
    }

    fn run(&self) -> Ran {
        Dsnap::on(&self.fixture).arg("true").run()
    }

    /// The run refuses to say whose storage this is, and root obeys nobody.
    #[track_caller]
    fn springs_for_nobody(&self, words: &str) -> Ran {
        let ran = self.run();
        assert_eq!(ran.status.code(), Some(125), "{ran}");
        assert!(!self.written.exists(), "{ran}");
        ran.mentions(words)
    }

    /// Moves the main folder away, as somebody who can rename in the storage.
    fn move_a_away(&self) {
        fs::rename(self.a(), self.fixture.path().join("aside")).unwrap();
    }
}

#[test]
fn the_owners_conf_is_obeyed_as_the_owner() {
    let Some(trap) = Trap::set() else { return };
    assert_eq!(trap.run().status.code(), Some(125));
    assert_eq!(fs::read_to_string(&trap.written).unwrap(), "54321\n");
}

#[test]
fn a_folder_of_roots_in_the_place_of_a_does_not_make_root_obey_the_owner() {
    let Some(trap) = Trap::set() else { return };
    trap.move_a_away();
    // As a file system makes `lost+found`.
    fs::create_dir(trap.fixture.path().join("lost+found")).unwrap();
    fs::rename(trap.fixture.path().join("lost+found"), trap.a()).unwrap();
    trap.springs_for_nobody(
        "DIR/A belongs to root, but others could have put it there: DIR belongs to 54321, who could change it\nhint: if this is really a storage of root's: chown -h root:root DIR; otherwise find out who put that folder there, and remove it",
    );
}

#[test]
fn a_link_to_a_folder_of_roots_does_not_make_root_obey_the_owner() {
    let roots = folder();
    for target in [Path::new("/"), roots.path()] {
        let Some(trap) = Trap::set() else { return };
        trap.move_a_away();
        symlink(target, trap.a()).unwrap();
        trap.springs_for_nobody("DIR/A belongs to root, but others could have put it there: DIR ");
        lchown(trap.a(), Some(OWNER), Some(GROUP)).unwrap();
        trap.springs_for_nobody("DIR/A belongs to root, but others could have put it there: DIR ");
    }
}

#[test]
fn a_third_users_folder_in_the_place_of_a_is_refused() {
    let Some(trap) = Trap::set() else { return };
    trap.move_a_away();
    let theirs = trap.fixture.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    chown_all(&theirs, OTHER, OTHER);
    symlink(&theirs, trap.a()).unwrap();
    lchown(trap.a(), Some(OWNER), Some(GROUP)).unwrap();
    trap.springs_for_nobody("DIR/A is a link of 54321 to a folder of 54333");
    fs::remove_file(trap.a()).unwrap();
    fs::rename(&theirs, trap.a()).unwrap();
    trap.springs_for_nobody(
        "DIR belongs to 54321, but DIR/A to 54333: whose storage this is cannot be told",
    );
}

#[test]
fn a_storage_of_roots_is_roots_only_if_nobody_else_can_exchange_its_main_folder() {
    if !root::required("own a storage that others can change") {
        return;
    }
    let fixture = storage(State::Clean);
    Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
    let open = |mode| fs::set_permissions(fixture.path(), Permissions::from_mode(mode)).unwrap();
    for (mode, whom) in [(0o777, "everybody"), (0o757, "everybody")] {
        open(mode);
        let ran = Dsnap::on(&fixture).arg("true").run();
        assert_eq!(ran.status.code(), Some(125), "{ran}");
        let cure = "if this is really a storage of root's: chmod go-w DIR; otherwise";
        ran.mentions(&format!("DIR can be changed by {whom}")).mentions(cure);
    }
    // In a sticky folder only root can rename what is root's.
    open(0o1777);
    Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
    lchown(fixture.path(), None, Some(GROUP)).unwrap();
    open(0o775);
    let ran = Dsnap::on(&fixture).arg("true").run().mentions("DIR can be changed by its group");
    assert_eq!(ran.status.code(), Some(125), "{ran}");
}

#[test]
fn others_who_can_exchange_a_in_a_folder_of_roots_are_refused() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Clean) else { return };
    lchown(fixture.path(), Some(0), Some(0)).unwrap();
    let open = |mode| fs::set_permissions(fixture.path(), Permissions::from_mode(mode)).unwrap();
    open(0o755);
    Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
    open(0o777);
    let ran = Dsnap::on(&fixture).arg("true").run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.mentions("whose storage this is cannot be told: DIR can be changed by everybody, who could exchange DIR/A\nhint: chmod go-w DIR");
}

#[test]
fn a_folder_above_that_somebody_can_change_costs_a_warning() {
    let Some((folder, fixture)) = storage_of_another_user(State::Clean) else { return };
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    let ran = Dsnap::on(&fixture).knows_as(folder.path(), "ABOVE").arg("true").run();
    let warning = "ABOVE can be changed by everybody: the storage in it could be exchanged\nhint: chmod go-w ABOVE\n";
    ran.says(0, &format!("{warning}{DIRECT}"));
}

/// Exchanges two entries again and again while `work` goes on.
fn while_exchanging(one: &Path, other: &Path, work: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let flags = nix::fcntl::RenameFlags::RENAME_EXCHANGE;
            let here = nix::fcntl::AT_FDCWD;
            while !stop.load(Ordering::Relaxed) {
                nix::fcntl::renameat2(here, one, here, other, flags).unwrap();
            }
        });
        // A scenario that fails must end the exchanges, too.
        let _stops = Stops(&stop);
        work();
    });
}

/// Sets a flag when it is dropped.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How often a race is run: often enough that the look and the use fall apart many times.
const RACES: u32 = 40;

#[test]
fn root_obeys_nobody_while_a_is_exchanged_for_a_folder_of_roots() {
    let Some(trap) = Trap::set() else { return };
    let roots = trap.fixture.path().join("roots");
    fs::create_dir(&roots).unwrap();
    while_exchanging(&trap.a(), &roots, || races(&trap));
}

#[test]
fn root_obeys_nobody_while_the_storage_is_exchanged_for_one_of_roots() {
    let Some(trap) = Trap::set() else { return };
    // The folder above is the owner's, and so is what lies beside the storage: a link.
    let above = trap.fixture.path().parent().unwrap();
    let (elsewhere, link) = (folder(), above.join("link"));
    let roots = elsewhere.path().join("roots");
    for name in ["A", "B", "journal", "misc", "config"] {
        fs::create_dir_all(roots.join(name)).unwrap();
    }
    symlink(&roots, &link).unwrap();
    for path in [above, &link] {
        lchown(path, Some(OWNER), Some(GROUP)).unwrap();
    }
    while_exchanging(trap.fixture.path(), &link, || races(&trap));
}

/// Runs again and again. Nobody but the owner obeys the owner's conf.
#[track_caller]
fn races(trap: &Trap) {
    for _ in 0..RACES {
        let ran = trap.run();
        let written = fs::read_to_string(&trap.written).unwrap_or_default();
        assert!(written.lines().all(|user| user == "54321"), "{written} obeyed the owner: {ran}");
        assert!(matches!(ran.status.code(), Some(0 | 75 | 122 | 125)), "{ran}");
        assert!(!ran.stderr.contains("panicked"), "{ran}");
    }
}

/// A script that says which groups it has.
const SAYS_GROUPS: &str = "#!/bin/sh\nid -G >\"$DSNAP_STORAGE/groups\"\nexit 69\n";

#[track_caller]
fn groups_of_a_script(dsnap: Dsnap, fixture: &Fixture) -> String {
    write_script(&fixture.path().join("config/method"), SAYS_GROUPS);
    // The line needs a server, and somebody who holds the main lock.
    let _server = FileLock::take(&fixture.storage().lock()).unwrap();
    fs::write(fixture.path().join("config/snapshot.conf"), "exec method\nnodirect\n").unwrap();
    let ran = dsnap.knows(fixture.path()).storage(fixture.path()).arg("true").run();
    let said = fs::read_to_string(fixture.path().join("groups"));
    said.unwrap_or_else(|error| panic!("{error}: {ran}")).trim().to_owned()
}

#[test]
fn a_lowered_process_has_the_groups_of_the_database_and_not_that_of_a() {
    // `shadow` and `root`.
    for group in [42, 0] {
        let Some((_folder, fixture)) = storage_of_another_user(State::Clean) else { return };
        chown_all(fixture.path(), OWNER, group);
        let overflow = fs::read_to_string("/proc/sys/kernel/overflowgid").unwrap();
        assert_eq!(groups_of_a_script(Dsnap::new(), &fixture), overflow.trim());
        if may_mount() {
            fs::remove_file(fixture.path().join("groups")).unwrap();
            assert_eq!(groups_of_a_script(Dsnap::with_users(), &fixture), "54321 54322");
        }
    }
}

#[test]
fn securebits_that_keep_roots_capabilities_are_noticed() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Crashed) else { return };
    let starter = ["setpriv", "--securebits", "+no_setuid_fixup"];
    let ran = Dsnap::through(&starter).storage(fixture.path()).arg("true").run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.mentions("cannot take the privileges of 54321: the system keeps capabilities of root")
        .mentions("\nhint: start dsnap without the securebits");
}

#[test]
fn a_link_to_a_folder_of_somebody_else_is_refused() {
    for name in ["B", "journal", "misc", "config"] {
        for (link_of, target_of) in [(OWNER, 0), (0, 0), (OTHER, OWNER), (OWNER, OTHER)] {
            let Some((folder, fixture)) = storage_of_another_user(State::Clean) else { return };
            let (inside, disk) = (fixture.path().join(name), folder.path().join("disk"));
            fs::rename(&inside, &disk).unwrap();
            chown_all(&disk, target_of, target_of);
            symlink(&disk, &inside).unwrap();
            lchown(&inside, Some(link_of), Some(link_of)).unwrap();
            let ran = Dsnap::on(&fixture).arg("true").run();
            assert_eq!(ran.status.code(), Some(125), "{ran}");
            ran.mentions(&format!("DIR/{name} is a link of "));
        }
    }
}

#[test]
fn a_run_as_root_writes_nothing_through_a_stranger_in_misc() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Crashed) else { return };
    let secret = folder();
    let target = secret.path().join("secret");
    fs::File::create(&target).unwrap().write_all(b"as it was").unwrap();
    for name in ["lock", "sublock", "dsnap.lock", "dsnap.snapshot"] {
        let path = fixture.path().join("misc").join(name);
        let _ = fs::remove_file(&path);
        symlink(&target, &path).unwrap();
        Dsnap::on(&fixture).arg("true").run();
        assert_eq!(fs::read(&target).unwrap(), b"as it was", "{name}");
        let _ = fs::remove_file(&path);
    }
}
