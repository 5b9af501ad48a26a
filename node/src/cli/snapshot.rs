//! `qenex snapshot`: the database of one moment, made while the node runs, and put back.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use qenex_exec::Chain;
use qenex_store::Origin;

use crate::{
    cli::{db::verify_proofs, now_and_then},
    config::Config,
    control,
    db_key::{self, Access},
    disk::{open_store, open_store_at},
    run::unusable,
    snapshot::{self, Snapshot},
};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a snapshot of a node's database, running or not. Keys and votes are not part of it.
    Create {
        /// The node's configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The new folder; best on the data folder's file system, where files are linked.
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
    },
    /// Show what a snapshot holds, and compare every file with its list.
    Info {
        /// The snapshot.
        folder: PathBuf,
        /// Print the list as JSON, without comparing.
        #[arg(long)]
        json: bool,
    },
    /// Put a snapshot in the place of a node's database. The node must not run, and its folder `db`
    /// must have been moved away. A validator keeps the `votes.wal` it has.
    Restore {
        /// The node's configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The snapshot.
        #[arg(long, value_name = "FOLDER")]
        from: PathBuf,
    },
}

impl Command {
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::Create { config, to } => create(&config, &to),
            Self::Info { folder, json } => info(&folder, json),
            Self::Restore { config, from } => restore(&config, &from).map_err(unusable),
        }
    }
}

fn create(config: &Path, to: &Path) -> Result<()> {
    let config = Config::read(config)?;
    std::fs::create_dir(to).with_context(|| format!("cannot create {}", to.display()))?;
    let to = to.canonicalize()?;
    let access = Access::new(&config);
    if !control::checkpoint(&config.data, &to.join("db"))? {
        let store = open_store(&config, &access)?;
        store.checkpoint(&to.join("db"))?;
    }
    db_key::copy(&config.data.join("db"), &to.join("db"))?;
    let store = open_store_at(&access, &to.join("db"))?;
    let spec = qenex_genesis::read(&config.genesis)
        .with_context(|| format!("the specification {}", config.genesis.display()))?;
    let snapshot = Snapshot::complete(&to, &store, spec.chain_id)?;
    println!("{}", describe(&snapshot));
    Ok(())
}

fn describe(snapshot: &Snapshot) -> String {
    format!(
        "chain   {} with block 0 {}\nblock   {} {}\nstate   of block {}, root {}\nsize    {} bytes",
        snapshot.chain_id,
        snapshot.genesis_hash,
        snapshot.height,
        snapshot.hash,
        snapshot.state_height,
        snapshot.state_root,
        snapshot.bytes()
    )
}

fn info(folder: &Path, json: bool) -> Result<()> {
    let snapshot = Snapshot::read(folder)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&snapshot)?);
        return Ok(());
    }
    println!("{}", describe(&snapshot));
    snapshot.check(folder, None, &mut progress(snapshot.bytes())).map_err(unusable)?;
    println!("every file is as it was");
    Ok(())
}

fn progress(all: u64) -> impl FnMut(u64) {
    let mut tell = now_and_then();
    move |done| tell(&|| format!("{done} of {all} bytes ..."))
}

#[expect(clippy::disallowed_methods, reason = "how fast it was")]
fn restore(config: &Path, from: &Path) -> Result<()> {
    let config = Config::read(config)?;
    let spec = qenex_genesis::read(&config.genesis)
        .with_context(|| format!("the specification {}", config.genesis.display()))?;
    let snapshot = Snapshot::read(from)?;
    let database = config.data.join("db");
    ensure!(
        !database.exists(),
        "{} exists: stop the node and move that folder away first",
        database.display()
    );
    std::fs::create_dir_all(&config.data)
        .with_context(|| format!("cannot create {}", config.data.display()))?;
    // Whole and checked before it gets its name: a restore that was cut off begins anew.
    let draft = config.data.join("db.restoring");
    if draft.exists() {
        std::fs::remove_dir_all(&draft)?;
    }
    std::fs::create_dir(&draft).with_context(|| format!("cannot create {}", draft.display()))?;
    let started = Instant::now();
    snapshot.check(from, Some(&draft), &mut progress(snapshot.bytes()))?;
    let copied = started.elapsed();

    let store = open_store_at(&Access::new(&config), &draft)?;
    let head = store.head().context("the snapshot has no block")?;
    ensure!(
        (head.number, head.hash) == (snapshot.height, snapshot.hash),
        "the list is of another database"
    );
    // Only from the head: one certificate proves all before it.
    verify_proofs(&store, &spec, head.number..=head.number, &mut |_, _| ())?;
    let genesis = qenex_genesis::state_changes(&spec)?;
    let chain = Chain::open_with(spec.into(), store, genesis, config.store.tree())
        .with_context(|| format!("this is no snapshot of {}", config.genesis.display()))?;
    chain.flush()?;
    chain.set_origin(Some(Origin::Snapshot))?;
    let state_root = chain.head().header.state_root;
    drop(chain);
    std::fs::rename(&draft, &database)?;
    snapshot::sync(&config.data)?;
    let all = started.elapsed();
    let rate = u128::from(snapshot.bytes()).checked_div(copied.as_micros().max(1)).unwrap_or(0);
    println!("{}", describe(&snapshot));
    println!(
        "copied and compared in {} ms ({rate} MB/s), verified and opened after {} ms; state root of \
         block {} {state_root}",
        copied.as_millis(),
        all.as_millis(),
        snapshot.height,
    );
    if !config.data.join("votes.wal").exists() {
        println!(
            "there is no votes.wal in {}: a validator of these keys that voted before must get it \
             back first",
            config.data.display()
        );
    }
    Ok(())
}
