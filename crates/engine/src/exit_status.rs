//! Exit statuses. All of them stand here, and none is ever reused for something else.

/// COMMAND ran and the guarantee was broken meanwhile, or it ended with 0 and the snapshot
/// could not be left, or the tool failed afterwards.
pub const BROKEN: u8 = 122;
/// COMMAND was ended because of `--max-hold`, and the storage was left.
pub const OVERDUE: u8 = 124;
/// COMMAND was not run: the storage was in use, for all the time that `-t` allows, or `--max-hold` was
/// over before COMMAND could start.
pub const IN_USE: u8 = 75;
/// COMMAND was not run: the tool failed or was misused.
pub const FAILED: u8 = 125;
/// COMMAND cannot be executed.
pub const CANNOT_EXECUTE: u8 = 126;
/// COMMAND cannot be found.
pub const NOT_FOUND: u8 = 127;

/// 128+N: killed or stopped by signal N.
pub fn by_signal(signal: i32) -> u8 {
    128u8.wrapping_add(u8::try_from(signal).unwrap_or(0))
}
