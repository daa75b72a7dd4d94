//! `run`: a script with a site of its own, and whether it left the storage.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::testkit;

const TESTKIT: &str = env!("CARGO_BIN_EXE_dsnap-testkit");

#[test]
fn run_gives_a_script_its_site_and_fails_if_the_storage_is_held_afterwards() {
    let script = "test -d $DSNAP_TESTKIT_STORAGE/A && test -f $DSNAP_TESTKIT_ACCESS && \
                  case $DSNAP_TESTKIT_URL in http://*\\ http://*) exit 7;; esac";
    let ran = testkit(&["run", "--zopes", "2", "--", "sh", "-c", script]);
    assert_eq!(ran.status.code(), Some(7), "{ran:?}");
    let holds =
        format!("{} ctl \"$DSNAP_TESTKIT_STORAGE\" enter me", env!("CARGO_BIN_EXE_dsnap-testkit"));
    let ran = testkit(&["run", "--", "sh", "-c", &holds]);
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    assert!(String::from_utf8(ran.stderr).unwrap().contains("is still in the snapshot user/me"));
}

/// What comes of a script that leaves the storage held in some way.
#[track_caller]
fn is_noticed(options: &[&str], script: &str, held: &str) {
    let script = script.replace("ctl ", &format!("{TESTKIT} ctl \"$DSNAP_TESTKIT_STORAGE\" "));
    let ran = testkit(&[&["run"], options, &["--", "sh", "-c", &script]].concat());
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(said.ends_with(&format!("is still in the snapshot {held}\n")), "{said}");
}

#[test]
fn run_waits_for_an_enter_that_comes_late() {
    // The enter goes on when the first transaction has left the journal, and takes two more.
    let script = "ctl commit 3; ctl enter late & \
                  while [ $(ls $DSNAP_TESTKIT_STORAGE/journal | wc -l) = 3 ]; do :; done; kill $!";
    is_noticed(&["--commits-per-second", "0", "--flush-time", "400"], script, "user/late");
}

#[test]
fn run_knows_of_a_broken_snapshot() {
    is_noticed(&[], "ctl enter ü; exit 0", "user/ü");
    is_noticed(&[], "ctl enter ü; ctl crash", "without a code");
    is_noticed(&[], "ctl enter x; ctl stop", "user/x");
    is_noticed(&[], "ctl pack", "packing");
}

#[test]
fn run_lets_a_storage_go_that_is_being_left() {
    let script = format!(
        "T='{TESTKIT} ctl'; $T $DSNAP_TESTKIT_STORAGE enter x; \
                          $T $DSNAP_TESTKIT_STORAGE commit 30; $T $DSNAP_TESTKIT_STORAGE leave x"
    );
    let ran = testkit(&["run", "--", "sh", "-c", &script]);
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
}

/// `run` with a script that prints a line, and ends when its stdin does.
fn begin(options: &[&str], script: &str) -> (Child, BufReader<ChildStdout>, String) {
    let mut command = Command::new(TESTKIT);
    command.arg("run").args(options).args(["--", "sh", "-c", script]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    (child, out, line.trim_end().to_owned())
}

#[test]
fn run_looks_at_the_other_storage_too() {
    let script = "echo $DSNAP_TESTKIT_URL; cat";
    let (mut run, _out, url) = begin(&["--fault", "wrong-storage"], script);
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
fn a_signal_goes_to_the_script_which_keeps_its_site_until_it_ends() {
    for (last, expected) in [("status", 5), ("enter x", 1)] {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("ds");
        let script = format!(
            "trap '{TESTKIT} ctl $DSNAP_TESTKIT_STORAGE {last}; exit 5' TERM; \
             exec 3<&0; cat <&3 & echo ready; wait $!"
        );
        let (mut run, mut out, line) = begin(&["--storage", dir.to_str().unwrap()], &script);
        assert_eq!(line, "ready");
        let pid = run.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        // Before its end: `cat` in the background holds the pipe.
        let status = run.wait().unwrap();
        assert_eq!(status.code(), Some(expected), "{last}");
        drop(run.stdin.take());
        let mut said = String::new();
        out.read_to_string(&mut said).unwrap();
        assert_eq!(said, if expected == 5 { "in no snapshot\n" } else { "" });
        let mark = std::fs::read_to_string(dir.join("misc/snapshot")).unwrap();
        assert_eq!(mark, if expected == 5 { "shutdown" } else { "user/x" });
    }
}
