//! Key files: the validator's encrypted keystore, and small secrets that must be private.

use std::{
    io::Write,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use anyhow::{Context, Result, bail};
use qenex_crypto::{Keystore, ValidatorSeeds};
use qenex_types::ValidatorSpec;

use crate::config::Keys;

/// Where the password is looked for if the configuration names no file.
pub(crate) const PASSWORD_VARIABLE: &str = "QENEX_KEYSTORE_PASSWORD";

/// Writes a new secret file, mode 0600.
///
/// # Errors
///
/// If it exists or cannot be written.
pub(crate) fn write_secret(path: &Path, secret: &str) -> Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot create {}", path.display()))?;
    file.write_all(secret.as_bytes())?;
    file.sync_all()?;
    Ok(())
}

/// Reads a secret file that nobody else may read.
///
/// # Errors
///
/// If it cannot be read, or others can read it too.
pub(crate) fn read_secret(path: &Path) -> Result<String> {
    let metadata = std::fs::metadata(path)
        .with_context(|| format!("cannot read the secret {}", path.display()))?;
    if metadata.mode() & 0o077 != 0 {
        bail!(
            "{} can be read by others (mode {:o}): chmod 600 it",
            path.display(),
            metadata.mode() & 0o777
        );
    }
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the secret {}", path.display()))?;
    Ok(text.trim().to_owned())
}

/// Opens the keystore of a configuration.
///
/// # Errors
///
/// If the password or the keystore is not there or not right.
pub(crate) fn open(keys: &Keys) -> Result<ValidatorSeeds> {
    let password = match &keys.password_file {
        Some(path) => read_secret(path)?,
        None => std::env::var(PASSWORD_VARIABLE).with_context(|| {
            format!("no password: set keys.password_file or {PASSWORD_VARIABLE}")
        })?,
    };
    Ok(Keystore::open(&keys.keystore, password.as_bytes())?)
}

/// The public half of a validator, for the specification.
///
/// # Errors
///
/// If the keys are not usable.
pub(crate) fn validator_spec(
    name: String,
    identity: &qenex_crypto::PublicIdentity,
    fee_recipient: alloy_primitives::Address,
) -> Result<ValidatorSpec> {
    Ok(ValidatorSpec {
        name,
        ed25519: identity.ed25519.to_vec().into(),
        mldsa65: identity.ml_dsa_65.to_vec().into(),
        peer_id: qenex_net::peer_id_of(&identity.network)?,
        fee_recipient,
    })
}
