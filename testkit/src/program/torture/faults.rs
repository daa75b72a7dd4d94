//! The faults that torture plants: one trial for each, with what goes wrong, and when.

use rustix::process::Signal;

/// One fault, with its name and description.
#[derive(Debug)]
pub(super) struct Trial {
    /// The name on command lines and in the table.
    pub(super) name: &'static str,
    /// What goes wrong, as `--list` shows it.
    pub(super) what: &'static str,
    pub(super) fault: Fault,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing.
    Nothing,
    /// The servers fail like this, in the words of `ctl fault`. A fault for a server that the site lacks is ignored.
    Servers(&'static [&'static str]),
    /// Another tool keeps the storage in a snapshot when the script begins, and leaves it soon.
    InUse,
    /// The server has crashed, and nobody has started it again.
    Crashed,
    /// The disk of the target is full.
    FullDisk,
    /// Something happens at one moment of the run.
    At(Moment, Act),
}

/// A moment of a run of dsnap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// The server has got the request to enter, and has not entered yet.
    Entering,
    /// COMMAND has just been started.
    Running,
    /// COMMAND has ended, and the snapshot is not left yet.
    Leaving,
}

/// What happens at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// The server waits for two seconds.
    Wait,
    /// A process gets a signal.
    Signal(Victim, Signal),
    /// The server is stopped cleanly.
    StopServer,
    /// The server crashes, and is started again.
    RestartServer,
    /// Somebody removes `misc/sublock`, and leaves the snapshot.
    BreakGuarantee,
}

/// Who gets a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Victim {
    Dsnap,
    Command,
    Script,
    /// The script and all that it started.
    Group,
}

impl Fault {
    /// Tells whether the fault leaves a server that is down, or that cannot leave a snapshot until its next start.
    pub(super) fn hits_server(self) -> bool {
        matches!(self, Self::Crashed | Self::At(_, Act::StopServer | Act::RestartServer))
    }
}

const fn trial(name: &'static str, what: &'static str, fault: Fault) -> Trial {
    Trial { name, what, fault }
}

const fn signal(moment: Moment, victim: Victim, signal: Signal) -> Fault {
    Fault::At(moment, Act::Signal(victim, signal))
}

const fn at(moment: Moment, act: Act) -> Fault {
    Fault::At(moment, act)
}

use Moment::{Entering, Leaving, Running};
use Victim::{Command, Dsnap, Group, Script};

/// All trials, in the order of the table.
pub(super) const ALL: [Trial; 23] = [
    trial("undisturbed", "nothing goes wrong", Fault::Nothing),
    trial("slow-flush", "the server needs two seconds to enter", at(Entering, Act::Wait)),
    trial(
        "enter-lost",
        "the server enters, but its answer is lost (502, or a reset connection)",
        Fault::Servers(&["502:enter:1:zope", "reset-after:enter:1:zeo"]),
    ),
    trial(
        "enter-refused",
        "the server refuses to enter (500)",
        Fault::Servers(&["500:enter:zope", "refused:enter:zeo"]),
    ),
    trial(
        "leave-lost",
        "the server leaves, but its answer is lost (502, or a reset connection)",
        Fault::Servers(&["502:leave:1:zope", "reset-after:leave:1:zeo"]),
    ),
    trial(
        "leave-refused",
        "the server refuses to leave once (500)",
        Fault::Servers(&["500:leave:1:zope", "refused:leave:1:zeo"]),
    ),
    trial(
        "wrong-password",
        "the password is wrong (401)",
        Fault::Servers(&["401:zope", "wrong-password:zeo"]),
    ),
    trial("in-use", "another tool keeps the storage in a snapshot for two seconds", Fault::InUse),
    trial("server-crashed", "the server has crashed, and is down", Fault::Crashed),
    trial("disk-full", "the disk for the backups is full", Fault::FullDisk),
    trial(
        "server-stopped",
        "the server is stopped while COMMAND runs",
        at(Running, Act::StopServer),
    ),
    trial(
        "server-restarted",
        "the server crashes and is started again while COMMAND runs",
        at(Running, Act::RestartServer),
    ),
    trial(
        "snapshot-broken",
        "somebody removes misc/sublock and leaves the snapshot while COMMAND runs",
        at(Running, Act::BreakGuarantee),
    ),
    trial(
        "kill-entering",
        "dsnap is killed while the server enters",
        signal(Entering, Dsnap, Signal::KILL),
    ),
    trial(
        "kill-running",
        "dsnap is killed while COMMAND runs",
        signal(Running, Dsnap, Signal::KILL),
    ),
    trial(
        "kill-leaving",
        "dsnap is killed after COMMAND has ended, before it leaves the snapshot",
        signal(Leaving, Dsnap, Signal::KILL),
    ),
    trial("kill-command", "COMMAND is killed", signal(Running, Command, Signal::KILL)),
    trial(
        "kill-script",
        "the script is killed while COMMAND runs",
        signal(Running, Script, Signal::KILL),
    ),
    trial(
        "term-script",
        "the script gets TERM while COMMAND runs",
        signal(Running, Script, Signal::TERM),
    ),
    trial(
        "hup-script",
        "the script gets HUP while COMMAND runs",
        signal(Running, Script, Signal::HUP),
    ),
    trial(
        "int-group",
        "the script and all its processes get INT, as from Ctrl-C",
        signal(Running, Group, Signal::INT),
    ),
    trial(
        "term-group",
        "the script and all its processes get TERM, as when a service is stopped",
        signal(Running, Group, Signal::TERM),
    ),
    trial(
        "hup-group",
        "the script and all its processes get HUP, as when a terminal is closed",
        signal(Running, Group, Signal::HUP),
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::site::FaultSpec;

    #[test]
    fn every_trial_has_a_name_of_its_own_and_the_first_is_undisturbed() {
        let names: BTreeSet<_> = ALL.iter().map(|trial| trial.name).collect();
        assert_eq!(names.len(), ALL.len());
        assert_eq!(ALL[0].fault, Fault::Nothing);
    }

    #[test]
    fn every_fault_of_a_server_exists() {
        for trial in ALL {
            let Fault::Servers(faults) = trial.fault else { continue };
            assert!(faults.iter().all(|fault| FaultSpec::parse(fault).is_ok()), "{}", trial.name);
        }
    }
}
