//! `qenex evm`: the public tests of the EVM.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use parking_lot::Mutex;
use qenex_exec::StateTests;
use qenex_store::{Store, StoreOptions};
use rayon::prelude::*;

use crate::clock::Monotonic;

/// Run the EVM by itself.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Run state tests: files in the format of ethereum/tests and execution-spec-tests.
    ///
    /// Prints a line of JSON for each case and, on standard error, a summary. Exit status 1 if a case
    /// fails.
    Statetest {
        /// A file, or a folder whose .json files are all run.
        #[arg(long, value_name = "FILE|DIR")]
        json: PathBuf,
    },
}

impl Command {
    pub(crate) fn run(self) -> Result<()> {
        let Self::Statetest { json } = self;
        let scratch = std::env::temp_dir().join(format!("qenex-statetest-{}", std::process::id()));
        let outcome = run(&json, &scratch);
        // A folder of a few kilobytes that no data was written to.
        let _ = std::fs::remove_dir_all(&scratch);
        match outcome? {
            0 => Ok(()),
            failed => bail!("{failed} cases failed"),
        }
    }
}

/// Runs everything under `path`; how many cases failed.
fn run(path: &Path, scratch: &Path) -> Result<usize> {
    let mut files = Vec::new();
    collect(path, &mut files)?;
    files.sort_unstable();
    let tests = StateTests::open(Store::open(scratch, &StoreOptions::default())?)?;
    let clock = Monotonic::start();
    let (passed, failed, skipped) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let unread = Mutex::new(Vec::new());
    files.par_iter().try_for_each(|file| -> Result<()> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let (outcomes, unsupported) = match tests.run(&text) {
            Ok(done) => done,
            Err(error) => {
                unread.lock().push(format!("{}: {error}", file.display()));
                return Ok(());
            }
        };
        skipped.fetch_add(unsupported, Ordering::Relaxed);
        let mut lines = Vec::new();
        for outcome in outcomes {
            let counter = if outcome.pass { &passed } else { &failed };
            counter.fetch_add(1, Ordering::Relaxed);
            serde_json::to_writer(&mut lines, &outcome)?;
            lines.push(b'\n');
        }
        // Whole lines at once: files run in parallel.
        std::io::stdout().lock().write_all(&lines)?;
        Ok(())
    })?;
    let millis = clock.now().0.max(1);
    let (passed, failed) = (passed.into_inner(), failed.into_inner());
    let unread = unread.into_inner();
    for problem in &unread {
        eprintln!("not a state test: {problem}");
    }
    eprintln!(
        "{} files, {} cases in {:.3} s: {} cases/s; {passed} passed, {failed} failed, {} skipped \
         (fork not supported), {} files not read",
        files.len(),
        passed + failed,
        Duration::from_millis(millis).as_secs_f64(),
        ((passed + failed) as u64).saturating_mul(1_000) / millis,
        skipped.into_inner(),
        unread.len(),
    );
    Ok(failed)
}

/// All .json files under a path.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        if !path.exists() {
            bail!("there is no {}", path.display());
        }
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in
        std::fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))?
    {
        let path = entry?.path();
        if path.is_dir() || path.extension().is_some_and(|extension| extension == "json") {
            collect(&path, files)?;
        }
    }
    Ok(())
}
