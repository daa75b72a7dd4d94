//! Other users: storages and sites that belong to one, which takes root to make.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::Path;

use dsnap_engine::system::users::user_name;
use dsnap_testkit::{Fixture, Site, State};
use nix::unistd::geteuid;

use super::folder::folder;
use super::root;
use super::site::site_builder;
use super::storage::fixture_builder;

/// A user that owns nothing else on the machine and may not even have a name.
pub(crate) const OWNER: u32 = 54_321;
/// Its group, where that is not the group of the same number.
pub(crate) const GROUP: u32 = 54_322;

/// Makes a storage of another user, in a folder that everybody may pass through.
///
/// Returns nothing without root; then the scenario is passed over.
#[track_caller]
pub(crate) fn storage_of_another_user(state: State) -> Option<(tempfile::TempDir, Fixture)> {
    let folder = folder_for_another_user()?;
    let fixture = fixture_builder().state(state).build_in(&folder.path().join("ds")).unwrap();
    fs::write(fixture.path().join("config/snapshot.conf"), "").unwrap();
    chown_all(fixture.path(), OWNER, GROUP);
    Some((folder, fixture))
}

/// Starts a site whose storage belongs to another user.
///
/// Returns nothing without root; then the scenario is passed over.
#[track_caller]
pub(crate) fn site_of_another_user() -> Option<(tempfile::TempDir, Site)> {
    let folder = folder_for_another_user()?;
    let site = site_builder().storage(folder.path().join("ds")).start().unwrap();
    chown_all(site.path(), OWNER, OWNER);
    Some((folder, site))
}

#[track_caller]
fn folder_for_another_user() -> Option<tempfile::TempDir> {
    if !root::required("act for another user") {
        return None;
    }
    let folder = folder();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    Some(folder)
}

/// Gives a path, and everything below it, to a user and a group.
pub(crate) fn chown_all(path: &Path, uid: u32, gid: u32) {
    lchown(path, Some(uid), Some(gid)).unwrap();
    if fs::symlink_metadata(path).unwrap().is_dir() {
        fs::read_dir(path).unwrap().flatten().for_each(|it| chown_all(&it.path(), uid, gid));
    }
}

/// The name of the user who runs the tests, as messages show it.
pub(crate) fn current_user() -> String {
    user_name(geteuid().as_raw())
}
