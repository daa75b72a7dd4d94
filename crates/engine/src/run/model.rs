//! A model of a live storage and of the runs that use it, explored exhaustively with stateright.
//!
//! Scenarios show that a run goes well in the order of events that somebody thought of. The model goes
//! through every order: of the server's work, of requests that arrive late, of two or three runs, of an
//! administrator, of a disk that fills, of kills. A *disturbance* is what goes wrong or is done by
//! people. How many there are is bounded; everything else is not.
//!
//! | file | what it is |
//! |---|---|
//! | `state` | the storage, the server, the requests on their way, the runs |
//! | `site` | which runs there are, how much may go wrong, by which rules they go |
//! | `server` | the server's side |
//! | `answers` | what the server's answers mean |
//! | `tool`, `leaving`, `cleaning`, `files` | the steps of a run |
//! | `said` | what a run says at a step |
//! | `people` | the administrator, the disk, kills |
//! | `properties` | what always holds, and what is reached |
//! | `exhaustive` | every order of everything |
//! | `faults` | the faults of the original: each is found |
//! | `replay`, `replay/testing` | the real run goes the ways of the model |
//!
//! The model does not restate a rule where it can ask the code: `freshness::verdict`, `due::Found`,
//! `enter::is_settled`, `pending_enter::effect`, `leave::Shown`, `Evidence::observe`, `server::enter` and
//! `server::leave` decide here, too. `replay` checks that the order of the steps is that of the code.
//!
//! The model assumes that a request ends with the server that it was sent to; that no second request to
//! enter under one code is on its way when a snapshot is left; that no request to enter is on its way
//! while the server cannot write another code on a full disk; and that a server which has written
//! `misc/snapshot` ends its enter within the time that `pending_enter` waits. `faults` shows what would
//! happen otherwise.
//!
//! The model leaves out several storages, methods that close the storage, and servers of other storages.

mod answers;
mod cleaning;
mod exhaustive;
mod faults;
mod files;
mod leaving;
mod people;
mod properties;
mod replay;
mod said;
mod server;
mod site;
mod state;
mod tool;

use dsnap_core::Reason;
use dsnap_core::method::{Entered, Left};
use stateright::{Model, Property};

use self::people::Deed;
use self::said::Said;
use self::server::{Act, Answer};
use self::site::Site;
use self::state::{Entering, Phase, Request, Run, State, Usage, number};
use self::tool::Tool;

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Action {
    Server(Act),
    Arrives(Request),
    People(Deed),
    Run(u8, Does),
}

/// What a run does, or what happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Does {
    /// The next step of its own.
    Next,
    /// The answer is lost, or too late.
    TimesOut,
    /// A proxy answers with status 500 while the server goes on.
    ProxyFails,
    /// The time is up for an enter that may still come, or for leaving.
    GivesUp,
    /// A signal ends the run before COMMAND is started.
    Stops,
    CommandEnds,
    TriesAgain,
    Killed,
}

const DOES: [Does; 8] = [
    Does::Next,
    Does::TimesOut,
    Does::ProxyFails,
    Does::GivesUp,
    Does::Stops,
    Does::CommandEnds,
    Does::TriesAgain,
    Does::Killed,
];

impl Does {
    /// Says whether this can happen to a run, by its phase alone. It spares the model most of the states
    /// that it would have to copy.
    fn fits(self, run: &Run) -> bool {
        match self {
            Self::Next => !matches!(
                run.phase,
                Phase::Asked(_)
                    | Phase::Running(_)
                    | Phase::LeaveAsked(_)
                    | Phase::Over
                    | Phase::Killed
            ),
            Self::TimesOut => matches!(run.phase, Phase::Asked(_) | Phase::LeaveAsked(_)),
            Self::ProxyFails => matches!(run.phase, Phase::Asked(_)),
            Self::GivesUp => {
                matches!(run.phase, Phase::Pending(_) | Phase::Leaving(_))
            }
            Self::Stops => matches!(run.phase, Phase::Locked(_)),
            Self::CommandEnds => run.command,
            Self::TriesAgain => run.phase == Phase::Failed,
            Self::Killed => !matches!(run.phase, Phase::Over | Phase::Killed),
        }
    }
}

impl Site {
    /// Lets something happen. Returns the new state and what runs say; `None` if it cannot happen.
    fn step(&self, state: &State, action: Action) -> Option<(State, Vec<Said>)> {
        let (mut next, mut said) = (state.clone(), Vec::new());
        if disturbs(state, action) {
            next.disturbances = next.disturbances.checked_sub(1)?;
        }
        match action {
            Action::Server(act) => {
                let answer = server::act(&mut next, &self.world, act)?;
                self.deliver(&mut next, answer, &mut said);
            }
            Action::Arrives(request) => {
                let answer = server::arrive(&mut next, &self.world, request)?;
                self.deliver(&mut next, answer, &mut said);
            }
            Action::People(deed) => people::act(&mut next, &self.world, deed)?,
            Action::Run(run, Does::Killed) => people::kill(&mut next, run.into())?,
            Action::Run(run, Does::CommandEnds) => people::command_ends(&mut next, run.into())?,
            Action::Run(run, does) => {
                let tool = Tool { site: self, state: &mut next, run: run.into(), said: &mut said };
                tool.does(does)?;
            }
        }
        Some((next, said))
    }

