//! A library is loaded only if no stranger can have changed it; the cure that is named cures.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use dsnap_testkit::State;

use crate::support::{
    Dsnap, HTTP, OWNER, Plugins, Ran, chown_all, conf, copy_of_dsnap, folder, may_mount, root,
    site, storage, storage_of_another_user, write_script,
};

/// The method `villain`, without a vice, in `outer/inner`.
fn nested() -> (tempfile::TempDir, PathBuf) {
    let (folder, good) = (folder(), Plugins::villain("NONE"));
    let inner = folder.path().join("outer/inner");
    fs::create_dir_all(&inner).unwrap();
    fs::copy(good.file("villain"), inner.join("libdsnap_villain.so")).unwrap();
    for path in [folder.path(), &folder.path().join("outer"), &inner] {
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }
    (folder, inner)
}

fn listed(plugins: &Path) -> Ran {
    Dsnap::new().arg("--list-methods").arg("--plugin-dir").arg(plugins).run()
}

#[track_caller]
fn accepted(plugins: &Path) {
    let ran = listed(plugins);
    assert!(ran.stdout.contains("\nvillain "), "{ran}");
    assert!(!ran.stdout.contains("unusable"), "{ran}");
}

/// Refused with that reason; and what the hint says, done literally, cures it.
#[track_caller]
fn refused(plugins: &Path, part: &Path, reason: &str) {
    let ran = listed(plugins);
    assert!(ran.stdout.contains(&format!("{} {reason}\n", part.display())), "{ran}");
    let hint = ran.stdout.lines().find_map(|line| line.strip_prefix("hint: ")).unwrap();
    assert!(Command::new("sh").args(["-c", hint]).status().unwrap().success(), "{hint}");
    accepted(plugins);
}

#[test]
fn nobody_else_may_be_able_to_change_a_library_or_a_folder_above_it() {
    let (folder, inner) = nested();
    accepted(&inner);
    let library = inner.join("libdsnap_villain.so");
    for part in [&library, &inner, &folder.path().join("outer"), &folder.path().to_owned()] {
        fs::set_permissions(part, Permissions::from_mode(0o775)).unwrap();
        refused(&inner, part, "can be changed by its group");
        fs::set_permissions(part, Permissions::from_mode(0o757)).unwrap();
        refused(&inner, part, "can be changed by everybody");
    }
}

#[test]
fn a_library_or_folder_of_another_user_is_refused() {
    if !root::required("give files away") {
        return;
    }
    let (folder, inner) = nested();
    let library = inner.join("libdsnap_villain.so");
    for part in [&library, &inner, &folder.path().join("outer")] {
        chown(part, Some(OWNER), None).unwrap();
        refused(&inner, part, "belongs to 54321, who could change it");
    }
}

#[test]
fn a_link_is_judged_by_its_target_too() {
    let (folder, inner) = nested();
    let plugins = folder.path().join("plugins");
    fs::create_dir(&plugins).unwrap();
    fs::set_permissions(&plugins, Permissions::from_mode(0o755)).unwrap();
    symlink(inner.join("libdsnap_villain.so"), plugins.join("libdsnap_villain.so")).unwrap();
    accepted(&plugins);
    fs::set_permissions(&inner, Permissions::from_mode(0o777)).unwrap();
    refused(&plugins, &inner, "can be changed by everybody");
}

#[test]
fn a_link_of_another_user_is_refused_whatever_its_target() {
    if !root::required("give files away") {
        return;
    }
    let (folder, inner) = nested();
    let plugins = folder.path().join("plugins");
    fs::create_dir(&plugins).unwrap();
    fs::set_permissions(&plugins, Permissions::from_mode(0o1777)).unwrap();
    let link = plugins.join("libdsnap_villain.so");
    symlink(inner.join("libdsnap_villain.so"), &link).unwrap();
    accepted(&plugins);
    lchown(&link, Some(OWNER), None).unwrap();
    refused(&plugins, &link, "belongs to 54321, who could change it");
}

