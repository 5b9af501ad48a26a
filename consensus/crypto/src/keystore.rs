//! The keystore: a validator's three seeds in one encrypted JSON file.
//!
//! Argon2id makes a key of the password, AES-256-GCM seals the seeds under it and binds every
//! other field of the file as associated data. The public keys are in clear, so that a genesis can
//! be assembled without a password. The checksum is no defence; it tells a damaged file from a
//! wrong password, which a cipher cannot.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use alloy_primitives::keccak256;
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::keys::{HybridPublicKey, HybridSecretKey, KeyError, ML_DSA_65_PUBLIC_LEN, Seed};
use crate::{ValidatorSeeds, keys};

/// The format written by this program.
const VERSION: u32 = 1;
const KDF: &str = "argon2id";
const CIPHER: &str = "aes-256-gcm";
const SALT_LEN: usize = 16;
const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;
/// A keystore has about 5 KB; more than this is something else.
const MAX_FILE_LEN: u64 = 64 * 1024;
/// A file that asks for more memory than this would be a way to stop the node: 2 GiB, in KiB.
const MAX_MEMORY_KIB: u32 = 2 * 1024 * 1024;
const MAX_PASSES: u32 = 64;
const MAX_LANES: u32 = 16;

/// What guessing a password costs. Written into the file, so it may differ from file to file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KdfCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Lanes that could be computed side by side.
    pub lanes: u32,
}

impl Default for KdfCost {
    /// 64 MiB and 3 passes: the second recommendation of RFC 9106, with one lane.
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 }
    }
}

/// Why a keystore cannot be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// The operating system refused.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is a file of this name already. Keys are never overwritten.
    #[error("{path} exists already")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others than the owner may read or write the file.
    #[error("{path} has mode {mode:o}: only its owner may have access (chmod 600)")]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another format version.
    #[error("{path} is a keystore of version {found}, this program knows {VERSION}")]
    Version {
        /// The file.
        path: PathBuf,
        /// The version found.
        found: u32,
    },
    /// The file is not what a keystore looks like, or has changed since it was written.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The file is whole, but the password does not open it.
    #[error("wrong password for {path}")]
    WrongPassword {
        /// The file.
        path: PathBuf,
    },
    /// A keystore without a password protects nothing.
    #[error("the password is empty")]
    EmptyPassword,
    /// The password's cost is out of bounds.
    #[error("{memory_kib} KiB, {passes} passes, {lanes} lanes is no usable password cost",
        memory_kib = .0.memory_kib, passes = .0.passes, lanes = .0.lanes)]
    Cost(KdfCost),
    /// The cryptographic library failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What the world may know of a validator.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicIdentity {
    /// Classical half of the consensus key.
    pub ed25519: [u8; 32],
    /// Post-quantum half of the consensus key.
    pub ml_dsa_65: [u8; ML_DSA_65_PUBLIC_LEN],
    /// Ed25519 key of the network identity.
    pub network: [u8; 32],
}

impl fmt::Debug for PublicIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicIdentity")
            .field("ed25519", &hex::encode(self.ed25519))
            .field("network", &hex::encode(self.network))
            .finish_non_exhaustive()
    }
}

impl PublicIdentity {
    /// The public side of a validator's seeds.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if the cryptographic library fails.
    pub fn of(seeds: &ValidatorSeeds) -> Result<Self, KeyError> {
        let consensus = HybridSecretKey::from_seeds(&seeds.ed25519, &seeds.ml_dsa_65)?;
        let public = consensus.public_key();
        Ok(Self {
            ed25519: *public.ed25519(),
            ml_dsa_65: *public.ml_dsa_65(),
            network: keys::ed25519_public(&seeds.network),
        })
    }

    /// The consensus key, parsed.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if either half is no key.
    pub fn consensus_key(&self) -> Result<HybridPublicKey, KeyError> {
        HybridPublicKey::from_parts(&self.ed25519, &self.ml_dsa_65)
    }
}

