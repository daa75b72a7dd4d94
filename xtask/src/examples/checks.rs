//! Examples of `docs/examples` that are not run: the programs that they are for read and judge them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use xtask_base::process::Program;
use xtask_base::{output, workspace};

/// How long one check may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The greatest exposure of the service that `systemd-analyze security` may find, times ten.
const MAX_EXPOSURE: &str = "20";

const SERVICE: &str = "dsnap-backup.service";
const TIMER: &str = "dsnap-backup.timer";

/// Checks every such example. The folder contains dsnap and dsnap-testkit; `modules` has PyYAML.
pub(super) fn run(programs: &Path, modules: &Path) -> Result<()> {
    scripts()?;
    units(programs)?;
    prometheus(programs)?;
    cronjob(modules)
}

/// Checks the syntax of all shell scripts.
fn scripts() -> Result<()> {
    output::line("shell scripts: sh -n, shellcheck");
    let mut scripts = Vec::new();
    for file in fs::read_dir(super::folder())? {
        let path = file?.path();
        if path.extension().is_some_and(|it| it == "sh") {
            check("sh").arg("-n").arg(&path).quiet()?;
            scripts.push(path);
        }
    }
    ensure!(!scripts.is_empty(), "docs/examples contains no script");
    check("shellcheck").args(scripts).quiet().map(drop)
}

/// Checks the units of systemd: their syntax, and how much the service is exposed.
fn units(programs: &Path) -> Result<()> {
    output::line("units: systemd-analyze verify, systemd-analyze security");
    let folder = workspace::target()?.join("examples/units");
    fs::create_dir_all(&folder)?;
    let service = adapted_unit(SERVICE, programs, &folder)?;
    let timer = adapted_unit(TIMER, programs, &folder)?;
    let verified = check("systemd-analyze").arg("verify").arg(&service).arg(&timer).quiet()?;
    // A setting that systemd does not know is only a warning.
    ensure!(!verified.stderr.contains("dsnap-backup"), "{}", verified.stderr);
    let security = ["security", "--offline=true", "--no-pager", "--threshold"];
    let security = check("systemd-analyze").args(security).arg(MAX_EXPOSURE).arg(&service);
    let judged = security.quiet()?;
    let exposure = judged.stdout.lines().find(|line| line.contains("exposure level"));
    output::line(exposure.context("systemd-analyze gives no exposure level")?.trim());
    Ok(fs::remove_dir_all(folder)?)
}

/// Copies a unit, with the programs that are built here: `verify` looks for them.
fn adapted_unit(name: &str, programs: &Path, folder: &Path) -> Result<PathBuf> {
    let (path, text) = (folder.join(name), fs::read_to_string(super::folder().join(name))?);
    let dsnap = programs.join("dsnap").display().to_string();
    let script = super::folder().join("backup-tar.sh").display().to_string();
    let text = text.replace("/usr/local/bin/dsnap", &dsnap);
    fs::write(&path, text.replace("/usr/local/bin/backup-tar.sh", &script))?;
    Ok(path)
}

/// Checks the alert rules, that they fire when they should, and the metrics that a run writes.
fn prometheus(programs: &Path) -> Result<()> {
    output::line("Prometheus: promtool check rules, test rules, check metrics");
    let rules = super::folder().join("prometheus-rules.yml");
    check("promtool").args(["check", "rules"]).arg(rules).quiet()?;
    let tests = workspace::root().join("xtask/examples/prometheus-rules-test.yml");
    check("promtool").args(["test", "rules"]).arg(tests).quiet()?;
    let testkit = check(programs.join("dsnap-testkit")).args(["run", "--", "sh", "-ec"]);
    let run = "file=$DSNAP_TESTKIT_STORAGE/../ds.prom
        dsnap -q --metrics \"$file\" --storage \"$DSNAP_TESTKIT_STORAGE\" true
        promtool check metrics <\"$file\"";
    testkit.arg(run).path_first(programs)?.quiet().map(drop)
}

/// Checks that the CronJob of Kubernetes is YAML, and consistent.
fn cronjob(modules: &Path) -> Result<()> {
    output::line("Kubernetes: check_cronjob.py");
    let script = workspace::root().join("xtask/examples/check_cronjob.py");
    let file = super::folder().join("kubernetes-cronjob.yaml");
    let check = check("python3").arg(script).arg(file).env("PYTHONPATH", modules);
    check.env("PYTHONDONTWRITEBYTECODE", "1").quiet().map(drop)
}

fn check(program: impl AsRef<std::ffi::OsStr>) -> Program {
    Program::within(TIMEOUT, program)
}
