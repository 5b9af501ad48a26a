//! The chain: final blocks in the store, proposals on top of them in memory.
//!
//! Every block is executed exactly once on a node: when it is built or checked, before the vote.
//! Making it final only writes what execution gave. Proposals form a tree over the final head;
//! those that lose are dropped when a rival becomes final.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use alloy_consensus::{Block, Header, transaction::Recovered};
use alloy_genesis::Genesis;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Decodable;
use alloy_trie::{
    TrieAccount,
    root::{state_root, storage_root},
};
use arc_swap::ArcSwap;
use parking_lot::RwLock;
use qenex_store::{BlockRecord, Origin, Store, StoreError};
use qenex_trie::{Account, State, StateChanges, StateTree, TreeOptions};
use qenex_types::{ChainSpec, PooledTransaction, Transaction};
use rayon::prelude::*;

use crate::{
    block::{EthereumBody, Executed, ExecutedBlock, Execution, SealedBlock, Sealing},
    builder::{BuildLimits, Built, Candidates, fill},
    codec::{
        decode_block, decode_body, decode_receipts, encode_block, encode_body, encode_receipts,
    },
    error::{ExecError, InvalidBlock},
    ethereum::{self, EthereumRules},
    rules::{Rules, genesis_header, next_base_fee, template},
};

/// Final blocks kept decoded in memory: what wallets and followers ask about most.
const RECENT_BLOCKS: u64 = 256;

/// Deepest ancestor whose hash the EVM's BLOCKHASH gives.
const BLOCKHASH_DEPTH: u64 = 256;

/// Finds transactions whose sender the node already recovered, by hash; the pool.
pub type SenderLookup<'a> = &'a (dyn Fn(&B256) -> Option<PooledTransaction> + Sync);

/// What consensus decides about a block before it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockAttributes {
    /// Seconds since the Unix epoch; not before the parent's.
    pub timestamp: u64,
    /// Receives the priority fees.
    pub beneficiary: Address,
    /// `mixHash`: for display, not safe for lotteries.
    pub prev_randao: B256,
    /// Hash of the consensus header, readable by contracts through EIP-4788.
    pub consensus_hash: B256,
}

/// The chain of a node.
#[derive(Debug)]
pub struct Chain {
    rules: Rules,
    store: Store,
    tree: StateTree,
    head: ArcSwap<SealedBlock>,
    recent: RwLock<BTreeMap<u64, Arc<SealedBlock>>>,
    open: RwLock<BTreeMap<B256, ExecutedBlock>>,
}

/// Hashes of the blocks under a block, for BLOCKHASH.
#[derive(Clone, Debug)]
pub(crate) struct Ancestors {
    store: Store,
    /// Height of the block's parent.
    parent: u64,
    /// Ancestors that are not final, by height.
    open: BTreeMap<u64, B256>,
}

impl Ancestors {
    /// Ancestors whose hashes are those of their numbers in decimals, as the public tests want it.
    pub(crate) fn pretended(store: Store, parent: u64) -> Self {
        let numbers = parent.saturating_sub(BLOCKHASH_DEPTH)..=parent;
        let open = numbers.map(|number| (number, keccak256(number.to_string()))).collect();
        Self { store, parent, open }
    }

    /// Puts a block that is on no chain on top.
    pub(crate) fn push(&mut self, number: u64, hash: B256) {
        self.parent = number;
        self.open.insert(number, hash);
    }

    /// Gives blocks other hashes than they have.
    pub(crate) fn pretend(&mut self, hashes: &BTreeMap<u64, B256>) {
        self.open.extend(hashes);
    }

    /// The hash of the ancestor at `number`; zero outside the window.
    pub(crate) fn hash(&self, number: u64) -> Result<B256, ExecError> {
        if number > self.parent || self.parent - number >= BLOCKHASH_DEPTH {
            return Ok(B256::ZERO);
        }
        if let Some(hash) = self.open.get(&number) {
            return Ok(*hash);
        }
        // Never zero for a block there was: contracts would see another chain than elsewhere.
        let hash = self.store.block_hash(number).map_err(ExecError::state)?;
        hash.ok_or_else(|| damaged(&self.store, number, "hash", &"missing"))
    }
}

