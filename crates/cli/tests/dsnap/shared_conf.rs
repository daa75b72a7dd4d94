//! As root: files that others can write. A conf of theirs runs nothing, and what a line of root's
//! reads from them is not read as root.
//!
//! These scenarios need root; without it each says that it was passed over.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};

use dsnap_testkit::Site;

use crate::support::{
    Dsnap, GROUP, HTTP, OWNER, Plugins, Ran, chown_all, conf, site_of_another_user, write_script,
};

/// A line that needs nothing but a program of the system to run anything.
const RUNS_ANYTHING: &str = "exec /usr/bin/find / -maxdepth 0 -fprint WRITTEN";

/// Writes a conf that a group, or everybody, can write, and runs.
#[track_caller]
fn with_open_conf(site: &Site, mode: u32, owner: u32, dsnap: impl FnOnce(Dsnap) -> Dsnap) -> Ran {
    let written = site.path().join("written");
    let line = RUNS_ANYTHING.replace("WRITTEN", &written.display().to_string());
    conf(site, &format!("{line}\nhttp URL access\n"));
    chown_all(site.path(), owner, GROUP);
    let path = site.storage().config().join("snapshot.conf");
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    let ran = dsnap(Dsnap::at(site)).arg("true").run();
    assert!(!written.exists(), "{ran}");
    ran
}

#[test]
fn a_line_that_runs_a_program_needs_a_conf_that_nobody_else_can_write() {
    for owner in [OWNER, 0] {
        let Some((_folder, site)) = site_of_another_user() else { return };
        for (mode, whom) in [(0o664, "its group"), (0o646, "everybody")] {
            let ran = with_open_conf(&site, mode, owner, |dsnap| dsnap);
            let conf = "DIR/config/snapshot.conf";
            let why = format!(
                "{conf} can be changed by {whom}: a line that runs a program needs a conf that nobody else can write"
            );
            ran.says(
                0,
                &format!("malformed line 1 in {conf} ({why})\nhint: chmod go-w {conf}\n{HTTP}"),
            );
        }
    }
}

#[test]
fn a_line_that_loads_a_library_needs_a_conf_that_nobody_else_can_write() {
    let (Some((_folder, site)), plugins) =
        (site_of_another_user(), Plugins::villain("LOOKS_AROUND"))
    else {
        return;
    };
    conf(&site, "villain\nhttp URL access\n");
    chown_all(site.path(), OWNER, GROUP);
    let path = site.storage().config().join("snapshot.conf");
    fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
    let ran = Dsnap::at(&site).arg("--plugin-dir").arg(&plugins).arg("true").run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    ran.mentions("can be changed by its group: a line that runs a program needs a conf");
    assert!(!site.path().join("status").exists(), "it was loaded");
}

#[test]
fn what_roots_line_reads_is_opened_as_the_owner_if_another_user_can_change_it() {
    let Some((folder, site)) = site_of_another_user() else { return };
    let (seen, open) = (TcpListener::bind(("127.0.0.1", 0)).unwrap(), folder.path().join("open"));
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    let secret = folder.path().join("shadow");
    fs::write(&secret, "root:top-secret\n").unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    symlink(&secret, open.join("access")).unwrap();
    let address = seen.local_addr().unwrap();
    let trusted = folder.path().join("dsnap.conf");
    let line = format!("http http://{address}/ {}", open.join("access").display());
    fs::write(&trusted, format!("{line}\nnodirect\n")).unwrap();
    fs::set_permissions(&trusted, Permissions::from_mode(0o600)).unwrap();
    let by_conf = |dsnap: Dsnap| dsnap.arg("--snapshot-conf").arg(&trusted);
    let typed = |dsnap: Dsnap| dsnap.args(["--method", &line]);
    for ran in [by_conf(Dsnap::at(&site)), typed(Dsnap::at(&site))] {
        let ran = ran.arg("true").run();
        assert_eq!(ran.status.code(), Some(125), "{ran}");
        ran.mentions("open/access cannot be read by user 54321: Permission denied");
    }
    seen.set_nonblocking(true).unwrap();
    assert!(seen.accept().is_err(), "something was sent");
}

