//! Lets the original tool, under Python 2.7, recover storages.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use xtask_base::process::Program;
use xtask_base::workspace;

use crate::parallel::in_parallel;

/// How long the tool may take for a batch; it takes a second.
const BATCH_TIMEOUT: Duration = Duration::from_secs(240);

/// How many storages one process recovers. It takes longer to load the tool than to recover one.
const BATCH: usize = 16;

/// Lets the original whose programs are in `bin` recover these storages. Returns an error for each that it
/// could not recover.
pub(crate) fn recover(bin: &Path, storages: &[PathBuf]) -> Result<Vec<Option<String>>> {
    let batches: Vec<_> = storages.chunks(BATCH).collect();
    let ended = in_parallel(&batches, |_, batch| {
        if finish(bin, batch).is_ok() {
            return Ok(vec![None; batch.len()]);
        }
        // One of them stopped the batch. A storage that is recovered already stays as it is.
        let alone = batch.iter().map(|it| finish(bin, std::slice::from_ref(it)));
        Ok(alone.map(|ended| ended.err().map(|error| format!("{error:#}"))).collect())
    })?;
    Ok(ended.into_iter().flatten().collect())
}

fn finish(bin: &Path, storages: &[PathBuf]) -> Result<()> {
    let script = workspace::root().join("xtask/interop/finish.py");
    let python = Program::within(BATCH_TIMEOUT, bin.join("python")).arg("-B").arg(script);
    python.args(storages).quiet().map(drop)
}
