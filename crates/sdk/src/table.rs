//! The tables that a library exports, and the functions in them.
//!
//! Each function reads the request (`request_view`), calls the method behind the fence against
//! panics (`fence`), says the reason, and returns the number of the result.
#![allow(unsafe_code, reason = "functions that a C program calls")]

use std::ptr;
use std::sync::OnceLock;

use dsnap_core::Reason;
use dsnap_core::abi::*;
use dsnap_core::method::{Entered, Left, SnapshotMethod, Status, WorksWith};

use crate::export::Provide;
use crate::fence::catch_panic;
use crate::request_view::{CallerView, RequestView};

/// What `check_words` returns for usable words, as the signed number that [`call`] takes.
const USABLE: i32 = DSNAP_WORDS_USABLE.cast_signed();
const USABLE_NO_RELATIVE_FILES: i32 =
    (DSNAP_WORDS_USABLE | DSNAP_WORDS_NO_RELATIVE_FILES).cast_signed();

/// The table that a library exports, made at the first call of `dsnap_entry`.
///
/// It is never freed, because a library stays loaded until its process ends.
#[derive(Debug)]
pub struct ExportTable(OnceLock<Tables>);

/// The library's table; `None` if making it panicked.
#[derive(Debug)]
struct Tables(Option<&'static DsnapLibrary>);

// SAFETY: the tables hold addresses of functions, and of memory that nobody changes or frees.
unsafe impl Send for Tables {}
// SAFETY: as above.
unsafe impl Sync for Tables {}

impl Default for ExportTable {
    fn default() -> Self {
        Self::new()
    }
}

impl ExportTable {
    /// Returns a table that is not made yet.
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Returns the address of the library's table, or NULL if a method panicked while it was made.
    pub fn library(
        &self,
        version: &'static str,
        methods: impl FnOnce() -> Vec<DsnapMethod>,
    ) -> *const DsnapLibrary {
        let tables =
            self.0.get_or_init(|| Tables(catch_panic(|| lay_out(version, methods())).ok()));
        tables.0.map_or(ptr::null(), ptr::from_ref)
    }

    /// Makes the table of one method.
    pub fn method<P: Provide>() -> DsnapMethod {
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

fn lay_out(version: &'static str, methods: Vec<DsnapMethod>) -> &'static DsnapLibrary {
    let version = DsnapBytes::of(version.as_bytes());
    let methods = methods.into_iter().map(|method| DsnapMethod { version, ..method });
    let methods: &'static [DsnapMethod] = Vec::leak(methods.collect());
    let addresses: &'static [*const DsnapMethod] =
        Vec::leak(methods.iter().map(ptr::from_ref).collect());
    Box::leak(Box::new(DsnapLibrary {
        abi_version: DSNAP_ABI_VERSION,
        size: size_of::<DsnapLibrary>() as u32,
        method_count: addresses.len() as u64,
        methods: addresses.as_ptr(),
    }))
}

/// Calls a method and catches its panic, which becomes `no_answer`.
///
/// # Safety
///
/// As for [`RequestView::read`].
unsafe fn call<P: Provide>(
    request: *const DsnapRequest,
    no_answer: i32,
    call: impl FnOnce(&dyn SnapshotMethod, &RequestView<'_>) -> i32,
) -> i32 {
    // SAFETY: by this function's own condition.
    let Some(view) = (unsafe { RequestView::read(request) }) else { return no_answer };
    catch_panic(|| call(P::method(), &view)).unwrap_or_else(|words| {
        view.caller().reason(&Reason::new(words));
        no_answer
    })
}

/// Is the function `enter` of a method's table.
///
/// # Safety
///
/// `request` is what the program passes, as the interface says.
pub unsafe extern "C" fn enter<P: Provide>(request: *const DsnapRequest) -> i32 {
    let enter = |method: &dyn SnapshotMethod, view: &RequestView<'_>| {
        let Some(code) = view.code() else { return without_code(view.caller()) };
        let caller = view.caller();
        match method.enter(&view.request(&code)) {
            Entered::Held => DSNAP_HELD,
            Entered::Done => DSNAP_DONE,
            Entered::Busy(reason) => said(caller, &reason, DSNAP_BUSY),
            Entered::Unavailable(reason) => said(caller, &reason, DSNAP_UNAVAILABLE),
            Entered::Refused(reason) => said(caller, &reason, DSNAP_REFUSED),
            Entered::Failed(reason) => said(caller, &reason, DSNAP_FAILED),
            Entered::Unknown(reason) => said(caller, &reason, DSNAP_UNKNOWN),
            Entered::LikelyFailed(reason) => said(caller, &reason, DSNAP_LIKELY_FAILED),
        }
    };
    // SAFETY: by this function's own condition.
    unsafe { call::<P>(request, DSNAP_UNKNOWN, enter) }
}

/// Is the function `leave` of a method's table.
///
/// # Safety
///
/// `request` is what the program passes, as the interface says.
pub unsafe extern "C" fn leave<P: Provide>(request: *const DsnapRequest) -> i32 {
    let leave = |method: &dyn SnapshotMethod, view: &RequestView<'_>| {
        let Some(code) = view.code() else { return without_code(view.caller()) };
        let caller = view.caller();
        match method.leave(&view.request(&code)) {
            Left::Left => DSNAP_LEFT,
            Left::Busy(reason) => said(caller, &reason, DSNAP_BUSY),
            Left::Unavailable(reason) => said(caller, &reason, DSNAP_UNAVAILABLE),
            Left::Refused(reason) => said(caller, &reason, DSNAP_REFUSED),
            Left::Failed(reason) => said(caller, &reason, DSNAP_FAILED),
        }
    };
    // SAFETY: by this function's own condition.
    unsafe { call::<P>(request, DSNAP_FAILED, leave) }
}

/// Is the function `status` of a method's table.
///
/// # Safety
///
/// `request` is what the program passes, as the interface says.
pub unsafe extern "C" fn status<P: Provide>(request: *const DsnapRequest) -> i32 {
    let status = |method: &dyn SnapshotMethod, view: &RequestView<'_>| {
        let Some(code) = view.code() else { return without_code(view.caller()) };
        let caller = view.caller();
        match method.status(&view.request(&code)) {
            Status::CouldEnter => DSNAP_COULD_ENTER,
            Status::Held(code) => {
                caller.code(&code);
                DSNAP_IS_HELD
            }
            Status::Busy(reason) => said(caller, &reason, DSNAP_BUSY),
            Status::Unavailable(reason) => said(caller, &reason, DSNAP_UNAVAILABLE),
            Status::Refused(reason) => said(caller, &reason, DSNAP_REFUSED),
            Status::CannotTell => DSNAP_CANNOT_TELL,
        }
    };
    // SAFETY: by this function's own condition.
    unsafe { call::<P>(request, DSNAP_REFUSED, status) }
}

/// Is the function `check_words` of a method's table.
///
/// # Safety
///
/// `request` is what the program passes, as the interface says.
pub unsafe extern "C" fn check_words<P: Provide>(request: *const DsnapRequest) -> u32 {
    let check = |method: &dyn SnapshotMethod, view: &RequestView<'_>| {
        let caller = view.caller();
        match method.check_words(view.words()) {
            Ok(checked) => {
                checked.label.iter().for_each(|label| caller.label(label));
                if checked.names_relative_files { USABLE } else { USABLE_NO_RELATIVE_FILES }
            }
            Err(reason) => said(caller, &reason, 0),
        }
    };
    // SAFETY: by this function's own condition.
    unsafe { call::<P>(request, 0, check) }.cast_unsigned()
}

fn said(caller: CallerView, reason: &Reason, result: i32) -> i32 {
    caller.reason(reason);
    result
}

fn without_code(caller: CallerView) -> i32 {
    said(caller, &Reason::new("the program passed no valid snapshot code"), DSNAP_FAILED)
}
