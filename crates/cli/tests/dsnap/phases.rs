//! `-v` and `-vv`: when each phase of a run began, how long it took, and what was sent and answered.

use dsnap_testkit::State;

use crate::support::{Dsnap, HTTP, Ran, conf, is_phase, site, storage_with_conf, write_script};

/// The lines about phases, without times.
fn phases(ran: &Ran) -> Vec<String> {
    let without_time = |line: &str| {
        let words = line.split_once(' ').map_or("", |(_, words)| words);
        let (words, _) = words.split_once(" after ").unwrap_or((words, ""));
        words.split_once(" for ").map_or(words, |(words, _)| words).to_owned()
    };
    ran.stderr.lines().filter(|line| is_phase(line)).map(without_time).collect()
}

#[test]
fn each_phase_is_told_with_its_time_and_at_the_end_how_long_the_storage_was_frozen() {
    let ran = Dsnap::at(&site()).args(["-v"]).sh("exit 3").run();
    assert_eq!(
        phases(&ran),
        [
            "asking URL (up to 5 min)",
            "entered",
            "COMMAND begins",
            "COMMAND exited with status 3",
            "leaving: asking URL (up to 15 s)",
            "left",
            "the storage was frozen"
        ],
        "{ran}"
    );
    assert_eq!(ran.stderr.lines().filter(|line| !is_phase(line)).count(), 4, "{ran}");
    assert!(ran.stderr.trim_end().ends_with(" s"), "{ran}");
}

#[test]
fn each_of_several_storages_has_its_phases() {
    let (one, other) = (site(), site());
    let dsnap = Dsnap::at(&one).arg("--also").arg(other.path()).knows_as(other.path(), "OTHER");
    let phases = phases(&dsnap.args(["-v", "true"]).run());
    for name in ["DIR", "OTHER"] {
        for what in [": entered", ": left", " was frozen"] {
            let line = format!("{name}{what}");
            assert_eq!(phases.iter().filter(|it| **it == line).count(), 1, "{line}: {phases:#?}");
        }
    }
}

#[test]
fn a_run_without_a_snapshot_was_not_frozen() {
    let ran =
        Dsnap::on(&storage_with_conf(State::Crashed, "nodirect\n")).args(["-v", "true"]).run();
    assert_eq!(phases(&ran), Vec::<String>::new(), "{ran}");
    ran.counts("frozen", 0);
}

#[test]
fn minus_vv_shows_what_is_sent_to_a_server_and_what_it_answers_without_a_password() {
    let site = site();
    Dsnap::at(&site).args(["-v", "true"]).run().counts("calling ", 0);
    let ran = Dsnap::at(&site)
        .args(["-vv", "true"])
        .run()
        .mentions("\nURL: calling currentSnapshotCode()\n")
        .mentions("\nURL: currentSnapshotCode answered 200 OK, nothing (after ")
        .mentions("\nURL: enterSnapshot answered 200 OK, ")
        .mentions("\nURL: leaveSnapshot answered 200 OK, ");
    for secret in ["Authorization", "Basic ", "adminpass"] {
        assert!(!ran.stderr.contains(secret), "{ran}");
    }
    for line in HTTP.lines() {
        assert_eq!(ran.stderr.lines().filter(|it| *it == line).count(), 1, "{line}: {ran}");
    }
}

#[test]
fn minus_vv_shows_the_script_that_is_run_and_how_it_ended() {
    let site = site();
    write_script(&site.storage().config().join("method"), "#!/bin/sh\nexit 69\n");
    conf(&site, "exec method secret=1\nhttp URL access\n");
    Dsnap::at(&site).args(["-v", "true"]).run().counts("running ", 0);
    Dsnap::at(&site)
        .args(["-vv", "true"])
        .run()
        .mentions("exec method secret=1: running `DIR/config/method enter`\n")
        .mentions("`DIR/config/method enter` exited with status 69 (after ");
}
