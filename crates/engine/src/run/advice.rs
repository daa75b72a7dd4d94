//! The next steps that a failed run and `--status` both name, as commands.

use crate::quoting::quoted;
use crate::storage::Storage;
use crate::storage::main_lock::Openness;

/// Says how a storage is recovered that its server has not closed.
pub(crate) fn recover(storage: &Storage, openness: Openness) -> String {
    let command = recover_command(storage);
    match openness {
        Openness::Unknown => format!("if no server has it open, on any machine: {command}"),
        Openness::Open | Openness::Closed => {
            format!("start its server once, or recover it with direct access: {command}")
        }
    }
}

/// Writes the command that recovers a storage with direct access.
pub(crate) fn recover_command(storage: &Storage) -> String {
    format!("dsnap --storage {} --method direct", quoted(storage.root()))
}
