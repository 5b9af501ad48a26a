//! All methods, one table.

mod blocks;
mod call;
mod debug;
pub(crate) mod dev;
mod fees;
mod fill;
mod ledger;
mod logs;
mod node;
mod ots;
mod simulate;
mod state;
mod submit;
mod trace;
mod txpool;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::B256;
use jsonrpsee::{RpcModule, server::RegisterMethodError, types::ErrorObjectOwned};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{api::Api, args::Args, error::Failure, namespace::Namespace};

/// An answer that is already text: large ones are written where they are made, off the threads
/// that serve connections.
pub(crate) type Json = Box<RawValue>;

pub(crate) fn json(value: &impl Serialize) -> Result<Json, Failure> {
    serde_json::value::to_raw_value(value).map_err(Failure::internal)
}

/// The tag or number of the parameter at `index`.
fn tag(args: &Args, index: usize) -> Result<BlockId, Failure> {
    Ok(BlockId::Number(args.get::<BlockNumberOrTag>(index)?))
}

/// The hash of the parameter at `index`.
fn hash(args: &Args, index: usize) -> Result<BlockId, Failure> {
    Ok(BlockId::from(args.get::<B256>(index)?))
}

/// `name (most parameters) => function`.
macro_rules! register {
    ($module:ident { $($name:literal ($most:literal) => $function:path,)* }) => {$(
        $module.register_async_method($name, |params, api: Arc<Api>, _| async move {
            let args = Args::parse(params.as_str(), $most).map_err(ErrorObjectOwned::from)?;
            $function(api, args).await.map_err(ErrorObjectOwned::from)
        })?;
    )*};
}

