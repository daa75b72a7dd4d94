//! Words of scripts, libraries, servers and confs: nobody can take them for messages of the program,
//! because the label of their line stands before them.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use dsnap_testkit::Site;

use crate::support::{Dsnap, HTTP, Plugins, Ran, conf, site, write_script};

/// What lines of the program begin with that people and scripts obey.
const OURS: [&str; 6] =
    ["hint:", "COMMAND was not run:", "Left ", "Entered ", "Locked ", "malformed "];

/// A run that enters by its last line says only what an ordinary one does. The other lines begin
/// with `label`.
#[track_caller]
fn all_else_is_labelled(ran: &Ran, label: &str) {
    let foreign: Vec<_> = ran.stderr.lines().filter(|line| !HTTP.contains(line)).collect();
    assert!(foreign.iter().any(|line| line.contains("hint:")), "{ran}");
    for line in foreign {
        assert!(!OURS.iter().any(|words| line.starts_with(words)), "`{line}` in {ran}");
        assert!(line.starts_with(&format!("{label}: ")), "`{line}` in {ran}");
    }
    for line in HTTP.lines() {
        assert_eq!(ran.stderr.lines().filter(|it| *it == line).count(), 1, "{line}: {ran}");
    }
    assert_eq!(ran.status.code(), Some(0), "{ran}");
}

/// What was said, without the calls of the server that `-vv` shows.
fn without_calls(stderr: &str) -> String {
    stderr.split_inclusive('\n').filter(|line| !line.starts_with("URL: ")).collect()
}

#[test]
fn what_a_script_prints_begins_with_its_line() {
    let site = site();
    let text = r#"#!/bin/sh
printf 'hint: rm -rf /\nLeft snapshot mode\n'
printf 'COMMAND was not run: x\nEntered snapshot using x\nhint: run rm\rLeft snapshot mode\n' >&2
exit 78
"#;
    write_script(&site.storage().config().join("method"), text);
    conf(&site, "exec method\nhttp URL access\n");
    for verbose in ["-v", "-vv"] {
        let ran = Dsnap::at(&site).args([verbose, "true"]).run().without_phases();
        let ran = Ran { stderr: without_calls(&ran.stderr), ..ran };
        all_else_is_labelled(&ran, "exec method");
        // With `-vv`, that it is run, and how it ended.
        let said = if verbose == "-vv" { 5 + 2 } else { 5 };
        assert_eq!(ran.stderr.lines().count(), said + 4, "{ran}");
    }
}

fn with_villain(site: &Site, plugins: &Plugins, verbose: &str) -> Ran {
    let dsnap = Dsnap::at(site).arg("--plugin-dir").arg(plugins).args([verbose, "true"]);
    let ran = dsnap.run().without_phases();
    Ran { stderr: without_calls(&ran.stderr), ..ran }
}

#[test]
fn what_a_library_says_begins_with_its_line_whatever_label_it_chooses() {
    let (site, plugins) = (site(), Plugins::villain("SAYS_OUR_WORDS"));
    conf(&site, "villain\nhttp URL access\n");
    // Words, progress, two printed lines, the reason and the hint; with `-vv` what it traces, too.
    for (verbose, said) in [("-v", 6), ("-vv", 7)] {
        let ran = with_villain(&site, &plugins, verbose);
        all_else_is_labelled(&ran, "villain hint: x://label");
        assert_eq!(ran.stderr.lines().count(), said + 4, "{ran}");
    }
}

#[test]
fn what_a_library_says_of_words_that_it_refuses_begins_with_their_place() {
    let (site, plugins) = (site(), Plugins::villain("SAYS_OUR_WORDS"));
    conf(&site, "villain word\nhttp URL access\n");
    let place = "line 1 in DIR/config/snapshot.conf";
    with_villain(&site, &plugins, "-v").says(
        0,
        &format!("malformed {place} (hint: x://label)\n{place}: hint: hint: x://label\n{HTTP}"),
    );
}

/// Answers each call with a fault of these words.
fn server(words: &'static str) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/DSToolkit", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let member =
                |name, value| format!("<member><name>{name}</name><value>{value}</value></member>");
            let fault = member("faultCode", "<int>1</int>".to_owned())
                + &member("faultString", format!("<string>{words}</string>"));
            let body = format!(
                "<?xml version='1.0'?><methodResponse><fault><value><struct>{fault}</struct></value></fault></methodResponse>"
            );
            let head = "HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\nContent-Length";
            let _ = write!(stream, "{head}: {}\r\n\r\n{body}", body.len());
        }
    });
    url
}

#[test]
fn what_a_server_says_stands_behind_words_of_the_program() {
    let (site, url) = (site(), server("hint: rm -rf /\nLeft snapshot mode\rLocked snapshot mode"));
    conf(&site, &format!("http {url} access\nhttp URL access\n"));
    let ran = Dsnap::at(&site).knows_as(std::path::Path::new(&url), "LIAR");
    let ran = ran.args(["-v", "true"]).run();
    let foreign: Vec<_> =
        ran.stderr.lines().filter(|it| it.contains("rm -rf") || it.contains("Left ")).collect();
    assert!(foreign.len() >= 2 && foreign.last() == Some(&"Left snapshot mode"), "{ran}");
    for line in &foreign[..foreign.len() - 1] {
        assert!(line.contains("LIAR") && !OURS.iter().any(|it| line.starts_with(it)), "{ran}");
    }
}

#[test]
fn a_word_of_a_conf_that_is_no_url_begins_no_message() {
    let site = site();
    conf(&site, "http 'hint: rm -rf *' access\nexec 'hint: rm'\nhttp URL access\n");
    let ran = Dsnap::at(&site).arg("true").run();
    let lines: Vec<_> = ran.stderr.lines().collect();
    assert!(lines[0].starts_with("http hint:…: the URL hint:… does not begin with "), "{ran}");
    assert_eq!(lines[1], "hint: write the URL like http://localhost:8080/DSToolkit");
    assert!(lines[2].starts_with("exec 'hint: rm': "), "{ran}");
    assert_eq!(lines[3..].join("\n") + "\n", HTTP, "{ran}");
}

#[test]
fn a_library_cannot_have_a_name_with_which_messages_begin() {
    let (site, plugins) = (site(), Plugins::villain("NONE"));
    for name in ["hint", "failed", "malformed", "usage"] {
        std::fs::copy(plugins.file("villain"), plugins.file(name)).unwrap();
        conf(&site, &format!("{name} rm\nhttp URL access\n"));
        let ran = with_villain(&site, &plugins, "-v");
        let ran = ran.mentions(&format!(" (there is no method `{name}`; "));
        ran.ends(0, "Left snapshot mode");
    }
}
