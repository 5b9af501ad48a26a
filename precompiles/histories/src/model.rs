//! The ledger as a child would write it.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;
use qenex_precompiles::risk::records::DAY;
use qenex_precompiles::{ICurrencyToken, ILedger, LEDGER, face_address};

use crate::setting::{
    CAP, CURRENCIES, DELEGATED, DELEGATION_PERIOD, LIMITS, PARTIES, POLICY_TIME, THRESHOLD,
};
use crate::steps::{Pay, Step};
use crate::world::{
    ALICE, BOB, CAROL, CLOSED, ISSUER, RISK_OFFICER, STRANGER, TREASURY, World, reference, u,
};

/// How long an officer has for a review, seconds.
const REVIEW_TIME: u64 = 7 * DAY;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    PendingApproval = 1,
    UnderReview = 2,
    Held = 3,
    Settled = 4,
    Rejected = 5,
    Voided = 6,
    Expired = 7,
    Reversed = 8,
}

/// A transfer as the model keeps it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub kind: u8,
    /// `None`: redeemed.
    pub to: Option<usize>,
    pub currency: usize,
    pub amount: u128,
    pub memo: u8,
    pub status: Status,
    pub expires: u64,
    pub captured: u128,
    pub reversed: u128,
    pub approved_by: BTreeSet<Address>,
    pub initiator: Address,
    pub review: bool,
}

/// What becomes of a payment, as far as a batch needs to know it.
enum Verdict {
    Done,
    /// Refused, and the reference is kept as rejected in a batch.
    Refused,
    /// Not understood or not allowed: a batch keeps nothing.
    Unknown,
}

/// The ledger as a child would write it.
#[derive(Default)]
pub struct Model {
    now: u64,
    posted: BTreeMap<(usize, usize), u128>,
    held: BTreeMap<(usize, usize), u128>,
    supply: BTreeMap<usize, u128>,
    /// Transfers by account and reference.
    pub entries: BTreeMap<(Address, u128), Entry>,
    pub(crate) allowances: BTreeMap<(usize, usize, usize), U256>,
    frozen: BTreeMap<usize, u8>,
    /// What ALICE paid in USD: when and how much.
    paid: Vec<(u64, u128)>,
    /// What STRANGER moved for BOB in the period that began then.
    delegated: (u64, u128),
}

impl Model {
    /// The model of a world in which nothing has happened yet.
    pub fn of(world: &mut World) -> Self {
        let mut model = Self { now: world.now(), ..Self::default() };
        for (c, &currency) in CURRENCIES.iter().enumerate() {
            model.supply.insert(c, world.supply(currency));
            for (a, &account) in PARTIES.iter().enumerate() {
                model.posted.insert((a, c), world.posted(account, currency));
                model.held.insert((a, c), 0);
            }
        }
        model.frozen.insert(4, 3);
        model
    }

    /// Who owns an account.
    pub fn owner(account: usize) -> Address {
        if PARTIES[account] == TREASURY { ALICE } else { PARTIES[account] }
    }

    fn may_pay(&self, account: usize) -> bool {
        PARTIES[account] != CLOSED && self.frozen.get(&account).is_none_or(|sides| sides & 1 == 0)
    }

    fn may_be_paid(&self, account: usize) -> bool {
        PARTIES[account] != CLOSED && self.frozen.get(&account).is_none_or(|sides| sides & 2 == 0)
    }

    fn available(&self, account: usize, currency: usize) -> u128 {
        self.posted[&(account, currency)] - self.held[&(account, currency)]
    }

    fn add(&mut self, account: usize, currency: usize, amount: u128) {
        *self.posted.get_mut(&(account, currency)).unwrap() += amount;
    }

    fn take(&mut self, account: usize, currency: usize, amount: u128) {
        *self.posted.get_mut(&(account, currency)).unwrap() -= amount;
    }

    fn hold(&mut self, account: usize, currency: usize, amount: u128) {
        *self.held.get_mut(&(account, currency)).unwrap() += amount;
    }

    fn unhold(&mut self, account: usize, currency: usize, amount: u128) {
        *self.held.get_mut(&(account, currency)).unwrap() -= amount;
    }

