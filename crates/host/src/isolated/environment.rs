//! What surrounds an isolated process: its working folder and its environment.
//!
//! Its privileges are the part of `privileges`, its streams that of `streams`.
#![allow(
    clippy::disallowed_methods,
    reason = "an isolated process inherits parts of the environment"
)]

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use dsnap_engine::system::users::{self, Account};

/// Where a process with lowered privileges finds programs: root's PATH may lead anywhere.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Sets the folder to `/`, and chooses the variables that the process inherits.
///
/// With lowered privileges it inherits only those of language and time zone, because root's others
/// may contain secrets. The variables `DSNAP_…` that `command` sets stay in any case.
pub(super) fn set(command: &mut Command, is_lowered: bool) {
    command.current_dir("/");
    if is_lowered {
        let set = variables_of(command);
        command.env_clear().env("PATH", PATH).envs(inherited(is_of_locale)).envs(set);
        let Account { name, home } = users::account(users::effective_user());
        command.env("HOME", home).env("USER", &name).env("LOGNAME", name);
    } else {
        // A method must not take the variables of an outer run for its own.
        for (name, _) in inherited(|name| name.as_bytes().starts_with(b"SNAPSHOT_")) {
            command.env_remove(name);
        }
    }
}

/// Returns the variables that a command sets for a method.
fn variables_of(command: &Command) -> Vec<(OsString, OsString)> {
    let set = command.get_envs().filter(|(name, _)| name.as_bytes().starts_with(b"DSNAP_"));
    set.filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect()
}

fn inherited(is_wanted: fn(&OsStr) -> bool) -> impl Iterator<Item = (OsString, OsString)> {
    env::vars_os().filter(move |(name, _)| is_wanted(name))
}

fn is_of_locale(name: &OsStr) -> bool {
    name == "LANG" || name == "TZ" || name.as_bytes().starts_with(b"LC_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lowered_process_gets_variables_of_the_method_and_nothing_of_ours_but_the_locale() {
        let mut command = Command::new("/x");
        command.env("DSNAP_CODE", "a-1").env("OTHER", "x").env_remove("DSNAP_GONE");
        set(&mut command, true);
        let mut names: Vec<_> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
        names.retain(|name| !is_of_locale(name));
        assert_eq!(names, ["DSNAP_CODE", "HOME", "LOGNAME", "PATH", "USER"]);
        assert_eq!(command.get_current_dir(), Some("/".as_ref()));
    }

    #[test]
    fn only_the_variables_of_language_and_time_zone_are_of_the_locale() {
        for (name, kept) in
            [("LANG", true), ("TZ", true), ("LC_ALL", true), ("LANGUAGE", false), ("TZDIR", false)]
        {
            assert_eq!(is_of_locale(name.as_ref()), kept, "{name}");
        }
    }
}
