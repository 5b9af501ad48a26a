//! The books of a block: every change of the ledger's state must have its event, and the sums must
//! close.
//!
//! The executor runs [`books`] after every block, over the ledger's changed slots and the block's
//! logs, and refuses a block that breaks it. It recomputes from the events which slots may have
//! changed and by how much, so money that moves without an event is found too.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, FixedBytes, Log, U256, map::HashSet};
use alloy_sol_types::SolEvent;
use qenex_types::Currency;

use crate::ledger::records::{
    ALLOWANCES, APPROVALS, BALANCES, Balance, CURRENCIES, FACE_POSTINGS, HOLDINGS, LATEST, NONCES,
    Outstanding, PREVIOUS, TRANSFERS,
};
use crate::storage::Word;
use crate::{ICurrencyToken, ILedger, LEDGER, face_currency};

/// What a block did to the money, by currency.
pub type Books = BTreeMap<Currency, Line>;

/// What a block did to one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Postings.
    pub postings: u64,
    /// Minor units issued.
    pub issued: U256,
    /// Minor units redeemed.
    pub redeemed: U256,
    /// Minor units moved between accounts.
    pub moved: U256,
    /// Minor units newly held.
    pub held: U256,
    /// Minor units that were held and are no more: captured or given back.
    pub released: U256,
}

/// How the books do not close. The block must not be voted for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BooksError {
    /// An event of the ledger that cannot be read.
    #[error("unreadable event of the ledger")]
    UnreadableEvent,
    /// A slot of the ledger changed and no event says why.
    #[error("slot {slot:#x} of the ledger changed without an event")]
    Unexplained {
        /// The slot.
        slot: U256,
    },
    /// A slot holds what no record has.
    #[error("slot {slot:#x} of the ledger is damaged")]
    Damaged {
        /// The slot.
        slot: U256,
    },
    /// A balance did not change by what the events say.
    #[error("the balance of {account} in {currency} is not what its postings give")]
    Balance {
        /// Whose.
        account: Address,
        /// In which currency.
        currency: Currency,
    },
    /// More is held than posted.
    #[error("{account} has more {currency} held than posted")]
    Overheld {
        /// Whose.
        account: Address,
        /// In which currency.
        currency: Currency,
    },
    /// The sum of balance changes is not the change of the supply.
    #[error("the balances in {currency} do not add up to its supply")]
    Supply {
        /// Which.
        currency: Currency,
    },
}

/// Sums of what comes and what goes, without sign.
#[derive(Clone, Copy, Default)]
struct Flow {
    plus: U256,
    minus: U256,
}

impl Flow {
    /// Whether `before + plus = after + minus`. Sums of 128-bit numbers cannot overflow here.
    fn explains(self, before: u128, after: u128) -> bool {
        U256::from(before).saturating_add(self.plus) == U256::from(after).saturating_add(self.minus)
    }
}

/// What happened to a balance.
#[derive(Clone, Copy, Default)]
struct Flows {
    posted: Flow,
    held: Flow,
}

/// What the events of a block say.
#[derive(Default)]
struct Expected {
    lines: Books,
    balances: BTreeMap<(Address, Currency), Flows>,
    supplies: BTreeMap<Currency, Flow>,
    /// Slots that changed, without those of which an event says why.
    unexplained: HashSet<U256>,
}

