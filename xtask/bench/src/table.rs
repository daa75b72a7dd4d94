//! The results as a table for people: on stdout, and in the documentation.

use crate::results::{CaseResult, Measured, Report};
use crate::statistics::Ratio;

const HEAD: [&str; 8] = [
    "case",
    "program",
    "best",
    "median",
    "CPU",
    "memory",
    "calls",
    "dsnap takes (of the best; median; spread)",
];

type Row = [String; HEAD.len()];

/// Formats all results for a terminal.
pub(crate) fn plain(report: &Report) -> String {
    let rows = rows(&report.cases);
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([HEAD[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..HEAD.len()).map(width).collect();
    let head = HEAD.map(str::to_owned);
    let lines = [&head].into_iter().chain(&rows).map(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Formats some results as a table in Markdown.
pub(crate) fn markdown<'a>(cases: impl IntoIterator<Item = &'a CaseResult>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head = [line(&HEAD.map(str::to_owned)), line(&HEAD.map(|_| "---".to_owned()))].concat();
    let rows = rows(cases).into_iter().map(|row| line(&row));
    head + &rows.collect::<String>()
}

fn rows<'a>(cases: impl IntoIterator<Item = &'a CaseResult>) -> Vec<Row> {
    cases.into_iter().flat_map(case_rows).collect()
}

/// One row for each program; the case is named in the first.
fn case_rows(case: &CaseResult) -> Vec<Row> {
    let mut title = format!("({}) {}", case.case, case.name);
    let rows = case.programs.iter().enumerate().map(|(at, program)| {
        let ratio = (at > 0).then(|| case.ratio(program)).flatten();
        row(std::mem::take(&mut title), program, ratio)
    });
    rows.collect()
}

fn row(title: String, program: &Measured, ratio: Option<Ratio>) -> Row {
    let peak = program.peak_kib();
    [
        title,
        program.name.clone(),
        time(program.best()),
        time(program.median()),
        if program.cpu() > 0.0 { time(program.cpu()) } else { "–".into() },
        if peak > 0 { mebibytes(peak) } else { "–".into() },
        program.system_calls.map_or_else(|| "–".into(), |calls| calls.to_string()),
        ratio.map_or_else(String::new, shown),
    ]
}

/// Formats a number of KiB.
pub(crate) fn mebibytes(kib: u64) -> String {
    let mib = u32::try_from(kib).map_or(f64::INFINITY, f64::from) / 1024.0;
    format!("{} MiB", significant(mib))
}

fn shown(Ratio { best, median, spread: (low, high) }: Ratio) -> String {
    let [best, median, low, high] = [best, median, low, high].map(significant);
    format!("{best} times as long; {median}; {low} to {high}")
}

/// Formats milliseconds.
pub(crate) fn time(millis: f64) -> String {
    if millis < 1000.0 {
        format!("{} ms", significant(millis))
    } else {
        format!("{} s", significant(millis / 1000.0))
    }
}

/// Formats a number with three significant digits.
pub(crate) fn significant(number: f64) -> String {
    match number.abs() {
        large if large >= 99.95 => format!("{number:.0}"),
        medium if medium >= 9.995 => format!("{number:.1}"),
        small if small >= 0.0995 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Sample;

    fn program(name: &str, wall_us: [u64; 2]) -> Measured {
        let samples = wall_us.map(|wall_us| Sample { wall_us, cpu_us: 500, peak_kib: 2048 });
        Measured::new(name, samples.into(), Some(7))
    }

    #[test]
    fn every_program_has_a_row_and_every_other_one_a_ratio() {
        let programs = vec![program("dsnap", [3000, 4000]), program("flock", [2000, 2000])];
        let case = CaseResult::new("a", "clean".into(), None, programs);
        let table = markdown([&case]);
        let rows: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(
            rows[0],
            "| (a) clean | dsnap | 3.00 ms | 3.50 ms | 0.50 ms | 2.00 MiB | 7 |  |"
        );
        assert!(rows[1].ends_with("| 1.50 times as long; 1.75; 1.50 to 2.00 |"), "{}", rows[1]);
    }

    #[test]
    fn numbers_have_three_significant_digits() {
        let shown = [0.0123, 0.5, 9.999, 12.34, 1234.5].map(significant);
        assert_eq!(shown, ["0.012", "0.50", "10.0", "12.3", "1234"]);
    }
}
