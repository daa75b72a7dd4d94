//! The real run goes the ways of the model: what it says, in what order, and how it ends.
//!
//! Real runs are played in every combination of what a server, an administrator and a proxy do. For each,
//! the model must have a way on which a run says the same, and ends with the same `misc/snapshot` and the
//! same record. So a step that is moved in `run.rs`, or added, is noticed here.

mod testing;

use std::collections::HashSet;

use stateright::Model;

use self::testing::{Before, Case, End, Enter, Leave, Meanwhile, play};
use super::people::Deed;
use super::said::Said;
use super::site::{Conf, Rules, Site, World};
use super::state::{File, Holder, Name, Phase, Record, Request, State, Usage};
use super::{Action, Does};
use crate::record::evidence::Evidence;

/// How many disturbances a way may need.
const DISTURBANCES: u8 = 3;

/// Says whether the model has a way on which the first run says this, and comes to this end.
fn has_way(case: &Case, said: &[Said], end: End) -> bool {
    (0..=DISTURBANCES).any(|disturbances| {
        let (rules, world) = (Rules::OURS, World::REAL);
        let site =
            Site { runs: vec![case.conf, Conf::Direct], disturbances, tries: 1, rules, world };
        let mut state = site.begin();
        prepare(&mut state, case.before);
        search(&site, case, state, said, end)
    })
}

fn search(site: &Site, case: &Case, begin: State, said: &[Said], end: End) -> bool {
    let (mut seen, mut open) = (HashSet::new(), vec![(begin, 0)]);
    while let Some((state, at)) = open.pop() {
        if at == said.len() && state.runs[0].phase == Phase::Over && end_of(&state) == end {
            return true;
        }
        let mut actions = Vec::new();
        site.actions(&state, &mut actions);
        for action in actions.into_iter().filter(|action| happens(case, &state, *action)) {
            let Some((next, words)) = site.step(&state, action) else { continue };
            if said[at..].starts_with(&words) && seen.insert((next.clone(), at + words.len())) {
                open.push((next, at + words.len()));
            }
        }
    }
    false
}

/// Says whether something may happen in a case. In none a run is killed, or the disk is full.
fn happens(case: &Case, state: &State, action: Action) -> bool {
    use Enter::{
        EnteredBehindProxy, EnteredWithoutAnswer, HeldAndLeft, HeldAndStopped, NoAnswer,
        ProxyFails, ServerEnds,
    };
    let asked = matches!(state.runs[0].phase, Phase::Asked(_));
    match action {
        Action::Run(_, Does::Killed) | Action::People(Deed::DiskFills) => false,
        Action::Run(_, Does::ProxyFails) => matches!(case.enter, EnteredBehindProxy | ProxyFails),
        Action::Run(_, Does::TimesOut) if asked => {
            matches!(case.enter, EnteredWithoutAnswer | NoAnswer | ServerEnds)
        }
        Action::People(Deed::Leave) => matches!(case.enter, HeldAndLeft | HeldAndStopped),
        _ => true,
    }
}

/// Makes the state before the run. The second run was killed earlier, if there was one.
fn prepare(state: &mut State, before: Before) {
    state.runs[1].phase = Phase::Over;
    match before {
        Before::Open => {}
        Before::ShutDown | Before::Crashed => {
            state.server.up = false;
            state.disk.sublock = Holder::Free;
            state.disk.torn = before == Before::Crashed;
            if before == Before::ShutDown {
                state.disk.file = File::Shutdown;
            }
        }
        Before::LeftBehind => {
            killed(state, Evidence::Here);
            state.server.usage = Usage::Snapshot(Name::Run(1, 0));
            (state.disk.file, state.disk.sublock) = (File::User(Name::Run(1, 0)), Holder::Free);
        }
        Before::Unknown => {
            killed(state, Evidence::Unknown);
            state.send(Request::Enter(Name::Run(1, 0)));
        }
    }
}

fn killed(state: &mut State, evidence: Evidence) {
    state.runs[1].phase = Phase::Killed;
    state.runs[1].record = Some(Record { code: 0, evidence, restarted: false });
}

fn end_of(state: &State) -> End {
    End {
        file: match state.disk.file {
            File::Absent => "absent",
            File::Empty => "empty",
            File::Shutdown => "shutdown",
            File::Packing => "packing",
            File::User(Name::Run(0, _)) => "the code",
            File::User(_) => "another code",
        },
        record: state.runs[0].record.is_some(),
    }
}