    /// Whether a payment stays within ALICE's limits.
    fn within_limits(&self, from: usize, currency: usize, amount: u128) -> bool {
        if PARTIES[from] != ALICE || currency != 0 {
            return true;
        }
        let sum = |length: u64| -> u128 {
            let same = |at: u64| at / length == self.now / length;
            self.paid.iter().filter(|(at, _)| same(*at)).map(|(_, paid)| paid).sum()
        };
        let fits = |limit: u128, used: u128| used.saturating_add(amount) <= limit;
        fits(LIMITS[0], 0) && fits(LIMITS[1], sum(DAY)) && fits(LIMITS[2], sum(30 * DAY))
    }

    /// Whether `actor` may move this for the account; counts what a delegate moves if `used`.
    fn right(&mut self, actor: Address, from: usize, currency: usize) -> bool {
        let delegate = actor == STRANGER && PARTIES[from] == BOB && currency == 0;
        Self::owner(from) == actor || delegate
    }

    fn delegate_used(&self) -> u128 {
        let (begin, used) = self.delegated;
        if self.now < begin + DELEGATION_PERIOD { used } else { 0 }
    }

    fn pay(&mut self, pay: &Pay) -> Verdict {
        let &Pay { actor, hold, reference, from, to, currency, amount, memo, lasts } = pay;
        if !self.right(actor, from, currency) {
            return Verdict::Unknown;
        }
        let kind = if hold { 3 } else { 1 };
        let expires = if hold { self.now + lasts } else { 0 };
        let key = (PARTIES[from], reference);
        if let Some(first) = self.entries.get(&key) {
            let same = first.kind == kind
                && first.to == Some(to)
                && first.currency == currency
                && first.amount == amount
                && first.memo == memo
                && (!hold || first.expires == expires);
            return if same { Verdict::Done } else { Verdict::Unknown };
        }
        let delegate = Self::owner(from) != actor;
        let delegation_fits = !delegate || self.delegate_used().saturating_add(amount) <= DELEGATED;
        let fine = amount > 0
            && from != to
            && (!hold || lasts > 0)
            && self.may_pay(from)
            && self.may_be_paid(to)
            && self.within_limits(from, currency, amount)
            && delegation_fits
            && amount <= self.available(from, currency);
        if !fine {
            return Verdict::Refused;
        }
        if PARTIES[from] == ALICE && currency == 0 {
            self.paid.push((self.now, amount));
        }
        if delegate {
            let used = self.delegate_used();
            let begin = if self.now < self.delegated.0 + DELEGATION_PERIOD {
                self.delegated.0
            } else {
                self.now
            };
            self.delegated = (begin, used + amount);
        }
        let review = PARTIES[to] == CAROL && PARTIES[from] != CAROL;
        let approvals = PARTIES[from] == ALICE && currency == 0 && amount >= THRESHOLD;
        let status = match (approvals, review, hold) {
            (true, ..) => Status::PendingApproval,
            (_, true, _) => Status::UnderReview,
            (_, _, true) => Status::Held,
            _ => Status::Settled,
        };
        let deadline = match status {
            _ if hold => expires,
            Status::PendingApproval => self.now + u64::from(POLICY_TIME),
            Status::UnderReview => self.now + REVIEW_TIME,
            _ => 0,
        };
        if status == Status::Settled {
            self.take(from, currency, amount);
            self.add(to, currency, amount);
        } else {
            self.hold(from, currency, amount);
        }
        let entry = Entry {
            kind,
            to: Some(to),
            currency,
            amount,
            memo,
            status,
            expires: deadline,
            captured: 0,
            reversed: 0,
            approved_by: BTreeSet::new(),
            initiator: actor,
            review,
        };
        self.entries.insert(key, entry);
        Verdict::Done
    }

    /// Posts a part of what waits, if everybody still may.
    fn post_held(&mut self, payer: usize, entry: &Entry, amount: u128) -> bool {
        let to = entry.to.unwrap();
        if !self.may_pay(payer) || !self.may_be_paid(to) {
            return false;
        }
        self.take(payer, entry.currency, amount);
        self.unhold(payer, entry.currency, amount);
        self.add(to, entry.currency, amount);
        true
    }

