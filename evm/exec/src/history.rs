//! Final blocks that are stored without being executed: by a node that begins with a newer state.

use alloy_consensus::Block;
use alloy_primitives::{B256, Bytes};
use qenex_store::BlockRecord;

use crate::{
    block::{EthereumBody, SealedBlock},
    chain::{compare, record, recover},
    codec::{decode_block, decode_receipts},
    error::{ExecError, InvalidBlock},
    verify::parts,
};

/// What is stored of a final block and its receipts, as they came from a peer. Whether the block is
/// final is the caller's business; that everything else is what its header says is checked here,
/// and the senders are recovered.
///
/// # Errors
///
/// [`ExecError::Invalid`] names the first part that does not fit to the header.
pub fn record_unexecuted(
    payload: &Bytes,
    receipts: &[u8],
    proof: Bytes,
) -> Result<BlockRecord, ExecError> {
    let Block { header, body } = decode_block(payload)?;
    let malformed = |what: String| InvalidBlock::Encoding(format!("receipts: {what}"));
    let (receipts, post_states) =
        decode_receipts(receipts).map_err(|error| malformed(error.to_string()))?;
    if !post_states.is_empty() {
        return Err(malformed("states instead of statuses".into()).into());
    }
    let transactions = recover(body.transactions, &|_: &B256| None)?;
    for (transaction, receipt) in transactions.iter().zip(&receipts) {
        compare("type of a receipt", receipt.tx_type, transaction.inner().tx_type())?;
    }
    let block = SealedBlock {
        hash: header.hash_slow(),
        header,
        transactions,
        receipts,
        ethereum: EthereumBody::default(),
        size: payload.len(),
    };
    parts(&block)?;
    Ok(record(&block, proof))
}
