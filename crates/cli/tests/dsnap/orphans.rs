//! Killed runs: what they leave behind, and copies of a storage that is in a snapshot.

// long: one chapter about what a killed run leaves, and the ways to end it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dsnap_engine::record::run_record::RunRecord;
use dsnap_engine::system::process::ProcessId;
use dsnap_testkit::Site;
use dsnap_testkit::control::Control;
use dsnap_testkit::site::{Call, Fault};
use nix::sys::signal::Signal::SIGKILL;

use crate::support::{
    Dsnap, HTTP, Ran, Running, conf, document, follow, is_locked, may_mount, picture, root, site,
    wait_until, write_script,
};

/// A run whose COMMAND waits for its stdin to end.
fn begun(site: &Site) -> Running {
    Dsnap::at(site).sh("echo begun $$; read go").open_stdin().start()
}

/// Kills the tool once it has written down which process COMMAND is, but not COMMAND.
fn killed(site: &Site) -> Running {
    let running = begun(site);
    let names_command = || {
        RunRecord::read(site.storage()).is_ok_and(|run| run.is_some_and(|it| it.command.is_some()))
    };
    wait_until("a record of COMMAND", names_command);
    running.signal(SIGKILL);
    wait_until("the tool's end", || !is_locked(&site.storage().run_lock()));
    running
}

/// Ends COMMAND of a killed run; nobody waits for it any more.
fn finish(running: Running) {
    let pid = running.line().trim_start_matches("begun ").parse().unwrap();
    running.end();
    wait_until("COMMAND's end", || ProcessId::of(pid).is_none());
}

#[test]
fn nothing_is_entered_if_no_record_can_be_written() {
    let site = site();
    // No file can grow.
    let ran = Dsnap::through_shell("trap '' XFSZ; ulimit -f 0; exec \"$@\"")
        .storage(site.path())
        .knows(site.path())
        .arg("true")
        .run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.mentions("DIR/misc/dsnap.lock cannot be written, so nothing is entered: File too large");
    assert_eq!(site.held(), None);
}

#[test]
fn the_storage_is_in_use_while_command_of_a_killed_run_is_alive() {
    let site = site();
    let running = killed(&site);
    let ran = Dsnap::at(&site).arg("true").run();
    assert_eq!(ran.status.code(), Some(75), "{ran}");
    ran.mentions("COMMAND of an earlier run still uses the snapshot user/");
    let ran = Dsnap::at(&site).arg("--recover").run();
    assert_eq!(ran.status.code(), Some(75), "{ran}");
    finish(running);
    let code = site.held().unwrap();
    let said = format!("Left the snapshot {code}, which an earlier run had left behind\n{HTTP}");
    Dsnap::at(&site).arg("true").run().says(0, &said);
    site.server().unwrap().wait_until_free();
    assert_eq!(site.held(), None);
}

#[test]
fn a_backup_after_a_killed_run_contains_what_was_committed_since() {
    let site = site();
    finish(killed(&site));
    site.server().unwrap().commit(10).unwrap();
    let copy = site.path().parent().unwrap().join("copy");
    // The server has files to put together before it enters again: that is waited for.
    let dsnap = Dsnap::at(&site).args(["-s", "0.1", "cp", "-a"]);
    let ran = dsnap.arg(site.storage().a()).arg(&copy).run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert_eq!(site.ledger().unwrap().transactions().len(), 22);
    site.ledger().unwrap().verify(&copy).assert_holds();
}

#[test]
fn a_clean_up_is_reported_even_with_q() {
    let site = site();
    finish(killed(&site));
    Dsnap::at(&site).args(["-q", "true"]).run().mentions("which an earlier run had left behind");
}

#[test]
fn a_run_removes_the_temporary_files_that_a_killed_run_left_in_misc() {
    for option in ["true", "--recover"] {
        let site = site();
        // The second is the name in older releases.
        let left =
            ["dsnap.snapshot", "snapshot.dsnap"].map(|name| site.storage().misc().join(name));
        left.iter().for_each(|path| fs::write(path, "shut").unwrap());
        let ran = Dsnap::at(&site).arg(option).run();
        assert_eq!(ran.status.code(), Some(0), "{ran}");
        left.iter().for_each(|path| assert!(!path.exists(), "{option}: {}", path.display()));
    }
}

#[test]
fn recover_only_cleans_up() {
    let site = site();
    finish(killed(&site));
    let code = site.held().unwrap();
    let ran = Dsnap::at(&site).arg("--recover").run();
    ran.says(0, &format!("Left the snapshot {code}, which an earlier run had left behind\n"))
        .prints("DIR: nothing to leave\n");
    Dsnap::at(&site).arg("--recover").run().says(0, "").prints("DIR: nothing to leave\n");
}

