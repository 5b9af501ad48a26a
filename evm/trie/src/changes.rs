//! What a block changes: the input of [`crate::State::apply`], all keyed by hashes.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{B256, Bytes, U256};
use qenex_store::Account;

/// An account without its storage root, which only the trie knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountInfo {
    /// Transactions sent, or contracts made.
    pub nonce: u64,
    /// Native coin, in wei.
    pub balance: U256,
    /// keccak256 of the code, `KECCAK_EMPTY` without code.
    pub code_hash: B256,
}

impl From<Account> for AccountInfo {
    fn from(account: Account) -> Self {
        Self { nonce: account.nonce, balance: account.balance, code_hash: account.code_hash }
    }
}

/// The net effect of a block.
///
/// Values equal to the old ones are allowed; they are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateChanges {
    /// keccak256(address) -> the account after the block; `None` ends it, with all its storage.
    pub accounts: BTreeMap<B256, Option<AccountInfo>>,
    /// keccak256(address) -> keccak256(slot) -> value after the block; zero ends the slot.
    pub storage: BTreeMap<B256, BTreeMap<B256, U256>>,
    /// keccak256(address) of accounts that were destroyed on the way, whether or not they exist
    /// again: only what `storage` says remains of their storage.
    pub wiped: BTreeSet<B256>,
    /// Code hash -> code that appeared.
    pub code: BTreeMap<B256, Bytes>,
}
