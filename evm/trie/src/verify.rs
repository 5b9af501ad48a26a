//! The full check of a state at rest: every table against every other, and roots from scratch.
//!
//! Nothing of what keeps the state incrementally is trusted: roots are computed from the flat tables
//! by another implementation (alloy-trie), at the state head and, with the history undone, at the
//! oldest block kept; every trie node is compared with the reference above it and with the values
//! below it; and history, the list of changes and code are counted against each other.

use alloy_primitives::{B256, U256, keccak256, map::B256Set};
use alloy_trie::{HashBuilder, Nibbles};
use qenex_store::{Account, StateHead, Store, StoreError, tables};

use crate::{
    node::{self, Reference, Row, join},
    state::{leaf_value, slot_value},
};

/// Rows between two reports of progress.
const STEP: u64 = 1 << 18;

/// What was found, all of it right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateReport {
    /// The block whose state it is.
    pub number: u64,
    /// Its state root, computed from the flat tables.
    pub root: B256,
    /// Accounts.
    pub accounts: u64,
    /// Slots.
    pub slots: u64,
    /// Code.
    pub codes: u64,
    /// Trie nodes with a row of their own.
    pub nodes: u64,
    /// The oldest block whose state can be read.
    pub floor: u64,
    /// Its state root, computed with the history undone.
    pub floor_root: B256,
    /// Earlier values of accounts.
    pub accounts_before: u64,
    /// Earlier values of slots.
    pub slots_before: u64,
}

/// Checks the state in a store that nobody writes to. `progress` is told a table and how many of
/// its rows are done.
///
/// # Errors
///
/// [`StoreError::Corrupt`] says what contradicts what; [`StoreError`] if the store cannot be read.
pub fn verify_state(
    store: &Store,
    progress: &mut dyn FnMut(&str, u64),
) -> Result<StateReport, StoreError> {
    let mut check = Check { store, progress, report: StateReport::default() };
    let Some(head) = store.state_head()? else {
        return Err(store.condemn("there is no state"));
    };
    let floor = store.state_floor()?;
    if floor > head.number {
        return Err(store.condemn(format!(
            "states are kept from block {floor} on, but the state is that of block {}",
            head.number
        )));
    }
    check.report.number = head.number;
    check.report.floor = floor;
    check.state(head)?;
    check.codes()?;
    check.trie(head.root)?;
    let floor_root = check.history(head, floor)?;
    check.floor(floor, floor_root)?;
    Ok(check.report)
}

struct Check<'a> {
    store: &'a Store,
    progress: &'a mut dyn FnMut(&str, u64),
    report: StateReport,
}

type Slot = ((B256, B256), U256);

