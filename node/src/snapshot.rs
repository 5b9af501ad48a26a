//! Snapshots: the database of one moment with a list of its files, made while the node runs.
//!
//! A folder with the database in `db` and, written last, the list in `snapshot.json`: a snapshot
//! without a list is unfinished. Keys and votes are not part of it. A validator that votes after a
//! restore must still have its `votes.wal`.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use alloy_primitives::B256;
use anyhow::{Context, Result, bail, ensure};
use aws_lc_rs::digest;
use qenex_store::Store;
use serde::{Deserialize, Serialize};

/// The list of files.
const LIST: &str = "snapshot.json";

/// The format of a snapshot.
const VERSION: u32 = 1;

/// What a snapshot holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Snapshot {
    version: u32,
    /// EIP-155 chain id.
    pub(crate) chain_id: u64,
    /// Hash of block 0.
    pub(crate) genesis_hash: B256,
    /// The last block.
    pub(crate) height: u64,
    /// Its hash.
    pub(crate) hash: B256,
    /// The block whose state is stored; those after it are executed again at the first start.
    pub(crate) state_height: u64,
    /// Its state root.
    pub(crate) state_root: B256,
    /// The files of the database.
    files: Vec<Listed>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    bytes: u64,
    sha256: B256,
}

impl Snapshot {
    /// Completes a snapshot whose database has been made in `folder`.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub(crate) fn complete(folder: &Path, store: &Store, chain_id: u64) -> Result<Self> {
        let (head, state) = (store.head(), store.state_head()?);
        let (Some(head), Some(state)) = (head, state) else { bail!("there is no block yet") };
        let genesis_hash = store.block_hash(0)?.context("there is no block 0")?;
        let mut files = Vec::new();
        for path in database_files(&folder.join("db"))? {
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.context("a file without a proper name")?.to_owned();
            let (bytes, sha256) = digest(&path, &mut std::io::sink())?;
            files.push(Listed { name, bytes, sha256 });
        }
        let snapshot = Self {
            version: VERSION,
            chain_id,
            genesis_hash,
            height: head.number,
            hash: head.hash,
            state_height: state.number,
            state_root: state.root,
            files,
        };
        let draft = folder.join("snapshot.json.new");
        let mut file =
            File::create(&draft).with_context(|| format!("cannot create {}", draft.display()))?;
        file.write_all(serde_json::to_string_pretty(&snapshot)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, folder.join(LIST))?;
        sync(folder)?;
        Ok(snapshot)
    }

    /// Reads the list of a snapshot.
    ///
    /// # Errors
    ///
    /// If there is none, or none of this version.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(LIST);
        let text = fs::read_to_string(&path).with_context(|| {
            format!("{} cannot be read: this is no finished snapshot", path.display())
        })?;
        let snapshot: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is damaged", path.display()))?;
        ensure!(
            snapshot.version == VERSION,
            "{} has version {}, this program knows {VERSION}",
            path.display(),
            snapshot.version
        );
        Ok(snapshot)
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Compares every file with the list, copying each to the folder `to` if there is one.
    /// `progress` is told the bytes done.
    ///
    /// # Errors
    ///
    /// If a file is missing, not in the list, or not as it was.
    pub(crate) fn check(
        &self,
        folder: &Path,
        to: Option<&Path>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let folder = folder.join("db");
        let mut done = 0_u64;
        for listed in &self.files {
            let plain =
                Path::new(&listed.name).file_name().is_some_and(|name| name == &*listed.name);
            ensure!(plain, "{LIST} is damaged: {:?} is no name of a file", listed.name);
            let path = folder.join(&listed.name);
            let (bytes, sha256) = match to {
                None => digest(&path, &mut std::io::sink())?,
                Some(to) => {
                    let target = to.join(&listed.name);
                    let mut copy = File::create_new(&target)
                        .with_context(|| format!("cannot create {}", target.display()))?;
                    let found = digest(&path, &mut copy)?;
                    copy.sync_all()?;
                    found
                }
            };
            ensure!(
                (bytes, sha256) == (listed.bytes, listed.sha256),
                "{} is damaged: it has {bytes} bytes and SHA-256 {sha256}, the list says {} and {}; \
                 take another copy of the snapshot",
                path.display(),
                listed.bytes,
                listed.sha256
            );
            done = done.saturating_add(bytes);
            progress(done);
        }
        for path in database_files(&folder)? {
            let listed =
                self.files.iter().any(|file| path.file_name().is_some_and(|n| n == &*file.name));
            ensure!(listed, "{} is not in the list of the snapshot", path.display());
        }
        if let Some(to) = to {
            sync(to)?;
        }
        Ok(())
    }
}

fn database_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        // What RocksDB makes anew whenever it opens a database.
        let fleeting =
            |name: &std::ffi::OsStr| name == "LOCK" || name.to_string_lossy().starts_with("LOG");
        if !path.file_name().is_some_and(fleeting) {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Bytes and SHA-256 of a file, which is written to `copy` on the way.
fn digest(path: &Path, copy: &mut dyn Write) -> Result<(u64, B256)> {
    let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut context = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0_u64;
    loop {
        let read =
            file.read(&mut buffer).with_context(|| format!("cannot read {}", path.display()))?;
        let part = buffer.get(..read).unwrap_or_default();
        if part.is_empty() {
            return Ok((bytes, B256::from_slice(context.finish().as_ref())));
        }
        context.update(part);
        copy.write_all(part).context("cannot write the copy")?;
        bytes = bytes.saturating_add(part.len() as u64);
    }
}

/// Makes a folder's list of files durable.
pub(crate) fn sync(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("cannot sync {}", folder.display()))
}
