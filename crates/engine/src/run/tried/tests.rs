//! What a failed try means, as a table: lines with their ends, what `misc/snapshot` says, the answer.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use dsnap_core::method::{Left, Request, SnapshotMethod, Status};

use super::*;

#[derive(Debug)]
struct Method(WorksWith);

impl SnapshotMethod for Method {
    fn name(&self) -> &str {
        "scripted"
    }

    fn works_with(&self) -> WorksWith {
        self.0
    }

    fn enter(&self, _request: &Request<'_>) -> Entered {
        Entered::Done
    }

    fn leave(&self, _request: &Request<'_>) -> Left {
        Left::Left
    }

    fn status(&self, _request: &Request<'_>) -> Status {
        Status::CannotTell
    }
}

fn step(label: &str) -> Step {
    let works_with = if label == "direct" { WorksWith::Nobody } else { WorksWith::Owner };
    Step {
        method: Arc::new(Method(works_with)),
        words: Vec::new(),
        timeout: None,
        line: label.into(),
        label: label.to_owned(),
        location: String::new(),
        with_caller_privileges: false,
        wrong_server: OnceCell::new(),
        reported: RefCell::new(None),
    }
}

fn reason(text: &str) -> Reason {
    Reason::new(text)
}

/// Concludes from the ends of a `server` line and a `direct` line; either may be missing.
fn conclude(server: Option<LineEnd>, direct: Option<LineEnd>, last: Failure) -> (Retry, String) {
    let (server_step, direct_step) = (step("server"), step("direct"));
    let mut tried = Tried::default();
    server.into_iter().for_each(|end| tried.note(&server_step, end));
    direct.into_iter().for_each(|end| tried.note(&direct_step, end));
    let NotRun::NoSnapshot { failure, .. } = tried.conclude(last, false, &[]) else {
        panic!("no line stops a run")
    };
    (failure.retry(), failure.reason().text().to_owned())
}

#[test]
fn the_greatest_chance_decides_and_names_its_first_reason() {
    use LineEnd::*;
    let no_snapshot = || Failure::unavailable("no snapshot");
    let open = || Failure::permanent("open");
    let user = || Failure::in_use("user");
    let opened = || Unavailable(reason("open in zope"));
    #[rustfmt::skip]
    let table = [
        // A single server line.
        (Some(PassedOver), None, no_snapshot(), Retry::MayHelp, "no snapshot"),
        (Some(Busy(reason("pack"))), None, open(), Retry::WhenFree, "server: pack"),
        (Some(Unavailable(reason("down"))), None, open(), Retry::MayHelp, "server: down"),
        (Some(Unknown(reason("lost"))), None, open(), Retry::MayHelp, "server: lost"),
        (Some(Refused(reason("401"))), None, open(), Retry::Pointless, "server: 401"),
        (Some(Failed(reason("disk"))), None, open(), Retry::Pointless, "server: disk"),
        (Some(WrongServer(reason("wrong"))), None, open(), Retry::Pointless, "server: wrong"),
        (Some(NotFresh(Failure::in_use("held"))), None, open(), Retry::WhenFree, "server: held"),
        (Some(NotFresh(Failure::unavailable("opened"))), None, open(), Retry::MayHelp, "server: opened"),
        // What the storage itself says may decide.
        (Some(Refused(reason("401"))), None, user(), Retry::WhenFree, "user"),
        (Some(Busy(reason("another snapshot"))), None, user(), Retry::WhenFree, "user"),
        // ...but not where only a restart of the server helps.
        (Some(Stuck(reason("startup"))), None, user(), Retry::Pointless, "server: startup"),
        (Some(Stuck(reason("startup"))), Some(opened()), user(), Retry::Pointless, "server: startup"),
        (Some(Stuck(reason("startup"))), Some(Busy(reason("tool"))), user(), Retry::Pointless, "server: startup"),
        (None, None, open(), Retry::Pointless, "open"),
        (None, None, no_snapshot(), Retry::MayHelp, "no snapshot"),
        // That `direct` finds the storage open counts only where no server was asked.
        (None, Some(opened()), open(), Retry::MayHelp, "open"),
        (Some(PassedOver), Some(opened()), open(), Retry::MayHelp, "open"),
        (Some(Refused(reason("401"))), Some(opened()), open(), Retry::Pointless, "server: 401"),
        (Some(WrongServer(reason("wrong"))), Some(opened()), open(), Retry::Pointless, "server: wrong"),
        (Some(Refused(reason("401"))), Some(Busy(reason("tool"))), open(), Retry::WhenFree, "tool"),
        // Files that `direct` refuses do not become a snapshot by waiting...
        (None, Some(Refused(reason("stray"))), no_snapshot(), Retry::Pointless, "stray"),
        (None, Some(Failed(reason("full"))), no_snapshot(), Retry::Pointless, "full"),
        (None, Some(Refused(reason("stray"))), user(), Retry::WhenFree, "user"),
        // ...nor does a copy that may be torn, whatever else was tried.
        (None, Some(TornCopy(reason("torn"))), no_snapshot(), Retry::Pointless, "torn"),
        (Some(PassedOver), Some(TornCopy(reason("torn"))), no_snapshot(), Retry::Pointless, "torn"),
        (Some(Busy(reason("pack"))), Some(TornCopy(reason("torn"))), open(), Retry::WhenFree, "server: pack"),
    ];
    for (server, direct, last, retry, text) in table {
        let row = format!("{server:?}, {direct:?}, {last:?}");
        assert_eq!(conclude(server, direct, last), (retry, text.to_owned()), "{row}");
    }
}

