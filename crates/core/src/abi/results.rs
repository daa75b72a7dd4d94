//! Result numbers, the kinds of what a method says, and what `check_words` returns.
//!
//! A number is a promise: it is never used again for something else, and a number that retires
//! stays here as a comment. No result is 0, so that a forgotten result is not taken for success.

/// `enter`: the storage is in snapshot mode under the request's code, and must be left.
pub const DSNAP_HELD: i32 = 1;
/// `enter`: the storage is closed and is a snapshot as it is. There is nothing to leave.
pub const DSNAP_DONE: i32 = 2;
/// Another snapshot, a pack or a recombination is in progress. With a reason. Waiting helps.
pub const DSNAP_BUSY: i32 = 3;
/// Nobody answers: the server is not running or cannot be reached. With a reason. Waiting helps.
pub const DSNAP_UNAVAILABLE: i32 = 4;
/// The line is wrong, or a permission is missing: a person must act. With a reason.
pub const DSNAP_REFUSED: i32 = 5;
/// Something else went wrong. From `enter`: the call certainly had no effect. With a reason.
pub const DSNAP_FAILED: i32 = 6;
/// `enter`: something was sent, and its outcome is not known. With a reason.
pub const DSNAP_UNKNOWN: i32 = 7;
/// `leave`: the snapshot is left, or there was nothing to leave.
pub const DSNAP_LEFT: i32 = 8;
/// `status`: nothing is in the way of an `enter`.
pub const DSNAP_COULD_ENTER: i32 = 9;
/// `status`: the storage is in snapshot mode. The method says the code as DSNAP_SAY_CODE.
pub const DSNAP_IS_HELD: i32 = 10;
/// `status`: the method cannot look. This is not an error.
pub const DSNAP_CANNOT_TELL: i32 = 11;
/// `enter`: the server reported an error and is in no snapshot, but something between may have
/// answered in its place while it goes on entering. With a reason. The line has failed, and nothing
/// waits; a snapshot that arrives late is left by a later run.
pub const DSNAP_LIKELY_FAILED: i32 = 12;

/// One line of text, which the program shows with `-v`.
pub const DSNAP_SAY_WORDS: u32 = 1;
/// The reason of the result that follows: one line, a lower-case fragment without a full stop. If
/// a method says several, the last one counts.
pub const DSNAP_SAY_REASON: u32 = 2;
/// What a person should do about it, in one line. Several hints are alternatives. Messages show
/// them behind the label of the line, so that they are not taken for advice of the program.
pub const DSNAP_SAY_HINT: u32 = 3;
/// `status`: the code of the snapshot, as the server says it (`user/CODE`).
pub const DSNAP_SAY_CODE: u32 = 4;
/// `check_words`: how messages name the line, in one line of text. A method whose words can
/// contain a password must say this, without the password. Otherwise messages show the words. If a
/// method says several, the last one counts; outside of `check_words` a label has no effect. Unless
/// the label begins with the name of the method, messages show the name before it.
pub const DSNAP_SAY_LABEL: u32 = 5;
/// One line of text about what the method sends or runs, or about the answer to it, which the
/// program shows with `-vv`. The method leaves passwords out.
pub const DSNAP_SAY_TRACE: u32 = 6;

/// `check_words`: the words can follow the method's name.
pub const DSNAP_WORDS_USABLE: u32 = 1;
/// A flag that `check_words` may add to DSNAP_WORDS_USABLE: no word names a file relative to
/// `conf_folder`. If root types such a line, the method keeps root's privileges. Without the flag
/// it gets those of the storage owner, unless every word is an absolute path.
pub const DSNAP_WORDS_NO_RELATIVE_FILES: u32 = 2;