    /// Goes on once nothing is in the way any more.
    fn proceed(&mut self, payer: usize, reference: u128) -> bool {
        let key = (PARTIES[payer], reference);
        let entry = self.entries[&key].clone();
        let status = if entry.kind == 3 {
            Status::Held
        } else if self.post_held(payer, &entry, entry.amount) {
            Status::Settled
        } else {
            return false;
        };
        self.entries.get_mut(&key).unwrap().status = status;
        true
    }

    /// Gives back what an entry holds.
    fn end(&mut self, payer: usize, reference: u128, status: Status) {
        let entry = self.entries.get_mut(&(PARTIES[payer], reference)).unwrap();
        let rest = entry.amount - entry.captured;
        entry.status = if entry.captured > 0 { Status::Settled } else { status };
        let currency = entry.currency;
        self.unhold(payer, currency, rest);
    }

    fn send(&mut self, from: usize, to: usize, currency: usize, amount: u128) -> bool {
        let review = PARTIES[to] == CAROL && PARTIES[from] != CAROL;
        let approvals = PARTIES[from] == ALICE && currency == 0 && amount >= THRESHOLD;
        let fine = from != to
            && self.may_pay(from)
            && self.may_be_paid(to)
            && self.within_limits(from, currency, amount)
            && amount <= self.available(from, currency)
            && !review
            && !approvals;
        if !fine {
            return false;
        }
        if PARTIES[from] == ALICE && currency == 0 {
            self.paid.push((self.now, amount));
        }
        self.take(from, currency, amount);
        self.add(to, currency, amount);
        true
    }

