//! `genesis.json`: reading, checking, and the limits of its fields.

use std::{collections::BTreeSet, path::Path};

use alloy_primitives::U256;
use qenex_types::ChainSpec;

/// Most validators (consensus.md: votes go from everyone to everyone).
const MAX_VALIDATORS: usize = 100;

/// Why a specification is refused.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is not a specification; the message has line and column.
    #[error("not a chain specification: {0}")]
    Json(#[from] serde_json::Error),
    /// A field has a value no network can have.
    #[error("{field}: {reason}")]
    Field {
        /// Where, as a path in the JSON.
        field: String,
        /// Why.
        reason: String,
    },
}

fn field(field: impl Into<String>, reason: impl Into<String>) -> SpecError {
    SpecError::Field { field: field.into(), reason: reason.into() }
}

/// Reads and checks a file.
///
/// # Errors
///
/// [`SpecError`].
pub fn read(path: &Path) -> Result<ChainSpec, SpecError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| SpecError::Read { path: path.display().to_string(), source })?;
    from_json(&text)
}

/// Reads and checks the JSON text.
///
/// # Errors
///
/// [`SpecError`].
pub fn from_json(text: &str) -> Result<ChainSpec, SpecError> {
    let spec = serde_json::from_str(text)?;
    validate(&spec)?;
    Ok(spec)
}

/// The JSON text of a specification.
///
/// # Errors
///
/// [`SpecError::Json`], which does not happen for a specification that was read or built here.
pub fn to_json(spec: &ChainSpec) -> Result<String, SpecError> {
    Ok(serde_json::to_string_pretty(spec)?)
}

/// Checks what the types do not say.
///
/// # Errors
///
/// [`SpecError::Field`] names the first wrong field.
pub fn validate(spec: &ChainSpec) -> Result<(), SpecError> {
    if spec.chain_id == 0 {
        return Err(field("chain_id", "must not be 0"));
    }
    if spec.gas_limit < 30_000_000 {
        return Err(field("gas_limit", format!("{} is below 30,000,000", spec.gas_limit)));
    }
    if spec.base_fee.minimum == 0 {
        return Err(field(
            "base_fee.minimum",
            "must not be 0: wallets then send legacy transactions",
        ));
    }
    let mut balances = spec.alloc.values().map(|account| account.balance);
    if balances.try_fold(U256::ZERO, U256::checked_add).is_none() {
        return Err(field("alloc", "the balances are more than 2^256 - 1 wei together"));
    }
    if let Some(face) = spec.coin_face
        && spec.alloc.get(&face).is_none_or(|account| account.code.is_empty())
    {
        return Err(field("coin_face", format!("alloc gives {face} no code")));
    }
    let count = spec.validators.len();
    if count == 0 || count > MAX_VALIDATORS {
        return Err(field(
            "validators",
            format!("{count} given, 1 to {MAX_VALIDATORS} are possible"),
        ));
    }
    let mut keys = BTreeSet::new();
    let mut peers = BTreeSet::new();
    for (index, validator) in spec.validators.iter().enumerate() {
        let at = |name: &str| format!("validators[{index}].{name}");
        if validator.ed25519.len() != 32 {
            return Err(field(at("ed25519"), format!("{} bytes, not 32", validator.ed25519.len())));
        }
        if validator.mldsa65.len() != 1_952 {
            return Err(field(
                at("mldsa65"),
                format!("{} bytes, not 1952", validator.mldsa65.len()),
            ));
        }
        if !keys.insert(&validator.ed25519) || !keys.insert(&validator.mldsa65) {
            return Err(field(at("ed25519"), "the key of another validator"));
        }
        if !peers.insert(&validator.peer_id) {
            return Err(field(at("peer_id"), "the peer id of another validator"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, Bytes};
    use qenex_types::ValidatorSpec;

    use super::*;
    use crate::development;

    fn spec() -> ChainSpec {
        let validator = |n: u8| ValidatorSpec {
            name: format!("validator-{n}"),
            ed25519: Bytes::from(vec![n; 32]),
            mldsa65: Bytes::from(vec![n; 1_952]),
            peer_id: format!("peer-{n}"),
            fee_recipient: Address::repeat_byte(n),
        };
        development(vec![validator(1), validator(2)], Address::repeat_byte(9), 1_700_000_000_000)
    }

    #[test]
    fn json_and_back_keeps_the_specification_and_its_digest() {
        let spec = spec();
        let again = from_json(&to_json(&spec).unwrap()).unwrap();
        assert_eq!(again, spec);
        assert_eq!(again.digest().unwrap(), spec.digest().unwrap());
    }

    #[test]
    fn a_wrong_specification_is_refused_with_its_field() {
        type Break = fn(&mut ChainSpec);
        let cases: [(Break, &str); 6] = [
            (|s| s.chain_id = 0, "chain_id"),
            (|s| s.gas_limit = 1, "gas_limit"),
            (|s| s.base_fee.minimum = 0, "base_fee.minimum"),
            (|s| s.validators.clear(), "validators"),
            (|s| s.validators[1].mldsa65 = Bytes::new(), "validators[1].mldsa65"),
            (
                |s| s.validators[1].ed25519 = s.validators[0].ed25519.clone(),
                "validators[1].ed25519",
            ),
        ];
        for (damage, expected) in cases {
            let mut broken = spec();
            damage(&mut broken);
            let Err(SpecError::Field { field, .. }) = validate(&broken) else {
                panic!("{expected} passed");
            };
            assert_eq!(field, expected);
        }
    }

    #[test]
    fn an_unknown_field_is_refused_with_its_place() {
        let text = to_json(&spec()).unwrap().replacen("\"chain_id\"", "\"chainid\"", 1);
        let error = from_json(&text).unwrap_err().to_string();
        assert!(error.contains("unknown field `chainid`") && error.contains("line 3"), "{error}");
    }
}
