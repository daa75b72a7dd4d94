//! A table of all states that a storage can be in, and what `--status` says of each: `states.txt`.
//!
//! To write the table anew after a deliberate change, run this chapter with `WRITE_STATES=1` in the
//! environment, and read the difference.

use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use dsnap_testkit::site::{Fault, Step};
use dsnap_testkit::{Site, State, locks};

use crate::support::{
    Dsnap, LoneHolder, Ran, conf, end_command, folder, follow, killed_run, site, site_builder,
    storage_with_conf, wait_until,
};

const TWO_DAYS: Duration = Duration::from_secs(2 * 24 * 60 * 60);
const A_MINUTE: Duration = Duration::from_secs(60);

#[test]
fn each_state_has_the_severity_findings_and_next_step_of_the_table() {
    let mut table = Table::default();
    closed_by_nobody(&mut table);
    damaged(&mut table);
    open(&mut table);
    in_a_snapshot(&mut table);
    after_killed_runs(&mut table);
    stuck(&mut table);
    asked_in_vain(&mut table);
    table.compare();
}

/// What `--status` says, as text.
#[derive(Debug, Default)]
struct Table(String);

impl Table {
    /// Adds what is said of a site in a state that these words describe.
    #[track_caller]
    fn site(&mut self, state: &str, site: &Site) -> Ran {
        self.add(state, Dsnap::at(site).arg("--status").run())
    }

    #[track_caller]
    fn add(&mut self, state: &str, ran: Ran) -> Ran {
        let status = ran.status.code().unwrap();
        writeln!(self.0, "# {state}: exit status {status}").unwrap();
        for line in ran.stdout.lines().take_while(|line| !is_fact(line)) {
            if !line.is_empty() {
                writeln!(self.0, "{}", without_facts(line)).unwrap();
            }
        }
        self.0.push('\n');
        ran
    }

    /// Compares the table with the file.
    #[track_caller]
    fn compare(self) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dsnap/states.txt");
        if std::env::var_os("WRITE_STATES").is_some() {
            fs::write(&path, &self.0).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap();
        let differs = |(said, expected): &(&str, &str)| said != expected;
        let first = self.0.lines().zip(expected.lines()).find(differs);
        assert_eq!(self.0, expected, "the first line that differs: {first:#?}");
    }
}

/// Says whether the details begin here: they are the same in all states.
fn is_fact(line: &str) -> bool {
    line.starts_with("server  ") || line.starts_with("misc/sublock  ")
}

/// Replaces processes and ages, which differ each time.
fn without_facts(line: &str) -> String {
    let mut rest = line;
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once(" (pid ") {
        let before = before.rsplit_once(' ').map_or("", |(before, _)| before);
        let before = if before.is_empty() { String::new() } else { format!("{before} ") };
        text += &format!("{before}PROGRAM (pid PID, user USER)");
        rest = after.split_once(')').unwrap().1;
    }
    text += rest;
    if let Some((before, _)) = text.split_once("kill ") {
        text = format!("{before}kill PID");
    }
    match text.rsplit_once(" ago").zip(text.rfind(", ")) {
        Some(((_, after), at)) if !text.starts_with("next: ") => {
            let began =
                ["entered ", "begun "].into_iter().find(|it| text[at + 2..].starts_with(it));
            format!("{}{}AGE ago{after}", &text[..at + 2], began.unwrap_or_default())
        }
        _ => text,
    }
}

/// Makes the snapshot of a site two days old, and its server a little older.
fn age(site: &Site) {
    let storage = site.storage();
    let ages = [(storage.snapshot(), TWO_DAYS), (storage.lock(), TWO_DAYS + A_MINUTE)];
    for (path, age) in ages {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }
}

fn closed_by_nobody(table: &mut Table) {
    for state in State::ALL {
        let fixture = storage_with_conf(state, "direct\n");
        let ran = Dsnap::on(&fixture).arg("--status").run();
        table.add(&format!("no server, {}", state.name()), ran);
    }
    for state in [State::Crashed, State::InSnapshot, State::Packing, State::ShutdownWithJournal] {
        let fixture = storage_with_conf(state, "nodirect\n");
        let ran = Dsnap::on(&fixture).arg("--status").run();
        table.add(&format!("no server, {}, `nodirect`", state.name()), ran);
    }
    let fixture = storage_with_conf(State::Clean, "direct\n");
    let _tool = LoneHolder::of(&fixture.storage().sublock());
    let ran = Dsnap::on(&fixture).arg("--status").run();
    table.add("no server, another tool reads the storage", ran);
}

