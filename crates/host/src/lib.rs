//! For programs that run snapshot methods: which there are, and how they are called.
//!
//! The [`Registry`] makes one list of methods that are linked in and of libraries that a line
//! names, and neither the run nor `dsnap-core` can tell which is which. A library is loaded only
//! if nobody but root and the user whose rights the line has can change it, and each call of it
//! happens in a process of its own, which may crash: see [`isolated`].
//!
//! `main` of such a program begins with [`answer_isolated_call`].

mod child;
pub mod isolated;
mod library;
mod lines;
mod loaded;
mod registry;
mod search;
mod wire;

pub use child::answer_isolated_call;
pub use registry::{About, CAN_LOAD, Listed, Registry};
