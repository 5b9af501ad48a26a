//! The key of an encrypted database: random, kept beside it in `db/key.json`, wrapped with a key
//! derived from the validator's seeds. Whoever has the disk but not the keystore's password has
//! nothing; a copy of the folder can be opened wherever the keystore can. Blocks that are not final
//! yet lie outside the database, each file of them under a key derived from the same seeds.

use std::{fs, io::Write as _, path::Path};

use anyhow::{Context, Result, bail, ensure};
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
    rand,
};
use qenex_crypto::ValidatorSeeds;
use qenex_store::{StoreKey, StoreOptions};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{config::Config, keys};

/// The file's name in the database folder.
pub(crate) const FILE: &str = "key.json";

const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    version: u32,
    /// Counts the keys of a database; bound to every value and to the wrapped key.
    epoch: u32,
    nonce: String,
    /// AES-256-GCM of the key.
    key: String,
}

/// What a node's databases are opened with.
#[derive(Debug)]
pub(crate) struct Access<'a> {
    config: &'a Config,
    seeds: Option<&'a ValidatorSeeds>,
}

impl<'a> Access<'a> {
    /// Of a node whose keystore is opened only if it is needed.
    pub(crate) const fn new(config: &'a Config) -> Self {
        Self { config, seeds: None }
    }

    /// Of a node whose keystore is open.
    pub(crate) const fn with_seeds(config: &'a Config, seeds: &'a ValidatorSeeds) -> Self {
        Self { config, seeds: Some(seeds) }
    }

    /// How to open the database in a folder, encrypted if its key is there.
    ///
    /// # Errors
    ///
    /// If the key cannot be read.
    pub(crate) fn options(&self, folder: &Path) -> Result<StoreOptions> {
        let key = if folder.join(FILE).exists() { Some(self.read(folder)?) } else { None };
        let cache_bytes = self.config.store.cache_mib << 20;
        Ok(StoreOptions { cache_bytes, key, ..StoreOptions::default() })
    }

    fn wrapping_key(&self) -> Result<LessSafeKey> {
        self.derive(b"qenex", b"database key")
    }

    /// What the files of open blocks are encrypted with.
    ///
    /// # Errors
    ///
    /// If the keystore cannot be opened.
    pub(crate) fn file_keys(&self) -> Result<FileKeys> {
        let secret = self.secret()?;
        Ok(FileKeys(secret))
    }

    fn derive(&self, salt: &[u8], purpose: &[u8]) -> Result<LessSafeKey> {
        derive(&self.secret()?, salt, purpose)
    }

    fn secret(&self) -> Result<Zeroizing<Vec<u8>>> {
        let opened;
        let seeds = match self.seeds {
            Some(seeds) => seeds,
            None => {
                opened = keys::open(&self.config.keys)?;
                &opened
            }
        };
        Ok(Zeroizing::new([&seeds.ml_dsa_65[..], &seeds.ed25519[..]].concat()))
    }

    /// Reads the key of the database in a folder.
    fn read(&self, folder: &Path) -> Result<StoreKey> {
        let path = folder.join(FILE);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let damaged = || format!("{} is damaged: restore it from a snapshot", path.display());
        let wrapped: Wrapped = serde_json::from_str(&text).with_context(damaged)?;
        ensure!(
            wrapped.version == VERSION,
            "{} has version {}, this program knows {VERSION}",
            path.display(),
            wrapped.version
        );
        let nonce: [u8; NONCE_LEN] =
            hex::decode(&wrapped.nonce)?.try_into().ok().with_context(damaged)?;
        let mut key = Zeroizing::new(hex::decode(&wrapped.key).with_context(damaged)?);
        let opened = self
            .wrapping_key()?
            .open_in_place(Nonce::assume_unique_for_key(nonce), bound_to(wrapped.epoch), &mut key)
            .ok()
            .with_context(|| {
                format!(
                    "{} is damaged, or was made with other keys than those in {}",
                    path.display(),
                    self.config.keys.keystore.display()
                )
            })?;
        let bytes = <[u8; 32]>::try_from(&*opened).ok().with_context(damaged)?;
        Ok(StoreKey { epoch: wrapped.epoch, bytes: Zeroizing::new(bytes) })
    }

