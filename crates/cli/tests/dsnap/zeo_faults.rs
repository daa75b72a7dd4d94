//! Each fault of a ZEO server, for a run by `zeo` and for a run by a Zope of that server: COMMAND runs only
//! in a locked snapshot, no snapshot remains, and the next run works.

use std::time::Duration;

use dsnap_testkit::Site;
use dsnap_testkit::site::{Call, Fault, ServerKind, ZeoAccount, ZeoConfig};

use crate::support::{Dsnap, Ran, assert_free, conf, in_parallel, site_builder};

/// The lines that are tried. A fault that waits must not wait long.
const LINES: [&str; 2] = ["zeo ZEO 1 zeo-access timeout=3", "http URL access timeout=3"];

/// A fault and its results with no other line to try: the exit status and words on stderr if the fault
/// affects one enter, and the status if it affects one request for the code before that.
struct Case {
    fault: Fault,
    entering: (i32, &'static str),
    asking: i32,
}

const fn case(fault: Fault, entering: (i32, &'static str), asking: i32) -> Case {
    Case { fault, entering, asking }
}

/// The snapshot was entered, and `misc/snapshot` shows that.
const ENTERED: (i32, &str) = (0, "Left snapshot mode");
/// The enter may still come.
const OPEN: (i32, &str) = (125, "may still begin; the next run checks that");
const LOCKED_OUT: (i32, &str) = (125, "LockError: Couldn't lock");
const ELSEWHERE: (i32, &str) = (125, "the line leads to the server of another storage");

const CASES: [Case; 17] = [
    case(Fault::Slow(SLOW), ENTERED, 0),
    case(Fault::Silent, ENTERED, 125),
    case(Fault::Deaf, OPEN, 125),
    case(Fault::HalfAnswer, ENTERED, 125),
    case(Fault::ResetBefore, OPEN, 125),
    case(Fault::ResetAfter, ENTERED, 125),
    case(Fault::Endless, ENTERED, 125),
    // The other storage is in no snapshot, so nothing is wrong with its server's answer.
    case(Fault::WrongStorage, ELSEWHERE, 0),
    case(Fault::Refused, LOCKED_OUT, 125),
    case(Fault::Trickle, ENTERED, 125),
    case(Fault::Flood, ENTERED, 125),
    case(Fault::Garbage, ENTERED, 125),
    case(Fault::WrongMac, ENTERED, 125),
    case(Fault::NoMac, ENTERED, 125),
    case(Fault::Escapes, (125, "DirectoryStorageError: "), 125),
    case(Fault::OldException, LOCKED_OUT, 125),
    case(Fault::Python3Exception, LOCKED_OUT, 125),
];

const SLOW: Duration = Duration::from_millis(50);

/// The faults of a login, which a Zope does not meet: it logs in once.
const FAULTS_OF_LOGIN: [(Fault, Call, &str); 2] = [
    (Fault::WrongPassword, Call::Login, "not authorised"),
    (Fault::NotAuthenticated, Call::Register, "refuses access to the storage 1"),
];

/// A COMMAND that prints whether the storage is in a locked snapshot.
const CHECK: &str = r#"case $(cat "$SNAPSHOT_DIRECTORY/misc/snapshot") in user/*) ;; *) echo "not frozen"; esac
flock --nonblock "$SNAPSHOT_DIRECTORY/misc/sublock" true && echo "not locked"
echo ran"#;

/// A site whose ZEO server wants a password, and one line.
fn site_with(line: &str) -> Site {
    let zeo = ZeoConfig { authentication: Some(ZeoAccount::default()), ..ZeoConfig::default() };
    let site = site_builder().zeo(zeo).start().unwrap();
    conf(&site, &format!("{line}\nnodirect\n"));
    site
}

/// Sets a fault for one call of the ZEO server. A line that leads to another storage always leads there.
fn set_fault(site: &Site, fault: Fault, call: Call) {
    site.no_faults();
    match (fault, call) {
        (Fault::WrongStorage, Call::Enter) => site.zeo_fault(fault, None, None),
        _ => site.zeo_fault(fault, Some(call), Some(1)),
    }
}

/// Runs CHECK. It runs only if the status is 0, and no storage is in a snapshot afterwards.
#[track_caller]
fn run(site: &Site, status: i32, what: &str) -> Ran {
    let ran = Dsnap::at(site).sh(CHECK).run();
    assert_eq!(ran.status.code(), Some(status), "{what}: {ran}");
    assert_eq!(ran.stdout, if status == 0 { "ran\n" } else { "" }, "{what}: {ran}");
    assert_free(site);
    let other = site.other().1;
    assert_eq!(other.filter(|code| code.starts_with("user/")), None, "{what}: {ran}");
    ran
}

#[test]
fn after_each_fault_of_a_zeo_server_no_snapshot_remains_and_the_next_run_works() {
    let cases = CASES.iter().flat_map(|case| LINES.map(|line| (case, line)));
    in_parallel(cases, |(case, line)| {
        let Case { fault, entering: (status, words), asking } = *case;
        let (site, what) = (site_with(line), |call| format!("{call:?} {fault:?} {line}"));
        set_fault(&site, fault, Call::Enter);
        run(&site, status, &what(Call::Enter)).mentions(words).counts("\u{1b}", 0);
        set_fault(&site, fault, Call::Leave);
        run(&site, 0, &what(Call::Leave)).counts("Left snapshot mode", 1);
        set_fault(&site, fault, Call::Status);
        run(&site, asking, &what(Call::Status));
        run(&site, 0, "the next run").counts("Left snapshot mode", 1);
    });
}

#[test]
fn after_a_failed_login_nothing_is_entered_and_what_was_entered_is_left() {
    in_parallel(FAULTS_OF_LOGIN, |(fault, call, words)| {
        let site = site_with(LINES[0]);
        set_fault(&site, fault, call);
        run(&site, 125, words).mentions(words);
        let running = Dsnap::at(&site).sh("echo begun; read go; exit 7").open_stdin().start();
        set_fault(&site, fault, call);
        let ran = running.end().counts("Left snapshot mode", 1);
        assert_eq!(ran.status.code(), Some(7), "{ran}");
        assert_free(&site);
    });
}

#[test]
fn the_tables_contain_every_fault_that_a_zeo_server_can_have() {
    let all = Fault::ALL.into_iter().chain(Fault::ONLY_OF_ZEO).map(|(fault, ..)| fault);
    let is_tried = |fault: &Fault| match fault {
        Fault::Slow(_) => true,
        // The chapter `zeo` has that server, because a person must patch it.
        Fault::Unpatched => true,
        fault => {
            let logins = FAULTS_OF_LOGIN.iter().map(|(fault, ..)| fault);
            CASES.iter().map(|case| &case.fault).chain(logins).any(|tried| tried == fault)
        }
    };
    let untried: Vec<_> = all.filter(|it| it.is_of(ServerKind::Zeo) && !is_tried(it)).collect();
    assert_eq!(untried, []);
}
