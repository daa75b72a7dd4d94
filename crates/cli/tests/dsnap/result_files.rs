//! `--report` and `--metrics`: what other programs are told of a run.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

use dsnap_testkit::State;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::Value;

use crate::support::{
    DIRECT, Dsnap, HTTP, document, folder, site, storage, storage_of_another_user,
};

fn report(path: &Path) -> Value {
    document(&fs::read_to_string(path).unwrap(), "report")
}

/// The value of a metric.
fn metric(path: &Path, name: &str) -> Option<f64> {
    let text = fs::read_to_string(path).unwrap();
    let line = text.lines().find(|line| line.starts_with(&format!("{name}{{storage=\"")))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn a_report_contains_the_result_of_a_run() {
    let (site, folder) = (site(), folder());
    let path = folder.path().join("report.json");
    let ran = Dsnap::at(&site).arg("--report").arg(&path).args(["sh", "-c", "exit 3"]).run();
    ran.says(3, HTTP);
    let report = report(&path);
    assert_eq!(report["schema_version"], 1);
    assert_eq!(report["storage"], site.path().display().to_string());
    assert_eq!((&report["exit_status"], &report["command"]), (&3.into(), &"sh".into()));
    assert_eq!((&report["good"], &report["fresh"]), (&true.into(), &true.into()));
    assert_eq!(report["method"], site.urls()[0].as_str());
    assert_eq!(report["last_transaction"], site.ledger().unwrap().last_tid_hex().as_str());
    assert!(report["code"].as_str().is_some_and(|code| !code.is_empty()), "{report}");
    assert_eq!(report["reasons"], Value::Array(Vec::new()));
    let seconds = |name: &str| report[name].as_f64().unwrap();
    assert!(seconds("command_seconds") <= seconds("frozen_seconds"), "{report}");
    assert!(seconds("frozen_seconds") <= seconds("duration_seconds"), "{report}");
    assert!(seconds("began") <= seconds("ended"), "{report}");
}

#[test]
fn a_report_of_a_run_without_a_snapshot_gives_the_reason() {
    let folder = folder();
    let path = folder.path().join("report.json");
    let ran = Dsnap::new().arg("--report").arg(&path).storage(folder.path()).arg("true").run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    let report = report(&path);
    assert_eq!((&report["exit_status"], &report["good"]), (&125.into(), &false.into()));
    let reason = report["reasons"][0].as_str().unwrap();
    assert!(reason.ends_with("is not a DirectoryStorage directory"), "{report}");
}

#[test]
fn a_report_of_a_command_that_did_not_run_or_was_ended_is_no_success() {
    let (fixture, folder) = (storage(State::Clean), folder());
    let path = folder.path().join("report.json");
    let run = |args: &[&str]| {
        let ran = Dsnap::on(&fixture).arg("--report").arg(&path).args(args).run();
        let report = report(&path);
        assert_eq!(report["exit_status"].as_i64().map(|it| it as i32), ran.status.code(), "{ran}");
        report
    };
    let absent = run(&["no-such-command"]);
    assert_eq!((&absent["good"], &absent["exit_status"]), (&false.into(), &127.into()));
    assert_eq!(absent["reasons"][0], "COMMAND was not found");
    let overdue = run(&["--max-hold", "0.1", "sleep", "1000"]);
    assert_eq!(overdue["exit_status"], 124);
    assert_eq!(overdue["reasons"][0], "COMMAND was ended because of --max-hold");
    assert_eq!(overdue["good"], false, "COMMAND was cut short");
}

#[test]
fn a_report_of_a_test_names_the_snapshot_as_that_of_a_command_does() {
    let (site, folder) = (site(), folder());
    let path = folder.path().join("report.json");
    Dsnap::at(&site).arg("--report").arg(&path).run().says(0, HTTP);
    let report = report(&path);
    assert_eq!(report["last_transaction"], site.ledger().unwrap().last_tid_hex().as_str());
    assert!(report["code"].as_str().is_some_and(|code| !code.is_empty()), "{report}");
    assert_eq!((&report["command"], &report["good"]), (&Value::Null, &true.into()));
}

#[test]
fn a_run_inside_one_that_accepted_an_old_snapshot_is_not_fresh_either() {
    for (state, options, fresh) in [
        (State::InSnapshot, &["--method", "nodirect", "--accept-existing", "3650d"][..], false),
        (
            State::ShutdownWithJournal,
            &["--method", "nodirect", "--accept-existing", "3650d"],
            false,
        ),
        (State::Clean, &[], true),
    ] {
        let (fixture, folder) = (storage(state), folder());
        let (outer, inner) = (folder.path().join("outer"), folder.path().join("inner"));
        let dsnap = Dsnap::on(&fixture).args(options).arg("--report").arg(&outer);
        let nested = [env!("CARGO_BIN_EXE_dsnap"), "--report"];
        let ran = dsnap.args(nested).arg(&inner).arg("true").run();
        assert_eq!(ran.status.code(), Some(0), "{ran}");
        let (outer, inner) = (report(&outer), report(&inner));
        assert_eq!((&outer["fresh"], &inner["fresh"]), (&fresh.into(), &fresh.into()), "{state:?}");
        assert_eq!(outer["code"], inner["code"], "{state:?}");
    }
}

#[test]
fn metrics_of_a_failed_run_keep_the_last_success() {
    let (fixture, folder) = (storage(State::Clean), folder());
    let path = folder.path().join("dsnap.prom");
    let run = |command: &str| Dsnap::on(&fixture).arg("--metrics").arg(&path).arg(command).run();
    run("true").says(0, DIRECT);
    let succeeded = metric(&path, "dsnap_last_success_timestamp_seconds").unwrap();
    let transaction = metric(&path, "dsnap_last_success_transaction_timestamp_seconds").unwrap();
    assert!(transaction > 1.7e9 && succeeded >= transaction, "{transaction}, {succeeded}");
    assert_eq!(metric(&path, "dsnap_last_run_exit_status"), Some(0.0));
    run("false");
    assert_eq!(metric(&path, "dsnap_last_run_exit_status"), Some(1.0));
    assert_eq!(metric(&path, "dsnap_last_success_timestamp_seconds"), Some(succeeded));
    // A test without COMMAND backs up nothing.
    Dsnap::on(&fixture).arg("--metrics").arg(&path).run().says(0, DIRECT);
    assert_eq!(metric(&path, "dsnap_last_run_exit_status"), Some(0.0));
    assert_eq!(metric(&path, "dsnap_last_success_timestamp_seconds"), Some(succeeded));
    assert_eq!(
        metric(&path, "dsnap_last_success_transaction_timestamp_seconds"),
        Some(transaction)
    );
    // An old file that nobody could have written is as good as none.
    fs::write(&path, "dsnap_last_success_timestamp_seconds{storage=\"x\"} NaN\n\u{0}").unwrap();
    run("false");
    assert_eq!(metric(&path, "dsnap_last_success_timestamp_seconds"), None);
    assert_eq!(metric(&path, "dsnap_unmerged_files"), Some(0.0));
}

#[test]
fn a_file_that_cannot_be_written_is_only_a_warning() {
    let (fixture, folder) = (storage(State::Clean), folder());
    for option in ["--report", "--metrics"] {
        let path = folder.path().join("absent/file");
        let ran = Dsnap::on(&fixture).knows_as(folder.path(), "FOLDER").arg(option).arg(&path);
        let warning = format!(
            "{DIRECT}warning: {option}: FOLDER/absent/file cannot be written: No such file or directory\n"
        );
        let ran = ran.arg("true").run();
        assert!(ran.stderr.starts_with(&warning), "{ran}");
        assert_eq!(ran.status.code(), Some(0), "{ran}");
    }
}

#[test]
fn only_a_regular_file_is_replaced() {
    let (fixture, folder) = (storage(State::Clean), folder());
    let (pipe, link) = (folder.path().join("pipe"), folder.path().join("link"));
    mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink(&pipe, &link).unwrap();
    for option in ["--report", "--metrics"] {
        for path in [&pipe, &link] {
            let ran = Dsnap::on(&fixture).arg(option).arg(path).arg("true").run();
            assert_eq!(ran.status.code(), Some(0), "{ran}");
            assert!(ran.stderr.contains("cannot be written: not a regular file"), "{ran}");
        }
    }
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn only_a_run_takes_report_and_metrics() {
    let (fixture, folder) = (storage(State::Clean), folder());
    for action in ["--recover", "--status", "--list-methods"] {
        for option in ["--report", "--metrics"] {
            let path = folder.path().join("file");
            let ran = Dsnap::on(&fixture).arg(action).arg(option).arg(&path).run();
            assert_eq!(ran.status.code(), Some(125), "{ran}");
            assert!(
                ran.stderr.starts_with(&format!("usage: {option} works only with a run\n")),
                "{ran}"
            );
            assert!(!path.exists());
        }
    }
}

/// `/dev/stdout` leads to a regular file here. The link is the whole machine's.
#[test]
fn standard_output_is_not_replaced() {
    let fixture = storage(State::Clean);
    // Storages of tests are in /dev/shm.
    let script = r#"mount -t tmpfs dev /mnt && mkdir /mnt/shm && mount --bind /dev/shm /mnt/shm &&
        mknod -m 666 /mnt/null c 1 3 && ln -s /proc/self/fd/1 /mnt/stdout &&
        mount --rbind /mnt /dev && "$@" > /mnt/output && test -h /dev/stdout"#;
    let ran = Dsnap::through(&["unshare", "--mount", "sh", "-c", script, "sh"])
        .storage(fixture.path())
        .args(["--report", "/dev/stdout", "true"])
        .run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert!(ran.stderr.contains("--report: /dev/stdout cannot be written"), "{ran}");
}

#[test]
fn a_file_takes_the_place_of_the_old_one_and_everybody_may_read_it() {
    let (fixture, folder) = (storage(State::Clean), folder());
    let (path, target) = (folder.path().join("report"), folder.path().join("target"));
    fs::write(&target, "untouched").unwrap();
    std::os::unix::fs::symlink(&target, &path).unwrap();
    let ran = Dsnap::through_shell("umask 077; exec \"$@\"").knows(fixture.path());
    ran.storage(fixture.path())
        .args(["--method", "direct"])
        .arg("--report")
        .arg(&path)
        .arg("true")
        .run()
        .says(0, DIRECT);
    assert_eq!(fs::read_to_string(&target).unwrap(), "untouched");
    let found = path.symlink_metadata().unwrap();
    assert!(found.is_file());
    assert_eq!(found.permissions().mode() & 0o777, 0o644);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
}

#[test]
fn roots_files_are_written_with_roots_privileges() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Clean) else { return };
    let folder = folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let path = folder.path().join("report");
    Dsnap::on(&fixture).arg("--report").arg(&path).arg("true").run().says(0, DIRECT);
    assert_eq!(path.metadata().unwrap().uid(), 0);
}
