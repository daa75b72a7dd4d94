//! The request, as the program passes it, in Rust's types.
#![allow(unsafe_code, reason = "reads what a C structure points to")]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::Duration;

use dsnap_core::Code;
use dsnap_core::abi::{
    DSNAP_NO_LIMIT, DSNAP_SAY_CODE, DSNAP_SAY_HINT, DSNAP_SAY_REASON, DSNAP_SAY_WORDS, DsnapBytes,
    DsnapCaller, DsnapRequest,
};
use dsnap_core::method::{Caller, Said};
use dsnap_core::{Refusal, method};

/// What the program passed, for as long as the call lasts.
#[derive(Debug)]
pub(crate) struct Passed<'a> {
    request: &'a DsnapRequest,
    voice: Voice<'a>,
    words: Vec<OsString>,
}

/// Who listens, and wants the call to stop or not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Voice<'a>(&'a DsnapCaller);

impl<'a> Passed<'a> {
    /// # Safety
    ///
    /// `request` is what the program passed to a function of the table: valid, with all that it
    /// points to, for `'a`.
    ///
    /// # Errors
    ///
    /// It is an older program's, smaller than any that this library knows.
    pub(crate) unsafe fn read(request: *const DsnapRequest) -> Option<Self> {
        // SAFETY: by this function's own condition; every request begins with its size.
        let size = unsafe { request.cast::<u64>().read() };
        if size < size_of::<DsnapRequest>() as u64 {
            return None;
        }
        // SAFETY: it is as large as the structure that we know, at least.
        let request: &'a DsnapRequest = unsafe { &*request };
        // SAFETY: the interface says that a request has a caller, which lives as long.
        let caller: &'a DsnapCaller = unsafe { &*request.caller };
        let count = usize::try_from(request.word_count).unwrap_or(0);
        let word = |number| {
            // SAFETY: there are so many words, which live as long as the request.
            let bytes: &[u8] = unsafe { slice(*request.words.add(number)) };
            OsString::from_vec(bytes.to_vec())
        };
        let words = (0..count).map(word).collect();
        Some(Self { request, voice: Voice(caller), words })
    }

    pub(crate) fn words(&self) -> &[OsString] {
        &self.words
    }

    pub(crate) fn voice(&self) -> Voice<'a> {
        self.voice
    }

    /// The code; none where the request has none.
    pub(crate) fn code(&self) -> Option<Code> {
        // SAFETY: the request is valid for `'a`.
        Code::from_bytes(unsafe { slice(self.request.code) })
    }

    pub(crate) fn request<'b>(&'b self, code: &'b Code) -> method::Request<'b> {
        // SAFETY: the request is valid for `'a`, which is no shorter than `'b`.
        let path = |bytes| Path::new(OsStr::from_bytes(unsafe { slice::<'b>(bytes) }));
        let limited = self.request.time_left_ms != DSNAP_NO_LIMIT;
        method::Request {
            storage: path(self.request.storage),
            conf_folder: path(self.request.conf_folder),
            words: &self.words,
            code,
            time_left: limited.then(|| Duration::from_millis(self.request.time_left_ms)),
            caller: &self.voice,
        }
    }
}

/// # Safety
///
/// `bytes` describes memory that stays valid and unchanged for `'a`, or is empty.
unsafe fn slice<'a>(bytes: DsnapBytes) -> &'a [u8] {
    if bytes.data.is_null() || bytes.len == 0 {
        return &[];
    }
    // SAFETY: by this function's own condition.
    unsafe { std::slice::from_raw_parts(bytes.data, usize::try_from(bytes.len).unwrap_or(0)) }
}

impl Voice<'_> {
    fn pass_on(self, kind: u32, text: &[u8]) {
        if let Some(say) = self.0.say {
            // SAFETY: the function and its context are the program's; the text lives until it
            // returns.
            unsafe { say(self.0.context, kind, DsnapBytes::of(text)) }
        }
    }

    /// Why, and what to do about it.
    pub(crate) fn reason(self, refusal: &Refusal) {
        self.pass_on(DSNAP_SAY_REASON, refusal.text().as_bytes());
        refusal.hints().iter().for_each(|hint| self.pass_on(DSNAP_SAY_HINT, hint.as_bytes()));
    }

    /// The code that is held.
    pub(crate) fn code(self, code: &[u8]) {
        self.pass_on(DSNAP_SAY_CODE, code);
    }
}

impl Caller for Voice<'_> {
    fn say(&self, said: Said<'_>) {
        match said {
            Said::Words(words) => self.pass_on(DSNAP_SAY_WORDS, words.as_bytes()),
            Said::Progress { done, of, unit } => {
                if let Some(progress) = self.0.progress {
                    let unit = DsnapBytes::of(unit.as_bytes());
                    // SAFETY: as for `say`.
                    unsafe { progress(self.0.context, done, of.unwrap_or(0), unit) }
                }
            }
        }
    }

    fn shall_stop(&self) -> bool {
        // SAFETY: the function and its context are the program's.
        self.0.shall_stop.is_some_and(|ask| unsafe { ask(self.0.context) } != 0)
    }
}
