//! Signals: each ends a run in order, in every phase.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use dsnap_engine::system::lock_holders::is_held;
use dsnap_testkit::{State, locks};
use nix::libc::{self, SYS_rt_sigqueueinfo};
use nix::sys::signal::Signal::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use crate::support::{
    DIRECT, Dsnap, HTTP, assert_free, copy_of_dsnap, fixture_builder, folder, in_parallel,
    is_locked, make_fifo, root, site, storage, storage_with_conf, wait_until,
};

/// COMMAND that ends with 40 when `signal` comes.
fn trapping(signal: &str) -> String {
    format!("trap 'echo got {signal}; exit 40' {signal}; echo begun; while :; do sleep 0.01; done")
}

#[test]
fn a_signal_is_passed_on_and_command_is_waited_for() {
    for (signal, name) in [(SIGTERM, "TERM"), (SIGINT, "INT"), (SIGHUP, "HUP"), (SIGQUIT, "QUIT")] {
        let fixture = storage(State::Clean);
        let running = Dsnap::on(&fixture).sh(&trapping(name)).start();
        running.signal(signal);
        running.end().says(40, DIRECT).prints(&format!("begun\ngot {name}\n"));
    }
}

#[test]
fn a_signal_is_noticed_even_if_the_run_cannot_be_woken() {
    let (fixture, folder) = (storage(State::Clean), folder());
    let trace = folder.path().join("trace");
    // The handler of a signal writes to this to wake the run.
    let waker = ["-P", "anon_inode:[eventfd]", "-e", "trace=write"];
    let fail = ["-e", "inject=write:error=EAGAIN"];
    let strace = ["strace", "-D", "-f", "-o", trace.to_str().unwrap()];
    let strace = [&strace[..], &waker, &fail].concat();
    let traced = Dsnap::through(&strace).storage(fixture.path());
    let running = traced.sh(&trapping("TERM")).start();
    running.signal(SIGTERM);
    running.end().says(40, DIRECT).prints("begun\ngot TERM\n");
    let written = fs::read_to_string(&trace).unwrap();
    // The request to stop, and the end of COMMAND.
    assert!(written.matches("(INJECTED)").count() >= 2, "{written}");
}

#[test]
fn a_command_that_a_passed_on_signal_killed_exits_with_128_plus_its_number() {
    let fixture = storage(State::Clean);
    let running = Dsnap::on(&fixture).args(["sh", "-c", "echo begun; exec sleep 600"]).start();
    running.signal(SIGTERM);
    running.end().says(128 + 15, DIRECT);
}

#[test]
fn a_command_that_a_real_time_signal_killed_exits_with_128_plus_its_number() {
    let fixture = storage(State::Clean);
    for number in [libc::SIGRTMIN(), libc::SIGRTMIN() + 3, libc::SIGRTMAX()] {
        let kill = format!("kill -{number} $$");
        Dsnap::on(&fixture).args(["bash", "-c", &kill]).run().says(128 + number, DIRECT);
    }
}

/// Every signal that can be caught and would end the program, but for those of a broken program.
fn ending_signals() -> impl Iterator<Item = i32> {
    [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGUSR1, libc::SIGUSR2]
        .into_iter()
        .chain([libc::SIGALRM, libc::SIGVTALRM, libc::SIGPROF, libc::SIGXCPU, libc::SIGXFSZ])
        .chain([libc::SIGPWR, libc::SIGIO, libc::SIGSTKFLT])
        .chain(libc::SIGRTMIN()..=libc::SIGRTMAX())
}

#[test]
fn every_signal_that_would_end_the_program_ends_a_run_in_order() {
    let fixture = storage(State::Clean);
    for number in ending_signals() {
        let script = format!(
            "trap 'echo got it; exit 40' {number}; echo begun; while :; do sleep 0.01; done"
        );
        let running = Dsnap::on(&fixture).args(["bash", "-c", &script]).start();
        running.signal_number(number);
        running.end().says(40, DIRECT).prints("begun\ngot it\n");
    }
}

