//! Putting blocks that others made on an Ethereum chain.
//!
//! Blocks come as open proposals, so that a side chain can overtake under proof of work; the heaviest
//! one is made final once it is deep enough. A final block's proof, opaque to the store, is its total
//! difficulty.

use std::{collections::BTreeMap, sync::Arc};

use alloy_consensus::{Block, Header, transaction::SignerRecoverable};
use alloy_primitives::{B256, Bytes, U256};
use alloy_rlp::Decodable;
use qenex_types::Transaction;
use revm::primitives::hardfork::SpecId;

use super::{
    forks::EthereumRules,
    header::{Ancestor, UNCLE_DEPTH, check_header, check_uncles},
};
use crate::{
    block::{EthereumBody, SealedBlock},
    chain::{Chain, compare, mismatch, recover},
    error::{ExecError, InvalidBlock},
    rules::{MAX_BLOCK_BYTES, Rules},
};

/// Blocks of proof of work that stay open: no side chain may fork off deeper. Public tests stay far
/// below.
const OPEN_BLOCKS: usize = 64;

/// Blocks made final in one synced write.
const BATCH: usize = 64;

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is the new head.
    Head,
    /// It is on a side chain.
    Side,
    /// It was there already.
    Known,
}

/// A block with its total difficulty, that of all blocks up to it.
#[derive(Clone, Copy, Debug)]
struct Tip {
    hash: B256,
    number: u64,
    total_difficulty: U256,
}

/// An import under way. Finish it with [`Import::finish`]: what is not final is forgotten.
#[derive(Debug)]
pub struct Import<'a> {
    chain: &'a Chain,
    rules: Arc<EthereumRules>,
    /// The open blocks.
    open: BTreeMap<B256, Tip>,
    /// The last final block.
    root: Tip,
    best: Tip,
}

impl Chain {
    /// Begins to import blocks.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`] if this is no Ethereum chain or the store cannot be read.
    pub fn import(&self) -> Result<Import<'_>, ExecError> {
        let Rules::Ethereum(rules) = self.rules() else {
            return Err(ExecError::State("blocks can be imported on Ethereum chains alone".into()));
        };
        let head = self.head();
        let total_difficulty = if head.hash == self.genesis_hash()? {
            head.header.difficulty
        } else {
            let proof = self.certificate(head.header.number)?.unwrap_or_default();
            U256::try_from_be_slice(&proof)
                .filter(|_| proof.len() == 32)
                .ok_or_else(|| ExecError::State("the head has no total difficulty".into()))?
        };
        let root = Tip { hash: head.hash, number: head.header.number, total_difficulty };
        Ok(Import { chain: self, rules: rules.clone(), open: BTreeMap::new(), root, best: root })
    }
}

