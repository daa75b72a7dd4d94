//! The keys and the hangup of a terminal: the system sends their signals, but not to every COMMAND.

use dsnap_testkit::State;
use nix::sys::signal::Signal::SIGTERM;

use crate::support::{DIRECT, Dsnap, Terminal, storage_with_conf};

/// COMMAND that ends with 40 when `signal` comes, and does not say which signal ended a `sleep`.
fn trapping(signal: &str) -> String {
    format!(
        "ulimit -c 0; exec 2>/dev/null; trap 'echo got {signal}; exit 40' {signal}; echo begun; while :; do sleep 0.01; done"
    )
}

/// COMMAND that ends with 40 when `signal` comes, in a session or process group of its own.
fn in_a_group_of_its_own(signal: &str) -> [Vec<String>; 2] {
    let script = trapping(signal);
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    // As `timeout` does. That one may miss a signal that comes while it starts its own command.
    let group = "import os, sys; os.setpgid(0, 0); os.execvp(sys.argv[1], sys.argv[1:])";
    [words(&["setsid", "sh", "-c", &script]), words(&["python3", "-c", group, "sh", "-c", &script])]
}

#[test]
fn the_keys_of_a_terminal_reach_a_command_in_a_process_group_of_its_own() {
    for (key, name) in [(b'C', "INT"), (b'\\', "QUIT")] {
        for command in in_a_group_of_its_own(name) {
            let (fixture, terminal) = (storage_with_conf(State::Clean, ""), Terminal::new());
            let dsnap = Dsnap::through(&["setsid", "--ctty"]).storage(fixture.path()).args(command);
            let running = terminal.control(dsnap);
            terminal.press_ctrl(key);
            running.ends_by_itself().says(40, DIRECT).prints(&format!("begun\ngot {name}\n"));
        }
    }
}

#[test]
fn a_key_of_the_terminal_reaches_a_command_in_the_programs_group_once() {
    let (fixture, terminal) = (storage_with_conf(State::Clean, ""), Terminal::new());
    let script = "n=0; trap 'n=$((n+1)); echo got $n' INT; trap 'exit 40' TERM; echo begun; while :; do sleep 0.01; done";
    let dsnap = Dsnap::through(&["setsid", "--ctty"]).storage(fixture.path());
    let mut running = terminal.control(dsnap.args(["bash", "-c", script]));
    terminal.press_ctrl(b'C');
    assert_eq!(running.next_line(), "got 1");
    // Signals are passed on in order: another INT would be seen before the TERM.
    running.signal(SIGTERM);
    running.ends_by_itself().says(40, DIRECT).prints("begun\ngot 1\n");
}

#[test]
fn a_hangup_of_the_terminal_reaches_command_wherever_it_is() {
    let script = trapping("HUP");
    let starters: [&[&str]; 2] =
        [&["setsid", "--ctty"], &["setsid", "--ctty", "sh", "-c", "\"$@\"; exit 9", "sh"]];
    let commands: [&[&str]; 2] = [&["sh", "-c", &script], &["setsid", "sh", "-c", &script]];
    for starter in starters {
        for command in commands {
            let (fixture, terminal) = (storage_with_conf(State::Clean, ""), Terminal::unread());
            let dsnap = Dsnap::through(starter).storage(fixture.path()).args(command);
            let running = terminal.control(dsnap);
            drop(terminal);
            let ran = running.end().prints("begun\ngot HUP\n");
            assert_eq!(ran.stderr, DIRECT, "{starter:?} {command:?} {ran}");
        }
    }
}
