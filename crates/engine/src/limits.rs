//! Every limit: how long things may take, and how large they may be. Nothing else stands here.

use std::time::Duration;

// Asking a server or a method.

/// How long connecting to a server may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long connecting to one of several addresses of a server may take at first.
pub const ADDRESS_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the beginning of an error page may take, once its status has arrived.
pub const ERROR_PAGE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the answer to an `enter` may take, unless the line says `timeout=`.
pub const ENTER_TIMEOUT: Duration = Duration::from_secs(300);
/// How long the answer to a `leave` or `status` may take, unless the line says `timeout=`.
pub const LEAVE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the answer to something already sent is waited for once the program was asked to end.
pub const LAST_ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a library may take to describe itself, or to check the words of a line.
pub const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long after its time a call in its own process ends by itself if its program is gone.
pub const ABANDONED_CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an isolated process, or COMMAND under `--max-hold`, may take to end after it was killed. One
/// that became another user cannot be killed by every caller, and one that waits for a broken disk ends
/// late or never.
pub const KILL_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a method that waits or works asks whether it should stop, at least.
pub const STOP_POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How often the program looks for a signal when a method asks whether to stop, at most.
pub const STOP_LOOK_INTERVAL: Duration = Duration::from_millis(1);

// Entering and leaving.

/// How long an enter without an answer is waited for, and how long after its code appeared it counts
/// as over if the server keeps `misc/sublock`.
pub const PENDING_ENTER_TIMEOUT: Duration = Duration::from_secs(5);
/// The same once the program was asked to end, counted from then on.
pub const PENDING_ENTER_TIMEOUT_AFTER_STOP: Duration = Duration::from_secs(25);
/// How long leaving is retried, at least.
pub const LEAVE_RETRY_TIMEOUT: Duration = Duration::from_secs(60);
/// How often leaving is tried, at least.
pub const MIN_LEAVE_TRIES: u32 = 3;
/// The pause between two tries to leave.
pub const LEAVE_RETRY_INTERVAL: Duration = Duration::from_secs(2);
/// How long `misc/sublock` is tried after a server let go of it: another process may just be
/// looking.
pub const SUBLOCK_TIMEOUT: Duration = Duration::from_secs(1);
/// How long after the TERM of `--max-hold` COMMAND is killed, unless `-k` says otherwise.
pub const OVERDUE_KILL_AFTER: Duration = Duration::from_secs(30);
/// How long a server that is recombining is waited for, whatever `-t` says.
pub const RECOMBINING_TIMEOUT: Duration = Duration::from_secs(300);
/// The pause between two tries while the server is recombining.
pub const RECOMBINING_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The pause between two looks at a file or lock that is about to change.
pub const FILE_POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How long the descriptors of other processes are searched for the one that holds a lock. A user
/// can have a great many of them; if the time is up, the holder is one that cannot be seen.
pub const HOLDER_SEARCH_TIMEOUT: Duration = Duration::from_secs(3);
/// The pause between two tries of a run, unless `-s` gives another.
pub const DEFAULT_RETRY_PAUSE: Duration = Duration::from_secs(10);
/// The shortest pause between two tries: `-s` with less counts as this.
pub const MIN_RETRY_PAUSE: Duration = Duration::from_millis(100);
/// The longest DURATION, a hundred years of 365.25 days: more is a slip of the finger.
pub const MAX_DURATION: Duration = Duration::from_secs(3_155_760_000);
/// How long a snapshot may last before somebody should look.
pub const LONG_SNAPSHOT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long files are counted for `--status`, in each folder.
pub const COUNT_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a method that moves files reports its progress.
pub const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);
/// The shortest time after which the rate of progress says something.
pub const MIN_RATE_TIME: Duration = Duration::from_millis(500);
/// How often progress is written as a message, where there is no live line.
pub const PROGRESS_MESSAGE_INTERVAL: Duration = Duration::from_secs(1);
/// How often the live line is updated while the program waits.
pub const LIVE_LINE_INTERVAL: Duration = Duration::from_secs(1);
/// How often the progress of an isolated process is passed on, at most.
pub const MIN_PROGRESS_INTERVAL: Duration = Duration::from_millis(250);
/// The pause between two reads from a process that has written more than [`MAX_CALL_OUTPUT`]: what
/// it writes is not shown any more.
pub const FLOOD_PAUSE: Duration = Duration::from_millis(20);

// Sizes, in bytes unless they say otherwise.

