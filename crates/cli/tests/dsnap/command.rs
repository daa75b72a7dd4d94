//! COMMAND: how it is run, what it finds, and how its end becomes the status.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use dsnap_testkit::{Fixture, Format, State, locks};

use crate::support::{
    DIRECT, Dsnap, HTTP, Ran, assert_free, conf, current_user, fixture_builder, folder, is_locked,
    make_fifo, site, storage, wait_until, write_script,
};

#[test]
fn the_exit_status_of_command_is_the_exit_status() {
    let fixture = storage(State::Clean);
    for status in [0, 1, 75, 122, 125, 255] {
        Dsnap::on(&fixture).sh(&format!("exit {status}")).run().says(status, DIRECT);
    }
}

/// Runs COMMAND under `strace`, which traces what is done to the sublock. Returns the trace, too.
fn traced(fixture: &Fixture, options: &[&str]) -> (Ran, String) {
    let (folder, sublock) = (folder(), fixture.storage().sublock());
    let trace = folder.path().join("trace");
    let mut strace = vec!["strace", "-o", trace.to_str().unwrap(), "-P", sublock.to_str().unwrap()];
    strace.extend(options);
    let ran = Dsnap::through(&strace).storage(fixture.path()).sh("exit 7").run();
    let written = fs::read_to_string(&trace).unwrap();
    (ran, written)
}

#[test]
fn a_command_that_was_started_is_not_said_to_be_not_run() {
    let fixture = storage(State::Clean);
    // The first run also makes the files that later ones find.
    traced(&fixture, &[]);
    // After the start of COMMAND, the descriptor of the sublock is closed to other processes again.
    let (_, trace) = traced(&fixture, &["-e", "trace=fcntl"]);
    let calls = || trace.lines().filter(|line| line.starts_with("fcntl("));
    let closed = calls().position(|line| line.contains("F_SETFD, FD_CLOEXEC")).unwrap() + 1;
    let fail = format!("inject=fcntl:error=EIO:when={closed}");
    let (ran, trace) = traced(&fixture, &["-e", &fail]);
    let failed = |line: &str| line.contains("F_SETFD, FD_CLOEXEC") && line.ends_with("(INJECTED)");
    assert!(trace.lines().any(failed), "{trace}");
    assert_eq!(ran.status.code(), Some(7), "{ran}");
}

#[test]
fn a_command_that_a_signal_killed_exits_with_128_plus_its_number() {
    let fixture = storage(State::Clean);
    Dsnap::on(&fixture).sh("kill -KILL $$").run().says(128 + 9, DIRECT);
    Dsnap::on(&fixture).sh("kill -SEGV $$").run().says(128 + 11, DIRECT);
}

#[test]
fn a_command_that_is_not_found_exits_with_127_and_one_that_cannot_be_executed_with_126() {
    let fixture = storage(State::Clean);
    let says = |command: &str, path: &str, status: i32, why: &str| {
        let why = format!("COMMAND was not run: `{}` {why}\n", command.replace(DIR, "DIR"));
        let command = command.replace(DIR, fixture.path().to_str().unwrap());
        let ran = Dsnap::on(&fixture).arg(&command).env("PATH", path).run();
        ran.says(status, &why);
    };
    let (closed, absent) = (folder(), "was not found");
    set_mode(closed.path(), 0o000);
    let closed = format!("{}:/usr/bin", closed.path().display());
    for path in ["/usr/bin", "/no/such:/etc/passwd:", &closed] {
        says("no-such-command", path, 127, absent);
        says("", path, 127, absent);
    }
    says("DIR/no-such-command", "", 127, absent);
    // A folder on the way is no program.
    fs::create_dir(fixture.path().join("dsnaps-folder")).unwrap();
    let path = format!("{}:/bin", fixture.path().display());
    says("dsnaps-folder", &path, 127, absent);
    for (name, text, why) in unusable_programs() {
        let program = fixture.path().join(name);
        write_script(&program, text);
        if text.is_empty() {
            set_mode(&program, 0o644);
        }
        let why = format!("cannot be executed: {why}");
        says(&format!("DIR/{name}"), "/bin", 126, &why);
        for path in [format!("/no/such:{}", fixture.path().display()), path.clone()] {
            says(name, &path, 126, &why);
        }
    }
    let folder = "cannot be executed: Permission denied";
    says("DIR/dsnaps-folder", "", 126, folder);
    assert!(!fixture.storage().run_lock().exists(), "something was begun");
}

/// Stands for the storage directory in what is searched and said.
const DIR: &str = "DIR";

