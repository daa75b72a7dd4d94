//! The aims: limits that this project sets itself for the figures.

use crate::results::{CaseResult, Report};
use crate::units::{mebibytes, significant, time};

/// The size of the program and the memory for a million files, in KiB.
const MAX_PROGRAM: u64 = 6 << 10;
const MAX_MEMORY: u64 = 24 << 10;
/// What the start may take beyond an empty program, and the frozen time beyond COMMAND's own, in
/// milliseconds.
const MAX_START: f64 = 2.0;
const MAX_FROZEN: f64 = 5.0;
/// How much longer each of a million files may take than each of [`FEW`].
const MAX_GROWTH: f64 = 1.5;
const FEW: u64 = 20_000;
const MANY: u64 = 1_000_000;

/// The most that dsnap may take of another program's time: case, how its name begins, program, ratio.
const RATIOS: [(&str, &str, &str, f64); 4] = [
    ("a", "", "original", 1.0 / 30.0),
    ("a", "", "flock", 1.4),
    ("b", "a run over HTTP", "curl", 1.3),
    ("c", "20 000 files", "floor", 1.25),
];

/// An aim, and how close a run of the bench came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Aim {
    pub(crate) what: String,
    pub(crate) limit: String,
    pub(crate) measured: String,
    pub(crate) is_met: bool,
}

impl Aim {
    fn new(what: String, measured: f64, limit: f64, shown: fn(f64) -> String) -> Self {
        let (is_met, limit) = (measured <= limit, shown(limit));
        Self { what, limit, measured: shown(measured), is_met }
    }
}

/// Compares the best times with the aims. Aims whose case was not measured are left out.
pub(crate) fn aims(report: &Report) -> Vec<Aim> {
    let ratios = RATIOS.iter().flat_map(|aim| ratio_aims(report, *aim));
    let growth = cases(report, "c").filter_map(|case| growth(report, case));
    let memory = cases(report, "c").filter_map(memory);
    let single = [start(report), frozen(report), Some(program_size(report))];
    ratios.chain(growth).chain(memory).chain(single.into_iter().flatten()).collect()
}

fn cases<'a>(report: &'a Report, letter: &'a str) -> impl Iterator<Item = &'a CaseResult> {
    report.cases.iter().filter(move |case| case.case == letter)
}

fn ratio_aims<'a>(
    report: &'a Report,
    (letter, begins, other, limit): (&'a str, &'a str, &'a str, f64),
) -> impl Iterator<Item = Aim> {
    let cases = cases(report, letter).filter(move |case| case.name.starts_with(begins));
    cases.filter_map(move |case| {
        let ratio = case.ratio(case.program(other)?)?;
        let what = format!("({letter}) {}: time, divided by that of {other}", case.name);
        Some(Aim::new(what, ratio.best, limit, significant))
    })
}

/// Compares a recovery of a million files with the same one of few.
fn growth(report: &Report, many: &CaseResult) -> Option<Aim> {
    let kind = |case: &CaseResult| case.name.split_once(" files").map(|(_, kind)| kind.to_owned());
    let few = cases(report, "c").find(|it| it.files == Some(FEW) && kind(it) == kind(many))?;
    let many = (many.files == Some(MANY)).then_some(many)?;
    let growth = many.per_file("dsnap")? / few.per_file("dsnap")?;
    let what = format!("(c) {}: time per file, divided by that of 20 000", many.name);
    Some(Aim::new(what, growth, MAX_GROWTH, significant))
}

fn memory(case: &CaseResult) -> Option<Aim> {
    let case = (case.files == Some(MANY)).then_some(case)?;
    let peak = case.program("dsnap")?.peak_kib();
    Some(Aim {
        what: format!("(c) {}: memory", case.name),
        limit: mebibytes(MAX_MEMORY),
        measured: mebibytes(peak),
        is_met: peak <= MAX_MEMORY,
    })
}

fn start(report: &Report) -> Option<Aim> {
    let case = cases(report, "e").next()?;
    let more = case.program("dsnap")?.best() - case.program("floor")?.best();
    Some(Aim::new("(e) the start, beyond that of an empty program".into(), more, MAX_START, time))
}

fn frozen(report: &Report) -> Option<Aim> {
    let dsnap = cases(report, "h").next()?.program("dsnap")?;
    Some(Aim::new("(h) frozen beyond COMMAND's own time".into(), dsnap.best(), MAX_FROZEN, time))
}

fn program_size(report: &Report) -> Aim {
    let size = report.program_size / 1024;
    Aim {
        what: "the size of the program".into(),
        limit: mebibytes(MAX_PROGRAM),
        measured: mebibytes(size),
        is_met: size <= MAX_PROGRAM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Machine, Measured, Sample};

    fn program(name: &str, wall_us: u64) -> Measured {
        Measured::new(name, vec![Sample { wall_us, cpu_us: 1, peak_kib: 30 << 10 }], None)
    }

    fn report(cases: Vec<CaseResult>) -> Report {
        let machine = Machine::unknown();
        Report { version: String::new(), program_size: 7 << 20, machine, cases }
    }

    fn unmet(cases: Vec<CaseResult>) -> Vec<String> {
        let unmet = aims(&report(cases)).into_iter().filter(|aim| !aim.is_met);
        unmet.map(|aim| format!("{}: {} ({})", aim.what, aim.measured, aim.limit)).collect()
    }

    #[test]
    fn an_aim_is_compared_with_the_best_time_of_the_right_program() {
        let programs =
            vec![program("dsnap", 3000), program("original", 90_000), program("flock", 2000)];
        let clean = CaseResult::new("a", "clean".into(), None, programs);
        assert_eq!(
            unmet(vec![clean]),
            [
                "(a) clean: time, divided by that of flock: 1.50 (1.40)",
                "the size of the program: 7.00 MiB (6.00 MiB)"
            ]
        );
    }

    #[test]
    fn a_million_files_are_compared_with_twenty_thousand_of_the_same_kind() {
        let case = |count: &str, kind, files, wall_us| {
            let name = format!("{count} files in journal, {kind}");
            CaseResult::new("c", name, Some(files), vec![program("dsnap", wall_us)])
        };
        let unmet = unmet(vec![
            case("20 000", "bushy", FEW, 20_000),
            case("20 000", "chunky", FEW, 100_000),
            case("1 000 000", "bushy", MANY, 2_000_000),
        ]);
        assert_eq!(
            unmet[..2],
            [
                "(c) 1 000 000 files in journal, bushy: time per file, divided by that of 20 000: 2.00 (1.50)",
                "(c) 1 000 000 files in journal, bushy: memory: 30.0 MiB (24.0 MiB)"
            ]
        );
    }
}