/// The file, field by field. Byte strings are lower-case hex.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    public: PublicFields,
    kdf: KdfFields,
    cipher: CipherFields,
    checksum: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicFields {
    ed25519: String,
    ml_dsa_65: String,
    network: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KdfFields {
    algorithm: String,
    cost: KdfCost,
    salt: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CipherFields {
    algorithm: String,
    nonce: String,
    ciphertext: String,
}

/// A keystore as read from its file, still locked.
#[derive(Clone, Debug)]
pub struct Keystore {
    path: PathBuf,
    public: PublicIdentity,
    cost: KdfCost,
    salt: [u8; SALT_LEN],
    nonce: [u8; NONCE_LEN],
    ciphertext: [u8; ValidatorSeeds::LEN + TAG_LEN],
}

impl Keystore {
    /// Seals `seeds` under `password` in a new file that only its owner may read.
    ///
    /// The file appears whole or not at all, and is on disk when this returns.
    ///
    /// # Errors
    ///
    /// - [`KeystoreError::Exists`] if there is such a file.
    /// - [`KeystoreError::EmptyPassword`], [`KeystoreError::Cost`] if the password or its cost
    ///   protect nothing or cannot be computed.
    /// - [`KeystoreError::Io`], [`KeystoreError::Key`] if disk or cryptography fail.
    pub fn create(
        path: impl AsRef<Path>,
        password: &[u8],
        seeds: &ValidatorSeeds,
        cost: KdfCost,
    ) -> Result<Self, KeystoreError> {
        let path = path.as_ref();
        if password.is_empty() {
            return Err(KeystoreError::EmptyPassword);
        }
        check_cost(cost)?;
        let mut keystore = Self {
            path: path.to_owned(),
            public: PublicIdentity::of(seeds)?,
            cost,
            salt: keys::random()?,
            nonce: keys::random()?,
            ciphertext: [0; ValidatorSeeds::LEN + TAG_LEN],
        };

        let plain = seeds.to_bytes();
        let (sealed, tag) = keystore.ciphertext.split_at_mut(ValidatorSeeds::LEN);
        sealed.copy_from_slice(plain.as_ref());
        let key = derive(password, &keystore.salt, cost)?;
        let aad = Aad::from(associated_data(&keystore.public, cost, &keystore.salt));
        let nonce = Nonce::assume_unique_for_key(keystore.nonce);
        let made = key
            .seal_in_place_separate_tag(nonce, aad, sealed)
            .map_err(|_| KeyError::Library("seal the keystore"))?;
        tag.copy_from_slice(made.as_ref());

        let json = serde_json::to_vec_pretty(&keystore.document()).map_err(|e| {
            KeystoreError::Io { doing: "write", path: path.to_owned(), source: e.into() }
        })?;
        write_new(path, &json)?;
        Ok(keystore)
    }

    /// Reads a keystore without opening it.
    ///
    /// # Errors
    ///
    /// - [`KeystoreError::Permissions`] if group or others have any access to the file.
    /// - [`KeystoreError::Version`] if another format version wrote it.
    /// - [`KeystoreError::Damaged`] if it is not whole.
    /// - [`KeystoreError::Cost`] if it asks for more than this program grants.
    /// - [`KeystoreError::Io`] if it cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, KeystoreError> {
        let path = path.as_ref();
        let text = read_private(path)?;
        let damaged = |what: String| KeystoreError::Damaged { path: path.to_owned(), what };

        // The version alone first: another version may have other fields.
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let versioned: Versioned =
            serde_json::from_slice(&text).map_err(|e| damaged(e.to_string()))?;
        if versioned.version != VERSION {
            return Err(KeystoreError::Version { path: path.to_owned(), found: versioned.version });
        }

        let document: Document =
            serde_json::from_slice(&text).map_err(|e| damaged(e.to_string()))?;
        if document.kdf.algorithm != KDF || document.cipher.algorithm != CIPHER {
            return Err(damaged(format!(
                "{} with {} instead of {KDF} with {CIPHER}",
                document.kdf.algorithm, document.cipher.algorithm
            )));
        }
        let keystore = Self {
            path: path.to_owned(),
            public: PublicIdentity {
                ed25519: field("public.ed25519", &document.public.ed25519, path)?,
                ml_dsa_65: field("public.ml_dsa_65", &document.public.ml_dsa_65, path)?,
                network: field("public.network", &document.public.network, path)?,
            },
            cost: document.kdf.cost,
            salt: field("kdf.salt", &document.kdf.salt, path)?,
            nonce: field("cipher.nonce", &document.cipher.nonce, path)?,
            ciphertext: field("cipher.ciphertext", &document.cipher.ciphertext, path)?,
        };
        let checksum: [u8; 32] = field("checksum", &document.checksum, path)?;
        if checksum != keystore.checksum() {
            return Err(damaged("the checksum is wrong".to_owned()));
        }
        check_cost(keystore.cost)?;
        Ok(keystore)
    }

    /// Reads a keystore and opens it.
    ///
    /// # Errors
    ///
    /// As [`Self::read`] and [`Self::unlock`].
    pub fn open(path: impl AsRef<Path>, password: &[u8]) -> Result<ValidatorSeeds, KeystoreError> {
        Self::read(path)?.unlock(password)
    }

    /// The seeds. Takes as long as the file's password cost says.
    ///
    /// # Errors
    ///
    /// - [`KeystoreError::WrongPassword`] if the password is another.
    /// - [`KeystoreError::Damaged`] if the public keys are not those of the seeds.
    /// - [`KeystoreError::Key`] if the cryptographic library fails.
    pub fn unlock(&self, password: &[u8]) -> Result<ValidatorSeeds, KeystoreError> {
        let key = derive(password, &self.salt, self.cost)?;
        let aad = Aad::from(associated_data(&self.public, self.cost, &self.salt));
        let mut bytes = Zeroizing::new(self.ciphertext);
        let plain = key
            .open_in_place(Nonce::assume_unique_for_key(self.nonce), aad, bytes.as_mut())
            .map_err(|_| KeystoreError::WrongPassword { path: self.path.clone() })?;
        let seeds = ValidatorSeeds::from_bytes(plain).ok_or_else(|| KeystoreError::Damaged {
            path: self.path.clone(),
            what: "the sealed part has another length".to_owned(),
        })?;
        if PublicIdentity::of(&seeds)? != self.public {
            return Err(KeystoreError::Damaged {
                path: self.path.clone(),
                what: "the public keys are not those of the secret ones".to_owned(),
            });
        }
        Ok(seeds)
    }

    /// The public keys, as the file gives them. [`Self::unlock`] checks them against the seeds.
    #[must_use]
    pub const fn public(&self) -> &PublicIdentity {
        &self.public
    }

    fn document(&self) -> Document {
        Document {
            version: VERSION,
            public: PublicFields {
                ed25519: hex::encode(self.public.ed25519),
                ml_dsa_65: hex::encode(self.public.ml_dsa_65),
                network: hex::encode(self.public.network),
            },
            kdf: KdfFields {
                algorithm: KDF.to_owned(),
                cost: self.cost,
                salt: hex::encode(self.salt),
            },
            cipher: CipherFields {
                algorithm: CIPHER.to_owned(),
                nonce: hex::encode(self.nonce),
                ciphertext: hex::encode(self.ciphertext),
            },
            checksum: hex::encode(self.checksum()),
        }
    }

    fn checksum(&self) -> [u8; 32] {
        let mut bytes = associated_data(&self.public, self.cost, &self.salt);
        bytes.extend_from_slice(&self.nonce);
        bytes.extend_from_slice(&self.ciphertext);
        keccak256(bytes).0
    }
}

/// Everything of the file that is not secret, at fixed offsets.
fn associated_data(public: &PublicIdentity, cost: KdfCost, salt: &[u8; SALT_LEN]) -> Vec<u8> {
    let mut bytes = b"QENEX/KEYSTORE/".to_vec();
    for number in [VERSION, cost.memory_kib, cost.passes, cost.lanes] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes.extend_from_slice(salt);
    bytes.extend_from_slice(&public.ed25519);
    bytes.extend_from_slice(&public.ml_dsa_65);
    bytes.extend_from_slice(&public.network);
    bytes
}

fn check_cost(cost: KdfCost) -> Result<Params, KeystoreError> {
    let bounded =
        cost.memory_kib <= MAX_MEMORY_KIB && cost.passes <= MAX_PASSES && cost.lanes <= MAX_LANES;
    if !bounded {
        return Err(KeystoreError::Cost(cost));
    }
    Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32))
        .map_err(|_| KeystoreError::Cost(cost))
}

