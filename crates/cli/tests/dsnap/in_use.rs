//! A storage in use: who holds a lock, what a run waits for, and the exit statuses 75 and 125.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use dsnap_testkit::{Fixture, State, locks};

use crate::support::{DIRECT, Dsnap, assert_free, current_user, folder, site, storage};

fn holder(holder: &locks::Holder) -> String {
    let user = current_user();
    format!("{} (pid {}, user {user})", holder.program(), holder.pid())
}

#[test]
fn direct_refuses_a_storage_that_a_process_has_open() {
    let fixture = storage(State::Crashed);
    let server = locks::Holder::hold(&fixture.storage().lock()).unwrap();
    let by = holder(&server);
    Dsnap::on(&fixture).arg("true").run().says(
        125,
        &format!(
            "\
Could not lock storage directory
COMMAND was not run: DIR is open in {by} and not in a snapshot
hint: a line in snapshot.conf must lead to that server, for example http URL ACCESS
"
        ),
    );
}

#[test]
fn a_process_that_inherited_a_lock_is_its_holder_once_the_locker_is_gone() {
    let fixture = storage(State::Crashed);
    let inherit = "exec 9>>\"$LOCK\"; flock --nonblock 9 || exit 99; \"$@\" 9>&-; exit";
    let dsnap = Dsnap::through_shell(inherit).knows(fixture.path()).storage(fixture.path());
    let ran =
        dsnap.env("LOCK", fixture.storage().lock()).args(["--method", "direct", "true"]).run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.mentions("COMMAND was not run: DIR is open in bash (pid ");
}

#[test]
fn a_snapshot_that_another_tool_uses_gives_status_75() {
    let fixture = storage(State::Clean);
    let tool = locks::Holder::hold(&fixture.storage().sublock()).unwrap();
    Dsnap::on(&fixture).arg("true").run().ends(
        75,
        &format!(
            "COMMAND was not run: a snapshot of DIR is in use: misc/sublock is held by {}",
            holder(&tool)
        ),
    );
}

#[test]
fn another_run_of_the_program_gives_status_75() {
    let fixture = storage(State::Clean);
    let tool = locks::Holder::hold(&fixture.storage().run_lock()).unwrap();
    let ran = Dsnap::on(&fixture).arg("true").run();
    assert!(
        ran.stderr.starts_with("Could not lock storage directory\n  DIR: closed cleanly, "),
        "{ran}"
    );
    let words = format!("another run of dsnap uses this storage: {}", holder(&tool));
    ran.ends(75, &format!("COMMAND was not run: {words}"))
        .hint("wait for its end with -t, for example -t 1h");
}

#[test]
fn another_snapshot_of_a_running_server_gives_status_75() {
    let fixture = storage(State::InSnapshot);
    let _server = locks::Holder::hold(&fixture.storage().lock()).unwrap();
    let ran = Dsnap::on(&fixture).arg("true").run()
        .mentions(&format!("DIR is in the snapshot `user/{}`", fixture.code()))
        .mentions("hint: wait for its end with -t, or run in it with --accept-existing AGE (its data is as old as it is)\n");
    assert_eq!(ran.status.code(), Some(75), "{ran}");
}

#[test]
fn with_minus_v_each_method_tells_its_failure_as_it_happens() {
    let fixture = storage(State::Crashed);
    let server = locks::Holder::hold(&fixture.storage().lock()).unwrap();
    let ran = Dsnap::on(&fixture).args(["-v", "true"]).run().without_phases();
    let first = format!("direct access: the storage is open in {}", holder(&server));
    assert_eq!(ran.stderr.lines().next(), Some(first.as_str()), "{ran}");
}