impl Check<'_> {
    fn tell(&mut self, table: &str, rows: u64) {
        if rows.is_multiple_of(STEP) {
            (self.progress)(table, rows);
        }
    }

    /// The flat tables against the root of the head.
    fn state(&mut self, head: StateHead) -> Result<(), StoreError> {
        let accounts = self.store.accounts(&B256::ZERO)?;
        let slots = slots_of(self.store)?;
        let (root, accounts, slots) = self.root_of(accounts, slots)?;
        self.report.root = root;
        self.report.accounts = accounts;
        self.report.slots = slots;
        if root == head.root {
            return Ok(());
        }
        Err(self.store.condemn(format!(
            "accounts and slots have the root {root}, block {} has {}",
            head.number, head.root
        )))
    }

    /// Root, accounts and slots of a state, given in the order of keys.
    fn root_of(
        &mut self,
        accounts: impl Iterator<Item = Result<(B256, Account), StoreError>>,
        slots: impl Iterator<Item = Result<Slot, StoreError>>,
    ) -> Result<(B256, u64, u64), StoreError> {
        let mut slots = slots.peekable();
        let mut trie = HashBuilder::default();
        let (mut seen_accounts, mut seen_slots) = (0_u64, 0_u64);
        for row in accounts {
            let (ah, account) = row?;
            let mut storage = HashBuilder::default();
            while let Some(row) =
                slots.next_if(|row| row.as_ref().map_or(true, |row| row.0.0 <= ah))
            {
                let ((owner, sh), value) = row?;
                if owner != ah {
                    return Err(self.orphan(owner));
                }
                storage.add_leaf(Nibbles::unpack(sh), &slot_value(value));
                seen_slots += 1;
            }
            let root = storage.root();
            if root != account.storage_root {
                return Err(self.store.condemn(format!(
                    "the slots of account {ah} have the root {root}, the account says {}",
                    account.storage_root
                )));
            }
            trie.add_leaf(Nibbles::unpack(ah), &leaf_value(&account));
            seen_accounts += 1;
            self.tell("acct", seen_accounts);
        }
        match slots.next().transpose()? {
            Some(((owner, _), _)) => Err(self.orphan(owner)),
            None => Ok((trie.root(), seen_accounts, seen_slots)),
        }
    }

    fn orphan(&self, owner: B256) -> StoreError {
        self.store.condemn(format!("there are slots of account {owner}, which does not exist"))
    }

    /// Code against its hash, and against the accounts that name it.
    fn codes(&mut self) -> Result<(), StoreError> {
        let mut wanted = B256Set::default();
        for row in self.store.accounts(&B256::ZERO)? {
            wanted.insert(row?.1.code_hash);
        }
        wanted.remove(&tables::KECCAK_EMPTY);
        for row in self.store.codes()? {
            let (hash, code) = row?;
            if keccak256(&code) != hash {
                return Err(self.store.condemn(format!("the code {hash} has another hash")));
            }
            wanted.remove(&hash);
            self.report.codes += 1;
        }
        match wanted.iter().min() {
            Some(hash) => Err(self.store.condemn(format!("the code {hash} is missing"))),
            None => Ok(()),
        }
    }

    /// Every trie node against the one above it and the values below it.
    fn trie(&mut self, state_root: B256) -> Result<(), StoreError> {
        let (mut named, mut leaves) = (0_u64, [0_u64; 2]);
        let mut buffer = Vec::new();
        for row in self.store.nodes()? {
            let (key, row) = row?;
            let wrong = |what: &str| {
                let key = alloy_primitives::hex::encode(&key);
                self.store.condemn(format!("the trie node {key} {what}"))
            };
            let (owner, path) = read_key(&key).ok_or_else(|| wrong("has no proper key"))?;
            let row = Row::decode(&path, &row).map_err(|error| wrong(&error.to_string()))?;
            let value = |leaf: &B256| match owner {
                None => Ok(self.store.account(leaf)?.as_ref().map(leaf_value)),
                Some(owner) => {
                    let value = self.store.storage(&owner, leaf)?;
                    Ok::<_, StoreError>((!value.is_zero()).then(|| slot_value(value)))
                }
            };
            if path.is_empty() {
                let expected = match owner {
                    None => Some(state_root),
                    Some(owner) => self.store.account(&owner)?.map(|account| account.storage_root),
                };
                match &row {
                    Row::Branch(node) => node.encode_top(&mut buffer),
                    Row::OnlyLeaf(leaf) => {
                        let value = value(leaf)?.ok_or_else(|| wrong("has no value"))?;
                        node::encode_leaf(leaf, 0, &value, &mut buffer);
                        leaves[usize::from(owner.is_some())] += 1;
                    }
                }
                if expected != Some(keccak256(&buffer)) {
                    return Err(wrong("is the root of nothing"));
                }
                named += 1;
            }
            if let Row::Branch(node) = &row {
                let below = path.join(&node.extension);
                for (index, child) in node.iter() {
                    let path = join(&below, index);
                    let reference = match &child.leaf {
                        Some(leaf) => {
                            let value = value(leaf)?.ok_or_else(|| wrong("has a lost leaf"))?;
                            node::encode_leaf(leaf, path.len(), &value, &mut buffer);
                            leaves[usize::from(owner.is_some())] += 1;
                            Reference::of(&buffer)
                        }
                        None => {
                            named += 1;
                            let nibbles = u8::try_from(path.len()).unwrap_or(u8::MAX);
                            let key = tables::node_key(owner.as_ref(), &path.pack(), nibbles);
                            let row = self.store.node(&key, |row| Row::decode(&path, row))?;
                            match row {
                                Some(Row::Branch(node)) => node.reference(&mut buffer),
                                _ => return Err(wrong("has a lost child")),
                            }
                        }
                    };
                    if reference != child.rlp {
                        return Err(wrong(&format!("does not fit to its child {index:x}")));
                    }
                }
            }
            self.report.nodes += 1;
            let nodes = self.report.nodes;
            self.tell("trie", nodes);
        }
        if leaves != [self.report.accounts, self.report.slots] || named != self.report.nodes {
            return Err(self.store.condemn(format!(
                "the tries have {leaves:?} leaves and name {named} nodes, there are {} accounts, \
                 {} slots and {} nodes",
                self.report.accounts, self.report.slots, self.report.nodes
            )));
        }
        Ok(())
    }

    /// The lists of changes against the blocks and the earlier values; the root of the oldest block.
    fn history(&mut self, head: StateHead, floor: u64) -> Result<B256, StoreError> {
        let mut listed = [Tally::default(); 2];
        let (mut next, mut floor_root) = (floor, B256::ZERO);
        for row in self.store.all_changes()? {
            let (number, row) = row?;
            if number != next {
                break;
            }
            if self.store.block_hash(number)? != Some(row.hash) {
                return Err(self
                    .store
                    .condemn(format!("the changes of block {number} are of another")));
            }
            if number == floor {
                floor_root = row.root;
            } else {
                for (ah, slots) in &row.accounts {
                    listed[0].add(&tables::account_history_key(ah, number));
                    for sh in slots {
                        listed[1].add(&tables::storage_history_key(ah, sh, number));
                    }
                }
            }
            next = number.saturating_add(1);
            self.tell("changes", number);
        }
        if next != head.number.saturating_add(1) {
            return Err(self.store.condemn(format!("the changes of block {next} are missing")));
        }
        let mut kept = [Tally::default(); 2];
        for row in self.store.accounts_before()? {
            let (ah, number, _) = row?;
            kept[0].add(&tables::account_history_key(&ah, number));
            self.tell("h_acct", kept[0].rows);
        }
        for row in self.store.slots_before()? {
            let (ah, sh, number, _) = row?;
            kept[1].add(&tables::storage_history_key(&ah, &sh, number));
            self.tell("h_stor", kept[1].rows);
        }
        self.report.accounts_before = kept[0].rows;
        self.report.slots_before = kept[1].rows;
        if kept != listed {
            return Err(self.store.condemn(format!(
                "the earlier values are not those of the listed changes: {} and {} rows, {} and {} \
                 listed",
                kept[0].rows, kept[1].rows, listed[0].rows, listed[1].rows
            )));
        }
        Ok(floor_root)
    }

    /// The history undone: the root of the oldest block.
    fn floor(&mut self, floor: u64, expected: B256) -> Result<(), StoreError> {
        let store = self.store;
        let before = store.accounts_before()?;
        let before = before.map(|row| row.map(|(ah, _, account)| (ah, account)));
        let accounts = merged(store.accounts(&B256::ZERO)?, before);
        let before = store.slots_before()?.map(|row| {
            row.map(|(ah, sh, _, value)| ((ah, sh), Some(value).filter(|value| !value.is_zero())))
        });
        let slots = merged(slots_of(store)?, before);
        let (root, ..) = self.root_of(accounts, slots)?;
        self.report.floor_root = root;
        if root == expected {
            return Ok(());
        }
        Err(store.condemn(format!(
            "the history leads to the root {root} at block {floor}, which has {expected}"
        )))
    }
}