impl Import<'_> {
    /// The best block so far: number and hash.
    #[must_use]
    pub const fn head(&self) -> (u64, B256) {
        (self.best.number, self.best.hash)
    }

    /// Checks and executes a block, given as RLP. Its parent must be the last final block or an open
    /// one.
    ///
    /// # Errors
    ///
    /// [`ExecError::Invalid`] names the first rule it breaks; [`ExecError::UnknownParent`];
    /// [`ExecError::State`].
    pub fn block(&mut self, encoded: &[u8]) -> Result<Imported, ExecError> {
        let (block, header_hash) = decode(encoded)?;
        let Block { header, body } = block;
        if self.open.contains_key(&header_hash) || self.chain.block_by_hash(header_hash)?.is_some()
        {
            return Ok(Imported::Known);
        }
        let parent_tip = if header.parent_hash == self.root.hash {
            self.root
        } else {
            *self
                .open
                .get(&header.parent_hash)
                .ok_or(ExecError::UnknownParent(header.parent_hash))?
        };
        let (parent, state, ancestors) = self.chain.parent(header.parent_hash)?;
        let merged = self.rules.merged_after(parent_tip.total_difficulty);
        check_header(&self.rules, &header, &parent, merged)?;
        let spec = self.rules.spec_of(&header);
        if spec >= SpecId::OSAKA && encoded.len() > MAX_BLOCK_BYTES {
            let bytes = encoded.len();
            return Err(InvalidBlock::TooLarge { bytes, max: MAX_BLOCK_BYTES }.into());
        }
        let family = self.ancestors(header.parent_hash)?;
        check_uncles(&self.rules, &body.ommers, header_hash, &family)?;
        if header.withdrawals_root.is_some() != body.withdrawals.is_some() {
            let show = |is: bool| if is { "a list" } else { "none" };
            let (given, wanted) = (body.withdrawals.is_some(), header.withdrawals_root.is_some());
            return Err(mismatch("withdrawals", show(given), show(wanted)).into());
        }
        let sealed = SealedBlock {
            hash: header_hash,
            transactions: senders(body.transactions, spec)?,
            receipts: Vec::new(),
            ethereum: EthereumBody {
                ommers: body.ommers,
                withdrawals: body.withdrawals.unwrap_or_default().into_inner(),
                post_states: Vec::new(),
            },
            size: encoded.len(),
            header,
        };
        let mut sealing = self.chain.execute(&sealed, state, ancestors)?;
        let SealedBlock { header, mut ethereum, .. } = sealed;
        ethereum.post_states = std::mem::take(&mut sealing.post_states);
        let tip = Tip {
            hash: header_hash,
            number: header.number,
            total_difficulty: parent_tip.total_difficulty.saturating_add(header.difficulty),
        };
        let executed = self.chain.keep(header, ethereum, sealing)?;
        compare("hash", header_hash, executed.block.hash)?;
        self.open.insert(tip.hash, tip);
        let heavier = tip.total_difficulty > self.best.total_difficulty;
        // After the merge difficulties are 0, and the longer chain is what consensus gave.
        let longer = tip.total_difficulty == self.best.total_difficulty
            && tip.number > self.best.number
            && merged;
        if !(heavier || longer) {
            return Ok(Imported::Side);
        }
        self.best = tip;
        let open = if merged { 0 } else { OPEN_BLOCKS };
        if self.depth() >= open.saturating_add(BATCH) {
            self.settle(open)?;
        }
        Ok(Imported::Head)
    }

    /// Makes the best chain final, and writes its state out.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`].
    pub fn finish(mut self) -> Result<(), ExecError> {
        self.settle(0)?;
        self.chain.flush()
    }

    /// Open blocks under and with the best one.
    fn depth(&self) -> usize {
        let depth = self.best.number.saturating_sub(self.root.number);
        usize::try_from(depth).unwrap_or(usize::MAX)
    }

    /// Makes the best chain final but for its newest `open` blocks.
    fn settle(&mut self, open: usize) -> Result<(), ExecError> {
        let mut branch = self.chain.open_branch(self.best.hash);
        branch.reverse();
        branch.truncate(branch.len().saturating_sub(open));
        let proofs: Vec<(B256, Bytes)> = branch
            .iter()
            .filter_map(|executed| self.open.get(&executed.block.hash))
            .map(|tip| (tip.hash, tip.total_difficulty.to_be_bytes::<32>().into()))
            .collect();
        let Some((last, _)) = proofs.last() else { return Ok(()) };
        let root = self.open.get(last).copied();
        self.chain.finalise(&proofs)?;
        if let Some(root) = root {
            self.root = root;
        }
        let chain = self.chain;
        self.open.retain(|hash, _| chain.proposal(hash).is_some());
        Ok(())
    }

    /// Ancestors of a block with this parent, the parent first.
    fn ancestors(&self, parent: B256) -> Result<Vec<Ancestor>, ExecError> {
        let mut family = Vec::with_capacity(UNCLE_DEPTH);
        let mut next = parent;
        while family.len() < UNCLE_DEPTH {
            let block = match self.chain.proposal(&next) {
                Some(executed) => Some(executed.block),
                None => self.chain.block_by_hash(next)?,
            };
            let Some(block) = block else { break };
            next = block.header.parent_hash;
            family.push(Ancestor {
                hash: block.hash,
                header: block.header.clone(),
                uncles: block.ethereum.ommers.iter().map(Header::hash_slow).collect(),
            });
        }
        Ok(family)
    }
}

/// A block and its hash.
fn decode(encoded: &[u8]) -> Result<(Block<Transaction>, B256), InvalidBlock> {
    let mut rest = encoded;
    let block = Block::<Transaction>::decode(&mut rest)
        .map_err(|error| InvalidBlock::Encoding(error.to_string()))?;
    if !rest.is_empty() {
        return Err(InvalidBlock::Encoding(format!("{} bytes behind the block", rest.len())));
    }
    let hash = block.header.hash_slow();
    Ok((block, hash))
}

/// Senders of transactions. Frontier took signatures that Homestead refuses (EIP-2).
fn senders(
    transactions: Vec<Transaction>,
    spec: SpecId,
) -> Result<Vec<qenex_types::PooledTransaction>, ExecError> {
    if spec >= SpecId::HOMESTEAD {
        return recover(transactions, &|_| None);
    }
    let one = |(index, transaction): (usize, Transaction)| {
        let sender = transaction
            .recover_signer_unchecked()
            .map_err(|error| InvalidBlock::Transaction { index, reason: error.to_string() })?;
        Ok(Arc::new(alloy_consensus::transaction::Recovered::new_unchecked(transaction, sender)))
    };
    transactions.into_iter().enumerate().map(one).collect()
}
