//! Container images: an archive with the recipe, the static programs, and a rehearsal for docker compose.
//!
//! The recipe is in `testkit/container`. Without an engine, buildah builds the images, and the rehearsal is done
//! in them: `xtask/dist/container/rehearse.py` says how.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use xtask_base::process::Program;
use xtask_base::{python, workspace};

use crate::{Dist, VERSION, tools};

/// What the archive contains besides the programs.
const SOURCES: [&str; 3] = [
    "testkit/container/Containerfile",
    "testkit/container/compose.yaml",
    "testkit/examples/backup.sh",
];
const PROGRAMS: [&str; 2] = ["dsnap", "dsnap-testkit"];

/// What the check needs: programs, and the packages of Debian that contain them.
const NEEDED: [(&str, &str); 4] = [
    ("buildah", "buildah"),
    ("docker-compose", "docker-compose"),
    ("bash-static", "bash-static"),
    ("busybox", "busybox-static"),
];

/// The commands that backup.sh and compose.yaml use.
const APPLETS: [&str; 6] = ["cp", "dirname", "mkdir", "mktemp", "rm", "sh"];

const REHEARSAL_TIMEOUT: Duration = Duration::from_secs(600);

/// Makes the archive, and rehearses with what it contains.
pub(crate) fn make(dist: &Dist) -> Result<()> {
    let work = dist.work.join("container");
    python::remove(&work)?;
    let name = format!("dsnap-{VERSION}-container");
    let context = work.join(&name);
    collect(dist, &context)?;
    rehearse(dist, &context, &work)?;
    let archive = dist.out.join(format!("{name}.tar.gz"));
    pack(&work, &name, dist.commit.epoch, &archive)?;
    python::remove(&work)
}

/// Copies what the archive contains.
fn collect(dist: &Dist, context: &Path) -> Result<()> {
    fs::create_dir_all(context)?;
    let sources = SOURCES.map(|source| workspace::root().join(source));
    let programs = PROGRAMS.map(|program| dist.out.join("programs/static").join(program));
    for file in sources.iter().chain(&programs) {
        let name = file.file_name().context("a file without a name")?;
        fs::copy(file, context.join(name))
            .with_context(|| format!("cannot copy {}", file.display()))?;
    }
    Ok(())
}

/// Builds the images, and does the rehearsal of compose.yaml in them.
fn rehearse(dist: &Dist, context: &Path, work: &Path) -> Result<()> {
    for (program, package) in NEEDED {
        tools::debian(program, package)?;
    }
    let base = work.join("base");
    make_base(&base)?;
    let modules = tools::python(dist, "container-tools", &["PyYAML>=6"])?;
    let script = workspace::root().join("xtask/dist/container/rehearse.py");
    let rehearsal = Program::within(REHEARSAL_TIMEOUT, "python3").arg(script);
    let rehearsal = rehearsal.arg(context).arg(work.join("store")).arg(base);
    rehearsal.env("PYTHONPATH", modules).run()
}

/// Makes the base image of the rehearsal: a shell, and the commands of busybox.
fn make_base(base: &Path) -> Result<()> {
    let bin = base.join("bin");
    fs::create_dir_all(&bin)?;
    let recipe = workspace::root().join("xtask/dist/container/base.Containerfile");
    fs::copy(recipe, base.join("Containerfile"))?;
    fs::copy(tools::path_of("bash-static")?, bin.join("bash"))?;
    fs::copy(tools::path_of("busybox")?, bin.join("busybox"))?;
    for applet in APPLETS {
        symlink("busybox", bin.join(applet))?;
    }
    Ok(())
}

/// Packs a folder, so that the archive depends on nothing but its files and the date.
fn pack(work: &Path, name: &str, epoch: u64, archive: &PathBuf) -> Result<()> {
    let tar = Program::new("tar").dir(work).args(["--sort=name", "--owner=0", "--group=0"]);
    let tar = tar.args(["--numeric-owner", "--mode=u=rwX,go=rX", "--format=gnu"]);
    let tar = tar.arg(format!("--mtime=@{epoch}")).args(["--use-compress-program=gzip -n9", "-cf"]);
    tar.arg(archive).arg(name).quiet().map(drop)
}
