//! `run`: a script with a site of its own, and the snapshot that it may leave behind.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use super::support::{Scene, TESTKIT, assert_reported, begin_run, begin_run_in, ctl, testkit};

#[test]
fn run_gives_a_script_its_site_and_fails_if_a_snapshot_remains() {
    let script = "test -d $DSNAP_TESTKIT_STORAGE/A && test -f $DSNAP_TESTKIT_ACCESS && \
                  case $DSNAP_TESTKIT_URL in http://*\\ http://*) exit 7;; esac";
    let ran = testkit(&["run", "--zopes", "2", "--", "sh", "-c", script]);
    assert_eq!(ran.status.code(), Some(7), "{ran:?}");
    let holds = format!("{} ctl \"$DSNAP_TESTKIT_STORAGE\" enter me", TESTKIT);
    let ran = testkit(&["run", "--", "sh", "-c", &holds]);
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    assert!(String::from_utf8(ran.stderr).unwrap().contains("is still in the snapshot user/me"));
}

#[test]
fn run_gives_a_script_the_address_of_the_zeo_server_only_if_the_site_has_one() {
    let script = "exec 3<>/dev/tcp/${DSNAP_TESTKIT_ZEO%:*}/${DSNAP_TESTKIT_ZEO##*:}";
    let ran = testkit(&["run", "--zeo", "--", "bash", "-c", script]);
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    let inherits = format!("{TESTKIT} run -- sh -c 'exit ${{DSNAP_TESTKIT_ZEO+9}}'");
    let ran = testkit(&["run", "--zeo", "--", "sh", "-c", &inherits]);
    assert_eq!(ran.status.code(), Some(0), "that of another site: {ran:?}");
}

#[test]
fn run_waits_for_an_enter_that_is_still_in_progress() {
    // The first transaction has left the journal when the client is killed; the enter moves two more.
    let script = "ctl commit 3; ctl enter late & \
                  i=0; while [ $(ls $DSNAP_TESTKIT_STORAGE/journal | wc -l) = 3 ] && [ $i -lt 5000 ]; \
                  do i=$((i + 1)); done; kill $!";
    assert_reported(&["--commits-per-second", "0", "--flush-time", "400"], script, "user/late");
}

#[test]
fn run_reports_a_broken_snapshot() {
    assert_reported(&[], "ctl enter ü; exit 0", "user/ü");
    assert_reported(&[], "ctl enter ü; ctl crash", "without a code");
    assert_reported(&[], "ctl enter x; ctl stop", "user/x");
    assert_reported(&[], "ctl pack", "packing");
}

#[test]
fn check_fails_while_a_snapshot_remains_and_accepts_a_storage_that_is_recombining() {
    let scene = Scene::quiet();
    scene.ctl(&["check", "enter x", "commit 30"]);
    let remains = "dsnap-testkit: the storage is still in the snapshot user/x\n".to_owned();
    assert_eq!(ctl(&scene.dir, &["check"]), (Some(1), remains));
    scene.ctl(&["leave x", "check", "crash", "check"]);
}

#[test]
fn run_accepts_a_storage_that_is_recombining() {
    let script = format!(
        "T='{TESTKIT} ctl'; $T $DSNAP_TESTKIT_STORAGE enter x; \
                          $T $DSNAP_TESTKIT_STORAGE commit 30; $T $DSNAP_TESTKIT_STORAGE leave x"
    );
    let ran = testkit(&["run", "--", "sh", "-c", &script]);
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
}

#[test]
fn run_reports_a_snapshot_of_the_other_storage() {
    let script = "echo $DSNAP_TESTKIT_URL; cat";
    let (mut run, _out, url) = begin_run(&["--fault", "wrong-storage"], script);
    let host = url.trim_start_matches("http://").trim_end_matches("/DSToolkit");
    let body = "<?xml version='1.0'?><methodCall><methodName>enterSnapshot</methodName><params>\
                <param><value><string>x</string></value></param></params></methodCall>";
    let mut zope = TcpStream::connect(host).unwrap();
    write!(
        zope,
        "POST /DSToolkit HTTP/1.0\r\nHost: {host}\r\nContent-Type: text/xml\r\n\
         Authorization: Basic YWRtaW46YWRtaW5wYXNz\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    zope.read_to_end(&mut Vec::new()).unwrap();
    drop(run.stdin.take());
    let ran = run.wait_with_output().unwrap();
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(said.ends_with("in the snapshot user/x of the other storage\n"), "{said}");
}

#[test]
fn a_signal_is_passed_to_the_script_whose_site_runs_until_the_script_ends() {
    for (last, expected) in [("status", 5), ("enter x", 1)] {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("ds");
        let script = format!(
            "trap '{TESTKIT} ctl $DSNAP_TESTKIT_STORAGE {last}; exit 5' TERM; \
             exec 3<&0; cat <&3 & echo ready; wait $!"
        );
        let (mut run, mut out, line) = begin_run(&["--storage", dir.to_str().unwrap()], &script);
        assert_eq!(line, "ready");
        let pid = run.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        // The script waits for `cat`, which waits for the end of the pipe, so the signal comes before
        // that. `wait` would close a pipe that it finds.
        let pipe = run.stdin.take();
        let status = run.wait().unwrap();
        assert_eq!(status.code(), Some(expected), "{last}");
        drop(pipe);
        let mut said = String::new();
        out.read_to_string(&mut said).unwrap();
        assert_eq!(said, if expected == 5 { "in no snapshot\n" } else { "" });
        let content = std::fs::read_to_string(dir.join("misc/snapshot")).unwrap();
        assert_eq!(content, if expected == 5 { "shutdown" } else { "user/x" });
    }
}

#[test]
fn run_removes_its_temporary_storage_although_a_connection_to_its_control_port_is_open() {
    let folder = tempfile::tempdir().unwrap();
    for idle in [true, false] {
        let script = "cat $DSNAP_TESTKIT_STORAGE/misc/dsnap-testkit.port; cat";
        let options = ["--commits-per-second", "0", "--flush-time", "100"];
        let (mut run, _out, port) = begin_run_in(Some(folder.path()), &options, script);
        let mut client = TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
        if !idle {
            writeln!(client, "commit 3").unwrap();
        }
        drop(run.stdin.take());
        assert!(run.wait().unwrap().success());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "idle: {idle}");
    }
}
