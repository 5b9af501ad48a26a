//! `qenex keys`: a validator's encrypted keystore.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use qenex_crypto::{KdfCost, Keystore, ValidatorSeeds};

use crate::keys::{PASSWORD_VARIABLE, read_secret, validator_spec};

/// Make and show validator keys.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make new keys (Ed25519, ML-DSA-65, network identity) and write them encrypted.
    Generate {
        /// The keystore to write; must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// A file with the password, readable by its owner alone; otherwise the environment variable
        /// QENEX_KEYSTORE_PASSWORD.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Print the public half of a keystore as it stands in a specification. Needs no password.
    Show {
        /// The keystore.
        keystore: PathBuf,
        /// Name of the validator in the specification.
        #[arg(long, default_value = "validator")]
        name: String,
        /// Receives the priority fees of its blocks.
        #[arg(long, default_value = "0x0000000000000000000000000000000000000000")]
        fee_recipient: alloy_primitives::Address,
    },
}

impl Command {
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::Generate { out, password_file } => {
                if out.exists() {
                    bail!("{} exists; keys are never overwritten", out.display());
                }
                let password = match password_file {
                    Some(path) => read_secret(&path)?,
                    None => std::env::var(PASSWORD_VARIABLE).with_context(|| {
                        format!("no password: give --password-file or set {PASSWORD_VARIABLE}")
                    })?,
                };
                let seeds = ValidatorSeeds::generate()?;
                Keystore::create(&out, password.as_bytes(), &seeds, KdfCost::default())?;
                println!("wrote {}", out.display());
                Ok(())
            }
            Self::Show { keystore, name, fee_recipient } => {
                let keystore = Keystore::read(&keystore)?;
                let spec = validator_spec(name, keystore.public(), fee_recipient)?;
                println!("{}", serde_json::to_string_pretty(&spec)?);
                Ok(())
            }
        }
    }
}
