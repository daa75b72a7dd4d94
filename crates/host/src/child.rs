//! The child's side of an isolated call: this program, started again to make one call.
//!
//! The child knows its task by its first argument, before it reads anything else. The request comes
//! on stdin, and the answers go into a pipe of their own, so that a library may print. The parent's
//! side is `loaded` and `isolated`.
#![allow(unsafe_code, reason = "descriptors that were inherited by number; leaving at once")]

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};
use std::path::PathBuf;
use std::sync::Mutex;

use dsnap_core::abi::{
    DSNAP_SAY_CODE, DSNAP_SAY_HINT, DSNAP_SAY_LABEL, DSNAP_SAY_REASON, DSNAP_SAY_TRACE,
    DSNAP_SAY_WORDS,
};
use dsnap_core::text;
use dsnap_engine::limits;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::library::{Library, Listener};
use crate::lines::Meter;
use crate::wire::{self, Answer, Bytes, Call, ISOLATED_CALL, Verb};

/// Makes the one call for which this process was started, and exits. Returns at once in any other
/// process.
///
/// `main` must call this before anything else. A program that uses a [`Registry`](crate::Registry)
/// is started again for each call of a library, with a first argument that only this function knows.
///
/// In a static program, it also settles where users, groups and hosts are looked up.
pub fn answer_isolated_call() {
    #[cfg(all(target_feature = "crt-static", target_env = "gnu"))]
    crate::static_lookup::use_built_in_sources();
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().as_deref() != Some(OsStr::new(ISOLATED_CALL)) {
        return;
    }
    let mut number = || arguments.next()?.to_str()?.parse::<RawFd>().ok();
    if let (Some(answers), Some(library), Some(length)) = (number(), number(), number()) {
        // SAFETY: the parent passed the descriptor on by its number, and nothing else here uses it.
        let answers = unsafe { File::from_raw_fd(answers) };
        answer(answers, library, length.unsigned_abs());
    }
    // SAFETY: the call ends this process. It does not run the library's exit handlers, which could
    // write into the answer.
    unsafe { nix::libc::_exit(0) }
}

fn answer(answers: File, library: RawFd, length: u32) {
    // Never closed: that would fail if a library closed all descriptors.
    let pipe = ManuallyDrop::new(AnswerPipe(Mutex::new(Answers::of(answers))));
    let result = limit_address_space().and_then(|()| read_request(length)).and_then(|call| {
        let library = Library::open(&PathBuf::from(format!("/proc/self/fd/{library}")))?;
        if call.verb == Verb::Describe {
            library.describe().for_each(|method| pipe.send(&Answer::Method(method.clone())));
            return Ok(0);
        }
        library.call(&call, &*pipe)
    });
    pipe.finish(&result.map_or_else(Answer::NotCalled, Answer::Result));
}

/// Limits the memory of this process, so that a library that allocates without end harms no other.
fn limit_address_space() -> Result<(), String> {
    let inherited = getrlimit(Resource::As).maximum.unwrap_or(u64::MAX);
    let limit = Some(limits::MAX_ADDRESS_SPACE.min(inherited));
    setrlimit(Resource::As, Rlimit { current: limit, maximum: limit })
        .map_err(|error| format!("its address space cannot be limited: {}", text::error(&error)))
}

/// Reads the request and nothing behind it: one more byte means that the call should stop.
fn read_request(length: u32) -> Result<Call, String> {
    let mut request = vec![0; length as usize];
    let mut read = 0;
    while read < request.len() {
        match rustix::io::read(rustix::stdio::stdin(), &mut request[read..]) {
            Ok(0) => return Err("the request ends too soon".to_owned()),
            Ok(count) => read += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                return Err(format!("the request cannot be read: {}", text::error(&error)));
            }
        }
    }
    serde_json::from_slice(&request).map_err(|error| format!("the request is not valid: {error}"))
}

/// The pipe for answers. A method may say something from several threads.
struct AnswerPipe(Mutex<Answers>);

/// What was answered so far.
///
/// The parent ends a call whose answers are too long. A method may talk on all the same: words and
/// progress are left out then, and what belongs to the result is kept for the end.
struct Answers {
    pipe: File,
    /// How many bytes of words may still be sent.
    words_left: usize,
    progress: Meter,
    /// What belongs to the result, with its kind.
    kept: Vec<(u32, Vec<u8>)>,
}

impl Answers {
    fn of(pipe: File) -> Self {
        let (progress, words_left) = (Meter::default(), limits::MAX_SAID_WORDS);
        Self { pipe, words_left, progress, kept: Vec::new() }
    }

    fn send(&mut self, answer: &Answer) {
        // A parent that is gone does not need the answer.
        let _ = self.pipe.write_all(&wire::line(answer));
    }

    fn say(&mut self, kind: u32, text: &[u8]) {
        let text = &text[..text.len().min(limits::MAX_SAID_TEXT)];
        match kind {
            DSNAP_SAY_WORDS | DSNAP_SAY_TRACE => self.say_words(kind, text),
            DSNAP_SAY_REASON | DSNAP_SAY_CODE | DSNAP_SAY_LABEL => {
                self.kept.retain(|(known, _)| *known != kind);
                self.kept.push((kind, text.to_vec()));
            }
            DSNAP_SAY_HINT if self.hints() < limits::MAX_HINTS => {
                self.kept.push((kind, text.to_vec()));
            }
            _ => {}
        }
    }

    fn say_words(&mut self, kind: u32, text: &[u8]) {
        let line = wire::line(&Answer::Said(kind, Bytes(text.to_vec())));
        if let Some(left) = self.words_left.checked_sub(line.len()) {
            self.words_left = left;
            let _ = self.pipe.write_all(&line);
        }
    }

    fn hints(&self) -> usize {
        self.kept.iter().filter(|(kind, _)| *kind == DSNAP_SAY_HINT).count()
    }
}

impl AnswerPipe {
    fn send(&self, answer: &Answer) {
        if let Ok(mut answers) = self.0.lock() {
            answers.send(answer);
        }
    }

    /// Sends what belongs to the result, and the result.
    fn finish(&self, result: &Answer) {
        if let Ok(mut answers) = self.0.lock() {
            for (kind, text) in std::mem::take(&mut answers.kept) {
                answers.send(&Answer::Said(kind, Bytes(text)));
            }
            answers.send(result);
        }
    }
}

impl Listener for AnswerPipe {
    fn say(&self, kind: u32, text: &[u8]) {
        if let Ok(mut answers) = self.0.lock() {
            answers.say(kind, text);
        }
    }

    fn progress(&self, done: u64, of: u64, unit: &[u8]) {
        let unit = Bytes(unit[..unit.len().min(limits::MAX_UNIT)].to_vec());
        if let Ok(mut answers) = self.0.lock()
            && answers.progress.passes()
        {
            answers.send(&Answer::Progress(done, of, unit));
        }
    }

    /// Looks for one more byte behind the request.
    fn should_stop(&self) -> bool {
        let stdin = std::io::stdin();
        let mut polled = [PollFd::new(&stdin, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut polled, Some(&now)).is_ok() && polled[0].revents().contains(PollFlags::IN)
    }
}