/// Checks the books of a block and sums them up.
///
/// `changes` are the slots of [`LEDGER`] that differ after the block: slot, value before, value
/// after. `logs` are all logs of the block, or at least those of the ledger and the faces.
///
/// # Errors
///
/// [`BooksError`]: the first thing that does not fit.
pub fn books<'a>(
    changes: &BTreeMap<U256, (U256, U256)>,
    logs: impl IntoIterator<Item = &'a Log>,
) -> Result<Books, BooksError> {
    let unexplained = changes.keys().copied().collect();
    let mut expected = Expected { unexplained, ..Expected::default() };
    for log in logs {
        expected.read(log)?;
    }
    let mut sums: BTreeMap<Currency, Flow> = BTreeMap::new();
    for (&(account, currency), flows) in &expected.balances {
        let slot = BALANCES.entry(&account).entry(&currency).number();
        expected.unexplained.remove(&slot);
        let Some((before, after)) = change::<Balance>(changes, slot)? else {
            if !flows.posted.explains(0, 0) || !flows.held.explains(0, 0) {
                return Err(BooksError::Balance { account, currency });
            }
            continue;
        };
        if after.held > after.posted {
            return Err(BooksError::Overheld { account, currency });
        }
        if !flows.posted.explains(before.posted, after.posted)
            || !flows.held.explains(before.held, after.held)
        {
            return Err(BooksError::Balance { account, currency });
        }
        let sum = sums.entry(currency).or_default();
        sum.plus = sum.plus.saturating_add(U256::from(after.posted));
        sum.minus = sum.minus.saturating_add(U256::from(before.posted));
    }
    for &currency in expected.lines.keys() {
        let slot = CURRENCIES.entry(&currency).outstanding.number();
        let supply = change::<Outstanding>(changes, slot)?;
        let (before, after) =
            supply.map_or((0, 0), |(before, after)| (before.supply, after.supply));
        let sum = sums.get(&currency).copied().unwrap_or_default();
        let issue = expected.supplies.get(&currency).copied().unwrap_or_default();
        if !sum.explains(before, after) || !issue.explains(before, after) {
            return Err(BooksError::Supply { currency });
        }
    }
    expected.explain_holdings();
    match expected.unexplained.into_iter().min() {
        None => Ok(expected.lines),
        Some(slot) => Err(BooksError::Unexplained { slot }),
    }
}

/// What a block did to the money, from its logs alone.
///
/// # Errors
///
/// [`BooksError::UnreadableEvent`]: a block whose books were checked has none.
pub fn lines<'a>(logs: impl IntoIterator<Item = &'a Log>) -> Result<Books, BooksError> {
    let mut expected = Expected::default();
    for log in logs {
        expected.read(log)?;
    }
    Ok(expected.lines)
}

fn change<T: Word>(
    changes: &BTreeMap<U256, (U256, U256)>,
    slot: U256,
) -> Result<Option<(T, T)>, BooksError> {
    let Some(&(before, after)) = changes.get(&slot) else {
        return Ok(None);
    };
    match (T::from_word(before), T::from_word(after)) {
        (Some(before), Some(after)) => Ok(Some((before, after))),
        _ => Err(BooksError::Damaged { slot }),
    }
}

impl Expected {
    fn read(&mut self, log: &Log) -> Result<(), BooksError> {
        if log.address == LEDGER {
            self.read_ledger(log)
        } else if let Some(currency) = face_currency(log.address)
            && let Some(event) = event::<ICurrencyToken::Approval>(log)?
        {
            self.explain(|| {
                let allowances = ALLOWANCES.entry(&currency).entry(&event.owner);
                let nonce = NONCES.entry(&currency).entry(&event.owner);
                [allowances.entry(&event.spender).number(), nonce.number()]
            });
            Ok(())
        } else {
            Ok(())
        }
    }

    /// An event of the ledger: what moved, what was held, and which slots may have changed for it.
    fn read_ledger(&mut self, log: &Log) -> Result<(), BooksError> {
        if let Some(event) = event::<ILedger::Settled>(log)? {
            return self.settled(&event);
        }
        if let Some(event) = event::<ILedger::Held>(log)? {
            let amount = U256::from(event.amount);
            self.record(&event.id);
            return self.hold(event.from, event.currency, |line, held| {
                line.held = line.held.saturating_add(amount);
                held.plus = held.plus.saturating_add(amount);
            });
        }
        if let Some(event) = event::<ILedger::Captured>(log)? {
            return self.unhold(&event.id, event.from, event.currency, event.amount);
        }
        if let Some(event) = event::<ILedger::Released>(log)? {
            return self.unhold(&event.id, event.from, event.currency, event.amount);
        }
        if let Some(event) = event::<ILedger::Approved>(log)? {
            self.record(&event.id);
            self.explain(|| [APPROVALS.entry(&event.id).entry(&event.approver).number()]);
        } else if let Some(event) = event::<ILedger::IssueProposed>(log)? {
            self.record(&event.id);
        } else if let Some(event) = event::<ILedger::StatusSet>(log)? {
            self.record(&event.id);
        } else if let Some(event) = event::<ILedger::Reversed>(log)? {
            self.record(&event.id);
        } else if let Some(event) = event::<ILedger::Rejected>(log)? {
            self.record(&event.id);
        } else if let Some(event) = event::<ILedger::CurrencyRegistered>(log)? {
            let currency = currency(event.currency)?;
            self.explain(|| {
                let slots = CURRENCIES.entry(&currency);
                [slots.terms.number(), slots.outstanding.number(), slots.name.number()]
            });
            self.explain(|| [LATEST.number(), PREVIOUS.entry(&currency).number()]);
        } else if let Some(event) = event::<ILedger::CapChanged>(log)? {
            let currency = currency(event.currency)?;
            // A line, so that its supply is looked at.
            self.lines.entry(currency).or_default();
            self.explain(|| [CURRENCIES.entry(&currency).outstanding.number()]);
        }
        Ok(())
    }