/// The cause in the conf, and all other reasons.
fn others(tried: &Tried<'_>, last: Failure, conf: &[Complaint]) -> (Option<String>, Vec<String>) {
    let NotRun::NoSnapshot { others, cause, .. } = tried.conclude(last, false, conf) else {
        panic!("no line stops a run")
    };
    let others = others.iter().map(|other| other.reason.text().to_owned()).collect();
    (cause.map(|cause| cause.text().to_owned()), others)
}

#[test]
fn every_other_reason_is_kept_but_that_direct_found_the_storage_open() {
    let (one, two, direct) = (step("one"), step("two"), step("direct"));
    let mut tried = Tried::default();
    tried.note(&one, LineEnd::Refused(reason("401")));
    tried.note(&two, LineEnd::Refused(reason("403")));
    tried.note(&direct, LineEnd::Unavailable(reason("open in zope")));
    let kept = others(&tried, Failure::permanent("open"), &[]);
    assert_eq!(kept, (None, vec!["two: 403".to_owned()]));
}

#[test]
fn a_server_that_says_what_the_storage_says_is_no_other_reason() {
    let table = [
        ("another snapshot (user/x)", "in `user/x`", 0),
        ("another snapshot (user/y)", "in `user/x`", 1),
        ("packing", "being packed", 0),
    ];
    for (said, last, count) in table {
        let server = step("server");
        let mut tried = Tried::default();
        tried.note(&server, LineEnd::Busy(reason(said)));
        let others = others(&tried, Failure::in_use(last), &[]).1;
        assert_eq!(others.len(), count, "{said}: {others:?}");
    }
}

#[test]
fn a_conf_in_which_no_line_asks_a_server_is_the_cause_if_it_cannot_be_used() {
    let complaint = |kind, text| Complaint { kind, reason: reason(text) };
    let missing = || complaint(ComplaintKind::NoDefault, "missing");
    let malformed = || complaint(ComplaintKind::Lines, "malformed");
    let (server, direct) = (step("server"), step("direct"));
    let opened = || LineEnd::Unavailable(reason("open in zope"));
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let open = || Failure::permanent("open");
    let mut tried = Tried::default();
    tried.note(&direct, opened());
    assert_eq!(others(&tried, open(), &[missing()]), (None, texts(&["missing"])));
    let blamed = (Some("malformed".to_owned()), texts(&["open"]));
    assert_eq!(others(&tried, open(), &[malformed()]), blamed);
    assert_eq!(others(&tried, Failure::in_use("user"), &[malformed()]), (None, vec![]));
    tried.note(&direct, LineEnd::Refused(reason("stray")));
    assert_eq!(others(&tried, open(), &[malformed()]), (None, texts(&["malformed"])));
    tried.note(&direct, opened());
    tried.note(&server, LineEnd::Refused(reason("401")));
    assert_eq!(others(&tried, open(), &[malformed()]), (None, texts(&["malformed"])));
    tried.note(&server, LineEnd::PassedOver);
    let passed_over = texts(&["malformed", "server: no process has this storage open"]);
    assert_eq!(others(&tried, open(), &[malformed()]), (None, passed_over));
}

#[test]
fn the_second_round_replaces_the_end_of_a_line() {
    let (a, b) = (step("a"), step("b"));
    let mut tried = Tried::default();
    tried.note(&a, LineEnd::PassedOver);
    tried.note(&b, LineEnd::Unknown(reason("lost")));
    assert!(tried.passed_over());
    assert_eq!(tried.pending().count(), 1);
    tried.note(&a, LineEnd::Busy(reason("pack")));
    tried.note(&b, LineEnd::Failed(reason("disk")));
    assert!(!tried.passed_over());
    assert_eq!(tried.pending().count(), 0);
    let others = others(&tried, Failure::permanent("open"), &[]);
    assert_eq!(others, (None, vec!["b: disk".to_owned()]));
}

#[test]
fn files_are_refused_only_by_a_method_that_works_on_them() {
    for (label, refused) in [("server", false), ("direct", true)] {
        let step = step(label);
        for end in [LineEnd::Refused(reason("x")), LineEnd::Failed(reason("x"))] {
            let mut tried = Tried::default();
            tried.note(&step, end);
            assert_eq!(tried.files_refused(), refused, "{label}");
        }
    }
}

#[test]
fn only_a_busy_server_without_a_snapshot_recombines() {
    use LineEnd::*;
    let table = [
        ("server", Busy(reason("x")), true, Retry::Soon),
        ("server", Busy(reason("x")), false, Retry::WhenFree),
        ("server", Unavailable(reason("x")), true, Retry::MayHelp),
        ("server", NotFresh(Failure::in_use("x")), true, Retry::WhenFree),
        ("direct", Busy(reason("x")), true, Retry::WhenFree),
    ];
    for (label, end, no_snapshot, retry) in table {
        let (step, row) = (step(label), format!("{label}: {end:?}, {no_snapshot}"));
        let mut tried = Tried::default();
        tried.note(&step, end);
        let NotRun::NoSnapshot { failure, .. } =
            tried.conclude(Failure::permanent("open"), no_snapshot, &[])
        else {
            panic!("no line stops a run")
        };
        assert_eq!(failure.retry(), retry, "{row}");
        assert!(failure.reason().text().ends_with('x'), "{row}");
    }
}
