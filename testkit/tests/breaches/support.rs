//! Methods that break the contract in ways that a script cannot, and how the suite is run on them.

use std::env;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dsnap_core::Reason;
use dsnap_core::method::{
    Entered, Left, Message, Methods, Request, SnapshotMethod, Status, WorksWith,
};
use dsnap_testkit::contract::{MethodLine, Outcome, Suite};
use dsnap_testkit::site::ZopeVersion;

use crate::codes::without_codes;

/// Sends an order to the control port that the line names.
fn ask(request: &Request<'_>, order: &str) -> Result<String, String> {
    let mut stream = TcpStream::connect(request.words[0].to_str().unwrap()).unwrap();
    stream.set_read_timeout(request.time_left).unwrap();
    writeln!(stream, "{order}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|_| "no answer".to_owned())?;
    let answer = answer.trim_end();
    answer.strip_prefix("ok").map(|rest| rest.trim().to_owned()).ok_or(answer.to_owned())
}

/// Keeps the contract, but changes the process in which it runs.
#[derive(Debug)]
pub(crate) struct Rude(pub(crate) Arc<Mutex<Option<Child>>>);

impl SnapshotMethod for Rude {
    fn name(&self) -> &str {
        "rude"
    }

    fn enter(&self, request: &Request<'_>) -> Entered {
        // Past the test harness, which captures `print!`.
        rustix::io::write(rustix::stdio::stdout(), b"hello\n").unwrap();
        env::set_current_dir("/").unwrap();
        request.caller.say(Message::Words("one\ntwo"));
        signal_hook::flag::register(12, Arc::new(AtomicBool::new(false))).unwrap();
        self.0
            .lock()
            .unwrap()
            .get_or_insert_with(|| Command::new("cat").stdin(Stdio::piped()).spawn().unwrap());
        match ask(request, &format!("enter {}", request.code)) {
            Ok(_) => Entered::Held,
            Err(why) if why.starts_with("busy") => Entered::Busy(Reason::new(why)),
            Err(why) if why.starts_with("gone") => Entered::Unavailable(Reason::new(why)),
            Err(why) => Entered::Unknown(Reason::new(why)),
        }
    }

    fn leave(&self, request: &Request<'_>) -> Left {
        match ask(request, "status") {
            Ok(held) if held != format!("user/{}", request.code) => return Left::Left,
            Err(why) => return Left::Unavailable(Reason::new(why)),
            Ok(_) => {}
        }
        match ask(request, &format!("leave {}", request.code)) {
            Ok(_) => Left::Left,
            Err(why) => Left::Failed(Reason::new(why)),
        }
    }

    fn status(&self, _request: &Request<'_>) -> Status {
        Status::CannotTell
    }
}

/// Needs what it remembers, returns "failed" instead of "unknown", and never looks at the storage.
#[derive(Debug, Default)]
pub(crate) struct Forgetful {
    held: AtomicUsize,
}

impl SnapshotMethod for Forgetful {
    fn name(&self) -> &str {
        "forgetful"
    }

    fn enter(&self, request: &Request<'_>) -> Entered {
        match ask(request, &format!("enter {}", request.code.as_str().replace('<', "&lt;"))) {
            Ok(_) => {
                self.held.fetch_add(1, Ordering::SeqCst);
                Entered::Held
            }
            Err(_) if request.caller.should_stop() => Entered::Held,
            Err(why) if why == "no answer" => {
                // Exceeds the time limit by more than the suite allows.
                std::thread::sleep(Duration::from_millis(1500));
                Entered::Failed(Reason::new(""))
            }
            Err(why) => Entered::Failed(Reason::new(why)),
        }
    }

    fn leave(&self, request: &Request<'_>) -> Left {
        if self.held.swap(0, Ordering::SeqCst) == 0 {
            return Left::Left;
        }
        let _ = ask(request, &format!("leave {}", request.code));
        Left::Left
    }

    fn status(&self, _request: &Request<'_>) -> Status {
        Status::CouldEnter
    }
}

/// Has an invalid name, writes to an open storage, and panics.
#[derive(Debug)]
pub(crate) struct Lost;

impl SnapshotMethod for Lost {
    fn name(&self) -> &str {
        "Lost"
    }

    fn works_with(&self) -> WorksWith {
        WorksWith::Nobody
    }

    fn enter(&self, request: &Request<'_>) -> Entered {
        std::fs::write(request.storage.join("misc/snapshot"), "shutdown").unwrap();
        Entered::Done
    }

    fn leave(&self, _request: &Request<'_>) -> Left {
        std::panic::resume_unwind(Box::new("no words"))
    }

    fn status(&self, _request: &Request<'_>) -> Status {
        Status::Held(b"user/x".to_vec())
    }
}

/// Runs the suite on a method; returns each rule that it breaks, with the breach.
pub(crate) fn breaches_of(line: &str, methods: &dyn Fn() -> Box<dyn Methods>) -> Vec<String> {
    let line = MethodLine::parse(&[line.into()]).unwrap();
    let mut breaches = Vec::new();
    let suite = Suite {
        line,
        methods,
        answers: ZopeVersion::default(),
        zeo: None,
        owns_process: true,
        quick: true,
    };
    let ran = suite.run(&mut |finding| {
        if let Outcome::Breach(sentence) = finding.outcome {
            breaches.push(format!("{}: {sentence}", finding.rule));
        }
    });
    ran.unwrap();
    breaches
}

/// Compares the beginnings: at the end of some breaches are numbers that always differ.
#[track_caller]
pub(crate) fn assert_breaches(found: &[String], expected: &[&str]) {
    let found: Vec<_> = found.iter().map(|it| without_codes(it)).collect();
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}