#[test]
fn a_recovery_as_json_says_the_same() {
    let site = site();
    let recover = || Dsnap::new().storage(site.path()).args(["--recover", "--json"]).run();
    let ran = recover();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    let json = document(&ran.stdout, "recover");
    assert_eq!((&json["recovered"], &json["exit_status"]), (&true.into(), &0.into()));
    site.server().unwrap().enter("lost").unwrap();
    let ran = recover();
    assert_eq!(ran.status.code(), Some(75), "{ran}");
    let json = document(&ran.stdout, "recover");
    assert_eq!((&json["recovered"], &json["exit_status"]), (&false.into(), &75.into()));
    let text = json["text"].as_str().unwrap();
    assert!(ran.stderr.starts_with(&format!("--recover failed: {text}\n")), "{ran}");
    // A program can follow the command.
    let (_, command) = json["next"][0].as_str().unwrap().split_once(": ").unwrap();
    assert!(follow(command).success(), "{command}");
    assert_eq!(site.held(), None);
}

#[test]
fn recover_with_a_code_leaves_a_snapshot_whose_record_is_lost() {
    let site = site();
    site.server().unwrap().enter("lost").unwrap();
    let ran = Dsnap::at(&site).args(["--recover", "--code", "other"]).run();
    ran.says(122, "--recover failed: DIR is in the snapshot `user/lost`, not in `user/other`\n");
    assert_eq!(site.held().as_deref(), Some("user/lost"));
    let ran = Dsnap::at(&site).args(["--recover", "--code", "user/lost"]).run();
    ran.says(0, "Left the snapshot user/lost, which an earlier run had left behind\n");
    assert_eq!(site.held(), None);
}

#[test]
fn recover_with_a_code_removes_its_record_even_without_a_snapshot() {
    let site = site();
    finish(killed(&site));
    let code = site.held().unwrap();
    let kept = || fs::read_to_string(site.storage().run_lock()).unwrap().contains("record ");
    site.stop_server().unwrap();
    assert!(kept());
    let ran = Dsnap::at(&site).args(["--recover", "--code", &code]).run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert!(!kept());
}

#[test]
fn recover_on_a_storage_that_nobody_has_open_sends_nothing() {
    let site = site();
    site.server().unwrap().enter("lost").unwrap();
    site.stop_server().unwrap();
    let ran = Dsnap::at(&site).args(["--recover", "--code", "lost"]).run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert_eq!(site.held().as_deref(), Some("user/lost"), "its files are as they were");
}

#[test]
fn a_snapshot_that_cannot_be_left_is_named_with_the_command_that_cleans_up() {
    let site = site();
    let running = begun(&site);
    let code = site.held().unwrap();
    running.signal(SIGKILL);
    finish(running);
    site.fault(None, Fault::Unauthorized, Some(Call::Leave), None);
    let ran = Dsnap::at(&site).args(["--recover"]).run();
    assert_eq!(ran.status.code(), Some(122), "{ran}");
    let ran = ran
        .mentions(&format!("--recover failed: DIR is still in snapshot mode (code {code}): "))
        .mentions("hint: dsnap --storage DIR --recover\n");
    assert!(ran.stderr.contains("not authorised"), "{ran}");
    site.no_faults();
    Dsnap::at(&site).arg("--recover").run().prints("DIR: nothing to leave\n");
    assert_eq!(site.held(), None);
}

/// A copy of the whole directory, made while a run holds the storage.
fn copy_of_held(site: &Site) -> PathBuf {
    let running = begun(site);
    site.server().unwrap().commit(10).unwrap();
    let copy = site.path().parent().unwrap().join("copy of it");
    copy_all(site, &copy);
    running.end();
    copy
}

/// Copies the whole directory. The server moves files meanwhile, and `cp` minds what vanishes.
fn copy_all(site: &Site, copy: &Path) {
    wait_until("a copy without a complaint", || {
        let _ = fs::remove_dir_all(copy);
        let mut cp = std::process::Command::new("cp");
        cp.arg("-a").arg(site.path()).arg(copy).status().unwrap().success()
    });
}

fn on(copy: &Path) -> Dsnap {
    Dsnap::new().knows(copy).storage(copy)
}

#[test]
fn a_copy_of_a_storage_in_a_snapshot_is_not_rolled_forward_and_nothing_is_sent() {
    let site = site();
    let running = begun(&site);
    site.server().unwrap().commit(10).unwrap();
    let copy = site.path().parent().unwrap().join("copy");
    copy_all(&site, &copy);
    let held = site.held();
    // A server that gets a request would fail it, and that would be seen.
    site.fault(None, Fault::Unauthorized, None, None);
    let before = picture(&copy);
    let ran = on(&copy).arg("true").run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    let ran = ran.mentions(
        "COMMAND was not run: DIR is a copy made while a snapshot of the original was in use",
    );
    assert!(!ran.stderr.contains("not authorised"), "{ran}");
    assert_eq!(before.difference(&picture(&copy)), None);
    assert_eq!(site.held(), held, "the original's hold is untouched");
    site.no_faults();
    running.end();
}

