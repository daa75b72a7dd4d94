//! As root: a line gets the privileges of the users who can have written it, and no more, both for
//! the files that it reads and for the programs that it runs.
//!
//! These scenarios need root; without it each says that it was passed over.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::PathBuf;

use dsnap_testkit::{Site, State};

use crate::support::{
    DIRECT, Dsnap, HTTP, OWNER, Plugins, Ran, chown_all, conf, copy_of_dsnap, folder, root,
    site_builder, site_of_another_user, storage_of_another_user, write_script,
};

#[test]
fn a_conf_that_only_root_can_read_and_others_can_change_is_not_opened_as_root() {
    let Some((folder, fixture)) = storage_of_another_user(State::Crashed) else { return };
    let open = folder.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    let conf = open.join("my.conf");
    fs::write(&conf, "nonsense\n").unwrap();
    fs::set_permissions(&conf, Permissions::from_mode(0o600)).unwrap();
    Dsnap::on(&fixture)
        .knows(&open)
        .arg("--snapshot-conf")
        .arg(&conf)
        .arg("true")
        .run()
        .says(0, &format!("failed to open DIR/my.conf (Permission denied)\n{DIRECT}"));
}

#[test]
fn a_conf_that_root_alone_can_change_is_opened_as_root() {
    let Some((_folder, fixture)) = storage_of_another_user(State::Crashed) else { return };
    // Every folder above the tests' own is sticky or root's.
    let own = folder();
    let conf = own.path().join("my.conf");
    fs::write(&conf, "nonsense\n").unwrap();
    fs::set_permissions(&conf, Permissions::from_mode(0o600)).unwrap();
    Dsnap::on(&fixture)
        .knows(own.path())
        .arg("--snapshot-conf")
        .arg(&conf)
        .arg("true")
        .run()
        .mentions("malformed line 1 in DIR/my.conf (there is no method `nonsense`");
}

#[test]
fn with_a_conf_that_the_owner_may_change_root_sends_nothing_of_its_own_files() {
    if !root::required("act for another user") {
        return;
    }
    let (folder, seen) = (folder(), listener());
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let dir = folder.path().join("ds");
    let site = site_builder().storage(&dir).zopes(0).start().unwrap();
    let secret = folder.path().join("shadow");
    fs::write(&secret, "root:top-secret\n").unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    symlink(&secret, site.storage().config().join("link")).unwrap();
    for access in [secret.to_str().unwrap(), "link", "/etc/shadow"] {
        let line = format!("http http://{}/ {access}\nnodirect\n", seen.local_addr().unwrap());
        fs::write(site.storage().config().join("snapshot.conf"), line).unwrap();
        chown_all(&dir, OWNER, OWNER);
        let ran = Dsnap::new().storage(&dir).arg("true").run();
        assert_eq!(ran.status.code(), Some(125), "{ran}");
        for secret in ["top-secret", "root:"] {
            assert!(!ran.stderr.contains(secret), "{ran}");
        }
        ran.mentions(access).mentions("Permission denied");
    }
    seen.set_nonblocking(true).unwrap();
    assert!(seen.accept().is_err(), "something was sent");
}

#[test]
fn an_access_file_that_the_storages_owner_cannot_read_is_named_and_the_next_line_tried() {
    let Some((_folder, site)) = site_of_another_user() else { return };
    let dir = site.path().to_owned();
    conf(&site, "http URL roots\nhttp URL access\n");
    fs::write(site.storage().config().join("roots"), "admin:adminpass\n").unwrap();
    fs::set_permissions(site.storage().config().join("roots"), Permissions::from_mode(0o600))
        .unwrap();
    chown_all(&dir, OWNER, OWNER);
    chown(site.storage().config().join("roots"), Some(0), Some(0)).unwrap();
    let ran = Dsnap::at(&site).arg("true").run().counts("config/roots", 1);
    assert!(!ran.stderr.contains("chown"), "a file of root's must not be given away: {ran}");
    let ran = ran.mentions("Permission denied").mentions("Left snapshot mode");
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    let owner = fs::metadata(dir.join("misc/dsnap.lock")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&owner), OWNER, "what is made is the owner's");
}

#[test]
fn a_line_of_a_conf_that_only_root_can_change_runs_as_root() {
    let Some((folder, site)) = site_of_another_user() else { return };
    let dir = site.path().to_owned();
    let trusted = folder.path().join("dsnap.conf");
    fs::write(&trusted, format!("http {} roots\nnodirect\n", site.urls()[0])).unwrap();
    fs::write(folder.path().join("roots"), "admin:adminpass\n").unwrap();
    for file in ["dsnap.conf", "roots"] {
        fs::set_permissions(folder.path().join(file), Permissions::from_mode(0o600)).unwrap();
    }
    chown_all(&dir, OWNER, OWNER);
    Dsnap::at(&site).arg("--snapshot-conf").arg(&trusted).arg("true").run().says(0, HTTP);
    // What root types is root's, but for names that are relative to the storage's own folder.
    let line = format!("http {} {}", site.urls()[0], folder.path().join("roots").display());
    Dsnap::at(&site).args(["--method", &line, "true"]).run().says(0, HTTP);
    symlink(folder.path().join("roots"), dir.join("config/link")).unwrap();
    let line = format!("http {} link", site.urls()[0]);
    let ran = Dsnap::at(&site).args(["--method", &line, "true"]).run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.mentions("Permission denied");
}

