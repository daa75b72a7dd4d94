//! The list of targets.
#![allow(clippy::disallowed_methods, reason = "libFuzzer leaves a program no arguments of its own")]

use crate::targets::{
    abi_tables, access, answers, command_line, conf, duration, mounts, record, replica, settings,
    snapshot, xml_rpc, zeo,
};

/// Names the target to run, in the environment of libFuzzer.
pub const VARIABLE: &str = "DSNAP_FUZZ_TARGET";

/// A reader of foreign bytes, and what must hold for all bytes.
#[derive(Debug)]
pub struct Target {
    /// The name on the command line, and of the file in `corpus`.
    pub name: &'static str,
    /// What is read, and what must hold, for the table in docs/promises.md.
    pub property: &'static str,
    /// Panics if the property does not hold for these bytes.
    pub check: fn(&[u8]),
    /// The longest input that finds anything new, in bytes.
    pub longest: usize,
}

/// All targets, the quickest first.
pub const TARGETS: &[Target] = &[
    duration::TARGET,
    conf::TARGET,
    settings::TARGET,
    snapshot::TARGET,
    access::TARGET,
    mounts::TARGET,
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
