//! `--also`: COMMAND runs with all storages frozen, or not at all, and every one is left.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use dsnap_testkit::{Fixture, Site, State, locks};
use nix::sys::signal::Signal::SIGTERM;
use tempfile::TempDir;

use crate::support::{
    BOTH, CHECK, Dsnap, GROUP, OWNER, assert_free, both, busy_site, chown_all, document, folder,
    is_locked, site, storage, storage_of_another_user, storage_with_conf,
};

const DSNAP: &str = env!("CARGO_BIN_EXE_dsnap");

/// A run with both storages, which no server has open.
fn both_closed(one: &Fixture, two: &Fixture) -> Dsnap {
    Dsnap::on(one).arg("--also").arg(two.path()).knows_as(two.path(), "DIR2")
}

fn two_closed() -> [Fixture; 2] {
    [storage_with_conf(State::Clean, ""), storage_with_conf(State::Clean, "")]
}

#[test]
fn two_live_sites_are_copied_in_one_run_and_both_copies_are_good() {
    let (one, two, copies) = (busy_site(), busy_site(), folder());
    let script = format!("{CHECK}cp -a \"$1/A\" \"$TO/one\" && cp -a \"$2/A\" \"$TO/two\"");
    let ran = both(&one, &two).env("TO", copies.path()).sh(&script).run();
    ran.says(0, BOTH).prints("");
    for (site, copy) in [(&one, "one"), (&two, "two")] {
        site.ledger().unwrap().verify(&copies.path().join(copy)).assert_holds();
        assert_free(site);
    }
}

#[test]
fn a_closed_storage_and_a_live_one_are_frozen_together() {
    let (closed, site, copies) = (storage_with_conf(State::Crashed, ""), site(), folder());
    let script = "cp -a \"$0/A\" \"$TO/closed\" && cp -a \"$1/A\" \"$TO/live\"";
    let run = |dsnap: Dsnap| {
        let dsnap = dsnap.env("TO", copies.path()).args(["sh", "-c", script]);
        dsnap.arg(closed.path()).arg(site.path()).run()
    };
    let ran = run(Dsnap::at(&site).arg("--also").arg(closed.path()));
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    closed.ledger().verify(&copies.path().join("closed")).assert_holds();
    site.ledger().unwrap().verify(&copies.path().join("live")).assert_holds();
    let ran = run(Dsnap::new().storage(closed.path()).arg("--also").arg(site.path()));
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert_free(&site);
    assert!(!is_locked(&closed.storage().sublock()));
}

/// What the testkit wrote down about the snapshots of a site.
fn snapshots(site: &Site) -> String {
    fs::read_to_string(site.storage().misc().join("dsnap-testkit")).unwrap()
}

#[test]
fn while_one_storage_is_in_use_no_other_is_entered() {
    let (one, two) = (site(), site());
    two.server().unwrap().enter("stranger").unwrap();
    let before = snapshots(&one);
    let ran = both(&one, &two).args(["echo", "ran"]).run().prints("");
    let ran =
        ran.mentions("COMMAND was not run: DIR2 is in the snapshot `user/stranger`, entered ");
    assert_eq!(ran.status.code(), Some(75), "{ran}");
    assert_eq!(snapshots(&one), before, "nothing was entered");
    ran.hint("if nobody uses it any more: dsnap --storage DIR2 --recover --code stranger");
}

#[test]
fn a_storage_that_is_waited_for_keeps_no_other_frozen() {
    let (one, two) = (site(), site());
    let other_run = locks::Holder::hold(&two.storage().run_lock()).unwrap();
    let mut waiting = both(&one, &two).args(["-t", "5m", "-s", "0.1", "echo", "ran"]).spawn();
    waiting.wait_for("Retrying snapshot.... (");
    assert_eq!(one.held(), None);
    drop(other_run);
    let ran = waiting.end().prints("ran\n");
    assert!(ran.stderr.contains("DIR: Left snapshot mode"), "{ran}");
    assert_free(&one);
    assert_free(&two);
}

#[test]
fn a_signal_ends_command_and_leaves_all_storages() {
    let (one, two) = (site(), site());
    let running = both(&one, &two).sh("echo begun; exec sleep 600").start();
    running.signal(SIGTERM);
    running.end().says(128 + 15, BOTH);
    assert_free(&one);
    assert_free(&two);
}

#[test]
fn max_hold_ends_command_and_leaves_all_storages() {
    let (one, two) = (site(), site());
    let ran = both(&one, &two).args(["--max-hold", "0.5", "sleep", "600"]).run();
    assert_eq!(ran.status.code(), Some(124), "{ran}");
    assert!(ran.stderr.starts_with(BOTH), "{ran}");
    assert_free(&one);
    assert_free(&two);
}

