//! A chain in memory: for the engines' tests, for making the genesis state, for running engine calls
//! again away from a node, and for simulations.
//!
//! Prices state access as the EVM does at Osaka (cold and warm, EIP-2200, without refunds), so that
//! a gas figure measured here is the one a block charges before refunds. What a call writes is
//! journalled, so a call costs what it touches, however large the state is.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, Log, LogData, U256};

use crate::risk::Assessment;
use crate::{Block, Call, Host, HostError, Outcome};

const SLOAD_COLD: u64 = 2_100;
const WARM: u64 = 100;
const SSTORE_SET: u64 = 20_000;
const SSTORE_RESET: u64 = 2_900;
/// `SSTORE` refuses to run with this much gas or less (EIP-2200).
const SSTORE_STIPEND: u64 = 2_300;
const LOG: u64 = 375;
const LOG_TOPIC: u64 = 375;
const LOG_BYTE: u64 = 8;
const ACCOUNT_COLD: u64 = 2_600;
const CALL_VALUE: u64 = 9_000;
const NEW_ACCOUNT: u64 = 25_000;

type Storage = BTreeMap<(Address, U256), U256>;

/// A [`Host`] over maps.
#[derive(Clone, Debug, Default)]
pub struct MemoryHost {
    block: Block,
    /// Without zeros.
    storage: Storage,
    /// What the slots that were written since the transaction began held at its beginning: what
    /// `SSTORE` is priced against.
    original: Storage,
    logs: Vec<Log>,
    marks: BTreeSet<Address>,
    /// Native coin. Without zeros: who has none is taken for an account that is not there.
    coins: BTreeMap<Address, U256>,
    /// Accounts whose coin was looked at since the transaction began.
    warm: BTreeSet<Address>,
    touched: BTreeSet<(Address, U256)>,
    /// How to undo the running call; `None` outside of calls.
    journal: Option<Journal>,
    gas_limit: Option<u64>,
    gas_used: u64,
    /// What the risk rules said, also in calls that were refused.
    assessments: Vec<Assessment>,
}

/// What a refused call must leave as it was.
#[derive(Clone, Debug, Default)]
struct Journal {
    /// Slots written, oldest first, with what they held before.
    writes: Vec<((Address, U256), U256)>,
    /// Addresses marked.
    marks: Vec<Address>,
    /// Accounts whose coin changed, oldest first, with what they had before.
    coins: Vec<(Address, U256)>,
    /// Logs there were.
    logs: usize,
}

impl MemoryHost {
    /// An empty chain at `block`, without a gas limit.
    pub fn new(block: Block) -> Self {
        Self { block, ..Self::default() }
    }

    /// A chain at `block` whose engines have this storage.
    pub fn with_storage(
        block: Block,
        accounts: impl IntoIterator<Item = (Address, BTreeMap<U256, U256>)>,
    ) -> Self {
        let slots = accounts.into_iter().flat_map(|(address, slots)| {
            slots.into_iter().map(move |(slot, value)| ((address, slot), value))
        });
        let storage = slots.filter(|(_, value)| !value.is_zero()).collect();
        Self { block, storage, ..Self::default() }
    }

    /// Moves to another block; forgets the logs and what is warm.
    pub fn set_block(&mut self, block: Block) {
        self.block = block;
        self.logs.clear();
        self.assessments.clear();
        self.begin_transaction(None);
    }

    /// Starts a transaction: every slot is cold, `gas_limit` gas may be used (`None`: any amount).
    pub fn begin_transaction(&mut self, gas_limit: Option<u64>) {
        self.original.clear();
        self.touched.clear();
        self.warm.clear();
        self.gas_limit = gas_limit;
        self.gas_used = 0;
    }

    /// Calls an engine and, unless it succeeds, undoes all it did: what the EVM does around a
    /// frame.
    ///
    /// # Errors
    ///
    /// As [`crate::call`].
    pub fn call(&mut self, call: &Call<'_>) -> Result<Outcome, HostError> {
        self.journal = Some(Journal { logs: self.logs.len(), ..Journal::default() });
        let outcome = crate::call(self, call);
        let journal = self.journal.take().unwrap_or_default();
        if !matches!(outcome, Ok(Outcome::Success(_))) {
            self.undo(journal);
        }
        outcome
    }

    fn undo(&mut self, journal: Journal) {
        for (key, before) in journal.writes.into_iter().rev() {
            self.put(key, before);
        }
        for address in journal.marks {
            self.marks.remove(&address);
        }
        for (account, before) in journal.coins.into_iter().rev() {
            self.set_coin(account, before);
        }
        self.logs.truncate(journal.logs);
    }

    fn put(&mut self, key: (Address, U256), value: U256) {
        if value.is_zero() {
            self.storage.remove(&key);
        } else {
            self.storage.insert(key, value);
        }
    }

    /// Gives an account this much native coin, instead of what it had.
    pub fn set_coin(&mut self, account: Address, amount: U256) {
        if amount.is_zero() {
            self.coins.remove(&account);
        } else {
            self.coins.insert(account, amount);
        }
    }

    /// Who has native coin, and how much.
    pub const fn coins(&self) -> &BTreeMap<Address, U256> {
        &self.coins
    }

    fn coin_of(&self, account: Address) -> U256 {
        self.coins.get(&account).copied().unwrap_or_default()
    }