const BEFORE: [Before; 5] =
    [Before::Open, Before::ShutDown, Before::Crashed, Before::LeftBehind, Before::Unknown];
const ENTERS: [Enter; 11] = [
    Enter::Held,
    Enter::HeldAndLeft,
    Enter::HeldAndStopped,
    Enter::EnteredWithoutAnswer,
    Enter::NoAnswer,
    Enter::ServerEnds,
    Enter::EnteredBehindProxy,
    Enter::ProxyFails,
    Enter::Busy,
    Enter::Unavailable,
    Enter::Refused,
];
const LEAVES: [Leave; 3] = [Leave::Left, Leave::LeftWithoutAnswer, Leave::NoAnswer];
const MEANWHILE: [Meanwhile; 3] =
    [Meanwhile::Nothing, Meanwhile::ServerEnds, Meanwhile::ServerStarts];

/// Lists all cases that can differ.
fn cases(conf: Conf) -> Vec<Case> {
    let mut cases = Vec::new();
    for before in BEFORE {
        for enter in ENTERS {
            for leave in LEAVES {
                let case = |meanwhile| Case { conf, before, enter, leave, meanwhile };
                cases.extend(MEANWHILE.map(case).into_iter().filter(differs));
            }
        }
    }
    cases
}

/// Says whether a case is not the same as one that comes earlier: a closed storage is not entered by
/// a server, what is not entered is not left, and without a snapshot COMMAND does not run.
fn differs(case: &Case) -> bool {
    let closed = matches!(case.before, Before::ShutDown | Before::Crashed);
    let enters = matches!(
        case.enter,
        Enter::Held | Enter::HeldAndLeft | Enter::EnteredWithoutAnswer | Enter::EnteredBehindProxy
    );
    let leaves = enters || case.before == Before::LeftBehind;
    let runs = closed || enters || case.enter == Enter::HeldAndStopped;
    (!closed || case.enter == Enter::Held && case.leave == Leave::Left)
        && (leaves || case.leave == Leave::Left)
        && (runs || case.meanwhile == Meanwhile::Nothing)
}

#[track_caller]
fn every_run_is_a_way_of_the_model(conf: Conf) {
    let mut known = HashSet::new();
    for case in cases(conf) {
        let (said, end) = play(case);
        if known.insert((case.before, case.enter, said.clone(), end)) {
            assert!(has_way(&case, &said, end), "{case:?}\n{said:?}\n{end:?}");
        }
    }
    println!("{conf:?}: {} runs, {} of them different", cases(conf).len(), known.len());
}

#[test]
fn a_run_with_direct_goes_the_ways_of_the_model() {
    every_run_is_a_way_of_the_model(Conf::Direct);
}

#[test]
fn a_run_that_accepts_a_snapshot_goes_the_ways_of_the_model() {
    every_run_is_a_way_of_the_model(Conf::Accepting);
}

const ORDINARY: [Said; 7] = [
    Said::Asking,
    Said::Entered,
    Said::Locked,
    Said::Command,
    Said::Unlocked,
    Said::Leaving,
    Said::Left,
];
const HELD: Case = Case {
    conf: Conf::Direct,
    before: Before::Open,
    enter: Enter::Held,
    leave: Leave::Left,
    meanwhile: Meanwhile::Nothing,
};
const LEFT: End = End { file: "absent", record: false };

#[test]
fn two_steps_in_the_wrong_order_are_no_way_of_the_model() {
    assert!(has_way(&HELD, &ORDINARY, LEFT));
    for at in 1..ORDINARY.len() {
        let mut said = ORDINARY;
        said.swap(at - 1, at);
        assert!(!has_way(&HELD, &said, LEFT), "{said:?}");
    }
}

#[test]
fn a_run_that_leaves_out_a_step_is_no_way_of_the_model() {
    // Without COMMAND it is a run that a signal has ended.
    for at in (0..ORDINARY.len()).filter(|at| ORDINARY[*at] != Said::Command) {
        let mut said = ORDINARY.to_vec();
        said.remove(at);
        assert!(!has_way(&HELD, &said, LEFT), "{said:?}");
    }
    let kept = End { record: true, ..LEFT };
    assert!(!has_way(&HELD, &ORDINARY, kept), "the record is settled");
}