fn derive(
    password: &[u8],
    salt: &[u8; SALT_LEN],
    cost: KdfCost,
) -> Result<LessSafeKey, KeystoreError> {
    let params = check_cost(cost)?;
    let mut key = Zeroizing::new(Seed::default());
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password, salt, key.as_mut())
        .map_err(|_| KeystoreError::Cost(cost))?;
    let key = UnboundKey::new(&AES_256_GCM, key.as_ref())
        .map_err(|_| KeyError::Library("make an AES key"))?;
    Ok(LessSafeKey::new(key))
}

fn field<const N: usize>(name: &str, text: &str, path: &Path) -> Result<[u8; N], KeystoreError> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|e| KeystoreError::Damaged {
        path: path.to_owned(),
        what: format!("{name}: {e}"),
    })?;
    Ok(bytes)
}

fn fail(doing: &'static str, path: &Path, source: io::Error) -> KeystoreError {
    KeystoreError::Io { doing, path: path.to_owned(), source }
}

/// Reads a file that nobody but its owner can touch.
fn read_private(path: &Path) -> Result<Vec<u8>, KeystoreError> {
    let file = File::open(path).map_err(|e| fail("open", path, e))?;
    // Of the open file, not of the name: the name may point elsewhere by now.
    let about = file.metadata().map_err(|e| fail("examine", path, e))?;
    let mode = about.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeystoreError::Permissions { path: path.to_owned(), mode });
    }
    let mut text = Vec::new();
    file.take(MAX_FILE_LEN.saturating_add(1))
        .read_to_end(&mut text)
        .map_err(|e| fail("read", path, e))?;
    if text.len() as u64 > MAX_FILE_LEN {
        let what = format!("more than {MAX_FILE_LEN} bytes");
        return Err(KeystoreError::Damaged { path: path.to_owned(), what });
    }
    Ok(text)
}