#[test]
fn every_signal_that_would_end_the_program_ends_a_wait_in_order() {
    in_parallel(ending_signals(), |number| {
        let fixture = storage(State::Clean);
        let _tool = locks::Holder::hold(&fixture.storage().sublock()).unwrap();
        let mut waiting = Dsnap::on(&fixture).args(["-t", "10m", "-s", "10m", "true"]).spawn();
        waiting.wait_for("Retrying snapshot.... (");
        waiting.signal_number(number);
        let ran = waiting.end();
        let last = ran.stderr.lines().last().unwrap_or_default();
        let stopped = "COMMAND was not run: dsnap was stopped by signal ";
        assert!(last.starts_with(stopped), "{number}: {ran}");
        assert_eq!(ran.status.code(), Some(128 + number), "{ran}");
    });
}

#[test]
fn a_signal_of_any_kind_leaves_the_snapshot() {
    let site = site();
    for number in [libc::SIGUSR1, libc::SIGALRM, libc::SIGXCPU, libc::SIGRTMIN() + 1] {
        let running = Dsnap::at(&site).args(["sh", "-c", "echo begun; exec sleep 600"]).start();
        running.signal_number(number);
        running.end().says(128 + number, HTTP);
        assert_free(&site);
    }
}

#[test]
fn a_stopped_command_is_continued_behind_a_term_or_hup() {
    for (signal, name) in [(SIGTERM, "TERM"), (SIGHUP, "HUP")] {
        let fixture = storage(State::Clean);
        let script = format!("trap 'echo got {name}; exit 40' {name}; echo $$; kill -STOP $$");
        let running = Dsnap::on(&fixture).args(["bash", "-c", &script]).start();
        let status = format!("/proc/{}/status", running.line());
        wait_until("COMMAND to stop", || {
            fs::read_to_string(&status).unwrap().contains("State:\tT")
        });
        running.signal(signal);
        let ran = running.end().says(40, DIRECT);
        assert!(ran.stdout.ends_with(&format!("got {name}\n")), "{ran}");
    }
}

#[test]
fn a_second_signal_does_not_skip_the_end_of_the_run() {
    let fixture = storage(State::Clean);
    // Not `read` in bash: a signal just before it waits is not heard until it has read.
    let script = "n=0; trap 'echo once; n=$((n+1))' TERM; echo begun; while [ $n -lt 2 ]; do sleep 0.01; done; exit 3";
    let mut running = Dsnap::on(&fixture).args(["bash", "-c", script]).open_stdin().start();
    running.signal(SIGTERM);
    assert_eq!(running.next_line(), "once");
    running.signal(SIGTERM);
    running.end().says(3, DIRECT);
    assert!(!is_locked(&fixture.storage().sublock()));
}

#[test]
fn minus_k_kills_a_command_that_is_still_running() {
    let fixture = storage(State::Clean);
    let script = "trap '' TERM; echo begun; while :; do sleep 0.01; done";
    let running = Dsnap::on(&fixture).args(["-k", "0.1"]).sh(script).start();
    running.signal(SIGTERM);
    running.end().says(128 + 9, DIRECT);
}

#[test]
fn a_signal_that_command_itself_sends_is_not_passed_back_and_starts_no_clock() {
    let fixture = storage(State::Clean);
    let script = "trap 'echo got it back' TERM; kill -TERM $PPID; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.03; done; exit 12";
    Dsnap::on(&fixture).args(["-k", "0"]).sh(script).run().says(12, DIRECT).prints("");
}

#[test]
fn a_signal_without_a_known_sender_is_passed_on() {
    // A timer's, a finished input's or output's, a looked-up name's.
    for code in [-2, -4, -60] {
        let fixture = storage(State::Clean);
        let running = Dsnap::on(&fixture).sh(&trapping("TERM")).start();
        queue(running.pid(), code);
        running.end().says(40, DIRECT).prints("begun\ngot TERM\n");
    }
}