impl Chain {
    /// Opens the chain in `store`; writes the genesis block first if the store is empty, and
    /// re-executes the final blocks whose state was not flushed.
    ///
    /// # Errors
    ///
    /// [`ExecError::WrongGenesis`] if the store belongs to another network; [`ExecError::State`] if it
    /// cannot be read or does not reproduce its own roots.
    pub fn open(
        spec: Arc<ChainSpec>,
        store: Store,
        genesis: StateChanges,
    ) -> Result<Self, ExecError> {
        Self::open_with(spec, store, genesis, TreeOptions::default())
    }

    /// As [`Chain::open`], with other than the usual sizes and rhythms.
    ///
    /// # Errors
    ///
    /// As [`Chain::open`].
    pub fn open_with(
        spec: Arc<ChainSpec>,
        store: Store,
        genesis: StateChanges,
        options: TreeOptions,
    ) -> Result<Self, ExecError> {
        // Computed also where block 0 is stored: a store of another network must not be opened.
        let network = spec.digest().map_err(ExecError::state)?;
        let header = genesis_header(&spec, network, genesis_root(&genesis));
        Self::start(Rules::Qenex(spec), store, header, &genesis, options)
    }

    /// Opens a chain for one developer, on which state can be set by hand, as [`Chain::open_with`] does
    /// one of a network.
    ///
    /// # Errors
    ///
    /// As [`Chain::open`].
    pub fn open_development(
        spec: Arc<ChainSpec>,
        store: Store,
        genesis: &StateChanges,
        options: TreeOptions,
    ) -> Result<Self, ExecError> {
        let network = spec.digest().map_err(ExecError::state)?;
        let header = genesis_header(&spec, network, genesis_root(genesis));
        Self::start(Rules::Development(spec), store, header, genesis, options)
    }

    /// Opens a chain with Ethereum's rules, as [`Chain::open`] does one of ours.
    ///
    /// # Errors
    ///
    /// As [`Chain::open`].
    pub fn open_ethereum(genesis: &Genesis, store: Store) -> Result<Self, ExecError> {
        let rules = Arc::new(EthereumRules::new(&genesis.config));
        let state = ethereum::genesis_state(genesis);
        let header = ethereum::genesis_header(&rules, genesis, genesis_root(&state));
        Self::start(Rules::Ethereum(rules), store, header, &state, TreeOptions::default())
    }

    fn start(
        rules: Rules,
        store: Store,
        header: Header,
        genesis: &StateChanges,
        options: TreeOptions,
    ) -> Result<Self, ExecError> {
        if let Some(import) = store.state_import().map_err(ExecError::state)? {
            return Err(ExecError::StateIncomplete { number: import.head.number });
        }
        let tree = StateTree::open(store.clone(), options)?;
        let hash = header.hash_slow();
        let root = header.state_root;
        match store.block_hash(0).map_err(ExecError::state)? {
            None => {
                let ethereum = EthereumBody::default();
                let block = SealedBlock {
                    size: encode_block(&header, &[], &ethereum).len(),
                    header,
                    hash,
                    transactions: Vec::new(),
                    receipts: Vec::new(),
                    ethereum,
                };
                store.set_chain(rules.chain_id(), hash).map_err(ExecError::state)?;
                store.commit_blocks(&[record(&block, Bytes::new())]).map_err(ExecError::state)?;
            }
            Some(stored) if stored != hash => {
                return Err(ExecError::WrongGenesis { stored, given: hash });
            }
            Some(_) => {}
        }
        if tree.head().is_void() {
            let pending = tree.head().apply(genesis).map_err(ExecError::state)?;
            compare("stateRoot", pending.root(), root)?;
            tree.insert(pending.seal(hash)).map_err(ExecError::state)?;
            tree.commit(&hash).map_err(ExecError::state)?;
            tree.flush_now().map_err(ExecError::state)?;
        }
        let number = store.head().map_or(0, |head| head.number);
        let head = read_block(&store, number)?
            .ok_or_else(|| damaged(&store, number, "header", &"missing"))?;
        let chain = Self {
            rules,
            store,
            tree,
            head: ArcSwap::from_pointee(head),
            recent: RwLock::default(),
            open: RwLock::default(),
        };
        chain.replay()?;
        Ok(chain)
    }

