//! The methods that come with dsnap keep their contract, whether linked, loaded or scripts. A script
//! with a typical mistake is told which, in one sentence.
//!
//! Runs `dsnap-testkit conformance`, as authors do. Needs a C compiler, as `cc`.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "scenarios start the program")]

#[path = "../support/codes.rs"]
mod codes;
#[path = "../support/parallel.rs"]
mod parallel;
mod support;

use std::thread;

use parallel::in_parallel;
use support::{ENTER, Folder, LEAVE, STOP_AND_START, findings};

#[test]
fn every_kind_of_method_keeps_the_contract() {
    let (stopping, asking, c) = (Folder::new(), Folder::new(), Folder::new());
    let (rust, zeo) = (Folder::new(), Folder::new());
    stopping.script(STOP_AND_START);
    asking.script(&format!("{ENTER}{LEAVE}"));
    c.compile("plugin.c");
    rust.copy_library("libdsnap_template.so");
    zeo.copy_library("libdsnap_zeo.so");
    // Each spends most of its time in a check that waits for 20 s.
    thread::scope(|scope| {
        scope.spawn(|| Folder::new().assert_keeps_contract(&["direct"]));
        scope.spawn(|| Folder::new().assert_keeps_contract(&["http {url} {access}"]));
        scope.spawn(|| {
            Folder::new().assert_keeps_contract(&["--answers", "zope5", "http {url} {access}"])
        });
        scope.spawn(|| Folder::new().assert_keeps_contract(&["zeo {zeo}"]));
        scope.spawn(|| {
            Folder::new().assert_keeps_contract(&[
                "--zeo=Z308",
                "--zeo-password",
                "zeo {zeo} 1 {access}",
            ])
        });
        scope.spawn(|| {
            zeo.assert_keeps_contract(&["--loaded", "--plugin-dir", ".", "zeo", "{zeo}"])
        });
        scope.spawn(|| asking.assert_keeps_contract(&["exec", "./script"]));
        scope.spawn(|| {
            c.assert_keeps_contract(&["--loaded", "--plugin-dir", ".", "line {control}"])
        });
        scope.spawn(|| {
            rust.assert_keeps_contract(&["--loaded", "--plugin-dir", ".", "template", "{control}"])
        });
        let output = stopping.conformance(&["exec ./script # relative to the working directory"]);
        let (status, lines) = findings(&output);
        assert_eq!(status, Some(0), "{lines:#?}");
        let untried: Vec<_> = lines.iter().filter(|line| line.starts_with("- ")).collect();
        let pack = "status does not report a storage in use as free: not tried, its enter stops the server";
        assert_eq!(untried, [&format!("-       {pack}")]);
    });
}

#[test]
fn a_script_whose_leave_fails_without_a_snapshot_breaks_a_rule() {
    let (broken, _) =
        Folder::new().only_breach(&format!("{ENTER}\nleave) ctl leave \"$DSNAP_CODE\";;"));
    assert_eq!(
        broken,
        "leave returns left if there is nothing to leave: leave without an enter returned failed \
         (dsnap-testkit: there is no snapshot user/CODE (`SCRIPT leave` exited with status 1)), but \
         there was nothing to leave"
    );
}

#[test]
fn a_script_whose_exit_status_is_that_of_another_command_breaks_a_rule() {
    let curl = "\nenter) ctl enter \"$DSNAP_CODE\"; (exit 7);;";
    let (broken, untried) = Folder::new().only_breach(&format!("{curl}{LEAVE}"));
    assert_eq!(
        broken,
        "enter returns held or done, and the files confirm it: enter returned unknown (`SCRIPT \
         enter` exited with status 7), but it had worked: misc/snapshot contains user/CODE"
    );
    assert_eq!(untried, 14);
    let ignores_errors = "\nenter) ctl enter \"$DSNAP_CODE\" || true;;";
    let (broken, _) = Folder::new().only_breach(&format!("{ignores_errors}{LEAVE}"));
    assert_eq!(
        broken,
        "enter returns busy during another snapshot or a pack: enter under CODE returned held, but \
         misc/snapshot contains user/CODE"
    );
    let (broken, _) = Folder::new().only_breach(&format!("\nenter) true;;{LEAVE}"));
    assert_eq!(
        broken,
        "enter returns held or done, and the files confirm it: enter under CODE returned held, but \
         misc/snapshot does not exist"
    );
}

#[test]
fn a_script_that_ignores_the_code_breaks_a_rule() {
    let fixed = "\nenter) ctl enter backup;;\nleave) ctl leave backup || true;;";
    assert_eq!(
        Folder::new().only_breach(fixed).0,
        "enter returns held or done, and the files confirm it: enter under CODE returned held, but \
         misc/snapshot contains user/backup"
    );
    let leaves_any = "\nleave) now=$(ctl status) || exit; ctl leave \"${now#user/}\"; true;;";
    assert_eq!(
        Folder::new().only_breach(&format!("{ENTER}{leaves_any}")).0,
        "leave does not end a snapshot with another code: leave under CODE returned left, and it \
         ended the snapshot CODE: misc/snapshot does not exist"
    );
}

#[test]
fn a_library_of_another_minor_version_is_used() {
    in_parallel(["later.c", "earlier.c"], |source| {
        let folder = Folder::new();
        folder.compile(source);
        let args = ["--quick", "--plugin-dir", ".", "line {control}"];
        let (status, lines) = findings(&folder.conformance(&args));
        assert_eq!(status, Some(0), "{source}: {lines:#?}");
        assert!(lines.last().unwrap().ends_with(" kept, 0 broken"), "{source}: {lines:#?}");
    });
}

#[test]
fn a_library_of_another_major_version_is_refused_with_both_numbers() {
    let folder = Folder::new();
    folder.compile("other.c");
    let (status, lines) = findings(&folder.conformance(&["--plugin-dir", ".", "line {control}"]));
    assert_eq!(status, Some(2), "{lines:#?}");
    let end = "libdsnap_line.so: it speaks version 2 of the interface, and this dsnap version 1";
    assert!(lines[0].ends_with(end), "{lines:#?}");
}

#[test]
fn a_method_that_cannot_be_tested_ends_with_status_2() {
    let folder = Folder::new();
    let said = |args: &[&str]| {
        let (status, lines) = findings(&folder.conformance(args));
        assert_eq!(status, Some(2), "{lines:#?}");
        lines[0].clone()
    };
    assert_eq!(said(&["--loaded", "direct"]), "dsnap-testkit: there is no method `direct`");
    assert_eq!(
        said(&["nothing of ours"]),
        "dsnap-testkit: there is no method `nothing`; available: direct, http, exec, zeo"
    );
    assert_eq!(said(&["http {url}"]), "dsnap-testkit: `http` needs a URL and an access file");
    assert_eq!(
        said(&["zeo nonsense"]),
        "dsnap-testkit: the address nonsense is neither host:port nor the path of a socket"
    );
    assert!(said(&["exec 'x"]).starts_with("dsnap-testkit: "));
}
