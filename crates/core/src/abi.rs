//! The C layout of a snapshot method: what a loaded library and the program agree on.
//!
//! The layout is plain C: fixed-width integers, text as pointer and length, function pointers, and
//! structures that begin with their own size so that they can grow. No Rust type crosses the
//! border, so the versions of the compilers do not matter. `cargo xtask header` generates
//! `include/dsnap.h` from this module. The comments here are the header's manual, so they speak to
//! an author who writes C. `docs/abi.md` says what may change.
//!
//! Deliberately elsewhere: `dsnap-sdk` turns these structures into Rust's types for libraries,
//! `dsnap-host` does so for programs.

mod results;

use core::ffi::c_void;

pub use results::*;

/// The version of this interface. A program loads a library only if both have the same version.
pub const DSNAP_ABI_VERSION: u32 = 1;

/// `works_with`: the method needs the server, the process that has the storage open.
pub const DSNAP_WORKS_WITH_OWNER: u32 = 0;
/// `works_with`: the method needs a storage that no process has open.
pub const DSNAP_WORKS_WITH_NOBODY: u32 = 1;

/// A flag of a method: its `enter` never closes the storage. A method that stops a server must not
/// set it.
pub const DSNAP_NEVER_CLOSES: u32 = 1;

/// `time_left_ms`: the call may take as long as it makes progress.
pub const DSNAP_NO_LIMIT: u64 = u64::MAX;

/// A flag of a request to `leave`: this line entered, the enter is over, and `misc/snapshot` contains
/// the code. So the method may ask its server to leave even if the server does not answer any other
/// question.
pub const DSNAP_SNAPSHOT_SEEN: u64 = 1;

/// Text or other bytes, with their length. They need not be UTF-8, and no NUL ends them.
///
/// The side that made the bytes owns them. Neither side frees or changes what the other one made.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct DsnapBytes {
    /// The address of the first byte. May be NULL if `len` is 0.
    pub data: *const u8,
    /// The number of bytes.
    pub len: u64,
}

/// The caller of a method: it takes messages, and may want the call to stop.
///
/// The method may call these functions from any thread, until its own function returns. They copy
/// the bytes they get, so the method may free or reuse those right after the call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct DsnapCaller {
    /// sizeof this structure, as the program knows it.
    pub size: u64,
    /// The first argument of each function below. It has no meaning for the method.
    pub context: *mut c_void,
    /// Takes a line of text. `kind` is one of `DSNAP_SAY_...`; unknown kinds are ignored.
    pub say: Option<unsafe extern "C" fn(context: *mut c_void, kind: u32, text: DsnapBytes)>,
    /// Takes progress: `done` of `of` units (0: not known), counted in `unit` ("files").
    pub progress:
        Option<unsafe extern "C" fn(context: *mut c_void, done: u64, of: u64, unit: DsnapBytes)>,
    /// Tells whether the call should end as soon as it safely can: 0 or 1. A method that waits or
    /// works must ask at least every 0.2 seconds. Once the answer is 1, the call has 20 seconds, or
    /// the rest of its time if that is less.
    pub shall_stop: Option<unsafe extern "C" fn(context: *mut c_void) -> u32>,
}

/// Everything that one call of a method needs.
///
/// The program owns the request and everything it points to. Both are valid until the method's
/// function returns. The method copies what it wants to keep longer, and writes to nothing.
// wide: the layout of the interface
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct DsnapRequest {
    /// sizeof this structure, as the program knows it.
    pub size: u64,
    /// The storage directory, as an absolute path.
    pub storage: DsnapBytes,
    /// The folder to which file names on the line are relative, as an absolute path.
    pub conf_folder: DsnapBytes,
    /// The words of the line after the method's name, unquoted. NULL is allowed if the line has no words.
    pub words: *const DsnapBytes,
    /// The number of words.
    pub word_count: u64,
    /// The code to enter, leave or look for: 1 to 64 bytes of printable ASCII, without `user/`.
    pub code: DsnapBytes,
    /// How long the call may take from its start, in milliseconds, or DSNAP_NO_LIMIT.
    pub time_left_ms: u64,
    /// The caller. Never NULL.
    pub caller: *const DsnapCaller,
    /// How long a `leave` of this line may take, in milliseconds. An `enter` must reach what its
    /// `leave` needs in this time, before it has any effect.
    pub leave_time_ms: u64,
    /// Flags, added up. A method ignores flags that it does not know.
    pub flags: u64,
}

