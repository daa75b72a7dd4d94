//! Isolated calls: what surrounds one, and that nothing ends it too early.

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;

use dsnap_engine::system::process::ProcessId;
use dsnap_testkit::Site;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::support::{
    Dsnap, HTTP, OWNER, Plugins, Ran, assert_free, conf, make_fifo, port, root, site, site_builder,
    wait_until, write_script,
};

fn seen(site: &Site, name: &str) -> String {
    fs::read_to_string(site.path().join(name)).unwrap()
}

const LOOKS_AROUND: &str = r#"#!/bin/sh
readlink /proc/$$/cwd /proc/$$/fd/0 >"$DSNAP_STORAGE/places"
cd "$DSNAP_STORAGE" && ls /proc/$$/fd >fds; cat /proc/$$/stat >stat; env >env; echo "$@" >words
exit 69
"#;

#[test]
fn a_script_gets_its_arguments_and_variables_and_no_descriptor_of_the_program() {
    let site = site();
    write_script(&site.storage().config().join("method"), LOOKS_AROUND);
    conf(&site, "exec method one 'two three' timeout=9\nhttp URL access\n");
    // The caller of the program leaves a descriptor and variables in it.
    let dsnap = Dsnap::through_shell("exec 9</dev/zero; exec \"$@\"");
    let dsnap = dsnap.env("SNAPSHOT_OLD", "x").env("KEPT", "y").storage(site.path());
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

#[test]
fn a_library_inherits_only_its_own_file_and_the_pipe_for_its_answer() {
    let (site, plugins) = (site(), Plugins::villain("LOOKS_AROUND"));
    conf(&site, "villain\nhttp URL access\n");
    let dsnap = Dsnap::through_shell("exec 99</dev/zero; exec \"$@\"");
    let dsnap = dsnap.storage(site.path()).arg("--plugin-dir").arg(&plugins);
    dsnap.arg("true").run().ends(0, "Left snapshot mode");
    let fds = seen(&site, "fds");
    let fds: Vec<_> = fds.lines().collect();
    assert_eq!((&fds[..3], fds.len()), (&["0", "1", "2"][..], 5), "{fds:?}");
    assert!(!fds.contains(&"99"), "{fds:?}");
}

/// A script that says that it entered, which is not so; so it is asked to leave at once. It says
/// when it does, and waits for the word to go on.
const SLOW_LEAVE: &str = r#"#!/bin/sh
case $1 in
leave) echo $$ >"$DSNAP_STORAGE/says"; read word <"$DSNAP_STORAGE/waits"; echo left >"$DSNAP_STORAGE/done";;
esac
"#;

/// Runs in a group of its own. In the middle of the leave that group gets the signal, as from a
/// terminal, and so does the process that leaves, as when a whole control group is ended.
fn signalled_while_leaving(site: &Site, dsnap: Dsnap, signal: Signal) -> Ran {
    let waits = site.path().join("waits");
    make_fifo(&waits);
    let change = |command: &mut std::process::Command| {
        command.process_group(0);
    };
    let child = dsnap.change(change).spawn();
    let says = || fs::read_to_string(site.path().join("says")).unwrap_or_default();
    wait_until("the leave", || says().ends_with('\n'));
    let leaves = says().trim().parse().unwrap();
    killpg(Pid::from_raw(child.pid()), signal).unwrap();
    killpg(Pid::from_raw(leaves), signal).unwrap();
    // For reading, too: then it does not wait for a reader that may have been ended.
    let mut waits = fs::File::options().read(true).write(true).open(waits).unwrap();
    waits.write_all(b"go\n").unwrap();
    child.end()
}

#[test]
fn a_signal_to_all_processes_does_not_end_the_leave_of_a_script() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let site = site_builder().zopes(0).start().unwrap();
        write_script(&site.storage().config().join("method"), SLOW_LEAVE);
        let dsnap = Dsnap::at(&site).args(["--method", "exec method", "true"]);
        let ran = signalled_while_leaving(&site, dsnap, signal);
        assert_eq!(seen(&site, "done"), "left\n");
        assert_eq!(ran.status.code(), Some(128 + signal as i32), "{ran}");
    }
}

#[test]
fn a_signal_to_all_processes_does_not_end_the_leave_of_a_library() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT] {
        let (site, plugins) = (site(), Plugins::traitor("LEAVES_SLOWLY"));
        let line = format!("traitor {} timeout=60", port(&site));
        conf(&site, &format!("{line}\nnodirect\n"));
        let dsnap = Dsnap::at(&site).arg("--plugin-dir").arg(&plugins).arg("true");
        let ran = signalled_while_leaving(&site, dsnap, signal);
        ran.says(0, &HTTP.replace("URL", &line));
        assert_free(&site);
    }
}

#[test]
fn a_call_whose_program_was_killed_ends_by_itself_soon_after_its_time() {
    let site = site();
    let text = "#!/bin/sh\necho $$ >\"$DSNAP_STORAGE/child\"; exec sleep 999\n";
    write_script(&site.storage().config().join("method"), text);
    conf(&site, "exec method timeout=1\n");
    let waiting = Dsnap::at(&site).arg("true").spawn();
    let child = || fs::read_to_string(site.path().join("child")).unwrap_or_default();
    wait_until("the call", || child().ends_with('\n'));
    waiting.signal(Signal::SIGKILL);
    waiting.end();
    let pid = child().trim().parse().unwrap();
    wait_until("its end", || ProcessId::of(pid).is_none());
}

#[test]
fn a_lower_limit_of_address_space_is_kept() {
    if !root::required("start the program as another user") {
        return;
    }
    let plugins = Plugins::villain("NONE");
    let dsnap = Dsnap::through_shell("ulimit -v 1500000 && exec \"$@\"").arg("--list-methods");
    let dsnap = dsnap.arg("--plugin-dir").arg(&plugins).change(|command| {
        command.uid(OWNER);
    });
    let ran = dsnap.knows(plugins.path()).run();
    assert!(ran.stdout.contains("\nvillain "), "{ran}");
}

/// A leave that goes on once the file `go` is there, and says something then.
const LATE_WORDS: &str = r#"#!/bin/sh
[ "$1" = leave ] || exit 0
cd "$DSNAP_STORAGE" && touch leaving && until [ -e go ]; do sleep 0.02; done
echo aloud; echo words >&2; touch done
"#;

#[test]
fn a_leave_that_prints_outlives_the_program() {
    let site = site_builder().zopes(0).start().unwrap();
    write_script(&site.storage().config().join("method"), LATE_WORDS);
    let run = Dsnap::at(&site).args(["--method", "exec method", "true"]).spawn();
    let there = |name: &str| site.path().join(name).exists();
    wait_until("the leave", || there("leaving"));
    run.signal(nix::sys::signal::Signal::SIGKILL);
    let ran = run.end();
    assert_eq!(ran.status.code(), None, "{ran}");
    fs::write(site.path().join("go"), "").unwrap();
    wait_until("the end of the leave", || there("done"));
}