    /// Executes again the final blocks after the last flushed state.
    fn replay(&self) -> Result<(), ExecError> {
        let from = self.tree.head().number();
        let to = self.head().header.number;
        if from > to {
            let what = format!("the state is at block {from}, but the last block is {to}");
            return Err(ExecError::state(self.store.condemn(what)));
        }
        let state = self.tree.head();
        if self.header(from)?.is_none_or(|(hash, header)| {
            (hash, header.state_root) != (state.block_hash(), state.root())
        }) {
            let what = format!("the state is not that of block {from}");
            return Err(ExecError::state(self.store.condemn(what)));
        }
        if from < to {
            tracing::info!(from, to, "executing final blocks again whose state was not flushed");
        }
        for number in from.saturating_add(1)..=to {
            let block = read_block(&self.store, number)?
                .ok_or_else(|| damaged(&self.store, number, "header", &"missing"))?;
            let ancestors = self.ancestors_of_final(number.saturating_sub(1));
            // The block was checked before it became final: what differs now has changed since.
            let sealing = self
                .execute(&block, self.tree.head(), ancestors)
                .and_then(|sealing| {
                    compare("stateRoot", block.header.state_root, sealing.state.root())?;
                    Ok(sealing)
                })
                .map_err(|error| match error {
                    ExecError::Invalid(reason) => damaged(&self.store, number, "contents", &reason),
                    other => other,
                })?;
            self.tree.insert(sealing.state.seal(block.hash)).map_err(ExecError::state)?;
            self.tree.commit(&block.hash).map_err(ExecError::state)?;
        }
        Ok(())
    }

    /// Executes a block whose header's constants are as they must be.
    pub(crate) fn execute(
        &self,
        block: &SealedBlock,
        parent: State,
        ancestors: Ancestors,
    ) -> Result<Sealing, ExecError> {
        if let Rules::Ethereum(rules) = &self.rules {
            return ethereum::execute(rules, block, &parent, ancestors);
        }
        let mut execution = Execution::start(&self.rules, &block.header, parent, ancestors)?;
        for (index, transaction) in block.transactions.iter().enumerate() {
            if let Executed::Refused(reason) = execution.execute(transaction)? {
                return Err(InvalidBlock::Transaction { index, reason }.into());
            }
        }
        execution.seal()
    }

    /// The rules of the chain.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Makes a database of its own in a new folder, as it is now; see [`Store::checkpoint`].
    ///
    /// # Errors
    ///
    /// [`ExecError::State`] if it cannot be made.
    pub fn checkpoint(&self, to: &std::path::Path) -> Result<(), ExecError> {
        self.store.checkpoint(to).map_err(ExecError::state)
    }

    /// Where the database came from, until it has caught up.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`] if the store cannot be read.
    pub fn origin(&self) -> Result<Option<Origin>, ExecError> {
        self.store.origin().map_err(ExecError::state)
    }

    /// Notes where the database came from, or that it has caught up since.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`] if the store cannot be written.
    pub fn set_origin(&self, origin: Option<Origin>) -> Result<(), ExecError> {
        self.store.set_origin(origin).map_err(ExecError::state)
    }

    /// The first damage of the store that anybody met, if any: the node must stop.
    #[must_use]
    pub fn damage(&self) -> Option<&StoreError> {
        self.store.damage()
    }

    /// Notes damage of what the store keeps for others, as [`Chain::certificate`].
    #[must_use]
    pub fn condemn(&self, detail: String) -> ExecError {
        ExecError::state(self.store.condemn(detail))
    }

