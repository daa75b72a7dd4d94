//! As root on a storage of another user: what a script or library of the owner gets, and that it ends
//! in time, whichever user it becomes.
//!
//! These scenarios need root; without it each says that it was passed over.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use dsnap_core::Code;
use dsnap_engine::record::entry::Record;
use dsnap_engine::record::evidence::Evidence;
use dsnap_engine::record::run_lock::RunLock;
use dsnap_engine::system::process::{Host, ProcessId};
use dsnap_testkit::Site;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{
    Dsnap, HTTP, OWNER, Plugins, chown_all, compile_program, conf, folder, root,
    site_of_another_user, wait_until, write_script,
};

fn seen(site: &Site, name: &str) -> String {
    fs::read_to_string(site.path().join(name)).unwrap()
}

/// Makes this the conf, and gives the site to its owner.
fn conf_of_owner(site: &Site, line: &str) {
    conf(site, &format!("{line}\nhttp URL access\n"));
    chown_all(site.path(), OWNER, OWNER);
}

/// Programs that everybody may execute and only root may change.
fn programs() -> tempfile::TempDir {
    let programs = folder();
    fs::set_permissions(programs.path(), Permissions::from_mode(0o755)).unwrap();
    programs
}

/// The program as root's cron starts it: with secrets in its environment.
fn with_secrets(dsnap: Dsnap) -> Dsnap {
    dsnap
        .env("BORG_PASSPHRASE", "correct-horse")
        .env("DSNAP_PLUGIN_PATH", "/correct-horse")
        .env("SNAPSHOT_OLD", "correct-horse")
        .env("LD_LIBRARY_PATH", "/correct-horse")
        .env("LANG", "C.UTF-8")
        .env("LC_TIME", "C")
        .env("TZ", "UTC")
}

/// Checks a copy of `/proc/self/environ`, and that COMMAND still has the secrets.
#[track_caller]
fn is_a_new_environment(environ: &str, methods: &[&str]) {
    assert!(!environ.contains("correct-horse"), "{environ}");
    let variables: Vec<_> = environ.split_terminator('\0').collect();
    let mut names: Vec<_> = variables.iter().map(|it| it.split('=').next().unwrap()).collect();
    names.retain(|name| !name.starts_with("LC_") || *name == "LC_TIME");
    names.sort_unstable();
    let always = ["HOME", "LANG", "LC_TIME", "LOGNAME", "PATH", "TZ", "USER"];
    assert_eq!(names, [methods, &always].concat(), "{environ}");
    for variable in [
        "HOME=/",
        "USER=54321",
        "LOGNAME=54321",
        "LC_TIME=C",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ] {
        assert!(variables.contains(&variable), "no {variable} in {environ}");
    }
}

#[test]
fn a_lowered_script_gets_nothing_of_the_callers_environment_but_the_locale() {
    let Some((_folder, site)) = site_of_another_user() else { return };
    let text = "#!/bin/sh\ncat /proc/$$/environ >\"$DSNAP_STORAGE/environ\"\nexit 69\n";
    write_script(&site.storage().config().join("method"), text);
    conf_of_owner(&site, "exec method");
    let ran = with_secrets(Dsnap::at(&site)).sh("echo $BORG_PASSPHRASE").run();
    ran.says(0, HTTP).prints("correct-horse\n");
    let methods = ["DSNAP_CODE", "DSNAP_STORAGE", "DSNAP_TIMEOUT"];
    is_a_new_environment(&seen(&site, "environ"), &methods);
}

#[test]
fn a_lowered_library_gets_nothing_of_the_callers_environment_but_the_locale() {
    let (Some((_folder, site)), plugins) =
        (site_of_another_user(), Plugins::villain("LOOKS_AROUND"))
    else {
        return;
    };
    conf_of_owner(&site, "villain");
    let dsnap = with_secrets(Dsnap::at(&site)).arg("--plugin-dir").arg(&plugins);
    dsnap.sh("echo $BORG_PASSPHRASE").run().says(0, HTTP).prints("correct-horse\n");
    is_a_new_environment(&seen(&site, "environ"), &[]);
}