/// Sends TERM with that `si_code`.
fn queue(pid: i32, code: i32) {
    let script = "import ctypes, struct, sys
call, pid, signal, code = map(int, sys.argv[1:])
info = struct.pack('iii', signal, 0, code).ljust(128, b'\\0')
sys.exit(ctypes.CDLL(None).syscall(call, pid, signal, info))";
    let sent = std::process::Command::new("python3")
        .args(["-c", script])
        .args([SYS_rt_sigqueueinfo.to_string(), pid.to_string()])
        .args([(SIGTERM as i32).to_string(), code.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

#[test]
fn a_signal_while_waiting_ends_the_run_with_its_number_and_no_lock() {
    let fixture = storage(State::Clean);
    let _tool = locks::Holder::hold(&fixture.storage().sublock()).unwrap();
    let mut waiting = Dsnap::on(&fixture).args(["-t", "10m", "-s", "10m", "true"]).spawn();
    waiting.wait_for("Retrying snapshot.... (");
    assert!(!is_locked(&fixture.storage().run_lock()));
    waiting.signal(SIGTERM);
    waiting.end().ends(128 + 15, "COMMAND was not run: dsnap was stopped by signal TERM");
}

#[test]
fn a_signal_ends_the_wait_for_a_conf_that_nobody_writes() {
    let fixture = storage(State::Crashed);
    let fifo = fixture.path().join("fifo");
    make_fifo(&fifo);
    let run = |conf: &Path, what: &[&str]| {
        let dsnap = Dsnap::on(&fixture).arg("--snapshot-conf").arg(conf).args(what);
        dsnap.open_stdin()
    };
    for conf in [&fifo, Path::new("/dev/stdin")] {
        for (what, last) in [
            ("true", "COMMAND was not run: dsnap was stopped by signal "),
            ("--recover", "--recover failed: stopped by signal "),
        ] {
            let waiting = run(conf, &[what]).spawn();
            wait_until("opening the conf", || has_open(waiting.pid(), conf));
            waiting.signal(SIGTERM);
            let ran = waiting.ends_by_itself();
            assert_eq!(ran.status.code(), Some(128 + 15), "{ran}");
            assert!(ran.stderr.starts_with(last), "{ran}");
        }
    }
    assert!(!fixture.storage().run_lock().exists(), "something was begun");
    let waiting = run(&fifo, &["true"]).spawn();
    wait_until("opening the conf", || has_open(waiting.pid(), &fifo));
    fs::write(&fifo, "direct\n").unwrap();
    waiting.end().says(0, DIRECT);
}

/// Whether a process has something open that it did not start with.
fn has_open(pid: i32, path: &Path) -> bool {
    let inode = |path: &Path| fs::metadata(path).map(|found| found.ino()).ok();
    let wanted = if path == Path::new("/dev/stdin") {
        inode(Path::new(&format!("/proc/{pid}/fd/0")))
    } else {
        inode(path)
    };
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    open.filter(|entry| entry.file_name() != "0" && inode(&entry.path()) == wanted).count() > 0
}

#[test]
fn a_signal_that_is_ignored_at_the_start_stays_ignored_for_command_too() {
    let fixture = storage(State::Clean);
    let running = Dsnap::through_shell("trap '' HUP INT; exec \"$@\"")
        .storage(fixture.path())
        .sh("grep ^SigIgn /proc/self/status; read go <\"$SNAPSHOT_DIRECTORY/go\"; exit 13");
    let fifo = fixture.path().join("go");
    make_fifo(&fifo);
    fs::write(fixture.path().join("config/snapshot.conf"), "").unwrap();
    let running = running.start();
    assert_eq!(named_signals(running.line()), HUP_AND_INT);
    running.signal(SIGHUP);
    running.signal(SIGINT);
    fs::write(&fifo, "go\n").unwrap();
    running.end().says(13, DIRECT);
}

#[test]
fn every_signal_that_is_ignored_at_the_start_stays_ignored() {
    let fixture = storage_with_conf(State::Clean, "");
    let numbers: Vec<_> = ending_signals().map(|number| number.to_string()).collect();
    let ignore = format!("trap '' {}; exec \"$@\"", numbers.join(" "));
    let script = "grep ^SigIgn /proc/self/status; read go";
    let running =
        Dsnap::through_shell(&ignore).storage(fixture.path()).sh(script).open_stdin().start();
    let ignored = mask(running.line());
    ending_signals().for_each(|number| {
        assert!(ignored & (1 << (number - 1)) != 0, "{number}");
        running.signal_number(number);
    });
    running.end().says(1, DIRECT);
}

#[test]
fn a_signal_stays_ignored_whatever_the_programs_name() {
    let fixture = storage_with_conf(State::Clean, "");
    let folder = folder();
    // The system cuts the name after fifteen bytes, inside a letter.
    let program = folder.path().join("fourteen-letteü");
    copy_of_dsnap(&program, "755");
    let running = Dsnap::through(&["bash", "-c", "trap '' HUP; shift; exec \"$@\"", "bash"])
        .arg(&program)
        .storage(fixture.path())
        .sh("grep ^SigIgn /proc/self/status; read go; exit 13")
        .open_stdin()
        .start();
    assert_eq!(named_signals(running.line()), 1, "HUP is not ignored");
    running.signal(SIGHUP);
    running.end().says(13, DIRECT);
}

#[test]
fn command_starts_with_an_empty_mask_and_default_dispositions() {
    let fixture = storage(State::Clean);
    fs::write(fixture.path().join("config/snapshot.conf"), "").unwrap();
    let script = "import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])";
    let ran = Dsnap::through(&["python3", "-c", script])
        .storage(fixture.path())
        .args(["cat", "/proc/self/status"])
        .run();
    let masks = ["SigBlk:", "SigIgn:", "SigCgt:"]
        .map(|name| ran.stdout.lines().find(|line| line.starts_with(name)).unwrap());
    assert_eq!(mask(masks[0]), 0, "{ran}");
    assert_eq!([named_signals(masks[1]), mask(masks[2])], [0; 2], "{ran}");
}

const HUP_AND_INT: u64 = 0b11;

/// The bits of a mask in `/proc/PID/status` for signals up to 17 (CHLD), which a run is about:
/// the caller of the tests may ignore some of the others.
fn named_signals(line: &str) -> u64 {
    mask(line) & ((1 << 17) - 1)
}

/// A mask in `/proc/PID/status`.
fn mask(line: &str) -> u64 {
    u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap()
}

#[test]
fn a_stop_while_direct_recovers_takes_effect_between_two_files_and_the_next_run_goes_on() {
    let fixture = fixture_builder().state(State::Crashed).transactions(3000).build().unwrap();
    let recovering = Dsnap::on(&fixture).arg("true").spawn();
    wait_until("taking the lock", || is_held(&fixture.storage().lock()));
    recovering.signal(SIGTERM);
    let ran = recovering.end();
    // The machine may have been quicker than the signal; then there is nothing to see here.
    if ran.status.code() != Some(0) {
        let ran = ran.ends(128 + 15, "COMMAND was not run: dsnap was stopped by signal TERM");
        assert!(!fixture.storage().snapshot().exists(), "{ran}");
    }
    Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
    fixture.ledger().verify(&fixture.storage().a()).assert_holds();
}

#[test]
fn as_pid_1_the_program_does_the_same_and_reaps_orphans() {
    if !root::required("make a pid namespace") {
        return;
    }
    let fixture = storage(State::Clean);
    fs::write(fixture.path().join("config/snapshot.conf"), "").unwrap();
    let script = "(sleep 0.05 & exit 0); sleep 0.2; \
                  for p in /proc/[0-9]*; do grep -q '^State:.Z' $p/status && echo zombie $p; done; echo $$ $PPID; exit 14";
    let ran = Dsnap::through(&["unshare", "--pid", "--fork", "--mount-proc"])
        .storage(fixture.path())
        .sh(script)
        .run();
    let ran = ran.says(14, DIRECT);
    assert!(ran.stdout.ends_with(" 1\n") && !ran.stdout.contains("zombie"), "{ran}");
}

#[test]
fn as_pid_1_the_program_passes_signals_on_and_ends_in_order() {
    if !root::required("make a pid namespace") {
        return;
    }
    // A process of the namespace asks: another one than COMMAND, whose own signals are not passed on.
    for signal in ["TERM", "USR1", "RTMIN+2"] {
        let fixture = storage_with_conf(State::Clean, "");
        let script = format!(
            "trap 'echo got it; exit 41' {signal}; bash -c 'kill -{signal} 1' & while :; do sleep 0.01; done"
        );
        Dsnap::through(&["unshare", "--pid", "--fork", "--mount-proc"])
            .storage(fixture.path())
            .args(["bash", "-c", &script])
            .run()
            .says(41, DIRECT)
            .prints("got it\n");
    }
}