/// Writes a draft, syncs it, and links it to its name, which fails if the name is taken.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), KeystoreError> {
    let mut draft = OsString::from(path);
    draft.push(".new");
    let draft = PathBuf::from(draft);
    match fs::remove_file(&draft) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(fail("remove", &draft, e)),
        _ => (),
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .map_err(|e| fail("create", &draft, e))?;
    file.write_all(bytes).map_err(|e| fail("write", &draft, e))?;
    file.sync_all().map_err(|e| fail("sync", &draft, e))?;

    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft).map_err(|e| fail("remove", &draft, e))?;
    linked.map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => KeystoreError::Exists { path: path.to_owned() },
        _ => fail("create", path, e),
    })?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(|e| fail("sync", parent, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As cheap as Argon2 allows.
    const CHEAP: KdfCost = KdfCost { memory_kib: 8, passes: 1, lanes: 1 };

    fn seeds() -> ValidatorSeeds {
        ValidatorSeeds { ed25519: [1; 32], ml_dsa_65: [2; 32], network: [3; 32] }
    }

    struct Made {
        dir: tempfile::TempDir,
    }

    impl Made {
        fn new() -> Self {
            let made = Self { dir: tempfile::tempdir().unwrap() };
            Keystore::create(made.path(), b"secret", &seeds(), CHEAP).unwrap();
            made
        }

        fn path(&self) -> PathBuf {
            self.dir.path().join("validator.json")
        }

        fn json(&self) -> serde_json::Value {
            serde_json::from_slice(&fs::read(self.path()).unwrap()).unwrap()
        }

        fn put(&self, json: &serde_json::Value) {
            fs::write(self.path(), json.to_string()).unwrap();
        }
    }

    #[test]
    fn what_was_sealed_comes_back() {
        let made = Made::new();

        let opened = Keystore::open(made.path(), b"secret").unwrap();

        assert_eq!(opened.to_bytes(), seeds().to_bytes());
        let public = Keystore::read(made.path()).unwrap().public().clone();
        assert_eq!(public, PublicIdentity::of(&seeds()).unwrap());
        assert!(public.consensus_key().is_ok());
    }

    #[test]
    fn the_file_is_private_and_alone() {
        let made = Made::new();
        let mode = fs::metadata(made.path()).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert_eq!(fs::read_dir(made.dir.path()).unwrap().count(), 1);
        let text = fs::read_to_string(made.path()).unwrap();
        for secret in [[1_u8; 32], [2; 32], [3; 32]] {
            assert!(!text.contains(&hex::encode(secret)));
        }
    }

    #[test]
    fn a_file_others_may_read_is_refused() {
        let made = Made::new();
        for mode in [0o640, 0o604, 0o660, 0o644, 0o620, 0o601] {
            fs::set_permissions(made.path(), fs::Permissions::from_mode(mode)).unwrap();
            match Keystore::open(made.path(), b"secret") {
                Err(KeystoreError::Permissions { mode: found, .. }) => assert_eq!(found, mode),
                other => panic!("{mode:o}: {other:?}"),
            }
        }
        fs::set_permissions(made.path(), fs::Permissions::from_mode(0o400)).unwrap();
        assert!(Keystore::open(made.path(), b"secret").is_ok());
    }

    #[test]
    fn keys_are_never_overwritten() {
        let made = Made::new();
        let before = fs::read(made.path()).unwrap();

        let again = Keystore::create(made.path(), b"other", &seeds(), CHEAP);

        assert!(matches!(again, Err(KeystoreError::Exists { .. })));
        assert_eq!(fs::read(made.path()).unwrap(), before);
    }

    #[test]
    fn a_wrong_password_is_called_so() {
        let made = Made::new();
        for password in [b"Secret".as_slice(), b"secret ", b""] {
            let opened = Keystore::open(made.path(), password);
            assert!(matches!(opened, Err(KeystoreError::WrongPassword { .. })));
        }
        let empty = Keystore::create(made.dir.path().join("x"), b"", &seeds(), CHEAP);
        assert!(matches!(empty, Err(KeystoreError::EmptyPassword)));
    }

    #[test]
    fn a_changed_field_is_damage_not_a_wrong_password() {
        let made = Made::new();
        let good = made.json();
        for field in [
            "/public/ed25519",
            "/public/ml_dsa_65",
            "/public/network",
            "/kdf/salt",
            "/cipher/nonce",
            "/cipher/ciphertext",
            "/checksum",
        ] {
            for change in [
                |text: &str| flip(text),
                |text: &str| text[2..].to_owned(),
                |_: &str| "zz".to_owned(),
            ] {
                let mut bad = good.clone();
                let value = bad.pointer_mut(field).unwrap();
                *value = change(value.as_str().unwrap()).into();
                made.put(&bad);
                let opened = Keystore::open(made.path(), b"secret");
                assert!(matches!(opened, Err(KeystoreError::Damaged { .. })), "{field}");
            }
        }
        let mut other_cost = good.clone();
        other_cost["kdf"]["cost"]["passes"] = 2.into();
        let mut other_cipher = good.clone();
        other_cipher["cipher"]["algorithm"] = "rot13".into();
        let mut extra = good;
        extra["note"] = "hello".into();
        for bad in [other_cost, other_cipher, extra] {
            made.put(&bad);
            let opened = Keystore::open(made.path(), b"secret");
            assert!(matches!(opened, Err(KeystoreError::Damaged { .. })), "{bad}");
        }
    }

    #[test]
    fn a_forger_who_mends_the_checksum_still_fails() {
        let made = Made::new();
        let mut keystore = Keystore::read(made.path()).unwrap();
        keystore.public.network = [9; 32];
        made.put(&serde_json::to_value(keystore.document()).unwrap());

        let opened = Keystore::open(made.path(), b"secret");

        assert!(matches!(opened, Err(KeystoreError::WrongPassword { .. })));
    }

    #[test]
    fn unknown_versions_and_greedy_costs_are_named() {
        let made = Made::new();
        let mut later = made.json();
        later["version"] = 2.into();
        later["shape"] = "new".into();
        made.put(&later);
        let opened = Keystore::open(made.path(), b"secret");
        assert!(matches!(opened, Err(KeystoreError::Version { found: 2, .. })));

        for (memory_kib, passes, lanes) in
            [(u32::MAX, 1, 1), (8, u32::MAX, 1), (8, 1, u32::MAX), (0, 1, 1), (8, 0, 1), (8, 1, 0)]
        {
            let cost = KdfCost { memory_kib, passes, lanes };
            let made = Keystore::create(made.dir.path().join("x"), b"p", &seeds(), cost);
            assert!(matches!(made, Err(KeystoreError::Cost(_))), "{cost:?}");
        }
    }

    #[test]
    fn cut_or_foreign_files_are_damaged() {
        let made = Made::new();
        let text = fs::read(made.path()).unwrap();
        for length in [0, 1, 100, text.len() - 2] {
            fs::write(made.path(), &text[..length]).unwrap();
            let opened = Keystore::open(made.path(), b"secret");
            assert!(matches!(opened, Err(KeystoreError::Damaged { .. })), "{length} bytes");
        }
        fs::write(made.path(), vec![b' '; 70_000]).unwrap();
        let opened = Keystore::open(made.path(), b"secret");
        assert!(matches!(opened, Err(KeystoreError::Damaged { .. })));
        let absent = Keystore::open(made.dir.path().join("absent"), b"secret");
        assert!(matches!(absent, Err(KeystoreError::Io { doing: "open", .. })));
    }

    fn flip(text: &str) -> String {
        let first = if text.starts_with('0') { "1" } else { "0" };
        format!("{first}{}", &text[1..])
    }
}