    /// How many blocks back accounts and slots can be proven.
    #[must_use]
    pub fn proof_window(&self) -> u64 {
        self.tree.options().proof_window
    }

    /// The last final block.
    #[must_use]
    pub fn head(&self) -> Arc<SealedBlock> {
        self.head.load_full()
    }

    /// Hash of block 0.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`] if the store cannot be read.
    pub fn genesis_hash(&self) -> Result<B256, ExecError> {
        let row = self.store.block_hash(0).map_err(ExecError::state)?;
        row.ok_or_else(|| ExecError::State("block 0 is missing".into()))
    }

    /// The open proposal with this hash.
    #[must_use]
    pub fn proposal(&self, hash: &B256) -> Option<ExecutedBlock> {
        self.open.read().get(hash).cloned()
    }

    /// The not yet final blocks from `hash` down to the head, newest first.
    #[must_use]
    pub fn open_branch(&self, mut hash: B256) -> Vec<ExecutedBlock> {
        let open = self.open.read();
        let mut branch = Vec::new();
        while let Some(executed) = open.get(&hash) {
            branch.push(executed.clone());
            hash = executed.block.header.parent_hash;
        }
        branch
    }

    /// Builds a block on `parent`, which is the final head or an open proposal.
    ///
    /// # Errors
    ///
    /// [`ExecError::UnknownParent`], [`ExecError::State`].
    pub fn build(
        &self,
        parent: B256,
        attributes: BlockAttributes,
        candidates: &mut dyn Candidates,
        limits: BuildLimits,
    ) -> Result<(ExecutedBlock, Built), ExecError> {
        let (parent_header, state, ancestors) = self.parent(parent)?;
        let header = self.child_header(&parent_header, parent, attributes)?;
        let mut execution = Execution::start(&self.rules, &header, state, ancestors)?;
        let built = fill(&mut execution, candidates, limits)?;
        let sealing = execution.seal()?;
        let header = complete(header, &sealing);
        let executed = self.keep(header, EthereumBody::default(), sealing)?;
        Ok((executed, built))
    }

    /// Checks a block that a peer made: decodes, recovers senders, executes, compares every field of
    /// the header. A valid block becomes an open proposal.
    ///
    /// # Errors
    ///
    /// [`ExecError::Invalid`] names the first broken rule; [`ExecError::UnknownParent`] if the parent
    /// must come first; [`ExecError::State`].
    pub fn check(
        &self,
        encoded: &Bytes,
        known: SenderLookup<'_>,
    ) -> Result<ExecutedBlock, ExecError> {
        let Block { header, body } = decode_block(encoded)?;
        let hash = header.hash_slow();
        if let Some(executed) = self.proposal(&hash) {
            return Ok(executed);
        }
        let (parent_header, state, ancestors) = self.parent(header.parent_hash)?;
        let expected = self.child_header(
            &parent_header,
            header.parent_hash,
            BlockAttributes {
                timestamp: header.timestamp,
                beneficiary: header.beneficiary,
                prev_randao: header.mix_hash,
                consensus_hash: header.parent_beacon_block_root.unwrap_or_default(),
            },
        )?;
        if header.timestamp < parent_header.timestamp {
            return Err(mismatch("timestamp", header.timestamp, parent_header.timestamp).into());
        }
        compare("number", header.number, expected.number)?;
        compare("gasLimit", header.gas_limit, expected.gas_limit)?;
        compare_base_fee(&header, &expected)?;
        let transactions = recover(body.transactions, known)?;
        let mut execution = Execution::start(&self.rules, &header, state, ancestors)?;
        for (index, transaction) in transactions.iter().enumerate() {
            if let Executed::Refused(reason) = execution.execute(transaction)? {
                return Err(InvalidBlock::Transaction { index, reason }.into());
            }
        }
        let sealing = execution.seal()?;
        let expected = complete(expected, &sealing);
        compare_headers(&header, &expected)?;
        let executed = self.keep(expected, EthereumBody::default(), sealing)?;
        Ok(executed)
    }

