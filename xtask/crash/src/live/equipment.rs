//! What all runs of a part share: the program, COMMAND, a method of each kind, and a folder.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::options::Options;
use crate::scratch::folder_in_memory;

use super::tool::move_folder;

/// COMMAND of every run. Notes what it finds, and copies `A/`.
const COMMAND: &str = r#"#!/bin/sh
# command.sh OUT [FIFO]: notes whether it is alone and protected, waits for FIFO, and copies A/.
out=$1 ds=$SNAPSHOT_DIRECTORY
note() { echo "$*" >>"$out/notes"; }
look() {
    found=$(cat "$ds/misc/snapshot")
    # Once a server was killed, a run may find none and recover the storage.
    [ "$found" = shutdown ] && [ -e "$out/../server-was-killed" ] && found=user/$SNAPSHOT_CODE
    [ "$found" = "user/$SNAPSHOT_CODE" ] || note "wrong at the $1: misc/snapshot is '$found'"
    flock --nonblock "$ds/misc/sublock" true && note "wrong at the $1: misc/sublock is not locked"
}
exec 8>>"$out/../alone"
flock --nonblock 8 || note "wrong: another COMMAND runs"
look begin
note begin
[ -z "$2" ] || read -r go <"$2"
# A copy that outlives a killed COMMAND has no lock: dsnap has unlocked, as it promises.
cp -a "$ds/A" "$out/copy" 8>&- || note "wrong: A/ cannot be copied"
look end
note end
"#;

/// The program of an exec line. Asks the server of the site, as a script of a user would.
const SCRIPT: &str = r#"#!/bin/bash
# hold VERB PORT: puts the storage into snapshot mode and takes it out again.
ask() {
    exec 3<>"/dev/tcp/127.0.0.1/$port" || exit 69
    echo "$*" >&3
    read -r answer <&3 || exit 1
    exec 3>&-
}
status() { case $answer in ok*) exit 0 ;; busy*) exit 75 ;; gone*) exit 69 ;; *) exit 1 ;; esac; }
port=$2
case $1 in
enter) ask enter "$DSNAP_CODE"; status ;;
leave)
    ask status
    [ "$answer" = "ok user/$DSNAP_CODE" ] || status
    ask leave "$DSNAP_CODE"
    status ;;
*) exit 64 ;;
esac
"#;

/// Paths that the runs of a part use.
#[derive(Debug)]
pub(crate) struct Equipment {
    /// The program dsnap.
    pub(crate) dsnap: PathBuf,
    /// The folder for sites, in memory if possible: a point writes hundreds of small files.
    scenes: TempDir,
    /// The folder for what a failed point leaves.
    work: PathBuf,
    /// COMMAND.
    pub(crate) command: PathBuf,
    /// The program of an exec line.
    pub(crate) script: PathBuf,
    /// The folder of the loadable template.
    pub(crate) plugins: PathBuf,
}

impl Equipment {
    /// Makes an empty folder for a part, with everything that its runs need.
    ///
    /// This happens before the part starts threads: a process that one of them starts at the same time would
    /// inherit a script that is still open for writing, and then nobody could run the script.
    pub(crate) fn prepare(options: &Options, part: &str) -> Result<Self> {
        let work = std::path::absolute(options.work.join(part))?;
        if work.exists() {
            fs::remove_dir_all(&work)?;
        }
        let plugins = work.join("plugins");
        fs::create_dir_all(&plugins)?;
        fs::set_permissions(&plugins, Permissions::from_mode(0o755))?;
        let (command, script) = (work.join("command.sh"), work.join("hold"));
        write_program(&command, COMMAND)?;
        write_program(&script, SCRIPT)?;
        copy_template(&options.dsnap, &plugins)?;
        let dsnap = std::path::absolute(&options.dsnap)?;
        let scenes = folder_in_memory(&work)?;
        Ok(Self { dsnap, scenes, work, command, script, plugins })
    }

    /// Returns a path for the site of a point.
    pub(crate) fn scene(&self, name: &str) -> PathBuf {
        self.scenes.path().join(name)
    }

    /// Returns where the folder of a failed point is kept.
    pub(crate) fn place_of_evidence(&self, scene: &Path) -> PathBuf {
        scene.file_name().map_or_else(|| self.work.clone(), |name| self.work.join(name))
    }

    /// Moves the folder of a failed point to the folder that is kept.
    pub(crate) fn keep(&self, scene: &Path) -> Result<()> {
        move_folder(scene, &self.place_of_evidence(scene))
    }
}

fn write_program(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, Permissions::from_mode(0o755))?;
    Ok(())
}

/// Copies the loadable template, which cargo built beside the program.
fn copy_template(dsnap: &Path, plugins: &Path) -> Result<()> {
    let name = "libdsnap_template.so";
    let built = dsnap.with_file_name(name);
    fs::copy(&built, plugins.join(name)).with_context(|| built.display().to_string())?;
    fs::set_permissions(plugins.join(name), Permissions::from_mode(0o755))?;
    Ok(())
}
