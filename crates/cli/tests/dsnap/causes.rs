//! Why a storage cannot be locked: for each cause, what `--status` and the end of a failed run say, and
//! that their advice, followed to the letter, ends the problem: the next run succeeds.

use std::fs;
use std::path::Path;

use dsnap_testkit::site::{Fault, Step};
use dsnap_testkit::{Site, State, locks};

use super::states::copy_during_a_run;
use crate::support::{
    Dsnap, LoneHolder, Ran, assert_free, conf, end_command, follow, is_locked, killed_run, site,
    site_builder, storage_with_conf, wait_until,
};

const HEADING: &str = "Could not lock storage directory";

/// Asks for the status. No words replace its paths, so that its commands can be followed.
fn status(dir: &Path) -> Ran {
    Dsnap::new().arg("--status").arg(dir).run()
}

/// Runs `true`. It must fail with this status, under the heading for which people search.
#[track_caller]
fn fails(dir: &Path, status: i32) -> Ran {
    let ran = Dsnap::new().storage(dir).arg("true").run();
    assert_eq!(ran.status.code(), Some(status), "{ran}");
    assert!(ran.stderr.lines().any(|line| line == HEADING), "{ran}");
    let mut lines: Vec<_> = ran.stderr.lines().collect();
    lines.sort_unstable();
    let repeated = lines.windows(2).find(|pair| pair[0].trim() == pair[1].trim());
    assert_eq!(repeated, None, "said twice: {ran}");
    ran
}

#[track_caller]
fn works(dir: &Path) {
    let ran = Dsnap::new().storage(dir).arg("true").run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
}

/// The one next step of a status.
#[track_caller]
fn next(ran: &Ran) -> String {
    let step = ran.stdout.lines().find_map(|line| line.strip_prefix("next: "));
    step.unwrap_or_else(|| panic!("no next step: {ran}")).to_owned()
}

/// The hints at the end of a run.
fn hints(ran: &Ran) -> Vec<String> {
    let hints = ran.stderr.lines().filter_map(|line| line.trim().strip_prefix("hint: "));
    hints.map(str::to_owned).collect()
}

/// Does what a next step or hint says: the command at its end.
#[track_caller]
fn obey(step: &str) {
    let command = step.rsplit_once(": ").map_or(step, |(_, command)| command);
    assert!(follow(command).success(), "{command}");
}

/// Corrects the line of the conf that the advice names.
#[track_caller]
fn correct(site: &Site, advice: &str, line: &str) {
    let named = format!("correct line 1 in {}", site.storage().config().display());
    assert!(advice.starts_with(&named), "{advice}");
    conf(site, line);
}

#[test]
fn a_zope_that_does_not_know_the_password() {
    let site = site();
    let access = site.storage().config().join("access");
    let right = fs::read(&access).unwrap();
    fs::write(&access, "backup:wrong\n").unwrap();
    let (looked, ran) = (status(site.path()), fails(site.path(), 125));
    for said in [next(&looked), hints(&ran)[0].clone()] {
        assert!(said.starts_with("check the user and password in "), "{looked}{ran}");
        assert!(said.contains(&access.display().to_string()), "{said}");
    }
    ran.mentions(
        "DIR: open in a server".replace("DIR", &site.path().display().to_string()).as_str(),
    )
    .mentions("  misc/lock and misc/sublock are held by ");
    fs::write(&access, right).unwrap();
    works(site.path());
}

#[test]
fn a_zope_that_nobody_reaches() {
    let site = site();
    conf(&site, "http http://127.0.0.1:1/DSToolkit access\n");
    let said = "check that the server is running and listens at this address";
    assert_eq!(next(&status(site.path())), said);
    assert_eq!(hints(&fails(site.path(), 125)), [said]);
    conf(&site, "http URL access\n");
    works(site.path());
}

#[test]
fn a_server_that_no_line_asks() {
    let site = site();
    conf(&site, "nodirect\n");
    let looked = status(site.path());
    assert!(next(&looked).contains("`http URL ACCESS`"), "{looked}");
    fails(site.path(), 125).mentions(" and not in a snapshot\nhint: ");
    conf(&site, "http URL access\n");
    works(site.path());
}

#[test]
fn the_wrong_server_by_its_snapshot() {
    let site = site_builder().zopes(2).start().unwrap();
    conf(&site, "http URL access\n");
    site.fault(Some(0), Fault::WrongStorage, None, None);
    let ran = fails(site.path(), 125).mentions("Entered snapshot using http://");
    let hint = hints(&ran).remove(0);
    // Without entering, it shows only while one of the two storages is in a snapshot.
    site.server().unwrap().enter("other").unwrap();
    let looked = status(site.path());
    assert!(looked.stdout.contains(": it is the server of another storage\n"), "{looked}");
    assert!(looked.stdout.contains(&format!("next: {hint}\n")), "{looked}");
    site.server().unwrap().leave("other").unwrap();
    correct(&site, &hint, "http URL2 access\n");
    works(site.path());
}

#[test]
fn a_crash_with_nodirect() {
    for state in [State::Crashed, State::InSnapshot, State::Packing, State::ShutdownWithJournal] {
        for by_status in [true, false] {
            let fixture = storage_with_conf(state, "nodirect\n");
            let ran = fails(fixture.path(), 125);
            let step =
                if by_status { next(&status(fixture.path())) } else { hints(&ran).remove(0) };
            obey(&step);
            works(fixture.path());
        }
    }
}

