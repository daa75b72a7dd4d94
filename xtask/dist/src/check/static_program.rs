//! The static program in a folder that contains nothing but itself, a storage and the names of users.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Result, ensure};
use xtask_base::process::Program;

use super::root::{Debian, Root};
use crate::Dist;
use crate::programs::Linkage;

/// The storage owner, whose name is in `/etc/passwd` of the folder only.
const PASSWD: &str = "plone:x:54321:54321::/:/\n";

/// Sources that are libraries. A static program must not load them, and must still know the name.
const NSSWITCH: &str = "passwd: sss\ngroup: sss\n";

/// The options of these runs. In this folder, `dsnap` cannot tell that no server has the storage open, so the
/// method must be named.
const DIRECT: [&str; 4] = ["--storage", "/ds", "--method", "direct"];

/// Runs the program with itself as COMMAND, because the folder contains no other one.
pub(super) fn check(dist: &Dist, _: &Debian) -> Result<()> {
    let root = Root::empty(&dist.work, "static")?;
    let programs = Linkage::Static.folder(dist);
    root.put(&programs.join("dsnap"))?;
    for folder in ["proc", "etc"] {
        fs::create_dir(root.folder.join(folder))?;
    }
    fs::write(root.folder.join("etc/passwd"), PASSWD)?;
    fs::write(root.folder.join("etc/nsswitch.conf"), NSSWITCH)?;
    let storage = root.folder.join("ds");
    Program::new(programs.join("dsnap-testkit")).arg("make").arg(&storage).quiet()?;
    Program::new("chown").args(["-R", "54321:54321"]).arg(&storage).quiet()?;
    run(&root)?;
    name_the_owner(&root)
}

/// Recovers the storage, and runs a command in its snapshot.
fn run(root: &Root) -> Result<()> {
    let run = root.program("/dsnap").args(DIRECT).args(["/dsnap", "--list-methods"]).quiet()?;
    let (out, err) = (&run.stdout, &run.stderr);
    ensure!(
        out.contains("static build, which cannot load methods from libraries"),
        "it lists:\n{out}"
    );
    ensure!(err.ends_with("Unlocked snapshot mode\n"), "it says:\n{err}");
    Ok(())
}

/// Makes the program name the storage owner, in a message about a folder that the owner cannot use.
fn name_the_owner(root: &Root) -> Result<()> {
    let misc = root.folder.join("ds/misc");
    Program::new("chown").args(["-R", "root:root"]).arg(&misc).quiet()?;
    fs::set_permissions(&misc, fs::Permissions::from_mode(0o700))?;
    let run = root.program("/dsnap").args(DIRECT).args(["/dsnap", "--version"]).output()?;
    ensure!(run.stderr.contains("by user plone"), "it does not name the user:\n{}", run.stderr);
    Ok(())
}