    /// Gives an answer to the run that waits for it. Of two requests under one code, the later one is
    /// waited for.
    fn deliver(&self, state: &mut State, answer: Option<Answer>, said: &mut Vec<Said>) {
        let Some((request, reply)) = answer else { return };
        if state.requests.contains(&request) {
            return;
        }
        for run in 0..state.runs.len() {
            let (phase, name) = (state.runs[run].phase, state.name(run));
            let mut tool = Tool { site: self, state: &mut *state, run, said: &mut *said };
            match (request, phase) {
                (Request::Enter(of), Phase::Asked(lines)) if of == name => {
                    tool.enter_answered(reply, lines);
                }
                (Request::Leave(of), Phase::LeaveAsked(leave)) if of == leave.name => {
                    tool.leave_answered(leave, reply);
                }
                _ => {}
            }
        }
    }
}

impl Tool<'_> {
    fn does(mut self, does: Does) -> Option<()> {
        let phase = self.state.runs[self.run].phase;
        match (does, phase) {
            (Does::Next, phase) => return self.next(phase),
            (Does::TimesOut, Phase::Asked(lines)) => {
                self.line_ended(&Entered::Unknown(Reason::new("no answer")), lines);
            }
            (Does::TimesOut, Phase::LeaveAsked(leave)) => {
                self.judge(leave, &Left::Failed(Reason::new("no answer")));
            }
            // The server is asked at once, and says that it is in no snapshot.
            (Does::ProxyFails, Phase::Asked(lines)) => {
                let nothing = self.state.server.up && self.state.server.usage == Usage::Normal;
                nothing.then_some(())?;
                self.line_ended(&Entered::LikelyFailed(Reason::new("answered 500")), lines);
            }
            (Does::GivesUp, Phase::Pending(lines)) => return self.may_still_come(lines),
            (Does::GivesUp, Phase::Leaving(leave)) => return self.give_up(leave),
            (Does::Stops, Phase::Locked(used)) => self.phase(Phase::Ended(used)),
            (Does::TriesAgain, Phase::Failed)
                if self.state.runs[self.run].tries < self.site.tries =>
            {
                self.phase(Phase::Outside);
            }
            _ => return None,
        }
        Some(())
    }

    /// Takes the next step of `run.rs`.
    fn next(&mut self, phase: Phase) -> Option<()> {
        match phase {
            Phase::Outside => return self.take_run_lock(),
            Phase::CleaningUp(number) => return self.clean_up(number),
            Phase::Recording(lines) => self.record(lines),
            Phase::Asking(lines) => self.ask(lines),
            Phase::Direct(step, lines) => self.go_on_directly(step, lines),
            Phase::Pending(lines) => return self.await_enter(lines),
            Phase::Entered(by, lines) => self.look(by, lines),
            Phase::Locking(by, lines) => self.lock(by, lines),
            Phase::WithoutMethod(lines) => self.without_method(lines),
            Phase::Locked(used) => self.begin_command(used),
            Phase::Ended(used) => self.unlock(used),
            Phase::Leaving(leave) => return self.try_to_leave(leave),
            Phase::Failed => self.phase(Phase::Over),
            Phase::Asked(_)
            | Phase::Running(_)
            | Phase::LeaveAsked(_)
            | Phase::Over
            | Phase::Killed => return None,
        }
        Some(())
    }
}

/// Says whether something counts as a disturbance. An answer that was lost with its server does not:
/// the end of the server did.
fn disturbs(state: &State, action: Action) -> bool {
    match action {
        Action::Server(act) => act.disturbs(),
        Action::Arrives(_) => false,
        Action::People(deed) => deed.disturbs(),
        Action::Run(_, Does::Killed | Does::ProxyFails) => true,
        Action::Run(run, Does::TimesOut) => may_answer(state, run.into()),
        Action::Run(..) => false,
    }
}

/// Says whether the answer for which a run waits may still come.
fn may_answer(state: &State, run: usize) -> bool {
    match state.runs[run].phase {
        Phase::Asked(_) => {
            let name = state.name(run);
            let entering = state.server.entering.map(Entering::name) == Some(name);
            entering || state.requests.contains(&Request::Enter(name))
        }
        Phase::LeaveAsked(leave) => state.requests.contains(&Request::Leave(leave.name)),
        _ => false,
    }
}

impl Model for Site {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.begin()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let acts = Act::ALL.into_iter().filter(|act| act.fits(&state.server));
        let server = acts.map(Action::Server);
        let arrive = state.requests.iter().copied().map(Action::Arrives);
        let deeds = Deed::ALL.into_iter().filter(|deed| deed.fits(&state.disk));
        let people = deeds.map(Action::People);
        let runs = (0..state.runs.len()).flat_map(|run| {
            let fits = move |does: &Does| does.fits(&state.runs[run]);
            DOES.into_iter().filter(fits).map(move |does| Action::Run(number(run), does))
        });
        let all = server.chain(arrive).chain(people).chain(runs);
        actions.extend(all.filter(|action| state.disturbances > 0 || !disturbs(state, *action)));
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        self.step(state, action).map(|(next, _)| next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
