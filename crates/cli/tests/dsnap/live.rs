//! The live line: what a run is doing, for somebody at a terminal and for nobody else.

use std::fs;

use dsnap_testkit::site::Step;
use dsnap_testkit::{Fixture, Site, State, locks};
use nix::sys::signal::Signal::SIGTERM;

use crate::support::{
    DIRECT, Dsnap, HTTP, Screen, Terminal, assert_free, both, site, storage, storage_with_conf,
    wait_until,
};

/// Takes the live line away.
const CLEAR: &str = "\r\x1b[K";

#[test]
fn a_terminal_shows_what_a_run_waits_for_and_for_how_long() {
    let fixture = storage_with_conf(State::Crashed, "");
    let tool = locks::Holder::hold(&fixture.storage().run_lock()).unwrap();
    let dir = fixture.path().to_str().unwrap();
    let screen = Screen::start(&["--storage", dir, "-t", "10m", "-s", "0.1", "true"]);
    let waiting = screen.wait_for(" s left: another run");
    assert!(waiting.starts_with("waiting, 9 min ") && waiting.lines().count() == 1, "{waiting}");
    assert!(waiting.contains(&format!("(pid {}, ", tool.pid())), "{waiting}");
    drop(tool);
    assert_eq!(screen.wait_for("status "), format!("{DIRECT}status 0"));
}

/// A storage that crashed, with so many files in its journal.
fn with_journal(files: usize) -> Fixture {
    let fixture = storage_with_conf(State::Clean, "");
    fs::remove_file(fixture.storage().snapshot()).unwrap();
    let transaction = fixture.storage().journal().join("working_040D31C8F3CE2ECC_done");
    fs::create_dir(&transaction).unwrap();
    for number in 0..files {
        fs::write(transaction.join(format!("o{number:016x}.c")), "").unwrap();
    }
    fixture
}

/// What a person sees of a recovery; nothing, if it is over too soon.
fn seen_of_recovery(files: usize) -> Option<String> {
    let fixture = with_journal(files);
    let screen = Screen::start(&["--storage", fixture.path().to_str().unwrap(), "true"]);
    let (rate, end) = (format!(" of {files} files, "), format!("{DIRECT}status 0"));
    let seen = screen.wait_for_one(&[&rate, &end]);
    assert_eq!(screen.wait_for("status "), end);
    seen.contains(&rate).then_some(seen)
}

fn url(site: &Site) -> String {
    site.urls()[0].clone()
}

#[test]
fn a_person_sees_that_a_server_is_asked_and_then_only_the_four_lines() {
    let site = site();
    let server = site.server().unwrap();
    server.hold_at(Step::Flush);
    let screen = Screen::start(&["--storage", site.path().to_str().unwrap(), "true"]);
    let asking = format!("asking {} (up to 5 min)", url(&site));
    assert_eq!(screen.wait_for("asking "), asking);
    assert!(server.wait_at(Step::Flush));
    server.go_on();
    let shown = screen.wait_for("status ");
    assert_eq!(shown, format!("{}status 0", HTTP.replace("URL", &url(&site))));
    assert_free(&site);
}

#[test]
fn a_person_sees_how_far_a_recovery_is_and_a_pipe_gets_nothing_of_it() {
    let journals = [8_000, 32_000, 128_000];
    let seen = journals.into_iter().find_map(seen_of_recovery).expect("no recovery takes a while");
    assert!(seen.starts_with("direct access: ") && seen.lines().count() == 1, "{seen}");
    assert!(seen.contains("/s, ") && seen.ends_with(" s left"), "{seen}");
    Dsnap::on(&with_journal(10)).arg("true").run().says(0, DIRECT);
    Dsnap::on(&with_journal(10))
        .args(["-v", "true"])
        .run()
        .mentions("\ndirect access: 10 of 10 files\n");
}

#[test]
fn a_terminal_shows_each_call_and_clears_it_before_command_and_before_every_message() {
    let (site, terminal) = (site(), Terminal::new());
    let dsnap = Dsnap::at(&site).env("TERM", "xterm").sh("echo mine >&2");
    assert!(terminal.run(dsnap).end().status.success());
    terminal.wait_for("Left snapshot mode\r\n");
    let url = url(&site);
    let [entered, locked, unlocked, left] =
        [0, 1, 2, 3].map(|at| HTTP.replace("URL", &url).lines().nth(at).unwrap().to_owned());
    let expected = format!(
        "asking {url} (up to 5 min){CLEAR}{entered}\r\n{locked}\r\nmine\r\n{unlocked}\r\n\
         leaving: asking {url} (up to 15 s){CLEAR}{left}\r\n"
    );
    assert_eq!(terminal.shown(), expected);
}

