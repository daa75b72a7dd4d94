//! The targets: one file for each reader of foreign bytes.

pub(crate) mod abi_tables;
pub(crate) mod access;
pub(crate) mod answers;
pub(crate) mod command_line;
pub(crate) mod conf;
pub(crate) mod duration;
pub(crate) mod mounts;
mod outcome;
pub(crate) mod record;
pub(crate) mod replica;
pub(crate) mod settings;
pub(crate) mod snapshot;
mod storage;
pub(crate) mod xml_rpc;
pub(crate) mod zeo;
