//! A block under execution: transactions in, receipts and roots out.
//!
//! The builder and the validator of blocks share [`Execution`], so a block that one node builds is
//! the block that every node checks.

use std::sync::Arc;

use alloy_consensus::{
    Eip658Value, EthereumReceipt, Header, ReceiptWithBloom, Transaction as _, TxType,
    proofs::{calculate_receipt_root, ordered_trie_root_with_encoder},
};
use alloy_eips::{eip2718::Encodable2718, eip2935, eip4788, eip4895::Withdrawal};
use alloy_primitives::{Address, B256, Bloom, BloomInput, Bytes, logs_bloom};
use qenex_precompiles::{LEDGER, books};
use qenex_trie::{PendingLayer, State, keccak256_each};
use qenex_types::{PooledTransaction, TransactionBounds};
use revm::{
    DatabaseCommit, ExecuteEvm, SystemCallEvm,
    context_interface::result::{EVMError, ExecutionResult},
    primitives::hardfork::SpecId,
};

use crate::{
    chain::Ancestors,
    codec::encode_block,
    database::BlockState,
    error::{ExecError, InvalidBlock},
    evm::{Evm, Mode, block_env, evm, tx_env},
    rules::Rules,
};

/// A block with what its execution gave: what clients see of a final block.
#[derive(Clone, Debug)]
pub struct SealedBlock {
    /// The Ethereum header.
    pub header: Header,
    /// keccak256 of the header's RLP.
    pub hash: B256,
    /// The transactions with their senders.
    pub transactions: Vec<PooledTransaction>,
    /// One receipt per transaction.
    pub receipts: Vec<EthereumReceipt>,
    /// What blocks of QENEX have not; empty there.
    pub ethereum: EthereumBody,
    /// Length of the block's RLP in bytes.
    pub size: usize,
}

/// The parts that only blocks of an imported Ethereum chain have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EthereumBody {
    /// Headers of uncles, before the merge.
    pub ommers: Vec<Header>,
    /// Withdrawals from Shanghai on (EIP-4895).
    pub withdrawals: Vec<Withdrawal>,
    /// State root after each transaction: what receipts before Byzantium have for a status (EIP-658).
    pub post_states: Vec<B256>,
}

/// A block executed on top of its parent's state, not yet final.
#[derive(Clone, Debug)]
pub struct ExecutedBlock {
    /// The block.
    pub block: Arc<SealedBlock>,
    /// Its RLP, as it travels.
    pub encoded: Bytes,
}

/// What a transaction did to a block under execution.
pub(crate) enum Executed {
    /// It is in the block.
    Included,
    /// It cannot stand here; the block is as before.
    Refused(String),
}

/// A block under execution.
pub(crate) struct Execution {
    evm: Evm,
    parent: State,
    gas_limit: u64,
    gas_used: u64,
    pub(crate) transactions: Vec<PooledTransaction>,
    receipts: Vec<EthereumReceipt>,
}

/// Roots and figures of an executed block, for its header.
pub(crate) struct Sealing {
    pub(crate) state: PendingLayer,
    pub(crate) transactions_root: B256,
    pub(crate) receipts_root: B256,
    pub(crate) logs_bloom: Bloom,
    pub(crate) gas_used: u64,
    pub(crate) transactions: Vec<PooledTransaction>,
    pub(crate) receipts: Vec<EthereumReceipt>,
    /// See [`EthereumBody::post_states`].
    pub(crate) post_states: Vec<B256>,
}

impl Execution {
    /// Starts a block: runs the system calls of EIP-2935 and EIP-4788.
    ///
    /// `header` needs its parent hash, number, time, beneficiary, randomness, gas limit, base fee and
    /// consensus hash (`parentBeaconBlockRoot`); the rest is what execution finds.
    pub(crate) fn start(
        rules: &Rules,
        header: &Header,
        parent: State,
        ancestors: Ancestors,
    ) -> Result<Self, ExecError> {
        let state = BlockState::new(parent.clone(), ancestors).looking_ahead();
        let mut evm = evm(rules, block_env(rules, header), state, Mode::Consensus, ());
        begin(&mut evm, header)?;
        Ok(Self {
            evm,
            parent,
            gas_limit: header.gas_limit,
            gas_used: 0,
            transactions: Vec::new(),
            receipts: Vec::new(),
        })
    }

    /// Gas that transactions may still ask for.
    pub(crate) const fn gas_left(&self) -> u64 {
        self.gas_limit.saturating_sub(self.gas_used)
    }