/// Says whether keyrings are forbidden here, as in many containers.
fn keyrings_are_forbidden(keyring: &Path) -> bool {
    let status = std::process::Command::new(keyring).arg("hide").arg("/bin/true").status();
    let forbidden = status.unwrap().code() == Some(99);
    if forbidden {
        root::passed_over("keyrings are forbidden here");
    }
    forbidden
}

#[test]
fn a_lowered_script_has_a_session_keyring_of_its_own_and_works_in_the_main_folder() {
    let Some((_folder, site)) = site_of_another_user() else { return };
    let programs = programs();
    let keyring = compile_program("keyring", programs.path());
    if keyrings_are_forbidden(&keyring) {
        return;
    }
    let text = format!(
        "#!/bin/sh\n(readlink /proc/$$/cwd; {} look) >\"$DSNAP_STORAGE/surroundings\"\nexit 69\n",
        keyring.display()
    );
    write_script(&site.storage().config().join("method"), &text);
    conf_of_owner(&site, "exec method");
    let dsnap = Dsnap::through(&[keyring.to_str().unwrap(), "hide"]).storage(site.path());
    let ran = dsnap.arg(&keyring).arg("look").run().ends(0, "Left snapshot mode");
    ran.prints("roots-secret\n");
    assert_eq!(seen(&site, "surroundings"), "/\nnothing\n");
}

#[test]
fn a_lowered_library_has_a_session_keyring_of_its_own_and_works_in_the_main_folder() {
    let (Some((_folder, site)), plugins) =
        (site_of_another_user(), Plugins::villain("LOOKS_AROUND"))
    else {
        return;
    };
    let programs = programs();
    let keyring = compile_program("keyring", programs.path());
    if keyrings_are_forbidden(&keyring) {
        return;
    }
    conf_of_owner(&site, "villain");
    let dsnap = Dsnap::through(&[keyring.to_str().unwrap(), "hide"]).storage(site.path());
    let dsnap = dsnap.arg("--plugin-dir").arg(&plugins).arg(&keyring).arg("look");
    dsnap.run().ends(0, "Left snapshot mode").prints("roots-secret\n");
    assert_eq!(seen(&site, "surroundings"), "/\nnothing\n");
}

#[test]
fn a_library_works_in_the_main_folder_whoever_calls_it() {
    let (site, plugins) = (crate::support::site(), Plugins::villain("LOOKS_AROUND"));
    conf(&site, "villain\nhttp URL access\n");
    let dsnap = Dsnap::at(&site).env("SNAPSHOT_OLD", "x").env("KEPT", "y");
    dsnap.arg("--plugin-dir").arg(&plugins).arg("true").run().says(0, HTTP);
    assert!(seen(&site, "surroundings").starts_with("/\n"));
    let environ = seen(&site, "environ");
    assert!(environ.contains("KEPT=y\0") && !environ.contains("SNAPSHOT_OLD"), "{environ}");
}

#[test]
fn a_lowered_script_has_no_capability_in_any_set() {
    let Some((_folder, site)) = site_of_another_user() else { return };
    let text = "#!/bin/sh\ngrep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status >\"$DSNAP_STORAGE/caps\"\nexit 69\n";
    write_script(&site.storage().config().join("method"), text);
    conf_of_owner(&site, "exec method");
    let dsnap = Dsnap::through(&["setpriv", "--inh-caps=+chown", "--ambient-caps=+chown"]);
    let dsnap = dsnap.storage(site.path()).args(["grep", "CapInh", "/proc/self/status"]);
    let ran = dsnap.run().ends(0, "Left snapshot mode");
    assert!(!ran.stdout.contains("0000000000000000"), "COMMAND has them: {ran}");
    let caps = seen(&site, "caps");
    assert!(caps.lines().all(|line| line.ends_with("\t0000000000000000")), "{caps}");
    assert_eq!(caps.lines().count(), 4);
}

