//! Proofs that a block holds a transaction and its receipt, checked with the block's header alone.

use alloy_consensus::{Header, TxReceipt};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{B256, Bytes};
use alloy_rlp::Decodable;
use alloy_trie::{
    HashBuilder, Nibbles,
    proof::{ProofRetainer, verify_proof},
    root::adjust_index_for_rlp,
};
use qenex_types::Transaction;
use serde::{Deserialize, Serialize};

use crate::{block::SealedBlock, chain::Chain, error::ExecError};

/// A transaction and its receipt with their places in the tries of their block's header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inclusion {
    /// Index in the block.
    pub index: u64,
    /// EIP-2718 form.
    pub transaction: Bytes,
    /// EIP-2718 form, with bloom.
    pub receipt: Bytes,
    /// Nodes from the header's `transactionsRoot` down.
    pub transaction_proof: Vec<Bytes>,
    /// Nodes from the header's `receiptsRoot` down.
    pub receipt_proof: Vec<Bytes>,
}

/// What an inclusion proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Included {
    /// Hash of the transaction.
    pub transaction_hash: B256,
    /// Whether it succeeded.
    pub success: bool,
}

/// Why an inclusion proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InclusionError {
    /// The transaction is not at that place of the block.
    #[error("the block has no such transaction at this index")]
    Transaction,
    /// The receipt is not at that place of the block.
    #[error("the block has no such receipt at this index")]
    Receipt,
    /// The bytes are no transaction or no receipt.
    #[error("malformed: {0}")]
    Malformed(&'static str),
}

impl Chain {
    /// The block that holds a final transaction, and the proof that it does.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`] if the store cannot be read.
    pub fn inclusion(
        &self,
        hash: B256,
    ) -> Result<Option<(std::sync::Arc<SealedBlock>, Inclusion)>, ExecError> {
        let Some((block, at)) = self.transaction(hash)? else { return Ok(None) };
        let transactions: Vec<_> =
            block.transactions.iter().map(|tx| tx.inner().encoded_2718()).collect();
        let receipts: Vec<_> =
            block.receipts.iter().map(|receipt| receipt.with_bloom_ref().encoded_2718()).collect();
        let missing =
            || self.condemn(format!("block {} has no transaction {at}", block.header.number));
        let inclusion = Inclusion {
            index: at as u64,
            transaction: transactions.get(at).ok_or_else(missing)?.clone().into(),
            receipt: receipts.get(at).ok_or_else(missing)?.clone().into(),
            transaction_proof: prove(&transactions, at),
            receipt_proof: prove(&receipts, at),
        };
        Ok(Some((block, inclusion)))
    }
}

fn key(index: u64) -> Nibbles {
    Nibbles::unpack(alloy_rlp::encode(index))
}

/// The nodes down to the item at `at` of the trie of a list.
fn prove(items: &[Vec<u8>], at: usize) -> Vec<Bytes> {
    let mut trie =
        HashBuilder::default().with_proof_retainer(ProofRetainer::new(vec![key(at as u64)]));
    for place in 0..items.len() {
        // In the order of the keys, which is not that of the indices.
        let index = adjust_index_for_rlp(place, items.len());
        trie.add_leaf(key(index as u64), items.get(index).map_or(&[], Vec::as_slice));
    }
    trie.root();
    trie.take_proof_nodes().into_nodes_sorted().into_iter().map(|(_, node)| node).collect()
}

impl Inclusion {
    /// Checks the proof against the header of the block.
    ///
    /// # Errors
    ///
    /// [`InclusionError`] names the part that is not the block's.
    pub fn verify(&self, header: &Header) -> Result<Included, InclusionError> {
        let proven = |root, value: &Bytes, proof: &[Bytes]| {
            verify_proof(root, key(self.index), Some(value.to_vec()), proof).is_ok()
        };
        if !proven(header.transactions_root, &self.transaction, &self.transaction_proof) {
            return Err(InclusionError::Transaction);
        }
        if !proven(header.receipts_root, &self.receipt, &self.receipt_proof) {
            return Err(InclusionError::Receipt);
        }
        let transaction = Transaction::decode_2718_exact(&self.transaction)
            .map_err(|_| InclusionError::Malformed("transaction"))?;
        let receipt = alloy_consensus::ReceiptEnvelope::decode_2718_exact(&self.receipt)
            .map_err(|_| InclusionError::Malformed("receipt"))?;
        Ok(Included { transaction_hash: *transaction.tx_hash(), success: receipt.status() })
    }
}

/// Reads a header that stands alone.
///
/// # Errors
///
/// [`InclusionError::Malformed`].
pub fn decode_header(mut rlp: &[u8]) -> Result<Header, InclusionError> {
    match Header::decode(&mut rlp) {
        Ok(header) if rlp.is_empty() => Ok(header),
        _ => Err(InclusionError::Malformed("header")),
    }
}
