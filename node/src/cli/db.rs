//! `qenex db`: what a node keeps on disk, checked and measured. The node must not run.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Instant,
};

use alloy_consensus::Header;
use alloy_rlp::Decodable;
use anyhow::{Context, Result, bail, ensure};
use qenex_exec::verify_chain;
use qenex_store::{Store, TableStats};
use qenex_types::ChainSpec;
use qenex_wal::Wal;
use rayon::prelude::*;
use serde_json::json;

use crate::{
    cli::now_and_then,
    config::Config,
    consensus::{FinalityProof, Validators, VoteState, open_blocks},
    db_key::{self, Access},
    disk::open_store,
    run::unusable,
};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Check everything: blocks, proofs of finality, state roots from scratch, every table against
    /// every other, the vote log and the open blocks. Exit status 78 if anything is wrong.
    Verify(Args),
    /// Encrypt a database with a new key, which the keystore protects.
    Encrypt(Args),
    /// Encrypt an encrypted database with another key.
    Rekey(Args),
    /// Write an encrypted database in plain text.
    Decrypt(Args),
    /// Show what each table takes on disk.
    Stats {
        #[command(flatten)]
        args: Args,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// How a database is rewritten.
#[derive(Clone, Copy, Debug)]
enum Rewrite {
    Encrypt,
    Rekey,
    Decrypt,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The node's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Command {
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::Verify(args) => args.verify().map_err(unusable),
            Self::Encrypt(args) => args.rewrite(Rewrite::Encrypt),
            Self::Rekey(args) => args.rewrite(Rewrite::Rekey),
            Self::Decrypt(args) => args.rewrite(Rewrite::Decrypt),
            Self::Stats { args, json } => args.stats(json),
        }
    }
}

impl Args {
    /// The configuration and the database that must be there.
    fn open(&self) -> Result<(Config, Store)> {
        let config = Config::read(&self.config)?;
        db_key::finish_rewrite(&config.data)?;
        let folder = config.data.join("db");
        ensure!(folder.exists(), "there is no database at {}", folder.display());
        let store = open_store(&config, &Access::new(&config))?;
        Ok((config, store))
    }

    fn verify(&self) -> Result<()> {
        let (config, store) = self.open()?;
        let spec = qenex_genesis::read(&config.genesis)
            .with_context(|| format!("the specification {}", config.genesis.display()))?;
        let mut progress = rows_done();
        let report = verify_chain(&store, &mut progress)?;
        println!("blocks    0 to {}, {} transactions", report.head, report.transactions);
        let proofs = verify_proofs(&store, &spec, 1..=report.head, &mut progress)?;
        println!("finality  {proofs} commit certificates");
        let state = report.state;
        println!(
            "state     of block {}: {} accounts, {} slots, {} codes, {} trie nodes, root {}",
            state.number, state.accounts, state.slots, state.codes, state.nodes, state.root
        );
        println!(
            "history   from block {} on: {} accounts, {} slots, root there {}",
            state.floor, state.accounts_before, state.slots_before, state.floor_root
        );
        verify_votes(&config.data, &store)?;
        // A node that is not encrypted needs no keystore to be checked.
        let keys = store.is_encrypted().then(|| Access::new(&config).file_keys()).transpose()?;
        let open = open_blocks(&config.data.join("open-blocks"), keys.as_ref())?;
        println!("votes     whole, with {open} open blocks");
        println!("everything fits together");
        Ok(())
    }

    /// Copies the database row by row, encrypted otherwise, and puts the copy in its place.
    #[expect(clippy::disallowed_methods, reason = "how long it took")]
    fn rewrite(&self, how: Rewrite) -> Result<()> {
        let (config, store) = self.open()?;
        let access = Access::new(&config);
        let [old, new] = ["db", "db.rewriting"].map(|name| config.data.join(name));
        let epoch = access.epoch(&old)?;
        match (how, epoch) {
            (Rewrite::Encrypt, 1..) => bail!("{} is encrypted already", old.display()),
            (Rewrite::Rekey | Rewrite::Decrypt, 0) => bail!("{} is not encrypted", old.display()),
            _ => {}
        }
        if new.exists() {
            std::fs::remove_dir_all(&new)?;
        }
        if !matches!(how, Rewrite::Decrypt) {
            access.create(&new, epoch.checked_add(1).context("too many keys")?)?;
        }
        let started = Instant::now();
        store.copy_to(&new, &access.options(&new)?, &mut rows_done())?;
        let copy = Store::open(&new, &access.options(&new)?)?;
        ensure!(copy.head() == store.head(), "the copy ends with another block");
        ensure!(copy.state_head()? == store.state_head()?, "the copy has another state");
        drop((store, copy));
        db_key::replace_database(&config.data)?;
        println!("rewritten in {} ms", started.elapsed().as_millis());
        match how {
            Rewrite::Encrypt => println!("set store.encrypt = true in {}", self.config.display()),
            Rewrite::Decrypt => println!("set store.encrypt = false in {}", self.config.display()),
            Rewrite::Rekey => println!("the key has epoch {}", access.epoch(&old)?),
        }
        Ok(())
    }

