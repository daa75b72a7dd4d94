//! The request, as the program passes it, in Rust's types.
#![allow(unsafe_code, reason = "reads what a C structure points to")]

use std::ffi::{OsStr, OsString};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::ptr;
use std::time::Duration;

use dsnap_core::abi::{
    DSNAP_NO_LIMIT, DSNAP_SAY_CODE, DSNAP_SAY_HINT, DSNAP_SAY_LABEL, DSNAP_SAY_REASON,
    DSNAP_SAY_WORDS, DsnapBytes, DsnapCaller, DsnapRequest,
};
use dsnap_core::method::{Caller, Message};
use dsnap_core::{Code, Reason, method};

/// What the program passed, for as long as the call lasts.
#[derive(Debug)]
pub(crate) struct Passed<'a> {
    request: DsnapRequest,
    voice: Voice,
    words: Vec<OsString>,
    valid: PhantomData<&'a DsnapRequest>,
}

/// Who listens, and wants the call to stop or not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Voice(DsnapCaller);

impl<'a> Passed<'a> {
    /// # Safety
    ///
    /// `request` is what the program passed to a function of the table: valid, with all that it
    /// points to, for `'a`.
    ///
    /// # Errors
    ///
    /// It is smaller than the interface allows.
    pub(crate) unsafe fn read(request: *const DsnapRequest) -> Option<Self> {
        // SAFETY: by this function's own condition; of every version of the interface the sizes
        // below are the first, and what a request and its caller have at least.
        let request = unsafe { copy(request, DsnapRequest::SMALLEST) }?;
        // SAFETY: as above; a request has a caller, which lives as long.
        let caller = unsafe { copy(request.caller, DsnapCaller::SMALLEST) }?;
        let count = usize::try_from(request.word_count).unwrap_or(0);
        let word = |number| {
            // SAFETY: there are so many words, which live as long as the request.
            let bytes: &[u8] = unsafe { slice(*request.words.add(number)) };
            OsString::from_vec(bytes.to_vec())
        };
        let words = (0..count).map(word).collect();
        Some(Self { request, voice: Voice(caller), words, valid: PhantomData })
    }

    pub(crate) fn words(&self) -> &[OsString] {
        &self.words
    }

    pub(crate) fn voice(&self) -> Voice {
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

/// A structure of the program, as far as both it and this library know it; fields that the
/// program does not have are zero. None if it is smaller than `least`.
///
/// # Safety
///
/// `structure` is valid and begins with its size in bytes. All fields of `T` may be zero but for
/// those within the first `least` bytes.
unsafe fn copy<T>(structure: *const T, least: u64) -> Option<T> {
    // SAFETY: by this function's own condition.
    let size = unsafe { structure.cast::<u64>().read_unaligned() };
    if size < least {
        return None;
    }
    let known = usize::try_from(size).unwrap_or(usize::MAX).min(size_of::<T>());
    let mut copy = MaybeUninit::<T>::zeroed();
    // SAFETY: so many bytes are there, and fit; the rest may be zero.
    unsafe {
        ptr::copy_nonoverlapping(structure.cast::<u8>(), copy.as_mut_ptr().cast::<u8>(), known);
        Some(copy.assume_init())
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

impl Voice {
    fn pass_on(self, kind: u32, text: &[u8]) {
        if let Some(say) = self.0.say {
            // SAFETY: the function and its context are the program's; the text lives until it
            // returns.
            unsafe { say(self.0.context, kind, DsnapBytes::of(text)) }
        }
    }

    /// Why, and what to do about it.
    pub(crate) fn reason(self, refusal: &Reason) {
        self.pass_on(DSNAP_SAY_REASON, refusal.text().as_bytes());
        refusal.hints().iter().for_each(|hint| self.pass_on(DSNAP_SAY_HINT, hint.as_bytes()));
    }

    /// Says the code of the snapshot.
    pub(crate) fn code(self, code: &[u8]) {
        self.pass_on(DSNAP_SAY_CODE, code);
    }

    /// Says how messages name the line.
    pub(crate) fn label(self, label: &str) {
        self.pass_on(DSNAP_SAY_LABEL, label.as_bytes());
    }
}

impl Caller for Voice {
    fn say(&self, said: Message<'_>) {
        match said {
            Message::Words(words) => self.pass_on(DSNAP_SAY_WORDS, words.as_bytes()),
            Message::Progress { done, of, unit } => {
                if let Some(progress) = self.0.progress {
                    let unit = DsnapBytes::of(unit.as_bytes());
                    // SAFETY: as for `say`.
                    unsafe { progress(self.0.context, done, of.unwrap_or(0), unit) }
                }
            }
        }
    }

    fn should_stop(&self) -> bool {
        // SAFETY: the function and its context are the program's.
        self.0.shall_stop.is_some_and(|ask| unsafe { ask(self.0.context) } != 0)
    }
}
