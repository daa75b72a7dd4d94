//! Where a static program looks up users, groups and hosts.
//!
//! A static glibc still reads `/etc/nsswitch.conf`, and loads the libraries that this file names. These are
//! built for the glibc of the machine, and two different releases in one process crash. The sources that
//! are built into glibc need no library.
#![allow(unsafe_code, reason = "no crate has a safe function for this setting of glibc")]

use std::ffi::{CStr, c_char, c_int};

/// The databases, and the sources that are built into glibc.
const DATABASES: [(&CStr, &CStr); 4] = [
    (c"passwd", c"files"),
    (c"group", c"files"),
    (c"initgroups", c"files"),
    (c"hosts", c"files dns"),
];

unsafe extern "C" {
    fn __nss_configure_lookup(database: *const c_char, sources: *const c_char) -> c_int;
}

/// Makes glibc look up users and groups in `/etc/passwd` and `/etc/group` only, and hosts in `/etc/hosts`
/// and with DNS.
pub(crate) fn use_built_in_sources() {
    for (database, sources) in DATABASES {
        // SAFETY: both are C strings that live as long as the program. glibc copies what it keeps. No other
        // thread is there yet to look something up. A failure changes nothing.
        _ = unsafe { __nss_configure_lookup(database.as_ptr(), sources.as_ptr()) };
    }
}
