//! `--recover --json`: a document for programs, whatever became of the recovery.

use dsnap_engine::system::process::ProcessId;
use dsnap_testkit::site::{Call, Fault};
use dsnap_testkit::{Site, State};
use serde_json::{Value, json};

use crate::support::{Dsnap, Ran, document, site, storage, wait_until};

/// Leaves the site in the snapshot of a killed run, and returns its code.
fn left_in_snapshot(site: &Site) -> String {
    let ran = Dsnap::at(site).sh("echo $$; kill -9 $PPID").run();
    assert_eq!(ran.status.code(), None, "{ran}");
    let command = ran.stdout.trim().parse().unwrap();
    wait_until("COMMAND's end", || ProcessId::of(command).is_none());
    site.held().unwrap()
}

/// Recovers, and asserts that the document has the exit status of the program.
#[track_caller]
fn recovers(dsnap: Dsnap) -> (Ran, Value) {
    let ran = dsnap.args(["--recover", "--json"]).run();
    let said = document(&ran.stdout, "recover");
    assert_eq!(said["exit_status"].as_i64(), ran.status.code().map(i64::from), "{ran}");
    assert_eq!(said["recovered"], ran.status.success(), "{ran}");
    (ran, said)
}

#[test]
fn a_recovery_names_the_snapshots_that_it_left_and_nothing_remains() {
    let site = site();
    let code = left_in_snapshot(&site);
    let (ran, said) = recovers(Dsnap::at(&site));
    assert_eq!(said["exit_status"], 0, "{ran}");
    assert_eq!((&said["left"], &said["unsettled"]), (&json!([code]), &json!([])));
    assert_eq!((&said["snapshot"], &said["text"]), (&json!(null), &json!("DIR: nothing to leave")));
    let (_, said) = recovers(Dsnap::at(&site));
    assert_eq!(said["left"], json!([]), "the second one finds nothing");
}

#[test]
fn a_failed_recovery_names_what_remains_and_its_hints_and_says_so_on_stderr_too() {
    let site = site();
    let code = left_in_snapshot(&site);
    site.fault(None, Fault::Unauthorized, Some(Call::Leave), None);
    let (ran, said) = recovers(Dsnap::at(&site));
    assert_eq!((&said["exit_status"], &said["left"]), (&json!(122), &json!([])), "{ran}");
    assert_eq!((&said["snapshot"], &said["unsettled"]), (&json!(code), &json!([code])));
    let hints = said["next"].as_array().unwrap();
    assert!(hints.contains(&json!("dsnap --storage DIR --recover")), "{said}");
    ran.mentions(&format!("--recover failed: {}\n", said["text"].as_str().unwrap()));
}

#[test]
fn a_snapshot_of_somebody_else_remains_and_the_hint_ends_it() {
    let site = site();
    site.server().unwrap().enter("stranger").unwrap();
    let (ran, said) = recovers(Dsnap::at(&site));
    assert_eq!((&said["exit_status"], &said["snapshot"]), (&json!(75), &json!("user/stranger")));
    assert_eq!(said["unsettled"], json!([]), "{ran}");
    let hint = said["next"][0].as_str().unwrap();
    assert!(hint.ends_with("dsnap --storage DIR --recover --code stranger"), "{hint}");
    let (_, said) = recovers(Dsnap::at(&site).args(["--code", "stranger"]));
    assert_eq!((&said["exit_status"], &said["left"]), (&json!(0), &json!(["user/stranger"])));
}

#[test]
fn recovery_of_a_directory_that_is_not_a_storage_fails_with_a_document() {
    let fixture = storage(State::Clean);
    let (ran, said) = recovers(Dsnap::new().storage(&fixture.path().join("config")));
    assert_eq!(said["exit_status"], 125, "{ran}");
    assert!(said["unsettled"].is_null() && said["snapshot"].is_null(), "{said}");
    assert!(said["text"].as_str().unwrap().contains("is not a DirectoryStorage"), "{said}");
}