/// One method of a library.
///
/// The library owns the table and everything it points to. All of it stays valid and unchanged
/// until the process ends; the program never unloads a library. A later release of the interface
/// may add fields at the end, so an older library has a smaller `size`.
// wide: the layout of the interface
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct DsnapMethod {
    /// sizeof this structure, as the library knows it.
    pub size: u64,
    /// The word that names the method on a line of snapshot.conf: `[a-z][a-z0-9_]*`, but not
    /// `failed`, `hint` or `malformed`, with which messages of the program begin.
    pub name: DsnapBytes,
    /// The method's own version, for people to read.
    pub version: DsnapBytes,
    /// `DSNAP_WORKS_WITH_OWNER` or `DSNAP_WORKS_WITH_NOBODY`.
    pub works_with: u32,
    /// Flags, added up. The program ignores flags that it does not know.
    pub flags: u32,
    /// Puts the storage into snapshot mode under the request's code. Returns DSNAP_HELD, _DONE,
    /// _BUSY, _UNAVAILABLE, _REFUSED, _FAILED, _UNKNOWN or _LIKELY_FAILED.
    pub enter: Option<unsafe extern "C" fn(request: *const DsnapRequest) -> i32>,
    /// Takes the storage out of the snapshot with the request's code. Succeeds if there is nothing
    /// to leave, and never ends a snapshot that has another code. Returns DSNAP_LEFT, _BUSY,
    /// _UNAVAILABLE, _REFUSED or _FAILED.
    pub leave: Option<unsafe extern "C" fn(request: *const DsnapRequest) -> i32>,
    /// Looks at the server and changes nothing. Returns DSNAP_COULD_ENTER, _IS_HELD, _BUSY,
    /// _UNAVAILABLE, _REFUSED or _CANNOT_TELL.
    pub status: Option<unsafe extern "C" fn(request: *const DsnapRequest) -> i32>,
    /// Checks the request's words before anything is tried. Returns 0 and says a reason if they
    /// cannot follow the method's name, otherwise DSNAP_WORDS_USABLE, to which it may add
    /// DSNAP_WORDS_NO_RELATIVE_FILES. May say DSNAP_SAY_LABEL. It looks at the words only: the
    /// request has no storage, no folder and no code. May be NULL, or missing from a smaller
    /// structure; then all words are usable.
    pub check_words: Option<unsafe extern "C" fn(request: *const DsnapRequest) -> u32>,
}

/// What a library offers. Its one exported function, `dsnap_entry`, returns the address of such a
/// table, which stays valid and unchanged until the process ends.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct DsnapLibrary {
    /// DSNAP_ABI_VERSION of the header with which the library was built. Unless the program has
    /// the same version, it reads nothing else.
    pub abi_version: u32,
    /// sizeof this structure, as the library knows it.
    pub size: u32,
    /// The number of methods, at least one.
    pub method_count: u64,
    /// The addresses of the methods' tables.
    pub methods: *const *const DsnapMethod,
}

/// The type of the one function that a library exports, under the name `dsnap_entry`.
pub type DsnapEntry = unsafe extern "C" fn() -> *const DsnapLibrary;

impl DsnapBytes {
    /// Describes the bytes of a slice, which must outlive the description.
    pub const fn of(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), len: bytes.len() as u64 }
    }
}

impl DsnapCaller {
    /// The size of the structure in the first release of the interface, in bytes: the least that a
    /// program passes.
    pub const SMALLEST: u64 = (core::mem::offset_of!(DsnapCaller, shall_stop)
        + size_of::<Option<unsafe extern "C" fn(*mut c_void) -> u32>>())
        as u64;
}

impl DsnapRequest {
    /// The size of the structure in the first release of the interface, in bytes: the least that a
    /// program passes.
    pub const SMALLEST: u64 =
        (core::mem::offset_of!(DsnapRequest, flags) + size_of::<u64>()) as u64;
}

impl DsnapMethod {
    /// The size of the structure in the first release of the interface, in bytes: everything up to
    /// and including `status`, the least that a library has.
    pub const SMALLEST: u64 = core::mem::offset_of!(DsnapMethod, check_words) as u64;
}