#[test]
fn waiting_ends_when_the_storage_is_free() {
    let fixture = storage(State::Crashed);
    let server = locks::Holder::hold(&fixture.storage().lock()).unwrap();
    let by = holder(&server);
    let mut waiting = Dsnap::on(&fixture).args(["-t", "10m", "-s", "0.1", "echo", "ran"]).spawn();
    waiting.wait_for("Retrying snapshot.... (");
    waiting.wait_for("Retrying snapshot.... (");
    drop(server);
    let ran = waiting.end().prints("ran\n");
    assert!(
        ran.stderr.starts_with(&format!(
            "Retrying snapshot.... (DIR is open in {by} and not in a snapshot)\n"
        )),
        "{ran}"
    );
    assert!(ran.stderr.ends_with(DIRECT), "{ran}");
}

#[test]
fn when_waiting_did_not_help_the_status_is_75_or_125() {
    let fixture = storage(State::Clean);
    let _tool = locks::Holder::hold(&fixture.storage().sublock()).unwrap();
    let began = Instant::now();
    let ran = Dsnap::on(&fixture)
        .args(["-t", "0.3", "-s", "0.1", "true"])
        .run()
        .mentions("Retrying snapshot.... (");
    assert_eq!(ran.status.code(), Some(75), "{ran}");
    assert!(began.elapsed() >= Duration::from_millis(300));
    let fixture = storage(State::Clean);
    let _server = locks::Holder::hold(&fixture.storage().lock()).unwrap();
    let ran = Dsnap::on(&fixture)
        .args(["-t", "0.1", "-s", "0.1", "true"])
        .run()
        .mentions("Retrying snapshot.... (");
    assert_eq!(ran.status.code(), Some(125), "{ran}");
}

#[test]
fn what_cannot_change_is_not_waited_for() {
    let fixture = storage(State::Crashed);
    std::fs::write(fixture.storage().journal().join("lost+found"), "").unwrap();
    let ran = Dsnap::on(&fixture).args(["-t", "1h", "true"]).run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    let empty = folder();
    Dsnap::new()
        .knows(empty.path())
        .args(["-t", "1h", "--storage"])
        .arg(empty.path())
        .arg("true")
        .run()
        .ends(125, "COMMAND was not run: DIR is not a DirectoryStorage directory");
}

#[test]
fn two_runs_at_once_take_turns() {
    let fixture: Fixture = storage(State::Crashed);
    let run = || {
        Dsnap::on(&fixture)
            .args(["-t", "10m", "-s", "0.1"])
            .sh("mkdir \"$SNAPSHOT_DIRECTORY/turn\" && rmdir \"$SNAPSHOT_DIRECTORY/turn\"")
            .run()
    };
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        for run in runs {
            let ran = run.join().unwrap();
            assert_eq!(ran.status.code(), Some(0), "{ran}");
        }
    });
}

/// Makes `misc/snapshot` older.
fn age(path: &Path, age: Duration) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
}

#[test]
fn an_abandoned_snapshot_is_named_with_its_age_and_the_command_that_ends_it() {
    let site = site();
    site.server().unwrap().enter("it's-lost").unwrap();
    age(&site.storage().snapshot(), Duration::from_secs(2 * 86400 + 60));
    Dsnap::at(&site)
        .arg("true")
        .run()
        .ends(75, "COMMAND was not run: DIR is in the snapshot `user/it's-lost`, entered 2 d ago; no process is seen to use it")
        .hint("if nobody uses it any more: dsnap --storage DIR --recover --code \"it's-lost\"");
    let ran = Dsnap::new().storage(site.path()).args(["-q", "true"]).run();
    assert!(ran.follow_hint().success(), "{ran}");
    assert_free(&site);
}

#[test]
fn a_process_that_is_seen_to_use_a_snapshot_is_named_and_no_command_ends_it() {
    let site = site();
    site.server().unwrap().enter("backup").unwrap();
    let tool = locks::Holder::hold(&site.storage().sublock()).unwrap();
    let ran = Dsnap::at(&site).arg("true").run();
    assert_eq!(ran.status.code(), Some(75), "{ran}");
    let user = format!("misc/sublock is held by {}", holder(&tool));
    ran.mentions("COMMAND was not run: DIR is in the snapshot `user/backup`, entered 0 s ago; ")
        .mentions(&user)
        .counts("--recover", 0);
}
