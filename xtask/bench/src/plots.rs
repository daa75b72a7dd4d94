//! The plots of the documentation, drawn as SVG.

use std::error::Error;
use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::results::{CaseResult, Report};
use crate::units::significant;

/// The width and height of a plot.
const SIZE: (u32, u32) = (760, 420);
const FONT: &str = "sans-serif";
/// One colour for each program, and a stroke for each format.
const PROGRAMS: [(&str, RGBColor); 3] = [
    ("dsnap", RGBColor(0, 90, 181)),
    ("original", RGBColor(220, 50, 32)),
    ("floor", RGBColor(120, 120, 120)),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

/// What a curve shows of a program.
type Figure = fn(&CaseResult, &str) -> Option<f64>;

/// Draws all plots for which there are figures. Returns their titles and the names of their files.
pub(crate) fn draw(report: &Report, folder: &Path) -> Result<Vec<(String, String)>> {
    let mut drawn = Vec::new();
    for (sync, (what, figure, file)) in [("on", TIME), ("off", TIME), ("on", MEMORY)] {
        let (title, file) = (format!("{what}, sync {sync}"), format!("{file}-sync-{sync}.svg"));
        let curves = curves(report, &format!("sync {sync}"), figure);
        if curves.is_empty() {
            continue;
        }
        let path = folder.join(&file);
        let area = SVGBackend::new(&path, SIZE).into_drawing_area();
        draw_curves(&area, &title, &curves)
            .map_err(|error| anyhow!("cannot draw {}: {error}", path.display()))?;
        drawn.push((title, file));
    }
    Ok(drawn)
}

/// What a plot shows: its title, the figure, and the name of its file.
type Shown = (&'static str, Figure, &'static str);

const TIME: Shown = ("Recovery: microseconds per file, best round", CaseResult::per_file, "time");
const MEMORY: Shown = ("Recovery: peak memory in MiB", memory, "memory");

fn memory(case: &CaseResult, program: &str) -> Option<f64> {
    Some(number(case.program(program)?.peak_kib()) / 1024.0)
}

fn number(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

/// A line of a plot.
struct Curve {
    label: String,
    colour: RGBColor,
    /// Bushy is drawn as a full line with dots, chunky as a thin one with rings.
    bushy: bool,
    points: Vec<(f64, f64)>,
}

/// The curves of all programs that recovered journals of at least two sizes.
fn curves(report: &Report, sync: &str, figure: Figure) -> Vec<Curve> {
    let recovered = report.cases.iter().filter(|case| case.case == "c" && case.name.contains(sync));
    let cases: Vec<_> = recovered.collect();
    let all = ["bushy", "chunky"]
        .iter()
        .flat_map(|format| PROGRAMS.map(|program| curve(&cases, format, program, figure)));
    all.filter(|curve| curve.points.len() > 1).collect()
}

fn curve(
    cases: &[&CaseResult],
    format: &str,
    (program, colour): (&str, RGBColor),
    figure: Figure,
) -> Curve {
    let of_format = cases.iter().filter(|case| case.name.contains(format));
    let points = of_format.filter_map(|case| Some((number(case.files?), figure(case, program)?)));
    let label = format!("{program}, {format}");
    Curve { label, colour, bushy: format == "bushy", points: points.collect() }
}

fn draw_curves(area: &Area<'_>, title: &str, curves: &[Curve]) -> Drawn {
    area.fill(&WHITE)?;
    let (x, y) = (decades(curves), 0.0..1.1 * highest(curves));
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 16))
        .margin(12)
        // The last label is centred below the end of its axis.
        .margin_right(40)
        .x_label_area_size(40)
        .y_label_area_size(56)
        .build_cartesian_2d(x.log_scale(), y)?;
    chart
        .configure_mesh()
        .x_desc("files in the journal")
        .label_style((FONT, 12))
        .x_label_formatter(&|files| format!("{files:.0}"))
        .y_label_formatter(&|value| significant(*value))
        .light_line_style(RGBColor(235, 235, 235))
        .draw()?;
    for Curve { label, colour, bushy, points } in curves {
        let colour = *colour;
        let stroke = colour.stroke_width(if *bushy { 2 } else { 1 });
        let line = chart.draw_series(LineSeries::new(points.iter().copied(), stroke))?;
        line.label(label).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], stroke));
        let dot = if *bushy { colour.filled() } else { colour.stroke_width(1) };
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, dot)))?;
    }
    let mut legend = chart.configure_series_labels();
    legend.label_font((FONT, 12)).background_style(WHITE.mix(0.8));
    legend.position(SeriesLabelPosition::UpperRight).draw()?;
    Ok(area.present()?)
}

/// The range of the numbers of files, in whole powers of ten: only these have labels.
fn decades(curves: &[Curve]) -> std::ops::Range<f64> {
    let files = || curves.iter().flat_map(|curve| &curve.points).map(|point| point.0.log10());
    let (low, high) = (files().fold(f64::INFINITY, f64::min), files().fold(0.0, f64::max));
    10_f64.powf(low.floor())..10_f64.powf(high.ceil())
}

/// The highest figure of all curves. The axis begins at zero, so that heights can be compared.
fn highest(curves: &[Curve]) -> f64 {
    curves.iter().flat_map(|curve| &curve.points).map(|point| point.1).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Machine, Measured, Sample};

    fn case(files: u64, wall_us: u64) -> CaseResult {
        let sample = Sample { wall_us, cpu_us: 1, peak_kib: 4096 };
        let program = |name: &str| Measured::new(name, vec![sample], None);
        let name = format!("{files} files in journal, bushy, sync on");
        CaseResult::new("c", name, Some(files), vec![program("dsnap"), program("floor")])
    }

    #[test]
    fn a_plot_has_a_curve_for_each_program_and_format_that_was_measured() {
        let machine = Machine::unknown();
        let cases = vec![case(2_000, 40_000), case(20_000, 390_000)];
        let report = Report { version: String::new(), program_size: 1, machine, cases };
        let folder = std::env::temp_dir().join(format!("dsnap-bench-plots-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let drawn = draw(&report, &folder);
        let svg = std::fs::read_to_string(folder.join("time-sync-on.svg"));
        let without_figures = folder.join("time-sync-off.svg").exists();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(drawn.unwrap().len(), 2);
        let svg = svg.unwrap();
        assert!(svg.contains("dsnap, bushy") && svg.contains("floor, bushy"), "{svg}");
        assert!(!svg.contains("chunky") && !without_figures);
        let labels = ["1000", "10000", "100000", "0", "10.0"];
        let shown = |label: &&str| svg.lines().any(|line| line.trim() == *label);
        assert!(labels.iter().all(shown), "{svg}");
    }
}
