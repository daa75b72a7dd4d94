//! `snapshot.conf` and `--method`: which lines count, and what is said about the others.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use dsnap_testkit::State;

use crate::support::{
    DIRECT, Dsnap, HTTP, LOCKED, conf, make_fifo, site, storage, storage_with_conf, write_script,
};

#[test]
fn a_missing_conf_is_named_with_v_only_and_direct_is_tried() {
    let fixture = storage(State::Crashed);
    let run = || Dsnap::new().knows(fixture.path()).storage(fixture.path());
    run().arg("true").run().says(0, DIRECT);
    let named = "failed to open DIR/config/snapshot.conf (No such file or directory)\n";
    let ran = run().args(["-v", "true"]).run();
    assert_eq!(ran.status.code(), Some(0), "{ran}");
    ran.counts(named, 1);
}

#[test]
fn a_named_conf_that_cannot_be_opened_is_said_even_with_q() {
    let fixture = storage(State::Crashed);
    let conf = fixture.path().join("other.conf");
    let said = "failed to open DIR/other.conf (No such file or directory)\n";
    let run = || Dsnap::new().knows(fixture.path()).arg("-q");
    let named = run().storage(fixture.path()).arg("--snapshot-conf").arg(&conf);
    named.arg("true").run().says(0, said);
    let old_form = run().arg(fixture.path()).arg(&conf);
    old_form.arg("true").run().says(0, said);
    let site = site();
    let conf = site.path().join("other.conf");
    let ran = Dsnap::at(&site).args(["-q", "--snapshot-conf"]).arg(&conf).arg("true").run();
    let cause = "failed to open DIR/other.conf (No such file or directory)";
    ran.counts(cause, 1).ends(125, &format!("COMMAND was not run: {cause}"));
}

#[test]
fn malformed_lines_that_are_why_a_run_failed_are_said_even_with_q_and_the_last_line_names_one() {
    let malformed = |name| {
        format!(
            "malformed line 1 in {name} (there is no method `htp`; available: direct, http, exec, zeo)"
        )
    };
    for quiet in ["-q", "-v"] {
        let site = site();
        conf(&site, "htp URL access\nhttp URL\n");
        let ran = Dsnap::at(&site).args([quiet, "true"]).run();
        ran.counts("malformed line 1", if quiet == "-q" { 1 } else { 2 })
            .mentions("malformed line 2 in DIR/config/snapshot.conf (`http` needs a URL and an access file)\n")
            .ends(125, &format!("COMMAND was not run: {}", malformed("DIR/config/snapshot.conf")));
        let ran = Dsnap::at(&site).args([quiet, "--method", "htp x", "true"]).run();
        ran.ends(125, &format!("COMMAND was not run: {}", malformed("--method")));
    }
    // Where a line was asked, its answer decides, and the malformed one is among the reasons.
    let site = site();
    conf(&site, "htp URL access\nhttp URL missing\n");
    let ran = Dsnap::at(&site).args(["-q", "true"]).run();
    assert!(
        ran.stderr
            .lines()
            .any(|it| it
                .starts_with("COMMAND was not run: URL: DIR/config/missing cannot be read: ")),
        "{ran}"
    );
    ran.counts("malformed line 1", 1);
}

#[test]
fn a_conf_that_is_no_file_is_named_and_direct_is_tried() {
    let fifo = |path: &Path| {
        make_fifo(path);
    };
    let folder = |path: &Path| fs::create_dir(path).unwrap();
    for make in [&fifo as &dyn Fn(&Path), &folder] {
        let fixture = storage(State::Crashed);
        make(&fixture.path().join("config/snapshot.conf"));
        Dsnap::new().knows(fixture.path()).storage(fixture.path()).arg("true").run().says(
            0,
            &format!(
                "failed to open DIR/config/snapshot.conf (it is not a regular file)\n{DIRECT}"
            ),
        );
    }
}

