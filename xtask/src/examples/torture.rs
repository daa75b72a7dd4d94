//! Runs `dsnap-testkit torture` with backup scripts of `docs/examples`. No verdict may be red.
//!
//! One script gets all faults. The others get a few, because each fault takes two runs of a script.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use xtask_base::process::Program;
use xtask_base::{output, workspace};

/// How long all faults may take for one example.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The faults for the other scripts.
const SELECTION: [&str; 3] = ["undisturbed", "snapshot-broken", "kill-running"];

/// A backup script, the commands before it, and the commands that restore its backup, if torture cannot.
struct Example {
    name: &'static str,
    /// Sets its variables, and prepares what it needs.
    begin: &'static str,
    restore: Option<&'static str>,
    faults: &'static [&'static str],
}

const EXAMPLES: [Example; 4] = [
    Example {
        name: "backup-tar.sh",
        begin: "export BACKUPS=$DSNAP_TESTKIT_TARGET",
        restore: None,
        faults: &SELECTION,
    },
    Example {
        name: "backup-rsync.sh",
        begin: "export BACKUPS=$DSNAP_TESTKIT_TARGET",
        restore: None,
        faults: &[],
    },
    Example {
        name: "backup-restic.sh",
        begin: "export RESTIC_REPOSITORY=$DSNAP_TESTKIT_TARGET/restic
            test -e \"$RESTIC_REPOSITORY/config\" || restic init --quiet",
        restore: Some(
            "restic -r \"$DSNAP_TESTKIT_TARGET/restic\" restore --quiet latest --target .",
        ),
        faults: &SELECTION,
    },
    Example {
        name: "backup-borg.sh",
        begin: "export BORG_REPO=$DSNAP_TESTKIT_TARGET/borg
            test -e \"$BORG_REPO/config\" || borg init --encryption=repokey",
        restore: Some(
            "export BORG_REPO=$DSNAP_TESTKIT_TARGET/borg
            borg break-lock && borg extract \"::$(borg list --short --last 1)\"",
        ),
        faults: &SELECTION,
    },
];

/// Tries the faults on every backup, on all at the same time. The folder contains dsnap and dsnap-testkit.
pub(super) fn run(programs: &Path) -> Result<()> {
    let names = EXAMPLES.map(|example| example.name).join(", ");
    output::line(format_args!("torture: {names}"));
    thread::scope(|threads| {
        let started = EXAMPLES.map(|example| threads.spawn(move || example.torture(programs)));
        let ended = started.map(|it| it.join().unwrap_or_else(|_| Err(anyhow!("a panic"))));
        ended.into_iter().collect()
    })
}

impl Example {
    fn torture(&self, programs: &Path) -> Result<()> {
        let folder = workspace::target()?.join("examples/torture").join(self.name);
        _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("password"), "a secret\n")?;
        let backup = format!(
            "{}\nexec dsnap --storage \"$DSNAP_TESTKIT_STORAGE\" '{}'",
            self.begin,
            super::folder().join(self.name).display()
        );
        write_script(&folder.join("backup"), &backup)?;
        let mut testkit = Program::within(TIMEOUT, programs.join("dsnap-testkit")).arg("torture");
        if let Some(restore) = self.restore {
            write_script(&folder.join("restore"), restore)?;
            testkit = testkit.arg("--restore").arg(folder.join("restore"));
        }
        let testkit = testkit.args(self.faults.iter().flat_map(|fault| ["--only", *fault]));
        let testkit = testkit.arg("--").arg(folder.join("backup")).dir(&folder);
        let testkit = testkit.env("RESTIC_PASSWORD_FILE", folder.join("password"));
        let show_password = format!("cat '{}'", folder.join("password").display());
        let testkit = testkit.env("BORG_PASSCOMMAND", show_password);
        let testkit = testkit.env("HOME", &folder).env("BORG_BASE_DIR", &folder);
        let testkit = testkit.env("XDG_CACHE_HOME", folder.join("cache")).path_first(programs)?;
        testkit.quiet().with_context(|| format!("docs/examples/{}", self.name))?;
        Ok(fs::remove_dir_all(&folder)?)
    }
}

fn write_script(path: &Path, text: &str) -> Result<()> {
    fs::write(path, format!("#!/bin/sh\nset -eu\n{text}\n"))?;
    Ok(fs::set_permissions(path, Permissions::from_mode(0o755))?)
}
