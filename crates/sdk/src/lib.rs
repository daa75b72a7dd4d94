//! For authors of snapshot methods: from a [`SnapshotMethod`] in Rust to a library that dsnap
//! loads.
//!
//! ```
//! use dsnap_sdk::{Entered, Left, Request, SnapshotMethod, Status};
//!
//! #[derive(Debug)]
//! struct Lvm;
//!
//! impl SnapshotMethod for Lvm {
//!     fn name(&self) -> &str {
//!         "lvm"
//!     }
//! #   fn enter(&self, _: &Request<'_>) -> Entered { Entered::Done }
//! #   fn leave(&self, _: &Request<'_>) -> Left { Left::Left }
//! #   fn status(&self, _: &Request<'_>) -> Status { Status::CannotTell }
//!     // enter, leave, status ...
//! }
//!
//! dsnap_sdk::export!(Lvm);
//! ```
//!
//! in a package whose `[lib]` has `crate-type = ["cdylib"]` and the name `dsnap_lvm` gives
//! `libdsnap_lvm.so`. The contract of a method is on the page of [`dsnap_core::method`];
//! `docs/writing-a-method.md` goes through it from an empty folder.
//!
//! A panic does not cross into the program: it becomes [`Entered::Unknown`], because nobody knows
//! how far `enter` came, and otherwise a failure. So no profile may say `panic = "abort"`.

mod caller;
mod fence;
mod table;

pub use dsnap_core::method::{
    Caller, CheckedLine, Entered, Left, Message, Request, SnapshotMethod, Status, WorksWith,
};
pub use dsnap_core::{Code, Reason};

#[doc(hidden)]
pub mod export {
    //! What [`export!`](crate::export) expands to.

    pub use crate::table::{Shelf, check_words, enter, leave, status};
    pub use dsnap_core::abi::{DsnapLibrary, DsnapMethod, DsnapRequest};

    /// Where an exported function finds its method.
    pub trait Provide {
        /// The method.
        fn method() -> &'static dyn crate::SnapshotMethod;
    }
}

/// Exports methods from a library: `export!(One, Two { option: 1 });`. To be used once in a
/// `cdylib`, which offers them under the names that they give themselves; a line of
/// `snapshot.conf` with the name N loads `libdsnap_N.so`, so several methods need a link each.
#[macro_export]
macro_rules! export {
    ($($method:expr),+ $(,)?) => {
        const _: () = {
            static SHELF: $crate::export::Shelf = $crate::export::Shelf::new();

            /// The one function by which dsnap knows a plugin.
            #[allow(unsafe_code, reason = "the name is the interface's")]
            #[unsafe(no_mangle)]
            pub extern "C" fn dsnap_entry() -> *const $crate::export::DsnapLibrary {
                SHELF.library(env!("CARGO_PKG_VERSION"), || vec![$({
                    struct Provided;

                    impl $crate::export::Provide for Provided {
                        fn method() -> &'static dyn $crate::SnapshotMethod {
                            static METHOD: ::std::sync::OnceLock<
                                ::std::boxed::Box<dyn $crate::SnapshotMethod>,
                            > = ::std::sync::OnceLock::new();
                            &**METHOD.get_or_init(|| ::std::boxed::Box::new($method))
                        }
                    }

                    $crate::export::Shelf::row::<Provided>()
                }),+])
            }
        };
    };
}
