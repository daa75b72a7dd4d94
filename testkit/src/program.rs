//! The commands of `dsnap-testkit`.

pub(crate) mod conformance;
pub(crate) mod control;
pub(crate) mod demo;
pub(crate) mod make;
pub(crate) mod rehearse;
pub(crate) mod say;
pub(crate) mod site;
pub(crate) mod verify;