#[test]
fn nobody_else_may_be_able_to_change_a_script_or_a_folder_above_it() {
    let site = site();
    let folder = folder();
    let method = folder.path().join("method");
    write_script(&method, "#!/bin/sh\necho not today >&2; exit 78\n");
    let line = format!("exec {}", method.display());
    conf(&site, &format!("{line}\nhttp URL access\n"));
    for part in [folder.path(), &method] {
        fs::set_permissions(part, Permissions::from_mode(0o775)).unwrap();
        let cure = format!("chmod go-w {}", part.display());
        let why = format!("{} can be changed by its group\nhint: {cure}", part.display());
        Dsnap::at(&site).arg("true").run().says(0, &format!("{line}: {why}\n{HTTP}"));
        assert!(Command::new("sh").args(["-c", &cure]).status().unwrap().success());
        Dsnap::at(&site).arg("true").run().says(0, &format!("{line}: not today\n{HTTP}"));
    }
}

#[test]
fn a_sticky_folder_above_a_library_is_accepted() {
    let (folder, inner) = nested();
    fs::set_permissions(folder.path().join("outer"), Permissions::from_mode(0o1777)).unwrap();
    accepted(&inner);
}

/// A folder as a ConfigMap is mounted: links into a folder with a date, open to everybody.
const CONFIG_MAP: &str = r#"
mount -t tmpfs -o mode=0777 none "$1" && cd "$1" || exit 99
mkdir -m 0777 ..2026_11_25 && cp "$2" ..2026_11_25/ && chmod 0666 ..2026_11_25/*
ln -s ..2026_11_25 ..data && ln -s ..data/libdsnap_villain.so libdsnap_villain.so
"$3" --list-methods --plugin-dir "$1"
mount -o remount,ro "$1" || exit 99
"$3" --list-methods --plugin-dir "$1"
"#;

#[test]
fn a_config_map_is_accepted_only_on_a_read_only_mount() {
    if !may_mount() {
        return;
    }
    let (folder, good) = (folder(), Plugins::villain("NONE"));
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", CONFIG_MAP, "sh"])
        .arg(folder.path())
        .arg(good.file("villain"))
        .arg(env!("CARGO_BIN_EXE_dsnap"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.matches("unusable").count(), 1, "{said}");
    assert!(said.contains("can be changed by everybody"), "{said}");
    assert_eq!(said.matches("\nvillain ").count(), 1, "{said}");
}

/// Writes a conf of the owner's, through a read-only mount of a folder that is written elsewhere.
#[test]
fn a_read_only_mount_of_what_is_written_elsewhere_does_not_make_a_conf_roots() {
    let Some((folder, fixture)) = storage_of_another_user(State::Clean) else { return };
    if !may_mount() {
        return;
    }
    let (theirs, mount) = (folder.path().join("theirs"), folder.path().join("mount"));
    fs::create_dir(&theirs).unwrap();
    fs::create_dir(&mount).unwrap();
    write_script(&theirs.join("method"), "#!/bin/sh\nid -u >\"$DSNAP_STORAGE/id\"\nexit 69\n");
    fs::write(theirs.join("conf"), "exec method\nnodirect\n").unwrap();
    chown_all(&theirs, OWNER, OWNER);
    // So that a line for a server is tried.
    let _server = dsnap_engine::system::flock::FileLock::take(&fixture.storage().lock()).unwrap();
    let (theirs, mount) = (theirs.display(), mount.display());
    let script = format!("mount --bind '{theirs}' '{mount}'; mount -o remount,bind,ro '{mount}'");
    let conf = format!("--snapshot-conf={mount}/conf");
    Dsnap::with_mounts(&script).storage(fixture.path()).args([&conf, "true"]).run();
    assert_eq!(fs::read_to_string(fixture.path().join("id")).unwrap(), "54321\n");
}

/// A link that others can exchange leads to a read-only file system, for now.
#[test]
fn a_link_to_a_read_only_mount_is_judged_where_it_stands() {
    if !may_mount() {
        return;
    }
    let (folder, good) = (folder(), Plugins::villain("NONE"));
    let (open, image) = (folder.path().join("open"), folder.path().join("image"));
    for path in [&open, &image] {
        fs::create_dir(path).unwrap();
    }
    // Everybody can make links there, and exchange their own.
    fs::set_permissions(&open, Permissions::from_mode(0o1777)).unwrap();
    symlink(&image, open.join("plugins")).unwrap();
    lchown(open.join("plugins"), Some(OWNER), Some(OWNER)).unwrap();
    let (library, shown) = (good.file("villain"), image.display());
    let script = format!(
        "mount -t tmpfs none '{shown}'; cp '{}' '{shown}/'; mount -o remount,ro '{shown}'",
        library.display()
    );
    let list = |dir: &Path| {
        let ran = Dsnap::with_mounts(&script).args(["--list-methods", "--plugin-dir"]);
        ran.arg(dir).run().stdout
    };
    assert!(list(&image).contains("\nvillain "), "the image itself can be trusted");
    let said = list(&open.join("plugins"));
    let link = open.join("plugins");
    assert!(said.contains(&format!("{} belongs to 54321", link.display())), "{said}");
}

#[test]
fn the_environments_path_is_searched_unless_privileges_were_raised() {
    if !root::required("raise rights") {
        return;
    }
    let (folder, good) = (folder(), Plugins::villain("NONE"));
    let dsnap = folder.path().join("dsnap");
    copy_of_dsnap(&dsnap, "755");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let list = |mode: u32| {
        fs::set_permissions(&dsnap, Permissions::from_mode(mode)).unwrap();
        let mut command = Command::new(&dsnap);
        command.arg("--list-methods").env("DSNAP_PLUGIN_PATH", good.path()).uid(OWNER);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let (ordinary, raised) = (list(0o755), list(0o4755));
    assert!(ordinary.contains("\nvillain "), "{ordinary}");
    assert!(raised.contains("built in") && !raised.contains("villain"), "{raised}");
}

/// As `setcap cap_net_bind_service=ep` writes it.
const GIVES_A_CAPABILITY: &str = r#"
import os, struct, sys
os.setxattr(sys.argv[1], "security.capability", struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))
"#;

#[test]
fn a_capability_of_the_program_file_raises_privileges_too() {
    if !root::required("give a file capabilities") {
        return;
    }
    let (folder, good) = (folder(), Plugins::villain("NONE"));
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let dsnap = folder.path().join("dsnap");
    copy_of_dsnap(&dsnap, "755");
    let given = Command::new("python3").args(["-c", GIVES_A_CAPABILITY]).arg(&dsnap).output();
    if !given.unwrap().status.success() {
        root::passed_over("no file can have capabilities here");
        return;
    }
    let mut command = Command::new(&dsnap);
    command.arg("--list-methods").env("DSNAP_PLUGIN_PATH", good.path()).uid(OWNER);
    let output = command.output();
    // Where the process may not have the capability, the file cannot be executed at all.
    let Ok(output) = output else {
        return root::passed_over("no process can have capabilities here");
    };
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("built in") && !said.contains("villain"), "{said}");
}

#[test]
fn a_relative_folder_in_the_environments_path_is_passed_over() {
    let good = Plugins::villain("NONE");
    let ran = Dsnap::new()
        .arg("--list-methods")
        .env("DSNAP_PLUGIN_PATH", ".:")
        .change(|command| {
            command.current_dir(good.path());
        })
        .run();
    assert!(!ran.stdout.contains("villain"), "{ran}");
}

#[test]
fn a_plugin_folder_that_cannot_be_read_is_reported() {
    if !root::required("act for another user") {
        return;
    }
    use std::os::unix::process::CommandExt;
    let (folder, good) = (folder(), Plugins::villain("NONE"));
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    let fixture = storage(State::Clean);
    chown_all(fixture.path(), OWNER, OWNER);
    fs::set_permissions(fixture.path(), Permissions::from_mode(0o755)).unwrap();
    let ran = Dsnap::on(&fixture).args(["--method", "villain", "--list-methods"]);
    let ran = ran.arg("--plugin-dir").arg(folder.path()).arg("--plugin-dir").arg(&good);
    let ran = ran.change(|command| {
        command.uid(OWNER);
    });
    let ran = ran.run();
    assert!(ran.stdout.contains("cannot be read by user 54321: Permission denied"), "{ran}");
    assert_eq!(ran.status.code(), Some(1), "{ran}");
}
