//! `cargo xtask tools`: the programs of other projects that the checks use, so that none is passed over
//! in silence because its program is missing.
//!
//! `.ci/run` installs them from Debian.

use anyhow::{Result, bail};
use xtask_base::process::on_path;

/// The programs, and the packages that contain them.
const TOOLS: [(&str, &str); 13] = [
    ("borg", "borgbackup"),
    ("cc", "gcc libc6-dev"),
    ("cpio", "cpio"),
    ("man", "man-db"),
    ("promtool", "prometheus"),
    ("python3", "python3 python3-pip"),
    ("restic", "restic"),
    ("rsync", "rsync"),
    ("setpriv", "util-linux"),
    ("shellcheck", "shellcheck"),
    ("strace", "strace"),
    ("systemd-analyze", "systemd"),
    ("tmux", "tmux"),
];

/// Fails if a program is missing, and names its package.
pub(crate) fn run() -> Result<()> {
    let missing: Vec<_> = TOOLS.iter().filter(|(program, _)| on_path(program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let programs: Vec<_> = missing.iter().map(|(program, _)| *program).collect();
    let packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    bail!(
        "missing: {}\nhint: apt-get install --no-install-recommends {}",
        programs.join(", "),
        packages.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask_base::workspace;

    #[test]
    fn ci_installs_every_tool() {
        let script = std::fs::read_to_string(workspace::root().join(".ci/run")).unwrap();
        for (program, packages) in TOOLS {
            let line = format!("    command -v {program} >/dev/null || echo {packages}\n");
            let is_python = program == "python3" && script.contains(&format!("echo {packages}\n"));
            assert!(script.contains(&line) || is_python, "{program} is not installed: {line}");
        }
    }
}
