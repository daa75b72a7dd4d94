//! Libraries and scripts that misbehave: each fails its line, with the reason, and never the run.

use std::fs;

use dsnap_engine::system::process::ProcessId;
use dsnap_testkit::Site;
use nix::sys::signal::Signal;

use crate::support::{
    Dsnap, HTTP, Plugins, Ran, assert_free, conf, port, site, wait_until, write_script,
};

/// A run whose first line is the villain's, and whose second one a Zope's.
fn run(site: &Site, plugins: &Plugins, line: &str) -> Ran {
    conf(site, &format!("{line}\nhttp URL access\n"));
    Dsnap::at(site)
        .knows_as(plugins.path(), "PLUGINS")
        .arg("--plugin-dir")
        .arg(plugins)
        .arg("true")
        .run()
}

/// The line fails for that reason, and the next one is used.
#[track_caller]
fn costs_its_line(vice: &str, reason: &str) {
    costs_the_line("villain timeout=60", vice, reason);
}

/// The same for a library whose call never ends.
#[track_caller]
fn is_killed_after_a_second(vice: &str) {
    costs_the_line("villain timeout=1", vice, KILLED);
}

const KILLED: &str = "the process of the call was killed after 1 s, when its time was up";

#[track_caller]
fn costs_the_line(line: &str, vice: &str, reason: &str) {
    let site = site();
    let ran = run(&site, &Plugins::villain(vice), line);
    ran.says(0, &format!("{line}: {reason}\n{HTTP}"));
    assert_free(&site);
}

#[test]
fn a_library_that_crashes_fails_its_line() {
    costs_its_line("ABORTS", "the process of the call was killed by SIGABRT");
    costs_its_line("SEGFAULTS", "the process of the call was killed by SIGSEGV");
}

#[test]
fn a_library_that_never_returns_is_killed_and_fails_its_line() {
    is_killed_after_a_second("HANGS");
    is_killed_after_a_second("SPINS");
    is_killed_after_a_second("STOPS");
}

#[test]
fn a_library_that_exits_without_an_answer_fails_its_line() {
    costs_its_line("EXITS", "the process of the call exited with status 0, without an answer");
    costs_its_line("CLOSES_ALL", "the process of the call exited with status 0, without an answer");
}

#[test]
fn a_library_that_allocates_without_end_fails_its_line() {
    let site = site();
    let ran = run(&site, &Plugins::villain("ALLOCATES"), "villain timeout=60");
    ran.says(
        0,
        &format!("villain timeout=60: the process of the call was killed by SIGABRT\n{HTTP}"),
    );
}

#[test]
fn control_characters_of_a_library_are_not_printed() {
    let said = "\u{fffd}[31mred\u{fffd}\u{fffd}\u{fffd} and more";
    costs_its_line("SAYS_NONSENSE", &format!("{said}\nvillain timeout=60: hint: {said}"));
    costs_its_line(
        "RETURNS_NONSENSE",
        "the method gave back -559038737, which is no result of this call",
    );
}

#[test]
fn the_output_of_a_library_is_shown_only_with_v() {
    let (site, plugins) = (site(), Plugins::villain("PRINTS"));
    run(&site, &plugins, "villain").says(0, HTTP);
    let ran = Dsnap::at(&site).arg("-v").arg("--plugin-dir").arg(&plugins).arg("true").run();
    assert_eq!(ran.status.code(), Some(0));
    assert!((1_000_000..1_100_000).contains(&ran.stderr.len()), "{}", ran.stderr.len());
    assert_eq!(ran.stdout, "");
}

#[test]
fn the_reason_of_a_library_is_shortened() {
    let reason = "m".repeat(1000) + "…";
    costs_its_line("TALKS", &reason);
}

#[test]
fn a_library_cannot_change_the_process_of_the_program() {
    let (site, plugins) = (site(), Plugins::villain("CHANGES_THE_PROCESS"));
    conf(&site, "villain\nhttp URL access\n");
    let ran = Dsnap::at(&site).arg("--plugin-dir").arg(&plugins);
    let script = "umask; pwd; case $SNAPSHOT_CODE in stolen) exit 1;; esac; kill -TERM $$";
    let (umask, here) =
        (std::process::Command::new("sh").args(["-c", "umask; pwd"]).output().unwrap().stdout, 143);
    ran.sh(script).run().says(here, HTTP).prints(&String::from_utf8(umask).unwrap());
}

