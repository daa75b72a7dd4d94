//! What the program writes, and how it looks: the live line, colours, and priorities in the journal.
//!
//! [`output`] is the only file that writes. Which messages are shown is decided in
//! [`report`](crate::report); what `--json` and the result files contain is in
//! [`documents`](crate::documents).

mod estimate;
pub(crate) mod journal;
pub(crate) mod live;
pub(crate) mod output;
pub(crate) mod phases;
mod style;