    /// Makes executed blocks final, oldest first, in one synced write, each with its proof (opaque
    /// here).
    ///
    /// # Errors
    ///
    /// [`ExecError::NotExecuted`] if one was not built or checked here; [`ExecError::UnknownParent`] if
    /// they do not extend the head; [`ExecError::State`] if they cannot be written: the node must stop.
    pub fn finalise(&self, proven: &[(B256, Bytes)]) -> Result<Vec<Arc<SealedBlock>>, ExecError> {
        let mut blocks = Vec::with_capacity(proven.len());
        let mut records = Vec::with_capacity(proven.len());
        let mut parent = self.head.load().hash;
        for (hash, proof) in proven {
            let executed = self.proposal(hash).ok_or(ExecError::NotExecuted(*hash))?;
            if executed.block.header.parent_hash != parent {
                return Err(ExecError::UnknownParent(executed.block.header.parent_hash));
            }
            parent = *hash;
            records.push(record(&executed.block, proof.clone()));
            blocks.push(executed.block);
        }
        self.store.commit_blocks(&records).map_err(ExecError::state)?;
        for block in &blocks {
            self.tree.commit(&block.hash).map_err(ExecError::state)?;
            self.head.store(block.clone());
        }
        drop_losers(&mut self.open.write(), parent);
        let mut recent = self.recent.write();
        recent.extend(blocks.iter().map(|block| (block.header.number, block.clone())));
        while recent.len() as u64 > RECENT_BLOCKS {
            recent.pop_first();
        }
        Ok(blocks)
    }

    /// Writes all state that is only in memory. For a clean shutdown; a crash loses nothing either,
    /// it only makes the next start re-execute.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`].
    pub fn flush(&self) -> Result<(), ExecError> {
        self.tree.flush_now().map_err(ExecError::state)
    }

    /// The final block at `number`.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`] if the store cannot be read, here and in all readers below.
    pub fn block(&self, number: u64) -> Result<Option<Arc<SealedBlock>>, ExecError> {
        let head = self.head();
        if number == head.header.number {
            return Ok(Some(head));
        }
        if number > head.header.number {
            return Ok(None);
        }
        if let Some(block) = self.recent.read().get(&number) {
            return Ok(Some(block.clone()));
        }
        self.there(number)?;
        Ok(read_block(&self.store, number)?.map(Arc::new))
    }

    /// Final blocks that this node is still fetching: it began with a newer state. `0..0` if there are
    /// none.
    #[must_use]
    pub fn missing_blocks(&self) -> Range<u64> {
        self.store.missing_blocks()
    }

    fn there(&self, number: u64) -> Result<(), ExecError> {
        let missing = self.missing_blocks();
        if missing.contains(&number) { Err(ExecError::NotFetched { missing }) } else { Ok(()) }
    }

    /// Writes final blocks that are missing, oldest first. Their proofs are the caller's business.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`] if they are not the first that are missing, or cannot be written.
    pub fn fill(&self, blocks: &[BlockRecord]) -> Result<(), ExecError> {
        self.store.fill_blocks(blocks).map_err(ExecError::state)
    }

    /// The receipts of block `number` as they are stored and as they travel.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`] if the store cannot be read.
    pub fn encoded_receipts(&self, number: u64) -> Result<Option<Bytes>, ExecError> {
        self.store.receipts(number).map_err(ExecError::state)
    }

    /// The final block with this hash.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`].
    pub fn block_by_hash(&self, hash: B256) -> Result<Option<Arc<SealedBlock>>, ExecError> {
        match self.store.block_number(&hash).map_err(ExecError::state)? {
            Some(number) => self.block(number),
            None => Ok(None),
        }
    }

    /// Hash and header of the final block at `number`.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`].
    pub fn header(&self, number: u64) -> Result<Option<(B256, Header)>, ExecError> {
        let head = self.head.load();
        if head.header.number == number {
            return Ok(Some((head.hash, head.header.clone())));
        }
        if let Some(block) = self.recent.read().get(&number) {
            return Ok(Some((block.hash, block.header.clone())));
        }
        self.there(number)?;
        read_header(&self.store, number)
    }

