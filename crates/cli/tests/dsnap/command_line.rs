//! Both forms of the command line, the help, and usage errors.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;

use dsnap_engine::exit_status;
use dsnap_testkit::State;

use crate::support::{DIRECT, Dsnap, Ran, fixture_builder, folder, storage};

fn dsnap(args: &[&str]) -> Ran {
    Dsnap::new().args(args).run()
}

#[test]
fn help_fits_80_columns_and_explains_methods_variables_and_statuses() {
    let help = dsnap(&["--help"]).says(0, "").stdout;
    assert!(help.lines().count() <= 74, "{help}");
    assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    for method in ["http URL ACCESS", "zeo ADDRESS", "exec PROGRAM", "NAME", "direct", "nodirect"] {
        assert!(help.contains(&format!("\n  {method} ")), "{method} is missing in {help}");
    }
    for variable in ["VERSION", "DIRECTORY", "TIMESTAMP", "CODE", "TID"] {
        assert!(
            help.contains(&format!("\n  SNAPSHOT_{variable} ")),
            "{variable} is missing in {help}"
        );
    }
    let numbers = [
        exit_status::IN_USE,
        exit_status::BROKEN,
        exit_status::OVERDUE,
        exit_status::FAILED,
        exit_status::CANNOT_EXECUTE,
        exit_status::NOT_FOUND,
    ];
    for status in numbers {
        assert!(help.contains(&format!("  {status}  ")), "{status} is missing in {help}");
    }
    assert!(help.contains("Example"));
    assert_eq!(dsnap(&["-h"]).says(0, "").stdout, help);
}

#[test]
fn the_page_about_runs_has_the_same_statuses() {
    let page = include_str!("../../../../docs/runs.md");
    for status in
        [exit_status::IN_USE, exit_status::BROKEN, exit_status::OVERDUE, exit_status::FAILED]
    {
        assert!(page.contains(&format!("| {status} |")), "{status}");
    }
}

#[test]
fn the_version_goes_to_stdout() {
    let version = format!("dsnap {}\n", env!("CARGO_PKG_VERSION"));
    dsnap(&["--version"]).says(0, "").prints(&version);
    dsnap(&["-V"]).says(0, "").prints(&version);
    let detailed = dsnap(&["--version", "-v"]).says(0, "").stdout;
    let (first, details) = detailed.split_once('\n').unwrap();
    assert_eq!(format!("{first}\n"), version);
    let names: Vec<_> = details.lines().map(|line| line[..13].trim_end()).collect();
    assert_eq!(names, ["commit", "target", "features", "ABI version"], "{detailed}");
    assert!(details.contains(std::env::consts::ARCH), "{detailed}");
}

#[test]
fn a_usage_error_is_one_line_a_hint_and_status_125() {
    let general = "`dsnap --help` lists all options";
    for (args, what, hint) in [
        (&[][..], "--storage DIR is missing", general),
        (&["--nope"], "unexpected argument '--nope' found", general),
        (
            &["--storage"],
            "a value is required for '--storage <DIR>' but none was supplied",
            general,
        ),
        (&["--storage", ""], "--storage: the directory name is empty", general),
        (&["--storage", "/", "-t", "-1", "true"], "-t, --wait: `-1` is negative", general),
        (
            &["--storage", "/", "-t", "soon"],
            "-t, --wait: `soon` is not a number of seconds, or one like 1.5, 90s, 10m, 2h or 1d",
            general,
        ),
        (&["--storage", "/", "-s", ""], "-s, --pause: `` is empty", general),
        (
            &["--storage", "/", "-k", "40000d"],
            "-k, --kill-after: `40000d` is more than a hundred years",
            general,
        ),
        (&["--storage", "/", "--max-hold", "-1", "true"], "--max-hold: `-1` is negative", general),
        (&["--storage", "/", "--max-hold", ""], "--max-hold: `` is empty", general),
        (
            &["--storage", "/", "--max-hold", "0", "true"],
            "--max-hold: no time is left for COMMAND",
            "leave --max-hold out to let COMMAND run as long as it needs",
        ),
        (
            &["--storage", "/", "--accept-existing", "x"],
            "--accept-existing: `x` is not a number of seconds, or one like 1.5, 90s, 10m, 2h or 1d",
            general,
        ),
        (
            &["version"],
            "--storage DIR is missing (the old form needs all of DIR, CONF and COMMAND)",
            "did you mean: dsnap --version",
        ),
        (
            &["/"],
            "--storage DIR is missing (the old form needs all of DIR, CONF and COMMAND)",
            "did you mean: dsnap --storage /",
        ),
        (
            &["/", "-"],
            "--storage DIR is missing (the old form needs all of DIR, CONF and COMMAND)",
            "did you mean: dsnap --storage /",
        ),
    ] {
        dsnap(args).says(125, &format!("usage: {what}\nhint: {hint}\n")).prints("");
    }
}

