//! A run with several storages of which one fails, or that is killed: every storage is left, and COMMAND
//! never runs with only one of them frozen.

use dsnap_engine::system::process::ProcessId;
use dsnap_testkit::Site;
use dsnap_testkit::site::{Call, Fault, Step};
use nix::sys::signal::Signal::SIGKILL;

use crate::support::{
    BOTH, CHECK, Dsnap, Running, assert_free, both, conf, in_parallel, is_locked, site, wait_until,
};

/// What comes of a fault that one of the two sites has, once or for every call: the status.
const FAULTS: [(Fault, Option<Call>, i32); 6] = [
    (Fault::Unauthorized, Some(Call::Enter), 125),
    (Fault::WrongStorage, None, 125),
    (Fault::ResetAfter, Some(Call::Enter), 0),
    (Fault::Unauthorized, Some(Call::Status), 125),
    (Fault::Refused, Some(Call::Leave), 0),
    (Fault::ResetAfter, Some(Call::Leave), 0),
];

#[test]
fn after_a_fault_of_one_storage_all_are_left_and_command_never_ran_with_one() {
    let cases = FAULTS.into_iter().flat_map(|case| [(case, 0), (case, 1)]);
    in_parallel(cases, |((fault, call, status), faulty)| {
        let sites = [site(), site()];
        sites.iter().for_each(|site| conf(site, "http URL access\nnodirect\n"));
        let [one, two] = &sites;
        sites[faulty].fault(None, fault, call, call.map(|_| 1));
        let ran = both(one, two).sh(&format!("{CHECK}echo checked")).run();
        assert_eq!(ran.status.code(), Some(status), "{fault:?} of {faulty}: {ran}");
        let ran = ran.prints(if status == 0 { "checked\n" } else { "" });
        sites.iter().for_each(assert_free);
        assert_eq!(sites[faulty].other().1.filter(|it| it.starts_with("user/")), None, "{ran}");
        sites[faulty].no_faults();
        both(one, two).arg("true").run().says(0, BOTH);
    });
}

/// Where a run is killed: the site whose server is paused or refuses to leave, and how.
#[derive(Debug, Clone, Copy)]
enum Killed {
    Entering(usize, Step),
    WhileCommandRuns,
    Leaving(usize),
}

const KILLED: [Killed; 9] = [
    Killed::Entering(0, Step::Flush),
    Killed::Entering(0, Step::CodeSet),
    Killed::Entering(0, Step::MarkWritten),
    Killed::Entering(1, Step::Flush),
    Killed::Entering(1, Step::CodeSet),
    Killed::Entering(1, Step::MarkWritten),
    Killed::WhileCommandRuns,
    Killed::Leaving(1),
    Killed::Leaving(0),
];

/// Starts a run whose COMMAND waits for a line.
fn begun(sites: &[Site; 2]) -> Running {
    let [one, two] = sites;
    both(one, two).sh(&format!("{CHECK}echo $$; read go")).open_stdin().spawn()
}

/// Kills a run at that point. Afterwards the servers and COMMAND have done what they still had to do.
fn kill(sites: &[Site; 2], at: Killed) {
    let mut run = begun(sites);
    match at {
        Killed::Entering(number, step) => {
            let server = sites[number].server().unwrap();
            assert!(server.wait_at(step));
            run.signal(SIGKILL);
            let ran = run.end().prints("");
            server.go_on();
            let storage = sites[number].storage();
            let entered = || sites[number].held().is_some() && !is_locked(&storage.sublock());
            wait_until(&format!("the late enter after {ran}"), entered);
        }
        Killed::WhileCommandRuns => {
            let command = run.next_line().parse().unwrap();
            run.signal(SIGKILL);
            run.end();
            wait_until("COMMAND's end", || ProcessId::of(command).is_none());
        }
        Killed::Leaving(number) => {
            run.next_line();
            sites[number].fault(None, Fault::Refused, Some(Call::Leave), None);
            run.say("go");
            let unlocked = || !is_locked(&sites[number].storage().sublock());
            wait_until("a run that tries to leave", unlocked);
            run.signal(SIGKILL);
            run.end();
            sites[number].no_faults();
        }
    }
}

fn pause(sites: &[Site; 2], at: Killed) {
    if let Killed::Entering(number, step) = at {
        sites[number].server().unwrap().hold_at(step);
    }
}

#[test]
fn whenever_a_run_is_killed_the_next_one_leaves_all_storages_and_runs() {
    in_parallel(KILLED, |at| {
        let sites = [site(), site()];
        pause(&sites, at);
        kill(&sites, at);
        let [one, two] = &sites;
        let ran = both(one, two).sh(&format!("{CHECK}echo checked")).run();
        assert_eq!(ran.status.code(), Some(0), "{at:?}: {ran}");
        ran.prints("checked\n").mentions("which an earlier run had left behind");
        sites.iter().for_each(assert_free);
    });
}

#[test]
fn whenever_a_run_is_killed_recover_leaves_each_storage() {
    in_parallel(KILLED, |at| {
        let sites = [site(), site()];
        pause(&sites, at);
        kill(&sites, at);
        for site in &sites {
            let ran = Dsnap::at(site).arg("--recover").run().prints("DIR: nothing to leave\n");
            assert_eq!(ran.status.code(), Some(0), "{at:?}: {ran}");
            assert_free(site);
        }
        let [one, two] = &sites;
        both(one, two).arg("true").run().says(0, BOTH);
    });
}

#[test]
fn two_runs_with_the_storages_in_opposite_order_do_not_deadlock() {
    let (one, two) = (site(), site());
    let first = both(&one, &two).sh("echo begun; read go; true").open_stdin().start();
    let waits = ["-t", "5m", "-s", "0.1"];
    let mut others: Vec<_> = [both(&two, &one), both(&one, &two), both(&two, &one)]
        .into_iter()
        .map(|dsnap| dsnap.args(waits).arg("true").spawn())
        .collect();
    others.iter_mut().for_each(|run| run.wait_for("Retrying snapshot.... ("));
    assert_eq!(first.end().status.code(), Some(0));
    for run in others {
        let ran = run.end();
        assert_eq!(ran.status.code(), Some(0), "{ran}");
    }
    assert_free(&one);
    assert_free(&two);
}
