//! Root folders: a whole Debian, or nothing but what a check puts there.
//!
//! A program in such a folder runs in namespaces of its own, so the only file system that it needs, `/proc`,
//! is unmounted with its end, even if the check is killed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use xtask_base::process::Program;
use xtask_base::{output, python};

use crate::{Dist, tools};

/// The release whose C library the programs are tried with: glibc 2.31.
const OLD_DEBIAN: &str = "bullseye";

/// How long the installation of a Debian may take.
const BOOTSTRAP_TIMEOUT: Duration = Duration::from_secs(1200);

/// How long a script in a root may run.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(300);

/// Enters a root. It becomes a mount of its own first, so that programs in it can see which file system it is.
const ENTER: &str =
    r#"mount --bind "$0" "$0"; mount -t proc proc "$0/proc"; exec chroot "$0" "$@""#;

/// An installed Debian with man-db, which checks copy and do not change.
pub(super) struct Debian {
    folder: PathBuf,
    work: PathBuf,
}

impl Debian {
    /// Installs an old Debian unless it is there.
    pub(super) fn old(dist: &Dist) -> Result<Self> {
        let work = dist.work.join("roots");
        let folder = work.join(OLD_DEBIAN);
        python::install_once(&folder, OLD_DEBIAN, || bootstrap(&folder))?;
        Ok(Self { folder, work })
    }

    /// Copies it into a root that the check may change.
    pub(super) fn copy(&self, name: &str) -> Result<Root> {
        let root = Root::empty(&self.work, name)?;
        let all = self.folder.join(".");
        Program::new("cp").arg("-a").arg(all).arg(&root.folder).quiet()?;
        fs::remove_file(root.folder.join("complete"))?;
        Ok(root)
    }
}

fn bootstrap(folder: &Path) -> Result<()> {
    tools::debian("debootstrap", "debootstrap")?;
    output::line(format_args!(
        "installing Debian {OLD_DEBIAN}; this happens once and takes some minutes"
    ));
    let mirror = mirror()?;
    let options = ["--variant=minbase", "--include=man-db", OLD_DEBIAN];
    let debootstrap = Program::within(BOOTSTRAP_TIMEOUT, "debootstrap").args(options);
    debootstrap.arg(folder).arg(mirror).quiet()?;
    Ok(())
}

/// Returns the archive from which this machine installs its own packages.
fn mirror() -> Result<String> {
    let options =
        ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Component: main"];
    let archives = Program::new("apt-get").args(options).quiet()?.stdout;
    let main = archives.lines().find(|uri| uri.trim_end_matches('/').ends_with("/debian"));
    Ok(main.context("apt-get knows no archive of Debian: configure one")?.to_owned())
}

/// A root folder of a check. It is removed with this value.
pub(super) struct Root {
    /// Where it is.
    pub(super) folder: PathBuf,
}

impl Root {
    /// Makes an empty one.
    pub(super) fn empty(work: &Path, name: &str) -> Result<Self> {
        let folder = work.join(format!("check-{name}"));
        python::remove(&folder)?;
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Copies a file into it, under its own name in `/`.
    pub(super) fn put(&self, file: &Path) -> Result<()> {
        let name = file.file_name().context("no file name")?;
        let copied = fs::copy(file, self.folder.join(name));
        copied.map(drop).with_context(|| format!("cannot copy {}", file.display()))
    }

    /// Runs a shell script in it, and returns what it prints.
    pub(super) fn script(&self, script: &str) -> Result<String> {
        self.program("/bin/sh").args(["-euc", script]).quiet().map(|end| end.stdout)
    }

    /// Makes a program in it, without the environment of this process.
    pub(super) fn program(&self, program: &str) -> Program {
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let variables = ["LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "HOME=/root", path];
        let env =
            Program::within(SCRIPT_TIMEOUT, "env").arg("--ignore-environment").args(variables);
        let namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"];
        let enter = env.args(namespaces).args(["sh", "-euc", ENTER]);
        enter.arg(&self.folder).arg(program)
    }

    /// Lists the paths of everything in it.
    pub(super) fn paths(&self) -> Result<BTreeSet<String>> {
        let find = Program::new("find").arg(".").dir(&self.folder).quiet()?.stdout;
        Ok(find.lines().map(str::to_owned).collect())
    }

    /// Checks that only these paths are there, except for files that package managers keep.
    pub(super) fn ensure_only(&self, before: &BTreeSet<String>, kept: &[&str]) -> Result<()> {
        let after = self.paths()?;
        let is_kept = |path: &&String| kept.iter().any(|begin| path.starts_with(begin));
        let left: Vec<_> = after.difference(before).filter(|path| !is_kept(path)).collect();
        ensure!(left.is_empty(), "left behind: {left:?}");
        let lost: Vec<_> = before.difference(&after).filter(|path| !is_kept(path)).collect();
        ensure!(lost.is_empty(), "removed, but not from this package: {lost:?}");
        Ok(())
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.folder);
    }
}
