//! Executing a block of an Ethereum chain, and comparing its header with what that gives.

use alloy_consensus::{
    Eip658Value, EthereumReceipt, Receipt, ReceiptEnvelope, Transaction as _, TxType,
    proofs::{calculate_receipt_root, calculate_withdrawals_root},
};
use alloy_eips::{eip4844::DATA_GAS_PER_BLOB, eip7002, eip7251};
use alloy_evm::{
    Evm as _,
    block::{BlockExecutionError, BlockExecutor, BlockValidationError},
    eth::{
        EthBlockExecutionCtx, EthBlockExecutor, EthEvm, dao_fork,
        receipt_builder::{ReceiptBuilder, ReceiptBuilderCtx},
    },
};
use alloy_primitives::{B256, Bloom, KECCAK256_EMPTY, U256};
use qenex_trie::State;
use qenex_types::Transaction;
use revm::{Database, inspector::NoOpInspector, primitives::hardfork::SpecId};

use super::forks::{BlockForks, EthereumRules};
use crate::{
    block::{SealedBlock, Sealing, body_roots},
    chain::{Ancestors, compare},
    database::BlockState,
    error::{ExecError, InvalidBlock},
    evm::{Mode, block_env, evm},
    rules::Rules,
};

/// Receipts as the node keeps them.
#[derive(Clone, Copy, Debug)]
struct Receipts;

impl ReceiptBuilder for Receipts {
    type Transaction = Transaction;
    type Receipt = EthereumReceipt;

    fn build_receipt<E: alloy_evm::Evm>(
        &self,
        ctx: ReceiptBuilderCtx<'_, TxType, E>,
    ) -> EthereumReceipt {
        EthereumReceipt {
            tx_type: ctx.tx_type,
            success: ctx.result.is_success(),
            cumulative_gas_used: ctx.cumulative_gas_used,
            logs: ctx.result.into_logs(),
        }
    }
}

/// Executes a block whose header stands to its parent as it must, and compares every field of the
/// header that execution gives.
///
/// # Errors
///
/// [`ExecError::Invalid`] names the first rule the block breaks; [`ExecError::State`].
pub(crate) fn execute(
    rules: &std::sync::Arc<EthereumRules>,
    block: &SealedBlock,
    parent: &State,
    ancestors: Ancestors,
) -> Result<Sealing, ExecError> {
    let SealedBlock { header, transactions, ethereum, .. } = block;
    let spec = rules.spec_of(header);
    check_body(block, spec)?;
    let wrapped = Rules::Ethereum(rules.clone());
    let mut state = BlockState::new(parent.clone(), ancestors);
    let config = rules.config();
    if config.dao_fork_support && config.dao_fork_block == Some(header.number) {
        drain_dao(&mut state).map_err(ExecError::state)?;
    }
    let evm = evm(&wrapped, block_env(&wrapped, header), state, Mode::Consensus, NoOpInspector);
    let context = EthBlockExecutionCtx {
        parent_hash: header.parent_hash,
        parent_beacon_block_root: header.parent_beacon_block_root,
        ommers: &ethereum.ommers,
        withdrawals: header.withdrawals_root.map(|_| ethereum.withdrawals.as_slice().into()),
        extra_data: header.extra_data.clone(),
        tx_count_hint: Some(transactions.len()),
        slot_number: None,
    };
    let forks = BlockForks { spec, deposit_contract: config.deposit_contract_address };
    let mut executor = EthBlockExecutor::new(EthEvm::new(evm, false), context, forks, Receipts);
    executor.apply_pre_execution_changes().map_err(system)?;
    let mut post_states = Vec::new();
    for (index, transaction) in transactions.iter().enumerate() {
        executor.execute_transaction(&**transaction).map_err(|error| refused(index, error))?;
        if spec < SpecId::BYZANTIUM {
            let changes = executor.evm().db().changes();
            post_states.push(parent.apply(&changes).map_err(ExecError::state)?.root());
        }
    }
    if spec >= SpecId::PRAGUE {
        let database = executor.evm_mut().db_mut();
        for (contract, name) in [
            (eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, "withdrawal requests (EIP-7002)"),
            (eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, "consolidations (EIP-7251)"),
        ] {
            let account = database.basic(contract).map_err(ExecError::state)?;
            if account.is_none_or(|account| account.code_hash == KECCAK256_EMPTY) {
                let reason = format!("the contract of {name} at {contract} has no code");
                return Err(InvalidBlock::System(reason).into());
            }
        }
    }
    let (evm, result) = executor.finish().map_err(system)?;
    let (state, _) = evm.finish();
    if spec >= SpecId::PRAGUE {
        let expected = result.requests.requests_hash();
        compare("requestsHash", header.requests_hash.unwrap_or_default(), expected)?;
    }
    let (transactions_root, receipts_root, logs_bloom) = if spec < SpecId::BYZANTIUM {
        let (receipts_root, bloom) = early_receipts(&result.receipts, &post_states);
        (header.transactions_root, receipts_root, bloom)
    } else {
        body_roots(transactions, &result.receipts)
    };
    compare("gasUsed", header.gas_used, result.gas_used)?;
    compare("receiptsRoot", header.receipts_root, receipts_root)?;
    compare("logsBloom", header.logs_bloom, logs_bloom)?;
    let pending = parent.apply(&state.changes()).map_err(ExecError::state)?;
    compare("stateRoot", header.state_root, pending.root())?;
    Ok(Sealing {
        state: pending,
        transactions_root,
        receipts_root,
        logs_bloom,
        gas_used: result.gas_used,
        transactions: transactions.clone(),
        receipts: result.receipts,
        post_states,
    })
}

