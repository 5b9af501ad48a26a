//! The pool's view of accounts: the state after the last final block.

use std::sync::Arc;

use alloy_primitives::{Address, KECCAK256_EMPTY};
use qenex_exec::Chain;
use qenex_pool::{AccountReader, AccountState};

/// Reads accounts at the final head.
#[derive(Clone, Debug)]
pub(crate) struct HeadAccounts(pub(crate) Arc<Chain>);

impl AccountReader for HeadAccounts {
    fn account(&self, address: Address) -> Result<AccountState, String> {
        let account = self.0.head_account(address).map_err(|error| error.to_string())?;
        Ok(account.map_or_else(AccountState::default, |account| AccountState {
            nonce: account.nonce,
            balance: account.balance,
            has_code_or_delegation: account.code_hash != KECCAK256_EMPTY,
        }))
    }
}
