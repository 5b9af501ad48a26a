//! The books of the financial ledger.

use std::sync::Arc;

use alloy_primitives::{B256, U64};
use qenex_exec::CurrencyBalance;
use serde::Serialize;

use crate::{api::Api, args::Args, error::Failure, methods::tag};

/// The trial balance of a block. Amounts are decimal text of minor units, as in the bank's interface:
/// they may be greater than what JSON numbers hold.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrialBalance {
    block_number: U64,
    block_hash: B256,
    timestamp: U64,
    /// Whether opening + issued = closing + redeemed in every currency.
    balanced: bool,
    currencies: Vec<Currency>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Currency {
    currency: String,
    exponent: u8,
    opening: String,
    issued: String,
    redeemed: String,
    /// The supply: the sum of all posted balances.
    closing: String,
    cap: String,
    postings: u64,
    moved: String,
    held: String,
    released: String,
}

impl From<&CurrencyBalance> for Currency {
    fn from(balance: &CurrencyBalance) -> Self {
        let line = &balance.line;
        Self {
            currency: balance.currency.to_string(),
            exponent: balance.exponent,
            opening: balance.opening.to_string(),
            issued: line.issued.to_string(),
            redeemed: line.redeemed.to_string(),
            closing: balance.closing.to_string(),
            cap: balance.cap.to_string(),
            postings: line.postings,
            moved: line.moved.to_string(),
            held: line.held.to_string(),
            released: line.released.to_string(),
        }
    }
}

pub(super) async fn trial_balance(
    api: Arc<Api>,
    args: Args,
) -> Result<Option<TrialBalance>, Failure> {
    let Some(block) = api.block(tag(&args, 0)?).await? else { return Ok(None) };
    api.heavy(move |api| {
        let number = block.header.number;
        let balances =
            api.chain().trial_balance(&block)?.ok_or_else(|| Failure::no_state(number))?;
        Ok(Some(TrialBalance {
            block_number: U64::from(number),
            block_hash: block.hash,
            timestamp: U64::from(block.header.timestamp),
            balanced: balances.iter().all(CurrencyBalance::is_balanced),
            currencies: balances.iter().map(Currency::from).collect(),
        }))
    })
    .await
}
