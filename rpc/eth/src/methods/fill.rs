//! `eth_fillTransaction`: a transaction with everything but the signature.

use std::sync::Arc;

use alloy_consensus::TypedTransaction;
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Signature, U256, keccak256};
use alloy_rpc_types_eth::TransactionRequest;
use qenex_exec::Overrides;
use serde_json::{Value, json};

use super::{call, fees};
use crate::{api::Api, args::Args, error::Failure};

/// Fills in what a request leaves out, in geth's order: fees, nonce, gas, chain id. Answers the
/// unsigned transaction as an object and in its binary form.
pub(super) async fn fill(api: Arc<Api>, args: Args) -> Result<Value, Failure> {
    let unsigned = filled(&api, args.get(0)?).await?;
    let unsigned = unsigned.into_envelope(Signature::new(U256::ZERO, U256::ZERO, false));
    let raw = alloy_primitives::Bytes::from(unsigned.encoded_2718());
    Ok(json!({ "raw": raw, "tx": unsigned }))
}

/// The transaction of a request, complete but for the signature.
pub(super) async fn filled(
    api: &Arc<Api>,
    mut request: TransactionRequest,
) -> Result<TypedTransaction, Failure> {
    // Contradictions are refused in the words of a call.
    call::request(api, request.clone())?;
    let from = request.from.unwrap_or_default();
    if request.to.is_none() && request.input.input().is_none_or(|data| data.is_empty()) {
        return Err(Failure::refused("contract creation without any data provided"));
    }
    if request.gas_price.is_none() {
        let tip = match request.max_priority_fee_per_gas {
            Some(tip) => tip,
            None => fees::tip(api).await?,
        };
        request.max_priority_fee_per_gas = Some(tip);
        // Twice the base fee: enough for six full blocks to come.
        let usual = u128::from(fees::upcoming_base_fee(api)).saturating_mul(2).saturating_add(tip);
        let most = *request.max_fee_per_gas.get_or_insert(usual);
        if most < tip {
            let message = format!("maxFeePerGas ({most}) < maxPriorityFeePerGas ({tip})");
            return Err(Failure::refused(message));
        }
    }
    request.value.get_or_insert(U256::ZERO);
    request.to.get_or_insert_default();
    request.chain_id = Some(api.chain().rules().chain_id());
    let mut request = api
        .call(move |api, stop| {
            let head = api.height();
            if request.nonce.is_none() {
                let state = api.chain().state(head)?.ok_or_else(|| Failure::no_state(head))?;
                let account = state.account(&keccak256(from)).map_err(Failure::internal)?;
                let next = account.map_or(0, |account| account.nonce);
                request.nonce = Some(api.context.pool.pending_nonce(from, next));
            }
            if request.gas.is_none() {
                let call = call::request(api, request.clone())?;
                let overrides = Overrides::default();
                request.gas = Some(api.chain().estimate_gas(head, &call, &overrides, stop)?);
            }
            Ok(request)
        })
        .await?;
    request.input.normalize_input();
    request.build_consensus_tx().map_err(|error| Failure::refused(error.error))
}
