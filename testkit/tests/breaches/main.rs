//! What no script does and a linked method can: each breach is found, and said in one sentence.
//!
//! One test, because the suite looks at the whole process: its stdout, folder, signals, group.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "a process is left behind")]

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
use dsnap_host::Registry;
use dsnap_testkit::contract::{Outcome, Suite, Words};

/// Asks the control port that its line names.
fn ask(request: &Request<'_>, order: &str) -> Result<String, String> {
    let mut stream = TcpStream::connect(request.words[0].to_str().unwrap()).unwrap();
    stream.set_read_timeout(request.time_left).unwrap();
    writeln!(stream, "{order}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|_| "no answer".to_owned())?;
    let answer = answer.trim_end();
    answer.strip_prefix("ok").map(|rest| rest.trim().to_owned()).ok_or(answer.to_owned())
}

/// Keeps the contract, but has no manners.
#[derive(Debug)]
struct Rude(Arc<Mutex<Option<Child>>>);

impl SnapshotMethod for Rude {
    fn name(&self) -> &str {
        "rude"
    }

    fn enter(&self, request: &Request<'_>) -> Entered {
        // Past what the test harness catches.
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

/// Remembers what it needs, says "failed" of what it does not know, and looks at nothing.
#[derive(Debug, Default)]
struct Forgetful {
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
                // Too late is what is looked for.
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

/// Calls itself something else, never ends, and panics.
#[derive(Debug)]
struct Lost;

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

/// What the suite finds.
fn broken(line: &str, methods: &dyn Fn() -> Box<dyn Methods>) -> Vec<String> {
    let line = Words::read(&[line.into()]).unwrap();
    let mut broken = Vec::new();
    let suite = Suite { line, methods, alone: true, quick: true };
    let ran = suite.run(&mut |finding| {
        if let Outcome::Breach(sentence) = finding.outcome {
            broken.push(format!("{}: {sentence}", finding.what));
        }
    });
    ran.unwrap();
    broken
}

/// Each begins as expected; what follows is a number that is never the same.
#[track_caller]
fn same(found: &[String], expected: &[&str]) {
    let found: Vec<_> = found.iter().map(|it| without_codes(it)).collect();
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

/// The text, with CODE in place of codes that nobody else has.
fn without_codes(text: &str) -> String {
    let mut words = text.split("conformance-");
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| {
        let end = word.find(|c: char| c != '-' && !c.is_ascii_alphanumeric());
        text + "CODE" + &word[end.unwrap_or(word.len())..]
    })
}

#[test]
fn each_breach_is_found() {
    let left = Arc::new(Mutex::new(None));
    let rude = || Box::new(Registry::new("").with(Rude(Arc::clone(&left)))) as Box<dyn Methods>;
    let found = broken("rude {control}", &rude);
    let child = left.lock().unwrap().take();
    let pid = child.as_ref().unwrap().id();
    if let Some(mut child) = child {
        drop(child.stdin.take());
        child.wait().unwrap();
    }
    let folder = env::current_dir().unwrap();
    assert_eq!(
        found,
        [
            "words and reasons are one line: enter says more than one line at once: `one\u{fffd}two`".to_owned(),
            "nothing is printed on stdout: enter prints on stdout: `hello\u{fffd}`".to_owned(),
            format!("the working directory stays: enter went from {} to /", folder.display()),
            "the dispositions of signals stay: enter changed what happens on signal 12".to_owned(),
            format!("no process is left in the group: enter left `cat` (pid {pid}) running"),
        ]
    );
    let forgetful = || Box::new(Registry::new("").with(Forgetful::default())) as Box<dyn Methods>;
    let odd = "x'\"$(exit)&lt;<b>*?[a-z]%41;\\`~{}|!#";
    let sent = odd.replace('<', "&lt;");
    let expected = [
        "status of a held storage tells its code, or cannot tell: status says that it could enter, but misc/snapshot says user/CODE",
        &format!(
            "any code is entered as it is: enter says held, but misc/snapshot says user/{sent}, and the code is {odd}"
        ),
        "leave needs nothing that enter remembers: leave says left, but misc/snapshot says user/CODE",
        "leave is not left if the server crashed meanwhile: leave says left after the server crashed, but misc/snapshot says user/CODE: that is unavailable",
        "enter is busy while a snapshot or a pack is in the way: enter says failed (busy the storage is in use by user/CODE) and not busy, while misc/snapshot says user/CODE",
        "enter is unavailable while no server runs: enter says failed (gone the server has ended) and not unavailable, though no server runs",
        "status does not promise what is in use: status says that it could enter, but misc/snapshot says packing",
        "enter without an answer is unknown, in time: enter says failed () after 2.0 s without an answer: the server may still enter, so that is unknown",
        "every call ends in its time: enter took ",
        "words and reasons are one line: enter gives no reason for a result that needs one",
    ];
    same(&broken("forgetful {control}", &forgetful), &expected);
    let lost = || Box::new(Registry::new("").with(Lost)) as Box<dyn Methods>;
    let expected = [
        "its name is valid, and the one on the line: the name `Lost` cannot stand on a line: it must be a-z, then a-z, 0-9 or _",
        "status of an open storage is unavailable, or cannot tell: status says held by user/x, though a server has the storage open",
        "enter of an open storage is unavailable: enter changes a storage that a server has open: misc/snapshot is new",
        "status of a closed storage changes nothing: status of a closed storage says held by user/x",
        "enter of a crashed storage is done, and that is true: enter says done, but A/ is no snapshot: ",
        "enter is busy while somebody holds misc/sublock: enter says done, though somebody holds misc/sublock",
        "asked to stop, enter ends within 20 s, and can be made again: enter says done, but A/ is no snapshot: ",
        "leave is left: there is nothing to leave: leave panicked",
    ];
    same(&broken("Lost", &lost), &expected);
}
