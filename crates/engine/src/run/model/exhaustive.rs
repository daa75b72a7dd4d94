//! The promises hold in every order of everything, within the bounds of the models here.
//!
//! The gate explores what it can in some seconds. `DSNAP_MODEL=DISTURBANCES,TRIES,RUNS` sets the bounds of
//! the test that is ignored: it prints how many states there are. Build it with optimisation:
//!
//! `DSNAP_MODEL=3,2,2 cargo test --config profile.dev.opt-level=2 -p dsnap-engine --lib -- --ignored --nocapture every_order_within`
//!
//! | disturbances | tries | runs | states | depth | seconds |
//! |---|---|---|---|---|---|
//! | 2 | 1 | 2 | 56 173 | 50 | 4 to 10, without optimisation (in the gate) |
//! | 1 | 2 | 2 | 18 729 and 18 524, for two confs | 54 | 3 to 6, without optimisation (in the gate) |
//! | 2 | 2 | 2 | 250 727 | 68 | 2 |
//! | 3 | 1 | 2 | 295 582 | 54 | 3 |
//! | 3 | 2 | 2 | 1 731 436 | 77 | 24 |
//! | 3 | 1 | 3 | 2 887 758 | 74 | 47 |

use std::time::Instant;

use stateright::{Checker, Model};

use super::properties::{PROMISES, REACHED};
use super::site::{Conf, Rules, Site, World};

/// Explores a model to its end. Returns what was reached.
#[track_caller]
fn explore(runs: &[Conf], disturbances: u8, tries: u8) -> impl Checker<Site> {
    let (rules, world) = (Rules::OURS, World::REAL);
    let began = Instant::now();
    let site = Site { runs: runs.to_vec(), disturbances, tries, rules, world };
    let checker = site.checker().threads(2).spawn_bfs().join();
    println!(
        "{runs:?}, {disturbances} disturbances, {tries} tries: {} states, depth {}, {:.1} s",
        checker.unique_state_count(),
        checker.max_depth(),
        began.elapsed().as_secs_f64()
    );
    for (promise, _) in PROMISES {
        checker.assert_no_discovery(promise);
    }
    checker
}

#[test]
fn two_runs_keep_the_promises_under_two_disturbances() {
    let checker = explore(&[Conf::Direct, Conf::Accepting], 2, 1);
    for (reached, _) in REACHED {
        checker.assert_any_discovery(reached);
    }
}

#[test]
fn two_runs_that_try_again_keep_the_promises_under_a_disturbance() {
    explore(&[Conf::Direct, Conf::Direct], 1, 2);
    explore(&[Conf::Direct, Conf::Accepting], 1, 2);
}

#[test]
#[ignore = "takes up to minutes; see the first comment of this file"]
#[allow(
    clippy::disallowed_methods,
    reason = "the bounds of this test are no setting of the program"
)]
fn every_order_within_the_bounds_of_the_environment_keeps_the_promises() {
    let bounds = std::env::var("DSNAP_MODEL").unwrap_or_else(|_| "2,2,2".to_owned());
    let bounds: Vec<u8> = bounds.split(',').map(|it| it.parse().unwrap()).collect();
    let [disturbances, tries, runs] = bounds[..] else { panic!("three numbers are wanted") };
    let all = [Conf::Direct, Conf::Accepting, Conf::Direct];
    explore(&all[..usize::from(runs)], disturbances, tries);
}
