//! In a service of systemd: priorities for the journal, credentials, and the order in which systemd
//! ends the processes of a service.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use dsnap_testkit::{Site, State};
use nix::sys::signal::Signal::{SIGKILL, SIGTERM};
use nix::sys::signal::killpg;
use nix::unistd::Pid;

use crate::support::examples::{adapted_run, docs, example, setting};
use crate::support::{
    Dsnap, HTTP, OWNER, Running, assert_free, chown_all, conf, folder, may_mount, root, site,
    site_of_another_user, storage, storage_with_conf, write_script,
};

/// What a run writes to a stderr that is the stream of this device and inode, or not.
fn written(dsnap: Dsnap, is_journal: bool) -> String {
    let folder = folder();
    let path = folder.path().join("journal");
    let stream = File::create(&path).unwrap();
    let found = stream.metadata().unwrap();
    let inode = found.ino() + u64::from(!is_journal);
    let dsnap = dsnap.env("JOURNAL_STREAM", format!("{}:{inode}", found.dev()));
    let to_stream = |command: &mut Command| {
        command.stderr(stream);
    };
    dsnap.change(to_stream).run();
    fs::read_to_string(path).unwrap()
}

#[test]
fn every_line_in_the_journal_has_a_priority_and_no_line_elsewhere_or_of_command() {
    let fixture = storage(State::Clean);
    let run = || Dsnap::on(&fixture).sh("echo COMMAND >&2");
    let plain = "Entered snapshot using direct access\nLocked snapshot mode\nCOMMAND\n\
                 Unlocked snapshot mode\n";
    assert_eq!(written(run(), false), plain);
    let ours =
        |line: &str| if line == "COMMAND" { "COMMAND\n".into() } else { format!("<6>{line}\n") };
    assert_eq!(written(run(), true), plain.lines().map(ours).collect::<String>());
}

#[test]
fn errors_warnings_and_hints_have_their_priorities_in_the_journal() {
    let fixture = storage_with_conf(State::Clean, "nonsense\n");
    let text = written(Dsnap::on(&fixture).arg("no-such-command"), true);
    assert_eq!(text, "<3>COMMAND was not run: `no-such-command` was not found\n");
    let text = written(Dsnap::on(&fixture).arg("true"), true);
    assert!(text.starts_with("<4>malformed line 1 in "), "{text}");
    let text = written(Dsnap::new().arg("--recover").arg("true"), true);
    assert!(text.starts_with("<3>usage: "), "{text}");
    let text = written(Dsnap::new().storage(fixture.path()).args(["--recover", "true"]), true);
    assert!(text.contains("\n<4>hint: "), "{text}");
}

/// Puts a credential into a folder, as systemd does for a service of root's.
fn credential(folder: &Path) {
    fs::set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
    let file = folder.join("zope");
    fs::write(&file, "admin:adminpass\n").unwrap();
    fs::set_permissions(file, Permissions::from_mode(0o400)).unwrap();
}

/// A run that finds its credentials in that folder.
fn with_credentials(site: &Site, folder: &Path) -> Dsnap {
    Dsnap::at(site).env("CREDENTIALS_DIRECTORY", folder).knows_as(folder, "CREDENTIALS")
}

#[test]
fn a_credential_of_the_service_is_the_access_file() {
    let (site, credentials) = (site(), folder());
    credential(credentials.path());
    conf(&site, "http URL credential:zope\nnodirect\n");
    with_credentials(&site, credentials.path()).arg("true").run().says(0, HTTP);
    let listed = with_credentials(&site, credentials.path()).arg("--list-methods").run();
    assert_eq!(listed.status.code(), Some(0), "{listed}");
    assert!(!format!("{listed}").contains("adminpass"), "{listed}");
    let status = with_credentials(&site, credentials.path()).arg("--status").run();
    assert_eq!(status.status.code(), Some(0), "{status}");
}

#[test]
fn without_the_credential_the_line_says_what_the_service_lacks() {
    let (site, credentials) = (site(), folder());
    conf(&site, "http URL credential:zope\nnodirect\n");
    let lacks = "CREDENTIALS/zope cannot be read: No such file or directory";
    let hint = "hint: the systemd service needs LoadCredential=zope:FILE";
    let ran = with_credentials(&site, credentials.path()).arg("true").run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.mentions(lacks).mentions(hint);
    let unset = "`credential:zope` cannot be used, because CREDENTIALS_DIRECTORY is not set";
    for look in ["--list-methods", "--status"] {
        let ran = Dsnap::at(&site).arg(look).run();
        assert!(ran.stdout.contains(unset), "{ran}");
        assert_ne!(ran.status.code(), Some(0), "{ran}");
    }
}

#[test]
fn when_root_runs_only_roots_lines_may_use_a_credential() {
    let Some((folder, site)) = site_of_another_user() else { return };
    let credentials = folder.path().join("credentials");
    fs::create_dir(&credentials).unwrap();
    credential(&credentials);
    let line = "http URL credential:zope\nnodirect\n";
    conf(&site, line);
    chown_all(site.path(), OWNER, OWNER);
    let run = || with_credentials(&site, &credentials);
    let refused = "`credential:zope` is only for lines with root's privileges";
    let ran = run().arg("true").run().mentions(refused);
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    let listed = run().arg("--list-methods").run();
    assert!(listed.stdout.contains(refused), "{listed}");
    let roots = folder.path().join("dsnap.conf");
    fs::write(&roots, line.replace("URL", &site.urls()[0])).unwrap();
    run().arg("--snapshot-conf").arg(&roots).arg("true").run().says(0, HTTP);
    let typed = format!("http {} credential:zope", site.urls()[0]);
    run().args(["--method", &typed, "true"]).run().says(0, HTTP);
    // A folder that the owner can change does not count as root's.
    chown_all(&credentials, OWNER, OWNER);
    let ran = run().args(["--method", &typed, "true"]).run().mentions(refused);
    assert_eq!(ran.status.code(), Some(125), "{ran}");
}

