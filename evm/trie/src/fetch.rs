//! Fetching a state: pieces from strangers, each checked against the root before it is written.
//!
//! [`StateFetch`] says what is wanted next and takes the answers; who asks whom is the caller's
//! business. Every answer is written with how far the state then is, so that the work goes on where
//! it was after a crash. Trie nodes are made on the way, from the sorted leaves.

use std::{collections::BTreeSet, sync::Arc};

use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_rlp::Decodable;
use alloy_trie::{Nibbles, TrieAccount};
use qenex_store::{Account, StateBatch, StateChange, StateHead, StateImport, Store, tables};

use crate::{
    error::StateError,
    layer::NodeKey,
    node::Row,
    range::{LAST, RangeError, RangeProof},
    state::{leaf_value, slot_value},
    update::{Change, Source, update},
};

/// Most storages or pieces of code asked for at a time.
const AT_ONCE: usize = 256;

/// What a state lacks next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Accounts from this key on: [`State::account_range`](crate::State::account_range).
    Accounts(B256),
    /// Slots of accounts, of each from a slot on:
    /// [`State::storage_range`](crate::State::storage_range).
    Slots(Vec<(B256, B256)>),
    /// Code by its hash.
    Codes(Vec<B256>),
    /// Nothing: the state is whole.
    Nothing,
}

/// Why an answer is of no use. But for the last, whoever gave it is at fault.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It does not prove what it says.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// The value of a leaf is none.
    #[error("leaf {0} has a malformed value")]
    Value(B256),
    /// A piece of code has another hash.
    #[error("the code {0} has another hash")]
    Code(B256),
    /// It is empty, has too much, or is not what was asked for.
    #[error("not an answer to what was asked")]
    Shape,
    /// The store fails.
    #[error(transparent)]
    State(#[from] StateError),
}

impl From<qenex_store::StoreError> for FetchError {
    fn from(error: qenex_store::StoreError) -> Self {
        Self::State(error.into())
    }
}

/// A state that is being fetched into a store whose state nobody else uses.
#[derive(Debug)]
pub struct StateFetch {
    store: Store,
    import: StateImport,
    /// Accounts that wait for what belongs to them.
    chunk: Option<Chunk>,
    done: bool,
}

#[derive(Debug)]
struct Chunk {
    accounts: Vec<(B256, Account)>,
    end: B256,
    /// Code that is still missing, the last first.
    codes: Vec<B256>,
}

impl StateFetch {
    /// Forgets the state in `store` and begins to fetch that of a block.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`] if the store fails.
    pub fn begin(store: Store, head: StateHead) -> Result<Self, StateError> {
        let import = StateImport {
            head,
            accounts: B256::ZERO,
            accounts_root: tables::EMPTY_ROOT,
            slots: (B256::ZERO, B256::ZERO),
            slots_root: tables::EMPTY_ROOT,
        };
        store.begin_state_import(import)?;
        Ok(Self { store, import, chunk: None, done: false })
    }

    /// Goes on with the state that is being fetched into `store`, if there is one.
    ///
    /// # Errors
    ///
    /// [`StateError::Store`] if the store fails.
    pub fn resume(store: Store) -> Result<Option<Self>, StateError> {
        let import = store.state_import()?;
        Ok(import.map(|import| Self { store, import, chunk: None, done: false }))
    }

    /// The block whose state it is.
    #[must_use]
    pub const fn head(&self) -> StateHead {
        self.import.head
    }

    /// Where it is written to.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// How much is there, in thousandths of all accounts; their keys are spread evenly.
    #[must_use]
    pub fn permille(&self) -> u32 {
        let [a, b, ..] = self.import.accounts.0;
        if self.done { 1_000 } else { (u32::from(u16::from_be_bytes([a, b])) * 1_000) >> 16 }
    }

