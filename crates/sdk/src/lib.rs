//! Turns a [`SnapshotMethod`] in Rust into a library that dsnap loads. For authors of methods.
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
//! In a package whose `[lib]` has `crate-type = ["cdylib"]` and the name `dsnap_lvm`, this makes
//! `libdsnap_lvm.so`. The module [`dsnap_core::method`] states what a method must do.
//! `docs/writing-a-method.md` starts from an empty folder.
//!
//! A panic does not cross into the program. In `enter` it becomes [`Entered::Unknown`], because
//! nobody knows how far the call came. Elsewhere it becomes a failure. So do not set
//! `panic = "abort"` in a profile.
//!
//! Deliberately elsewhere: the program's side of the same interface (`dsnap-host`).

mod fence;
mod request_view;
mod table;

pub use dsnap_core::method::{
    Caller, CheckedLine, Entered, Left, Message, Request, SnapshotMethod, Status, WorksWith,
};
pub use dsnap_core::{Code, Reason};

#[doc(hidden)]
pub mod export {
    //! What the macro [`export!`](crate::export) needs of this crate. Not for authors.

    pub use crate::table::{ExportTable, check_words, enter, leave, status};
    pub use dsnap_core::abi::{DsnapLibrary, DsnapMethod, DsnapRequest};

    /// Gives an exported function its method.
    pub trait Provide {
        /// Returns the method.
        fn method() -> &'static dyn crate::SnapshotMethod;
    }
}

/// Exports methods from a library: `export!(One, Two { option: 1 });`.
///
/// Use it once in a `cdylib`. The library offers each method under the method's own name. A line of
/// `snapshot.conf` that begins with the name N loads `libdsnap_N.so`, so a library with several
/// methods needs a symbolic link for each other name.
#[macro_export]
macro_rules! export {
    ($($method:expr),+ $(,)?) => {
        const _: () = {
            static TABLE: $crate::export::ExportTable = $crate::export::ExportTable::new();

            /// Returns the library's table: the one function that dsnap looks for.
            #[allow(unsafe_code, reason = "the name is the interface's")]
            #[unsafe(no_mangle)]
            pub extern "C" fn dsnap_entry() -> *const $crate::export::DsnapLibrary {
                TABLE.library(env!("CARGO_PKG_VERSION"), || vec![$({
                    struct Provided;

                    impl $crate::export::Provide for Provided {
                        fn method() -> &'static dyn $crate::SnapshotMethod {
                            static METHOD: ::std::sync::OnceLock<
                                ::std::boxed::Box<dyn $crate::SnapshotMethod>,
                            > = ::std::sync::OnceLock::new();
                            &**METHOD.get_or_init(|| ::std::boxed::Box::new($method))
                        }
                    }

                    $crate::export::ExportTable::method::<Provided>()
                }),+])
            }
        };
    };
}

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
