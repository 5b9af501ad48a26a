//! The EVM's view of the state: one block's reads cached, its writes collected.
//!
//! [`BlockState`] sits between revm and a [`State`] of the trie. Every account and slot is read from
//! the state at most once a block; [`BlockState::changes`] gives what the block changed, and
//! nothing that ended as it began.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use alloy_primitives::{
    Address, B256, U256, keccak256,
    map::{AddressMap, B256Map, U256Map},
};
use parking_lot::RwLock;
use qenex_trie::{
    AccountInfo as TrieInfo, State, StateChanges, hashes_many_at_once, keccak256_each,
};
use revm::{
    Database, DatabaseCommit,
    bytecode::Bytecode,
    primitives::KECCAK_EMPTY,
    state::{Account as EvmAccount, AccountInfo},
};

use crate::{chain::Ancestors, hashes::Hashes};

/// The state cannot be read. Fatal for the node, so the text is for its operator.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct StateUnavailable(pub(crate) String);

impl revm::database_interface::DBErrorMarker for StateUnavailable {}

/// An account as the block sees it.
#[derive(Debug)]
struct Cached {
    /// keccak256 of the address.
    hash: B256,
    /// Before the block.
    original: Option<AccountInfo>,
    /// Now.
    current: Option<AccountInfo>,
    /// Slots read or written.
    slots: U256Map<CachedSlot>,
    /// The block destroyed or re-created the account: storage before the block is gone.
    wiped: bool,
}

/// A slot as the block sees it.
#[derive(Clone, Copy, Debug)]
struct CachedSlot {
    /// keccak256 of the slot's number.
    key: B256,
    /// Before the block.
    before: U256,
    /// Now.
    now: U256,
}

impl CachedSlot {
    fn new(slot: U256, before: U256, now: U256) -> Self {
        Self { key: keccak256(slot.to_be_bytes::<32>()), before, now }
    }
}

/// A [`State`] with the effects of the transactions executed so far on top.
#[derive(Debug)]
pub(crate) struct BlockState {
    state: State,
    ancestors: Ancestors,
    accounts: AddressMap<Cached>,
    code: B256Map<Bytecode>,
    hashes: Hashes,
    looks_ahead: bool,
}

impl BlockState {
    /// The state after the parent block, with nothing on top.
    pub(crate) fn new(state: State, ancestors: Ancestors) -> Self {
        let (accounts, code) = (AddressMap::default(), B256Map::default());
        Self { state, ancestors, accounts, code, hashes: Hashes::default(), looks_ahead: false }
    }

    /// Lets engines look ahead. Not for tracers: what was only foreseen looks to them like what was read.
    pub(crate) fn looking_ahead(self) -> Self {
        Self { looks_ahead: hashes_many_at_once(), ..self }
    }

    #[cfg(test)]
    pub(crate) fn look_ahead(&mut self, on: bool) {
        self.looks_ahead = on;
    }

    /// Whether engines should look ahead.
    pub(crate) const fn looks_ahead(&self) -> bool {
        self.looks_ahead
    }

    /// Hashes that are foreseen to be asked for.
    pub(crate) fn hashes(&mut self) -> &mut Hashes {
        &mut self.hashes
    }

    /// Hashes of the blocks below.
    pub(crate) fn ancestors(&mut self) -> &mut Ancestors {
        &mut self.ancestors
    }

    /// Looks slots of loaded accounts up where no disk is asked, and gives those it finds. The others' keys are
    /// hashed, and remembered for a while.
    pub(crate) fn foresee_slots(
        &mut self,
        slots: &[(Address, U256)],
    ) -> Vec<(Address, U256, U256)> {
        // The trie knows a slot by the hash of its number.
        let numbers: Vec<_> = slots.iter().map(|(_, slot)| slot.to_be_bytes::<32>()).collect();
        let messages: Vec<&[u8]> = numbers.iter().map(<[u8; 32]>::as_slice).collect();
        let mut at_hand = Vec::with_capacity(slots.len());
        for ((address, slot), key) in slots.iter().zip(keccak256_each(&messages)) {
            let Some(cached) = self.accounts.get_mut(address) else { continue };
            if let Some(known) = cached.slots.get(slot) {
                at_hand.push((*address, *slot, known.now));
                continue;
            }
            if cached.wiped || cached.original.is_none() {
                continue;
            }
            match self.state.storage_in_memory(&cached.hash, &key) {
                Some(value) => {
                    cached.slots.insert(*slot, CachedSlot { key, before: value, now: value });
                    at_hand.push((*address, *slot, value));
                }
                None => self.hashes.remember(&slot.to_be_bytes::<32>(), key),
            }
        }
        at_hand
    }