    /// What is to be asked for.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        let Some(chunk) = &self.chunk else {
            return if self.done {
                Wanted::Nothing
            } else {
                Wanted::Accounts(self.import.accounts)
            };
        };
        let slots: Vec<_> = self.storages(chunk).map(|(ah, start, _)| (ah, start)).collect();
        if !slots.is_empty() {
            return Wanted::Slots(slots);
        }
        Wanted::Codes(chunk.codes.iter().rev().take(AT_ONCE).copied().collect())
    }

    /// The next storages that are not whole: account, first slot missing, root.
    fn storages<'a>(&self, chunk: &'a Chunk) -> impl Iterator<Item = (B256, B256, B256)> + 'a {
        let (account, slot) = self.import.slots;
        let open = chunk
            .accounts
            .iter()
            .filter(move |(ah, of)| *ah >= account && of.storage_root != tables::EMPTY_ROOT);
        let from = move |ah: &B256| if *ah == account { slot } else { B256::ZERO };
        open.map(move |(ah, of)| (*ah, from(ah), of.storage_root)).take(AT_ONCE)
    }

    /// Takes the answer to [`Wanted::Accounts`].
    ///
    /// # Errors
    ///
    /// [`FetchError`]; nothing has changed then.
    pub fn accounts(&mut self, answer: &RangeProof) -> Result<(), FetchError> {
        if self.chunk.is_some() || self.done {
            return Err(FetchError::Shape);
        }
        answer.verify(self.import.head.root, &self.import.accounts)?;
        let read = |(ah, value): &(B256, Bytes)| {
            let account = TrieAccount::decode(&mut value.as_ref()).ok().map(|account| Account {
                nonce: account.nonce,
                balance: account.balance,
                code_hash: account.code_hash,
                storage_root: account.storage_root,
            });
            let same = account.filter(|account| leaf_value(account) == value[..]);
            same.map(|account| (*ah, account)).ok_or(FetchError::Value(*ah))
        };
        let accounts = answer.leaves.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut codes: BTreeSet<B256> = accounts.iter().map(|(_, of)| of.code_hash).collect();
        codes.remove(&tables::KECCAK_EMPTY);
        let mut missing = Vec::new();
        for hash in codes {
            if self.store.code(&hash)?.is_none() {
                missing.push(hash);
            }
        }
        self.settle(Chunk { accounts, end: answer.end, codes: missing })
    }

    /// Takes the answer to [`Wanted::Slots`]: of the storages in the order asked for, as many as
    /// whoever answers likes, at least one. Only of the last a part may be missing.
    ///
    /// # Errors
    ///
    /// [`FetchError`]; nothing has changed then.
    pub fn slots(&mut self, answer: &[RangeProof]) -> Result<(), FetchError> {
        let chunk = self.chunk.as_ref().ok_or(FetchError::Shape)?;
        let wanted: Vec<_> = self.storages(chunk).collect();
        let whole = answer.iter().rev().skip(1).all(|range| range.end == LAST);
        if answer.is_empty() || answer.len() > wanted.len() || !whole {
            return Err(FetchError::Shape);
        }
        let mut import = self.import;
        let mut batch = self.store.state_batch();
        for (range, (ah, start, root)) in answer.iter().zip(wanted) {
            range.verify(root, &start)?;
            let before = if start == B256::ZERO { tables::EMPTY_ROOT } else { import.slots_root };
            for (sh, value) in &range.leaves {
                let word = U256::decode(&mut value.as_ref()).ok();
                let word = word.filter(|word| !word.is_zero() && slot_value(*word) == value[..]);
                let word = word.ok_or(FetchError::Value(*sh))?;
                batch.add(&StateChange::Storage(ah, *sh, word))?;
            }
            let owner = Some(ah);
            import.slots_root = grow(&self.store, owner, before, &range.leaves, &mut batch)?;
            import.slots = (ah, after(&range.end));
            if range.end == LAST {
                if import.slots_root != root {
                    return Err(self.contradiction("slots"));
                }
                import.slots = (after(&ah), B256::ZERO);
            }
        }
        self.store.write_state_import(batch, import)?;
        self.import = import;
        self.settle_chunk()
    }

    /// Takes the answer to [`Wanted::Codes`]: in the order asked for as many as whoever answers
    /// likes, at least one.
    ///
    /// # Errors
    ///
    /// [`FetchError`]; nothing has changed then.
    pub fn codes(&mut self, answer: &[Bytes]) -> Result<(), FetchError> {
        let chunk = self.chunk.as_mut().ok_or(FetchError::Shape)?;
        let kept = chunk.codes.len().checked_sub(answer.len()).ok_or(FetchError::Shape)?;
        if answer.is_empty() || answer.len() > AT_ONCE {
            return Err(FetchError::Shape);
        }
        let mut batch = self.store.state_batch();
        for (code, hash) in answer.iter().zip(chunk.codes.iter().rev()) {
            if keccak256(code) != *hash {
                return Err(FetchError::Code(*hash));
            }
            batch.add(&StateChange::Code(*hash, code.clone()))?;
        }
        self.store.write_state_import(batch, self.import)?;
        chunk.codes.truncate(kept);
        self.settle_chunk()
    }

    fn settle_chunk(&mut self) -> Result<(), FetchError> {
        match self.chunk.take() {
            Some(chunk) => self.settle(chunk),
            None => Ok(()),
        }
    }

    /// Writes the accounts of a chunk that lacks nothing; keeps one that does.
    fn settle(&mut self, chunk: Chunk) -> Result<(), FetchError> {
        if self.storages(&chunk).next().is_some() || !chunk.codes.is_empty() {
            self.chunk = Some(chunk);
            return Ok(());
        }
        let mut batch = self.store.state_batch();
        let mut leaves = Vec::with_capacity(chunk.accounts.len());
        for (ah, account) in &chunk.accounts {
            batch.add(&StateChange::Account(*ah, Some(*account)))?;
            leaves.push((*ah, leaf_value(account).into()));
        }
        let mut import = self.import;
        import.accounts_root = grow(&self.store, None, import.accounts_root, &leaves, &mut batch)?;
        if chunk.end == LAST {
            if import.accounts_root != import.head.root {
                return Err(self.contradiction("accounts"));
            }
            self.store.finish_state_import(batch, import)?;
            self.done = true;
        } else {
            import.accounts = after(&chunk.end);
            self.store.write_state_import(batch, import)?;
        }
        self.import = import;
        Ok(())
    }

    /// Every piece was proven, but together they are something else: what is on disk is not what was
    /// written.
    fn contradiction(&self, what: &str) -> FetchError {
        let head = self.import.head.number;
        self.store.condemn(format!("the {what} fetched for block {head} have another root")).into()
    }
}

