//! What was measured: the types of the JSON that is kept.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::statistics::{Ratio, best, median};

/// One run of one program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) wall_us: u64,
    pub(crate) cpu_us: u64,
    pub(crate) peak_kib: u64,
}

/// All measurements of one program in one case.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) name: String,
    /// In the order of the rounds.
    pub(crate) samples: Vec<Sample>,
    pub(crate) system_calls: Option<u64>,
    summary: Option<Summary>,
}

/// Figures that follow from the samples, for other programs that read the file.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Summary {
    best_ms: f64,
    median_ms: f64,
    /// How dsnap's time relates to this program's.
    dsnap_takes: Option<Ratio>,
}

impl Measured {
    pub(crate) fn new(name: &str, samples: Vec<Sample>, system_calls: Option<u64>) -> Self {
        Self { name: name.into(), samples, system_calls, summary: None }
    }

    /// The wall times in milliseconds, in the order of the rounds.
    pub(crate) fn wall(&self) -> Vec<f64> {
        self.samples.iter().map(|sample| millis(sample.wall_us)).collect()
    }

    pub(crate) fn best(&self) -> f64 {
        best(&self.wall())
    }

    pub(crate) fn median(&self) -> f64 {
        median(&self.wall())
    }

    /// The median CPU time in milliseconds.
    pub(crate) fn cpu(&self) -> f64 {
        median(&self.samples.iter().map(|sample| millis(sample.cpu_us)).collect::<Vec<_>>())
    }

    /// The highest memory use in any round, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        self.samples.iter().map(|sample| sample.peak_kib).max().unwrap_or(0)
    }
}

fn millis(micros: u64) -> f64 {
    std::time::Duration::from_micros(micros).as_secs_f64() * 1e3
}

/// A case: the first program is dsnap, the others did the same work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CaseResult {
    /// `a` to `h`.
    pub(crate) case: String,
    pub(crate) name: String,
    /// The number of files to recover, for plots.
    pub(crate) files: Option<u64>,
    pub(crate) programs: Vec<Measured>,
}

impl CaseResult {
    pub(crate) fn new(
        case: &str,
        name: String,
        files: Option<u64>,
        programs: Vec<Measured>,
    ) -> Self {
        let mut result = Self { case: case.into(), name, files, programs };
        let summaries: Vec<_> = result.programs.iter().map(|it| result.summary(it)).collect();
        for (program, summary) in result.programs.iter_mut().zip(summaries) {
            program.summary = Some(summary);
        }
        result
    }

    fn summary(&self, program: &Measured) -> Summary {
        let (best_ms, median_ms) = (program.best(), program.median());
        Summary { best_ms, median_ms, dsnap_takes: self.ratio(program) }
    }

    pub(crate) fn program(&self, name: &str) -> Option<&Measured> {
        self.programs.iter().find(|program| program.name == name)
    }

    /// The best time of a program for each recovered file, in microseconds.
    pub(crate) fn per_file(&self, name: &str) -> Option<f64> {
        let files = u32::try_from(self.files?).ok()?;
        Some(self.program(name)?.best() * 1e3 / f64::from(files))
    }

    /// The ratio of dsnap's wall time to that of another program.
    pub(crate) fn ratio(&self, to: &Measured) -> Option<Ratio> {
        Ratio::of(&self.programs.first()?.wall(), &to.wall())
    }
}

/// Where it was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processors: usize,
    pub(crate) kernel: String,
    pub(crate) file_system: String,
    /// The load of the last minute, before the first round.
    pub(crate) load: String,
}

impl Machine {
    #[cfg(test)]
    pub(crate) fn unknown() -> Self {
        let unknown = String::new;
        Self { processors: 1, kernel: unknown(), file_system: unknown(), load: unknown() }
    }

    /// Describes this machine, and the file system of a folder.
    pub(crate) fn here(folder: &Path) -> Result<Self> {
        let read =
            |file: &str| fs::read_to_string(file).with_context(|| format!("cannot read {file}"));
        let load = read("/proc/loadavg")?;
        Ok(Self {
            processors: std::thread::available_parallelism()?.get(),
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            file_system: file_system(folder, &read("/proc/self/mounts")?)?,
            load: load.split(' ').next().unwrap_or_default().to_owned(),
        })
    }
}

/// Finds the kind of the file system on which a folder is: that of the longest mount point above it.
fn file_system(folder: &Path, mounts: &str) -> Result<String> {
    let folder = folder.canonicalize()?;
    let mounted = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let above = mounted.filter(|(point, _)| folder.starts_with(point));
    let kind = above.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind);
    Ok(kind.unwrap_or("unknown").to_owned())
}

/// A whole run of the bench.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) version: String,
    /// The size of the stripped program in bytes.
    pub(crate) program_size: u64,
    pub(crate) machine: Machine,
    pub(crate) cases: Vec<CaseResult>,
}

impl Report {
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} contains no results of the bench", file.display()))
    }

    /// Adds the cases of another run, which replace those of the same name.
    ///
    /// # Errors
    ///
    /// It measured another program, or on another machine.
    pub(crate) fn with(mut self, other: Self) -> Result<Self> {
        let place = |it: &Machine| (it.processors, it.kernel.clone(), it.file_system.clone());
        ensure!(
            (&self.version, self.program_size) == (&other.version, other.program_size),
            "the runs measured different programs"
        );
        ensure!(place(&self.machine) == place(&other.machine), "the runs used different machines");
        self.cases.retain(|case| !other.cases.iter().any(|it| it.name == case.name));
        self.cases.extend(other.cases);
        self.cases.sort_by(|one, two| (&one.case, one.files).cmp(&(&two.case, two.files)));
        Ok(self)
    }

    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        // One line for each case: there are thousands of samples.
        let text = serde_json::to_string(self)?.replace(r#"{"case""#, "\n{\"case\"") + "\n";
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(program_size: u64, cases: &[(&str, &str, u64)]) -> Report {
        let case = |&(case, name, files): &(&str, &str, u64)| {
            CaseResult::new(case, name.into(), Some(files), Vec::new())
        };
        let cases = cases.iter().map(case).collect();
        Report { version: String::new(), program_size, machine: Machine::unknown(), cases }
    }

    #[test]
    fn cases_of_two_runs_are_in_the_order_of_one() {
        let one = report(1, &[("a", "clean", 0), ("c", "few", 2), ("c", "some", 20)]);
        let all = one.with(report(1, &[("c", "many", 200), ("b", "http", 0), ("c", "few", 2)]));
        let names: Vec<_> = all.unwrap().cases.into_iter().map(|case| case.name).collect();
        assert_eq!(names, ["clean", "http", "few", "some", "many"]);
    }

    #[test]
    fn runs_of_different_programs_or_machines_are_not_put_together() {
        assert!(report(1, &[]).with(report(2, &[])).is_err());
        let mut elsewhere = report(1, &[]);
        elsewhere.machine.kernel = "another".into();
        assert!(report(1, &[]).with(elsewhere).is_err());
    }
}