#[test]
fn another_tool_with_direct_access() {
    for by_status in [true, false] {
        let fixture = storage_with_conf(State::Clean, "direct\n");
        let mut tool = LoneHolder::of(&fixture.storage().sublock());
        let ran = fails(fixture.path(), 75).mentions("misc/sublock is held by sleep (pid ");
        let step = if by_status { next(&status(fixture.path())) } else { hints(&ran).remove(0) };
        obey(&step);
        wait_until("the end of the tool", || tool.has_ended());
        works(fixture.path());
    }
}

#[test]
fn a_server_started_while_a_snapshot_was_used() {
    let site = site();
    site.stop_server().unwrap();
    let tool = locks::Holder::hold(&site.storage().sublock()).unwrap();
    site.start_server().unwrap();
    drop(tool);
    let (looked, ran) = (status(site.path()), fails(site.path(), 125));
    assert!(next(&looked).starts_with("restart "), "{looked}");
    assert!(hints(&ran)[0].starts_with("restart "), "{ran}");
    ran.mentions(": stuck: its server was started while a snapshot was in use");
    site.stop_server().unwrap();
    site.start_server().unwrap();
    works(site.path());
    assert_free(&site);
}

#[test]
fn a_process_that_command_of_a_killed_run_left_behind() {
    for by_status in [true, false] {
        let site = site();
        let child = end_command(killed_run(&site, "sleep 600 >/dev/null 2>&1 & word=$!"));
        let named = format!("sleep (pid {child}, ");
        let ran = fails(site.path(), 75);
        let looked = status(site.path());
        assert_eq!(looked.status.code(), Some(2), "{looked}");
        assert!(looked.stdout.contains(&named) && ran.stderr.contains(&named), "{looked}{ran}");
        obey(&if by_status { next(&looked) } else { hints(&ran).remove(0) });
        wait_until("the end of the process", || !is_locked(&site.storage().sublock()));
        works(site.path());
        assert_free(&site);
    }
}

#[test]
fn command_of_a_killed_run_that_hangs() {
    for by_status in [true, false] {
        let site = site();
        let running = killed_run(&site, "");
        let ran = fails(site.path(), 75);
        let looked = status(site.path());
        assert_eq!(looked.status.code(), Some(0), "{looked}");
        obey(&if by_status { next(&looked) } else { hints(&ran).remove(0) });
        end_command(running);
        works(site.path());
        assert_free(&site);
    }
}

#[test]
fn a_snapshot_of_somebody_else_that_is_used() {
    let site = site();
    let server = site.server().unwrap();
    server.enter("stranger").unwrap();
    let user = LoneHolder::of(&site.storage().sublock());
    fails(site.path(), 75).mentions("misc/sublock is held by sleep (pid ");
    let looked = status(site.path());
    assert_eq!(looked.status.code(), Some(0), "{looked}");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| obey(&next(&looked)));
        drop(user);
        server.leave("stranger").unwrap();
        waiting.join().unwrap();
    });
    works(site.path());
}

#[test]
fn a_storage_restored_from_a_and_config_only() {
    let fixture = storage_with_conf(State::Clean, "direct\n");
    fs::remove_dir(fixture.storage().b()).unwrap();
    fs::remove_dir(fixture.storage().journal()).unwrap();
    let ran = Dsnap::new().storage(fixture.path()).arg("true").run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    assert_eq!(hints(&ran), [next(&status(fixture.path()))]);
    obey(&hints(&ran)[0]);
    works(fixture.path());
}

#[test]
fn an_abandoned_snapshot_of_somebody_else() {
    for by_status in [true, false] {
        let site = site();
        site.server().unwrap().enter("stranger").unwrap();
        let ran = fails(site.path(), 75);
        let step = if by_status { next(&status(site.path())) } else { hints(&ran).remove(1) };
        obey(&step);
        works(site.path());
    }
}

#[test]
fn a_file_by_file_copy() {
    for by_status in [true, false] {
        let site = site();
        let copy = copy_during_a_run(&site);
        let ran = fails(&copy, 125);
        let looked = status(&copy);
        assert_eq!(looked.stdout.matches("\nfails: ").count(), 1, "{looked}");
        obey(&if by_status { next(&looked) } else { hints(&ran).remove(0) });
        works(&copy);
        site.ledger().unwrap().verify(&copy.join("A")).assert_holds();
    }
}

#[test]
fn a_server_that_recombines_or_packs() {
    let site = site();
    let server = site.server().unwrap();
    server.pack().unwrap();
    let looked = status(site.path());
    assert_eq!(looked.status.code(), Some(0), "{looked}");
    let ran = fails(site.path(), 75).mentions(" is being packed (begun ");
    assert_eq!(hints(&ran), ["wait for its end with -t, for example -t 6h"]);
    std::thread::scope(|scope| {
        scope.spawn(|| obey(&next(&looked)));
        server.end_packing().unwrap();
    });
    server.wait_until_free();
    server.hold_at(Step::Recombine);
    works(site.path());
    assert!(server.wait_at(Step::Recombine));
    let looked = status(site.path());
    assert_eq!(looked.status.code(), Some(0), "{looked}");
    std::thread::scope(|scope| {
        scope.spawn(|| obey(&next(&looked)));
        server.go_on();
    });
    works(site.path());
}
