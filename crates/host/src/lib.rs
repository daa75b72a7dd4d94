//! Finds snapshot methods and calls them. For programs that run methods.
//!
//! The [`Registry`] is one list of linked methods and of methods in libraries; the run cannot tell
//! them apart. A library is loaded only if no one but root and the user with whose privileges its
//! line is called can change it. Each call of a library happens in a process of its own, which may
//! crash: see [`isolated`].
//!
//! `main` of such a program begins with [`answer_isolated_call`].
//!
//! Deliberately elsewhere: exporting methods from a library (`dsnap-sdk`), and which method a run
//! tries when (`dsnap-engine`).

mod child;
pub mod isolated;
mod library;
mod lines;
mod loaded;
mod registry;
mod search;
pub mod signals;
#[cfg(all(target_feature = "crt-static", target_env = "gnu"))]
mod static_lookup;
mod wire;

pub use child::answer_isolated_call;
pub use registry::{CAN_LOAD, ListedMethod, MethodDetails, Registry};
