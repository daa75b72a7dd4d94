//! Why the simulated server refuses a call.

/// The reason of a refused call; the toolkit reports each as a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerError {
    /// The storage is in use: the code of the other snapshot.
    InUse(String),
    /// The code is not the snapshot's: the given code, and the real one if there is a snapshot.
    BadCode(String, Option<String>),
    /// Another process holds `misc/sublock`.
    SublockHeld,
    /// The code is not ASCII. The snapshot is broken now.
    NotAscii(String),
    /// The disk is full. The snapshot is broken now.
    DiskFull,
    /// The server has ended.
    Ended,
}
