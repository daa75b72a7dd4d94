//! The commands of `dsnap-testkit`: one file each, and `print`.

pub(crate) mod conformance;
pub(crate) mod ctl;
pub(crate) mod demo;
pub(crate) mod make;
pub(crate) mod print;
pub(crate) mod run;
pub(crate) mod site;
pub(crate) mod verify;