/// What the header says of the body.
fn check_body(block: &SealedBlock, spec: SpecId) -> Result<(), InvalidBlock> {
    let SealedBlock { header, transactions, ethereum, .. } = block;
    let (transactions_root, _, _) = body_roots(transactions, &[]);
    compare("transactionsRoot", header.transactions_root, transactions_root)?;
    let ommers_hash = alloy_consensus::proofs::calculate_ommers_root(&ethereum.ommers);
    compare("sha3Uncles", header.ommers_hash, ommers_hash)?;
    if let Some(root) = header.withdrawals_root {
        compare("withdrawalsRoot", root, calculate_withdrawals_root(&ethereum.withdrawals))?;
    }
    let blobs: u64 = transactions
        .iter()
        .map(|tx| tx.blob_versioned_hashes().map_or(0, |hashes| hashes.len() as u64))
        .sum();
    let blob_gas = blobs.saturating_mul(DATA_GAS_PER_BLOB);
    compare("blobGasUsed", header.blob_gas_used.unwrap_or_default(), blob_gas)?;
    for (index, transaction) in transactions.iter().enumerate() {
        let wrong = |reason: &str| InvalidBlock::Transaction { index, reason: reason.into() };
        if spec < SpecId::SPURIOUS_DRAGON && transaction.chain_id().is_some() {
            return Err(wrong("signed for a chain (EIP-155) before Spurious Dragon"));
        }
    }
    Ok(())
}

/// Moves what the DAO and its children hold to the contract for refunds.
fn drain_dao(state: &mut BlockState) -> Result<(), crate::database::StateUnavailable> {
    let mut sum = U256::ZERO;
    for address in dao_fork::DAO_HARDFORK_ACCOUNTS {
        if let Some(account) = state.basic(address)? {
            sum = sum.saturating_add(account.balance);
            state.set_balance(address, U256::ZERO, true)?;
        }
    }
    let refunds = dao_fork::DAO_HARDFORK_BENEFICIARY;
    let held = state.basic(refunds)?.map_or(U256::ZERO, |account| account.balance);
    state.set_balance(refunds, held.saturating_add(sum), true)
}

/// Root and bloom of receipts that carry state roots.
pub(crate) fn early_receipts(receipts: &[EthereumReceipt], post_states: &[B256]) -> (B256, Bloom) {
    let envelopes: Vec<ReceiptEnvelope> = receipts
        .iter()
        .zip(post_states)
        .map(|(receipt, root)| {
            let receipt = Receipt {
                status: Eip658Value::PostState(*root),
                cumulative_gas_used: receipt.cumulative_gas_used,
                logs: receipt.logs.clone(),
            };
            ReceiptEnvelope::Legacy(receipt.with_bloom())
        })
        .collect();
    let bloom = envelopes.iter().fold(Bloom::ZERO, |all, receipt| all | *receipt.logs_bloom());
    (calculate_receipt_root(&envelopes), bloom)
}

/// Why a transaction may not stand in the block; or that the state cannot be read.
fn refused(index: usize, error: BlockExecutionError) -> ExecError {
    match error {
        BlockExecutionError::Validation(BlockValidationError::InvalidTx { error, .. }) => {
            InvalidBlock::Transaction { index, reason: error.to_string() }.into()
        }
        BlockExecutionError::Validation(error) => {
            InvalidBlock::Transaction { index, reason: error.to_string() }.into()
        }
        BlockExecutionError::Internal(error) => ExecError::state(error),
    }
}

/// Why a system call or the end of the block fails.
fn system(error: BlockExecutionError) -> ExecError {
    match error {
        BlockExecutionError::Validation(error) => InvalidBlock::System(error.to_string()).into(),
        BlockExecutionError::Internal(error) => ExecError::state(error),
    }
}
