//! `--status`: what is wrong with a storage, and the one next step. It changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use dsnap_engine::record::run_record::RunRecord;
use dsnap_testkit::control::Control;
use dsnap_testkit::{Site, State};
use nix::sys::signal::Signal::SIGKILL;

use crate::support::{
    Dsnap, GROUP, OWNER, Ran, Running, chown_all, conf, document, is_locked, site,
    site_of_another_user, storage, storage_of_another_user, storage_with_conf, wait_until,
    write_script,
};

/// Asks for the status of a site.
fn status(site: &Site) -> Ran {
    Dsnap::at(site).arg("--status").run()
}

/// The first line of what it says: how bad it is, and the state.
fn headline(ran: &Ran) -> String {
    ran.stdout.lines().next().unwrap_or_default().to_owned()
}

/// The next steps that it names.
fn next_steps(ran: &Ran) -> Vec<String> {
    ran.stdout.lines().filter_map(|line| line.strip_prefix("next: ")).map(str::to_owned).collect()
}

#[test]
fn the_next_step_ends_each_state_that_a_server_leaves_and_json_says_the_same() {
    for state in State::ALL {
        let fixture = storage_with_conf(state, "direct\n");
        let ran = Dsnap::on(&fixture).arg("--status").run();
        let code = i32::from(state != State::Clean);
        assert_eq!(ran.status.code(), Some(code), "{state:?}: {ran}");
        let json = Dsnap::on(&fixture).args(["--status", "--json"]).run();
        let json = document(&json.stdout, "status");
        assert_eq!(json["severity"], if code == 0 { "ready" } else { "look" }, "{state:?}");
        follow(&ran, fixture.path());
        let after = Dsnap::on(&fixture).arg("--status").run();
        assert_eq!(after.status.code(), Some(0), "{state:?}: {after}");
    }
}

/// Runs the commands that a status names, with the program under test as `dsnap`.
#[track_caller]
fn follow(ran: &Ran, dir: &Path) {
    for step in next_steps(ran) {
        let command = step.rsplit(": ").next().unwrap().replace("DIR", &dir.display().to_string());
        let program = env!("CARGO_BIN_EXE_dsnap");
        let command = command.replacen("dsnap ", &format!("{program} "), 1);
        let done = Command::new("sh").args(["-c", &command]).output().unwrap();
        assert!(done.status.success(), "{command}: {done:?}");
    }
}

/// Kills a run, and then lets its COMMAND end. Until then the storage is in ordinary use.
#[track_caller]
fn kill_before_its_command(running: Running, site: &Site) {
    let names_command = || {
        RunRecord::read(site.storage()).is_ok_and(|run| run.is_some_and(|it| it.command.is_some()))
    };
    wait_until("a record of COMMAND", names_command);
    running.signal(SIGKILL);
    wait_until("the end of the run", || !is_locked(&site.storage().run_lock()));
    let ran = status(site);
    assert_eq!(ran.status.code(), Some(0), "COMMAND still uses it: {ran}");
    running.end();
    wait_until("the end of COMMAND", || !is_locked(&site.storage().sublock()));
}

#[test]
fn the_snapshot_of_a_run_is_ordinary_use_and_that_of_a_killed_one_is_not() {
    let site = site();
    let running = Dsnap::at(&site).sh("echo begun; read go").open_stdin().start();
    let ran = status(&site);
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert!(headline(&ran).starts_with("ready   DIR: in a snapshot (user/"), "{ran}");
    kill_before_its_command(running, &site);
    let ran = status(&site);
    assert_eq!(ran.status.code(), Some(1), "{ran}");
    assert!(ran.stdout.contains("a killed run left the storage in this snapshot"), "{ran}");
    follow(&ran, site.path());
    site.server().unwrap().wait_until_free();
    assert_eq!(status(&site).status.code(), Some(0));
}

#[test]
fn lines_that_do_not_work_are_named_with_the_reason() {
    let site = site();
    conf(&site, "http http://127.0.0.1:1/DSToolkit access\nhttp URL access\n");
    let ran = status(&site);
    assert_eq!(ran.status.code(), Some(1), "one of the lines works: {ran}");
    assert!(ran.stdout.contains("\nlook: "), "{ran}");
    conf(&site, "http http://127.0.0.1:1/DSToolkit access\n");
    let ran = status(&site);
    assert_eq!(ran.status.code(), Some(2), "{ran}");
    conf(&site, "http URL wrong\n");
    assert_eq!(status(&site).status.code(), Some(2));
    conf(&site, "nodirect\n");
    let ran = status(&site);
    assert_eq!(ran.status.code(), Some(2), "{ran}");
    assert!(ran.stdout.contains("has the storage open, and no line in"), "{ran}");
}

