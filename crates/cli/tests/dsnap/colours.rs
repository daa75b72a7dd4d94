//! Colours: on a terminal that shows them, for the words that matter; elsewhere none.

use dsnap_testkit::{Fixture, State, locks};

use crate::support::{Dsnap, Terminal, storage, storage_with_conf};

const RED: &str = "\x1b[1m\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// A run that fails with a hint.
fn failing(fixture: &Fixture, name: &str) -> Dsnap {
    Dsnap::on(fixture).arg("true").env("TERM", name).change(|command| {
        command.env_remove("NO_COLOR");
    })
}

/// What a terminal shows of a run, and of its end.
fn shown(dsnap: Dsnap, end: &str) -> String {
    let terminal = Terminal::new();
    terminal.run(dsnap).end();
    terminal.wait_for(end);
    terminal.shown()
}

#[test]
fn a_failure_and_its_hint_are_coloured_on_a_terminal_only_and_not_against_the_users_will() {
    let fixture = storage(State::InSnapshot);
    let _server = locks::Holder::hold(&fixture.storage().lock()).unwrap();
    let run = || failing(&fixture, "xterm");
    let failed = format!("{RED}COMMAND was not run:{PLAIN} ");
    for coloured in [run(), run().env("NO_COLOR", "")] {
        let shown = shown(coloured, "AGE");
        assert!(shown.contains(&failed), "{shown:?}");
        assert!(shown.contains("\x1b[36mhint:\x1b[0m wait for its end"), "{shown:?}");
    }
    for plain in [run().env("NO_COLOR", "1"), failing(&fixture, "dumb")] {
        let shown = shown(plain, "AGE");
        assert!(!shown.contains("\x1b[3") && !shown.contains("\x1b[1m"), "{shown:?}");
        assert!(shown.contains("COMMAND was not run: "), "{shown:?}");
    }
    assert!(!run().run().stderr.contains('\x1b'));
}

#[test]
fn a_usage_error_is_coloured_like_a_failure() {
    let dsnap = Dsnap::new().arg("--nonsense").env("TERM", "xterm");
    let shown = shown(
        dsnap.change(|command| {
            command.env_remove("NO_COLOR");
        }),
        "options",
    );
    assert!(shown.starts_with(&format!("{RED}usage:{PLAIN} ")), "{shown:?}");
}

#[test]
fn the_state_of_a_storage_is_coloured_on_a_terminal_and_never_in_json() {
    let fixture = storage_with_conf(State::Clean, "nonsense\n");
    let status = |terminal: Option<&Terminal>, option: &[&str]| {
        let dsnap = Dsnap::new().args(option).arg("--status").arg(fixture.path());
        let dsnap = dsnap.env("TERM", "xterm").change(|command| {
            command.env_remove("NO_COLOR");
        });
        match terminal {
            Some(terminal) => terminal.run_with_results(dsnap).end(),
            None => dsnap.run(),
        }
    };
    let terminal = Terminal::new();
    status(Some(&terminal), &[]);
    terminal.wait_for("last transaction");
    let shown = terminal.shown();
    assert!(shown.starts_with("\x1b[1m\x1b[33mlook\x1b[0m    "), "{shown:?}");
    assert!(shown.contains("\n\x1b[1m\x1b[33mlook\x1b[0m: "), "{shown:?}");
    assert!(!status(None, &[]).stdout.contains('\x1b'));
    let terminal = Terminal::new();
    status(Some(&terminal), &["--json"]);
    terminal.wait_for("schema_version");
    assert!(!terminal.shown().contains("\x1b["), "{:?}", terminal.shown());
}