#[test]
fn a_guarantee_that_was_broken_in_one_storage_gives_122_and_all_are_left() {
    let (site, closed) = (site(), storage_with_conf(State::Clean, ""));
    let dsnap = Dsnap::at(&site).arg("--also").arg(closed.path()).knows_as(closed.path(), "DIR2");
    let ran = dsnap.arg("rm").arg(closed.storage().snapshot()).run();
    assert_eq!(ran.status.code(), Some(122), "{ran}");
    ran.mentions("guarantee was broken: DIR2/misc/snapshot was `shutdown` and is absent now")
        .mentions("DIR: Left snapshot mode");
    assert_free(&site);
    assert!(!is_locked(&closed.storage().sublock()));
}

#[test]
fn the_variables_name_all_storages_in_the_order_given() {
    let [one, two] = two_closed();
    let script = "echo \"$SNAPSHOT_DIRECTORY\" \"$SNAPSHOT_DIRECTORIES\"; \
        echo \"$SNAPSHOT_CODE\" \"$SNAPSHOT_CODES\"; echo \"$SNAPSHOT_TID\" \"$SNAPSHOT_TIDS\"";
    let ran = both_closed(&one, &two).sh(script).run();
    let words: Vec<_> = ran.stdout.split_whitespace().collect();
    assert_eq!(words[..3], ["DIR", "DIR", "DIR2"], "{ran}");
    assert!(words[3] == words[4] && words[4] != words[5], "{ran}");
    let tids = [&one, &one, &two].map(|it| it.ledger().last_tid_hex());
    assert_eq!(words[6..], tids, "{ran}");
}

#[test]
fn with_one_storage_the_lists_are_unset() {
    let fixture = storage(State::Clean);
    let dsnap = Dsnap::on(&fixture).env("SNAPSHOT_DIRECTORIES", "left\nover");
    let dsnap = dsnap.env("SNAPSHOT_CODES", "x\ny").env("SNAPSHOT_TIDS", "1\n2");
    dsnap.sh("env | grep -E 'SNAPSHOT_(DIRECTORIES|CODES|TIDS)'").run().prints("");
}

#[test]
fn a_run_inside_may_name_any_of_the_storages_and_gets_its_variables() {
    let [one, two] = two_closed();
    let tell = "sh -c 'echo \"$SNAPSHOT_DIRECTORY\" \"$SNAPSHOT_CODE\"'";
    let inner = |dir: &Fixture| format!("{DSNAP} --storage {} {tell}", dir.path().display());
    // Inside of the run inside, the first one can be named again.
    let script = format!(
        "set -- $SNAPSHOT_CODES; echo $1 $2; {DSNAP} {tell}; {}; {DSNAP} --storage {} {}",
        inner(&two),
        two.path().display(),
        inner(&one)
    );
    let ran = both_closed(&one, &two).sh(&script).run();
    let lines: Vec<_> = ran.stdout.lines().collect();
    let (first, second) = lines[0].split_once(' ').unwrap();
    let [of_one, of_two] = [format!("DIR {first}"), format!("DIR2 {second}")];
    assert_eq!(lines[1..], [of_one.clone(), of_two, of_one], "{ran}");
    let third = storage(State::Clean);
    let ran =
        both_closed(&one, &two).args([DSNAP, "--storage"]).arg(third.path()).arg("true").run();
    ran.mentions("COMMAND was not run: this runs inside a snapshot of DIR, DIR2, not of ");
}

#[test]
fn a_run_inside_checks_the_storage_that_it_names() {
    let [one, two] = two_closed();
    let remove = "sh -c 'rm \"$SNAPSHOT_DIRECTORY/misc/snapshot\"'";
    let inner = format!("{DSNAP} --storage {} {remove}", two.path().display());
    let ran = both_closed(&one, &two).sh(&inner).run();
    assert_eq!(ran.status.code(), Some(122), "{ran}");
    ran.counts("the guarantee was broken: DIR2/misc/snapshot", 2);
}

#[test]
fn a_snapshot_of_somebody_else_can_be_accepted_beside_one_of_this_run() {
    let (one, two) = (site(), site());
    two.server().unwrap().enter("stranger").unwrap();
    let ran = both(&one, &two).args(["--accept-existing", "1h", "echo", "ran"]).run();
    let accepted = "DIR2: Using the existing snapshot `user/stranger`, ";
    let ran = ran.mentions(accepted).prints("ran\n");
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert_eq!(two.held().as_deref(), Some("user/stranger"), "it is not left");
    assert_free(&one);
}

#[test]
fn the_conf_of_the_command_line_is_that_of_the_first_storage() {
    let [one, two] = [storage_with_conf(State::Crashed, ""), storage_with_conf(State::Crashed, "")];
    fs::write(two.path().join("config/snapshot.conf"), "nodirect\n").unwrap();
    let ran = both_closed(&one, &two).args(["--method", "direct", "true"]).run();
    ran.ends(125, "COMMAND was not run: DIR2 is not a snapshot (no misc/snapshot)");
    assert!(!is_locked(&one.storage().sublock()));
}

