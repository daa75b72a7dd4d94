//! The commands of `dsnap-testkit`: one file each; `print`, `choice`, `zope_options` and `zeo_options`.

pub(crate) mod choice;
pub(crate) mod conformance;
pub(crate) mod ctl;
pub(crate) mod demo;
pub(crate) mod make;
pub(crate) mod print;
pub(crate) mod run;
pub(crate) mod site;
pub(crate) mod verify;
pub(crate) mod zeo_options;
pub(crate) mod zope_options;