#[test]
fn the_program_of_an_exec_line_is_checked_and_not_run() {
    let site = site();
    let script = site.storage().config().join("method");
    crate::support::write_script(&script, "#!/bin/sh\ntouch \"$DSNAP_STORAGE/ran\"\n");
    conf(&site, "exec method\n");
    let ran = status(&site);
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert!(ran.stdout.contains(" cannot be checked without entering ["), "{ran}");
    fs::remove_file(&script).unwrap();
    let ran = status(&site);
    assert_eq!(ran.status.code(), Some(2), "{ran}");
    assert!(ran.stdout.contains("DIR/config/method"), "{ran}");
    assert!(!site.path().join("ran").exists());
}

#[test]
fn the_last_run_is_told_with_its_status_and_its_line() {
    let site = site();
    assert!(!status(&site).stdout.contains("last run"));
    Dsnap::at(&site).args(["sh", "-c", "exit 3"]).run();
    site.server().unwrap().wait_until_free();
    let ran = status(&site);
    assert!(ran.stdout.contains("exit status 3, entered by URL\n"), "{ran}");
    assert!(ran.stdout.contains(" could enter now; used by the last run ["), "{ran}");
}

#[test]
fn of_several_storages_each_has_one_line_and_the_worst_decides() {
    let (clean, crashed) = (
        storage_with_conf(State::Clean, "direct\n"),
        storage_with_conf(State::Crashed, "direct\n"),
    );
    let both = || Dsnap::new().knows_as(clean.path(), "CLEAN").knows_as(crashed.path(), "CRASHED");
    let ran = both().arg("--status").arg(clean.path()).arg(crashed.path()).run();
    assert_eq!(ran.status.code(), Some(1), "{ran}");
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(lines[0].starts_with("ready   CLEAN: closed cleanly, "), "{ran}");
    assert!(lines[1].starts_with("look    CRASHED: not closed by its server; "), "{ran}");
    assert_eq!(lines.len(), 2, "{ran}");
    let ran = both().args(["--json", "--status"]).arg(clean.path()).arg("/nowhere").run();
    assert_eq!(document(&ran.stdout, "status")["storages"][1]["state"], "unusable");
    let ran = both().arg("--status").arg(clean.path()).arg("/nowhere").run();
    assert_eq!(ran.status.code(), Some(2), "{ran}");
    assert!(ran.stdout.contains("fails   /nowhere: "), "{ran}");
}

/// A script stopped the server, its run was killed, and then COMMAND ends.
#[test]
fn a_storage_that_a_killed_run_closed_is_in_use_until_command_ends_and_then_names_what_opens_it() {
    let site = Arc::new(site());
    let _control = Control::listen(&site).unwrap();
    let script = site.storage().config().join("stop-start");
    write_script(
        &script,
        r#"#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/$(cat "$DSNAP_STORAGE/misc/dsnap-testkit.port")
case $1 in enter) echo stop >&3 ;; leave) echo start >&3 ;; *) exit 64 ;; esac
read -r answer <&3 && [[ $answer == ok* ]]
"#,
    );
    let line = format!("exec {}", script.display());
    let running = Dsnap::at(&site).args(["--method", &line]).sh("echo begun; read go");
    let running = running.open_stdin().start();
    kill_before_its_command(running, &site);
    let ran = status(&site);
    assert_eq!(ran.status.code(), Some(2), "the line is gone: {ran}");
    follow(&ran, site.path());
    assert_eq!(status(&site).status.code(), Some(0));
}

