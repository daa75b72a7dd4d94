//! The output of `--version -v`: the facts about a build that a bug report needs.

use std::ffi::OsString;

use clap::{Arg, ArgAction, CommandFactory};
use dsnap_core::abi::DSNAP_ABI_VERSION;

use super::Args;

/// The features with which the program can be built.
const FEATURES: [(&str, bool); 3] = [
    ("loading", cfg!(feature = "loading")),
    ("tls", cfg!(feature = "tls")),
    ("zeo", cfg!(feature = "zeo")),
];

/// Says whether the command line asks for details of the version. clap stops reading at `--version`,
/// but `-v` may follow it.
pub(super) fn asks_for_details(words: &[OsString]) -> bool {
    let version = Arg::new("version").short('V').long("version").action(ArgAction::SetTrue);
    let command = Args::command().disable_version_flag(true).arg(version).ignore_errors(true);
    command.try_get_matches_from(words).is_ok_and(|matches| matches.get_count("verbose") > 0)
}

/// Writes the version with its details.
pub(super) fn details() -> String {
    let features = FEATURES.iter().filter(|(_, is_on)| *is_on).map(|(name, _)| *name);
    let features: Vec<_> = features.collect();
    format!(
        "dsnap {}\ncommit       {}\ntarget       {}\nfeatures     {}\nABI version  {DSNAP_ABI_VERSION}\n",
        env!("CARGO_PKG_VERSION"),
        env!("DSNAP_COMMIT"),
        env!("DSNAP_TARGET"),
        if features.is_empty() { "none".to_owned() } else { features.join(", ") },
    )
}