    /// The final block with this transaction, and the transaction's index in it.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`].
    pub fn transaction(&self, hash: B256) -> Result<Option<(Arc<SealedBlock>, usize)>, ExecError> {
        let Some((number, index)) =
            self.store.transaction_location(&hash).map_err(ExecError::state)?
        else {
            return Ok(None);
        };
        Ok(self.block(number)?.map(|block| (block, index as usize)))
    }

    /// The proof that block `number` is final, as it was given to [`Chain::finalise`]; empty for block 0.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`].
    pub fn certificate(&self, number: u64) -> Result<Option<Bytes>, ExecError> {
        self.store.certificate(number).map_err(ExecError::state)
    }

    /// The state after the final block `number`.
    ///
    /// # Errors
    ///
    /// [`ExecError::Pruned`] if it is kept no more; [`ExecError::State`].
    pub fn state(&self, number: u64) -> Result<Option<State>, ExecError> {
        Ok(self.tree.state_at(number)?)
    }

    /// The oldest block whose state is kept.
    #[must_use]
    pub fn state_floor(&self) -> u64 {
        self.tree.floor()
    }

    /// The account after block `number`; none if the account or the block does not exist.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`].
    pub fn account(&self, number: u64, address: Address) -> Result<Option<Account>, ExecError> {
        let Some(state) = self.state(number)? else { return Ok(None) };
        state.account(&keccak256(address)).map_err(ExecError::state)
    }

    /// The account after the final head.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`].
    pub fn head_account(&self, address: Address) -> Result<Option<Account>, ExecError> {
        self.tree.head().account(&keccak256(address)).map_err(ExecError::state)
    }

    /// A storage slot after block `number`.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`].
    pub fn storage_at(&self, number: u64, address: Address, slot: U256) -> Result<U256, ExecError> {
        let Some(state) = self.state(number)? else { return Ok(U256::ZERO) };
        state
            .storage(&keccak256(address), &keccak256(slot.to_be_bytes::<32>()))
            .map_err(ExecError::state)
    }

    /// Code by its hash.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`].
    pub fn code(&self, hash: &B256) -> Result<Option<Bytes>, ExecError> {
        self.tree.head().code(hash).map_err(ExecError::state)
    }

    /// Code after block `number`.
    ///
    /// # Errors
    ///
    /// [`ExecError::State`].
    pub fn code_at(&self, number: u64, address: Address) -> Result<Bytes, ExecError> {
        let Some(state) = self.state(number)? else { return Ok(Bytes::new()) };
        let account = state.account(&keccak256(address)).map_err(ExecError::state)?;
        let Some(hash) = account.map(|account| account.code_hash) else { return Ok(Bytes::new()) };
        if hash == alloy_primitives::KECCAK256_EMPTY {
            return Ok(Bytes::new());
        }
        Ok(state.code(&hash).map_err(ExecError::state)?.unwrap_or_default())
    }

    /// Ancestors of the child of the final block `parent`.
    pub(crate) fn ancestors_of_final(&self, parent: u64) -> Ancestors {
        Ancestors { store: self.store.clone(), parent, open: BTreeMap::new() }
    }

    /// Header, state and ancestors of a parent, final head or proposal.
    pub(crate) fn parent(&self, hash: B256) -> Result<(Header, State, Ancestors), ExecError> {
        let head = self.head();
        if head.hash == hash {
            let ancestors = self.ancestors_of_final(head.header.number);
            return Ok((head.header.clone(), self.tree.head(), ancestors));
        }
        let branch = self.open_branch(hash);
        let (Some(first), Some(last)) = (branch.first(), branch.last()) else {
            return Err(ExecError::UnknownParent(hash));
        };
        if last.block.header.parent_hash != head.hash {
            return Err(ExecError::UnknownParent(hash));
        }
        let ancestors = Ancestors {
            store: self.store.clone(),
            parent: first.block.header.number,
            open: branch.iter().map(|e| (e.block.header.number, e.block.hash)).collect(),
        };
        let state = self.tree.state(&hash).ok_or(ExecError::UnknownParent(hash))?;
        Ok((first.block.header.clone(), state, ancestors))
    }