#[test]
fn a_terminal_shows_how_long_a_server_may_still_recombine() {
    let (site, terminal) = (site(), Terminal::new());
    let server = site.server().unwrap();
    server.hold_at(Step::Recombine);
    Dsnap::at(&site).arg("true").run().says(0, HTTP);
    assert!(server.wait_at(Step::Recombine));
    let run = terminal.run(Dsnap::at(&site).arg("true").env("TERM", "xterm"));
    terminal.wait_for("waiting, 4 min 5");
    terminal.wait_for(" left: the server is recombining");
    server.go_on();
    assert!(run.end().status.success());
    terminal.wait_for("Left snapshot mode\r\n");
    let shown = terminal.shown();
    let message = shown.find("(merging B/ back into A/").unwrap();
    assert!(shown[message..].find(" left: the server is recombining").is_some(), "{shown:?}");
}

#[test]
fn a_server_of_several_that_recombines_is_waited_for_on_the_live_line() {
    let (one, two, terminal) = (site(), site(), Terminal::new());
    let server = two.server().unwrap();
    server.hold_at(Step::Recombine);
    Dsnap::at(&two).arg("true").run().says(0, HTTP);
    assert!(server.wait_at(Step::Recombine));
    let run = terminal.run(both(&one, &two).arg("true").env("TERM", "xterm"));
    // It is updated with each try.
    wait_until("the live line of several tries", || {
        terminal.shown().matches("waiting, 4 min 5").count() >= 4
    });
    server.go_on();
    assert!(run.end().status.success());
}

/// COMMAND that says it has begun, in the middle of a line, and ends with 40 after TERM.
const TRAPPING: &str = "trap 'exit 40' TERM; printf half >&2; echo begun; \
                        while :; do sleep 0.01; done";

#[test]
fn a_terminal_tells_that_a_signal_was_passed_on_and_keeps_what_command_wrote() {
    let (fixture, terminal) = (storage(State::Clean), Terminal::new());
    let dsnap = Dsnap::on(&fixture).args(["-k", "10m"]).sh(TRAPPING).env("TERM", "xterm");
    let mut run = terminal.run(dsnap);
    assert_eq!(run.next_line(), "begun");
    run.signal(SIGTERM);
    terminal.wait_for("halfTERM passed on; waiting for pid ");
    assert_eq!(run.end().status.code(), Some(40));
    terminal.wait_for("Unlocked snapshot mode\r\n");
    let shown = terminal.shown();
    assert!(shown.contains(" (KILL in "), "{shown:?}");
    let command_began = shown.find("half").unwrap();
    assert!(!shown[command_began..].contains(CLEAR), "{shown:?}");
}

#[test]
fn in_a_pipe_only_minus_v_tells_that_a_signal_was_passed_on() {
    for (option, times) in [("-k1h", 0), ("-v", 1), ("-vq", 0)] {
        let fixture = storage(State::Clean);
        let run = Dsnap::on(&fixture).arg(option).sh(TRAPPING).start();
        run.signal(SIGTERM);
        let ran = run.end().counts("TERM passed on; waiting for pid ", times);
        assert_eq!(ran.status.code(), Some(40), "{ran}");
    }
}

#[test]
fn a_run_in_the_background_does_not_draw_over_what_the_user_types() {
    let (site, terminal) = (site(), Terminal::new());
    // `-m` gives the job a process group of its own.
    let starter = ["setsid", "--ctty", "bash", "-mc", "\"$@\" & wait $!", "bash"];
    let dsnap = Dsnap::through(&starter).storage(site.path()).arg("true").env("TERM", "xterm");
    let ran = terminal.control_and_show(dsnap).end();
    assert!(ran.status.success(), "{ran}");
    terminal.wait_for("Left snapshot mode\r\n");
    let shown = terminal.shown();
    let four_lines = HTTP.replace("URL", &url(&site)).replace('\n', "\r\n");
    // bash says that its job is done.
    assert!(shown.starts_with(&four_lines) && !shown.contains(CLEAR), "{shown:?}");
}
