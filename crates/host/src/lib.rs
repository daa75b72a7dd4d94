//! Finds snapshot methods and calls them. For programs that run methods.
//!
//! The [`Registry`] is one list of linked methods and of methods in libraries; the run cannot tell
//! them apart. A library is loaded only if no one but root and the user with whose privileges its
//! line is called can change it. Each call of a library happens in a process of its own, which may
//! crash: see [`isolated`].
//!
//! `main` of such a program begins with [`answer_isolated_call`].
//!
//! Without the feature `loading` (on by default), only linked methods can be used.
//!
//! Deliberately elsewhere: exporting methods from a library (`dsnap-sdk`), and which method a run
//! tries when (`dsnap-engine`).

#[cfg(feature = "loading")]
mod child;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod isolated;
#[cfg(feature = "loading")]
mod library;
mod lines;
mod loaded;
mod registry;
mod search;
pub mod signals;
#[cfg(all(target_feature = "crt-static", target_env = "gnu"))]
mod static_lookup;
mod wire;

#[cfg(feature = "loading")]
pub use child::answer_isolated_call;
pub use registry::{CAN_LOAD, KIND_OF_BUILD, ListedMethod, MethodDetails, Registry};

/// Answers nothing: this build loads no library, so no call needs a process of its own. In a static
/// program, this settles where users, groups and hosts are looked up.
#[cfg(not(feature = "loading"))]
pub fn answer_isolated_call() {
    #[cfg(all(target_feature = "crt-static", target_env = "gnu"))]
    static_lookup::use_built_in_sources();
}

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