    /// Carries out a step. Returns whether it succeeds.
    pub fn apply(&mut self, step: &Step) -> bool {
        match *step {
            Step::Issue { reference, to, currency, amount } => {
                let content = |e: &Entry| {
                    e.kind == 2 && e.to == Some(to) && e.currency == currency && e.amount == amount
                };
                if let Some(first) = self.entries.get(&(ISSUER, reference)) {
                    return content(first);
                }
                let supply = self.supply[&currency];
                let fits = supply.checked_add(amount).is_some_and(|sum| sum <= CAP);
                if amount == 0 || !self.may_be_paid(to) || !fits {
                    return false;
                }
                self.add(to, currency, amount);
                self.supply.insert(currency, supply + amount);
                let entry = settled(2, Some(to), currency, amount);
                self.entries.insert((ISSUER, reference), entry);
                true
            }
            Step::Redeem { reference, from, currency, amount } => {
                // The issuer is BOB's delegate to redeem USD.
                if PARTIES[from] != BOB || currency != 0 {
                    return false;
                }
                if let Some(first) = self.entries.get(&(BOB, reference)) {
                    return first.kind == 4 && first.amount == amount;
                }
                if amount == 0 || !self.may_pay(from) || amount > self.available(from, currency) {
                    return false;
                }
                self.take(from, currency, amount);
                *self.supply.get_mut(&currency).unwrap() -= amount;
                self.entries.insert((BOB, reference), settled(4, None, currency, amount));
                true
            }
            Step::Pay(ref pay) => matches!(self.pay(pay), Verdict::Done),
            Step::Batch { actor, ref pays } => {
                for pay in pays {
                    let pay = Pay { actor, ..pay.clone() };
                    if let Verdict::Refused = self.pay(&pay) {
                        let &Pay {
                            hold, reference, from, to, currency, amount, memo, lasts, ..
                        } = &pay;
                        let kind = if hold { 3 } else { 1 };
                        let expires = if hold { self.now + lasts } else { 0 };
                        let entry = Entry {
                            kind,
                            memo,
                            status: Status::Rejected,
                            expires,
                            ..settled(kind, Some(to), currency, amount)
                        };
                        self.entries.insert((PARTIES[from], reference), entry);
                    }
                }
                true
            }
            Step::Capture { actor, payer, reference, amount } => {
                let key = (PARTIES[payer], reference);
                let Some(entry) = self.entries.get(&key).cloned() else { return false };
                let Some(to) = entry.to else { return false };
                let fine = Self::owner(to) == actor
                    && entry.status == Status::Held
                    && self.now <= entry.expires
                    && amount > 0
                    && amount <= entry.amount - entry.captured;
                if !fine || !self.post_held(payer, &entry, amount) {
                    return false;
                }
                let entry = self.entries.get_mut(&key).unwrap();
                entry.captured += amount;
                if entry.captured == entry.amount {
                    entry.status = Status::Settled;
                }
                true
            }
            Step::Void { actor, payer, reference } => {
                let entry = self.entries.get(&(PARTIES[payer], reference));
                let fine = entry.is_some_and(|entry| {
                    let payee = entry.to.is_some_and(|to| Self::owner(to) == actor);
                    payee && entry.status == Status::Held
                });
                if fine {
                    self.end(payer, reference, Status::Voided);
                }
                fine
            }
            Step::Expire { payer, reference } => {
                let entry = self.entries.get(&(PARTIES[payer], reference));
                let fine =
                    entry.is_some_and(|entry| waits(entry.status) && self.now > entry.expires);
                if fine {
                    self.end(payer, reference, Status::Expired);
                }
                fine
            }
            Step::Reverse { actor, reference, payer, original, amount } => {
                self.reverse(actor, reference, payer, original, amount)
            }
            Step::Approve { actor, payer, reference } => {
                let key = (PARTIES[payer], reference);
                let fine = self.entries.get(&key).is_some_and(|entry| {
                    entry.status == Status::PendingApproval
                        && self.now <= entry.expires
                        && [BOB, CAROL].contains(&actor)
                        && actor != entry.initiator
                        && !entry.approved_by.contains(&actor)
                });
                if !fine {
                    return false;
                }
                let entry = self.entries.get_mut(&key).unwrap();
                if entry.review {
                    entry.approved_by.insert(actor);
                    entry.status = Status::UnderReview;
                    if entry.kind != 3 {
                        entry.expires = self.now + REVIEW_TIME;
                    }
                    return true;
                }
                if self.proceed(payer, reference) {
                    self.entries.get_mut(&key).unwrap().approved_by.insert(actor);
                    return true;
                }
                false
            }
            Step::Disapprove { actor, payer, reference } => {
                let entry = self.entries.get(&(PARTIES[payer], reference));
                let approver = PARTIES[payer] == ALICE && [BOB, CAROL].contains(&actor);
                let fine = entry.is_some_and(|entry| {
                    entry.status == Status::PendingApproval
                        && (Self::owner(payer) == actor || approver)
                });
                if fine {
                    self.end(payer, reference, Status::Rejected);
                }
                fine
            }
            Step::Decide { actor, payer, reference, accept } => {
                let entry = self.entries.get(&(PARTIES[payer], reference));
                let fine = actor == RISK_OFFICER
                    && entry.is_some_and(|entry| {
                        entry.status == Status::UnderReview
                            && (!accept || self.now <= entry.expires)
                    });
                if !fine {
                    return false;
                }
                if accept {
                    return self.proceed(payer, reference);
                }
                self.end(payer, reference, Status::Rejected);
                true
            }
            Step::Send { from, to, currency, amount } => {
                PARTIES[from] != TREASURY && self.send(from, to, currency, amount)
            }
            Step::Allow { owner, spender, currency, amount } => {
                let value = if amount == u128::MAX { U256::MAX } else { u(amount) };
                self.allowances.insert((owner, spender, currency), value);
                true
            }
            Step::SendFrom { spender, from, to, currency, amount } => {
                let key = (from, spender, currency);
                let allowance = self.allowances.get(&key).copied().unwrap_or_default();
                if PARTIES[from] == TREASURY || allowance < u(amount) {
                    return false;
                }
                let done = self.send(from, to, currency, amount);
                if done && allowance != U256::MAX {
                    self.allowances.insert(key, allowance - u(amount));
                }
                done
            }
            Step::Freeze { account, sides } => {
                // A freeze gives way only to a stronger one.
                if self.frozen.get(&account).is_some_and(|before| before & !sides != 0) {
                    return false;
                }
                self.frozen.insert(account, sides);
                true
            }
            Step::Release { account } => self.frozen.remove(&account).is_some(),
            Step::Pass { seconds } => {
                self.now += seconds;
                true
            }
        }
    }

