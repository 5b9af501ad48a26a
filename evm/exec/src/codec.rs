//! Bytes of blocks: the Ethereum block RLP that travels, and the rows that are stored.

use std::sync::Arc;

use alloy_consensus::{Block, BlockBody, EthereumReceipt, Header, TxType, transaction::Recovered};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, Bytes, Log};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use qenex_types::{PooledTransaction, Transaction};

use crate::{
    error::{ExecError, InvalidBlock},
    rules::MAX_BLOCK_BYTES,
};

/// A block as it travels: header, transactions, no ommers, no withdrawals (RLP, EIP-4895 form).
#[must_use]
pub fn encode_block(header: &Header, transactions: &[PooledTransaction]) -> Bytes {
    let body = alloy_rlp::Header {
        list: true,
        payload_length: transactions.iter().map(|tx| tx.inner().length()).sum(),
    };
    let payload = header.length() + body.length_with_payload() + 2;
    let outer = alloy_rlp::Header { list: true, payload_length: payload };
    let mut out = Vec::with_capacity(outer.length_with_payload());
    outer.encode(&mut out);
    header.encode(&mut out);
    body.encode(&mut out);
    for transaction in transactions {
        transaction.inner().encode(&mut out);
    }
    out.extend([alloy_rlp::EMPTY_LIST_CODE, alloy_rlp::EMPTY_LIST_CODE]);
    out.into()
}

/// Reads a block as [`encode_block`] writes it.
///
/// # Errors
///
/// [`InvalidBlock::TooLarge`] over [`MAX_BLOCK_BYTES`]; [`InvalidBlock::Encoding`] for anything that
/// is not exactly one block, or has ommers or withdrawals.
pub fn decode_block(bytes: &[u8]) -> Result<Block<Transaction>, InvalidBlock> {
    if bytes.len() > MAX_BLOCK_BYTES {
        return Err(InvalidBlock::TooLarge { bytes: bytes.len(), max: MAX_BLOCK_BYTES });
    }
    let mut rest = bytes;
    let block = Block::<Transaction>::decode(&mut rest)
        .map_err(|error| InvalidBlock::Encoding(error.to_string()))?;
    if !rest.is_empty() {
        return Err(InvalidBlock::Encoding(format!("{} bytes behind the block", rest.len())));
    }
    let BlockBody { ommers, withdrawals, .. } = &block.body;
    if !ommers.is_empty() || withdrawals.as_ref().is_none_or(|list| !list.is_empty()) {
        return Err(InvalidBlock::Encoding("ommers or withdrawals".into()));
    }
    Ok(block)
}

/// Transactions and their senders, as the store keeps them.
#[derive(RlpEncodable, RlpDecodable)]
struct StoredBody {
    transactions: Vec<Bytes>,
    senders: Vec<Address>,
}

/// A receipt without its bloom, which is recomputed.
#[derive(RlpEncodable, RlpDecodable)]
struct StoredReceipt {
    tx_type: u8,
    success: bool,
    cumulative_gas_used: u64,
    logs: Vec<Log>,
}

pub(crate) fn encode_body(transactions: &[PooledTransaction]) -> Bytes {
    alloy_rlp::encode(StoredBody {
        transactions: transactions.iter().map(|tx| tx.inner().encoded_2718().into()).collect(),
        senders: transactions.iter().map(|tx| tx.signer()).collect(),
    })
    .into()
}

pub(crate) fn decode_body(mut bytes: &[u8]) -> Result<Vec<PooledTransaction>, ExecError> {
    let body = StoredBody::decode(&mut bytes).map_err(ExecError::state)?;
    body.transactions
        .iter()
        .zip(body.senders)
        .map(|(raw, sender)| {
            let transaction = Transaction::decode_2718_exact(raw).map_err(ExecError::state)?;
            Ok(Arc::new(Recovered::new_unchecked(transaction, sender)))
        })
        .collect()
}

pub(crate) fn encode_receipts(receipts: &[EthereumReceipt]) -> Bytes {
    let rows: Vec<_> = receipts
        .iter()
        .map(|receipt| StoredReceipt {
            tx_type: receipt.tx_type as u8,
            success: receipt.success,
            cumulative_gas_used: receipt.cumulative_gas_used,
            logs: receipt.logs.clone(),
        })
        .collect();
    alloy_rlp::encode(rows).into()
}

pub(crate) fn decode_receipts(mut bytes: &[u8]) -> Result<Vec<EthereumReceipt>, ExecError> {
    Vec::<StoredReceipt>::decode(&mut bytes)
        .map_err(ExecError::state)?
        .into_iter()
        .map(|row| {
            Ok(EthereumReceipt {
                tx_type: TxType::try_from(row.tx_type).map_err(ExecError::state)?,
                success: row.success,
                cumulative_gas_used: row.cumulative_gas_used,
                logs: row.logs,
            })
        })
        .collect()
}