fn slots_of(store: &Store) -> Result<impl Iterator<Item = Result<Slot, StoreError>>, StoreError> {
    let slots = store.slots(&B256::ZERO, &B256::ZERO)?;
    Ok(slots.map(|row| row.map(|(ah, sh, value)| ((ah, sh), value))))
}

/// A set of keys, by number and sum of hashes: equal tallies of two scans mean equal sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    rows: u64,
    sum: U256,
}

impl Tally {
    fn add(&mut self, key: &[u8]) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(keccak256(key).into());
    }
}

/// Owner and path of a node, from its key.
fn read_key(key: &[u8]) -> Option<(Option<B256>, Nibbles)> {
    let (nibbles, rest) = key.split_last()?;
    let (owner, packed) = match rest.split_first()? {
        (0, packed) => (None, packed),
        (1, rest) => {
            let (owner, packed) = rest.split_at_checked(32)?;
            (Some(B256::from_slice(owner)), packed)
        }
        _ => return None,
    };
    let nibbles = usize::from(*nibbles);
    let whole = nibbles <= node::KEY_NIBBLES && packed.len() == nibbles.div_ceil(2);
    whole.then(|| (owner, Nibbles::unpack(packed).slice(..nibbles)))
}

/// Values with what they were before: of several earlier values of a key the first is the oldest.
fn merged<K: Ord + Copy, V>(
    now: impl Iterator<Item = Result<(K, V), StoreError>>,
    before: impl Iterator<Item = Result<(K, Option<V>), StoreError>>,
) -> impl Iterator<Item = Result<(K, V), StoreError>> {
    let (mut now, mut before) = (now.peekable(), before.peekable());
    std::iter::from_fn(move || {
        loop {
            match (now.peek(), before.peek()) {
                (_, None) | (Some(Err(_)), _) => return now.next(),
                (_, Some(Err(_))) => return before.next()?.err().map(Err),
                (Some(Ok((key, _))), Some(Ok((old, _)))) if key < old => return now.next(),
                (_, Some(Ok(_))) => {}
            }
            let (key, value) = before.next()?.ok()?;
            while before.next_if(|row| row.as_ref().is_ok_and(|row| row.0 == key)).is_some() {}
            now.next_if(|row| row.as_ref().is_ok_and(|row| row.0 == key));
            if let Some(value) = value {
                return Some(Ok((key, value)));
            }
        }
    })
}
