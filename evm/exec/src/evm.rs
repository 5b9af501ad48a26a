//! One place that wires revm: a chain's rules, our engines, a block environment.

use alloy_consensus::{Transaction as _, Typed2718, transaction::Recovered};
use alloy_primitives::U256;
use qenex_types::Transaction;
use revm::{
    Context, MainContext,
    context::{BlockEnv, CfgEnv, Evm as RevmEvm, Journal, TxEnv},
    context_interface::{block::BlobExcessGasAndPrice, either::Either},
    handler::{EthFrame, instructions::EthInstructions},
    interpreter::interpreter::EthInterpreter,
};

use crate::{database::BlockState, engines::Engines, rules::Rules};

/// The context every transaction of ours runs in.
pub(crate) type EvmContext = Context<BlockEnv, TxEnv, CfgEnv, BlockState, Journal<BlockState>, ()>;

/// The EVM over a block's state.
pub(crate) type Evm<INSP = ()> =
    RevmEvm<EvmContext, INSP, EthInstructions<EthInterpreter, EvmContext>, Engines, EthFrame>;

/// How strict the EVM is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As consensus demands.
    Consensus,
    /// For `eth_call` and estimates: no nonce, sender-code or transaction gas cap check. Fees and
    /// balances are checked; a call without a gas price runs at base fee 0.
    Simulation,
}

/// An EVM over `state` in the block `env`.
pub(crate) fn evm<INSP>(
    rules: &Rules,
    env: BlockEnv,
    state: BlockState,
    mode: Mode,
    inspector: INSP,
) -> Evm<INSP> {
    let timestamp = env.timestamp.saturating_to();
    let spec = rules.spec_id(env.number.saturating_to(), timestamp, env.prevrandao.is_some());
    let context = Context::mainnet().with_db(state).with_block(env).modify_cfg_chained(|cfg| {
        cfg.set_spec_and_mainnet_gas_params(spec);
        cfg.chain_id = rules.chain_id();
        if let Some(params) = rules.blob_params(timestamp) {
            cfg.set_max_blobs_per_tx(params.max_blobs_per_tx);
        }
        if rules.has_engines() {
            // [`TransactionBounds`], which `block.rs` keeps, stand in EIP-7825's place.
            cfg.tx_gas_limit_cap = Some(u64::MAX);
        }
        if rules.contracts_send() {
            cfg.disable_eip3607 = true;
        }
        if mode == Mode::Simulation {
            cfg.disable_nonce_check = true;
            cfg.tx_chain_id_check = false;
            cfg.disable_eip3607 = true;
            cfg.disable_block_gas_limit = true;
            cfg.tx_gas_limit_cap = Some(u64::MAX);
            cfg.memory_limit = 128 * 1024 * 1024;
        }
    });
    RevmEvm::new_with_inspector(
        context,
        inspector,
        EthInstructions::new_mainnet_with_spec(spec),
        Engines::new(spec, rules.has_engines()),
    )
}

/// The block environment of a header.
pub(crate) fn block_env(rules: &Rules, header: &alloy_consensus::Header) -> BlockEnv {
    let merged = rules.is_merged(header);
    let blobs = header.excess_blob_gas.zip(rules.blob_params(header.timestamp));
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        difficulty: if merged { U256::ZERO } else { header.difficulty },
        prevrandao: merged.then_some(header.mix_hash),
        blob_excess_gas_and_price: blobs.map(|(excess_blob_gas, params)| BlobExcessGasAndPrice {
            excess_blob_gas,
            blob_gasprice: params.calc_blob_fee(excess_blob_gas),
        }),
        slot_num: 0,
    }
}

/// A signed transaction as revm takes it.
pub(crate) fn tx_env(transaction: &Recovered<Transaction>) -> TxEnv {
    let tx = transaction.inner();
    TxEnv {
        tx_type: tx.ty(),
        caller: transaction.signer(),
        gas_limit: tx.gas_limit(),
        gas_price: tx.max_fee_per_gas(),
        kind: tx.kind(),
        value: tx.value(),
        data: tx.input().clone(),
        nonce: tx.nonce(),
        chain_id: tx.chain_id(),
        access_list: tx.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: tx.max_priority_fee_per_gas(),
        blob_hashes: tx.blob_versioned_hashes().map(<[_]>::to_vec).unwrap_or_default(),
        max_fee_per_blob_gas: tx.max_fee_per_blob_gas().unwrap_or_default(),
        authorization_list: tx
            .authorization_list()
            .map(|list| list.iter().cloned().map(Either::Left).collect())
            .unwrap_or_default(),
    }
}
