//! Live sites for whole runs: a server that commits, a COMMAND that checks its own snapshot, and checks of what
//! remains.
//!
//! Dependencies point down this list only: `judge`; `scene`; `gate`, `equipment`; `notes`, `tool`; `method`;
//! `waiting`, `broken`.

mod broken;
mod equipment;
mod gate;
mod judge;
mod method;
mod notes;
mod scene;
mod tool;
mod waiting;

pub(crate) use broken::{Broken, Kept};
pub(crate) use equipment::Equipment;
pub(crate) use gate::{Gate, Hold};
pub(crate) use judge::{
    check_command, check_next_run, check_nothing_lost, check_reported, check_run_works, is_recorded,
};
pub(crate) use method::Method;
pub(crate) use scene::{Scene, Started};
pub(crate) use tool::{Ended, kill};
pub(crate) use waiting::{try_for_a_moment, until};
