//! What a node finds on its disk, opened and checked to belong together.

use std::{path::Path, sync::Arc};

use alloy_primitives::B256;
use anyhow::{Context, Result, bail};
use qenex_consensus::{DurableRecord, ValidatorIndex};
use qenex_crypto::{HybridPublicKey, HybridSecretKey, ValidatorSeeds};
use qenex_exec::{Chain, ExecError};
use qenex_store::{Origin, Store, StoreError, StoreOptions};
use qenex_types::ChainSpec;
use qenex_wal::{Wal, WalError};

use crate::{
    config::Config,
    consensus::{Bodies, VoteState},
    db_key::{self, Access},
    keys,
};

/// What a node finds on its disk.
pub(crate) struct Disk {
    pub(crate) identity: Identity,
    pub(crate) chain: Arc<Chain>,
    pub(crate) wal: Wal,
    pub(crate) record: Option<DurableRecord>,
    pub(crate) bodies: Bodies,
    /// How its database was opened.
    pub(crate) options: StoreOptions,
}

/// Which network a node is of, and who it is there.
pub(crate) struct Identity {
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) chain_id: B256,
    pub(crate) seeds: ValidatorSeeds,
    pub(crate) key: HybridSecretKey,
    pub(crate) me: ValidatorIndex,
}

/// Opens the database of a node.
///
/// # Errors
///
/// If another process has it open, or it cannot be trusted.
pub(crate) fn open_store(config: &Config, access: &Access<'_>) -> Result<Store> {
    open_store_at(access, &config.data.join("db")).map_err(|error| {
        match error.downcast_ref::<StoreError>() {
            Some(StoreError::Locked { .. }) => anyhow::anyhow!(
                "the data folder {} is in use by another process",
                config.data.display()
            ),
            _ => error,
        }
    })
}

/// Opens a database in another place as a node would.
///
/// # Errors
///
/// As [`open_store`].
pub(crate) fn open_store_at(access: &Access<'_>, folder: &Path) -> Result<Store> {
    Ok(Store::open(folder, &access.options(folder)?)?)
}

impl Identity {
    /// Reads specification and keys.
    ///
    /// # Errors
    ///
    /// If one cannot be read, or the key is not that of a validator.
    pub(crate) fn read(config: &Config) -> Result<Self> {
        let spec = qenex_genesis::read(&config.genesis)
            .with_context(|| format!("the specification {}", config.genesis.display()))?;
        let chain_id = spec.digest()?;
        let seeds = keys::open(&config.keys)?;
        let key = HybridSecretKey::from_seeds(&seeds.ed25519, &seeds.ml_dsa_65)?;
        let public = key.public_key();
        let me = spec
            .validators
            .iter()
            .position(|validator| validator.ed25519.as_ref() == public.ed25519())
            .with_context(|| {
                format!(
                    "the key in {} is not that of a validator of {}",
                    config.keys.keystore.display(),
                    config.genesis.display()
                )
            })?;
        let me = ValidatorIndex(u16::try_from(me)?);
        Ok(Self { spec: spec.into(), chain_id, seeds, key, me })
    }
}

/// Opens the database of a node that runs, and makes it if there is none.
///
/// # Errors
///
/// As [`open_store`].
pub(crate) fn open_own_store(
    config: &Config,
    identity: &Identity,
) -> Result<(Store, StoreOptions)> {
    std::fs::create_dir_all(&config.data)
        .with_context(|| format!("cannot create {}", config.data.display()))?;
    db_key::finish_rewrite(&config.data)?;
    let access = Access::with_seeds(config, &identity.seeds);
    let folder = config.data.join("db");
    access.require(&folder)?;
    Ok((open_store(config, &access)?, access.options(&folder)?))
}

/// Opens everything else on disk and checks that it belongs together.
pub(crate) fn open(
    config: &Config,
    identity: Identity,
    store: Store,
    options: StoreOptions,
) -> Result<Disk> {
    let spec = identity.spec.clone();
    let genesis = qenex_genesis::state_changes(&spec)?;
    let chain =
        Chain::open_with(spec, store, genesis, config.store.tree()).map_err(
            |error| match error {
                ExecError::WrongGenesis { .. } => anyhow::anyhow!(
                    "{} is not the specification of the data folder {}: {error}",
                    config.genesis.display(),
                    config.data.display()
                ),
                other => other.into(),
            },
        )?;
    let (wal, record) = Wal::open(config.data.join("votes.wal")).map_err(|error| match error {
        WalError::Damaged { .. } => anyhow::anyhow!(
            "{error}; a validator that forgot its votes could contradict them: check the disk and \
             restore this file as it last was, or start from an empty data folder under new keys"
        ),
        other => other.into(),
    })?;
    let votes = record.map(|bytes| VoteState::decode(&bytes)).transpose()?;
    match &votes {
        Some(votes) => check_not_older(config, &chain, votes)?,
        // A node that has only now got its first state has not voted yet.
        None if chain.head().header.number > 0 && chain.origin()? != Some(Origin::Peers) => bail!(
            "{} has blocks but no vote log: a validator that forgot its votes could contradict \
             them; restore votes.wal or start from an empty data folder under new keys",
            config.data.display()
        ),
        None => {}
    }
    let bodies = Bodies::open(
        &config.data.join("open-blocks"),
        chain.head().header.number,
        Access::with_seeds(config, &identity.seeds).file_keys()?,
        config.store.encrypt,
    )?;
    let record = votes.map(|votes| votes.record);
    Ok(Disk { identity, chain: Arc::new(chain), wal, record, bodies, options })
}

/// Refuses a database that has lost what was final when this validator last voted.
///
/// An empty one is being fetched anew, and one that came from elsewhere says so: both catch up.
fn check_not_older(config: &Config, chain: &Chain, votes: &VoteState) -> Result<()> {
    let head = chain.head().header.number;
    if head == 0 {
        return Ok(());
    }
    let hash = |number| Ok::<_, ExecError>(chain.header(number)?.map(|(hash, _)| hash));
    match (votes.lost(&chain.missing_blocks(), hash)?, chain.origin()?) {
        (None, None) => Ok(()),
        (None, Some(_)) => Ok(chain.set_origin(None)?),
        (Some(_), Some(origin)) => {
            tracing::info!(height = head, ?origin, "the database has to catch up");
            Ok(())
        }
        (Some(lost), None) => bail!(
            "the database in {} ends with block {head}, but block {lost} was final when this \
             validator last voted: it is an older copy, or the end of its log (*.log) was lost; put \
             the newest back, or move its folder `db` away and start again: the node fetches the \
             chain from its peers",
            config.data.display()
        ),
    }
}

/// The keys of a specification's validators.
///
/// # Errors
///
/// If one is not usable.
pub(crate) fn public_keys(spec: &ChainSpec) -> Result<Vec<HybridPublicKey>> {
    spec.validators
        .iter()
        .map(|validator| {
            let ed25519 = validator.ed25519.as_ref().try_into()?;
            let ml_dsa = validator.mldsa65.as_ref().try_into()?;
            HybridPublicKey::from_parts(ed25519, ml_dsa)
                .with_context(|| format!("the keys of {} are not usable", validator.name))
        })
        .collect()
}