#[test]
fn both_hints_for_a_copy_work_when_they_are_followed_literally() {
    for number in [0, 1] {
        let site = site();
        let copy = copy_of_held(&site);
        let ran = Dsnap::new().storage(&copy).arg("true").run();
        let hints: Vec<_> = ran.stderr.lines().filter(|line| line.starts_with("hint: ")).collect();
        let hints = &hints[hints.len() - 2..];
        let (_, command) = hints[number].trim_start_matches("hint: ").split_once(": ").unwrap();
        assert!(follow(command).success(), "{command}");
        let ran = on(&copy).arg("true").run();
        assert_eq!(ran.status.code(), Some(0), "{command}: {ran}");
        if number == 0 {
            site.ledger().unwrap().verify(&copy.join("A")).assert_holds();
        }
    }
}

#[test]
fn a_torn_record_is_reported_and_does_not_stop_the_run() {
    let site = site();
    finish(killed(&site));
    let path = site.storage().run_lock();
    let torn = fs::read_to_string(&path).unwrap().replace("state=held", "state=hel");
    fs::write(&path, torn).unwrap();
    let ran = Dsnap::at(&site).arg("true").run();
    ran.mentions("ignoring what cannot be read of earlier runs").mentions("user/");
}

#[test]
fn recover_beside_a_snapshot_of_somebody_else_names_it_and_gives_status_75() {
    let site = site();
    site.server().unwrap().enter("stranger").unwrap();
    Dsnap::at(&site).arg("--recover").run().says(75, "\
--recover failed: DIR is in the snapshot `user/stranger`, entered 0 s ago; no process is seen to use it
hint: if nobody uses it any more: dsnap --storage DIR --recover --code stranger
").prints("");
    let ran = Dsnap::new().storage(site.path()).arg("--recover").run();
    assert!(ran.follow_hint().success(), "{ran}");
    assert_eq!(site.held(), None);
}

#[test]
fn recover_with_a_code_names_another_one_even_if_no_server_has_the_storage_open() {
    let site = site();
    site.server().unwrap().enter("stranger").unwrap();
    site.stop_server().unwrap();
    let ran = Dsnap::at(&site).args(["--recover", "--code", "other"]).run();
    ran.says(
        122,
        "--recover failed: DIR is in the snapshot `user/stranger`, not in `user/other`\n",
    );
    let ran = Dsnap::at(&site).arg("--recover").run();
    ran.says(0, "").prints("DIR: nothing to leave\n");
}

#[test]
fn after_a_killed_run_with_method_a_hint_gives_that_method_again() {
    let site = site();
    conf(&site, "nodirect\n");
    let method = format!("http {} access", site.urls()[0]);
    let running = Dsnap::at(&site)
        .args(["--method", &method])
        .sh("echo begun $$; read go")
        .open_stdin()
        .start();
    running.signal(SIGKILL);
    finish(running);
    let code = site.held().unwrap();
    for options in [&["--recover"][..], &["-q", "true"]] {
        let ran = Dsnap::at(&site).args(options).run();
        let ran = ran
            .mentions(&format!("DIR is still in snapshot mode (code {code}): no line in DIR/config/snapshot.conf can leave it; it was entered by `URL` (line 1 in --method), and that line is gone\n"))
            .hint("give that --method again: dsnap --storage DIR --recover --method 'http URL access'");
        let status = if options == ["--recover"] { 122 } else { 125 };
        assert_eq!(ran.status.code(), Some(status), "{ran}");
    }
    let ran = Dsnap::new().storage(site.path()).arg("--recover").run();
    assert!(ran.follow_hint().success(), "{ran}");
    assert_eq!(site.held(), None);
}

#[test]
fn recover_refuses_a_copy_that_may_be_torn_and_whole_copy_clears_its_record() {
    let site = site();
    let copy = copy_of_held(&site);
    let before = fs::read(copy.join("misc/dsnap.lock")).unwrap();
    for options in [&["--recover"][..], &["--recover", "--code", "x"]] {
        let ran = on(&copy).args(options).run();
        assert_eq!(ran.status.code(), Some(125), "{ran}");
        ran.mentions("--recover failed: DIR is a copy made while a snapshot of the original was in use: its journal/ and B/ may be torn\n")
            .mentions("hint: A/ alone is the backup: ")
            .hint("if the copy is of one moment (a frozen disk): dsnap --storage 'DIR' --recover --whole-copy");
        on(&copy).arg("true").run().mentions("its journal/ and B/ may be torn");
    }
    let kept = |text: &[u8]| text.windows(7).any(|it| it == b"record ");
    assert!(kept(&before) && kept(&fs::read(copy.join("misc/dsnap.lock")).unwrap()));
    let ran = on(&copy).args(["--recover", "--whole-copy"]).run();
    ran.says(0, "").prints("DIR: this is a copy; records of the original have been removed\n");
    let ran = on(&copy).arg("true").run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
}

#[test]
fn recover_clears_the_record_of_a_copy_that_cannot_be_torn() {
    let site = site();
    let copy = copy_of_held(&site);
    for folder in ["journal", "B"] {
        fs::remove_dir_all(copy.join(folder)).unwrap();
        fs::create_dir(copy.join(folder)).unwrap();
    }
    let ran = on(&copy).arg("--recover").run();
    ran.says(0, "").prints("DIR: this is a copy; records of the original have been removed\n");
}

/// A site whose conf has one line: a script that stops and starts the server.
fn site_with_stopping_script() -> (Arc<Site>, Control) {
    let site = Arc::new(site());
    let control = Control::listen(&site).unwrap();
    let script = "#!/bin/bash
ask() { exec 3<>/dev/tcp/127.0.0.1/PORT && echo $1 >&3 && read -r -u 3 answer && [[ $answer == ok* ]]; }
case $1 in enter) ask stop ;; leave) ask start ;; *) exit 64 ;; esac || exit 78
"
    .replace("PORT", &control.address().port().to_string());
    write_script(&site.storage().config().join("stop-start"), &script);
    conf(&site, "exec stop-start\nnodirect\n");
    (site, control)
}

