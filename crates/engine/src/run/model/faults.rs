//! The model finds the faults of the original once its rules are put in, and what would happen if the
//! world were not as the model assumes.

use stateright::{Checker, HasDiscoveries, Model};

use super::Action;
use super::people::Deed;
use super::site::{Conf, Rules, Site, World};
use super::state::{File, Holder, Name, Phase, State, Usage, Used, Why};

const ALONE: &str = "no two runs hold the storage";
const COMPLETE: &str = "A/ holds all that was committed before the run entered";
const KNOWN: &str = "what is held is on record or reported";
const TRUE: &str = "no server writes A/ beside its snapshot";

/// Explores a model until one promise is broken. Returns the shortest way there that was found.
#[track_caller]
fn broken(promise: &'static str, site: Site) -> (Vec<Action>, State) {
    let until = HasDiscoveries::AnyOf([promise].into());
    let checker = site.checker().finish_when(until).spawn_bfs().join();
    let path = checker.discovery(promise).expect("the fault is not found");
    (path.clone().into_actions(), path.last_state().clone())
}

fn site(runs: &[Conf], disturbances: u8, rules: Rules) -> Site {
    Site { runs: runs.to_vec(), disturbances, tries: 1, rules, world: World::REAL }
}

#[test]
fn without_a_run_lock_another_run_comes_between_unlock_and_leave() {
    let rules = Rules { run_lock: false, ..Rules::OURS };
    let (_, state) = broken(ALONE, site(&[Conf::Direct, Conf::Accepting], 0, rules));
    let leaves = |phase| match phase {
        Phase::Leaving(leave) | Phase::LeaveAsked(leave) => leave.why == Why::End,
        _ => false,
    };
    assert!(leaves(state.runs[0].phase), "{state:#?}");
    assert_eq!(state.disk.sublock, Holder::Run(1));
}

#[test]
fn without_a_leave_after_a_failed_lock_the_server_stays_frozen() {
    let rules = Rules { leaves_unusable: false, ..Rules::OURS };
    let (actions, state) = broken(KNOWN, site(&[Conf::Direct], 1, rules));
    assert_eq!(state.server.usage, Usage::Snapshot(Name::Run(0, 0)));
    assert!(actions.contains(&Action::People(Deed::Lock)), "{actions:?}");
}

#[test]
fn if_any_snapshot_will_do_command_runs_in_that_of_a_killed_run() {
    let rules = Rules { refuses_old: false, cleans_up: false, ..Rules::OURS };
    let world = World { administrator: false, ..World::REAL };
    let site = Site { world, ..site(&[Conf::Direct, Conf::Direct], 1, rules) };
    let (_, state) = broken(COMPLETE, site);
    let of_the_other = |run: usize| {
        let other = File::User(Name::Run(u8::from(run == 0), 0));
        state.runs[run].phase == Phase::Running(Used::Closed) && state.disk.file == other
    };
    assert!(of_the_other(0) || of_the_other(1), "{state:#?}");
}

#[test]
fn a_leave_that_overtakes_its_enter_makes_a_server_write_beside_its_snapshot() {
    let rules = Rules { awaits_enter: false, ..Rules::OURS };
    let (actions, state) = broken(TRUE, site(&[Conf::Direct], 1, rules));
    assert_eq!(state.disk.file, File::User(Name::Run(0, 0)), "{actions:?}");
    assert!(state.server.writes());
}

#[test]
fn a_request_that_outlives_its_server_freezes_the_next_one_without_a_record() {
    let world = World { requests_end_with_server: false, ..World::REAL };
    let (_, state) = broken(KNOWN, Site { world, ..site(&[Conf::Direct], 2, Rules::OURS) });
    assert_eq!(state.runs[0].record, None);
}

#[test]
fn a_second_request_under_one_code_that_comes_after_the_leave_freezes_the_server() {
    let world = World { enters_end_together: false, ..World::REAL };
    let site = Site { world, tries: 2, ..site(&[Conf::Direct], 2, Rules::OURS) };
    let (_, state) = broken(KNOWN, site);
    assert_eq!(state.runs[0].record, None);
}

#[test]
fn an_empty_file_of_somebody_else_passes_for_the_late_enter_of_a_run() {
    let world = World { empty_file_is_own: false, ..World::REAL };
    let (_, state) = broken(KNOWN, Site { world, ..site(&[Conf::Direct], 3, Rules::OURS) });
    assert_eq!((state.disk.file, state.server.usage), (File::Empty, Usage::Snapshot(Name::Admin)));
}
