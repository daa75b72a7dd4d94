//! Programs that stand in the place of those that a test cannot run.
//!
//! Each does as much of the real one as the pages rely on.

use std::fs;
use std::path::Path;

use super::markdown::Section;
use super::root;
use crate::support::libraries::write_script;

/// The name of each program, and its script. `REAL_PATH` stands for the PATH without these.
const STUBS: [(&str, &str); 9] = [
    // Leaves a storage in the snapshot of a run that was killed. Its command has ended.
    (
        "killed-run",
        r#"
command=$(dsnap -q --storage "$1" sh -c 'echo $$; kill -9 $PPID')
while grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$command/status"; do :; done"#,
    ),
    // A task of xtask must be one that the gate runs itself. What `install` builds is there already.
    (
        "cargo",
        r#"
case "$1 $2" in
"xtask test" | "xtask demo") grep -q "^    (\"$2\"," "$SOURCES/xtask/src/ci.rs" ;;
"install --locked")
    while [ "${1:?no --path}" != --path ]; do shift; done
    grep -q '^name = "dsnap' "$SOURCES/$2/Cargo.toml" && ls "$SOURCES/$2/src/main.rs" >/dev/null ;;
*) PATH=$REAL_PATH exec cargo "$@" ;;
esac"#,
    ),
    // The service of the server: the simulated one.
    (
        "systemctl",
        r#"
case "$1 $2" in
"stop zope" | "start zope") dsnap-testkit ctl /srv/ds "$1" ;;
*) echo "systemctl: no unit $2" >&2; exit 5 ;;
esac"#,
    ),
    // The user of the server is unknown here.
    (
        "chown",
        r#"
set -- $(printf '%s\n' "$@" | sed "s/^zope:/$(id -un):/")
PATH=$REAL_PATH exec chown "$@""#,
    ),
    // What these three do to the environment and to the descriptors of their command. The services that
    // docker compose runs must exist; `cargo xtask dist container` runs them.
    (
        "docker",
        r#"
if [ "$1 $2" = "compose run" ]; then
    for service; do :; done
    grep -q "^  $service:\$" "$SOURCES/testkit/container/compose.yaml"
    exit
fi
[ "$1" = exec ] && shift || exit 125
kept=PATH=$PATH
while [ "$1" = -e ]; do
    eval "kept=\"\$kept $2=\$$2\""
    shift 2
done
shift
exec env -i $kept "$@" 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-"#,
    ),
    (
        "sudo",
        r#"
kept=PATH=$PATH
while :; do
    case $1 in
    --preserve-env=*) for name in $(echo "${1#*=}" | tr , ' '); do eval "kept=\"\$kept $name=\$$name\""; done; shift ;;
    -u) shift 2 ;;
    *) break ;;
    esac
done
exec env -i $kept "$@" 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-"#,
    ),
    ("ssh", "\nshift\nexec env -i PATH=\"$PATH\" sh -c \"$*\""),
    // Two tools of DirectoryStorage, which look for their storage in the environment.
    ("dirstorage_checkds", "\n[ -d \"${SNAPSHOT_DIRECTORY:?}/A\" ]"),
    ("dirstorage_backup", "\n[ -d \"${SNAPSHOT_DIRECTORY:?}/A\" ] && [ \"$1\" = full ]"),
];

/// Writes the programs that a section mentions into a folder. `here` puts the paths of a place into a
/// script.
pub(super) fn write(folder: &Path, section: &Section, here: impl Fn(&str) -> String) {
    fs::create_dir(folder).unwrap();
    let path = std::env::var("PATH").unwrap();
    for (name, script) in STUBS.into_iter().filter(|(name, _)| section.mentions(name)) {
        let begin = format!("#!/bin/sh\nSOURCES='{}'\nREAL_PATH='{path}'", root().display());
        write_script(&folder.join(name), &format!("{begin}{}\n", here(script)));
    }
}