    /// Keeps an executed block and its state as an open proposal.
    pub(crate) fn keep(
        &self,
        header: Header,
        ethereum: EthereumBody,
        sealing: Sealing,
    ) -> Result<ExecutedBlock, ExecError> {
        let hash = header.hash_slow();
        let encoded = encode_block(&header, &sealing.transactions, &ethereum);
        self.tree.insert(sealing.state.seal(hash)).map_err(ExecError::state)?;
        let executed = ExecutedBlock {
            block: Arc::new(SealedBlock {
                header,
                hash,
                transactions: sealing.transactions,
                receipts: sealing.receipts,
                ethereum,
                size: encoded.len(),
            }),
            encoded,
        };
        self.open.write().insert(hash, executed.clone());
        Ok(executed)
    }

    /// The fields of a child's header that are known before execution.
    pub(crate) fn child_header(
        &self,
        parent: &Header,
        hash: B256,
        attributes: BlockAttributes,
    ) -> Result<Header, ExecError> {
        let Some(spec) = self.rules.spec() else {
            return Err(ExecError::State("no blocks are made on an Ethereum chain".into()));
        };
        Ok(Header {
            parent_hash: hash,
            number: parent.number.saturating_add(1),
            gas_limit: spec.gas_limit,
            base_fee_per_gas: Some(next_base_fee(parent, spec)),
            timestamp: attributes.timestamp,
            beneficiary: attributes.beneficiary,
            mix_hash: attributes.prev_randao,
            parent_beacon_block_root: Some(attributes.consensus_hash),
            ..template()
        })
    }
}

/// Keeps the proposals that descend from `head`; a rival of it goes with everything built on it.
fn drop_losers(open: &mut BTreeMap<B256, ExecutedBlock>, head: B256) {
    let mut by_height: Vec<_> =
        open.iter().map(|(hash, executed)| (executed.block.header.number, *hash)).collect();
    by_height.sort_unstable();
    let mut live = BTreeSet::from([head]);
    for (_, hash) in by_height {
        if open.get(&hash).is_some_and(|e| live.contains(&e.block.header.parent_hash)) {
            live.insert(hash);
        }
    }
    live.remove(&head);
    open.retain(|hash, _| live.contains(hash));
}

/// State root of a genesis state, computed from scratch.
fn genesis_root(changes: &StateChanges) -> B256 {
    let accounts = changes.accounts.iter().filter_map(|(hash, info)| {
        let info = info.as_ref()?;
        let slots = changes.storage.get(hash).into_iter().flatten();
        let account = TrieAccount {
            nonce: info.nonce,
            balance: info.balance,
            storage_root: storage_root(slots.map(|(slot, value)| (*slot, *value))),
            code_hash: info.code_hash,
        };
        Some((*hash, account))
    });
    state_root(accounts)
}

/// A header with what execution gave.
pub(crate) fn complete(header: Header, sealing: &Sealing) -> Header {
    Header {
        state_root: sealing.state.root(),
        transactions_root: sealing.transactions_root,
        receipts_root: sealing.receipts_root,
        logs_bloom: sealing.logs_bloom,
        gas_used: sealing.gas_used,
        ..header
    }
}

/// Senders of a block's transactions: known ones are looked up, the rest recovered in parallel.
pub(crate) fn recover(
    transactions: Vec<Transaction>,
    known: SenderLookup<'_>,
) -> Result<Vec<PooledTransaction>, ExecError> {
    let recovered: Result<Vec<_>, InvalidBlock> = transactions
        .into_par_iter()
        .with_min_len(32)
        .enumerate()
        .map(|(index, transaction)| {
            if let Some(pooled) = known(transaction.tx_hash()) {
                return Ok(pooled);
            }
            use alloy_consensus::transaction::SignerRecoverable;
            let sender = transaction
                .recover_signer()
                .map_err(|error| InvalidBlock::Transaction { index, reason: error.to_string() })?;
            Ok(Arc::new(Recovered::new_unchecked(transaction, sender)))
        })
        .collect();
    Ok(recovered?)
}