/// The key behind a key. Nobody finds an address or a slot whose hash is all ones.
fn after(key: &B256) -> B256 {
    U256::from_be_bytes(key.0).saturating_add(U256::from(1)).into()
}

/// Adds leaves behind all others of a trie to it; its new root.
fn grow(
    store: &Store,
    owner: Option<B256>,
    root: B256,
    leaves: &[(B256, Bytes)],
    batch: &mut StateBatch<'_>,
) -> Result<B256, FetchError> {
    let changes: Vec<_> =
        leaves.iter().map(|(key, value)| Change { key: *key, value: Some(value) }).collect();
    let (root, delta) = update(&Stored { store, owner }, root, &changes)?;
    for (path, row) in delta {
        let row = row.map(|row| row.encode(&path));
        batch.add(&StateChange::Node(NodeKey { owner, path }.store_key(), row))?;
    }
    Ok(root)
}

/// A trie as far as it is stored.
struct Stored<'a> {
    store: &'a Store,
    owner: Option<B256>,
}

impl Source for Stored<'_> {
    fn row(&self, path: &Nibbles) -> Result<Option<Arc<Row>>, StateError> {
        let key = NodeKey { owner: self.owner, path: *path }.store_key();
        Ok(self.store.node(&key, |row| Row::decode(path, row).map(Arc::new))?)
    }

    fn value(&self, key: &B256) -> Result<Vec<u8>, StateError> {
        let value = match &self.owner {
            None => self.store.account(key)?.as_ref().map(leaf_value),
            Some(owner) => {
                let value = self.store.storage(owner, key)?;
                (!value.is_zero()).then(|| slot_value(value))
            }
        };
        value.ok_or(StateError::Inconsistent("a leaf's value is missing"))
    }
}
