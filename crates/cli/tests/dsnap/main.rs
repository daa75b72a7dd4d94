//! Scenarios of the program, on storages in the states in which DirectoryStorage leaves them.
//!
//! Each module is a chapter of what the program promises, and contains scenarios only; what they
//! share is in `support`. A scenario states the exit status and both streams. The order of a run
//! is in `crates/engine/tests/run`, the comparison with the original tool in `cargo xtask interop`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a scenario fails")]
#![allow(clippy::disallowed_methods, reason = "scenarios start the program and others")]

mod authors;
mod bad_input;
mod budget;
mod causes;
mod channel;
mod colours;
mod command;
mod command_line;
mod conf;
mod defence;
mod examples;
mod floods;
mod foreign_words;
mod freshness;
mod hostile;
mod http;
mod in_use;
mod isolation;
mod labels;
mod listing;
mod live;
mod lowered;
mod max_hold;
mod mounts;
mod nested;
mod opening;
mod ordinary_sites;
mod orphans;
mod output;
mod ownership;
mod pages;
mod phases;
mod recombining;
mod recover_json;
mod recovery;
mod recovery_by_threads;
mod replicas;
mod result_files;
mod rights;
mod several_failures;
mod several_storages;
mod shared_conf;
mod signals;
mod signals_of_a_terminal;
mod states;
mod status;
mod stop_start;
mod support;
mod systemd;
mod terminal;
mod torture;
mod traitors;
mod trust;
mod unanswered;
mod untouched;
mod villains;
mod zeo;
mod zeo_faults;
mod zope5;
