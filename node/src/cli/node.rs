//! `qenex node`.

use std::path::PathBuf;

use anyhow::Result;
use tracing_subscriber::EnvFilter;

/// Run a validator until it is told to stop (SIGINT or SIGTERM).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The configuration file; relative paths in it are relative to its folder.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// What to log, e.g. `info` or `qenex=debug,warn`.
    #[arg(long, env = "QENEX_LOG", default_value = "info")]
    log: String,
    /// Log as JSON, one object a line.
    #[arg(long)]
    log_json: bool,
    /// Also stop when standard input ends: whoever started the node holds the other end.
    #[arg(long)]
    stop_with_stdin: bool,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let filter = EnvFilter::try_new(&self.log)?;
        let logs = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
        if self.log_json {
            logs.json().init();
        } else {
            logs.init();
        }
        crate::run::run(&self.config, self.stop_with_stdin)
    }
}
