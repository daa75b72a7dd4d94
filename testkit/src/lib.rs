//! To rehearse dsnap, and scripts that use it, without a site: storages in every state that a
//! server or a crash can leave, and a verdict on copies of them.
//!
//! [`Fixture`] makes a storage and knows, in its [`Ledger`], what was committed to it;
//! [`Tree`](tree::Tree) proves that something did not change; [`locks::Holder`] is another
//! process that holds a lock; [`contract`] holds snapshot methods to what they owe. The layout's rules are `dsnap-core`'s, never a second copy.
#![forbid(unsafe_code)]

pub mod contract;
pub mod control;
mod fixture;
mod ledger;
pub mod locks;
mod marker;
pub mod site;
mod transactions;
pub mod tree;
mod writing;

pub use dsnap_engine::storage::format::Format;
pub use fixture::{Builder, Fixture, State};
pub use ledger::{Ledger, Verdict};
pub use site::Site;
pub use transactions::{Class, Transaction};
