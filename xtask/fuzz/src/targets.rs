//! The targets: one file for each reader of foreign bytes.
#![allow(clippy::disallowed_methods, reason = "libFuzzer leaves a program no arguments of its own")]

mod abi_tables;
mod access;
mod answers;
mod command_line;
mod conf;
mod duration;
mod mountinfo;
mod outcome;
mod record;
mod replica;
mod settings;
mod snapshot;
mod storage;
mod xml_rpc;
mod zeo;

use crate::target::Target;

/// Names the target to run, in the environment of libFuzzer.
pub const VARIABLE: &str = "DSNAP_FUZZ_TARGET";

/// All targets, the quickest first.
pub const TARGETS: &[Target] = &[
    duration::TARGET,
    conf::TARGET,
    settings::TARGET,
    snapshot::TARGET,
    access::TARGET,
    mountinfo::TARGET,
    record::TARGET,
    xml_rpc::TARGET,
    abi_tables::TARGET,
    answers::TARGET,
    zeo::TARGET,
    replica::TARGET,
    command_line::TARGET,
];

/// Finds the target that the environment names.
///
/// # Panics
///
/// It names none.
pub fn of_environment() -> &'static Target {
    let name = std::env::var(VARIABLE).unwrap_or_default();
    let found = TARGETS.iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("{VARIABLE} names no target: {name:?}"))
}
