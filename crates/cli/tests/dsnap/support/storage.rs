//! A storage that no server has open.

use std::fs;
use std::path::Path;

use dsnap_core::method::{Caller, Request};
use dsnap_engine::limits;
use dsnap_engine::run::new_code::new_code;
use dsnap_engine::system::flock::FileLock;
use dsnap_testkit::tree::Tree;
use dsnap_testkit::{Builder, Fixture, State};
use nix::sys::stat::Mode;

use super::folder::prefer_memory;

/// The files that every run may write, even one that fails.
const LOCK_FILES: [&str; 3] = ["misc/lock", "misc/sublock", "misc/dsnap.lock"];

/// Says what a storage is to be.
pub(crate) fn fixture_builder() -> Builder {
    prefer_memory();
    Fixture::builder()
}

/// Makes a storage in that state, in the default format.
pub(crate) fn storage(state: State) -> Fixture {
    fixture_builder().state(state).build().unwrap()
}

/// The same with a `snapshot.conf`.
pub(crate) fn storage_with_conf(state: State, conf: &str) -> Fixture {
    let fixture = storage(state);
    fs::write(fixture.path().join("config/snapshot.conf"), conf).unwrap();
    fixture
}

/// Takes a picture of a storage without its lock files, to prove that nothing else changed.
pub(crate) fn picture(storage: &Path) -> Tree {
    Tree::of(storage).unwrap().without(&LOCK_FILES)
}

/// Whether somebody holds the lock on a file that nobody is about to lock.
///
/// It is tried, because a reader of `/proc/locks` may miss one while others come and go.
pub(crate) fn is_locked(path: &Path) -> bool {
    FileLock::take_without_pid(path).is_err()
}

/// Makes a named pipe.
pub(crate) fn make_fifo(path: &Path) {
    nix::unistd::mkfifo(path, Mode::S_IRWXU).unwrap();
}

/// Makes a request about a storage, for a method that is called without the program.
pub(crate) fn request<T>(
    fixture: &Fixture,
    caller: &dyn Caller,
    ask: impl FnOnce(&Request<'_>) -> T,
) -> T {
    ask(&Request {
        storage: fixture.path(),
        conf_folder: &fixture.storage().config(),
        words: &[],
        code: &new_code("test", 1),
        time_left: None,
        leave_time: limits::LEAVE_TIMEOUT,
        snapshot_seen: false,
        caller,
    })
}