#[test]
fn report_and_metrics_tell_of_every_storage() {
    let ([one, two], folder) = (two_closed(), folder());
    let (report, metrics) = (folder.path().join("report"), folder.path().join("metrics"));
    let dsnap = both_closed(&one, &two).arg("--report").arg(&report).arg("--metrics").arg(&metrics);
    let ran = dsnap.arg("true").run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    let report = document(&fs::read_to_string(report).unwrap(), "report");
    let [path, path_of_two] = [&one, &two].map(|it| it.path().display().to_string());
    assert_eq!((&report["storage"], &report["good"]), (&path.clone().into(), &true.into()));
    let also = &report["also"][0];
    assert_eq!(also["storage"], path_of_two);
    assert_eq!(also["method"], "direct access");
    assert_eq!(also["last_transaction"], two.ledger().last_tid_hex());
    assert_ne!(also["code"], report["code"]);
    let metrics = fs::read_to_string(metrics).unwrap();
    for name in ["dsnap_last_success_timestamp_seconds", "dsnap_unmerged_bytes"] {
        let series = |path: &str| metrics.find(&format!("\n{name}{{storage=\"{path}\"}} "));
        assert!(series(&path).is_some() && series(&path) < series(&path_of_two), "{metrics}");
        assert_eq!(metrics.matches(&format!("# TYPE {name} ")).count(), 1, "{metrics}");
    }
}

#[test]
fn a_directory_that_is_no_storage_is_named_and_nothing_is_entered() {
    let ([one, _two], folder) = (two_closed(), folder());
    let ran = Dsnap::on(&one).knows_as(folder.path(), "FOLDER").arg("--also").arg(folder.path());
    let ran = ran.args(["echo", "ran"]).run().prints("");
    ran.ends(125, "COMMAND was not run: FOLDER is not a DirectoryStorage directory");
}

#[test]
fn the_script_in_the_docs_makes_one_archive_for_each_storage() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/several-storages.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, script) = page.split_once("```sh\n#!/bin/sh -e\n").unwrap();
    let (script, _) = script.split_once("```").unwrap();
    let ([one, two], folder) = (two_closed(), folder());
    let script = script.replace("/backup/", &format!("{}/", folder.path().display()));
    let ran = both_closed(&one, &two).args(["sh", "-ec", &script]).run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    for fixture in [&one, &two] {
        let name = fixture.path().file_name().unwrap().to_str().unwrap();
        let archive = folder.path().join(format!("{name}.tgz"));
        let copy = folder.path().join(name);
        fs::create_dir(&copy).unwrap();
        let mut tar = std::process::Command::new("tar");
        assert!(tar.arg("-xzf").arg(archive).arg("-C").arg(&copy).status().unwrap().success());
        fixture.ledger().verify(&copy.join("A")).assert_holds();
    }
}

/// Who owns the files below a path.
fn owners(path: &Path, seen: &mut Vec<u32>) {
    let found = fs::symlink_metadata(path).unwrap();
    seen.push(found.uid());
    if found.is_dir() {
        fs::read_dir(path).unwrap().flatten().for_each(|entry| owners(&entry.path(), seen));
    }
}

/// The owner of the second storage.
const OTHER: u32 = OWNER + 7;

/// Two storages of different users, of whom neither can look into the storage of the other one.
fn of_two_owners(state: State) -> Option<[(TempDir, Fixture); 2]> {
    let (one, two) = (storage_of_another_user(state)?, storage_of_another_user(state)?);
    chown_all(two.1.path(), OTHER, GROUP);
    for (_, fixture) in [&one, &two] {
        fs::set_permissions(fixture.path(), Permissions::from_mode(0o700)).unwrap();
    }
    Some([one, two])
}

#[test]
fn a_server_that_was_started_meanwhile_is_seen_with_its_own_owners_privileges() {
    let Some([(_one, one), (_two, two)]) = of_two_owners(State::Clean) else { return };
    let script = "echo ' 4711' >\"$0/misc/lock\"; exit 9";
    let ran = both_closed(&one, &two).args(["-q", "sh", "-c", script]).arg(two.path()).run();
    let ran = ran.mentions("DIR2: a server was started while the snapshot was in use");
    assert_eq!(ran.status.code(), Some(9), "{ran}");
}

#[test]
fn root_works_on_each_storage_with_its_own_owners_privileges() {
    let Some([(_one, one), (_two, two)]) = of_two_owners(State::Crashed) else { return };
    let roots = storage_with_conf(State::Crashed, "");
    for (first, others) in [(&one, [&two, &roots]), (&roots, [&one, &two])] {
        let dsnap = Dsnap::on(first).arg("--also").arg(others[0].path()).arg("--also");
        let ran = dsnap.arg(others[1].path()).args(["id", "-u"]).run().prints("0\n");
        assert_eq!(ran.status.code(), Some(0), "{ran}");
    }
    for (fixture, owner) in [(&one, OWNER), (&two, OTHER), (&roots, 0)] {
        let mut seen = Vec::new();
        owners(fixture.path(), &mut seen);
        assert!(seen.iter().all(|uid| *uid == owner), "{owner}: {seen:?}");
        fixture.ledger().verify(&fixture.storage().a()).assert_holds();
    }
}