/// The methods, subscriptions apart.
pub(crate) fn module(api: Arc<Api>) -> Result<RpcModule<Api>, RegisterMethodError> {
    let mut module = RpcModule::from_arc(Arc::clone(&api));
    register!(module {
        "web3_clientVersion" (0) => node::client_version,
        "web3_sha3" (1) => node::sha3,
        "net_version" (0) => node::net_version,
        "net_listening" (0) => node::listening,
        "net_peerCount" (0) => node::peer_count,
        "eth_chainId" (0) => node::chain_id,
        "eth_protocolVersion" (0) => node::protocol_version,
        "eth_syncing" (0) => node::syncing,
        "eth_accounts" (0) => node::accounts,
        "eth_coinbase" (0) => node::coinbase,
        "eth_mining" (0) => node::mining,
        "eth_hashrate" (0) => node::hashrate,
        "eth_config" (0) => node::config,
        "eth_capabilities" (0) => node::capabilities,
        "qenex_blockchainInfo" (0) => node::blockchain_info,
        "qenex_consensusState" (0) => node::consensus_state,
        "qenex_getValidators" (0) => node::validators,
        "qenex_getEvidence" (0) => node::evidence,
        "qenex_getSettlementProof" (1) => node::settlement_proof,
        "qenex_getFinalityCertificate" (1) => node::certificate,
        "qenex_getTrialBalance" (1) => ledger::trial_balance,
    });
    register!(module {
        "eth_blockNumber" (0) => blocks::block_number,
        "eth_getBlockByNumber" (2) => blocks::block_by_number,
        "eth_getBlockByHash" (2) => blocks::block_by_hash,
        "eth_getHeaderByNumber" (1) => blocks::header_by_number,
        "eth_getHeaderByHash" (1) => blocks::header_by_hash,
        "eth_getBlockTransactionCountByNumber" (1) => blocks::count_by_number,
        "eth_getBlockTransactionCountByHash" (1) => blocks::count_by_hash,
        "eth_getBlockReceipts" (1) => blocks::receipts,
        "eth_getUncleCountByBlockNumber" (1) => blocks::uncles_by_number,
        "eth_getUncleCountByBlockHash" (1) => blocks::uncles_by_hash,
        "eth_getUncleByBlockNumberAndIndex" (2) => blocks::uncle_by_number,
        "eth_getUncleByBlockHashAndIndex" (2) => blocks::uncle_by_hash,
        "eth_getTransactionByHash" (1) => blocks::transaction,
        "eth_getTransactionByBlockNumberAndIndex" (2) => blocks::transaction_by_number,
        "eth_getTransactionByBlockHashAndIndex" (2) => blocks::transaction_by_hash,
        "eth_getTransactionBySenderAndNonce" (2) => blocks::transaction_by_sender,
        "eth_getTransactionReceipt" (1) => blocks::receipt,
        "eth_getRawTransactionByHash" (1) => blocks::raw_transaction,
        "eth_getRawTransactionByBlockNumberAndIndex" (2) => blocks::raw_by_number,
        "eth_getRawTransactionByBlockHashAndIndex" (2) => blocks::raw_by_hash,
    });
    register!(module {
        "eth_getBalance" (2) => state::balance,
        "eth_getCode" (2) => state::code,
        "eth_getStorageAt" (3) => state::storage,
        "eth_getStorageValues" (2) => state::storage_values,
        "eth_getTransactionCount" (2) => state::transaction_count,
        "eth_getAccountInfo" (2) => state::account_info,
        "eth_getProof" (3) => state::proof,
        "eth_call" (4) => call::call,
        "eth_callMany" (3) => call::call_many,
        "eth_estimateGas" (4) => call::estimate_gas,
        "eth_createAccessList" (3) => call::create_access_list,
        "eth_simulateV1" (2) => simulate::simulate,
        "eth_gasPrice" (0) => fees::gas_price,
        "eth_maxPriorityFeePerGas" (0) => fees::priority_fee,
        "eth_baseFee" (0) => fees::base_fee,
        "eth_blobBaseFee" (0) => fees::blob_base_fee,
        "eth_feeHistory" (3) => fees::fee_history,
        "eth_fillTransaction" (1) => fill::fill,
        "eth_sendRawTransaction" (1) => submit::send_raw,
        "eth_sendRawTransactionSync" (2) => submit::send_raw_sync,
    });
    register!(module {
        "eth_getLogs" (1) => logs::get_logs,
        "eth_newFilter" (1) => logs::new_filter,
        "eth_newBlockFilter" (0) => logs::new_block_filter,
        "eth_newPendingTransactionFilter" (1) => logs::new_pending_filter,
        "eth_getFilterChanges" (1) => logs::filter_changes,
        "eth_getFilterLogs" (1) => logs::filter_logs,
        "eth_uninstallFilter" (1) => logs::uninstall,
        "txpool_status" (0) => txpool::status,
        "txpool_content" (0) => txpool::content,
        "txpool_contentFrom" (1) => txpool::content_from,
        "txpool_inspect" (0) => txpool::inspect,
        "debug_getRawHeader" (1) => debug::raw_header,
        "debug_getRawBlock" (1) => debug::raw_block,
        "debug_getRawReceipts" (1) => debug::raw_receipts,
        "debug_getRawTransaction" (1) => blocks::raw_transaction,
        "debug_getBadBlocks" (0) => debug::bad_blocks,
        "debug_traceTransaction" (2) => debug::trace_transaction,
        "debug_traceBlockByNumber" (2) => debug::trace_block_by_number,
        "debug_traceBlockByHash" (2) => debug::trace_block_by_hash,
        "debug_traceCall" (3) => debug::trace_call,
    });
    register!(module {
        "trace_block" (1) => trace::block,
        "trace_transaction" (1) => trace::transaction,
        "trace_get" (2) => trace::get,
        "trace_filter" (1) => trace::filter,
        "trace_replayTransaction" (2) => trace::replay_transaction,
        "trace_replayBlockTransactions" (2) => trace::replay_block,
        "trace_call" (5) => trace::call_one,
        "trace_callMany" (2) => trace::call_many,
        "trace_rawTransaction" (3) => trace::raw_transaction,
        "ots_getApiLevel" (0) => ots::api_level,
        "ots_hasCode" (2) => ots::has_code,
        "ots_getInternalOperations" (1) => ots::internal_operations,
        "ots_traceTransaction" (1) => ots::trace_transaction,
        "ots_getTransactionError" (1) => ots::transaction_error,
        "ots_getBlockDetails" (1) => ots::block_details,
        "ots_getBlockDetailsByHash" (1) => ots::block_details_by_hash,
        "ots_getBlockTransactions" (3) => ots::block_transactions,
        "ots_getTransactionBySenderAndNonce" (2) => ots::transaction_by_sender,
        "ots_getContractCreator" (1) => ots::contract_creator,
    });
    if api.context.chain.development().is_some() {
        dev::register(&mut module)?;
    }
    register_modules(&mut module, &api.config.namespaces)?;
    Ok(module)
}

/// Adds `rpc_modules`: the enabled namespaces that have methods, with their version.
fn register_modules(
    module: &mut RpcModule<Api>,
    enabled: &BTreeSet<Namespace>,
) -> Result<(), RegisterMethodError> {
    let versions: BTreeMap<&'static str, &'static str> = module
        .method_names()
        .filter_map(Namespace::of)
        .chain([Namespace::Rpc])
        .filter(|namespace| enabled.contains(namespace))
        .map(|namespace| (namespace.name(), "1.0"))
        .collect();
    module.register_method("rpc_modules", move |params, _, _| {
        Args::parse(params.as_str(), 0).map_err(ErrorObjectOwned::from)?;
        Ok::<_, ErrorObjectOwned>(versions.clone())
    })?;
    Ok(())
}
