//! Blocks, transactions, receipts and logs as Ethereum clients see them.

use alloy_consensus::{Receipt, ReceiptEnvelope, ReceiptWithBloom, Transaction as _, TxType};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, TxKind, U256, logs_bloom};
use alloy_rlp::Encodable as _;
use alloy_rpc_types_eth::{
    Block, BlockTransactions, Filter, Header, Log, Transaction, TransactionReceipt,
};
use qenex_exec::{Rules, SealedBlock};
use qenex_types::PooledTransaction;

/// A transaction object.
pub(crate) type RpcTransaction = Transaction<qenex_types::Transaction>;
/// A block object.
pub(crate) type RpcBlock = Block<RpcTransaction>;
/// A receipt object.
pub(crate) type RpcReceipt = TransactionReceipt<ReceiptEnvelope<Log>>;

/// The header of a block with its hash and size.
pub(crate) fn header(block: &SealedBlock) -> Header {
    Header {
        hash: block.hash,
        inner: block.header.clone(),
        total_difficulty: None,
        size: Some(U256::from(block.size)),
    }
}

/// A header alone.
pub(crate) fn bare_header(block: &SealedBlock) -> Header {
    Header { size: None, ..header(block) }
}

/// A block with full transactions or with their hashes.
pub(crate) fn block(block: &SealedBlock, full: bool) -> RpcBlock {
    let transactions = if full {
        let all = 0..block.transactions.len();
        BlockTransactions::Full(all.filter_map(|index| transaction(block, index)).collect())
    } else {
        let hashes = block.transactions.iter().map(|tx| *tx.inner().tx_hash());
        BlockTransactions::Hashes(hashes.collect())
    };
    Block {
        header: header(block),
        uncles: block.ethereum.ommers.iter().map(alloy_consensus::Header::hash_slow).collect(),
        transactions,
        withdrawals: block
            .header
            .withdrawals_root
            .map(|_| block.ethereum.withdrawals.clone().into()),
    }
}

/// A transaction of a block.
pub(crate) fn transaction(block: &SealedBlock, index: usize) -> Option<RpcTransaction> {
    let tx = block.transactions.get(index)?;
    Some(Transaction {
        inner: (**tx).clone(),
        block_hash: Some(block.hash),
        block_number: Some(block.header.number),
        transaction_index: Some(index as u64),
        effective_gas_price: Some(tx.effective_gas_price(block.header.base_fee_per_gas)),
        block_timestamp: Some(block.header.timestamp),
    })
}

/// A transaction that is in no block.
pub(crate) fn pending_transaction(tx: &PooledTransaction) -> RpcTransaction {
    Transaction {
        inner: (**tx).clone(),
        block_hash: None,
        block_number: None,
        transaction_index: None,
        effective_gas_price: Some(tx.max_fee_per_gas()),
        block_timestamp: None,
    }
}

/// The address a transaction creates a contract at.
fn created(tx: &PooledTransaction) -> Option<Address> {
    matches!(tx.kind(), TxKind::Create).then(|| tx.signer().create(tx.nonce()))
}

/// The receipt of a transaction.
pub(crate) fn receipt(rules: &Rules, block: &SealedBlock, index: usize) -> Option<RpcReceipt> {
    let before = block.receipts.get(..index)?;
    let first_log = before.iter().map(|receipt| receipt.logs.len()).sum();
    let gas_before = before.last().map_or(0, |receipt| receipt.cumulative_gas_used);
    one_receipt(rules, block, index, first_log, gas_before)
}

/// All receipts of a block.
pub(crate) fn receipts(rules: &Rules, block: &SealedBlock) -> Vec<RpcReceipt> {
    let (mut first_log, mut gas_before) = (0_usize, 0_u64);
    let mut all = Vec::with_capacity(block.receipts.len());
    for (index, receipt) in block.receipts.iter().enumerate() {
        all.extend(one_receipt(rules, block, index, first_log, gas_before));
        first_log = first_log.saturating_add(receipt.logs.len());
        gas_before = receipt.cumulative_gas_used;
    }
    all
}

