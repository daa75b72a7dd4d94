//! What surrounds an isolated call, and that nothing ends one before its time.

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;

use dsnap_testkit::Site;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::http::{conf, site};
use crate::plugins::{Plugins, script};
use crate::stage::{Dsnap, HTTP, wait_until};

fn seen(site: &Site, name: &str) -> String {
    fs::read_to_string(site.path().join(name)).unwrap()
}

const LOOKS_AROUND: &str = r#"#!/bin/sh
readlink /proc/$$/cwd /proc/$$/fd/0 >"$DSNAP_STORAGE/places"
cd "$DSNAP_STORAGE" && ls /proc/$$/fd >fds; cat /proc/$$/stat >stat; env >env; echo "$@" >words
exit 69
"#;

#[test]
fn a_script_is_told_what_it_needs_and_nothing_of_ours_is_open_in_it() {
    let site = site();
    script(&site.storage().config().join("method"), LOOKS_AROUND);
    conf(&site, "exec method one 'two three' timeout=9\nhttp URL access\n");
    // A descriptor and variables that whoever starts the program has left in it.
    let dsnap = Dsnap::through(&["bash", "-c", "exec 9</dev/zero; exec \"$@\"", "bash"]);
    let dsnap = dsnap.env("SNAPSHOT_OLD", "x").env("KEPT", "y").arg("--storage").arg(site.path());
    let ran = dsnap.arg("true").run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert_eq!(seen(&site, "places"), "/\n/dev/null\n");
    assert_eq!(seen(&site, "words"), "enter one two three\n");
    // The shell keeps its script open, and `ls` the folder that it lists.
    let fds = seen(&site, "fds");
    assert!(fds.starts_with("0\n1\n") && !fds.contains("\n9\n"), "{fds}");
    let env = seen(&site, "env");
    assert!(env.contains("KEPT=y\n") && !env.contains("SNAPSHOT_OLD"), "{env}");
    let storage = format!("DSNAP_STORAGE={}\n", site.path().display());
    assert!(env.contains(&storage) && env.contains("DSNAP_TIMEOUT=9\n"), "{env}");
    assert!(env.contains("DSNAP_CODE=") && !env.contains("DSNAP_CODE=\n"), "{env}");
    let stat = seen(&site, "stat");
    let numbers: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let pid = stat.split(' ').next().unwrap();
    assert_eq!(numbers[3], pid, "a session of its own: {stat}");
}

#[test]
fn a_library_has_a_session_of_its_own_and_hears_no_signals_that_end_a_run() {
    let (site, plugins) = (site(), Plugins::villain("LOOKS_AROUND"));
    conf(&site, "villain\nhttp URL access\n");
    Dsnap::at(&site).arg("--plugin-dir").arg(&plugins).arg("true").run().says(0, HTTP);
    let stat = seen(&site, "stat");
    let numbers: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    assert_eq!(Some(numbers[3]), stat.split(' ').next(), "{stat}");
    let status = seen(&site, "status");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
    let ignored = u64::from_str_radix(ignored, 16).unwrap();
    assert_eq!(ignored & 0b100_0000_0000_0111, 0b100_0000_0000_0111, "{status}");
}

/// A script that says that it entered, which is not so; so it is asked to leave at once. It says
/// when it does, and waits for the word to go on.
const SLOW_LEAVE: &str = r#"#!/bin/sh
case $1 in
leave) echo leaving >"$DSNAP_STORAGE/says"; read word <"$DSNAP_STORAGE/waits"; echo left >"$DSNAP_STORAGE/done";;
esac
"#;

#[test]
fn a_leave_goes_on_when_the_tool_is_killed_even_if_it_says_something() {
    let site = Site::builder().zopes(0).start().unwrap();
    let text = SLOW_LEAVE.replace("echo left", "echo aloud; echo words >&2; echo left");
    script(&site.storage().config().join("method"), &text);
    for name in ["says", "waits"] {
        nix::unistd::mkfifo(&site.path().join(name), nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    let child = Dsnap::at(&site).args(["--method", "exec method", "true"]).spawn();
    assert_eq!(seen(&site, "says"), "leaving\n");
    child.signal(Signal::SIGKILL);
    let ran = child.end();
    assert_eq!(ran.status.code(), None, "{ran}");
    let mut waits = fs::File::options().write(true).open(site.path().join("waits")).unwrap();
    waits.write_all(b"go\n").unwrap();
    wait_until("the end of the leave", || site.path().join("done").exists());
}

#[test]
fn a_lower_limit_than_ours_is_kept() {
    let plugins = Plugins::villain("NONE");
    let limited = ["bash", "-c", "ulimit -v 1500000 && exec \"$@\"", "bash"];
    let ran = Dsnap::through(&limited).arg("--list-methods").arg("--plugin-dir").arg(&plugins);
    let ran = ran.change(|command| {
        command.uid(54_321);
    });
    if nix::unistd::geteuid().is_root() {
        let ran = ran.knows(plugins.path()).run();
        assert!(ran.stdout.contains("\nvillain "), "{ran}");
    }
}

#[test]
fn signals_to_the_whole_group_do_not_end_a_leave() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let site = Site::builder().zopes(0).start().unwrap();
        script(&site.storage().config().join("method"), SLOW_LEAVE);
        for name in ["says", "waits"] {
            let mode = nix::sys::stat::Mode::S_IRWXU;
            nix::unistd::mkfifo(&site.path().join(name), mode).unwrap();
        }
        let child = Dsnap::at(&site)
            .args(["--method", "exec method", "true"])
            .change(|command| {
                command.process_group(0);
            })
            .spawn();
        assert_eq!(fs::read_to_string(site.path().join("says")).unwrap(), "leaving\n");
        killpg(Pid::from_raw(child.pid()), signal).unwrap();
        fs::File::options()
            .write(true)
            .open(site.path().join("waits"))
            .unwrap()
            .write_all(b"go\n")
            .unwrap();
        wait_until("the end of the leave", || site.path().join("done").exists());
        let ran = child.end();
        assert_eq!(seen(&site, "done"), "left\n");
        assert_eq!(ran.status.code(), Some(128 + signal as i32), "{ran}");
    }
}
