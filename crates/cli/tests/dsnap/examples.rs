//! The files of `docs/examples` that need no other program. `cargo xtask examples` runs the others.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::Arc;

use dsnap_testkit::control::Control;
use dsnap_testkit::{Site, State};
use nix::sys::signal::Signal::SIGKILL;

use crate::support::examples::{adapted_run, adapted_script, docs, example};
use crate::support::{
    DIRECT, Dsnap, assert_free, conf, folder, is_locked, site, storage, wait_until, write_script,
};

#[test]
fn every_example_is_in_the_table_and_begins_with_what_it_is_for() {
    let table = example("README.md");
    for file in fs::read_dir(docs().join("examples")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let (text, listed) = (example(&name), table.contains(&format!("| [{name}]({name}) |")));
        assert!(listed || name == "README.md", "{name} is not in the table");
        let mut lines = text.lines().filter(|line| !line.starts_with("#!"));
        let says = match name.rsplit('.').next() {
            Some("json") => text.contains("\"description\": \""),
            Some("md") => true,
            _ => lines.next().is_some_and(|line| line.starts_with("# ") && line.len() > 20),
        };
        assert!(says, "{name} does not say what it is for");
        let is_untried = text.contains("\n# Untried: ");
        let row = table.lines().find(|line| line.contains(&format!("]({name})")));
        assert_eq!(row.is_some_and(|row| row.contains("untried")), is_untried, "{name}");
    }
}

/// The words of a text that look like the name of a metric.
fn metrics(text: &str) -> BTreeSet<String> {
    let is_part = |char: char| char.is_ascii_lowercase() || char == '_';
    let words = text.split(|char| !is_part(char));
    words.filter(|word| word.starts_with("dsnap_")).map(str::to_owned).collect()
}

#[test]
fn rules_dashboard_and_page_use_exactly_the_metrics_that_a_run_writes() {
    let (fixture, folder) = (storage(State::Clean), folder());
    let file = folder.path().join("ds.prom");
    Dsnap::on(&fixture).arg("--metrics").arg(&file).arg("true").run().says(0, DIRECT);
    let written = metrics(&fs::read_to_string(file).unwrap());
    let page = fs::read_to_string(docs().join("monitoring.md")).unwrap();
    assert_eq!(metrics(&page), written);
    let dashboard = example("grafana-dashboard.json");
    assert!(serde_json::from_str::<serde_json::Value>(&dashboard).is_ok());
    assert_eq!(metrics(&dashboard), written);
    let rules = metrics(&example("prometheus-rules.yml"));
    assert!(rules.is_subset(&written) && rules.len() > 2, "{rules:?}");
}

/// The command of a line in the example for cron, after the five times and the user.
fn cron_command(program: &str) -> String {
    let text = example("dsnap.cron");
    let line = text.lines().find(|line| !line.starts_with('#') && line.contains(program));
    line.unwrap().split_whitespace().skip(6).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_nightly_line_of_the_example_for_cron_runs_a_backup_and_says_nothing() {
    let (site, folder) = (site(), folder());
    let script = folder.path().join("backup-tar.sh");
    write_script(&script, "#!/bin/sh\nls \"$SNAPSHOT_DIRECTORY/A\" >/dev/null\n");
    adapted_run(&cron_command("dsnap "), &site, &script).run().says(0, "");
    assert_free(&site);
}

/// A site whose conf stops the server with a script, which `dsnap-testkit ctl` answers.
fn site_with_stop_start() -> (Arc<Site>, Control) {
    let site = Arc::new(site());
    let control = Control::listen(&site).unwrap();
    let script = site.storage().config().join("stop-start");
    let text = r#"#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/$(cat "$DSNAP_STORAGE/misc/dsnap-testkit.port")
case $1 in enter) echo stop >&3 ;; leave) echo start >&3 ;; *) exit 64 ;; esac
read -r answer <&3 && [[ $answer == ok* ]] || [[ $1 == leave ]]
"#;
    write_script(&script, text);
    conf(&site, &format!("exec {}\n", script.display()));
    (site, control)
}

#[test]
fn the_watchdog_starts_the_server_again_that_a_killed_run_stopped_and_disturbs_no_run() {
    let ((site, _control), folder) = (site_with_stop_start(), folder());
    let script = folder.path().join(cron_command("watchdog"));
    adapted_script("dsnap-watchdog.sh", &site, &script);
    let watchdog = || {
        let path = std::path::Path::new(env!("CARGO_BIN_EXE_dsnap")).parent().unwrap();
        let path = format!("{}:{}", path.display(), std::env::var("PATH").unwrap());
        Command::new(&script).env("PATH", path).output().unwrap()
    };
    let quiet = |output: std::process::Output| {
        assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    };
    quiet(watchdog());
    let running = Dsnap::at(&site).sh("echo started; read line").open_stdin().start();
    quiet(watchdog());
    assert!(!is_locked(&site.storage().lock()), "the run goes on without the server");
    running.signal(SIGKILL);
    wait_until("the end of the run", || !is_locked(&site.storage().run_lock()));
    running.end();
    wait_until("the end of COMMAND", || !is_locked(&site.storage().sublock()));
    quiet(watchdog());
    assert_free(&site);
    write_script(&script, &example("dsnap-watchdog.sh").replace("/srv/ds", "/no/such/storage"));
    let failed = watchdog();
    let said = String::from_utf8_lossy(&failed.stdout).into_owned();
    assert!(!failed.status.success() && said.starts_with("dsnap-watchdog: "), "{failed:?}");
}