#[test]
fn a_conf_of_roots_that_others_can_write_sends_no_secret_of_root() {
    let Some((folder, site)) = site_of_another_user() else { return };
    let seen = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let (address, config) = (seen.local_addr().unwrap(), site.storage().config());
    let secret = folder.path().join("shadow");
    fs::write(&secret, "root:top-secret\n").unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    symlink(&secret, config.join("link")).unwrap();
    // A user who can write a folder can put a link into it.
    let named = [(secret.to_str().unwrap(), 0o755), ("../../shadow", 0o755)];
    for (access, mode) in named.into_iter().chain([("credential:shadow", 0o755), ("link", 0o775)]) {
        conf(&site, &format!("http http://{address}/ {access}\nnodirect\n"));
        chown_all(site.path(), 0, GROUP);
        fs::set_permissions(config.join("snapshot.conf"), Permissions::from_mode(0o664)).unwrap();
        fs::set_permissions(&config, Permissions::from_mode(mode)).unwrap();
        let ran = Dsnap::at(&site).env("CREDENTIALS_DIRECTORY", folder.path()).arg("true").run();
        assert_eq!(ran.status.code(), Some(125), "{access}: {ran}");
        ran.mentions("only files in its own folder that nobody else can change)");
    }
    seen.set_nonblocking(true).unwrap();
    assert!(seen.accept().is_err(), "something was sent");
}

#[test]
fn what_the_owner_names_is_not_read_through_links_of_roots_process() {
    let Some((folder, site)) = site_of_another_user() else { return };
    let seen = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    // As the home of root: everybody could read the file, but nobody can pass the folder.
    let private = folder.path().join("private");
    fs::create_dir(&private).unwrap();
    fs::write(private.join("secret"), "root:top-secret\n").unwrap();
    fs::set_permissions(&private, Permissions::from_mode(0o700)).unwrap();
    symlink("/proc/self/cwd/secret", site.storage().config().join("link")).unwrap();
    let address = seen.local_addr().unwrap();
    for access in
        ["/proc/self/fd/0", "/dev/stdin", "/proc/self/cwd/secret", "link", "/proc/self/maps"]
    {
        let line = format!("http http://{address}/ {access}\nnodirect\n");
        fs::write(site.storage().config().join("snapshot.conf"), line).unwrap();
        chown_all(site.path(), OWNER, OWNER);
        let secret = fs::File::open(private.join("secret")).unwrap();
        let ran = Dsnap::at(&site).arg("true").change(|command| {
            command.current_dir(&private).stdin(secret);
        });
        let ran = ran.run();
        assert_eq!(ran.status.code(), Some(125), "{access}: {ran}");
    }
    seen.set_nonblocking(true).unwrap();
    assert!(seen.accept().is_err(), "something was sent");
}

#[test]
fn no_hint_gives_away_or_changes_what_the_owner_names_and_others_own() {
    let Some((folder, site)) = site_of_another_user() else { return };
    let theirs = folder.path().join("theirs");
    write_script(&theirs, "#!/bin/sh\n");
    for (owner, mode) in [(54_333, 0o755), (0, 0o775), (0, 0o757)] {
        chown_all(&theirs, owner, GROUP);
        fs::set_permissions(&theirs, Permissions::from_mode(mode)).unwrap();
        conf(&site, &format!("exec {}\nhttp URL access\n", theirs.display()));
        chown_all(site.path(), OWNER, OWNER);
        let ran = Dsnap::at(&site).arg("true").run();
        assert_eq!(ran.status.code(), Some(0), "{ran}");
        assert!(!ran.stderr.contains("chown") && !ran.stderr.contains("chmod"), "{ran}");
        ran.mentions("\nhint: use a path that only root and 54321 can change\n");
    }
}
