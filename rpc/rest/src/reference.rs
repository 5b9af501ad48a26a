//! Idempotency keys, and the client reference each of them is on the chain.

use alloy_primitives::{Address, FixedBytes, hex, keccak256};
use axum::http::HeaderMap;
use rand::{TryRngCore, rngs::OsRng};

use crate::problem::Problem;

/// Longest key, characters. A client that needs more hashes first.
const MAX_KEY: usize = 255;

/// The key of a request that must have one effect, however often it is sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdempotencyKey(String);

/// The text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key is 1 to {max} visible ASCII characters", max = MAX_KEY)]
pub struct InvalidKey;

impl IdempotencyKey {
    /// Takes a key as clients write it, with or without the quotes of a structured header field.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`] if it is empty, longer than 255 characters, or not visible ASCII.
    pub fn new(text: &str) -> Result<Self, InvalidKey> {
        let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        let fits = !bare.is_empty() && bare.len() <= MAX_KEY;
        if fits && bare.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(bare.to_owned()))
        } else {
            Err(InvalidKey)
        }
    }

    /// A key nobody used before: 128 random bits as a UUID of version 4.
    pub(crate) fn random() -> Result<Self, Problem> {
        let mut bytes = [0_u8; 16];
        OsRng.try_fill_bytes(&mut bytes).map_err(Problem::internal)?;
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let digits = hex::encode(bytes);
        let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        Ok(Self(parts.join("-")))
    }

    /// The key of the header `Idempotency-Key`, if there is one.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let bad = |_| {
            let message = InvalidKey.to_string();
            Problem::field(qenex_types::ErrorCode::BadRequest, "Idempotency-Key", message)
        };
        let mut values = headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(bad(InvalidKey));
        }
        let text = value.to_str().map_err(|_| bad(InvalidKey))?;
        Self::new(text).map(Some).map_err(bad)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The client reference on the chain.
    #[must_use]
    pub fn reference(&self) -> FixedBytes<16> {
        qenex_types::client_reference(&self.0)
    }

    /// The id of the custodial account that this key opens through a gateway.
    pub(crate) fn account(&self, chain_id: u64, gateway: Address) -> Address {
        let mut preimage = b"qenex custodial account".to_vec();
        preimage.extend(chain_id.to_be_bytes());
        preimage.extend(gateway.as_slice());
        preimage.extend(keccak256(self.0.as_bytes()));
        Address::from_word(keccak256(preimage))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_its_own_bytes_in_every_spelling() {
        let bytes: FixedBytes<16> = "0x8e03978e40d543e8bc936894a57f9324".parse().unwrap();
        for text in [
            "8e03978e-40d5-43e8-bc93-6894a57f9324",
            "8E03978E-40D5-43E8-BC93-6894A57F9324",
            "\"8e03978e-40d5-43e8-bc93-6894a57f9324\"",
            "8e03978e40d543e8bc936894a57f9324",
            "0x8e03978e40d543e8bc936894a57f9324",
        ] {
            assert_eq!(IdempotencyKey::new(text).unwrap().reference(), bytes, "{text}");
        }
    }

    #[test]
    fn any_other_key_is_hashed() {
        let hash = |text: &str| FixedBytes::<16>::from_slice(&keccak256(text)[..16]);
        for text in [
            "order-4711",
            "8e03978e-40d5-43e8-bc93-6894a57f932",
            "8e03978e-40d543e8-bc93-6894a57f9324-",
            "zz03978e40d543e8bc936894a57f9324",
        ] {
            assert_eq!(IdempotencyKey::new(text).unwrap().reference(), hash(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let long = "x".repeat(256);
        for text in ["", "\"\"", "a b", "tab\t", "ключ", long.as_str()] {
            assert_eq!(IdempotencyKey::new(text), Err(InvalidKey), "{text}");
        }
        assert!(IdempotencyKey::new(&long[1..]).is_ok());
    }

    #[test]
    fn random_keys_are_uuids_and_differ() {
        let (first, second) =
            (IdempotencyKey::random().unwrap(), IdempotencyKey::random().unwrap());
        assert_ne!(first, second);
        assert_eq!((first.as_str().len(), first.as_str().as_bytes()[14]), (36, b'4'));
        assert_eq!(first.reference().to_string(), format!("0x{}", first.as_str().replace('-', "")));
    }

    #[test]
    fn accounts_differ_by_chain_gateway_and_key() {
        let key = |text: &str| IdempotencyKey::new(text).unwrap();
        let gateway = Address::repeat_byte(1);
        let account = key("a").account(1, gateway);
        assert_eq!(account, key("a").account(1, gateway));
        assert_ne!(account, key("b").account(1, gateway));
        assert_ne!(account, key("a").account(2, gateway));
        assert_ne!(account, key("a").account(1, Address::repeat_byte(2)));
    }
}
