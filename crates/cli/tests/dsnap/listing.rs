//! `--list-methods`, for people and for programs.

use std::fs;

use dsnap_testkit::State;

use crate::support::{Dsnap, Plugins, document, storage};

const LINKED: &str = "\
direct  VERSION, for a storage that no process has open; built in
http    VERSION, for a storage that a server has open; built in
exec    VERSION, for a storage that a server has open; built in
zeo     VERSION, for a storage that a server has open; built in
";

fn without_version(text: &str) -> String {
    text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn without_a_storage_all_methods_are_listed() {
    let ran = Dsnap::new().arg("--list-methods").run().says(0, "");
    assert_eq!(without_version(&ran.stdout), LINKED);
}

#[test]
fn libraries_are_listed_with_their_file_and_rejected_ones_with_the_reason() {
    let plugins = Plugins::villain("NONE");
    fs::write(plugins.file("broken"), "").unwrap();
    fs::write(plugins.file("http"), "").unwrap();
    let ran = Dsnap::new().knows_as(plugins.path(), "PLUGINS");
    let ran = ran.arg("--list-methods").arg("--plugin-dir").arg(&plugins).run().says(0, "");
    let loaded = "villain  1\u{fffd}[2J, for a storage that a server has open; loaded from PLUGINS/libdsnap_villain.so, interface 1\n";
    assert!(ran.stdout.contains(loaded), "{ran}");
    let broken = "unusable: PLUGINS/libdsnap_broken.so: it cannot be loaded: file too short\n";
    assert!(ran.stdout.contains(broken), "{ran}");
    let hidden =
        "unusable: PLUGINS/libdsnap_http.so: the method `http` that is linked in comes first\n";
    assert!(ran.stdout.contains(hidden), "{ran}");
}

#[test]
fn a_storages_conf_lines_are_listed_and_a_line_without_a_method_gives_status_1() {
    let fixture = storage(State::Clean);
    let conf = fixture.path().join("config/snapshot.conf");
    fs::write(&conf, "# both\nhttp http://localhost:1/ access\nexec /bin/true\n").unwrap();
    fs::write(fixture.path().join("config/access"), "user:password\n").unwrap();
    let ran = Dsnap::on(&fixture).arg("--list-methods").run().says(0, "");
    let lines = "
Methods to try, in this order (from DIR/config/snapshot.conf):
  http://localhost:1/   (line 2 in DIR/config/snapshot.conf)
  exec /bin/true   (line 3 in DIR/config/snapshot.conf)
  direct access   (the last resort)
";
    assert_eq!(without_version(&ran.stdout), format!("{LINKED}{lines}"));
    fs::write(&conf, "fly\nnodirect\n").unwrap();
    let ran = Dsnap::on(&fixture).arg("--list-methods").run().says(1, "");
    let complaint = "malformed line 1 in DIR/config/snapshot.conf (there is no method `fly`";
    assert!(ran.stdout.contains(complaint), "{ran}");
    assert!(
        fs::read_dir(fixture.storage().misc())
            .unwrap()
            .flatten()
            .all(|it| it.file_name() != "dsnap.lock"),
        "it only looks"
    );
}

#[test]
fn the_list_for_programs_is_one_json_document() {
    let (fixture, plugins) = (storage(State::Clean), Plugins::villain("OTHER_ABI"));
    fs::write(fixture.path().join("config/snapshot.conf"), "villain\n").unwrap();
    let ran = Dsnap::on(&fixture).args(["--list-methods", "--json", "--plugin-dir"]).arg(&plugins);
    let ran = ran.run().says(1, "");
    let said = document(&ran.stdout, "listing");
    assert_eq!(said["schema_version"], 1);
    assert_eq!(said["methods"][0]["name"], "direct");
    assert_eq!(said["methods"][0]["works_with"], "nobody");
    assert_eq!(said["methods"][1]["works_with"], "owner");
    assert!(said["methods"][0]["file"].is_null() && said["methods"][0]["abi_version"].is_null());
    assert_eq!(said["rejected"][0]["file"], plugins.file("villain").to_str().unwrap());
    let reason = said["rejected"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("version 7 of the interface"), "{reason}");
    assert_eq!(said["conf"]["usable"], false);
    assert_eq!(said["conf"]["lines"][0]["method"], "direct");
}

#[test]
fn listing_is_not_combined_with_anything_else() {
    let ran = Dsnap::new().args(["--list-methods", "--recover"]).run();
    ran.mentions("usage: --list-methods cannot be combined with --recover\n");
    let ran = Dsnap::new().args(["--list-methods", "true"]).run();
    ran.mentions("usage: --list-methods does not run COMMAND\n");
    let ran = Dsnap::new().args(["--list-methods", "--method", "fly"]).run();
    ran.mentions("usage: --list-methods needs --storage DIR");
    Dsnap::new()
        .arg("--json")
        .run()
        .mentions("usage: --json works only with --list-methods, --recover and --status");
}

#[test]
fn a_conf_that_cannot_be_opened_gives_status_125() {
    let fixture = storage(State::Clean);
    let conf = fixture.path().join("other.conf");
    let failed =
        "--list-methods failed: failed to open DIR/other.conf (No such file or directory)\n";
    let list = || Dsnap::new().knows(fixture.path()).storage(fixture.path()).arg("--list-methods");
    list().arg("--snapshot-conf").arg(&conf).run().says(125, failed);
    let ran = list().arg("--json").arg("--snapshot-conf").arg(&conf).run().says(125, failed);
    let said = document(&ran.stdout, "listing");
    assert_eq!(said["conf"]["usable"], false);
    assert!(failed.contains(said["failure"].as_str().unwrap()) && said["exit_status"] == 125);
    fs::create_dir(fixture.path().join("config/snapshot.conf")).unwrap();
    list().run().says(125, "--list-methods failed: failed to open DIR/config/snapshot.conf (it is not a regular file)\n");
    // A storage needs no conf.
    fs::remove_dir(fixture.path().join("config/snapshot.conf")).unwrap();
    let ran = list().run().says(0, "");
    assert!(ran.stdout.contains("failed to open DIR/config/snapshot.conf (No such file"), "{ran}");
}

#[test]
fn a_storage_that_cannot_be_opened_gives_a_document_with_the_failure_and_its_hints() {
    let fixture = storage(State::Clean);
    fs::rename(fixture.storage().misc(), fixture.path().join("elsewhere")).unwrap();
    let ran = Dsnap::on(&fixture).args(["--list-methods", "--json"]).run();
    let said = document(&ran.stdout, "listing");
    assert_eq!((ran.status.code(), &said["exit_status"]), (Some(125), &125.into()), "{ran}");
    let failure = said["failure"].as_str().unwrap();
    assert!(failure.contains("misc") && said["conf"].is_null(), "{said}");
    let hint = format!("hint: {}", said["hints"][0].as_str().unwrap());
    ran.mentions(&format!("--list-methods failed: {failure}\n")).mentions(&hint);
}

#[test]
fn a_missing_access_file_or_program_is_shown_in_its_line() {
    let fixture = storage(State::Clean);
    let conf = fixture.path().join("config/snapshot.conf");
    fs::write(&conf, "http http://localhost:1/ missing\nexec absent\nexec /bin/true\nhttp https://localhost:1/ there ca=no-ca\nzeo localhost:1 main missing\nzeo nonsense\n").unwrap();
    fs::write(fixture.path().join("config/there"), "u:p\n").unwrap();
    let ran = Dsnap::on(&fixture).arg("--list-methods").run().says(1, "");
    let lines = "
  http://localhost:1/   (line 1 in DIR/config/snapshot.conf): DIR/config/missing cannot be read: No such file or directory
  exec absent   (line 2 in DIR/config/snapshot.conf): DIR/config/absent: No such file or directory
  exec /bin/true   (line 3 in DIR/config/snapshot.conf)
  https://localhost:1/   (line 4 in DIR/config/snapshot.conf): DIR/config/no-ca cannot be read: No such file or directory
  zeo localhost:1 main   (line 5 in DIR/config/snapshot.conf): DIR/config/missing cannot be read: No such file or directory
";
    assert!(ran.stdout.contains(lines), "{ran}");
    let malformed = "malformed line 6 in DIR/config/snapshot.conf (the address nonsense is neither";
    assert!(ran.stdout.contains(malformed), "{ran}");
    let ran = Dsnap::on(&fixture).args(["--list-methods", "--json"]).run().says(1, "");
    let said = document(&ran.stdout, "listing");
    assert!(
        said["conf"]["lines"][0]["unusable"].as_str().unwrap().contains("config/missing"),
        "{ran}"
    );
    assert!(said["conf"]["lines"][2]["unusable"].is_null(), "{ran}");
}