    fn stats(&self, as_json: bool) -> Result<()> {
        let (_, store) = self.open()?;
        let tables = store.stats()?;
        let (head, state) = (store.head(), store.state_head()?);
        let floor = store.state_floor()?;
        let (missing, import) = (store.missing_blocks(), store.state_import()?);
        if as_json {
            let table = |table: &TableStats| {
                json!({
                    "name": table.name, "rows": table.rows, "files": table.files,
                    "blobs": table.blobs, "memory": table.memory,
                })
            };
            let text = json!({
                "path": store.path(),
                "chainId": store.chain_id()?,
                "genesisHash": store.genesis_hash()?,
                "head": head.map(|head| head.number),
                "headHash": head.map(|head| head.hash),
                "stateHead": state.map(|head| head.number),
                "stateRoot": state.map(|head| head.root),
                "stateFloor": floor,
                "missingBlocks": (!missing.is_empty()).then(|| [missing.start, missing.end - 1]),
                "stateImport": import.map(|import| import.head.number),
                "tables": tables.iter().map(table).collect::<Vec<_>>(),
            });
            println!("{}", serde_json::to_string_pretty(&text)?);
            return Ok(());
        }
        println!("{}", store.path().display());
        if let (Some(head), Some(state)) = (head, state) {
            println!("block {}  state of block {}, from {floor} on", head.number, state.number);
        }
        if !missing.is_empty() {
            println!("blocks {} to {} are still to be fetched", missing.start, missing.end - 1);
        }
        if let Some(import) = import {
            println!("the state of block {} is being fetched", import.head.number);
        }
        println!("{:<12} {:>14} {:>16} {:>16} {:>14}", "table", "rows", "files", "blobs", "memory");
        let mut sum = TableStats { name: "all", rows: 0, files: 0, blobs: 0, memory: 0 };
        for table in &tables {
            line(table);
            sum.rows += table.rows;
            sum.files += table.files;
            sum.blobs += table.blobs;
            sum.memory += table.memory;
        }
        line(&sum);
        println!("rows are estimates; the rest are bytes, those in memory also in the log");
        Ok(())
    }
}

/// Tells people now and then how far the work has come.
fn rows_done() -> impl FnMut(&str, u64) {
    let mut tell = now_and_then();
    move |table, rows| tell(&|| format!("{table}: {rows} ..."))
}

fn line(table: &TableStats) {
    let TableStats { name, rows, files, blobs, memory } = table;
    println!("{name:<12} {rows:>14} {files:>16} {blobs:>16} {memory:>14}");
}

/// Every block's proof must fit to its header, every certificate be genuine, and the last block have
/// one: it proves all before it.
pub(crate) fn verify_proofs(
    store: &Store,
    spec: &ChainSpec,
    blocks: RangeInclusive<u64>,
    progress: &mut dyn FnMut(&str, u64),
) -> Result<u64> {
    let validators = Validators::of(spec)?;
    let one = |number: u64| -> Result<bool> {
        let row = store.certificate(number)?.context("it has none")?;
        let proof = FinalityProof::decode(&row)?;
        let header = store.header(number)?.context("the block has no header")?;
        let header = Header::decode(&mut header.as_ref())?;
        if header.parent_beacon_block_root != Some(proof.consensus_header.digest()) {
            bail!("its consensus header is of another block");
        }
        let Some(certificate) = proof.certificate else { return Ok(false) };
        validators.check(certificate, store.block_hash(number)?.unwrap_or_default())?;
        Ok(true)
    };
    let missing = store.missing_blocks();
    let checked = |number| {
        if missing.contains(&number) {
            return Ok(false);
        }
        one(number).map_err(|error| {
            store.condemn(format!("the proof that block {number} is final: {error:#}")).into()
        })
    };
    let (mut from, head) = ((*blocks.start()).max(1), *blocks.end());
    let mut proven = 0_u64;
    while from <= head {
        let to = from.saturating_add(255).min(head);
        let found = (from..=to)
            .into_par_iter()
            .map(|number| checked(number).map(u64::from))
            .sum::<Result<u64>>()?;
        proven = proven.saturating_add(found);
        from = to.saturating_add(1);
        progress("certificates", from);
    }
    if head > 0 && !checked(head)? {
        return Err(store.condemn(format!("the last block {head} has no certificate")).into());
    }
    Ok(proven)
}

/// The vote log must be whole and hold a vote state, and the database must have what was final then.
fn verify_votes(data: &Path, store: &Store) -> Result<()> {
    let path = data.join("votes.wal");
    ensure!(path.exists(), "{} is missing", path.display());
    let (_wal, record) = Wal::open(&path)?;
    let Some(record) = record else { return Ok(()) };
    let votes = VoteState::decode(&record).with_context(|| path.display().to_string())?;
    match votes.lost(&store.missing_blocks(), |number| store.block_hash(number))? {
        Some(lost) if store.origin()?.is_none() => {
            bail!("block {lost} was final when this validator last voted, and is not there")
        }
        _ => Ok(()),
    }
}
