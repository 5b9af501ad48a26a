//! The trial balance of a block: what every currency had, got, lost and has.
//!
//! That the balances of all accounts add up to the supply is proven block by block: [`books`] finds the
//! sum of their changes equal to the change of the supply, or no honest node votes for the block.
//! This is the statement to it.
//!
//! [`books`]: qenex_precompiles::books

use alloy_primitives::{U256, keccak256};
use qenex_precompiles::{
    LEDGER, Line,
    ledger::records::{CURRENCIES, LATEST, Outstanding, PREVIOUS},
    lines,
    storage::{Slot, Word},
};
use qenex_trie::State;
use qenex_types::Currency;

use crate::{Chain, ExecError, SealedBlock};

/// What a block did to a currency, and what it left. Minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrencyBalance {
    /// Which.
    pub currency: Currency,
    /// Digits after the decimal point.
    pub exponent: u8,
    /// Supply before the block.
    pub opening: u128,
    /// Supply after it: the sum of all posted balances.
    pub closing: u128,
    /// Most that it may be.
    pub cap: u128,
    /// What moved.
    pub line: Line,
}

impl CurrencyBalance {
    /// Whether opening and issues are closing and redemptions.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        let sum = |supply: u128, flow| U256::from(supply).checked_add(flow);
        sum(self.opening, self.line.issued) == sum(self.closing, self.line.redeemed)
    }
}

impl Chain {
    /// The trial balance of a final block, the currency that was registered last first; `None` if the
    /// states after it and before it are not both kept. At genesis all money is opening balance.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`].
    pub fn trial_balance(
        &self,
        block: &SealedBlock,
    ) -> Result<Option<Vec<CurrencyBalance>>, ExecError> {
        let number = block.header.number;
        let Some(after) = self.state(number)? else { return Ok(None) };
        let Some(before) = self.state(number.saturating_sub(1))? else { return Ok(None) };
        let logs = block.receipts.iter().flat_map(|receipt| &receipt.logs);
        let lines = lines(logs).map_err(ExecError::state)?;
        let mut balances = Vec::new();
        let mut next = word(&after, &LATEST)?;
        while let Some(currency) = next {
            let slots = CURRENCIES.entry(&currency);
            let Outstanding { supply, cap } = word(&after, &slots.outstanding)?;
            balances.push(CurrencyBalance {
                currency,
                exponent: word(&after, &slots.terms)?.exponent,
                opening: word(&before, &slots.outstanding)?.supply,
                closing: supply,
                cap,
                line: lines.get(&currency).copied().unwrap_or_default(),
            });
            next = word(&after, &PREVIOUS.entry(&currency))?;
        }
        Ok(Some(balances))
    }
}

fn word<T: Word>(state: &State, slot: &Slot<T>) -> Result<T, ExecError> {
    let key = keccak256(slot.number().to_be_bytes::<32>());
    let word = state.storage(&keccak256(LEDGER), &key).map_err(ExecError::state)?;
    T::from_word(word).ok_or_else(|| ExecError::state(format!("damaged word at {slot:?}")))
}