#[test]
fn what_the_user_may_not_read_could_not_be_told() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Clean) else { return };
    Dsnap::on(&fixture).arg("true").run();
    let user = ["setpriv", "--reuid=70000", "--regid=70000", "--clear-groups"];
    let look = || Dsnap::through(&user).storage(fixture.path()).arg("--status").run();
    let close = |name: &str, mode: u32| {
        let path = fixture.path().join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    close("misc/snapshot", 0o644);
    close("misc/dsnap.lock", 0o644);
    assert_eq!(look().status.code(), Some(0));
    for (name, mode, what) in [
        ("misc/dsnap.lock", 0o660, "misc/dsnap.lock cannot be read by user 70000"),
        ("journal", 0o700, "journal/ or B/ cannot be listed by user 70000"),
        ("B", 0o700, "journal/ or B/ cannot be listed by user 70000"),
        ("misc/snapshot", 0o600, "misc/snapshot cannot be read by user 70000"),
    ] {
        close(name, mode);
        let ran = look();
        assert_eq!(ran.status.code(), Some(3), "{name}: {ran}");
        assert!(ran.stdout.contains(what), "{name}: {ran}");
        assert!(next_steps(&ran)[0].contains("as root or as 54321, who owns"), "{name}: {ran}");
        close(name, if mode == 0o700 { 0o755 } else { 0o644 });
    }
}

/// That no line asks the server is not known then.
#[test]
fn what_a_conf_says_that_the_user_may_not_read_could_not_be_told() {
    let Some((_folder, site)) = site_of_another_user() else { return };
    let conf = site.storage().config().join("snapshot.conf");
    fs::set_permissions(&conf, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(site.path().join("misc"), fs::Permissions::from_mode(0o755)).unwrap();
    let user = ["setpriv", "--reuid=70000", "--regid=70000", "--clear-groups"];
    let ran = Dsnap::through(&user).storage(site.path()).arg("--status").run();
    assert_eq!(ran.status.code(), Some(3), "{ran}");
    assert!(ran.stdout.contains("\nunknown: failed to open "), "{ran}");
    assert!(!ran.stdout.contains("no line in"), "{ran}");
}

/// Once dsnap has run, `misc/dsnap.lock` is for its owner and its group.
#[test]
fn a_user_outside_the_group_of_the_storage_is_told_who_can_see_everything() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Clean) else { return };
    Dsnap::on(&fixture).arg("true").run();
    // The storage's owner, which has no name, may not give it the group of the storage.
    chown_all(&fixture.storage().run_lock(), OWNER, GROUP);
    fs::set_permissions(fixture.storage().misc(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(fixture.storage().snapshot(), fs::Permissions::from_mode(0o644)).unwrap();
    let look = |groups: &str| {
        let user = ["setpriv", "--reuid=70000", "--regid=70000", groups];
        Dsnap::through(&user).arg("--status").arg(fixture.path()).run()
    };
    let ran = look("--clear-groups");
    let dir = fixture.path().display();
    let step = format!(
        "add user 70000 to the group {GROUP}, or run as root or as {OWNER}, who owns the storage: dsnap --status {dir}"
    );
    assert_eq!(next_steps(&ran), [step], "{ran}");
    // Both ways help.
    assert_eq!(look(&format!("--groups={GROUP}")).status.code(), Some(0));
    assert_eq!(Dsnap::on(&fixture).arg("--status").run().status.code(), Some(0));
}

#[test]
fn a_status_as_json_says_the_same() {
    let site = site();
    site.server().unwrap().enter("stranger").unwrap();
    let ran = Dsnap::at(&site).args(["--status", "--json"]).run();
    assert_eq!(ran.status.code(), Some(1), "{ran}");
    let json = document(&ran.stdout, "status");
    assert_eq!((&json["schema_version"], &json["severity"]), (&1.into(), &"look".into()));
    let storage = &json["storages"][0];
    assert_eq!(
        (&storage["state"], &storage["snapshot"]),
        (&"in_snapshot".into(), &"user/stranger".into())
    );
    assert_eq!(storage["server"]["state"], "held");
    assert_eq!(storage["methods"][0]["answer"], "in_snapshot");
    assert_eq!(storage["findings"][0]["severity"], "look");
}

#[test]
fn a_status_is_drawn_again_until_a_signal_comes() {
    let site = site();
    let mut running = Dsnap::at(&site).args(["--status", "--watch"]).spawn();
    let times = 2;
    let mut seen = 0;
    while seen < times {
        seen += usize::from(running.next_line().starts_with("ready "));
    }
    running.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(running.end().status.code(), Some(0));
}

#[test]
fn a_status_of_nothing_is_a_usage_error() {
    let ran = Dsnap::new().arg("--status").run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.mentions("usage: --status needs a storage directory");
    let ran = Dsnap::new().args(["--status", "/srv/ds", "--json"]).run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.hint("options stand before the directories: dsnap --status --json DIR...");
    let fixture = storage(State::Clean);
    let ran = Dsnap::on(&fixture).args(["--status", "--recover"]).run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
}