    /// The state with the block's effects so far, to be changed by hand.
    pub(crate) fn database(&mut self) -> &mut BlockState {
        &mut self.evm.ctx.journaled_state.database
    }

    /// Moves the time of the block on.
    #[cfg(test)]
    pub(crate) fn set_time(&mut self, timestamp: u64) {
        self.evm.ctx.block.timestamp = alloy_primitives::U256::from(timestamp);
    }

    /// Whether engines look ahead, whatever this processor is good at.
    #[cfg(test)]
    pub(crate) fn look_ahead(&mut self, on: bool) {
        self.evm.ctx.journaled_state.database.look_ahead(on);
    }

    /// Whether the last transaction succeeded.
    #[cfg(test)]
    pub(crate) fn last_succeeded(&self) -> bool {
        self.receipts.last().is_some_and(|receipt| receipt.success)
    }

    /// What a transaction would give, without a trace: whether it succeeds, its output, and its gas.
    #[cfg(test)]
    pub(crate) fn ask(&mut self, transaction: &PooledTransaction) -> (bool, Bytes, u64) {
        let result = self.evm.transact(tx_env(transaction)).unwrap().result;
        let gas = result.tx_gas_used();
        (result.is_success(), result.into_output().unwrap_or_default(), gas)
    }

    /// Executes one transaction.
    ///
    /// # Errors
    ///
    /// Only if the state cannot be read; a transaction that may not stand here is `Refused`.
    pub(crate) fn execute(
        &mut self,
        transaction: &PooledTransaction,
    ) -> Result<Executed, ExecError> {
        let tx = transaction.inner();
        if tx.is_eip4844() {
            return Ok(Executed::Refused("blob transactions are not accepted".into()));
        }
        if tx.gas_limit() > self.gas_left() {
            return Ok(Executed::Refused(format!(
                "exceeds block gas limit: {} asked for, {} left",
                tx.gas_limit(),
                self.gas_left()
            )));
        }
        let cap = TransactionBounds::of(tx.to()).gas;
        if tx.gas_limit() > cap {
            return Ok(Executed::Refused(format!(
                "transaction gas limit too high (cap: {cap}, tx: {})",
                tx.gas_limit()
            )));
        }
        let outcome = match self.evm.transact(tx_env(transaction)) {
            Ok(outcome) => outcome,
            Err(EVMError::Transaction(reason)) => return Ok(Executed::Refused(reason.to_string())),
            Err(EVMError::Header(reason)) => return Ok(Executed::Refused(reason.to_string())),
            Err(error) => return Err(ExecError::state(error)),
        };
        self.evm.ctx.journaled_state.database.commit(outcome.state);
        self.gas_used = self.gas_used.saturating_add(outcome.result.tx_gas_used());
        let success = outcome.result.is_success();
        let logs = match outcome.result {
            ExecutionResult::Success { logs, .. } => logs,
            ExecutionResult::Revert { .. } | ExecutionResult::Halt { .. } => Vec::new(),
        };
        self.receipts.push(EthereumReceipt {
            tx_type: tx.tx_type(),
            success,
            cumulative_gas_used: self.gas_used,
            logs,
        });
        self.transactions.push(transaction.clone());
        Ok(Executed::Included)
    }

    /// Closes the books and computes the roots. The state's root on this thread, the rest beside it.
    ///
    /// # Errors
    ///
    /// [`InvalidBlock::Books`] if money came from nowhere; [`ExecError::State`].
    pub(crate) fn seal(self) -> Result<Sealing, ExecError> {
        let Self { evm, parent, gas_used, transactions, receipts, .. } = self;
        let database = evm.ctx.journaled_state.database;
        let ledger = database.changed_slots(&LEDGER);
        let changes = database.changes();
        let (state, (balanced, (transactions_root, receipts_root, logs_bloom))) = rayon::join(
            || parent.apply(&changes),
            || {
                let logs = receipts.iter().flat_map(|receipt| &receipt.logs);
                (books(&ledger, logs), body_roots(&transactions, &receipts))
            },
        );
        balanced.map_err(|error| InvalidBlock::Books(error.to_string()))?;
        Ok(Sealing {
            state: state.map_err(ExecError::state)?,
            transactions_root,
            receipts_root,
            logs_bloom,
            gas_used,
            transactions,
            receipts,
            post_states: Vec::new(),
        })
    }
}