pub(crate) fn record(block: &SealedBlock, certificate: Bytes) -> BlockRecord {
    BlockRecord {
        number: block.header.number,
        hash: block.hash,
        header: alloy_rlp::encode(&block.header).into(),
        transactions: encode_body(&block.transactions, &block.ethereum),
        receipts: encode_receipts(&block.receipts, &block.ethereum.post_states),
        certificate,
        tx_hashes: block.transactions.iter().map(|tx| *tx.inner().tx_hash()).collect(),
    }
}

pub(crate) fn read_header(store: &Store, number: u64) -> Result<Option<(B256, Header)>, ExecError> {
    let Some(bytes) = store.header(number).map_err(ExecError::state)? else { return Ok(None) };
    let hash = keccak256(&bytes);
    let header = Header::decode(&mut bytes.as_ref())
        .map_err(|error| damaged(store, number, "header", &error))?;
    Ok(Some((hash, header)))
}

/// A part of a stored block that is not what was stored.
fn damaged(store: &Store, number: u64, part: &str, what: &dyn std::fmt::Display) -> ExecError {
    ExecError::state(store.condemn(format!("the {part} of block {number}: {what}")))
}

pub(crate) fn read_block(store: &Store, number: u64) -> Result<Option<SealedBlock>, ExecError> {
    let Some((hash, header)) = read_header(store, number)? else { return Ok(None) };
    let missing = |part: &str| damaged(store, number, part, &"missing");
    let body = store.body(number).map_err(ExecError::state)?.ok_or_else(|| missing("body"))?;
    let receipts =
        store.receipts(number).map_err(ExecError::state)?.ok_or_else(|| missing("receipts"))?;
    let (transactions, mut ethereum) =
        decode_body(&body).map_err(|error| damaged(store, number, "body", &error))?;
    let (receipts, post_states) =
        decode_receipts(&receipts).map_err(|error| damaged(store, number, "receipts", &error))?;
    ethereum.post_states = post_states;
    let size = encode_block(&header, &transactions, &ethereum).len();
    Ok(Some(SealedBlock { header, hash, transactions, receipts, ethereum, size }))
}

pub(crate) fn mismatch(
    field: &'static str,
    given: impl std::fmt::Display,
    expected: impl std::fmt::Display,
) -> InvalidBlock {
    InvalidBlock::Field { field, given: given.to_string(), expected: expected.to_string() }
}

pub(crate) fn compare<T: PartialEq + std::fmt::Display>(
    field: &'static str,
    given: T,
    expected: T,
) -> Result<(), InvalidBlock> {
    if given == expected { Ok(()) } else { Err(mismatch(field, given, expected)) }
}

fn compare_base_fee(given: &Header, expected: &Header) -> Result<(), InvalidBlock> {
    let show = |value: Option<u64>| value.map_or("none".to_owned(), |value| value.to_string());
    compare("baseFeePerGas", show(given.base_fee_per_gas), show(expected.base_fee_per_gas))
}

/// Names the first field in which a header differs from the one that execution gives.
fn compare_headers(given: &Header, expected: &Header) -> Result<(), InvalidBlock> {
    compare("gasUsed", given.gas_used, expected.gas_used)?;
    compare("transactionsRoot", given.transactions_root, expected.transactions_root)?;
    compare("receiptsRoot", given.receipts_root, expected.receipts_root)?;
    compare("logsBloom", given.logs_bloom, expected.logs_bloom)?;
    compare("stateRoot", given.state_root, expected.state_root)?;
    compare("extraData", given.extra_data.clone(), expected.extra_data.clone())?;
    // What is left are the constants of a post-merge header.
    compare("hash", given.hash_slow(), expected.hash_slow())
}
