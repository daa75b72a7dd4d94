//! Rehearse dsnap, and scripts that use it, without a real site: storages in every state that a
//! server or a crash can leave, and verdicts on copies of them.
//!
//! [`Site`] simulates a live site, [`Fixture`] makes a storage that no process has open. Both know,
//! in a [`Ledger`], which transactions were committed. [`Tree`](tree::Tree) proves that files did
//! not change, [`locks::Holder`] is another process that holds a lock, and [`contract`] tests
//! snapshot methods. The layout's rules are those of `dsnap-engine`, never a second copy.
//!
//! Dependencies between the modules point down this list only: `program`; `contract`; `control`; `site`;
//! `fixture`; `marker`; `ledger`; `transactions`, `writing`; `locks` and `tree` stand alone.
#![forbid(unsafe_code)]

pub mod contract;
pub mod control;
mod fixture;
mod ledger;
pub mod locks;
mod marker;
pub mod program;
pub mod site;
mod transactions;
pub mod tree;
mod writing;

pub use dsnap_engine::storage::format::Format;
pub use fixture::{Builder, Fixture, State};
pub use ledger::{Ledger, MomentVerdict, Verdict};
pub use site::Site;
pub use transactions::{Class, Transaction};

/// What dsnap itself locks and writes down in a storage, for programs that check what a run left behind.
pub mod left_behind {
    pub use dsnap_engine::record::entry::Record;
    pub use dsnap_engine::record::evidence::Evidence;
    pub use dsnap_engine::record::run_lock::RunLock;
    pub use dsnap_engine::record::run_record::RunRecord;
    pub use dsnap_engine::system::flock::FileLock;
    pub use dsnap_engine::system::process::ProcessId;
}