    /// Makes a key for a database that is to be made in a folder.
    ///
    /// # Errors
    ///
    /// If there is one, or it cannot be written.
    pub(crate) fn create(&self, folder: &Path, epoch: u32) -> Result<()> {
        let (mut key, mut nonce) = (Zeroizing::new(vec![0_u8; 32]), [0_u8; NONCE_LEN]);
        let drawn = rand::fill(&mut key).and_then(|()| rand::fill(&mut nonce));
        drawn.ok().context("cannot draw a key")?;
        let unique = Nonce::assume_unique_for_key(nonce);
        let sealed =
            self.wrapping_key()?.seal_in_place_append_tag(unique, bound_to(epoch), &mut *key);
        sealed.ok().context("cannot wrap the database's key")?;
        let wrapped =
            Wrapped { version: VERSION, epoch, nonce: hex::encode(nonce), key: hex::encode(&*key) };
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        keys::write_secret(&folder.join(FILE), &serde_json::to_string_pretty(&wrapped)?)?;
        crate::snapshot::sync(folder)
    }

    /// The epoch of the database's key; 0 without one.
    ///
    /// # Errors
    ///
    /// If the key cannot be read.
    pub(crate) fn epoch(&self, folder: &Path) -> Result<u32> {
        if folder.join(FILE).exists() { Ok(self.read(folder)?.epoch) } else { Ok(0) }
    }

    /// Makes the key of a new database if it is to be encrypted, and refuses one that is not as the
    /// configuration wants it.
    ///
    /// # Errors
    ///
    /// If the two differ, or the key cannot be made.
    pub(crate) fn require(&self, folder: &Path) -> Result<()> {
        let has_key = folder.join(FILE).exists();
        match (self.config.store.encrypt, has_key) {
            (true, false) if !folder.exists() => self.create(folder, 1),
            (true, false) => bail!(
                "{} is not encrypted, or its {FILE} is lost, but store.encrypt is set: run \
                 `qenex db encrypt`, or restore a snapshot",
                folder.display()
            ),
            (false, true) => bail!(
                "{} is encrypted, but store.encrypt is not set: set it, or run `qenex db decrypt`",
                folder.display()
            ),
            _ => Ok(()),
        }
    }
}

/// Keys for files, one for each salt.
pub(crate) struct FileKeys(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for FileKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FileKeys(secret)")
    }
}

impl FileKeys {
    /// Without a keystore.
    #[cfg(test)]
    pub(crate) fn of_secret(secret: Vec<u8>) -> Self {
        Self(Zeroizing::new(secret))
    }

    /// The key of the file with this salt.
    ///
    /// # Errors
    ///
    /// If it cannot be derived.
    pub(crate) fn of(&self, salt: &[u8]) -> Result<LessSafeKey> {
        derive(&self.0, salt, b"open blocks")
    }
}

fn derive(secret: &[u8], salt: &[u8], purpose: &[u8]) -> Result<LessSafeKey> {
    let key = Salt::new(HKDF_SHA256, salt).extract(secret);
    let key = key.expand(&[purpose], &AES_256_GCM).map(UnboundKey::from);
    Ok(LessSafeKey::new(key.ok().context("cannot derive a key from the keystore's")?))
}

fn bound_to(epoch: u32) -> Aad<Vec<u8>> {
    Aad::from([&b"qenex database key"[..], &epoch.to_be_bytes()].concat())
}

/// Brings an interrupted change of keys to its end: the copy was whole before anything was renamed.
///
/// # Errors
///
/// If the folders cannot be renamed.
pub(crate) fn finish_rewrite(data: &Path) -> Result<()> {
    let [database, copy, old] = ["db", "db.rewriting", "db.old"].map(|name| data.join(name));
    if !database.exists() && old.exists() && copy.exists() {
        fs::rename(&copy, &database)?;
        crate::snapshot::sync(data)?;
    }
    if database.exists() && old.exists() {
        fs::remove_dir_all(&old)?;
    }
    Ok(())
}

/// Puts a whole copy of a node's database, encrypted otherwise, in its place.
///
/// # Errors
///
/// If the folders cannot be renamed.
pub(crate) fn replace_database(data: &Path) -> Result<()> {
    fs::rename(data.join("db"), data.join("db.old"))?;
    crate::snapshot::sync(data)?;
    finish_rewrite(data)
}

/// Copies the key of a database, if it has one, beside a copy of the database.
///
/// # Errors
///
/// If it cannot be copied.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.join(FILE).exists() {
        return Ok(());
    }
    let text = fs::read(from.join(FILE))?;
    let target = to.join(FILE);
    let mut file = fs::File::create_new(&target)
        .with_context(|| format!("cannot create {}", target.display()))?;
    file.write_all(&text)?;
    file.sync_all()?;
    Ok(())
}
