//! The tables of a library, and the functions in them.
#![allow(unsafe_code, reason = "functions that a C program calls")]

use std::ptr;
use std::sync::OnceLock;

use dsnap_core::Reason;
use dsnap_core::abi::*;
use dsnap_core::method::{Entered, Left, SnapshotMethod, Status, WorksWith};

use crate::caller::{Passed, Voice};
use crate::export::Provide;
use crate::fence::fence;

/// What `check_words` returns, as the signed number that [`call`] passes on.
const USABLE: i32 = DSNAP_WORDS_USABLE.cast_signed();
const USABLE_NO_RELATIVE_FILES: i32 =
    (DSNAP_WORDS_USABLE | DSNAP_WORDS_NO_RELATIVE_FILES).cast_signed();

/// The tables of a library, made when it is first asked. They are never freed: a library is
/// loaded until its process ends.
#[derive(Debug)]
pub struct Shelf(OnceLock<Tables>);

#[derive(Debug)]
struct Tables(Option<&'static DsnapLibrary>);

// SAFETY: the tables hold addresses of memory that is never changed nor freed, and of functions.
unsafe impl Send for Tables {}
// SAFETY: as above.
unsafe impl Sync for Tables {}

impl Default for Shelf {
    fn default() -> Self {
        Self::new()
    }
}

impl Shelf {
    /// An empty one.
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The address of the library's table; NULL if the methods could not even be made.
    pub fn library(
        &self,
        version: &'static str,
        rows: impl FnOnce() -> Vec<DsnapMethod>,
    ) -> *const DsnapLibrary {
        let tables = self.0.get_or_init(|| Tables(fence(|| lay_out(version, rows())).ok()));
        tables.0.map_or(ptr::null(), ptr::from_ref)
    }

    /// The table of one method.
    pub fn row<P: Provide>() -> DsnapMethod {
        let method = P::method();
        DsnapMethod {
            size: size_of::<DsnapMethod>() as u64,
            name: DsnapBytes::of(Box::leak(method.name().to_owned().into_boxed_str()).as_bytes()),
            version: DsnapBytes::of(b""),
            works_with: match method.works_with() {
                WorksWith::Owner => DSNAP_WORKS_WITH_OWNER,
                WorksWith::Nobody => DSNAP_WORKS_WITH_NOBODY,
            },
            flags: if method.may_close() { 0 } else { DSNAP_NEVER_CLOSES },
            enter: Some(enter::<P>),
            leave: Some(leave::<P>),
            status: Some(status::<P>),
            check_words: Some(check_words::<P>),
        }
    }
}

fn lay_out(version: &'static str, rows: Vec<DsnapMethod>) -> &'static DsnapLibrary {
    let version = DsnapBytes::of(version.as_bytes());
    let rows = rows.into_iter().map(|row| DsnapMethod { version, ..row });
    let rows: &'static [DsnapMethod] = Vec::leak(rows.collect());
    let addresses: &'static [*const DsnapMethod] =
        Vec::leak(rows.iter().map(ptr::from_ref).collect());
    Box::leak(Box::new(DsnapLibrary {
        abi_version: DSNAP_ABI_VERSION,
        size: size_of::<DsnapLibrary>() as u32,
        method_count: addresses.len() as u64,
        methods: addresses.as_ptr(),
    }))
}

/// Calls a method behind the fence; `no_answer` is the result of one that panics.
///
/// # Safety
///
/// As for [`Passed::read`].
unsafe fn call<P: Provide>(
    request: *const DsnapRequest,
    no_answer: i32,
    call: impl FnOnce(&dyn SnapshotMethod, &Passed<'_>) -> i32,
) -> i32 {
    // SAFETY: by this function's own condition.
    let Some(passed) = (unsafe { Passed::read(request) }) else { return no_answer };
    fence(|| call(P::method(), &passed)).unwrap_or_else(|words| {
        passed.voice().reason(&Reason::new(words));
        no_answer
    })
}

/// The function `enter` of a table.
///
/// # Safety
///
/// The request is the program's, as the interface says.
pub unsafe extern "C" fn enter<P: Provide>(request: *const DsnapRequest) -> i32 {
    let enter = |method: &dyn SnapshotMethod, passed: &Passed<'_>| {
        let Some(code) = passed.code() else { return without_code(passed.voice()) };
        let voice = passed.voice();
        match method.enter(&passed.request(&code)) {
            Entered::Held => DSNAP_HELD,
            Entered::Done => DSNAP_DONE,
            Entered::Busy(reason) => said(voice, &reason, DSNAP_BUSY),
            Entered::Unavailable(reason) => said(voice, &reason, DSNAP_UNAVAILABLE),
            Entered::Refused(reason) => said(voice, &reason, DSNAP_REFUSED),
            Entered::Failed(reason) => said(voice, &reason, DSNAP_FAILED),
            Entered::Unknown(reason) => said(voice, &reason, DSNAP_UNKNOWN),
        }
    };
    // SAFETY: by this function's own condition.
    unsafe { call::<P>(request, DSNAP_UNKNOWN, enter) }
}

/// The function `leave` of a table.
///
/// # Safety
///
/// The request is the program's, as the interface says.
pub unsafe extern "C" fn leave<P: Provide>(request: *const DsnapRequest) -> i32 {
    let leave = |method: &dyn SnapshotMethod, passed: &Passed<'_>| {
        let Some(code) = passed.code() else { return without_code(passed.voice()) };
        let voice = passed.voice();
        match method.leave(&passed.request(&code)) {
            Left::Left => DSNAP_LEFT,
            Left::Busy(reason) => said(voice, &reason, DSNAP_BUSY),
            Left::Unavailable(reason) => said(voice, &reason, DSNAP_UNAVAILABLE),
            Left::Refused(reason) => said(voice, &reason, DSNAP_REFUSED),
            Left::Failed(reason) => said(voice, &reason, DSNAP_FAILED),
        }
    };
    // SAFETY: by this function's own condition.
    unsafe { call::<P>(request, DSNAP_FAILED, leave) }
}

/// The function `status` of a table.
///
/// # Safety
///
/// The request is the program's, as the interface says.
pub unsafe extern "C" fn status<P: Provide>(request: *const DsnapRequest) -> i32 {
    let status = |method: &dyn SnapshotMethod, passed: &Passed<'_>| {
        let Some(code) = passed.code() else { return without_code(passed.voice()) };
        let voice = passed.voice();
        match method.status(&passed.request(&code)) {
            Status::CouldEnter => DSNAP_COULD_ENTER,
            Status::Held(code) => {
                voice.code(&code);
                DSNAP_IS_HELD
            }
            Status::Busy(reason) => said(voice, &reason, DSNAP_BUSY),
            Status::Unavailable(reason) => said(voice, &reason, DSNAP_UNAVAILABLE),
            Status::Refused(reason) => said(voice, &reason, DSNAP_REFUSED),
            Status::CannotTell => DSNAP_CANNOT_TELL,
        }
    };
    // SAFETY: by this function's own condition.
    unsafe { call::<P>(request, DSNAP_REFUSED, status) }
}

/// The function `check_words` of a table.
///
/// # Safety
///
/// The request is the program's, as the interface says.
pub unsafe extern "C" fn check_words<P: Provide>(request: *const DsnapRequest) -> u32 {
    let check = |method: &dyn SnapshotMethod, passed: &Passed<'_>| {
        let voice = passed.voice();
        match method.check_words(passed.words()) {
            Ok(checked) => {
                checked.label.iter().for_each(|label| voice.label(label));
                if checked.names_relative_files { USABLE } else { USABLE_NO_RELATIVE_FILES }
            }
            Err(reason) => said(voice, &reason, 0),
        }
    };
    // SAFETY: by this function's own condition.
    unsafe { call::<P>(request, 0, check) }.cast_unsigned()
}

fn said(voice: Voice, reason: &Reason, result: i32) -> i32 {
    voice.reason(reason);
    result
}

fn without_code(voice: Voice) -> i32 {
    said(voice, &Reason::new("the program passed no code that can be one"), DSNAP_FAILED)
}