    /// Charges for looking at an account.
    fn look_at(&mut self, account: Address) -> Result<(), HostError> {
        let first = self.warm.insert(account);
        self.charge(if first { ACCOUNT_COLD } else { WARM })
    }

    /// Gas used since the transaction began.
    pub const fn gas_used(&self) -> u64 {
        self.gas_used
    }

    /// Different storage slots read or written since the transaction began.
    pub fn slots_touched(&self) -> usize {
        self.touched.len()
    }

    /// The slots read or written since the transaction began.
    #[cfg(test)]
    pub(crate) const fn touched(&self) -> &BTreeSet<(Address, U256)> {
        &self.touched
    }

    /// The logs of this block.
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// What the risk rules said of payments in this block, also of refused ones, since this was last asked.
    pub fn take_assessments(&mut self) -> Vec<Assessment> {
        std::mem::take(&mut self.assessments)
    }

    /// The value of a slot; zero if never written.
    pub fn storage(&self, address: Address, slot: U256) -> U256 {
        self.storage.get(&(address, slot)).copied().unwrap_or_default()
    }

    /// Addresses that were given the engine mark.
    pub const fn marks(&self) -> &BTreeSet<Address> {
        &self.marks
    }

    /// The storage of every address, without zeros.
    pub fn into_storage(self) -> BTreeMap<Address, BTreeMap<U256, U256>> {
        let mut accounts: BTreeMap<Address, BTreeMap<U256, U256>> = BTreeMap::new();
        for ((address, slot), value) in self.storage {
            accounts.entry(address).or_default().insert(slot, value);
        }
        accounts
    }

    /// Slots whose values differ from those when the transaction began: slot, before, after.
    pub fn changes(&self, address: Address) -> BTreeMap<U256, (U256, U256)> {
        self.original
            .range((address, U256::ZERO)..=(address, U256::MAX))
            .map(|(key, &before)| (key.1, (before, self.storage(key.0, key.1))))
            .filter(|(_, (before, after))| before != after)
            .collect()
    }

    /// Charges for touching a slot: the price of a cold slot the first time.
    fn touch(
        &mut self,
        address: Address,
        slot: U256,
        cold: u64,
        warm: u64,
    ) -> Result<(), HostError> {
        let first = self.touched.insert((address, slot));
        self.charge(if first { cold } else { warm })
    }
}

impl Host for MemoryHost {
    fn block(&self) -> Block {
        self.block
    }

    fn charge(&mut self, gas: u64) -> Result<(), HostError> {
        let used = self.gas_used.saturating_add(gas);
        if self.gas_limit.is_some_and(|limit| used > limit) {
            return Err(HostError::OutOfGas);
        }
        self.gas_used = used;
        Ok(())
    }

    fn sload(&mut self, address: Address, slot: U256) -> Result<U256, HostError> {
        self.touch(address, slot, SLOAD_COLD, WARM)?;
        Ok(self.storage(address, slot))
    }

    fn sstore(&mut self, address: Address, slot: U256, value: U256) -> Result<(), HostError> {
        if self.gas_limit.is_some_and(|limit| limit.saturating_sub(self.gas_used) <= SSTORE_STIPEND)
        {
            return Err(HostError::OutOfGas);
        }
        self.touch(address, slot, SLOAD_COLD, 0)?;
        let key = (address, slot);
        let current = self.storage(address, slot);
        let original = self.original.get(&key).copied().unwrap_or(current);
        self.charge(match () {
            () if current == value || current != original => WARM,
            () if original.is_zero() => SSTORE_SET,
            () => SSTORE_RESET,
        })?;
        if current != value {
            self.original.entry(key).or_insert(current);
            self.put(key, value);
            if let Some(journal) = &mut self.journal {
                journal.writes.push((key, current));
            }
        }
        Ok(())
    }

    fn log(&mut self, address: Address, data: LogData) -> Result<(), HostError> {
        let topics = u64::try_from(data.topics().len()).unwrap_or(u64::MAX);
        let bytes = u64::try_from(data.data.len()).unwrap_or(u64::MAX);
        let price = LOG
            .saturating_add(LOG_TOPIC.saturating_mul(topics))
            .saturating_add(LOG_BYTE.saturating_mul(bytes));
        self.charge(price)?;
        self.logs.push(Log { address, data });
        Ok(())
    }

    fn mark(&mut self, address: Address) -> Result<(), HostError> {
        let new = self.marks.insert(address);
        if let Some(journal) = self.journal.as_mut().filter(|_| new) {
            journal.marks.push(address);
        }
        Ok(())
    }

    fn move_coin(&mut self, from: Address, to: Address, amount: U256) -> Result<U256, HostError> {
        self.look_at(from)?;
        self.look_at(to)?;
        let (payer, payee) = (self.coin_of(from), self.coin_of(to));
        if amount.is_zero() {
            return Ok(payer);
        }
        self.charge(CALL_VALUE)?;
        if payee.is_zero() {
            self.charge(NEW_ACCOUNT)?;
        }
        let Some(rest) = payer.checked_sub(amount) else { return Ok(payer) };
        if let Some(journal) = &mut self.journal {
            journal.coins.extend([(from, payer), (to, payee)]);
        }
        self.set_coin(from, rest);
        // All coin there is fits a word; to oneself, what was paid is there already.
        let received = self.coin_of(to).saturating_add(amount);
        self.set_coin(to, received);
        Ok(payer)
    }

    fn assessed(&mut self, assessment: &Assessment) {
        self.assessments.push(*assessment);
    }
}
