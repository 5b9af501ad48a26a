//! The full check of a chain at rest: every block against its own header, its index rows and its
//! parent, and the state by [`qenex_trie::verify_state`]. Nothing is executed.

use std::ops::Range;

use alloy_consensus::transaction::SignerRecoverable;
use alloy_primitives::B256;
use qenex_store::Store;
use qenex_trie::{StateReport, verify_state};
use rayon::prelude::*;

use crate::{
    block::{SealedBlock, body_roots},
    chain::{compare, read_block, read_header},
    error::{ExecError, InvalidBlock},
    ethereum::early_receipts,
};

/// Blocks checked at a time, on all threads.
const BATCH: u64 = 256;

/// What was found, all of it right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainReport {
    /// The last block.
    pub head: u64,
    /// Blocks that are still to be fetched from peers.
    pub missing: Range<u64>,
    /// Transactions in all blocks.
    pub transactions: u64,
    /// The state.
    pub state: StateReport,
}

/// Checks everything in a store that nobody writes to. `progress` is told a table and how many of
/// its rows are done.
///
/// # Errors
///
/// [`ExecError::State`] says what is wrong, or that the store cannot be read.
pub fn verify_chain(
    store: &Store,
    progress: &mut dyn FnMut(&str, u64),
) -> Result<ChainReport, ExecError> {
    if let Some(import) = store.state_import().map_err(ExecError::state)? {
        return Err(ExecError::StateIncomplete { number: import.head.number });
    }
    let head = store.head().ok_or_else(|| ExecError::State("there is no block".into()))?.number;
    let missing = store.missing_blocks();
    let bad = |what: String| ExecError::state(store.condemn(what));
    if !missing.is_empty() && (missing.start == 0 || missing.end > head) {
        return Err(bad(format!("blocks {missing:?} are noted as missing, the last is {head}")));
    }
    let mut transactions = 0_u64;
    let mut from = 0;
    while from <= head {
        let to = from.saturating_add(BATCH - 1).min(head);
        let there = (from..=to).into_par_iter().filter(|number| !missing.contains(number));
        let counts = there.map(|number| verify_block(store, number, &missing));
        transactions += counts.sum::<Result<u64, ExecError>>()?;
        from = to.saturating_add(1);
        progress("blocks", from);
    }
    for (table, rows) in store.block_rows().map_err(ExecError::state)?.into_iter().enumerate() {
        let mut next = 0;
        for number in rows {
            if next == missing.start {
                next = missing.end.max(next);
            }
            if number.map_err(ExecError::state)? != next {
                break;
            }
            next += 1;
        }
        if next != head.saturating_add(1) {
            return Err(bad(format!("block table {table} has no row {next} or rows after {head}")));
        }
    }
    let mut hashes = 0_u64;
    for row in store.blocks_by_hash().map_err(ExecError::state)? {
        row.map_err(ExecError::state)?;
        hashes += 1;
    }
    let blocks = head.saturating_add(1).saturating_sub(missing.end.saturating_sub(missing.start));
    if hashes != blocks {
        return Err(bad(format!("{hashes} hashes of {blocks} blocks")));
    }
    let mut located = 0_u64;
    for row in store.transaction_hashes().map_err(ExecError::state)? {
        row.map_err(ExecError::state)?;
        located += 1;
    }
    if located != transactions {
        return Err(bad(format!("{located} hashes of {transactions} transactions")));
    }
    let state = verify_state(store, progress).map_err(ExecError::state)?;
    for (number, root) in [(state.number, state.root), (state.floor, state.floor_root)] {
        if header(store, number)?.1.state_root != root {
            return Err(bad(format!("the state is not that of block {number}")));
        }
    }
    for row in store.all_changes().map_err(ExecError::state)? {
        let (number, row) = row.map_err(ExecError::state)?;
        if header(store, number)?.1.state_root != row.root {
            return Err(bad(format!("the changes of block {number} lead to another root")));
        }
    }
    Ok(ChainReport { head, missing, transactions, state })
}

fn header(store: &Store, number: u64) -> Result<(B256, alloy_consensus::Header), ExecError> {
    let missing = || ExecError::state(store.condemn(format!("block {number} is missing")));
    read_header(store, number)?.ok_or_else(missing)
}

/// Checks a block; the number of its transactions.
fn verify_block(store: &Store, number: u64, absent: &Range<u64>) -> Result<u64, ExecError> {
    let missing = || ExecError::state(store.condemn(format!("block {number} is missing")));
    let block = read_block(store, number)?.ok_or_else(missing)?;
    let checked =
        contents(store, &block, number, absent).and_then(|()| index(store, &block, number));
    match checked {
        Ok(()) => Ok(block.transactions.len() as u64),
        Err(ExecError::Invalid(reason)) => {
            Err(ExecError::state(store.condemn(format!("block {number}: {reason}"))))
        }
        Err(other) => Err(other),
    }
}

/// Header, body and receipts against each other, and against the parent.
fn contents(
    store: &Store,
    block: &SealedBlock,
    number: u64,
    absent: &Range<u64>,
) -> Result<(), ExecError> {
    let header = &block.header;
    compare("number", header.number, number)?;
    let parent = match number.checked_sub(1) {
        Some(parent) if absent.contains(&parent) => header.parent_hash,
        Some(parent) => store.block_hash(parent).map_err(ExecError::state)?.unwrap_or_default(),
        None => header.parent_hash,
    };
    compare("parentHash", header.parent_hash, parent)?;
    parts(block)?;
    for (index, transaction) in block.transactions.iter().enumerate() {
        let signer = transaction.inner().recover_signer();
        if !signer.is_ok_and(|signer| signer == transaction.signer()) {
            let reason = "its sender is not its signer".to_owned();
            return Err(InvalidBlock::Transaction { index, reason }.into());
        }
    }
    Ok(())
}

/// Body and receipts against the header.
pub(crate) fn parts(block: &SealedBlock) -> Result<(), InvalidBlock> {
    let header = &block.header;
    let (transactions, mut receipts, mut bloom) = body_roots(&block.transactions, &block.receipts);
    if !block.ethereum.post_states.is_empty() {
        (receipts, bloom) = early_receipts(&block.receipts, &block.ethereum.post_states);
    }
    compare("transactionsRoot", header.transactions_root, transactions)?;
    compare("receiptsRoot", header.receipts_root, receipts)?;
    compare("logsBloom", header.logs_bloom, bloom)?;
    compare("receipts", block.receipts.len(), block.transactions.len())?;
    let gas = block.receipts.last().map_or(0, |receipt| receipt.cumulative_gas_used);
    compare("gasUsed", header.gas_used, gas)
}

/// The rows by which a block and its transactions are found.
fn index(store: &Store, block: &SealedBlock, number: u64) -> Result<(), ExecError> {
    let stored = store.block_hash(number).map_err(ExecError::state)?.unwrap_or_default();
    compare("hash", stored, block.hash)?;
    let found = store.block_number(&block.hash).map_err(ExecError::state)?;
    compare("number by hash", found.unwrap_or(u64::MAX), number)?;
    for (place, transaction) in (0_u32..).zip(&block.transactions) {
        let hash = transaction.inner().tx_hash();
        if store.transaction_location(hash).map_err(ExecError::state)? != Some((number, place)) {
            let reason = "it is not found by its hash".to_owned();
            return Err(InvalidBlock::Transaction { index: place as usize, reason }.into());
        }
    }
    Ok(())
}
