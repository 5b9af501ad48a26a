//! `qenex proof`: proofs of finality, checked without a node.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::settlement::SettlementProof;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Check what `qenex_getSettlementProof` gave, with the keys of the specification and nothing else.
    Verify {
        /// The network's specification.
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
        /// The proof, JSON; `-` for standard input.
        proof: PathBuf,
    },
}

impl Command {
    pub(crate) fn run(self) -> Result<()> {
        let Self::Verify { genesis, proof } = self;
        let spec = qenex_genesis::read(&genesis)
            .with_context(|| format!("the specification {}", genesis.display()))?;
        let text = if proof.as_os_str() == "-" {
            std::io::read_to_string(std::io::stdin())?
        } else {
            std::fs::read_to_string(&proof)
                .with_context(|| format!("cannot read {}", proof.display()))?
        };
        let proof: SettlementProof =
            serde_json::from_str(&text).context("this is no settlement proof")?;
        let settled = proof.verify(&spec).context("the proof does not hold")?;
        println!(
            "transaction {} is final in block {} ({}) of {}: {}",
            settled.transaction_hash,
            settled.block,
            settled.block_hash,
            spec.name,
            if settled.success { "succeeded" } else { "failed" }
        );
        Ok(())
    }
}
