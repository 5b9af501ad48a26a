//! A key that signs transfers of coins.

use alloy_consensus::{SignableTransaction as _, TxEip1559, crypto::secp256k1::sign_message};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_signer_local::{MnemonicBuilder, PrivateKeySigner};
use qenex_genesis::{DEV_CHAIN_ID, DEV_MNEMONIC};

/// What a transfer moves, wei.
pub(crate) const VALUE: u64 = 1_000_000_007;

/// A signed transaction.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) raw: Bytes,
    pub(crate) hash: B256,
}

/// A key and its next nonce.
#[derive(Debug)]
pub(crate) struct Wallet {
    pub(crate) key: B256,
    pub(crate) address: Address,
    pub(crate) nonce: u64,
}

impl Wallet {
    /// A prefunded account of the development network, not used yet.
    pub(crate) fn dev(index: u32) -> Self {
        let builder = MnemonicBuilder::english().phrase(DEV_MNEMONIC).index(index).unwrap();
        Self::of(&builder.build().unwrap())
    }

    /// An account without coins.
    pub(crate) fn poor(name: &str) -> Self {
        Self::of(&PrivateKeySigner::from_bytes(&keccak256(name)).unwrap())
    }

    /// The key, for clients that sign themselves.
    pub(crate) fn signer(&self) -> PrivateKeySigner {
        PrivateKeySigner::from_bytes(&self.key).unwrap()
    }

    fn of(signer: &PrivateKeySigner) -> Self {
        Self { key: signer.to_bytes(), address: signer.address(), nonce: 0 }
    }

    /// A transfer to `to` as this chain wants it, with the next nonce, which is not used up.
    pub(crate) fn draft(&self, to: Address) -> TxEip1559 {
        TxEip1559 {
            chain_id: DEV_CHAIN_ID,
            nonce: self.nonce,
            gas_limit: 21_000,
            max_fee_per_gas: 1_000_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
            to: to.into(),
            value: U256::from(VALUE),
            ..TxEip1559::default()
        }
    }

    /// Signs a draft.
    pub(crate) fn sign(&self, draft: TxEip1559) -> Signed {
        let signature = sign_message(self.key, draft.signature_hash()).unwrap();
        let signed = draft.into_signed(signature);
        Signed { raw: signed.encoded_2718().into(), hash: *signed.hash() }
    }

    /// The next transfer to `to`.
    pub(crate) fn transfer(&mut self, to: Address) -> Signed {
        let signed = self.sign(self.draft(to));
        self.nonce += 1;
        signed
    }
}
