//! Gives up for good, between fork and exec, what this program only lowered.
//!
//! In this program root's ids are only out of effect. A method must not be able to take them back,
//! nor use what the kernel keeps beside the ids: capabilities, and root's session keyring.
#![allow(unsafe_code, reason = "a system call for which no crate has a function")]

use std::io;

use nix::errno::Errno;
use rustix::process::{getegid, geteuid, getuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, set_capabilities,
    set_thread_res_gid, set_thread_res_uid,
};

const NO_CAPABILITIES: CapabilitySets = CapabilitySets {
    effective: CapabilitySet::empty(),
    permitted: CapabilitySet::empty(),
    inheritable: CapabilitySet::empty(),
};

/// Says whether this program acts as another user than the one who started it.
pub(super) fn are_lowered() -> bool {
    !geteuid().is_root() && getuid() != geteuid()
}

/// Makes the effective ids the real and saved ones, too. If the privileges are lowered, also drops
/// every capability and leaves the session keyring.
///
/// This runs in a forked child: it only makes system calls.
///
/// # Errors
///
/// The system refuses, or something is left afterwards. Then nothing may be executed.
pub(super) fn give_up() -> io::Result<()> {
    let (user, group, lowered) = (geteuid(), getegid(), are_lowered());
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)?;
    if lowered {
        // With some securebits the kernel keeps them all when the ids change. The inheritable ones
        // it always keeps.
        set_capabilities(None, NO_CAPABILITIES)?;
        leave_session_keyring()?;
        check_given_up(user.as_raw(), group.as_raw())?;
    }
    Ok(())
}

/// Joins a new session keyring, which is empty and belongs to the effective user.
fn leave_session_keyring() -> io::Result<()> {
    const KEYCTL_JOIN_SESSION_KEYRING: nix::libc::c_long = 1;
    let no_name = std::ptr::null::<nix::libc::c_char>();
    // SAFETY: the call reads no memory, because it gets no name.
    let joined =
        unsafe { nix::libc::syscall(nix::libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, no_name) };
    match Errno::result(joined) {
        // Where keyrings are forbidden, as in many containers, the method cannot read one either.
        Ok(_) | Err(Errno::ENOSYS | Errno::EPERM | Errno::EACCES) => Ok(()),
        // A full quota, for instance, which is that user's own doing.
        Err(error) => Err(error.into()),
    }
}

/// Checks that all ids are these, and that no capability is left in any set.
fn check_given_up(user: u32, group: u32) -> io::Result<()> {
    // The kernel has already dropped the ambient ones, which are never more than the permitted
    // ones. Kernels that do not know the call have none.
    let _ = clear_ambient_capability_set();
    let (users, groups) = (nix::unistd::getresuid()?, nix::unistd::getresgid()?);
    let users = [users.real, users.effective, users.saved].map(nix::unistd::Uid::as_raw);
    let groups = [groups.real, groups.effective, groups.saved].map(nix::unistd::Gid::as_raw);
    let given_up = users == [user; 3]
        && groups == [group; 3]
        && capabilities(None)? == NO_CAPABILITIES
        && !has_ambient_capabilities();
    if given_up { Ok(()) } else { Err(Errno::EPERM.into()) }
}

fn has_ambient_capabilities() -> bool {
    /// The kernel numbers capabilities with the bits of a 64-bit set.
    const MAX_CAPABILITIES: nix::libc::c_ulong = 64;
    const ASK: nix::libc::c_ulong = nix::libc::PR_CAP_AMBIENT_IS_SET as nix::libc::c_ulong;
    const UNUSED: nix::libc::c_ulong = 0;
    // SAFETY: the call only asks about a number; one that is no capability is an error.
    let is_set = |number: nix::libc::c_ulong| unsafe {
        nix::libc::prctl(nix::libc::PR_CAP_AMBIENT, ASK, number, UNUSED, UNUSED)
    };
    (0..MAX_CAPABILITIES).any(|number| is_set(number) == 1)
}
