//! State set by hand, for development: a block without transactions whose state has the changes.
//!
//! A block of its own, and not a tacit change before the next one: so every state there is belongs
//! to a block and can be asked for, traced upon and proven. Only a chain that was opened with
//! [`Chain::open_development`] makes such blocks; their header gives no way to make them again, so
//! who makes one calls [`Chain::flush`] before going on.

use std::collections::BTreeMap;

use alloy_primitives::Address;

use crate::{
    AccountOverride, BlockAttributes, Chain, EthereumBody, ExecError, ExecutedBlock, Rules,
    block::Execution, chain::complete,
};

impl Chain {
    /// Builds a block on the final head that does nothing but set accounts.
    ///
    /// # Errors
    ///
    /// [`ExecError::ByHand`] if this is no chain for development or an account cannot be as wanted;
    /// [`ExecError::Invalid`] if the ledger's books would not balance; [`ExecError::State`].
    pub fn build_by_hand(
        &self,
        attributes: BlockAttributes,
        accounts: &BTreeMap<Address, AccountOverride>,
    ) -> Result<ExecutedBlock, ExecError> {
        if !matches!(self.rules(), Rules::Development(_)) {
            return Err(ExecError::ByHand("this is no chain for development".into()));
        }
        let head = self.head().hash;
        let (parent_header, state, ancestors) = self.parent(head)?;
        let header = self.child_header(&parent_header, head, attributes)?;
        let mut execution = Execution::start(self.rules(), &header, state, ancestors)?;
        for (address, change) in accounts {
            let state = execution.database();
            state
                .override_account(*address, change)
                .map_err(|e| ExecError::ByHand(e.to_string()))?;
            if !change.state_diff.is_empty() && !state.exists(*address).map_err(ExecError::state)? {
                return Err(ExecError::ByHand(format!(
                    "{address} has no balance, nonce or code: an account that is not there has no \
                     storage"
                )));
            }
        }
        let sealing = execution.seal()?;
        let header = complete(header, &sealing);
        self.keep(header, EthereumBody::default(), sealing)
    }
}