    /// What was changed, keyed by hashes as the trie wants it.
    pub(crate) fn changes(&self) -> StateChanges {
        let mut changes = StateChanges::default();
        let mut used_code = BTreeSet::new();
        for cached in self.accounts.values() {
            if cached.wiped {
                changes.wiped.insert(cached.hash);
            }
            let slots: BTreeMap<_, _> =
                cached
                    .slots
                    .values()
                    .filter(|slot| {
                        if cached.wiped { !slot.now.is_zero() } else { slot.before != slot.now }
                    })
                    .map(|slot| (slot.key, slot.now))
                    .collect();
            let touched_storage = !slots.is_empty() || cached.wiped;
            if !slots.is_empty() && cached.current.is_some() {
                changes.storage.insert(cached.hash, slots);
            }
            if touched_storage || !same(cached.original.as_ref(), cached.current.as_ref()) {
                if let Some(info) = &cached.current {
                    used_code.insert(info.code_hash);
                }
                changes.accounts.insert(
                    cached.hash,
                    cached.current.as_ref().map(|info| TrieInfo {
                        nonce: info.nonce,
                        balance: info.balance,
                        code_hash: info.code_hash,
                    }),
                );
            }
        }
        for (hash, code) in &self.code {
            if used_code.contains(hash) && *hash != KECCAK_EMPTY {
                changes.code.insert(*hash, code.original_bytes());
            }
        }
        changes
    }

    /// Slots of `address` that differ from before the block: slot, value before, value now. For an
    /// account that is never destroyed or created, as the engines' are.
    pub(crate) fn changed_slots(&self, address: &Address) -> BTreeMap<U256, (U256, U256)> {
        let slots = self.accounts.get(address).into_iter().flat_map(|cached| &cached.slots);
        slots
            .filter(|(_, slot)| slot.before != slot.now)
            .map(|(number, slot)| (*number, (slot.before, slot.now)))
            .collect()
    }

    /// Sets a balance outside of any transaction. `keep_empty`: an account that is empty then comes
    /// into being or stays, as before EIP-161.
    pub(crate) fn set_balance(
        &mut self,
        address: Address,
        balance: U256,
        keep_empty: bool,
    ) -> Result<(), StateUnavailable> {
        let cached = self.load(address)?;
        let mut info = cached.current.take().unwrap_or_default();
        info.balance = balance;
        cached.current = (keep_empty || !info.is_empty()).then_some(info);
        Ok(())
    }

    /// Whether there is such an account now.
    pub(crate) fn exists(&mut self, address: Address) -> Result<bool, StateUnavailable> {
        Ok(self.load(address)?.current.is_some())
    }

    /// Sets an account for a simulation (`eth_call` state overrides), or by hand.
    pub(crate) fn override_account(
        &mut self,
        address: Address,
        change: &crate::AccountOverride,
    ) -> Result<(), StateUnavailable> {
        self.load(address)?;
        let code = change.code.as_ref().map(|code| Bytecode::new_raw_checked(code.clone()));
        let code = code.transpose().map_err(|error| StateUnavailable(error.to_string()))?;
        let Some(cached) = self.accounts.get_mut(&address) else { return Ok(()) };
        let mut info = cached.current.take().unwrap_or_default();
        if let Some(balance) = change.balance {
            info.balance = balance;
        }
        if let Some(nonce) = change.nonce {
            info.nonce = nonce;
        }
        if let Some(code) = code {
            info.code_hash = code.hash_slow();
            self.code.insert(info.code_hash, code);
        }
        info.code = None;
        // An account that says nothing is no account (EIP-161).
        cached.current = (!info.is_empty()).then_some(info);
        if let Some(state) = &change.state {
            cached.wiped = true;
            cached.slots = state
                .iter()
                .map(|(n, value)| (*n, CachedSlot::new(*n, U256::ZERO, *value)))
                .collect();
        }
        for (slot, value) in &change.state_diff {
            // Read first: what it was decides whether it changed.
            self.storage(address, *slot)?;
            if let Some(cached) = self.accounts.get_mut(&address) {
                let unset = || CachedSlot::new(*slot, U256::ZERO, U256::ZERO);
                cached.slots.entry(*slot).or_insert_with(unset).now = *value;
            }
        }
        Ok(())
    }

