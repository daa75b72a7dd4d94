//! A run with two simulated sites.

use std::path::Path;

use dsnap_testkit::Site;

use super::program::Dsnap;

/// What an ordinary run says of two sites.
pub(crate) const BOTH: &str = "DIR: Entered snapshot using URL
DIR: Locked snapshot mode
DIR2: Entered snapshot using URL2
DIR2: Locked snapshot mode
DIR2: Unlocked snapshot mode
DIR2: Left snapshot mode
DIR: Unlocked snapshot mode
DIR: Left snapshot mode
";

/// Checks, as COMMAND, that two storages are in a snapshot and locked.
pub(crate) const CHECK: &str = r#"IFS='
'; set -- $SNAPSHOT_DIRECTORIES; [ $# = 2 ] || exit 97
for dir; do
    case $(cat "$dir/misc/snapshot") in user/*) ;; *) echo "not frozen: $dir"; exit 98 ;; esac
    flock --nonblock "$dir/misc/sublock" true && { echo "not locked: $dir"; exit 99; }
done
"#;

/// A run with both sites.
pub(crate) fn both(one: &Site, two: &Site) -> Dsnap {
    let dsnap = Dsnap::at(one).arg("--also").arg(two.path()).knows_as(two.path(), "DIR2");
    dsnap.knows_as(Path::new(&two.urls()[0]), "URL2")
}
