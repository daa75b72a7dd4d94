//! Result numbers, and the kinds of what a method says. A number is a promise: it is never used
//! again for something else, and one that retires stays here as a comment. 0 is none of them, so
//! that a forgotten result is not taken for success.

/// `enter`: in snapshot mode under the request's code. The caller must leave it again.
pub const DSNAP_HELD: i32 = 1;
/// `enter`: the storage is closed and a snapshot; there is nothing to leave.
pub const DSNAP_DONE: i32 = 2;
/// Another snapshot, a pack or a recombination is in the way. With a reason; waiting helps.
pub const DSNAP_BUSY: i32 = 3;
/// Not to be had: not reachable, not running. With a reason; waiting helps.
pub const DSNAP_UNAVAILABLE: i32 = 4;
/// Bad words on the line, or no permission: a person must act. With a reason.
pub const DSNAP_REFUSED: i32 = 5;
/// Anything else; from `enter`: known to have had no effect. With a reason.
pub const DSNAP_FAILED: i32 = 6;
/// `enter`: something was sent and the answer is missing. With a reason.
pub const DSNAP_UNKNOWN: i32 = 7;
/// `leave`: left, or there was nothing to leave.
pub const DSNAP_LEFT: i32 = 8;
/// `status`: `enter` would find nothing in its way.
pub const DSNAP_COULD_ENTER: i32 = 9;
/// `status`: a snapshot is held; its code is said as DSNAP_SAY_CODE.
pub const DSNAP_IS_HELD: i32 = 10;
/// `status`: the method has no way to look. No error.
pub const DSNAP_CANNOT_TELL: i32 = 11;

/// A line of words, shown with `-v`.
pub const DSNAP_SAY_WORDS: u32 = 1;
/// The reason of the result that follows: one line, a fragment in lower case without a full
/// stop. Of several the last counts.
pub const DSNAP_SAY_REASON: u32 = 2;
/// What a person should do about it: one line. Of several each is one way.
pub const DSNAP_SAY_HINT: u32 = 3;
/// `status`: the code that is held, as the server says it (`user/CODE`).
pub const DSNAP_SAY_CODE: u32 = 4;
