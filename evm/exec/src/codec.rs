//! Bytes of blocks: the Ethereum block RLP that travels, and the rows that are stored.

use std::sync::Arc;

use alloy_consensus::{Block, BlockBody, EthereumReceipt, Header, TxType, transaction::Recovered};
use alloy_eips::{
    eip2718::{Decodable2718, Eip2718Error, Encodable2718},
    eip4895::Withdrawal,
};
use alloy_primitives::{Address, B256, Bytes, Log};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use qenex_types::{PooledTransaction, Transaction};

use crate::{block::EthereumBody, error::InvalidBlock, rules::MAX_BLOCK_BYTES};

/// A block as it travels (RLP, EIP-4895 form). Of QENEX: header, transactions, no ommers, no
/// withdrawals.
#[must_use]
pub fn encode_block(
    header: &Header,
    transactions: &[PooledTransaction],
    ethereum: &EthereumBody,
) -> Bytes {
    let body = alloy_rlp::Header {
        list: true,
        payload_length: transactions.iter().map(|tx| tx.inner().length()).sum(),
    };
    let withdrawals = header.withdrawals_root.map(|_| &ethereum.withdrawals);
    let payload = header.length()
        + body.length_with_payload()
        + ethereum.ommers.length()
        + withdrawals.map_or(0, Encodable::length);
    let outer = alloy_rlp::Header { list: true, payload_length: payload };
    let mut out = Vec::with_capacity(outer.length_with_payload());
    outer.encode(&mut out);
    header.encode(&mut out);
    body.encode(&mut out);
    for transaction in transactions {
        transaction.inner().encode(&mut out);
    }
    ethereum.ommers.encode(&mut out);
    if let Some(withdrawals) = withdrawals {
        withdrawals.encode(&mut out);
    }
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
#[rlp(trailing)]
struct StoredBody {
    transactions: Vec<Bytes>,
    senders: Vec<Address>,
    /// Both only where there are some.
    ommers: Option<Vec<Header>>,
    withdrawals: Option<Vec<Withdrawal>>,
}

/// A receipt without its bloom, which is recomputed.
#[derive(RlpEncodable, RlpDecodable)]
struct StoredReceipt {
    tx_type: u8,
    /// 1 or nothing; before Byzantium the state root after the transaction.
    status: Bytes,
    cumulative_gas_used: u64,
    logs: Vec<Log>,
}

pub(crate) fn encode_body(transactions: &[PooledTransaction], ethereum: &EthereumBody) -> Bytes {
    let EthereumBody { ommers, withdrawals, .. } = ethereum;
    let more = !ommers.is_empty() || !withdrawals.is_empty();
    alloy_rlp::encode(StoredBody {
        transactions: transactions.iter().map(|tx| tx.inner().encoded_2718().into()).collect(),
        senders: transactions.iter().map(|tx| tx.signer()).collect(),
        ommers: more.then(|| ommers.clone()),
        withdrawals: more.then(|| withdrawals.clone()),
    })
    .into()
}

/// Transactions, and the rest of the body but for the receipts' part.
pub(crate) fn decode_body(
    mut bytes: &[u8],
) -> Result<(Vec<PooledTransaction>, EthereumBody), Eip2718Error> {
    let body = StoredBody::decode(&mut bytes)?;
    let transactions: Result<_, Eip2718Error> = body
        .transactions
        .iter()
        .zip(body.senders)
        .map(|(raw, sender)| {
            let transaction = Transaction::decode_2718_exact(raw)?;
            Ok(Arc::new(Recovered::new_unchecked(transaction, sender)))
        })
        .collect();
    let ethereum = EthereumBody {
        ommers: body.ommers.unwrap_or_default(),
        withdrawals: body.withdrawals.unwrap_or_default(),
        post_states: Vec::new(),
    };
    Ok((transactions?, ethereum))
}

pub(crate) fn encode_receipts(receipts: &[EthereumReceipt], post_states: &[B256]) -> Bytes {
    let rows: Vec<_> = receipts
        .iter()
        .enumerate()
        .map(|(index, receipt)| StoredReceipt {
            tx_type: receipt.tx_type as u8,
            status: match post_states.get(index) {
                Some(root) => Bytes::copy_from_slice(root.as_slice()),
                None if receipt.success => Bytes::from_static(&[1]),
                None => Bytes::new(),
            },
            cumulative_gas_used: receipt.cumulative_gas_used,
            logs: receipt.logs.clone(),
        })
        .collect();
    alloy_rlp::encode(rows).into()
}

/// Receipts, and the state roots in those from before Byzantium.
pub(crate) fn decode_receipts(
    mut bytes: &[u8],
) -> Result<(Vec<EthereumReceipt>, Vec<B256>), Eip2718Error> {
    let mut post_states = Vec::new();
    let receipts: Result<_, Eip2718Error> = Vec::<StoredReceipt>::decode(&mut bytes)?
        .into_iter()
        .map(|row| {
            let success = match row.status.len() {
                32 => {
                    post_states.push(B256::from_slice(&row.status));
                    true
                }
                _ => !row.status.is_empty(),
            };
            Ok(EthereumReceipt {
                tx_type: TxType::try_from(row.tx_type)?,
                success,
                cumulative_gas_used: row.cumulative_gas_used,
                logs: row.logs,
            })
        })
        .collect();
    Ok((receipts?, post_states))
}
