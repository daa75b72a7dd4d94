//! A run inside a run: it enters and leaves nothing, and leftover variables are an error.

use std::fs;

use dsnap_testkit::{State, locks};

use crate::support::{DIRECT, Dsnap, storage, storage_with_conf};

const DSNAP: &str = env!("CARGO_BIN_EXE_dsnap");
const HINT: &str = "if this is not a COMMAND of dsnap: unset SNAPSHOT_VERSION SNAPSHOT_DIRECTORY SNAPSHOT_TIMESTAMP SNAPSHOT_CODE SNAPSHOT_TID";

#[test]
fn a_run_inside_a_run_just_runs_command() {
    let fixture = storage(State::Crashed);
    for inner in ["", "--storage DIR", "DIR -", "--storage DIR/A/.. -t 1h"] {
        let inner = inner.replace("DIR", fixture.path().to_str().unwrap());
        Dsnap::on(&fixture)
            .sh(&format!("{DSNAP} {inner} sh -c 'echo $SNAPSHOT_CODE $SNAPSHOT_VERSION; exit 5'"))
            .run()
            .says(5, DIRECT);
    }
    let ran = Dsnap::on(&fixture)
        .sh(&format!("echo $SNAPSHOT_CODE; {DSNAP} sh -c 'echo $SNAPSHOT_CODE'"))
        .run();
    let codes: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(codes[0], codes[1]);
}

#[test]
fn inside_a_run_a_first_operand_that_is_not_a_folder_is_command() {
    let fixture = storage(State::Clean);
    Dsnap::on(&fixture).args([DSNAP, "echo", "inside"]).run().says(0, DIRECT).prints("inside\n");
}

#[test]
fn another_directory_is_an_error() {
    let (fixture, other) = (storage(State::Clean), storage(State::Clean));
    Dsnap::on(&fixture)
        .args([DSNAP, "--storage"])
        .arg(other.path())
        .arg("true")
        .run()
        .mentions("COMMAND was not run: this runs inside a snapshot of DIR, not of ");
}

#[test]
fn a_relative_directory_that_leads_elsewhere_after_a_cd_is_explained() {
    let fixture = storage_with_conf(State::Clean, "");
    let run = |dir: &str, script: &str| {
        let ran = Dsnap::new().args(["--storage", dir]).sh(script).change(|command| {
            command.current_dir(fixture.path().join("config"));
        });
        ran.run()
    };
    run("..", &format!("{DSNAP} true")).says(0, DIRECT);
    let absolute = fixture.path().display();
    for inner in ["", "--storage ..", &format!("--storage {absolute}")] {
        let ran = run("..", &format!("cd /usr/bin; {DSNAP} {inner} true"));
        ran.mentions("COMMAND was not run: SNAPSHOT_DIRECTORY is `..`, a relative path, which leads to no storage from the current folder\nhint: COMMAND has changed its folder: give the outer dsnap an absolute path as --storage\n");
    }
}

#[test]
fn another_version_or_no_directory_is_an_error() {
    let fixture = storage(State::Clean);
    Dsnap::on(&fixture)
        .env("SNAPSHOT_VERSION", "3")
        .env("SNAPSHOT_DIRECTORY", fixture.path())
        .arg("true")
        .run()
        .ends(
            125,
            "COMMAND was not run: SNAPSHOT_VERSION is `3`, but this tool knows version 2 only",
        )
        .hint(HINT);
    Dsnap::on(&fixture)
        .env("SNAPSHOT_VERSION", "02")
        .env("SNAPSHOT_DIRECTORY", fixture.path())
        .arg("true")
        .run()
        .ends(
            125,
            "COMMAND was not run: SNAPSHOT_VERSION is `02`, but this tool knows version 2 only",
        );
    Dsnap::on(&fixture)
        .env("SNAPSHOT_VERSION", "2")
        .arg("true")
        .run()
        .ends(125, "COMMAND was not run: SNAPSHOT_VERSION is set, but SNAPSHOT_DIRECTORY is not")
        .hint(HINT);
}

fn leftover(fixture: &dsnap_testkit::Fixture) -> Dsnap {
    Dsnap::on(fixture)
        .env("SNAPSHOT_VERSION", "2")
        .env("SNAPSHOT_DIRECTORY", fixture.path())
        .env("SNAPSHOT_TIMESTAMP", "1")
}

#[test]
fn leftover_variables_are_no_snapshot() {
    let fixture = storage(State::Crashed);
    leftover(&fixture)
        .arg("true")
        .run()
        .ends(125, "COMMAND was not run: DIR is not in a snapshot (no misc/snapshot)")
        .hint(HINT);
    let fixture = storage(State::Clean);
    leftover(&fixture).arg("true").run()
        .ends(125, "COMMAND was not run: no process holds misc/sublock in DIR, and no run with that code is alive").hint(HINT);
    leftover(&fixture).env("SNAPSHOT_CODE", "gone").arg("true").run()
        .ends(125, "COMMAND was not run: no process holds misc/sublock in DIR, and no run with that code is alive").hint(HINT);
}

#[test]
fn variables_of_a_run_that_is_over_are_no_snapshot_of_another_one() {
    let fixture = storage(State::Clean);
    let running = Dsnap::on(&fixture).sh("echo $SNAPSHOT_CODE; read forever").open_stdin().start();
    let code = running.line().to_owned();
    leftover(&fixture)
        .env("SNAPSHOT_CODE", "an-older-one")
        .arg("true")
        .run()
        .ends(125, &format!("COMMAND was not run: DIR is used by another run (code {code})"))
        .hint(HINT);
    leftover(&fixture).env("SNAPSHOT_CODE", &code).arg("true").run().says(0, "");
    running.end();
}

#[test]
fn inside_the_original_tool_which_sets_no_code_a_held_sublock_is_enough() {
    let fixture = storage(State::Clean);
    let _original = locks::Holder::hold(&fixture.storage().sublock()).unwrap();
    leftover(&fixture).args(["echo", "inside"]).run().says(0, "").prints("inside\n");
}

#[test]
fn a_run_inside_a_run_checks_the_snapshot_again_afterwards() {
    let fixture = storage(State::Clean);
    let ran = Dsnap::on(&fixture)
        .args([DSNAP, "sh", "-c", "rm \"$0/misc/snapshot\""])
        .arg(fixture.path())
        .run();
    assert_eq!(ran.stderr.matches("the guarantee was broken: ").count(), 2, "{ran}");
    assert_eq!(ran.status.code(), Some(122), "{ran}");
}

#[test]
fn no_conf_is_read_and_nothing_is_retried_inside() {
    let fixture = storage(State::Clean);
    fs::write(fixture.path().join("config/snapshot.conf"), "").unwrap();
    Dsnap::on(&fixture).sh(&format!("echo nonsense >\"$SNAPSHOT_DIRECTORY/config/snapshot.conf\"; {DSNAP} -t 1h no-such-command")).run()
        .says(127, "\
Entered snapshot using direct access
Locked snapshot mode
COMMAND was not run: `no-such-command` was not found
Unlocked snapshot mode
");
}