fn has_machine_id() -> bool {
    let has = Path::new("/etc/machine-id").exists();
    if !has {
        root::passed_over("this system has no machine id");
    }
    has
}

/// A run on a machine with another name; `$ID` may be a file with another machine id.
fn on_renamed_machine() -> Dsnap {
    let script = "hostname renamed && { [ -z \"$ID\" ] || mount --bind \"$ID\" /etc/machine-id; } \
        || exit 99; exec \"$@\"";
    Dsnap::through(&["unshare", "--uts", "--mount", "bash", "-c", script, "bash"])
}

#[test]
fn a_server_that_a_killed_run_stopped_is_started_after_the_host_was_renamed() {
    if !may_mount() || !has_machine_id() {
        return;
    }
    let (site, _control) = site_with_stopping_script();
    finish(killed(&site));
    assert!(site.server().is_err(), "the script has stopped it");
    let ran = on_renamed_machine().storage(site.path()).arg("--recover").run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    ran.mentions("Left the snapshot user/").mentions("which an earlier run had left behind");
    assert!(site.server().is_ok(), "it runs again");
}

/// A run on another machine.
fn elsewhere(site: &Site, options: &[&str]) -> Ran {
    let id = site.path().parent().unwrap().join("machine-id");
    fs::write(&id, "0123456789abcdef0123456789abcdef\n").unwrap();
    let dsnap = on_renamed_machine().env("ID", &id).knows(site.path());
    dsnap.storage(site.path()).args(options).run()
}

#[test]
fn a_server_that_was_stopped_on_another_machine_is_named_in_every_run() {
    if !may_mount() || !has_machine_id() {
        return;
    }
    let (site, _control) = site_with_stopping_script();
    finish(killed(&site));
    let words = "a run on another machine (on ";
    for _ in 0..2 {
        let ran = elsewhere(&site, &["-q", "true"]);
        assert_eq!(ran.status.code(), Some(0), "a clean storage is used: {ran}");
        ran.mentions(words).mentions("exec stop-start");
    }
    let ran = elsewhere(&site, &["--recover"]);
    assert_eq!(ran.status.code(), Some(122), "{ran}");
    ran.mentions(words);
    assert!(site.server().is_err(), "only its own machine may start it");
    Dsnap::at(&site).arg("--recover").run().mentions("which an earlier run had left behind");
    assert!(site.server().is_ok());
}

#[test]
fn the_record_of_a_server_that_was_stopped_on_another_machine_goes_once_its_code_is_named() {
    if !may_mount() || !has_machine_id() {
        return;
    }
    let (site, _control) = site_with_stopping_script();
    finish(killed(&site));
    let ran = elsewhere(&site, &["-q", "true"]);
    let code = ran.stderr.split("--code ").nth(1).unwrap().lines().next().unwrap().to_owned();
    assert_eq!(elsewhere(&site, &["--recover", "--code", &code]).status.code(), Some(0));
    elsewhere(&site, &["-q", "true"]).says(0, "");
    assert!(site.server().is_err(), "nothing was started");
}
