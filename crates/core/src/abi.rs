//! The C layout of a snapshot method: what a library that dsnap loads and the program agree on.
//!
//! Plain C: fixed-width integers, bytes as pointer and length, function pointers, structures that
//! begin with their own size so that they can grow. No Rust type crosses, and the version of no
//! compiler matters. `include/dsnap.h` is generated from this crate (`cargo xtask header`);
//! the comments here are its manual, and `docs/abi.md` says what may change.
//!
//! Turning these structures into Rust's types and back is `dsnap-sdk`'s business for libraries,
//! and `dsnap-host`'s for programs.

mod results;

use core::ffi::c_void;

pub use results::*;

/// The number of this interface. A program loads a library only if both have the same one.
pub const DSNAP_ABI_VERSION: u32 = 1;

/// `works_with`: the method needs the process that has the storage open.
pub const DSNAP_WORKS_WITH_OWNER: u32 = 0;
/// `works_with`: the method needs a storage that no process has open.
pub const DSNAP_WORKS_WITH_NOBODY: u32 = 1;

/// A flag of a method: its enter never closes the storage. A method that stops a server must
/// not set it.
pub const DSNAP_NEVER_CLOSES: u32 = 1;

/// `time_left_ms`: as long as the call makes progress.
pub const DSNAP_NO_LIMIT: u64 = u64::MAX;

/// Bytes that belong to whoever made them. They need not be UTF-8, and no NUL ends them.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct DsnapBytes {
    /// The first byte; may be NULL if `len` is 0.
    pub data: *const u8,
    /// How many.
    pub len: u64,
}

/// Who called a method, and listens. All functions may be called from any thread, until the
/// method's function returns; bytes that are passed belong to the method and are copied.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct DsnapCaller {
    /// sizeof this structure, as the program knows it.
    pub size: u64,
    /// To be passed as first argument of the functions.
    pub context: *mut c_void,
    /// Takes words; `kind` is one of `DSNAP_SAY_...`.
    pub say: Option<unsafe extern "C" fn(context: *mut c_void, kind: u32, text: DsnapBytes)>,
    /// Takes progress: `done` of `of` (0: not known), counted in `unit` ("files").
    pub progress:
        Option<unsafe extern "C" fn(context: *mut c_void, done: u64, of: u64, unit: DsnapBytes)>,
    /// Whether the call should end as soon as it safely can: 0 or 1. To be asked at least every
    /// 0.2 s by a method that waits or works.
    pub shall_stop: Option<unsafe extern "C" fn(context: *mut c_void) -> u32>,
}

/// Everything a call of a method needs. It belongs to the program, with all that it points to,
/// and is valid until the method's function returns.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct DsnapRequest {
    /// sizeof this structure, as the program knows it.
    pub size: u64,
    /// The storage directory, absolute.
    pub storage: DsnapBytes,
    /// The folder that relative names on the line are relative to, absolute.
    pub conf_folder: DsnapBytes,
    /// The words of the line after the method's name, unquoted.
    pub words: *const DsnapBytes,
    /// How many words there are.
    pub word_count: u64,
    /// The code to enter, leave or look for: printable ASCII, 1 to 64 bytes, without `user/`.
    pub code: DsnapBytes,
    /// How long the call may take from now, in milliseconds, or DSNAP_NO_LIMIT.
    pub time_left_ms: u64,
    /// Who listens. Never NULL.
    pub caller: *const DsnapCaller,
}

/// One method. Everything in it stays valid and unchanged while the library is loaded, which it
/// is until the process ends. A later version of this interface may add fields at the end: a
/// library that does not know them has a smaller `size`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct DsnapMethod {
    /// sizeof this structure, as the library knows it.
    pub size: u64,
    /// The word that names the method on a line of snapshot.conf: `[a-z][a-z0-9_]*`.
    pub name: DsnapBytes,
    /// The method's own version, for people.
    pub version: DsnapBytes,
    /// `DSNAP_WORKS_WITH_OWNER` or `DSNAP_WORKS_WITH_NOBODY`.
    pub works_with: u32,
    /// Flags, added up; unknown ones are ignored.
    pub flags: u32,
    /// Puts the storage into snapshot mode: DSNAP_HELD, _DONE, _BUSY, _UNAVAILABLE, _REFUSED,
    /// _FAILED or _UNKNOWN.
    pub enter: Option<unsafe extern "C" fn(request: *const DsnapRequest) -> i32>,
    /// Takes the storage out of the snapshot with the request's code; that there is nothing to
    /// leave is success: DSNAP_LEFT, _BUSY, _UNAVAILABLE, _REFUSED or _FAILED.
    pub leave: Option<unsafe extern "C" fn(request: *const DsnapRequest) -> i32>,
    /// Looks only: DSNAP_COULD_ENTER, _IS_HELD, _BUSY, _UNAVAILABLE, _REFUSED or _CANNOT_TELL.
    pub status: Option<unsafe extern "C" fn(request: *const DsnapRequest) -> i32>,
    /// Whether the request's words can follow the method's name at all: 0 if not, with a reason.
    /// Asked before anything is tried; the request has an empty code. May be NULL, or missing
    /// from a smaller structure.
    pub check_words: Option<unsafe extern "C" fn(request: *const DsnapRequest) -> u32>,
}

/// What a library offers. Its one exported function, `dsnap_entry`, returns the address of one,
/// which stays valid as long as the library is loaded.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct DsnapLibrary {
    /// DSNAP_ABI_VERSION as the library was built with. Nothing else is looked at unless the
    /// program has the same.
    pub abi_version: u32,
    /// sizeof this structure, as the library knows it.
    pub size: u32,
    /// How many methods there are, at least one.
    pub method_count: u64,
    /// The addresses of the methods' tables.
    pub methods: *const *const DsnapMethod,
}

/// The type of the one function that a library exports, under the name `dsnap_entry`.
pub type DsnapEntry = unsafe extern "C" fn() -> *const DsnapLibrary;

impl DsnapBytes {
    /// The bytes of a slice, which must outlive them.
    pub const fn of(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), len: bytes.len() as u64 }
    }
}

impl DsnapCaller {
    /// The size of the structure in the first minor version: what every program passes.
    pub const SMALLEST: u64 = (core::mem::offset_of!(DsnapCaller, shall_stop)
        + size_of::<Option<unsafe extern "C" fn(*mut c_void) -> u32>>())
        as u64;
}

impl DsnapRequest {
    /// The size of the structure in the first minor version: what every program passes.
    pub const SMALLEST: u64 =
        (core::mem::offset_of!(DsnapRequest, caller) + size_of::<*const DsnapCaller>()) as u64;
}

impl DsnapMethod {
    /// The size of a table of the first minor version: what every library has, which is
    /// everything up to and including `status`.
    pub const SMALLEST: u64 = core::mem::offset_of!(DsnapMethod, check_words) as u64;
}
