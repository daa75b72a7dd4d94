//! The program's request in Rust's types, and the caller behind it.
//!
//! Only this file of the crate reads memory of the program. It reads no more than
//! the interface promises: `docs/abi.md` says who owns what, and for how long. Calling the method
//! and turning its result into a number is `table`'s part.
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
    DSNAP_SAY_TRACE, DSNAP_SAY_WORDS, DSNAP_SNAPSHOT_SEEN, DsnapBytes, DsnapCaller, DsnapRequest,
};
use dsnap_core::method::{Caller, Message};
use dsnap_core::{Code, Reason, method};

/// The program's request, valid for as long as the call lasts.
#[derive(Debug)]
pub(crate) struct RequestView<'a> {
    request: DsnapRequest,
    caller: CallerView,
    words: Vec<OsString>,
    valid: PhantomData<&'a DsnapRequest>,
}

/// The caller of the program's request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallerView(DsnapCaller);

impl<'a> RequestView<'a> {
    /// Reads a request; `None` if it is smaller than the interface allows.
    ///
    /// # Safety
    ///
    /// `request` is what the program passed to a function of the table. It is valid for `'a`, with
    /// everything it points to.
    pub(crate) unsafe fn read(request: *const DsnapRequest) -> Option<Self> {
        // SAFETY: by this function's own condition. The structure begins with its size, and is
        // read only if that is at least `SMALLEST`.
        let request = unsafe { copy(request, DsnapRequest::SMALLEST) }?;
        // SAFETY: as above. `caller` is never NULL and lives as long as the request.
        let caller = unsafe { copy(request.caller, DsnapCaller::SMALLEST) }?;
        let count = usize::try_from(request.word_count).unwrap_or(0);
        let word = |number| {
            // SAFETY: `number` is less than `word_count`, and the words live as long as the request.
            let bytes: &[u8] = unsafe { slice(*request.words.add(number)) };
            OsString::from_vec(bytes.to_vec())
        };
        let words = (0..count).map(word).collect();
        Some(Self { request, caller: CallerView(caller), words, valid: PhantomData })
    }

    pub(crate) fn words(&self) -> &[OsString] {
        &self.words
    }

    pub(crate) fn caller(&self) -> CallerView {
        self.caller
    }

    /// Reads the code; `None` if the request has no valid one.
    pub(crate) fn code(&self) -> Option<Code> {
        // SAFETY: the request is valid for `'a`.
        Code::from_bytes(unsafe { slice(self.request.code) })
    }

    /// Makes the request that the method gets.
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
            leave_time: Duration::from_millis(self.request.leave_time_ms),
            snapshot_seen: self.request.flags & DSNAP_SNAPSHOT_SEEN != 0,
            caller: &self.caller,
        }
    }
}

/// Copies a structure of the program, as far as both sides know it. Fields that the program does
/// not have become zero. Returns `None` if the structure is smaller than `least` bytes.
///
/// # Safety
///
/// `structure` is valid and begins with its size in bytes. Each field of `T` behind the first
/// `least` bytes may be zero.
unsafe fn copy<T>(structure: *const T, least: u64) -> Option<T> {
    // SAFETY: by this function's own condition.
    let size = unsafe { structure.cast::<u64>().read_unaligned() };
    if size < least {
        return None;
    }
    let known = usize::try_from(size).unwrap_or(usize::MAX).min(size_of::<T>());
    let mut copy = MaybeUninit::<T>::zeroed();
    // SAFETY: `known` bytes are readable there and fit into `T`. The rest may be zero.
    unsafe {
        ptr::copy_nonoverlapping(structure.cast::<u8>(), copy.as_mut_ptr().cast::<u8>(), known);
        Some(copy.assume_init())
    }
}

/// Returns the bytes as a slice.
///
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

impl CallerView {
    fn pass_on(self, kind: u32, text: &[u8]) {
        if let Some(say) = self.0.say {
            // SAFETY: the function and its context are the program's. The text lives until the
            // function returns.
            unsafe { say(self.0.context, kind, DsnapBytes::of(text)) }
        }
    }

    /// Says a reason with its hints.
    pub(crate) fn reason(self, reason: &Reason) {
        self.pass_on(DSNAP_SAY_REASON, reason.text().as_bytes());
        reason.hints().iter().for_each(|hint| self.pass_on(DSNAP_SAY_HINT, hint.as_bytes()));
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

impl Caller for CallerView {
    fn say(&self, message: Message<'_>) {
        match message {
            Message::Words(words) | Message::Warning(words) => {
                self.pass_on(DSNAP_SAY_WORDS, words.as_bytes())
            }
            Message::Trace(words) => self.pass_on(DSNAP_SAY_TRACE, words.as_bytes()),
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
