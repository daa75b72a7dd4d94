//! `dsnap-testkit demo`: shows what dsnap is for, on a simulated site.
//!
//! It is a story in chapters, for people who see dsnap for the first time. The exit status is 0 only if
//! every copy that dsnap took care of is right, and a plain copy is wrong.

mod stage;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::site::ZopeVersion;
use clap::{Args, ValueHint};

use super::choice::one_of;
use super::print;
use stage::Stage;

/// How many transactions are committed before a plain copy, so that copying takes a while.
const TRANSACTIONS: usize = 100;
/// How often a plain copy is made, if it is right by chance.
const PLAIN_COPIES: usize = 5;
/// How many transactions are committed while nobody leaves the snapshot of the killed run.
const MISSED: usize = 20;

const NEXT: &str = "
What to try next:

  dsnap-testkit site --storage /tmp/ds    a site to play with; leave it running in this terminal
  dsnap --status /tmp/ds                  what dsnap sees of it, from another terminal
  dsnap-testkit run -- ./backup.sh        your own script, on a site that vanishes afterwards
  dsnap --help                            all options";

#[derive(Args)]
pub(crate) struct DemoArgs {
    /// The program to show
    #[arg(long, value_name = "PROGRAM", default_value = "dsnap")]
    #[arg(value_hint = ValueHint::ExecutablePath)]
    dsnap: PathBuf,
    /// Answer like Zope 2.13 (zope2) or like Zope 4 to 6 (zope5); without this option, the last chapter
    /// shows the other one, too
    #[arg(long, value_name = "VERSION")]
    #[arg(value_parser = one_of(ZopeVersion::ALL, ZopeVersion::name))]
    answers: Option<ZopeVersion>,
}

/// Tells the story.
pub(crate) fn run(DemoArgs { dsnap, answers }: &DemoArgs) -> io::Result<ExitCode> {
    let stage = Stage::new(dsnap, answers.unwrap_or(ZopeVersion::Zope2))?;
    print::line(format_args!(
        "\nHere is a DirectoryStorage, {}.\n{} has it open and commits {} transactions a second.",
        stage.site.path().display(),
        stage.zope,
        stage::COMMITS_PER_SECOND
    ));
    let was_shown = plain_copy(&stage)?;
    let chapters = [copy_of_running, killed_run, copy_of_stopped];
    let mut good = true;
    for chapter in chapters {
        good &= chapter(&stage)?;
    }
    if answers.is_none() {
        good &= other_zope(dsnap)?;
    }
    Ok(conclude(was_shown, good && stage.site.held().is_none()))
}

/// Copies the storage as it is. Returns whether a copy was wrong.
fn plain_copy(stage: &Stage<'_>) -> io::Result<bool> {
    print::line("\n1. A plain copy while Zope is running\n");
    for number in 1..=PLAIN_COPIES {
        stage.commit(TRANSACTIONS)?;
        let copy = stage.copies.path().join(format!("plain{number}"));
        let status = stage.show(stage.cp(&copy))?;
        let verdict = stage.site.ledger_until_now()?.verify_moment(&copy)?;
        if !verdict.holds() {
            print::line(format_args!("WRONG: {verdict}"));
            print::line(format_args!(
                "Zope wrote to A/ while cp read it, and cp did not notice ({status}).\n\
                 You would find the damage after a restore."
            ));
            return Ok(true);
        }
        print::line(format_args!("RIGHT, but only by chance: {verdict}"));
        print::line(
            "No transaction was written while cp was reading. Once more, with a larger A/:",
        );
    }
    print::line("Every plain copy was right by chance. Do not rely on that.");
    Ok(false)
}

/// Copies the storage with dsnap.
fn copy_of_running(stage: &Stage<'_>) -> io::Result<bool> {
    print::line(
        "\n2. The same copy with dsnap\n\n\
         dsnap asks Zope to enter snapshot mode, runs cp, and leaves again.",
    );
    let good = stage.copy_with_dsnap("live")?;
    print::line(format_args!(
        "Zope went on meanwhile: there are {} transactions now.",
        stage.committed()?
    ));
    Ok(good)
}

/// Kills a run, and lets the next one clean up.
fn killed_run(stage: &Stage<'_>) -> io::Result<bool> {
    print::line(
        "\n3. dsnap is killed\n\n\
         The command of this run kills dsnap with kill -9, so dsnap cannot leave the snapshot.",
    );
    let status = stage.show(stage.dsnap(["sh", "-c", "kill -9 $PPID"]))?;
    let Some(code) = stage.site.held() else {
        print::line(format_args!("WRONG: dsnap was not killed in a snapshot ({status})"));
        return Ok(false);
    };
    let before = stage.committed()?;
    stage.wait_for_commits(before + MISSED)?;
    print::line(format_args!(
        "The storage is still in the snapshot {code}.\n\
         Zope goes on: {} more transactions are committed, but they are in B/ and journal/, not in A/.\n\n\
         The next run notices that. It leaves the old snapshot and enters a new one.",
        stage.committed()? - before
    ));
    let good = stage.copy_with_dsnap("repaired")?;
    if good {
        print::line("The transactions that were committed after the kill are in this copy.");
    }
    Ok(good)
}

/// Stops the server, and copies the storage with dsnap.
fn copy_of_stopped(stage: &Stage<'_>) -> io::Result<bool> {
    stage.site.stop_server()?;
    print::line(
        "\n4. Zope is stopped\n\nFor the same command, dsnap now works on the files directly.",
    );
    stage.copy_with_dsnap("stopped")
}

/// Shows that a Zope which answers otherwise makes no difference.
fn other_zope(dsnap: &std::path::Path) -> io::Result<bool> {
    let stage = Stage::new(dsnap, ZopeVersion::Zope5)?;
    print::line(format_args!(
        "\n5. Another Zope\n\nThis storage, {}, is open in {}, which answers otherwise.\n\
         For dsnap, that makes no difference.",
        stage.site.path().display(),
        stage.zope
    ));
    Ok(stage.copy_with_dsnap("live")? && stage.site.held().is_none())
}

fn conclude(was_shown: bool, good: bool) -> ExitCode {
    if !good {
        print::line("\nA copy of dsnap is wrong, or a snapshot was not left. Please report this.");
        return ExitCode::FAILURE;
    }
    print::line(
        "\nEvery copy that dsnap took care of is a good backup, and no storage is in a snapshot.",
    );
    print::line(NEXT);
    if was_shown { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