#[test]
fn a_process_that_a_library_leaves_in_its_group_is_ended() {
    let (site, plugins) = (site(), Plugins::villain("LEAVES_A_CHILD"));
    run(&site, &plugins, "villain").says(0, HTTP);
    let child = fs::read_to_string(site.path().join("child")).unwrap();
    let pid = child.split(' ').next().unwrap().parse().unwrap();
    wait_until("the end of what was left behind", || ProcessId::of(pid).is_none());
}

/// The process that was left behind lives on, as it may once it has detached itself. It is ended.
#[track_caller]
fn lived_on(site: &Site) {
    let child = fs::read_to_string(site.path().join("child")).unwrap();
    let pid = child.split_whitespace().next().unwrap().parse().unwrap();
    assert!(ProcessId::of(pid).is_some());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

#[test]
fn a_process_that_a_library_detaches_lives_on_and_blocks_no_run() {
    let (site, plugins) = (site(), Plugins::villain("LEAVES_A_DAEMON"));
    run(&site, &plugins, "villain").says(0, HTTP);
    lived_on(&site);
}

#[test]
fn a_reason_is_shown_as_one_line_and_five_hints_at_most() {
    let (site, plugins) = (site(), Plugins::villain("TALKS_ON"));
    let hints = "villain timeout=60: hint: one hundred bottles of beer\n".repeat(5);
    run(&site, &plugins, "villain timeout=60")
        .says(0, &format!("villain timeout=60: not with me\n{hints}{HTTP}"));
    let ran = Dsnap::at(&site).arg("-v").arg("--plugin-dir").arg(&plugins).arg("true").run();
    let said = "villain timeout=60: one hundred bottles of beer";
    let words = ran.stderr.lines().filter(|line| *line == said).count();
    assert!((1000..(1 << 20) / 28).contains(&words), "{words}");
}

#[test]
fn a_library_that_waits_is_asked_to_stop() {
    let (site, plugins) = (site(), Plugins::villain("WAITS_UNTIL_ASKED_TO_STOP"));
    conf(&site, "villain\nhttp URL access\n");
    let waiting = Dsnap::at(&site).arg("--plugin-dir").arg(&plugins).arg("true").spawn();
    wait_until("the call", || site.path().join("begun").exists());
    waiting.signal(Signal::SIGTERM);
    waiting.end().ends(128 + 15, "COMMAND was not run: dsnap was stopped by signal TERM");
    assert!(site.path().join("asked").exists());
    assert_free(&site);
}

#[track_caller]
fn is_not_loaded(vice: &str, reason: &str) {
    let site = site();
    let ran = run(&site, &Plugins::villain(vice), "villain");
    let place = "malformed line 1 in DIR/config/snapshot.conf";
    ran.says(0, &format!("{place} (PLUGINS/libdsnap_villain.so: {reason})\n{HTTP}"));
}

#[test]
fn a_library_of_another_version_of_the_interface_names_both() {
    is_not_loaded("OTHER_ABI", "it speaks version 7 of the interface, and this dsnap version 1");
}

#[test]
fn a_library_with_short_or_missing_tables_is_not_loaded() {
    is_not_loaded("SHORT_LIBRARY", "the table of the library has 8 bytes, and 24 are needed");
    is_not_loaded("SHORT_METHOD", "the table of a method has 64 bytes, and 72 are needed");
    is_not_loaded("NO_TABLE", "its dsnap_entry gives back no table");
    is_not_loaded("NO_METHODS", "it offers no method");
    is_not_loaded("NO_FUNCTION", "the method `villain` lacks a function");
}

#[test]
fn a_library_that_is_not_a_plugin_is_not_loaded() {
    is_not_loaded("NO_SYMBOL", "it is no plugin of dsnap: it has no function dsnap_entry");
    is_not_loaded(
        "NO_NAME",
        "a method has an invalid name: it must be a-z, then a-z, 0-9 or _, and not one of: failed, hint, malformed",
    );
    is_not_loaded("OTHER_NAME", "it offers no method `villain`, but: somebody");
}

#[test]
fn a_library_that_exits_or_waits_while_it_is_loaded_is_not_loaded() {
    is_not_loaded(
        "EXITS_IN_ITS_INITIALISER",
        "the process of the call exited with status 0, without an answer",
    );
    let waits = "the process of the call was killed after 5 s, when its time was up";
    is_not_loaded("WAITS_IN_ITS_INITIALISER", waits);
}

#[test]
fn a_file_that_is_not_a_library_is_not_loaded() {
    let (site, plugins) = (site(), Plugins::none());
    fs::write(plugins.file("villain"), "no library at all\n".repeat(99)).unwrap();
    let ran = run(&site, &plugins, "villain");
    ran.ends(0, "Left snapshot mode").mentions("libdsnap_villain.so: it cannot be loaded: ");
}

#[test]
fn a_panic_becomes_the_reason_of_its_line() {
    let (site, plugins) = (site(), Plugins::panics());
    let said = "panics enter: the method panicked: no way to enter";
    run(&site, &plugins, "panics enter").says(0, &format!("{said}\n{HTTP}"));
    let said = "panics enter silently: the method panicked, without words";
    run(&site, &plugins, "panics enter silently").says(0, &format!("{said}\n{HTTP}"));
    let said =
        "malformed line 1 in DIR/config/snapshot.conf (the method panicked: no way to words)";
    run(&site, &plugins, "panics words").says(0, &format!("{said}\n{HTTP}"));
}

#[test]
fn a_library_may_say_that_an_enter_likely_failed_and_its_record_stays() {
    let (site, plugins) = (site(), Plugins::panics());
    let said = "panics likely timeout=7: most likely not, 7s to leave";
    run(&site, &plugins, "panics likely timeout=7").says(0, &format!("{said}\n{HTTP}"));
    let again = |line: &str| {
        conf(&site, &format!("{line}\nnodirect\n"));
        let dsnap = Dsnap::at(&site).arg("--plugin-dir").arg(&plugins);
        dsnap
            .arg("true")
            .run()
            .ends(125, &format!("COMMAND was not run: {line}: most likely not, 15s to leave"));
    };
    again("panics likely");
    let kept = fs::read_to_string(site.storage().run_lock()).unwrap();
    assert!(kept.contains("\nrecord "), "{kept}");
}

#[test]
fn a_library_is_told_that_the_storage_shows_the_snapshot_it_leaves() {
    let (site, plugins) = (site(), Plugins::panics());
    let line = format!("panics notes {}", port(&site));
    let ran = run(&site, &plugins, &line).mentions("Left snapshot mode");
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    let noted = fs::read_to_string(site.path().join("noted")).unwrap();
    assert_eq!(noted, "snapshot_seen: true");
}

#[test]
fn a_line_that_is_longer_than_a_pipe_reaches_a_library() {
    let (site, plugins) = (site(), Plugins::panics());
    let ran = run(&site, &plugins, &format!("panics words{}", " x".repeat(50_000)));
    ran.ends(0, "Left snapshot mode").mentions(" (the method panicked: no way to words)");
}

#[test]
fn a_library_that_panics_in_its_name_is_not_loaded() {
    let (site, plugins) = (site(), Plugins::panics());
    conf(&site, "panics enter\nhttp URL access\n");
    let dsnap = Dsnap::at(&site).knows_as(plugins.path(), "PLUGINS").arg("--plugin-dir");
    let ran = dsnap.arg(&plugins).env("PANICS_IN_ITS_NAME", "1").arg("true").run();
    let why = "PLUGINS/libdsnap_panics.so: its dsnap_entry gives back no table";
    let place = "malformed line 1 in DIR/config/snapshot.conf";
    ran.says(0, &format!("{place} ({why})\n{HTTP}"));
}

/// A script that enters the site as `http` does, with bash alone, and then does something else.
fn enters(site: &Site, then: &str) -> String {
    let port = port(site);
    format!(
        r#"#!/bin/bash
case $1 in enter)
  body="<?xml version='1.0'?><methodCall><methodName>enterSnapshot</methodName><params><param><value><string>$DSNAP_CODE</string></value></param></params></methodCall>"
  exec 3<>/dev/tcp/127.0.0.1/{port}
  printf 'POST /DSToolkit HTTP/1.0\r\nAuthorization: Basic YWRtaW46YWRtaW5wYXNz\r\nContent-Type: text/xml\r\nContent-Length: %s\r\n\r\n%s' ${{#body}} "$body" >&3
  grep -q 'nil' <&3
esac
{then}
"#
    )
}

fn with_script(site: &Site, text: &str, line: &str) -> Ran {
    write_script(&site.storage().config().join("method"), text);
    conf(site, &format!("{line}\nhttp URL access\n"));
    Dsnap::at(site).arg("true").run()
}

#[test]
fn a_snapshot_that_was_entered_before_a_crash_is_used_and_left() {
    let site = site();
    let ran = with_script(&site, &enters(&site, "kill -9 $$"), "exec method");
    ran.says(0, &format!("exec method: `DIR/config/method enter` was killed by SIGKILL\n{HTTP}"));
    assert_free(&site);
}

#[test]
fn a_snapshot_that_its_own_line_cannot_leave_is_left_by_another() {
    for then in ["[ $1 = enter ]", "[ $1 = enter ] || kill -9 $$", "[ $1 = enter ] || sleep 999"] {
        let site = site();
        let ran = with_script(&site, &enters(&site, then), "exec method timeout=1");
        let ran = ran.ends(0, "Left snapshot mode");
        ran.mentions("Entered snapshot using exec method");
        assert_free(&site);
    }
}

#[track_caller]
fn script_costs_its_line(text: &str, reason: &str) {
    script_costs_the_line("exec method timeout=60", text, reason);
}

#[track_caller]
fn script_costs_the_line(line: &str, text: &str, reason: &str) {
    let site = site();
    let text = format!("#!/bin/sh\n{text}\n");
    let ran = with_script(&site, &text, line);
    ran.says(0, &format!("{line}: {reason}\n{HTTP}"));
    assert_free(&site);
}

#[test]
fn a_script_that_misbehaves_fails_its_line() {
    script_costs_its_line("kill -SEGV $$", "`DIR/config/method enter` was killed by SIGSEGV");
    let real_time = "exec bash -c 'kill -RTMIN+2 $$'";
    script_costs_its_line(real_time, "`DIR/config/method enter` was killed by SIGRTMIN+2");
    let killed = "`DIR/config/method enter` was killed after 1 s, when its time was up";
    script_costs_the_line("exec method timeout=1", "sleep 999", killed);
    script_costs_its_line("exit 1", "`DIR/config/method enter` exited with status 1");
    script_costs_its_line(
        "echo no >&2; exit 7",
        "no (`DIR/config/method enter` exited with status 7)",
    );
    script_costs_its_line("printf 'a\\033[31m\\377\\n' >&2; exit 78", "a\u{fffd}[31m\u{fffd}");
    script_costs_its_line(
        "exec >&- 2>&- 0<&-; exit 3",
        "`DIR/config/method enter` exited with status 3",
    );
    let unfinished = "printf 'the reason' >&2; setsid sleep 9 & exit 78";
    script_costs_its_line(unfinished, "the reason");
    script_costs_its_line("yes | head -c 3000000 >&2; echo why >&2; exit 78", "why");
}

#[test]
fn a_child_that_a_script_leaves_behind_is_ended_and_its_output_read() {
    let site = site();
    let text = "#!/bin/sh\nyes | head -c 9000000; sleep 999 & echo $! >\"$DSNAP_STORAGE/child\"; exit 69\n";
    with_script(&site, text, "exec method").says(0, HTTP);
    let child = fs::read_to_string(site.path().join("child")).unwrap();
    let pid = child.trim().parse().unwrap();
    wait_until("the end of what was left behind", || ProcessId::of(pid).is_none());
}

#[test]
fn a_process_that_a_script_detaches_lives_on_and_blocks_no_run() {
    let site = site();
    let daemon = r#"echo $$ >"$DSNAP_STORAGE/child"; exec sleep 300"#;
    let text = format!(
        "#!/bin/sh\nsetsid sh -c '{daemon}' &\nwhile ! test -s \"$DSNAP_STORAGE/child\"; do sleep 0.01; done\nexit 69\n"
    );
    with_script(&site, &text, "exec method").says(0, HTTP);
    lived_on(&site);
}

#[test]
fn the_reason_of_a_script_is_its_last_line_however_much_it_said_before() {
    let text = "yes 'on and on' | head -c 3000000 >&2; echo no >&2; exit 78";
    script_costs_its_line(text, "no");
}

#[test]
fn a_script_that_is_missing_or_cannot_be_executed_is_named_with_the_reason() {
    let site = site();
    for (line, reason) in [
        ("exec absent", "DIR/config/absent: No such file or directory"),
        ("exec access", "DIR/config/access is not executable\nhint: chmod +x DIR/config/access"),
        ("exec .", "DIR/config/. is not a regular file"),
    ] {
        conf(&site, &format!("{line}\nhttp URL access\n"));
        let ran = Dsnap::at(&site).arg("true").run();
        ran.says(0, &format!("{line}: {reason}\n{HTTP}"));
    }
    let interpreter = "#!/no/such/interpreter\n";
    write_script(&site.storage().config().join("method"), interpreter);
    conf(&site, "exec method\nhttp URL access\n");
    let ran = Dsnap::at(&site).arg("true").run();
    ran.mentions("DIR/config/method cannot be executed: No such file")
        .ends(0, "Left snapshot mode");
}
