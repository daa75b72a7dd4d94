//! How long things may take, and how large they may be. All of these numbers stand here.

use std::time::Duration;

/// Connecting to a server.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The answer to an `enter`.
pub const ENTER_TIMEOUT: Duration = Duration::from_secs(300);
/// The answer to a `leave` or `status`.
pub const LEAVE_TIMEOUT: Duration = Duration::from_secs(15);
/// The answer to something that was sent before the program was asked to end.
pub const LAST_ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// What a library says of itself, and whether it takes the words of a line.
pub const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long after its time a call in a process of its own ends by itself, its program being gone.
pub const ABANDONED_CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How many words of a method are shown in one call, in bytes.
pub const MAX_CALL_OUTPUT: usize = 1 << 20;
/// The address space of a process in which a loaded method is called, in bytes.
pub const MAX_ADDRESS_SPACE: u64 = 2 << 30;
/// How often a method that waits asks whether it shall stop, at least.
pub const STOP_POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How large an answer may be, in bytes.
pub const MAX_ANSWER: usize = 1 << 20;
/// For how long an enter without an answer is watched; and how long after its code appeared it
/// is over, should the server keep `misc/sublock`.
pub const PENDING_ENTER_TIMEOUT: Duration = Duration::from_secs(5);
/// The same after the program was asked to end, from then on.
pub const PENDING_ENTER_TIMEOUT_AFTER_STOP: Duration = Duration::from_secs(25);
/// Leaving altogether: it is tried for at least so long...
pub const LEAVE_RETRY_TIMEOUT: Duration = Duration::from_secs(60);
/// ...and at least so often.
pub const MIN_LEAVE_TRIES: u32 = 3;
/// Between two tries to leave.
pub const LEAVE_RETRY_INTERVAL: Duration = Duration::from_secs(2);
/// For how long `misc/sublock` is tried after a server let go of it: somebody may be looking.
pub const SUBLOCK_TIMEOUT: Duration = Duration::from_secs(1);
/// For how long tries are made after this run itself left an earlier one's snapshot: the server
/// puts its files together first, and that is nobody's use of it.
pub const RECOMBINING_TIMEOUT: Duration = Duration::from_secs(300);
/// The pause between two tries then: with few files it takes milliseconds.
pub const RECOMBINING_POLL_INTERVAL: Duration = Duration::from_millis(500);
/// How long the server's last step may take, after it put its last file in place.
pub const RECOMBINING_LAST_STEP_TIMEOUT: Duration = Duration::from_secs(2);
/// Between two looks at something that is about to change.
pub const FILE_POLL_INTERVAL: Duration = Duration::from_millis(20);
/// `-s`: the pause between two tries, unless the user says another.
pub const DEFAULT_RETRY_PAUSE: Duration = Duration::from_secs(10);
/// `-s`: a shorter pause counts as this one.
pub const MIN_RETRY_PAUSE: Duration = Duration::from_millis(100);
/// The size of a conf file, in bytes.
pub const MAX_CONF: u64 = 1 << 20;
/// The methods that one library may offer.
pub const MAX_METHODS_PER_LIBRARY: u64 = 64;
/// The name or version of a method in a library, in bytes. A longer one is ignored.
pub const MAX_METHOD_NAME: u64 = 256;
/// One text that a loaded method says, in bytes. The rest is cut off.
pub const MAX_SAID_TEXT: usize = 8192;
/// The hints of one result that are shown.
pub const MAX_HINTS: usize = 5;
/// One line of what an isolated process prints or answers, in bytes. The rest is cut off.
pub const MAX_OUTPUT_LINE: usize = 1 << 16;