fn one_receipt(
    rules: &Rules,
    block: &SealedBlock,
    index: usize,
    first_log: usize,
    gas_before: u64,
) -> Option<RpcReceipt> {
    let (tx, receipt) = (block.transactions.get(index)?, block.receipts.get(index)?);
    let logs = (first_log..).zip(&receipt.logs).map(|(at, log)| rpc_log(block, index, at, log));
    Some(TransactionReceipt {
        inner: envelope(block, index, logs.collect())?,
        transaction_hash: *tx.inner().tx_hash(),
        transaction_index: Some(index as u64),
        block_hash: Some(block.hash),
        block_number: Some(block.header.number),
        gas_used: receipt.cumulative_gas_used.saturating_sub(gas_before),
        effective_gas_price: tx.effective_gas_price(block.header.base_fee_per_gas),
        blob_gas_used: tx.blob_gas_used(),
        blob_gas_price: tx.blob_gas_used().and_then(|_| {
            let params = rules.blob_params(block.header.timestamp)?;
            Some(params.calc_blob_fee(block.header.excess_blob_gas?))
        }),
        from: tx.signer(),
        to: tx.to(),
        contract_address: created(tx),
    })
}

/// A receipt with these logs, in the envelope of its type.
fn envelope<L>(block: &SealedBlock, index: usize, logs: Vec<L>) -> Option<ReceiptEnvelope<L>> {
    let receipt = block.receipts.get(index)?;
    let with_bloom = ReceiptWithBloom {
        logs_bloom: logs_bloom(&receipt.logs),
        receipt: Receipt {
            status: block.receipt_status(index),
            cumulative_gas_used: receipt.cumulative_gas_used,
            logs,
        },
    };
    Some(match receipt.tx_type {
        TxType::Legacy => ReceiptEnvelope::Legacy(with_bloom),
        TxType::Eip2930 => ReceiptEnvelope::Eip2930(with_bloom),
        TxType::Eip1559 => ReceiptEnvelope::Eip1559(with_bloom),
        TxType::Eip4844 => ReceiptEnvelope::Eip4844(with_bloom),
        TxType::Eip7702 => ReceiptEnvelope::Eip7702(with_bloom),
    })
}

/// A receipt in its binary form (EIP-2718), as it counts for the receipts' root.
pub(crate) fn raw_receipt(block: &SealedBlock, index: usize) -> Option<Bytes> {
    let logs = block.receipts.get(index)?.logs.clone();
    Some(envelope(block, index, logs)?.encoded_2718().into())
}

/// The header of an uncle.
pub(crate) fn uncle(block: &SealedBlock, index: usize) -> Option<RpcBlock> {
    let inner = block.ethereum.ommers.get(index)?.clone();
    let size = alloy_consensus::Block::<qenex_types::Transaction>::uncle(inner.clone()).length();
    Some(Block {
        header: Header {
            hash: inner.hash_slow(),
            inner,
            total_difficulty: None,
            size: Some(U256::from(size)),
        },
        uncles: Vec::new(),
        transactions: BlockTransactions::Uncle,
        withdrawals: None,
    })
}

/// A log; `at` is its index in the block.
fn rpc_log(block: &SealedBlock, index: usize, at: usize, log: &alloy_primitives::Log) -> Log {
    Log {
        inner: log.clone(),
        block_hash: Some(block.hash),
        block_number: Some(block.header.number),
        block_timestamp: Some(block.header.timestamp),
        transaction_hash: block.transactions.get(index).map(|tx| *tx.inner().tx_hash()),
        transaction_index: Some(index as u64),
        log_index: Some(at as u64),
        removed: false,
    }
}

/// The logs of a block that match a filter's addresses and topics.
pub(crate) fn logs(block: &SealedBlock, filter: &Filter) -> Vec<Log> {
    if !filter.matches_bloom(block.header.logs_bloom) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut at = 0_usize;
    for (index, receipt) in block.receipts.iter().enumerate() {
        for log in &receipt.logs {
            if filter.matches(log) {
                found.push(rpc_log(block, index, at, log));
            }
            at = at.saturating_add(1);
        }
    }
    found
}
