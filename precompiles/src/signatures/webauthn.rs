//! Assertions of passkeys (W3C WebAuthn Level 3, section 7.2): the part that a ledger can check.
//!
//! The relying party is part of the key's identity, the challenge is the digest of the order, and the
//! user must have been verified (biometrics or PIN), not only be present.
//!
//! What a client does with an authenticator's answer: it asks with `userVerification: "required"`, turns
//! the signature from DER into `r` and `s` of 32 bytes each, finds the two indices, and passes the
//! authenticator data and the client data on as they are. It need not look at `s`: authenticators give
//! high ones as often as low ones, and both verify. Client data must be written as section 5.8.1.1 says,
//! without spaces between tokens, as browsers do; members may follow, since nothing but the type and the
//! challenge is read. Origins are not: the authenticator signs the relying party's id, which is in the
//! key's.

use alloy_primitives::{B256, Bytes, U256};
use alloy_sol_types::{SolValue, sol};

use super::{sha256, verify_p256};

sol! {
    /// @notice What an authenticator answers, with the key that it answers for.
    /// @param challengeIndex Where `"challenge":"` begins in `clientDataJSON`.
    /// @param typeIndex Where `"type":"` begins.
    #[derive(Debug, PartialEq, Eq)]
    struct Assertion {
        bytes32 r;
        bytes32 s;
        uint256 challengeIndex;
        uint256 typeIndex;
        bytes authenticatorData;
        string clientDataJSON;
        bytes32 x;
        bytes32 y;
    }
}

/// Longest `authenticatorData` that is looked at, bytes.
const MAX_AUTHENTICATOR_DATA: usize = 1_024;
/// Longest `clientDataJSON`.
const MAX_CLIENT_DATA: usize = 2_048;
/// Hash of the relying party's id, flags, counter: an assertion has at least these (section 6.1).
const MIN_AUTHENTICATOR_DATA: usize = 37;

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 4;

/// The key (`x ‖ y ‖ SHA-256(relying party id)`) of a valid assertion over the challenge.
pub(super) fn verify(challenge: &B256, proof: &[u8]) -> Option<[u8; 96]> {
    let assertion = Assertion::abi_decode_params_validate(proof).ok()?;
    // One proof has one encoding.
    if assertion.abi_encode_params() != proof {
        return None;
    }
    let data: &Bytes = &assertion.authenticatorData;
    let client = assertion.clientDataJSON.as_bytes();
    if data.len() < MIN_AUTHENTICATOR_DATA
        || data.len() > MAX_AUTHENTICATOR_DATA
        || client.len() > MAX_CLIENT_DATA
    {
        return None;
    }
    let (relying_party, rest) = data.split_first_chunk::<32>()?;
    let flags = *rest.first()?;
    if flags & USER_PRESENT == 0 || flags & USER_VERIFIED == 0 {
        return None;
    }
    stands_at(client, assertion.typeIndex, b"\"type\":\"webauthn.get\"")?;
    let expected = [b"\"challenge\":\"".as_slice(), &base64url(challenge), b"\""].concat();
    stands_at(client, assertion.challengeIndex, &expected)?;

    let message = [data.as_ref(), &sha256(client)].concat();
    let mut signature = [0; 64];
    let mut key = [0; 96];
    signature[..32].copy_from_slice(assertion.r.as_slice());
    signature[32..].copy_from_slice(assertion.s.as_slice());
    key[..32].copy_from_slice(assertion.x.as_slice());
    key[32..64].copy_from_slice(assertion.y.as_slice());
    key[64..].copy_from_slice(relying_party);
    verify_p256(&key[..64], &message, &signature).then_some(key)
}

fn stands_at(text: &[u8], index: U256, expected: &[u8]) -> Option<()> {
    let index = usize::try_from(index).ok()?;
    text.get(index..)?.starts_with(expected).then_some(())
}

/// Base64 with the URL's alphabet, without padding (RFC 4648, section 5), of 32 bytes.
fn base64url(bytes: &B256) -> [u8; 43] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = [0; 43];
    for (group, chunk) in text.chunks_mut(4).zip(bytes.chunks(3)) {
        let mut bits = [0_u8; 4];
        bits[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(bits);
        for (place, letter) in (0_u32..).zip(group) {
            let sextet = bits >> (18_u32.saturating_sub(place.saturating_mul(6))) & 63;
            *letter = usize::try_from(sextet)
                .ok()
                .and_then(|i| ALPHABET.get(i))
                .copied()
                .unwrap_or_default();
        }
    }
    text
}
