//! What the scenarios share: the scenario itself, its scripted methods, the journal that is
//! expected, and what an earlier run left behind.

mod journal;
mod left_behind;
mod method;
mod scenario;
mod two_storages;

pub(crate) use journal::{NOTHING, journal, ordinary_run};
pub(crate) use left_behind::{LEFT, after, elsewhere, left_behind, records, zope};
pub(crate) use method::{SideEffect, because, enter, holds, leave, nothing, write_snapshot};
pub(crate) use scenario::{Scenario, reason};
pub(crate) use two_storages::{
    assert_all_left, command_runs, enters, held, leaves, left, line, lines, two,
};