#[test]
fn after_twenty_malformed_lines_the_rest_is_only_counted() {
    for (lines, rest) in [(20, None), (21, Some(1)), (500_000, Some(499_980))] {
        let fixture = storage_with_conf(State::Crashed, &"x\n".repeat(lines));
        let named: String = (1..=20)
            .map(|line| format!("malformed line {line} in DIR/config/snapshot.conf (there is no method `x`; available: direct, http, exec, zeo)\n"))
            .collect();
        let counted = rest.map_or_else(String::new, |rest| {
            format!("malformed lines in DIR/config/snapshot.conf that are not shown: {rest}\n")
        });
        let said = format!("{named}{counted}{DIRECT}");
        Dsnap::on(&fixture).arg("true").run().says(0, &said);
    }
}

#[test]
fn after_a_hundred_lines_to_try_the_rest_is_only_counted() {
    let lines: String = (0..50_000).map(|number| format!("exec absent{number}\n")).collect();
    let fixture = storage_with_conf(State::Crashed, &format!("{lines}nodirect\n"));
    let ran = Dsnap::on(&fixture).arg("true").run();
    assert_eq!(ran.status.code(), Some(125), "the line `nodirect` counts: {ran}");
    let said = "DIR/config/snapshot.conf has more than 100 lines to try; lines left out: 49900\n";
    let ran = ran.mentions(said).counts("exec absent", 100);
    assert!(ran.stderr.len() < 20_000, "{ran}");
}

#[test]
fn malformed_lines_are_named_with_their_number_and_reason_and_passed_over() {
    let fixture = storage_with_conf(
        State::Crashed,
        "# comment\n\nhttp http://localhost/\ndirect now\n nodirect please # no\nfly 'to the moon'\nfly 'to\n",
    );
    Dsnap::on(&fixture).arg("true").run().says(
        0,
        &format!(
            "\
malformed line 3 in DIR/config/snapshot.conf (`http` needs a URL and an access file)
malformed line 4 in DIR/config/snapshot.conf (`direct` takes no arguments)
malformed line 5 in DIR/config/snapshot.conf (`nodirect` takes no arguments)
malformed line 6 in DIR/config/snapshot.conf (there is no method `fly`; available: direct, http, exec, zeo)
malformed line 7 in DIR/config/snapshot.conf (a quote is not closed)
{DIRECT}"
        ),
    );
}

#[test]
fn a_nul_in_a_line_is_malformed() {
    let fixture = storage_with_conf(State::Crashed, "direct\0\n");
    Dsnap::on(&fixture)
        .arg("true")
        .run()
        .says(0, &format!("malformed line 1 in DIR/config/snapshot.conf (a NUL byte)\n{DIRECT}"));
}

#[test]
fn a_comment_may_end_a_line_and_words_may_be_quoted() {
    let fixture = storage_with_conf(State::Crashed, "'dir'\"ect\"\t# last\r\n");
    Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
}

#[test]
fn nodirect_forbids_the_last_resort_but_not_an_explicit_line() {
    let fixture = storage_with_conf(State::Crashed, "nodirect\n");
    Dsnap::on(&fixture).arg("true").run().says(
        125,
        "\
Could not lock storage directory
COMMAND was not run: DIR is not a snapshot (no misc/snapshot)
hint: start its server once, or recover it with direct access: dsnap --storage DIR --method direct
",
    );
    let fixture = storage_with_conf(State::Crashed, "direct\nnodirect\n");
    Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
}

#[test]
fn with_nodirect_a_clean_stop_is_still_used() {
    let fixture = storage_with_conf(State::Clean, "nodirect\n");
    Dsnap::on(&fixture).arg("true").run().says(0, LOCKED);
}

#[test]
fn unknown_methods_with_nodirect_leave_nothing_to_try() {
    let fixture = storage_with_conf(State::Crashed, "fly away\nnodirect\n");
    Dsnap::on(&fixture)
        .arg("true")
        .run()
        .mentions("malformed line 1 in DIR/config/snapshot.conf (there is no method `fly`")
        .ends(125, "COMMAND was not run: malformed line 1 in DIR/config/snapshot.conf (there is no method `fly`; available: direct, http, exec, zeo)");
}