/// A field of a copy of `/proc/self/status`.
fn field(status: &str, name: &str) -> String {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn is_the_owners_process(site: &Site, ran: &Ran) {
    let status = fs::read_to_string(site.path().join("status")).unwrap();
    let four = |id: u32| [id; 4].map(|id| id.to_string()).join(" ");
    assert_eq!(field(&status, "Uid"), four(OWNER), "{ran}");
    // No database knows this user, so it has no group but that of the nameless.
    assert_eq!(field(&status, "Gid"), four(65_534), "{ran}");
    assert_eq!(field(&status, "Groups"), "65534");
    for name in ["CapInh", "CapEff", "CapPrm", "CapAmb"] {
        assert_eq!(field(&status, name), "0000000000000000");
    }
    // INT, TERM, HUP and QUIT are ignored, and nothing is blocked.
    let ignored = u64::from_str_radix(&field(&status, "SigIgn"), 16).unwrap();
    assert_eq!(ignored & 0b100_0000_0000_0111, 0b100_0000_0000_0111, "{ignored:b}");
    assert_eq!(field(&status, "SigBlk"), "0000000000000000");
}

/// A shell blocks signals for a moment while it starts another program, so it looks by itself.
const LOOKS_AROUND: &str = "#!/bin/sh
cd \"$DSNAP_STORAGE\" && while read line; do echo \"$line\"; done </proc/$$/status >status
readlink /proc/$$/fd/* >files
exit 69
";

#[test]
fn a_script_from_a_conf_that_the_owner_may_change_runs_with_all_ids_of_the_owner() {
    let Some((_folder, site)) = site_of_another_user() else { return };
    write_script(&site.storage().config().join("method"), LOOKS_AROUND);
    conf(&site, "exec method a1\nhttp URL access\n");
    chown_all(site.path(), OWNER, OWNER);
    let ran = Dsnap::at(&site).args(["id", "-u"]).run().says(0, HTTP).prints("0\n");
    is_the_owners_process(&site, &ran);
    // The shell itself has its script open, and where `readlink` is to write.
    let files = fs::read_to_string(site.path().join("files")).unwrap();
    let ours: Vec<_> = files.lines().filter(|file| file.contains("/ds/misc/")).collect();
    assert!(ours.is_empty() && files.starts_with("/dev/null\n"), "{files}");
}

#[test]
fn no_hint_gives_away_a_script_that_only_root_may_execute() {
    let Some((folder, site)) = site_of_another_user() else { return };
    let roots = folder.path().join("method");
    write_script(&roots, "#!/bin/sh\n");
    fs::set_permissions(&roots, Permissions::from_mode(0o700)).unwrap();
    let line = format!("exec {}", roots.display());
    conf(&site, &format!("{line}\nhttp URL access\n"));
    chown_all(site.path(), OWNER, OWNER);
    let ran = Dsnap::at(&site).arg("true").run().ends(0, "Left snapshot mode");
    let ran = ran.mentions("cannot be executed by user 54321: Permission denied");
    let ran = ran.mentions("\nhint: let 54321 execute it if it is meant for this storage; ");
    assert!(!ran.stderr.contains("chown") && !ran.stderr.contains("chmod"), "{ran}");
}

#[test]
fn a_library_from_a_conf_that_the_owner_may_change_runs_with_all_ids_of_the_owner() {
    let (Some((_folder, site)), plugins) =
        (site_of_another_user(), Plugins::villain("LOOKS_AROUND"))
    else {
        return;
    };
    conf(&site, "villain\nhttp URL access\n");
    chown_all(site.path(), OWNER, OWNER);
    let ran = Dsnap::at(&site).arg("--plugin-dir").arg(&plugins).args(["id", "-u"]);
    let ran = ran.run().says(0, HTTP).prints("0\n");
    is_the_owners_process(&site, &ran);
}

#[test]
fn a_library_of_the_owner_is_loaded_for_the_owners_line_but_not_for_roots() {
    let (Some((_folder, site)), plugins) =
        (site_of_another_user(), Plugins::villain("LOOKS_AROUND"))
    else {
        return;
    };
    conf(&site, "villain\nhttp URL access\n");
    chown_all(site.path(), OWNER, OWNER);
    chown_all(plugins.path(), OWNER, OWNER);
    let dsnap = || Dsnap::at(&site).knows_as(plugins.path(), "PLUGINS").arg("--plugin-dir");
    let ran = dsnap().arg(&plugins).arg("true").run().says(0, HTTP);
    is_the_owners_process(&site, &ran);
    fs::remove_file(site.path().join("status")).unwrap();
    let ran = dsnap().arg(&plugins).args(["--method", "villain", "true"]).run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.mentions(
        "(PLUGINS belongs to 54321, who could change it)\nhint: chown -h root:root PLUGINS\n",
    );
    assert!(!site.path().join("status").exists(), "it was not even loaded");
}

#[test]
fn a_line_that_root_typed_runs_as_root_unless_its_program_is_relative() {
    let Some((folder, site)) = site_of_another_user() else { return };
    let text = "#!/bin/sh\nid -u >>\"$DSNAP_STORAGE/ids\"\nexit 69\n";
    let roots = folder.path().join("method");
    write_script(&roots, text);
    write_script(&site.storage().config().join("method"), text);
    chown_all(site.path(), OWNER, OWNER);
    fs::write(site.path().join("ids"), "").unwrap();
    fs::set_permissions(site.path().join("ids"), Permissions::from_mode(0o666)).unwrap();
    let url = format!("http {} {}", site.urls()[0], site.access().display());
    for (line, id) in [(format!("exec {}", roots.display()), "0"), ("exec method".into(), "54321")]
    {
        fs::write(site.path().join("ids"), "").unwrap();
        let ran = Dsnap::at(&site).args(["--method", &line, "--method", &url, "true"]).run();
        assert_eq!(ran.status.code(), Some(0), "{ran}");
        assert_eq!(fs::read_to_string(site.path().join("ids")).unwrap().trim(), id, "{line}");
    }
}

/// Runs a line that root types, and returns the user id with which its library was called.
#[track_caller]
fn user_of_typed_line(site: &Site, plugins: &Plugins, line: &str) -> String {
    let url = format!("http {} {}", site.urls()[0], site.access().display());
    let dsnap = Dsnap::at(site).arg("--plugin-dir").arg(plugins).args(["--method", line]);
    let ran = dsnap.args(["--method", &url, "true"]).run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    let status = site.path().join("status");
    let ids = field(&fs::read_to_string(&status).unwrap(), "Uid");
    fs::remove_file(status).unwrap();
    ids.split(' ').next().unwrap().to_owned()
}

#[test]
fn a_library_on_a_line_that_root_typed_runs_as_root_unless_a_word_may_be_a_relative_file() {
    let (Some((_folder, site)), plugins) =
        (site_of_another_user(), Plugins::villain("LOOKS_AROUND"))
    else {
        return;
    };
    for (line, user) in [
        ("villain", "0"),
        ("villain /one /two", "0"),
        ("villain /one two", "54321"),
        ("villain one timeout=9", "54321"),
        ("villain /one timeout=9", "0"),
    ] {
        assert_eq!(user_of_typed_line(&site, &plugins, line), user, "{line}");
    }
}

#[test]
fn only_the_documented_number_says_that_a_line_of_a_library_names_no_relative_file() {
    let Some((_folder, site)) = site_of_another_user() else { return };
    for (number, user) in [("3", "0"), ("1", "54321"), ("2", "54321"), ("7", "54321")] {
        let plugins = Plugins::villain(&format!("CHECKS={number}"));
        assert_eq!(user_of_typed_line(&site, &plugins, "villain word"), user, "{number}");
    }
    let plugins = Plugins::villain("CHECKS=-1");
    assert_eq!(user_of_typed_line(&site, &plugins, "villain word"), "54321");
    assert_eq!(user_of_typed_line(&site, &plugins, "villain /word"), "0");
}

#[test]
fn root_does_not_run_a_script_that_the_owner_can_change() {
    let Some((folder, site)) = site_of_another_user() else { return };
    let owners: PathBuf = folder.path().join("method");
    write_script(&owners, "#!/bin/sh\ntouch \"$DSNAP_STORAGE/ran\"\n");
    chown(&owners, Some(OWNER), Some(OWNER)).unwrap();
    let line = format!("exec {}", owners.display());
    let ran = Dsnap::at(&site).knows(&owners).args(["--method", &line, "true"]).run();
    assert_eq!(ran.status.code(), Some(125), "{ran}");
    ran.mentions(" belongs to 54321, who could change it\nhint: chown -h root:root ");
    assert!(!site.path().join("ran").exists());
}

#[test]
fn a_program_file_that_the_owner_may_not_execute_is_named_at_the_start() {
    let (Some((folder, site)), plugins) = (site_of_another_user(), Plugins::villain("NONE")) else {
        return;
    };
    let dsnap = folder.path().join("dsnap");
    copy_of_dsnap(&dsnap, "700");
    conf(&site, "villain\nhttp URL access\n");
    chown_all(site.path(), OWNER, OWNER);
    let run = || {
        let mut command = std::process::Command::new(&dsnap);
        command.arg("--storage").arg(site.path()).arg("--plugin-dir").arg(&plugins).arg("true");
        let output = command.output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "the next line was tried: {stderr}");
        stderr
    };
    let (said, shown) = (run(), dsnap.display());
    let why = format!("{shown} cannot be executed by user {OWNER}: Permission denied");
    let cure = format!("chmod a+x {shown}");
    assert!(said.contains(&why) && said.contains(&format!(")\nhint: {cure}\n")), "{said}");
    assert!(std::process::Command::new("sh").args(["-c", &cure]).status().unwrap().success());
    assert_eq!(run(), HTTP.replace("URL", &site.urls()[0]));
}

fn listener() -> std::net::TcpListener {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap()
}