/// Programs that cannot be executed: a name, what is in it (nothing: it has no permission to be
/// executed), and why not.
fn unusable_programs() -> [(&'static str, &'static str, &'static str); 5] {
    [
        ("dsnaps-file", "", "Permission denied"),
        ("dsnaps-text", "echo\n", "it has no first line like `#!/bin/sh`"),
        (
            "dsnaps-script",
            "#! /no/such/interpreter -x\n",
            "the interpreter in its first line was not found",
        ),
        (
            "dsnaps-other-script",
            "#!/etc/passwd\n",
            "the interpreter in its first line: Permission denied",
        ),
        // A line end of another system is part of the name.
        ("dsnaps-crlf", "#!/bin/sh\r\n", "the interpreter in its first line was not found"),
    ]
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_command_that_cannot_be_run_freezes_nothing_and_asks_nobody() {
    let fixture = storage(State::Crashed);
    let _server = locks::Holder::hold(&fixture.storage().lock()).unwrap();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    write_script(&fixture.path().join("method"), "#!/bin/sh\ntouch \"$DSNAP_STORAGE/asked\"\n");
    let text = fixture.path().join("text");
    write_script(&text, "echo\n");
    for (command, status) in [(Path::new("no-such-command"), 127), (&text, 126)] {
        let ran = Dsnap::on(&fixture)
            .args(["-t", "10m", "--method", "exec ../method", "--method"])
            .arg(format!("http http://{}/ds access", server.local_addr().unwrap()))
            .arg(command)
            .run();
        assert!(ran.stderr.starts_with("COMMAND was not run: `"), "{ran}");
        assert_eq!(ran.status.code(), Some(status), "{ran}");
    }
    assert!(!fixture.path().join("asked").exists(), "the script was run");
    assert!(server.accept().is_err(), "the server was asked");
    assert!(!fixture.storage().run_lock().exists(), "something was begun");
}

#[test]
fn a_command_that_vanishes_after_it_was_found_leaves_the_snapshot() {
    let site = site();
    let command = site.path().join("command");
    write_script(&command, "#!/bin/sh\n");
    write_script(
        &site.storage().config().join("method"),
        "#!/bin/sh\nrm \"$DSNAP_STORAGE/command\"; exit 69\n",
    );
    conf(&site, "exec method\nhttp URL access\n");
    let ran = Dsnap::at(&site).arg(&command).run();
    ran.says(127, &format!("{HTTP}COMMAND was not run: `DIR/command` was not found\n"));
    assert_free(&site);
}

#[test]
fn a_command_without_a_slash_is_searched_as_the_system_does() {
    let fixture = storage(State::Clean);
    let [first, second] = ["first", "second"].map(|name| fixture.path().join(name));
    for folder in [&first, &second] {
        fs::create_dir(folder).unwrap();
        write_script(&folder.join("dsnaps-tool"), "#!/bin/sh\necho \"$0\"\n");
    }
    let run = |path: &str| {
        let ran = Dsnap::on(&fixture).arg("dsnaps-tool").env("PATH", path).change(|command| {
            command.current_dir(&second);
        });
        ran.run().says(0, DIRECT).stdout
    };
    let both = format!("{}:{}", first.display(), second.display());
    assert_eq!(run(&both), "DIR/first/dsnaps-tool\n");
    // An empty part is the current folder.
    assert!(run(":/bin").ends_with("dsnaps-tool\n"));
    for text in ["#!/no/such/interpreter\n", ""] {
        write_script(&first.join("dsnaps-tool"), text);
        set_mode(&first.join("dsnaps-tool"), if text.is_empty() { 0o644 } else { 0o755 });
        assert_eq!(run(&both), "DIR/second/dsnaps-tool\n");
    }
}

#[test]
fn the_environment_tells_version_directory_time_code_and_transaction() {
    for format in Format::ALL {
        let fixture = fixture_builder().format(format).state(State::Crashed).build().unwrap();
        let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let ran = Dsnap::on(&fixture)
            .sh("env | grep ^SNAPSHOT_ | sort; cat misc/dsnap.lock")
            .change(|command| {
                command.current_dir(fixture.path());
            })
            .run()
            .says(0, DIRECT);
        let after = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let value = |name: &str| {
            let prefix = format!("SNAPSHOT_{name}=");
            ran.stdout.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap().to_owned()
        };
        assert_eq!(value("VERSION"), "2");
        assert_eq!(value("DIRECTORY"), "DIR");
        assert!((before..=after).contains(&value("TIMESTAMP").parse().unwrap()));
        assert_eq!(value("TID"), fixture.ledger().last_tid_hex());
        assert!(ran.stdout.contains(&format!("run code={} ", value("CODE"))), "{ran}");
    }
}

#[test]
fn the_directory_is_told_exactly_as_it_was_given() {
    let fixture = storage(State::Clean);
    fs::write(fixture.path().join("config/snapshot.conf"), "").unwrap();
    let relative = |dir: &str| {
        Dsnap::new()
            .args(["--storage", dir])
            .sh("printf %s \"$SNAPSHOT_DIRECTORY\"")
            .change(|command| {
                command.current_dir(fixture.path());
            })
            .run()
    };
    relative(".").says(0, DIRECT).prints(".");
    relative("./A/../").says(0, DIRECT).prints("./A/../");
}

#[test]
fn command_inherits_everything_else_unchanged() {
    let fixture = storage(State::Clean);
    let script = "umask; ulimit -n; echo \"$OTHER\"; pwd; readlink /proc/self/fd/0; ls /proc/self/fd | wc -l; \
                  ps -o pgid= -p $$ | tr -d ' '; grep -E '^Sig(Blk|Ign)' /proc/self/status";
    let through = |starter: &str| {
        let ran = Dsnap::through(&["sh", "-c", starter, "sh"])
            .storage(fixture.path())
            .sh(script)
            .env("OTHER", "kept")
            .change(|command| {
                command.current_dir("/");
            })
            .run();
        ran.stdout
    };
    fs::write(fixture.path().join("config/snapshot.conf"), "").unwrap();
    let inside = through("umask 027; ulimit -n 77; exec \"$@\"");
    let outside = through("umask 027; ulimit -n 77; shift 3; exec \"$@\"");
    let (inside, outside): (Vec<_>, Vec<_>) = (inside.lines().collect(), outside.lines().collect());
    assert_eq!(inside[..5], outside[..5]);
    let open = |lines: &[&str]| lines[5].trim().parse::<i32>().unwrap();
    assert_eq!(open(&inside), open(&outside) + 1, "misc/sublock and nothing else is inherited");
    assert_eq!(inside[7..], outside[7..]);
}

#[test]
fn command_keeps_the_sublock_when_the_program_is_killed() {
    let fixture = storage(State::Clean);
    let fifo = fixture.path().join("go");
    make_fifo(&fifo);
    let running = Dsnap::on(&fixture)
        .sh(&format!("echo begun $$ $PPID; read go <{}", fifo.display()))
        .start();
    let words: Vec<_> = running.line().split(' ').map(str::to_owned).collect();
    let sublock = fixture.storage().sublock();
    assert_eq!(words[2], running.pid().to_string(), "COMMAND is a direct child");
    assert_eq!(fs::read_to_string(&sublock).unwrap(), format!(" {}\n", running.pid()));
    running.signal(nix::sys::signal::Signal::SIGKILL);
    wait_until("the tool's end", || !is_locked(&fixture.storage().run_lock()));
    assert!(is_locked(&sublock), "COMMAND lost the lock");
    Dsnap::on(&fixture).arg("true").run().ends(
        75,
        &format!(
            "COMMAND was not run: a snapshot of DIR is in use: misc/sublock is held by sh (pid {}, user {})",
            words[1],
            current_user()
        ),
    );
    fs::write(&fifo, "go\n").unwrap();
    running.end();
    wait_until("unlocking", || !is_locked(&sublock));
}

#[test]
fn a_process_that_command_leaves_in_the_background_keeps_no_lock() {
    let fixture = storage(State::Clean);
    let fifo = fixture.path().join("go");
    make_fifo(&fifo);
    Dsnap::on(&fixture)
        .sh(&format!("(read go <{}) >/dev/null 2>&1 & exit 4", fifo.display()))
        .run()
        .says(4, DIRECT);
    assert!(!is_locked(&fixture.storage().sublock()));
    fs::write(&fifo, "go\n").unwrap();
}

#[test]
fn command_does_not_inherit_the_run_lock() {
    let fixture = storage(State::Clean);
    let ran = Dsnap::on(&fixture).sh("ls -l /proc/self/fd").run().says(0, DIRECT);
    assert!(ran.stdout.contains("misc/sublock") && !ran.stdout.contains("dsnap.lock"), "{ran}");
}

#[test]
fn the_program_dumps_no_core_and_command_has_the_limit_of_the_caller() {
    let fixture = storage(State::Clean);
    // The limit is given back for the moment in which COMMAND is started.
    let text = "until grep 'core file size *[01] ' /proc/$PPID/limits; do :; done; grep 'core file' /proc/$$/limits";
    let ran = Dsnap::through_shell("ulimit -S -c $(ulimit -H -c); exec \"$@\"")
        .storage(fixture.path())
        .sh(text)
        .run();
    let soft: Vec<_> = ran
        .stdout
        .lines()
        .map(|line| line.split_once("size").unwrap().1.split_whitespace().collect::<Vec<_>>())
        .collect();
    assert!(matches!(soft[0][0], "0" | "1"), "{ran}");
    assert_eq!(soft[1][0], soft[1][1], "{ran}");
}
