//! `--status`: says what is wrong with storages, and changes nothing.

use std::path::{Path, PathBuf};

use dsnap_engine::diagnosis::{Diagnosis, Finding, Severity};
use dsnap_engine::run::job::Job;
use dsnap_engine::run::session::Session;
use dsnap_engine::{exit_status, limits};

use super::opening::{at_storage, catch_signals, registry};
use crate::chronicle::Chronicle;
use crate::documents::json;
use crate::documents::status::Report;
use crate::resolve::{Invocation, Look};
use crate::signals::Signals;
use crate::terminal::output;

/// Shows what is wrong with the storages; with `--watch` again and again. Returns the exit status.
pub(super) fn show(invocation: &Invocation, look: &Look) -> u8 {
    let signals = match catch_signals() {
        Ok(signals) => signals,
        Err(reason) => {
            output::print_message(&format!("--status failed: {reason}"));
            return exit_status::FAILED;
        }
    };
    loop {
        let storages = look.storages.iter();
        let diagnose =
            |(dir, recover): &(PathBuf, String)| diagnose(invocation, dir, recover, &signals);
        let diagnoses: Vec<_> = storages.clone().map(diagnose).collect();
        let report = Report::new(storages.map(|(dir, _)| dir.as_path()).zip(&diagnoses));
        print_status(&report, look);
        if look.watch {
            signals.sleep(limits::WATCH_INTERVAL);
        }
        if !look.watch || signals.first_stop().is_some() {
            return report.status();
        }
    }
}

/// Prints the result of `--status`; with `--watch`, in the place of the one before.
fn print_status(report: &Report, look: &Look) {
    let text = if look.json { json(report) } else { output::coloured(&report.to_string()) };
    if look.watch {
        output::redraw_result(text.trim_end());
    } else {
        output::print_result(text.trim_end());
    }
}

fn diagnose(
    invocation: &Invocation,
    dir: &Path,
    recover: &str,
    signals: &Signals,
) -> Result<Diagnosis, Finding> {
    let job = Job { recover: recover.to_owned(), ..invocation.job.clone() };
    let diagnosis =
        at_storage(invocation, dir, signals, &Chronicle::new(), |storage, privileges, program| {
            let methods = registry(invocation);
            let diagnosis =
                Diagnosis::of(&Session::open(&job, storage, privileges, &methods, program));
            // The next storage may have another owner.
            privileges.restore().and(diagnosis)
        });
    match diagnosis {
        Ok(diagnosis) => diagnosis.map_err(|reason| Finding::of(Severity::Unknown, &reason)),
        Err(reason) => Err(Finding::of(Severity::Fails, &reason)),
    }
}