/// A command line of the example service, on this site and with this script.
fn service(name: &str, site: &Site, script: &Path) -> Dsnap {
    let run = adapted_run(&setting(&example("dsnap-backup.service"), name), site, script);
    // The scenario ends all processes of the service by their group. systemd takes the cgroup.
    run.change(|command| {
        command.process_group(0);
    })
}

/// Starts the example service with a backup script that ends with these lines, and waits until it runs.
fn started_service(site: &Site, credentials: &Path, lines: &str) -> Running {
    assert_eq!(setting(&example("dsnap-backup.service"), "KillMode"), "mixed");
    credential(credentials);
    conf(site, "http URL credential:zope\nnodirect\n");
    let script = credentials.join("script");
    write_script(&script, &format!("#!/bin/sh\n{lines}\n"));
    let service = service("ExecStart", site, &script);
    service.env("CREDENTIALS_DIRECTORY", credentials).start()
}

#[test]
fn a_service_whose_processes_were_all_killed_is_in_no_snapshot_after_its_stop_command() {
    let (site, credentials) = (site(), folder());
    let goes_on = "trap 'echo term' TERM\necho started\nwhile :; do sleep 1000 & wait $!; done";
    let mut running = started_service(&site, credentials.path(), goes_on);
    // In systemd's order: TERM to the main process, KILL to all after TimeoutStopSec, ExecStopPost. The
    // last one gets no credentials.
    running.signal(SIGTERM);
    assert_eq!(running.next_line(), "term");
    assert!(site.held().is_some());
    killpg(Pid::from_raw(running.pid()), SIGKILL).unwrap();
    running.ends_by_itself();
    assert!(site.held().is_some(), "nobody has left the snapshot yet");
    let ran = service("ExecStopPost", &site, Path::new("")).run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert_free(&site);
}

#[test]
fn a_service_that_is_stopped_leaves_its_snapshot_and_ends_with_a_status_that_counts_as_success() {
    let (site, credentials) = (site(), folder());
    let running = started_service(&site, credentials.path(), "echo started\nexec sleep 1000");
    running.signal(SIGTERM);
    let ran = running.ends_by_itself();
    let success = setting(&example("dsnap-backup.service"), "SuccessExitStatus");
    assert_eq!(ran.status.code(), success.parse().ok(), "{ran}");
    assert_free(&site);
    let ran = service("ExecStopPost", &site, Path::new("")).run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
}

#[test]
fn where_the_table_of_locks_is_hidden_no_lock_is_called_free() {
    if !may_mount() {
        return;
    }
    let site = site();
    let hidden = "mount -t proc -o subset=pid none /proc";
    let status = Dsnap::with_mounts(hidden).arg("--status").arg(site.path()).run();
    assert_eq!(status.status.code(), Some(3), "{status}");
    assert!(status.stdout.contains("none that can be seen from here\n"), "{status}");
    // A run tries the lock itself.
    let run = Dsnap::with_mounts(hidden).storage(site.path());
    let run = run.args(["--method", "direct", "true"]).run().mentions(" is open in ");
    assert_eq!(run.status.code(), Some(125), "{run}");
}

#[test]
fn a_read_only_storage_is_named_before_anything_is_entered() {
    if !may_mount() {
        return;
    }
    let site = site();
    let dir = site.path().display();
    let read_only = format!("mount --bind {dir} {dir}; mount -o remount,ro,bind {dir}");
    let ran = Dsnap::with_mounts(&read_only).knows(site.path()).storage(site.path());
    let read_only = "DIR/misc/dsnap.lock cannot be locked: Read-only file system";
    ran.arg("true").run().ends(125, &format!("COMMAND was not run: {read_only}"));
    assert_free(&site);
}

/// The capabilities that the page names for a service that root runs, as setpriv(1) writes them.
fn capabilities() -> Vec<String> {
    let page = fs::read_to_string(docs().join("systemd.md")).unwrap();
    let set = setting(&page, "CapabilityBoundingSet");
    set.split_whitespace().map(|name| name.trim_start_matches("CAP_").to_lowercase()).collect()
}

#[test]
fn root_needs_only_the_capabilities_that_the_page_names_and_no_new_privileges() {
    if !root::required("act for another user") {
        return;
    }
    let Some((_folder, site)) = site_of_another_user() else { return };
    fs::set_permissions(site.path(), Permissions::from_mode(0o700)).unwrap();
    let run = |names: &[String]| {
        let set = names.iter().fold("-all".to_owned(), |set, name| format!("{set},+{name}"));
        let dsnap = Dsnap::through(&["setpriv", "--no-new-privs", "--bounding-set", &set]);
        let dsnap = dsnap.knows_as(Path::new(&site.urls()[0]), "URL").storage(site.path());
        dsnap.sh("ls -R \"$SNAPSHOT_DIRECTORY/A\" >/dev/null").run()
    };
    run(&capabilities()).says(0, HTTP);
    let without =
        |name: &str| capabilities().into_iter().filter(|it| it != name).collect::<Vec<_>>();
    for name in ["setuid", "setgid"] {
        let ran =
            run(&without(name)).mentions("COMMAND was not run: cannot take the privileges of");
        assert_eq!(ran.status.code(), Some(125), "{ran}");
    }
    assert_ne!(run(&without("dac_read_search")).status.code(), Some(0), "COMMAND cannot read A/");
}