/// Runs the system calls of EIP-2935 and EIP-4788 at the start of a block.
pub(crate) fn begin<INSP>(evm: &mut Evm<INSP>, header: &Header) -> Result<(), ExecError> {
    let beacon_root = header.parent_beacon_block_root.unwrap_or_default();
    for (since, contract, argument) in [
        (SpecId::PRAGUE, eip2935::HISTORY_STORAGE_ADDRESS, header.parent_hash),
        (SpecId::CANCUN, eip4788::BEACON_ROOTS_ADDRESS, beacon_root),
    ] {
        if evm.ctx.cfg.spec < since {
            continue;
        }
        let mut outcome = evm.system_call(contract, argument.into()).map_err(ExecError::state)?;
        // The call's own bookkeeping must not touch the caller or the fee recipient.
        outcome.state.retain(|address, _| *address == contract);
        evm.ctx.journaled_state.database.commit(outcome.state);
    }
    Ok(())
}

/// Roots of the transactions and of the receipts, and the bloom of all logs.
pub(crate) fn body_roots(
    transactions: &[PooledTransaction],
    receipts: &[EthereumReceipt],
) -> (B256, B256, Bloom) {
    let transactions_root = ordered_trie_root_with_encoder(transactions, |tx, out| {
        tx.inner().encode_2718(out);
    });
    let with_bloom: Vec<_> = blooms(receipts)
        .zip(receipts)
        .map(|(logs_bloom, receipt)| ReceiptWithBloom { logs_bloom, receipt })
        .collect();
    let bloom = with_bloom.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.logs_bloom);
    (transactions_root, calculate_receipt_root(&with_bloom), bloom)
}

/// The bloom of each receipt, as [`logs_bloom`] makes it, with all of a block's logs hashed together.
fn blooms(receipts: &[EthereumReceipt]) -> impl Iterator<Item = Bloom> {
    let logs = receipts.iter().flat_map(|receipt| &receipt.logs);
    let messages: Vec<&[u8]> = logs
        .flat_map(|log| {
            std::iter::once(log.address.as_slice()).chain(log.topics().iter().map(B256::as_slice))
        })
        .collect();
    let mut hashes = keccak256_each(&messages).into_iter();
    receipts.iter().map(move |receipt| {
        let hashed = receipt.logs.iter().map(|log| 1 + log.topics().len()).sum();
        let mut bloom = Bloom::ZERO;
        hashes.by_ref().take(hashed).for_each(|hash| bloom.accrue(BloomInput::Hash(hash)));
        bloom
    })
}

impl SealedBlock {
    /// The block as it travels: RLP, EIP-4895 form.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        encode_block(&self.header, &self.transactions, &self.ethereum)
    }

    /// Status of the transaction at `index`; the state root after it, before Byzantium (EIP-658).
    #[must_use]
    pub fn receipt_status(&self, index: usize) -> Eip658Value {
        match self.ethereum.post_states.get(index) {
            Some(root) => Eip658Value::PostState(*root),
            None => Eip658Value::Eip658(self.receipts.get(index).is_some_and(|r| r.success)),
        }
    }

    /// Gas used by the transaction at `index`.
    #[must_use]
    pub fn gas_used(&self, index: usize) -> u64 {
        let cumulative = |index: usize| self.receipts.get(index).map(|r| r.cumulative_gas_used);
        let before = index.checked_sub(1).and_then(cumulative).unwrap_or(0);
        cumulative(index).unwrap_or(before).saturating_sub(before)
    }

    /// Index in the block of the first log of the transaction at `index`.
    #[must_use]
    pub fn first_log_index(&self, index: usize) -> usize {
        self.receipts.iter().take(index).map(|receipt| receipt.logs.len()).sum()
    }

    /// Senders and their next nonces after this block.
    pub fn next_nonces(&self) -> impl Iterator<Item = (Address, u64)> + '_ {
        self.transactions.iter().map(|tx| (tx.signer(), tx.inner().nonce().saturating_add(1)))
    }

    /// Bloom of the logs of the transaction at `index`.
    #[must_use]
    pub fn receipt_bloom(&self, index: usize) -> Bloom {
        self.receipts.get(index).map_or(Bloom::ZERO, |receipt| logs_bloom(&receipt.logs))
    }

    /// Type of the transaction at `index`.
    #[must_use]
    pub fn tx_type(&self, index: usize) -> TxType {
        self.receipts.get(index).map_or(TxType::Legacy, |receipt| receipt.tx_type)
    }
}