/// Compiles a program that becomes a third user and does not end when asked to.
fn raised() -> (tempfile::TempDir, PathBuf) {
    let programs = programs();
    let raised = compile_program("raised", programs.path());
    fs::set_permissions(&raised, Permissions::from_mode(0o4755)).unwrap();
    (programs, raised)
}

/// The process of that program.
fn raised_process(site: &Site) -> i32 {
    seen(site, "raised").trim().parse().unwrap()
}

#[test]
fn a_script_that_becomes_another_user_is_killed_when_its_time_is_up() {
    let Some((_folder, site)) = site_of_another_user() else { return };
    let (_programs, raised) = raised();
    let text = format!("#!/bin/sh\nexec {}\n", raised.display());
    write_script(&site.storage().config().join("method"), &text);
    conf_of_owner(&site, "exec method timeout=1");
    let killed = "`DIR/config/method enter` was killed after 1 s, when its time was up";
    let ran = Dsnap::at(&site).arg("true").run();
    ran.says(0, &format!("exec method timeout=1: {killed}\n{HTTP}"));
    assert!(ProcessId::of(raised_process(&site)).is_none());
}

#[test]
fn a_process_that_cannot_be_killed_fails_its_line_and_the_run_goes_on() {
    let Some((_folder, site)) = site_of_another_user() else { return };
    let (_programs, raised) = raised();
    let text = format!("#!/bin/sh\nexec {}\n", raised.display());
    write_script(&site.storage().config().join("method"), &text);
    conf_of_owner(&site, "exec method timeout=1");
    // The owner's own run may not kill a process of a third user's.
    let ran = Dsnap::at(&site).arg("true").change(|command| {
        command.uid(OWNER).gid(OWNER);
    });
    let ran = ran.run();
    let pid = raised_process(&site);
    let outlived = ProcessId::of(pid).is_some();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    let why = format!(
        "`DIR/config/method enter` did not end when it was killed, and still runs (pid {pid})"
    );
    ran.says(0, &format!("exec method timeout=1: {why}\n{HTTP}"));
    assert!(outlived);
    wait_until("its end", || ProcessId::of(pid).is_none());
}

/// A record as the owner can forge it: of a snapshot that `line` entered, under any code.
fn forge_record(site: &Site, line: &str, code: &str) {
    let storage = site.storage();
    let lock = RunLock::take(storage).unwrap();
    let record = Record {
        code: Code::from_bytes(code.as_bytes()).unwrap(),
        line: line.as_bytes().to_vec(),
        label: line.to_owned(),
        conf: "line 1 in --method".to_owned(),
        evidence: Evidence::Here,
        may_close: true,
        since: 1_767_225_600,
        main_lock: None,
        host: Host::here(),
        user: OWNER,
        command_name: "rsync".into(),
        command: None,
        storage: storage.resolved(),
        directory: storage.inode(),
        file: lock.inode(),
    };
    lock.record_intent(record).unwrap();
    lock.release(None);
    fs::write(storage.snapshot(), format!("user/{code}")).unwrap();
}

#[test]
fn a_forged_code_never_reaches_a_script_of_root() {
    for code in ["../../etc/x", "$(id)", "-rf", "a;id"] {
        let Some((_folder, site)) = site_of_another_user() else { return };
        let programs = programs();
        let (script, codes) = (programs.path().join("method"), programs.path().join("codes"));
        let text = format!("#!/bin/sh\necho \"$1 $DSNAP_CODE\" >>{}\nexit 69\n", codes.display());
        write_script(&script, &text);
        let line = format!("exec {}", script.display());
        forge_record(&site, &line, code);
        chown_all(site.path(), OWNER, OWNER);
        let ran = Dsnap::at(&site).args(["-q", "--method", &line, "true"]).run();
        let codes = fs::read_to_string(codes).unwrap_or_default();
        assert!(!codes.contains(code), "{codes}: {ran}");
        ran.mentions("misc/dsnap.lock: ignoring what cannot be read of earlier runs (lines: 1)\n");
    }
}