    fn reverse(
        &mut self,
        actor: Address,
        reference: u128,
        payer: usize,
        original: u128,
        amount: u128,
    ) -> bool {
        let key = (PARTIES[payer], original);
        let Some(entry) = self.entries.get(&key).cloned() else { return false };
        let Some(payee) = entry.to else { return false };
        if Self::owner(payee) != actor {
            return false;
        }
        if let Some(first) = self.entries.get(&(PARTIES[payee], reference)) {
            // The memo of a reversal in the model: what it reverses.
            let memo = u8::try_from(payer * 16).unwrap() + u8::try_from(original).unwrap();
            return first.kind == 5
                && first.memo == memo
                && first.amount == amount
                && first.currency == entry.currency;
        }
        let posted = match (entry.kind, entry.status) {
            (3, _) => entry.captured,
            (1, Status::Settled | Status::Reversed) => entry.amount,
            _ => return false,
        };
        let fine = amount > 0
            && amount <= posted - entry.reversed
            && payer != payee
            && self.may_pay(payee)
            && self.may_be_paid(payer)
            && amount <= self.available(payee, entry.currency);
        if !fine {
            return false;
        }
        self.take(payee, entry.currency, amount);
        self.add(payer, entry.currency, amount);
        let memo = u8::try_from(payer * 16).unwrap() + u8::try_from(original).unwrap();
        let reversal = Entry { memo, ..settled(5, Some(payer), entry.currency, amount) };
        self.entries.insert((PARTIES[payee], reference), reversal);
        let entry = self.entries.get_mut(&key).unwrap();
        entry.reversed += amount;
        if !waits(entry.status) && entry.reversed == posted {
            entry.status = Status::Reversed;
        }
        true
    }

    /// Panics unless the engines show what the model expects. `ask` calls a function that only reads: of
    /// which engine, with which call data.
    pub fn compare(&self, ask: &mut dyn FnMut(Address, &[u8]) -> Bytes) {
        let mut ask = Asking(ask);
        for (c, &currency) in CURRENCIES.iter().enumerate() {
            let face = face_address(currency.try_into().unwrap());
            let mut sum = 0;
            for (a, &account) in PARTIES.iter().enumerate() {
                let balance = ask.ok(LEDGER, &ILedger::balanceOfCall { account, currency });
                let (posted, held) = (self.posted[&(a, c)], self.held[&(a, c)]);
                assert_eq!((balance.posted, balance.held), (posted, held), "{account} {currency}");
                assert!(balance.held <= balance.posted);
                let shown = ask.ok(face, &ICurrencyToken::balanceOfCall { account });
                assert_eq!(shown, u(posted - held));
                sum += posted;
            }
            assert_eq!(
                ask.ok(LEDGER, &ILedger::supplyCall { code: currency }),
                sum,
                "the sum of posted balances is the supply"
            );
            assert_eq!(self.supply[&c], sum);
            assert_eq!(ask.ok(face, &ICurrencyToken::totalSupplyCall {}), u(sum));
        }
        for (&(account, n), entry) in &self.entries {
            let call = ILedger::transferOfCall { account, clientReference: reference(n) };
            let seen = ask.ok(LEDGER, &call);
            let expected = (entry.kind, entry.status as u8, entry.amount);
            assert_eq!((seen.kind, seen.status, seen.amount), expected, "{account} {n}");
            assert_eq!((seen.captured, seen.reversed), (entry.captured, entry.reversed));
            let posted = if entry.kind == 3 { seen.captured } else { seen.amount };
            assert!(seen.reversed <= posted);
        }
    }
}

struct Asking<'a>(&'a mut dyn FnMut(Address, &[u8]) -> Bytes);

impl Asking<'_> {
    fn ok<C: SolCall>(&mut self, engine: Address, call: &C) -> C::Return {
        C::abi_decode_returns_validate(&(self.0)(engine, &call.abi_encode())).unwrap()
    }
}

fn settled(kind: u8, to: Option<usize>, currency: usize, amount: u128) -> Entry {
    Entry {
        kind,
        to,
        currency,
        amount,
        memo: 0,
        status: Status::Settled,
        expires: 0,
        captured: 0,
        reversed: 0,
        approved_by: BTreeSet::new(),
        initiator: Address::ZERO,
        review: false,
    }
}

pub(crate) fn waits(status: Status) -> bool {
    matches!(status, Status::PendingApproval | Status::UnderReview | Status::Held)
}