    fn load(&mut self, address: Address) -> Result<&mut Cached, StateUnavailable> {
        use alloy_primitives::map::Entry;
        match self.accounts.entry(address) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let hash = keccak256(address);
                let info = self
                    .state
                    .account(&hash)
                    .map_err(|error| StateUnavailable(error.to_string()))?
                    .map(|account| AccountInfo {
                        nonce: account.nonce,
                        balance: account.balance,
                        code_hash: account.code_hash,
                        ..AccountInfo::default()
                    })
                    .map(|info| AccountInfo { code: None, ..info });
                Ok(entry.insert(Cached {
                    hash,
                    original: info.clone(),
                    current: info,
                    slots: U256Map::default(),
                    wiped: false,
                }))
            }
        }
    }
}

fn same(before: Option<&AccountInfo>, now: Option<&AccountInfo>) -> bool {
    match (before, now) {
        (None, None) => true,
        (Some(a), Some(b)) => {
            a.nonce == b.nonce && a.balance == b.balance && a.code_hash == b.code_hash
        }
        _ => false,
    }
}

/// Code whose jump targets are known, for all blocks and calls of the process: code is named by its
/// content, so nothing in it can be of the wrong chain or block.
static ANALYSED: LazyLock<RwLock<Analysed>> = LazyLock::new(RwLock::default);

/// Most bytes of code kept analysed; then all is forgotten, which happens rarely.
const MAX_ANALYSED: usize = 64 << 20;

#[derive(Default)]
struct Analysed {
    codes: B256Map<Bytecode>,
    bytes: usize,
}

impl Analysed {
    fn keep(&mut self, hash: B256, code: &Bytecode) {
        if self.bytes > MAX_ANALYSED {
            *self = Self::default();
        }
        if self.codes.insert(hash, code.clone()).is_none() {
            self.bytes = self.bytes.saturating_add(code.len());
        }
    }
}

impl Database for BlockState {
    type Error = StateUnavailable;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, StateUnavailable> {
        Ok(self.load(address)?.current.clone())
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, StateUnavailable> {
        if code_hash == KECCAK_EMPTY || code_hash.is_zero() {
            return Ok(Bytecode::default());
        }
        if let Some(code) = self.code.get(&code_hash) {
            return Ok(code.clone());
        }
        if let Some(code) = ANALYSED.read().codes.get(&code_hash) {
            return Ok(code.clone());
        }
        let bytes = self
            .state
            .code(&code_hash)
            .map_err(|error| StateUnavailable(error.to_string()))?
            .ok_or_else(|| StateUnavailable(format!("no code with hash {code_hash}")))?;
        let code = Bytecode::new_raw_checked(bytes)
            .map_err(|error| StateUnavailable(error.to_string()))?;
        ANALYSED.write().keep(code_hash, &code);
        Ok(code)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, StateUnavailable> {
        let cached = self.load(address)?;
        if let Some(slot) = cached.slots.get(&slot) {
            return Ok(slot.now);
        }
        if cached.wiped || cached.original.is_none() {
            return Ok(U256::ZERO);
        }
        let hash = cached.hash;
        let key = self.hashes.keccak(&slot.to_be_bytes::<32>());
        let value =
            self.state.storage(&hash, &key).map_err(|error| StateUnavailable(error.to_string()))?;
        if let Some(cached) = self.accounts.get_mut(&address) {
            cached.slots.insert(slot, CachedSlot { key, before: value, now: value });
        }
        Ok(value)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, StateUnavailable> {
        self.ancestors.hash(number).map_err(|error| StateUnavailable(error.to_string()))
    }
}

impl DatabaseCommit for BlockState {
    fn commit(&mut self, changes: AddressMap<EvmAccount>) {
        for (address, account) in changes {
            if !account.is_touched() {
                continue;
            }
            // The journal loaded the account through `basic`, so it is here.
            let Some(cached) = self.accounts.get_mut(&address) else { continue };
            if account.is_selfdestructed() || account.is_empty() && !account.is_created() {
                // Destroyed, or empty and touched (EIP-161). Before that EIP the journal marks an
                // empty account that comes into being as created.
                cached.wiped |= cached.current.is_some() || !cached.slots.is_empty();
                cached.current = None;
                cached.slots.clear();
                continue;
            }
            if account.is_created() {
                cached.wiped |= !cached.slots.is_empty();
                cached.slots.clear();
            }
            for (slot, value) in account.storage {
                cached
                    .slots
                    .entry(slot)
                    .and_modify(|cached| cached.now = value.present_value)
                    .or_insert_with(|| {
                        CachedSlot::new(slot, value.original_value, value.present_value)
                    });
            }
            let mut info = account.info;
            if let Some(code) = info.code.take()
                && info.code_hash != KECCAK_EMPTY
            {
                self.code.entry(info.code_hash).or_insert(code);
            }
            cached.current = Some(info);
        }
    }
}
