//! Which system calls can be made to fail, with which errors, and how a run may end then.

use crate::strace::Call;

/// The errors: a full disk, a broken one, a lack of permission, too many open files.
pub(crate) const ERRORS: [&str; 4] = ["ENOSPC", "EIO", "EACCES", "EMFILE"];

/// The exit statuses of a run without COMMAND.
pub(crate) const NOT_RUN: [i32; 4] = [75, 125, 126, 127];
/// The exit statuses of a run with a COMMAND that succeeds.
pub(crate) const RUN: [i32; 2] = [0, 122];

/// Calls that are not made to fail:
///
/// - Those about memory, those that end something or only wait, and those that fail only if a program misuses
///   them. (After a failed `getgroups`, dsnap ends with a panic on purpose, before it works with wrong privileges.)
/// - `close`: a failed one still closes, but not under strace.
const NEVER_FAIL: &str = " close exit_group mmap munmap mprotect brk madvise mremap futex wait4 waitid \
    restart_syscall sched_yield rt_sigreturn rt_sigaction rt_sigprocmask sigaltstack getpid getppid gettid \
    getuid geteuid getgid getegid getgroups getrandom prlimit64 rseq set_robust_list set_tid_address ";

/// Says whether a call can be made to fail.
pub(crate) fn can_fail(call: &Call) -> bool {
    !NEVER_FAIL.contains(&format!(" {} ", call.name))
}
