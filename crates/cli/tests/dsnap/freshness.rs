//! Freshness: COMMAND never runs in a stale snapshot by accident. Only cases that files make.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dsnap_testkit::{Fixture, State, locks};

use crate::support::{DIRECT, Dsnap, site, storage};

fn nodirect(fixture: &Fixture) -> Dsnap {
    fs::write(fixture.path().join("config/snapshot.conf"), "nodirect\n").unwrap();
    Dsnap::on(fixture)
}

fn age_mark(fixture: &Fixture, seconds: u64) -> SystemTime {
    let then = SystemTime::now() - Duration::from_secs(seconds);
    let mark = fs::File::options().write(true).open(fixture.storage().snapshot()).unwrap();
    mark.set_modified(then).unwrap();
    then
}

#[test]
fn a_snapshot_of_a_killed_run_is_rolled_forward_and_never_used_as_it_is() {
    let fixture = storage(State::InSnapshot);
    let copy = fixture.path().join("copy");
    Dsnap::on(&fixture)
        .args(["cp", "-a"])
        .arg(fixture.storage().a())
        .arg(&copy)
        .run()
        .says(0, DIRECT);
    fixture.ledger().verify(&copy).assert_holds();
}

#[test]
fn an_old_snapshot_is_refused_with_who_since_when_and_how_to_end_it() {
    let fixture = storage(State::InSnapshot);
    age_mark(&fixture, 3 * 86400 + 5 * 3600);
    nodirect(&fixture).arg("true").run()
        .ends(125, &format!(
            "COMMAND was not run: DIR was left in the snapshot `user/{}` 3 d 5 h ago; later transactions are not in it",
            fixture.code(),
        ))
        .hint("start its server once, or recover it with direct access: dsnap --storage DIR --method direct");
}

#[test]
fn accept_existing_runs_in_it_prints_its_age_even_when_quiet_and_leaves_nothing() {
    let fixture = storage(State::InSnapshot);
    let then = age_mark(&fixture, 7200);
    let before = fs::read(fixture.storage().snapshot()).unwrap();
    nodirect(&fixture).args(["-qq", "--accept-existing", "3h"]).sh("printf %s $SNAPSHOT_TIMESTAMP").run()
        .says(0, &format!(
            "Using the existing snapshot `user/{}`, 2 h old: later transactions are not in it\n",
            fixture.code(),
        ))
        .prints(&then.duration_since(UNIX_EPOCH).unwrap().as_secs().to_string());
    assert_eq!(fs::read(fixture.storage().snapshot()).unwrap(), before);
}

#[test]
fn accept_existing_does_not_take_an_older_one_and_says_both_ages() {
    let fixture = storage(State::InSnapshot);
    age_mark(&fixture, 7200);
    nodirect(&fixture).args(["-q", "--accept-existing", "1h", "true"]).run().ends(
        125,
        &format!(
            "COMMAND was not run: DIR was left in the snapshot `user/{}` 2 h ago, too long for --accept-existing (1 h); later transactions are not in it",
            fixture.code(),
        ),
    );
    let site = site();
    site.server().unwrap().enter("stranger").unwrap();
    let mark = fs::File::options().write(true).open(site.storage().snapshot()).unwrap();
    mark.set_modified(SystemTime::now() - Duration::from_secs(2 * 86400)).unwrap();
    Dsnap::at(&site).args(["--accept-existing", "1h", "true"]).run().ends(
        75,
        "COMMAND was not run: DIR is in the snapshot `user/stranger`, entered 2 d ago, too long for --accept-existing (1 h); no process is seen to use it",
    );
}

#[test]
fn a_shutdown_with_a_committed_transaction_beside_it_is_not_fresh() {
    let fixture = storage(State::ShutdownWithJournal);
    nodirect(&fixture)
        .arg("true")
        .run()
        .mentions("but transactions were committed that are not in A/");
    Dsnap::on(&fixture)
        .args(["--method", "direct", "cp", "-a"])
        .arg(fixture.storage().a())
        .arg(fixture.path().join("copy"))
        .run()
        .says(0, DIRECT);
    fixture.ledger().verify(&fixture.path().join("copy")).assert_holds();
}

#[test]
fn packing_empty_unknown_or_no_file_is_never_acceptable() {
    for (content, words) in [
        ("packing", "was being packed when its server crashed"),
        ("", "is empty"),
        ("user", "is `user`"),
    ] {
        let fixture = storage(State::Clean);
        fs::write(fixture.storage().snapshot(), content).unwrap();
        let ran =
            nodirect(&fixture).args(["--accept-existing", "1d", "true"]).run().mentions(words);
        assert_eq!(ran.status.code(), Some(125), "{ran}");
    }
    let fixture = storage(State::Clean);
    fs::remove_file(fixture.storage().snapshot()).unwrap();
    fs::create_dir(fixture.storage().snapshot()).unwrap();
    let ran = nodirect(&fixture)
        .args(["--accept-existing", "1d", "true"])
        .run()
        .mentions("is not a file");
    assert_eq!(ran.status.code(), Some(125), "{ran}");
}

#[test]
fn under_a_server_that_was_started_too_early_shutdown_is_not_fresh() {
    let fixture = storage(State::Clean);
    let _server = locks::Holder::hold(&fixture.storage().lock()).unwrap();
    nodirect(&fixture)
        .arg("true")
        .run()
        .mentions("while a snapshot of it was in use: misc/snapshot still is `shutdown`")
        .hint("restart that server while no tool uses a snapshot");
}

#[test]
fn a_snapshot_file_that_changes_while_command_runs_gives_status_122() {
    for (script, words) in [
        ("rm \"$0/misc/snapshot\"", "was `shutdown` and is absent now"),
        ("printf user/x >\"$0/misc/snapshot\"", "was `shutdown` and is `user/x` now"),
        (
            "rm \"$0/misc/snapshot\"; printf shutdown >\"$0/misc/snapshot\"",
            "was rewritten while COMMAND ran",
        ),
        ("rm \"$0/misc/sublock\"", "misc/sublock was replaced while COMMAND ran"),
    ] {
        let fixture = storage(State::Clean);
        let ran = Dsnap::on(&fixture)
            .args(["-q", "sh", "-c", &format!("{script}; exit 3")])
            .arg(fixture.path())
            .run();
        let ran = ran.mentions("the guarantee was broken: ").mentions(words);
        assert_eq!(ran.status.code(), Some(122), "{ran}");
    }
}

#[test]
fn a_server_that_was_started_meanwhile_is_reported_and_the_status_stays_commands() {
    let fixture = storage(State::Clean);
    Dsnap::on(&fixture)
        .args(["sh", "-c", "echo ' 4711' >\"$0/misc/lock\"; exit 9"])
        .arg(fixture.path())
        .run()
        .says(
            9,
            "\
Entered snapshot using direct access
Locked snapshot mode
Unlocked snapshot mode
a server was started while the snapshot was in use; it cannot write to A/ until it is restarted
hint: restart that server now; its commits stay in journal/ and B/ until then
",
        );
}
