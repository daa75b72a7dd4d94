//! The other side of an isolated call: this program, started again, with nothing to lose.
//!
//! It is recognised by its first argument, before anything else is read. The request comes on
//! stdin, the answer goes into a pipe of its own; what the library prints is somebody else's.
#![allow(unsafe_code, reason = "descriptors that were inherited by number; leaving at once")]

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};
use std::path::PathBuf;
use std::sync::Mutex;

use dsnap_engine::limits;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::library::{Library, Listener};
use crate::wire::{self, Answer, Bytes, Call, Verb};

/// What is longer is cut, in bytes: nobody is shown so much of one text.
const LONGEST: usize = 8192;

/// The first argument by which the program knows that it is to make one call.
pub(crate) const MARK: &str = "--isolated-call";

/// Makes the one call that this process was started for, and ends it; otherwise returns at once.
///
/// To be called by `main` before anything else: whoever runs a [`Registry`](crate::Registry) is
/// started again with a first argument of its own.
pub fn answer_isolated_call() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().as_deref() != Some(OsStr::new(MARK)) {
        return;
    }
    let mut number = || arguments.next()?.to_str()?.parse::<RawFd>().ok();
    if let (Some(answers), Some(library), Some(length)) = (number(), number(), number()) {
        // SAFETY: the program that started this one has passed the descriptor on by number, and
        // nobody else here knows it.
        let answers = unsafe { File::from_raw_fd(answers) };
        answer(answers, library, length.unsigned_abs());
    }
    // SAFETY: ends this process without running the library's handlers, which could change an
    // answer that is given already.
    unsafe { nix::libc::_exit(0) }
}

fn answer(answers: File, library: RawFd, length: u32) {
    // Never closed: a library that has closed everything must not make that a crash.
    let voice = ManuallyDrop::new(Voice { answers: Mutex::new(answers) });
    let said = limit().and_then(|()| read(length)).and_then(|call| {
        let library = Library::open(&PathBuf::from(format!("/proc/self/fd/{library}")))?;
        if call.verb == Verb::Describe {
            library.describe().for_each(|method| voice.answer(&Answer::Method(method.clone())));
            return Ok(0);
        }
        library.call(&call, &*voice)
    });
    voice.answer(&said.map_or_else(Answer::Unusable, Answer::Result));
}

/// So that a library that allocates without end harms nobody else.
fn limit() -> Result<(), String> {
    let given = getrlimit(Resource::As).maximum.unwrap_or(u64::MAX);
    let most = Some(limits::MAX_ADDRESS_SPACE.min(given));
    setrlimit(Resource::As, Rlimit { current: most, maximum: most })
        .map_err(|error| format!("its address space cannot be limited: {error}"))
}

/// Reads the request and nothing behind it: one more byte would mean that the call is to stop.
fn read(length: u32) -> Result<Call, String> {
    let mut request = vec![0; length as usize];
    let mut read = 0;
    while read < request.len() {
        match rustix::io::read(rustix::stdio::stdin(), &mut request[read..]) {
            Ok(0) => return Err("the request ends too soon".to_owned()),
            Ok(count) => read += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(format!("the request cannot be read: {error}")),
        }
    }
    serde_json::from_slice(&request).map_err(|error| format!("the request is none: {error}"))
}

/// Passes on what the method says. It may do so from several threads.
struct Voice {
    answers: Mutex<File>,
}

impl Voice {
    fn answer(&self, answer: &Answer) {
        let line = wire::line(answer);
        // Whoever does not read any more has its reasons.
        if let Ok(mut answers) = self.answers.lock() {
            let _ = answers.write_all(&line);
        }
    }
}

impl Listener for Voice {
    fn say(&self, kind: u32, text: &[u8]) {
        let shown = &text[..text.len().min(LONGEST)];
        self.answer(&Answer::Said(kind, Bytes(shown.to_vec())));
    }

    fn progress(&self, done: u64, of: u64, unit: &[u8]) {
        self.answer(&Answer::Progress(done, of, Bytes(unit.to_vec())));
    }

    /// The program writes one more byte behind the request.
    fn should_stop(&self) -> bool {
        let stdin = std::io::stdin();
        let mut asked = [PollFd::new(&stdin, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut asked, Some(&now)).is_ok() && asked[0].revents().contains(PollFlags::IN)
    }
}
