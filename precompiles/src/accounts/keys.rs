//! Keys: who may sign instructions for an account.

use alloy_primitives::{Address, B256};
use alloy_sol_types::SolEvent;

use super::abi::IAccounts;
use super::records::{KEYS, KeyRecord};
use crate::errors::{refusal, refuse};
use crate::registry::ACCOUNTS;
use crate::signatures::{self, Scheme};
use crate::storage::Seconds;
use crate::{EngineError, Host, IQenexErrors, gas};

/// Adds a key, or changes when it ends, for the owner. Returns the key's id.
pub(crate) fn add(host: &mut dyn Host, call: &IAccounts::addKeyCall) -> Result<B256, EngineError> {
    // Check.
    let IAccounts::addKeyCall { account, scheme, publicKey, validUntil } = call;
    gas::charge_keccak(host, u64::try_from(publicKey.len()).unwrap_or(u64::MAX))?;
    let id = Scheme::from_number(*scheme)
        .and_then(|scheme| signatures::key_id(scheme, publicKey))
        .ok_or_else(|| refusal(IQenexErrors::InvalidKey { scheme: *scheme }))?;
    let now = host.block().timestamp;
    if *validUntil != 0 && *validUntil < now {
        return refuse(IQenexErrors::InvalidExpiry { expires: *validUntil });
    }

    // Write and emit.
    let valid_until = Seconds::new(*validUntil);
    let record = KeyRecord { scheme: *scheme, added_at: Seconds::new(now), valid_until };
    KEYS.at(host, account)?.at(host, &id)?.store(host, &record)?;
    let event = IAccounts::KeyAdded {
        account: *account,
        keyId: id,
        scheme: *scheme,
        validUntil: valid_until.get(),
    };
    host.log(ACCOUNTS, event.encode_log_data())?;
    Ok(id)
}

/// Removes a key, for the owner.
pub(crate) fn remove(host: &mut dyn Host, account: Address, id: B256) -> Result<(), EngineError> {
    let slot = KEYS.at(host, &account)?.at(host, &id)?;
    if slot.load(host)?.scheme == 0 {
        return refuse(IQenexErrors::UnknownKey { account, keyId: id });
    }
    slot.store(host, &KeyRecord::default())?;
    let event = IAccounts::KeyRemoved { account, keyId: id };
    Ok(host.log(ACCOUNTS, event.encode_log_data())?)
}

/// Refuses unless a key signs for an account now.
pub(crate) fn require_key(
    host: &mut dyn Host,
    account: Address,
    id: B256,
) -> Result<(), EngineError> {
    let record = KEYS.at(host, &account)?.at(host, &id)?.load(host)?;
    let until = record.valid_until.get();
    if record.scheme == 0 || until != 0 && host.block().timestamp > until {
        return refuse(IQenexErrors::UnknownKey { account, keyId: id });
    }
    Ok(())
}