    fn settled(&mut self, event: &ILedger::Settled) -> Result<(), BooksError> {
        let currency = currency(event.currency)?;
        let amount = U256::from(event.amount);
        self.record(&event.id);
        let line = self.lines.entry(currency).or_default();
        line.postings = line.postings.saturating_add(1);
        let supply = self.supplies.entry(currency).or_default();
        match (event.from.is_zero(), event.to.is_zero()) {
            (true, _) => {
                line.issued = line.issued.saturating_add(amount);
                supply.plus = supply.plus.saturating_add(amount);
            }
            (_, true) => {
                line.redeemed = line.redeemed.saturating_add(amount);
                supply.minus = supply.minus.saturating_add(amount);
            }
            _ => line.moved = line.moved.saturating_add(amount),
        }
        if event.from.is_zero() || event.to.is_zero() {
            self.explain(|| [CURRENCIES.entry(&currency).outstanding.number()]);
        }
        if !event.from.is_zero() {
            let from = self.balances.entry((event.from, currency)).or_default();
            from.posted.minus = from.posted.minus.saturating_add(amount);
        }
        if !event.to.is_zero() {
            let to = self.balances.entry((event.to, currency)).or_default();
            to.posted.plus = to.posted.plus.saturating_add(amount);
        }
        Ok(())
    }

    /// These slots may have changed. They are only computed while there is something to explain: a slot is a
    /// hash or several.
    fn explain<const SLOTS: usize>(&mut self, slots: impl FnOnce() -> [U256; SLOTS]) {
        if !self.unexplained.is_empty() {
            for slot in slots() {
                self.unexplained.remove(&slot);
            }
        }
    }

    fn record(&mut self, id: &B256) {
        self.explain(|| TRANSFERS.entry(id).numbers());
    }

    /// Whoever was paid or paid may have more currencies or fewer, and who paid may have done so through a face.
    /// Last, because in most blocks that was all explained before.
    fn explain_holdings(&mut self) {
        for ((account, _), Flows { posted, .. }) in std::mem::take(&mut self.balances) {
            if !posted.plus.is_zero() || !posted.minus.is_zero() {
                self.explain(|| [HOLDINGS.entry(&account).number()]);
            }
            if !posted.minus.is_zero() {
                self.explain(|| [FACE_POSTINGS.entry(&account).number()]);
            }
        }
    }

    fn hold(
        &mut self,
        account: Address,
        code: FixedBytes<3>,
        change: impl FnOnce(&mut Line, &mut Flow),
    ) -> Result<(), BooksError> {
        let currency = currency(code)?;
        let line = self.lines.entry(currency).or_default();
        change(line, &mut self.balances.entry((account, currency)).or_default().held);
        Ok(())
    }

    fn unhold(
        &mut self,
        id: &B256,
        account: Address,
        code: FixedBytes<3>,
        amount: u128,
    ) -> Result<(), BooksError> {
        self.record(id);
        let amount = U256::from(amount);
        self.hold(account, code, |line, held| {
            line.released = line.released.saturating_add(amount);
            held.minus = held.minus.saturating_add(amount);
        })
    }
}

/// The log as an event, if it is one.
fn event<E: SolEvent>(log: &Log) -> Result<Option<E>, BooksError> {
    if log.topics().first() != Some(&E::SIGNATURE_HASH) {
        return Ok(None);
    }
    let event = E::decode_log_data_validate(&log.data);
    event.map(Some).map_err(|_| BooksError::UnreadableEvent)
}

fn currency(code: FixedBytes<3>) -> Result<Currency, BooksError> {
    Currency::try_from(code).map_err(|_| BooksError::UnreadableEvent)
}

#[cfg(test)]
mod tests;
