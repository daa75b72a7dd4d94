//! The commands of `dsnap-testkit`.

pub(crate) mod demo;
pub(crate) mod make;
pub(crate) mod say;