#[test]
fn another_conf_is_read_instead_and_a_dash_is_the_default() {
    let fixture = storage_with_conf(State::Crashed, "nodirect\n");
    let conf = fixture.path().join("other.conf");
    fs::write(&conf, "nonsense\n").unwrap();
    Dsnap::on(&fixture).arg("--snapshot-conf").arg(&conf).arg("true").run().says(
        0,
        &format!("malformed line 1 in DIR/other.conf (there is no method `nonsense`; available: direct, http, exec, zeo)\n{DIRECT}"),
    );
    let fixture = storage_with_conf(State::Crashed, "nodirect\n");
    Dsnap::on(&fixture)
        .args(["--snapshot-conf", "-", "true"])
        .run()
        .ends(125, "COMMAND was not run: DIR is not a snapshot (no misc/snapshot)");
}

#[test]
fn a_conf_may_come_from_a_pipe() {
    let fixture = storage_with_conf(State::Crashed, "nodirect\n");
    let ran = Dsnap::through(&[
        "bash",
        "-c",
        "exec \"$@\" --snapshot-conf <(echo nodirect; echo direct) true",
        "bash",
    ])
    .storage(fixture.path())
    .run();
    ran.says(0, DIRECT);
}

#[test]
fn methods_on_the_command_line_replace_the_conf_and_imply_nodirect() {
    let fixture = storage_with_conf(State::Crashed, "nonsense\ndirect\n");
    Dsnap::on(&fixture)
        .args(["--method", "fly away", "true"])
        .run()
        .says(
            125,
            "\
Could not lock storage directory
  DIR is not a snapshot (no misc/snapshot)
  hint: start its server once, or recover it with direct access: dsnap --storage DIR --method direct
COMMAND was not run: malformed line 1 in --method (there is no method `fly`; available: direct, http, exec, zeo)
",
        );
    Dsnap::on(&fixture)
        .args(["--method", " # none", "--method", "direct # last", "true"])
        .run()
        .says(0, &format!("malformed line 1 in --method (it is empty)\n{DIRECT}"));
}

#[test]
fn control_characters_in_a_conf_are_not_printed() {
    let fixture = storage_with_conf(State::Clean, "red\u{1b}[31m\u{9b}\u{202e}\n");
    Dsnap::on(&fixture).arg("true").run().says(0, &format!(
        "malformed line 1 in DIR/config/snapshot.conf (there is no method `red\u{fffd}[31m\u{fffd}\u{fffd}`; available: direct, http, exec, zeo)\n{DIRECT}"
    ));
    let fixture = storage_with_conf(State::Clean, &"x".repeat(5000));
    let ran = Dsnap::on(&fixture).arg("true").run();
    assert!(ran.stderr.lines().next().unwrap().chars().count() < 1200, "{ran}");
}

#[test]
fn a_conf_may_be_a_link() {
    let fixture = storage(State::Crashed);
    let conf = fixture.path().join("real.conf");
    fs::write(&conf, "direct\n").unwrap();
    symlink(&conf, fixture.path().join("config/snapshot.conf")).unwrap();
    Dsnap::on(&fixture).arg("true").run().says(0, DIRECT);
}

#[test]
fn messages_name_a_line_by_its_words_whatever_separates_and_quotes_them() {
    let site = site();
    write_script(&site.storage().config().join("x"), "#!/bin/sh\necho not today >&2; exit 78\n");
    for (line, label) in [
        ("exec  x\tenter", "exec x enter"),
        ("exec x\t\t'enter' # why", "exec x enter"),
        ("exec \"x\" 'a b' timeout=9", "exec x 'a b' timeout=9"),
        ("exec x a=b 'red\u{1b}[31m'", "exec x a=b $'red\\x1b[31m'"),
    ] {
        conf(&site, &format!("{line}\nhttp URL access\n"));
        let ran = Dsnap::at(&site).arg("true").run();
        ran.says(0, &format!("{label}: not today\n{HTTP}"));
    }
}

#[test]
fn a_timeout_of_zero_is_named_as_it_is_written() {
    let site = site();
    for zero in ["timeout=0", "timeout=0s", "timeout=0.0"] {
        conf(&site, &format!("http URL access {zero}\nhttp URL access\n"));
        let ran = Dsnap::at(&site).arg("true").run();
        ran.says(0, &format!("malformed line 1 in DIR/config/snapshot.conf ({zero} leaves no time for an answer)\n{HTTP}"));
    }
}