fn damaged(table: &mut Table) {
    for (content, state) in [("", "empty"), ("?", "unknown")] {
        let fixture = storage_with_conf(State::Clean, "direct\n");
        fs::write(fixture.storage().snapshot(), content).unwrap();
        let ran = Dsnap::on(&fixture).arg("--status").run();
        table.add(&format!("no server, misc/snapshot is {state}"), ran);
    }
    let fixture = storage_with_conf(State::Clean, "direct\n");
    fs::remove_dir(fixture.storage().b()).unwrap();
    table.add("a folder is missing", Dsnap::on(&fixture).arg("--status").run());
    let empty = folder();
    let dsnap = Dsnap::new().knows(empty.path()).arg("--status").arg(empty.path());
    table.add("no storage", dsnap.run());
    let site = site();
    let copy = copy_during_a_run(&site);
    let dsnap = Dsnap::new().knows(&copy).arg("--status").arg(&copy);
    table.add("a file-by-file copy made during a run", without_codes(dsnap.run()));
}

/// Copies the whole storage while a run is in a snapshot and transactions are committed.
pub(super) fn copy_during_a_run(site: &Site) -> PathBuf {
    let running = Dsnap::at(site).sh("echo begun; read go").open_stdin().start();
    site.server().unwrap().commit(3).unwrap();
    let copy = site.path().parent().unwrap().join("copy");
    wait_until("a copy without a complaint", || {
        let _ = fs::remove_dir_all(&copy);
        follow(&format!("cp -a '{}' '{}'", site.path().display(), copy.display())).success()
    });
    running.end();
    copy
}

fn open(table: &mut Table) {
    let site = site();
    let server = site.server().unwrap();
    table.site("open", &site);
    server.pack().unwrap();
    table.site("packing", &site);
    server.end_packing().unwrap();
    server.wait_until_free();
    server.enter("stranger").unwrap();
    server.hold_at(Step::Recombine);
    server.leave("stranger").unwrap();
    assert!(server.wait_at(Step::Recombine));
    table.site("recombining", &site);
    server.go_on();
    server.wait_until_free();
    server.fill_disk(true);
    let _ = server.enter("stranger");
    server.fill_disk(false);
    table.site("in a snapshot, misc/snapshot is empty", &site);
}

fn in_a_snapshot(table: &mut Table) {
    let site = site();
    site.server().unwrap().enter("stranger").unwrap();
    table.site("in a snapshot of somebody else, unused", &site);
    let user = locks::Holder::hold(&site.storage().sublock()).unwrap();
    table.site("in a snapshot of somebody else, used", &site);
    age(&site);
    table.site("in a snapshot of somebody else, used for two days", &site);
    drop(user);
    table.site("in a snapshot of somebody else, unused, two days old", &site);
    site.server().unwrap().leave("stranger").unwrap();
    site.server().unwrap().wait_until_free();
    let running = Dsnap::at(&site).sh("echo begun; read go").open_stdin().start();
    let ran = Dsnap::at(&site).arg("--status").run();
    table.add("in a snapshot of a run", without_codes(ran));
    running.end();
}

/// The codes of runs differ each time.
fn without_codes(mut ran: Ran) -> Ran {
    while let Some((before, after)) = ran.stdout.split_once("user/") {
        let end = after.find([')', ' ', ',', '`', '\n']).unwrap_or(after.len());
        ran.stdout = format!("{before}USER/CODE{}", &after[end..]);
    }
    ran.stdout = ran.stdout.replace("USER/", "user/");
    ran
}

fn after_killed_runs(table: &mut Table) {
    let site = site();
    let status = |site: &Site| without_codes(Dsnap::at(site).arg("--status").run());
    let running = killed_run(&site, "sleep 600 >/dev/null 2>&1 & word=$!");
    table.add("in a snapshot of a killed run whose COMMAND goes on", status(&site));
    let child = end_command(running);
    table.add("in a snapshot of a killed run whose COMMAND left a process behind", status(&site));
    assert!(follow(&format!("kill {child}")).success());
    wait_until("the end of the process", || !crate::support::is_locked(&site.storage().sublock()));
    table.add("in a snapshot of a killed run", status(&site));
}

fn stuck(table: &mut Table) {
    let site = site();
    site.stop_server().unwrap();
    let tool = locks::Holder::hold(&site.storage().sublock()).unwrap();
    site.start_server().unwrap();
    table.site("started while a closed storage was read, which goes on", &site);
    drop(tool);
    table.site("started while a closed storage was read", &site);
}

fn asked_in_vain(table: &mut Table) {
    let site = site_builder().zopes(2).start().unwrap();
    for (lines, state) in [
        ("nodirect\n", "open, no line asks the server"),
        ("http URL access2\n", "open, the password is wrong"),
        ("http http://127.0.0.1:1/DSToolkit access\n", "open, nobody listens"),
        ("http http://127.0.0.1:1/DSToolkit access\nhttp URL access\n", "open, one of two listens"),
        ("htp URL access\nhttp URL access\n", "open, a line is malformed"),
    ] {
        conf(&site, lines);
        fs::write(site.storage().config().join("access2"), "user:wrong\n").unwrap();
        table.site(state, &site);
    }
    conf(&site, "http URL access\n");
    site.server().unwrap().enter("stranger").unwrap();
    site.fault(Some(0), Fault::WrongStorage, None, None);
    table.site("in a snapshot, the line leads to another server", &site);
}
