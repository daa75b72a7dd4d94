//! The results as a table for people: on stdout, and in the documentation.

use crate::aims::{Aim, aims};
use crate::results::{CaseResult, Measured, Report};
use crate::statistics::Ratio;
use crate::units::{mebibytes, significant, time};

const HEAD: [&str; 8] = [
    "case",
    "program",
    "best",
    "median",
    "CPU",
    "memory",
    "calls",
    "dsnap takes (best; median; spread)",
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
    in_markdown(HEAD, rows(cases))
}

/// Formats the aims, and whether they are met, as a table in Markdown.
pub(crate) fn aims_in_markdown(report: &Report) -> String {
    let rows = aims(report).into_iter().map(|aim| {
        let is_met = if aim.is_met { "yes" } else { "no" };
        [aim.what, aim.limit, aim.measured, is_met.to_owned()]
    });
    in_markdown(["aim", "at most", "measured", "met"], rows)
}

fn in_markdown<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head = [line(&head.map(str::to_owned)), line(&head.map(|_| "---".to_owned()))].concat();
    let rows = rows.into_iter().map(|row| line(&row));
    head + &rows.collect::<String>()
}

/// Formats the aims for a terminal.
pub(crate) fn plain_aims(report: &Report) -> String {
    let lines = aims(report).into_iter().map(|Aim { what, limit, measured, is_met }| {
        let verdict = if is_met { "met" } else { "NOT MET" };
        format!("{verdict:7}  {what}: {measured}, at most {limit}\n")
    });
    lines.collect()
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

fn shown(Ratio { best, median, spread: (low, high) }: Ratio) -> String {
    let [best, median, low, high] = [best, median, low, high].map(significant);
    format!("{best} times as long; {median}; {low} to {high}")
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
}