/// How much output of a method is shown in one call.
pub const MAX_CALL_OUTPUT: usize = 1 << 20;
/// The address space of a process in which a loaded method is called.
pub const MAX_ADDRESS_SPACE: u64 = 2 << 30;
/// The answer of a server, or all answers in one call of a loaded method.
pub const MAX_ANSWER: usize = 1 << 20;
/// How much longer the answers of a loaded method may become with each second of the call: its
/// progress.
pub const MAX_ANSWER_PER_SECOND: usize = 4096;
/// The words that a loaded method says in one call, in the form in which they are answered. The
/// rest is not passed on, so that there is room for the result.
pub const MAX_SAID_WORDS: usize = 1 << 19;
/// The unit of progress. The rest is cut off.
pub const MAX_UNIT: usize = 64;
/// A conf file.
pub const MAX_CONF_FILE: u64 = 1 << 20;
/// The lines of a conf file that are tried, in number. The rest is only counted.
pub const MAX_USABLE_LINES: usize = 100;
/// The malformed lines of a conf file that are named, in number. The rest is only counted.
pub const MAX_MALFORMED_LINES: usize = 20;
/// The files in `B/` from which on somebody should look, in number: they are moved after the snapshot.
pub const LARGE_B_FILES: u64 = 100_000;
/// `config/settings`.
pub const MAX_SETTINGS_FILE: u64 = 1 << 20;
/// `/etc/passwd`.
pub(crate) const MAX_DATABASE_FILE: u64 = 64 << 20;
/// A lock file, `misc/dsnap.lock` included.
pub const MAX_LOCK_FILE: u64 = 1 << 20;
/// `misc/snapshot`: no server writes more, and the rest of a longer file cannot be known.
pub const MAX_SNAPSHOT_FILE: u64 = 4096;
/// Records in `misc/dsnap.lock`, in number; the oldest are dropped.
pub const MAX_RECORDS: usize = 64;
/// The table of mounts. What does not fit is unknown.
pub const MAX_MOUNT_TABLE: u64 = 16 << 20;
/// The table of locks. What does not fit is unknown.
pub const MAX_LOCK_TABLE: u64 = 16 << 20;
/// `/etc/machine-id`: 32 digits and a line feed.
pub const MAX_MACHINE_ID: u64 = 64;
/// What the system says about one descriptor: locks stand at the beginning.
pub const MAX_FDINFO: u64 = 4096;
/// Symbolic links followed on one path, in number: as many as Linux follows.
pub const MAX_SYMLINKS: usize = 40;
/// Interpreters of interpreters that are looked up for a script, in number: as many as Linux starts.
pub const MAX_INTERPRETERS: u32 = 5;
/// The beginning of a program, in bytes: as much as Linux reads to find its interpreter.
pub const MAX_INTERPRETER_LINE: u64 = 256;
/// The first line of an access file, in bytes.
pub const MAX_ACCESS_LINE: usize = 4096;
/// A file of trusted certificates, in bytes.
pub const MAX_CA_FILE: usize = 1 << 20;
/// The headers of a server's answer, in number. Some sites set more than a hundred cookies.
pub const MAX_RESPONSE_HEADERS: usize = 1000;
/// How much of an error page is read.
pub const MAX_ERROR_PAGE: usize = 1 << 16;
/// The smallest RSA key of a server or authority, in bits: ring, which checks the signatures, accepts
/// no smaller one.
pub const MIN_RSA_BITS: usize = 2048;
/// How deep the elements of an XML-RPC response may be nested. A fault is 7 deep.
pub const MAX_XML_DEPTH: usize = 64;
/// How much of one message of a ZEO server is kept. Replies are short; the rest of any other message is
/// only counted.
pub const MAX_ZEO_MESSAGE: usize = 1 << 16;
/// How much of a ZEO server's message is read at a time.
pub const ZEO_CHUNK: usize = 1 << 13;
/// The operations of one pickle, in number. The longest reply of a ZEO server has about 40. This also
/// bounds how deep its values are nested.
pub const MAX_PICKLE_OPERATIONS: usize = 500;
/// The version that a ZEO server announces, in bytes.
pub const MAX_ZEO_VERSION: usize = 16;
/// A text that is used of a ZEO server's reply: a snapshot code, what an exception says. The rest is cut
/// off.
pub const MAX_ZEO_TEXT: usize = 4096;
/// The challenge of a ZEO server that asks for a password, in bytes. It has 40.
pub const MAX_ZEO_CHALLENGE: usize = 255;
/// The path of a socket, in bytes: as much as Linux accepts.
pub const MAX_SOCKET_PATH: usize = 107;
/// How many characters of a server's exception a message shows.
pub const MAX_SHOWN_FAULT_CHARS: usize = 300;
/// The shortest secret that is masked where it stands in a server's words, in characters. Words with a
/// shorter one are not shown at all.
pub const MIN_MASKED_IN_PLACE: usize = 8;
/// The longest words of a server in which secrets are looked for, in bytes. Longer ones are not shown.
pub const MAX_MASKED_WORDS: usize = 1 << 16;
/// Under how many layers of escapes (a URL in XML in JSON) a secret is looked for.
pub const MAX_ESCAPE_LAYERS: usize = 3;
/// How many characters of a wrong value in `config/settings` a message shows.
pub const MAX_SHOWN_SETTING_CHARS: usize = 100;
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
/// The headers of one member of a replica: a long name and a pax header, in bytes.
pub const MAX_ARCHIVE_HEADER: u64 = 1 << 16;
/// What a recovery keeps in memory of the folders of a replica, in bytes.
pub const MAX_REPLICA_FOLDERS: usize = 128 << 20;
/// How much of a replica's file is copied before the caller is asked whether to stop.
pub const COPY_CHUNK: usize = 1 << 18;
/// The files of the journal that a recovery moves between two syncs, in number. Their names are in memory,
/// a few megabytes.
pub const MAX_BATCH_FILES: usize = 1 << 15;
/// How many entries of a folder are in memory at a time, in number.
pub const MAX_LISTED: usize = 1 << 12;
/// How many folders each thread of a recovery keeps open because the next files may go there, in number.
pub const MAX_RECENT_FOLDERS: usize = 128;
/// The threads that share the work of a recovery, in number.
pub const MAX_WORKERS: usize = 4;
/// The transactions from which on threads share the work, in number. For fewer, to start threads would take
/// as long as they save.
pub const MIN_SHARED: usize = 128;
/// How deep folders may be nested in `B/`, and in an unfinished transaction: no format of
/// DirectoryStorage needs more than 12.
pub const MAX_FOLDER_DEPTH: u32 = 64;
/// How much of an older file of `--metrics` is read, in bytes.
pub const MAX_OLD_METRICS: u64 = 1 << 20;
/// The pause between two rounds of `--status --watch`.
pub const WATCH_INTERVAL: Duration = Duration::from_secs(2);
