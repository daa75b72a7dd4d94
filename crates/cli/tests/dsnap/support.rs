//! What the scenarios share: one subject a file.
//!
//! Chapters contain scenarios only. What only one of them needs to say something (a script, a
//! table) stays with it; what starts, waits, writes files or compares is here.

mod document;
pub(crate) mod examples;
mod expected;
mod folder;
mod holder;
mod killed;
mod libraries;
mod namespace;
mod outcome;
pub(crate) mod pages;
mod process;
mod program;
mod replica;
pub(crate) mod root;
mod scripted_server;
mod site;
mod storage;
mod terminal;
mod tmux;
mod two_sites;
mod users;
mod waiting;

pub(crate) use document::document;
pub(crate) use expected::{DIRECT, HTTP, LOCKED, entered_by};
pub(crate) use folder::{MEMORY, folder};
pub(crate) use holder::LoneHolder;
pub(crate) use killed::{end_command, killed_run};
pub(crate) use libraries::{Plugins, compile_program, copy_of_dsnap, write_script};
pub(crate) use namespace::may_mount;
pub(crate) use outcome::{Ran, follow, is_phase};
pub(crate) use program::{Dsnap, Running};
pub(crate) use replica::{assert_like_the_replica, write_replica_with_folders};
pub(crate) use scripted_server::ScriptedServer;
pub(crate) use site::{
    assert_free, busy_site, conf, copies, port, script_that_ends_by, site, site_builder, zeo_site,
};
pub(crate) use storage::{
    fixture_builder, is_locked, make_fifo, picture, request, storage, storage_with_conf,
};
pub(crate) use terminal::Terminal;
pub(crate) use tmux::Screen;
pub(crate) use two_sites::{BOTH, CHECK, both};
pub(crate) use users::{
    GROUP, OWNER, chown_all, current_user, site_of_another_user, storage_of_another_user,
};
pub(crate) use waiting::{in_parallel, wait_until};
