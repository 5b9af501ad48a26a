//! `qenex genesis`: chain specifications.

use std::path::PathBuf;

use alloy_primitives::Address;
use anyhow::{Context, Result, bail};
use qenex_types::ValidatorSpec;

use crate::clock::unix_ms;

/// Make and check chain specifications.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Write a specification with the development accounts and currencies, for the given validators.
    New {
        /// Validators, each a JSON file as `qenex keys show` prints it, in the order of their indices.
        #[arg(long = "validator", value_name = "FILE", required = true)]
        validators: Vec<PathBuf>,
        /// Address of the bank facade's key: administers the ledger and owns the demo accounts.
        #[arg(long)]
        gateway: Address,
        /// The file to write; must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Check a specification and print what it makes.
    Check {
        /// The specification.
        file: PathBuf,
    },
}

impl Command {
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::New { validators, gateway, out } => {
                if out.exists() {
                    bail!("{} exists", out.display());
                }
                let read = |path: &PathBuf| -> Result<ValidatorSpec> {
                    let text = std::fs::read_to_string(path)
                        .with_context(|| format!("cannot read {}", path.display()))?;
                    serde_json::from_str(&text)
                        .with_context(|| format!("{} is not a validator", path.display()))
                };
                let validators = validators.iter().map(read).collect::<Result<_>>()?;
                let spec = qenex_genesis::development(validators, gateway, unix_ms());
                qenex_genesis::validate(&spec)?;
                std::fs::write(&out, qenex_genesis::to_json(&spec)?)?;
                println!("wrote {}", out.display());
                Ok(())
            }
            Self::Check { file } => {
                let spec = qenex_genesis::read(&file)?;
                let state = qenex_genesis::state_changes(&spec)?;
                println!("name         {}", spec.name);
                println!("chain id     {}", spec.chain_id);
                println!("network      {}", spec.digest()?);
                println!("validators   {}", spec.validators.len());
                println!("accounts     {}", state.accounts.len());
                println!("currencies   {}", spec.ledger.currencies.len());
                Ok(())
            }
        }
    }
}