#[test]
fn an_option_that_took_another_option_for_its_value_is_named() {
    for (line, message, hint) in [
        (
            "-k --storage ds true",
            "-k, --kill-after took the option `--storage` for its DURATION",
            "-k DURATION",
        ),
        (
            "-t --stor ds true",
            "-t, --wait took the option `--stor` for its DURATION",
            "-t DURATION",
        ),
        (
            "-s -v --storage / true",
            "-s, --pause took the option `-v` for its DURATION",
            "-s DURATION",
        ),
        (
            "-t -k5 --storage / true",
            "-t, --wait took the option `-k5` for its DURATION",
            "-t DURATION",
        ),
        (
            "--max-hold --storage ds true",
            "--max-hold took the option `--storage` for its DURATION",
            "--max-hold DURATION",
        ),
        (
            "--accept-existing --storage=ds true",
            "--accept-existing took the option `--storage=ds` for its AGE",
            "--accept-existing AGE",
        ),
        (
            "--snapshot-conf --storage ds true",
            "--snapshot-conf took the option `--storage` for its FILE",
            "--snapshot-conf FILE",
        ),
        (
            "--method --storage ds true",
            "--method took the option `--storage` for its LINE",
            "--method LINE",
        ),
        (
            "--plugin-dir --storage ds true",
            "--plugin-dir took the option `--storage` for its DIR",
            "--plugin-dir DIR",
        ),
        (
            "--code --recover --storage ds",
            "--code took the option `--recover` for its CODE",
            "--code CODE",
        ),
        ("--storage -k 5 true", "--storage took the option `-k` for its DIR", "--storage DIR"),
        (
            "--storage --recover",
            "--storage took the option `--recover` for its DIR",
            "--storage DIR",
        ),
    ] {
        let ran = dsnap(&line.split(' ').collect::<Vec<_>>());
        let hint = format!("write `{hint}` before the option");
        ran.says(125, &format!("usage: {message}\nhint: {hint}\n")).prints("");
    }
}

#[test]
fn a_directory_may_have_the_name_of_an_option() {
    let folder = folder();
    let _fixture =
        fixture_builder().state(State::Clean).build_in(&folder.path().join("-v")).unwrap();
    fs::write(folder.path().join("-v/config/snapshot.conf"), "").unwrap();
    let ran = Dsnap::new().args(["--storage", "-v", "true"]).change(|command| {
        command.current_dir(folder.path());
    });
    ran.run().says(0, DIRECT);
}

#[test]
fn an_unknown_option_is_never_run_as_command() {
    let fixture = storage(State::Clean);
    Dsnap::on(&fixture)
        .args(["-x", "true"])
        .run()
        .ends(125, "usage: unexpected argument '-x' found");
}

#[test]
fn without_command_the_storage_is_tested() {
    Dsnap::on(&storage(State::Crashed)).run().says(0, DIRECT);
    let empty = folder();
    Dsnap::new()
        .knows(empty.path())
        .storage(empty.path())
        .run()
        .ends(125, "snapshot test failed: DIR is not a DirectoryStorage directory");
}

#[test]
fn the_old_form_takes_directory_conf_and_command() {
    let fixture = storage(State::Crashed);
    let conf = fixture.path().join("my.conf");
    fs::write(&conf, "direct\n").unwrap();
    let old = |conf: &str| {
        Dsnap::new()
            .knows(fixture.path())
            .arg(fixture.path())
            .args([conf, "sh", "-c", "exit 7"])
            .run()
    };
    old(conf.to_str().unwrap()).says(7, DIRECT);
    old("-").says(7, DIRECT);
}

#[test]
fn arguments_after_command_belong_to_command() {
    let fixture = storage(State::Clean);
    Dsnap::on(&fixture)
        .args(["--", "echo", "-v", "--storage", "--", "--help"])
        .run()
        .says(0, DIRECT)
        .prints("-v --storage -- --help\n");
    Dsnap::on(&fixture)
        .args(["echo", "--version", "--", "x"])
        .run()
        .says(0, DIRECT)
        .prints("--version -- x\n");
}

#[test]
fn paths_and_arguments_may_contain_any_bytes() {
    let folder = folder();
    let dir = folder.path().join(OsString::from_vec(b"st\xffr age".to_vec()));
    let _fixture = fixture_builder().state(State::Crashed).build_in(&dir).unwrap();
    let ran = Dsnap::new()
        .storage(&dir)
        .arg("printf")
        .arg("%s")
        .arg(OsString::from_vec(b"\xfe".to_vec()))
        .run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    assert_eq!(ran.stdout, "\u{fffd}");
    let ran = Dsnap::new()
        .storage(&dir)
        .args(["sh", "-c", "cat \"$SNAPSHOT_DIRECTORY/misc/snapshot\""])
        .run();
    assert_eq!(ran.stdout, "shutdown", "{ran}");
}
