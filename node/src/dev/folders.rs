//! The databases of a development node: the one in use, and a checkpoint for each snapshot.
//!
//! ```text
//! genesis.json   the specification, written once
//! current        the number of the database in use
//! chain-N/       databases; those that are not in use are snapshots, gone at the next start
//! ```
//!
//! To go back is to use the snapshot's database from then on: nothing is undone, so nothing can be
//! undone wrongly.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use qenex_exec::{Chain, ExecError};
use qenex_store::{Store, StoreError, StoreOptions};
use qenex_trie::{StateChanges, TreeOptions};
use qenex_types::ChainSpec;
use tempfile::TempDir;

use crate::clock::unix_ms;

/// How long readers may keep a database that is used no more.
const CLOSING: Duration = Duration::from_secs(5);

/// The databases.
#[derive(Debug)]
pub(super) struct Folders {
    root: PathBuf,
    /// Removed at the end.
    temporary: Option<TempDir>,
    spec: Arc<ChainSpec>,
    genesis: StateChanges,
    current: u64,
    next: u64,
}

impl Folders {
    /// Opens the chain of a folder, which is made if it is not there, or of a new temporary one.
    pub(super) fn open(
        datadir: Option<&Path>,
        gas_limit: Option<u64>,
        suite: bool,
    ) -> Result<(Self, Arc<Chain>)> {
        let (root, temporary) = match datadir {
            Some(datadir) => {
                fs::create_dir_all(datadir)
                    .with_context(|| format!("cannot create {}", datadir.display()))?;
                (datadir.to_owned(), None)
            }
            None => {
                let folder = tempfile::Builder::new().prefix("qenex-dev-").tempdir();
                let folder = folder.context("cannot create a temporary folder")?;
                (folder.path().to_owned(), Some(folder))
            }
        };
        let spec = Arc::new(specification(&root, gas_limit, suite)?);
        let current = current(&root)?;
        let genesis = qenex_genesis::state_changes(&spec)?;
        let next = current.saturating_add(1);
        let folders = Self { root, temporary, spec, genesis, current, next };
        let chain = folders.open_chain(current)?;
        folders.note_current()?;
        folders.remove_others()?;
        Ok((folders, chain))
    }

    /// The chain's specification.
    pub(super) const fn spec(&self) -> &Arc<ChainSpec> {
        &self.spec
    }

    /// Keeps the chain as it is now; the number of its database.
    pub(super) fn checkpoint(&mut self, chain: &Chain) -> Result<u64> {
        // Without its state a database executes its last blocks again, which those by hand do not bear.
        chain.flush()?;
        let number = self.new_number();
        chain.checkpoint(&self.folder(number))?;
        Ok(number)
    }

    /// Uses a database that was kept, or an empty one: then the chain begins anew.
    pub(super) fn change_to(&mut self, number: Option<u64>) -> Result<Arc<Chain>> {
        let number = number.unwrap_or_else(|| self.new_number());
        let chain = self.open_chain(number)?;
        self.current = number;
        self.note_current()?;
        Ok(chain)
    }

    /// The number of the database in use.
    pub(super) const fn current(&self) -> u64 {
        self.current
    }

    /// Removes a database that is not in use.
    pub(super) fn remove(&self, number: u64) {
        let folder = self.folder(number);
        if let Err(error) = fs::remove_dir_all(&folder) {
            tracing::warn!(folder = %folder.display(), %error, "cannot remove an old database");
        }
    }

    /// Removes what was temporary.
    pub(super) fn close(self) -> Result<()> {
        self.temporary.map_or(Ok(()), TempDir::close).context("cannot remove the temporary folder")
    }

    fn folder(&self, number: u64) -> PathBuf {
        self.root.join(format!("chain-{number}"))
    }

    fn new_number(&mut self) -> u64 {
        let number = self.next;
        self.next = number.saturating_add(1);
        number
    }

    fn open_chain(&self, number: u64) -> Result<Arc<Chain>> {
        let options = StoreOptions {
            cache_bytes: 64 << 20,
            write_buffer_bytes: 8 << 20,
            max_open_files: 256,
            ..StoreOptions::default()
        };
        let store = Store::open(self.folder(number), &options).map_err(|error| match error {
            StoreError::Locked { .. } => {
                anyhow::anyhow!("{} is in use by another process", self.root.display())
            }
            other => other.into(),
        })?;
        let tree = TreeOptions::default().cached_bytes(32 << 20);
        let chain = Chain::open_development(self.spec.clone(), store, &self.genesis, tree);
        let chain = chain.map_err(|error| match error {
            ExecError::WrongGenesis { .. } => anyhow::anyhow!(
                "{} was made by another version: {error}; start in an empty folder",
                self.root.display()
            ),
            other => other.into(),
        })?;
        Ok(Arc::new(chain))
    }

    fn note_current(&self) -> Result<()> {
        write(&self.root.join("current"), &self.current.to_string())
    }

    /// Snapshots of an earlier run, and what it left behind.
    fn remove_others(&self) -> Result<()> {
        for entry in fs::read_dir(&self.root)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix("chain-"));
            if let Some(number) = number.and_then(|number| number.parse().ok())
                && number != self.current
            {
                self.remove(number);
            }
        }
        Ok(())
    }
}

/// Waits until nobody reads a chain any more; its database is closed then.
pub(super) fn closed(chain: Arc<Chain>) -> bool {
    let pause = Duration::from_millis(2);
    let mut left = CLOSING;
    while Arc::strong_count(&chain) > 1 && !left.is_zero() {
        std::thread::sleep(pause);
        left = left.saturating_sub(pause);
    }
    Arc::into_inner(chain).is_some()
}

/// The specification of a folder, written if there is none: then with the contract suite or without.
fn specification(root: &Path, gas_limit: Option<u64>, suite: bool) -> Result<ChainSpec> {
    let file = root.join("genesis.json");
    if !file.exists() {
        let [admin, ..] = qenex_genesis::DEV_ACCOUNTS;
        let seconds = unix_ms() / 1_000;
        let mut spec = qenex_genesis::development(Vec::new(), admin, seconds.saturating_mul(1_000));
        spec.gas_limit = gas_limit.unwrap_or(spec.gas_limit);
        if suite {
            qenex_genesis::prepare_for_suite(&mut spec);
        }
        write(&file, &qenex_genesis::to_json(&spec)?)?;
        return Ok(spec);
    }
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    // Not checked further: a network of ours must have validators, and this one has none.
    let spec: ChainSpec = serde_json::from_str(&text)
        .with_context(|| format!("{} is no specification", file.display()))?;
    if !spec.validators.is_empty() {
        bail!("{} is the specification of a network with validators", file.display());
    }
    if let Some(limit) = gas_limit.filter(|limit| *limit != spec.gas_limit) {
        bail!("--gas-limit {limit}: the chain in {} has {}", root.display(), spec.gas_limit);
    }
    Ok(spec)
}

/// The number of the database in use; of a new folder 0.
fn current(root: &Path) -> Result<u64> {
    let file = root.join("current");
    match fs::read_to_string(&file) {
        Ok(text) => {
            text.trim().parse().with_context(|| format!("{} holds no number", file.display()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// Writes a file whole or not at all.
fn write(file: &Path, text: &str) -> Result<()> {
    let draft = file.with_extension("new");
    fs::write(&draft, text)
        .and_then(|()| fs::rename(&draft, file))
        .with_context(|| format!("cannot write {}", file.display()))
}
