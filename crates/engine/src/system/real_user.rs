//! The user who started the program, for what lowered privileges must not hinder: looking at other
//! processes, and ending those that this program started.

use nix::unistd;

/// Says whether root works with another user's privileges now.
pub(crate) fn is_lowered() -> bool {
    unistd::getuid().is_root() && !unistd::geteuid().is_root()
}

/// Looks at other processes, or sends them a signal, as the user who started the program: with
/// lowered privileges, `/proc` does not show which files root's processes have open. `work` must do
/// nothing else.
pub fn as_real_user<T>(work: impl FnOnce() -> T) -> T {
    let lowered = unistd::geteuid();
    let raised = unistd::getuid() != lowered && unistd::seteuid(unistd::getuid()).is_ok();
    let result = work();
    if raised {
        // Going back to an id that this process had a moment ago does not fail.
        let _ = unistd::seteuid(lowered);
    }
    result
}
