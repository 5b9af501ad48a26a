//! The invariants of the ledger after random histories, against a naive model that keeps lists and
//! adds up.
//!
//! - 1: per currency, the sum of posted balances is the supply.
//! - 2: `held <= posted`.
//! - 3: a reference settles at most once.
//! - 4: captures and what is given back of a hold are the hold, once it has ended.
//! - 5: the sum of reversals is at most what was posted.
//! - 6: no posting without a right to it.
//! - 7: no posting by or to a closed account, nor on a frozen side.
//! - 8: the sums of a day and of 30 days never pass the limit.
//! - 9: the face shows posted less held, and the supply.
//! - 10: running out of gas changes nothing.
//! - 12: events say what the balances did (by [`crate::books`], after every step).
//!
//! 11, the same block gives the same root, is the executor's (`evm/exec`). The model knows no risk
//! rules: their weights are zero here, `risk/` has its own.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, FixedBytes, U256};
use alloy_sol_types::SolCall;
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::risk::records::{DAY, TERMS, Terms};
use crate::testing::{
    ALICE, BOB, CAROL, CLOSED, EUR, FEED_MANAGER, FROZEN, ISSUER, OFFICER, REGISTRAR, RISK_OFFICER,
    SECOND_OFFICER, STRANGER, TREASURY, USD, World, freezing, reference, u,
};
use crate::{
    ACCOUNTS, COMPLIANCE, Call, HostError, IAccounts, ICompliance, ICurrencyToken, ILedger,
    IOracle, LEDGER, ORACLE, Outcome, books, face_address, price_feed_address,
};

/// CAROL lives where payments from the others are reviewed; CLOSED is closed.
const PARTIES: [Address; 6] = [ALICE, BOB, CAROL, TREASURY, FROZEN, CLOSED];
const CURRENCIES: [FixedBytes<3>; 2] = [USD, EUR];
const CAP: u128 = 100_000_000;
/// ALICE's own limits in USD: at once, in a day, in 30 days.
const LIMITS: [u128; 3] = [60_000, 90_000, 120_000];
/// ALICE's payments of so much USD need BOB's or CAROL's word, within [`POLICY_TIME`].
const THRESHOLD: u128 = 20_000;
const POLICY_TIME: u32 = 5_000;
/// What STRANGER may move for BOB in USD in a period.
const DELEGATED: u128 = 400;
const DELEGATION_PERIOD: u64 = 3_000;
/// Histories; `PROPTEST_CASES` makes it more.
const HISTORIES: u32 = 1_500;

/// A payment or hold as a step asks for it.
#[derive(Clone, Debug)]
struct Pay {
    actor: Address,
    hold: bool,
    reference: u128,
    from: usize,
    to: usize,
    currency: usize,
    amount: u128,
    memo: u8,
    lasts: u64,
}

/// One step of a history; indices point into the tables above.
#[derive(Clone, Debug)]
enum Step {
    Issue { reference: u128, to: usize, currency: usize, amount: u128 },
    Redeem { reference: u128, from: usize, currency: usize, amount: u128 },
    Pay(Pay),
    Batch { actor: Address, pays: Vec<Pay> },
    Capture { actor: Address, payer: usize, reference: u128, amount: u128 },
    Void { actor: Address, payer: usize, reference: u128 },
    Expire { payer: usize, reference: u128 },
    Reverse { actor: Address, reference: u128, payer: usize, original: u128, amount: u128 },
    Approve { actor: Address, payer: usize, reference: u128 },
    Disapprove { actor: Address, payer: usize, reference: u128 },
    Decide { actor: Address, payer: usize, reference: u128, accept: bool },
    Send { from: usize, to: usize, currency: usize, amount: u128 },
    Allow { owner: usize, spender: usize, currency: usize, amount: u128 },
    SendFrom { spender: usize, from: usize, to: usize, currency: usize, amount: u128 },
    Freeze { account: usize, sides: u8 },
    Release { account: usize },
    Pass { seconds: u64 },
}

fn amounts() -> impl Strategy<Value = u128> {
    prop_oneof![
        6 => 0..2_000_u128,
        3 => 0..70_000_u128,
        1 => Just(CAP),
        1 => Just(u128::MAX),
    ]
}

/// Turns most payments into the owner's own, and most steps about a transfer towards one for which they
/// are meant, by who may take them: else histories rarely meet what they made.
fn aimed(step: Step, aim: usize, model: &Model) -> Step {
    let find = |fits: &dyn Fn(&Entry) -> bool| {
        let found: Vec<_> = model
            .entries
            .iter()
            .filter(|((account, _), entry)| *account != ISSUER && fits(entry))
            .collect();
        let index = aim.checked_rem(found.len())?;
        let (&(account, reference), entry) = found[index];
        let payer = PARTIES.iter().position(|&party| party == account).unwrap();
        Some((payer, reference, entry.clone()))
    };
    let payee = |entry: &Entry| entry.to.map_or(STRANGER, Model::owner);
    let held = || find(&|entry| entry.status == Status::Held);
    let pending = || find(&|entry| entry.status == Status::PendingApproval);
    let aimed = match step.clone() {
        Step::Pay(pay) => Some(Step::Pay(Pay { actor: Model::owner(pay.from), ..pay })),
        Step::Batch { pays, .. } => Some(Step::Batch { actor: ALICE, pays }),
        Step::Capture { amount, .. } => held().map(|(payer, reference, entry)| {
            let rest = entry.amount - entry.captured;
            let amount = if aim.is_multiple_of(3) { rest } else { amount % (rest + 2) };
            Step::Capture { actor: payee(&entry), payer, reference, amount }
        }),
        Step::Void { .. } => held().map(|(payer, reference, entry)| Step::Void {
            actor: payee(&entry),
            payer,
            reference,
        }),
        Step::Expire { .. } => find(&|entry| waits(entry.status))
            .map(|(payer, reference, _)| Step::Expire { payer, reference }),
        Step::Reverse { reference, amount, .. } => {
            find(&|entry| entry.kind == 1 || entry.captured > 0).map(|(payer, original, entry)| {
                let amount = if aim.is_multiple_of(3) { entry.amount } else { amount };
                Step::Reverse { actor: payee(&entry), reference, payer, original, amount }
            })
        }
        Step::Approve { .. } => pending().map(|(payer, reference, _)| Step::Approve {
            actor: [BOB, CAROL][aim % 2],
            payer,
            reference,
        }),
        Step::Disapprove { .. } => pending().map(|(payer, reference, _)| Step::Disapprove {
            actor: [ALICE, CAROL][aim % 2],
            payer,
            reference,
        }),
        Step::Decide { accept, .. } => {
            find(&|entry| entry.status == Status::UnderReview).map(|(payer, reference, _)| {
                Step::Decide { actor: RISK_OFFICER, payer, reference, accept }
            })
        }
        Step::SendFrom { to, amount, .. } => {
            let index = aim.checked_rem(model.allowances.len());
            index.and_then(|index| model.allowances.iter().nth(index)).map(
                |(&(from, spender, currency), &allowance)| {
                    let most = u128::try_from(allowance).unwrap_or(u128::MAX).min(5_000);
                    let amount = if aim.is_multiple_of(3) { most } else { amount % 5_000 };
                    Step::SendFrom { spender, from, to, currency, amount }
                },
            )
        }
        _ => None,
    };
    aimed.unwrap_or(step)
}

/// A step, and where it is aimed, if it is.
fn aimed_step() -> impl Strategy<Value = (Step, Option<usize>)> {
    (step(), prop::option::weighted(0.85, 0..1_000_usize))
}

fn aim((step, aim): &(Step, Option<usize>), model: &Model) -> Step {
    match aim {
        Some(aim) => aimed(step.clone(), *aim, model),
        None => step.clone(),
    }
}

fn actors() -> impl Strategy<Value = Address> + Clone {
    prop_oneof![
        6 => Just(ALICE),
        4 => Just(BOB),
        3 => Just(CAROL),
        2 => Just(STRANGER),
        1 => Just(FROZEN),
        1 => Just(CLOSED),
    ]
}

// Few references and accounts, so that they meet.
const REFERENCES: std::ops::Range<u128> = 1..16;
const PAYERS: std::ops::Range<usize> = 0..PARTIES.len();

/// Mostly those who have money.
fn payers() -> impl Strategy<Value = usize> + Clone {
    prop_oneof![5 => Just(0_usize), 2 => Just(1), 1 => Just(2), 2 => Just(3), 1 => Just(4), 1 => Just(5)]
}

/// Mostly those who may be paid.
fn payees() -> impl Strategy<Value = usize> + Clone {
    prop_oneof![1 => Just(0_usize), 4 => Just(1), 3 => Just(2), 1 => Just(3), 1 => Just(4), 1 => Just(5)]
}

fn pay() -> impl Strategy<Value = Pay> {
    let who = (actors(), REFERENCES, payers(), payees(), 0..CURRENCIES.len());
    let what = (prop::bool::weighted(0.4), amounts(), 0..2_u8, 0..9_000_u64);
    (who, what).prop_map(|((actor, reference, from, to, currency), (hold, amount, memo, lasts))| {
        Pay { actor, hold, reference, from, to, currency, amount, memo, lasts }
    })
}

fn step() -> impl Strategy<Value = Step> {
    let currency = 0..CURRENCIES.len();
    let transfer = (actors(), PAYERS, REFERENCES);
    prop_oneof![
        2 => (REFERENCES, PAYERS, currency.clone(), amounts())
            .prop_map(|(reference, to, currency, amount)| Step::Issue { reference, to, currency, amount }),
        2 => (REFERENCES, PAYERS, currency.clone(), amounts())
            .prop_map(|(reference, from, currency, amount)| Step::Redeem { reference, from, currency, amount }),
        12 => pay().prop_map(Step::Pay),
        3 => (actors(), prop::collection::vec(pay(), 0..4))
            .prop_map(|(actor, pays)| Step::Batch { actor, pays }),
        5 => (transfer.clone(), amounts())
            .prop_map(|((actor, payer, reference), amount)| Step::Capture { actor, payer, reference, amount }),
        2 => transfer.clone().prop_map(|(actor, payer, reference)| Step::Void { actor, payer, reference }),
        3 => transfer.clone().prop_map(|(_, payer, reference)| Step::Expire { payer, reference }),
        4 => (transfer.clone(), REFERENCES, amounts()).prop_map(|((actor, payer, original), reference, amount)| {
            Step::Reverse { actor, reference, payer, original, amount }
        }),
        3 => transfer.clone().prop_map(|(actor, payer, reference)| Step::Approve { actor, payer, reference }),
        1 => transfer.clone().prop_map(|(actor, payer, reference)| Step::Disapprove { actor, payer, reference }),
        3 => (transfer, any::<bool>(), prop::bool::weighted(0.7)).prop_map(
            |((actor, payer, reference), accept, officer)| {
                Step::Decide { actor: if officer { RISK_OFFICER } else { actor }, payer, reference, accept }
            }),
        3 => (payers(), payees(), currency.clone(), amounts())
            .prop_map(|(from, to, currency, amount)| Step::Send { from, to, currency, amount }),
        2 => (payers(), payees(), currency.clone(), amounts())
            .prop_map(|(owner, spender, currency, amount)| Step::Allow { owner, spender, currency, amount }),
        3 => (payees(), payers(), payees(), currency, amounts())
            .prop_map(|(spender, from, to, currency, amount)| {
                Step::SendFrom { spender, from, to, currency, amount }
            }),
        1 => (0..3_usize, 1..4_u8).prop_map(|(account, sides)| Step::Freeze { account, sides }),
        2 => (0..PARTIES.len()).prop_map(|account| Step::Release { account }),
        3 => prop_oneof![0..4_000_u64, Just(DAY), Just(8 * DAY), Just(30 * DAY)]
            .prop_map(|seconds| Step::Pass { seconds }),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
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
struct Entry {
    kind: u8,
    /// `None`: redeemed.
    to: Option<usize>,
    currency: usize,
    amount: u128,
    memo: u8,
    status: Status,
    expires: u64,
    captured: u128,
    reversed: u128,
    approved_by: BTreeSet<Address>,
    initiator: Address,
    review: bool,
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
struct Model {
    now: u64,
    posted: BTreeMap<(usize, usize), u128>,
    held: BTreeMap<(usize, usize), u128>,
    supply: BTreeMap<usize, u128>,
    entries: BTreeMap<(Address, u128), Entry>,
    allowances: BTreeMap<(usize, usize, usize), U256>,
    frozen: BTreeMap<usize, u8>,
    /// What ALICE paid in USD: when and how much.
    paid: Vec<(u64, u128)>,
    /// What STRANGER moved for BOB in the period that began then.
    delegated: (u64, u128),
}

impl Model {
    fn of(world: &mut World) -> Self {
        let mut model = Self { now: now(world), ..Self::default() };
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

    fn owner(account: usize) -> Address {
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
            Status::UnderReview => self.now + crate::ledger::post::REVIEW_TIME,
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

    /// Whether the step succeeds.
    fn apply(&mut self, step: &Step) -> bool {
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
                        entry.expires = self.now + crate::ledger::post::REVIEW_TIME;
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

    fn compare(&self, world: &mut World) {
        for (c, &currency) in CURRENCIES.iter().enumerate() {
            let face = face_address(currency.try_into().unwrap());
            let mut sum = 0;
            for (a, &account) in PARTIES.iter().enumerate() {
                let balance = world.ok(BOB, LEDGER, &ILedger::balanceOfCall { account, currency });
                let (posted, held) = (self.posted[&(a, c)], self.held[&(a, c)]);
                assert_eq!((balance.posted, balance.held), (posted, held), "{account} {currency}");
                assert!(balance.held <= balance.posted);
                let shown = world.ok(BOB, face, &ICurrencyToken::balanceOfCall { account });
                assert_eq!(shown, u(posted - held));
                sum += posted;
            }
            assert_eq!(world.supply(currency), sum, "the sum of posted balances is the supply");
            assert_eq!(self.supply[&c], sum);
            assert_eq!(world.ok(BOB, face, &ICurrencyToken::totalSupplyCall {}), u(sum));
        }
        for (&(account, n), entry) in &self.entries {
            let seen = world.transfer(account, n);
            let expected = (entry.kind, entry.status as u8, entry.amount);
            assert_eq!((seen.kind, seen.status, seen.amount), expected, "{account} {n}");
            assert_eq!((seen.captured, seen.reversed), (entry.captured, entry.reversed));
            let posted = if entry.kind == 3 { seen.captured } else { seen.amount };
            assert!(seen.reversed <= posted);
        }
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

fn waits(status: Status) -> bool {
    matches!(status, Status::PendingApproval | Status::UnderReview | Status::Held)
}

fn now(world: &World) -> u64 {
    crate::Host::block(&world.host).timestamp
}

/// The world of the histories: limits, a policy, a corridor and delegations; risk rules without
/// weight.
fn world() -> World {
    let mut world = World::new();
    for code in CURRENCIES {
        let slot = TERMS.entry(&code.try_into().unwrap());
        let silent = Terms { review: 255, reject: 255, version: 1, ..Terms::default() };
        slot.store(&mut world.host, &silent).unwrap();
    }
    let slots = crate::accounts::records::PROFILES.entry(&CAROL);
    let head = slots.head.load(&mut world.host).unwrap();
    let abroad = crate::accounts::records::Head { jurisdiction: FixedBytes(*b"KY"), ..head };
    slots.head.store(&mut world.host, &abroad).unwrap();
    let corridor = ICompliance::setCorridorCall {
        from: FixedBytes(*b"CH"),
        to: FixedBytes(*b"KY"),
        corridor: 2,
        watched: false,
    };
    world.ok(OFFICER, COMPLIANCE, &corridor);
    let [per_payment, per_day, per_thirty_days] = LIMITS;
    let limits = IAccounts::setLimitsCall {
        account: ALICE,
        currency: USD,
        perPayment: per_payment,
        perDay: per_day,
        perThirtyDays: per_thirty_days,
    };
    world.ok(REGISTRAR, ACCOUNTS, &limits);
    for approver in [BOB, CAROL] {
        let call = IAccounts::setApproverCall { account: ALICE, approver, allowed: true };
        world.ok(ALICE, ACCOUNTS, &call);
    }
    let call = IAccounts::setThresholdCall { account: ALICE, currency: USD, threshold: THRESHOLD };
    world.ok(ALICE, ACCOUNTS, &call);
    let policy = IAccounts::setPolicyCall { account: ALICE, required: 1, time: POLICY_TIME };
    world.ok(ALICE, ACCOUNTS, &policy);
    for (delegate, kinds, cap) in [(STRANGER, 0b1010, DELEGATED), (ISSUER, 0b1_0000, u128::MAX)] {
        let delegation = IAccounts::setDelegationCall {
            account: BOB,
            delegate,
            currency: USD,
            kinds,
            listedOnly: false,
            cap,
            period: u32::try_from(DELEGATION_PERIOD).unwrap(),
            validUntil: u64::from(u32::MAX),
        };
        world.ok(BOB, ACCOUNTS, &delegation);
    }
    world
}

fn order(pay: &Pay, now: u64) -> ILedger::Order {
    ILedger::Order {
        clientReference: reference(pay.reference),
        kind: if pay.hold { 3 } else { 1 },
        from: PARTIES[pay.from],
        to: PARTIES[pay.to],
        currency: CURRENCIES[pay.currency],
        amount: pay.amount,
        expires: if pay.hold { now + pay.lasts } else { 0 },
        endToEndId: B256::repeat_byte(pay.memo),
        payloadHash: B256::repeat_byte(pay.memo / 2),
    }
}

/// The transaction of a step: caller, engine, call data. Time passes without one.
fn transaction(step: &Step, now: u64) -> Option<(Address, Address, Vec<u8>)> {
    let face = |currency: usize| face_address(CURRENCIES[currency].try_into().unwrap());
    let value = |amount: u128| if amount == u128::MAX { U256::MAX } else { u(amount) };
    Some(match *step {
        Step::Issue { reference: n, to, currency, amount } => {
            let (to, currency) = (PARTIES[to], CURRENCIES[currency]);
            let call = ILedger::issueCall { clientReference: reference(n), to, currency, amount };
            (ISSUER, LEDGER, call.abi_encode())
        }
        Step::Redeem { reference: n, from, currency, amount } => {
            let call = ILedger::redeemCall {
                clientReference: reference(n),
                from: PARTIES[from],
                currency: CURRENCIES[currency],
                amount,
            };
            (ISSUER, LEDGER, call.abi_encode())
        }
        Step::Pay(ref pay) if pay.hold => {
            let order = order(pay, now);
            let call = ILedger::holdCall {
                clientReference: order.clientReference,
                from: order.from,
                to: order.to,
                currency: order.currency,
                amount: order.amount,
                expires: order.expires,
                endToEndId: order.endToEndId,
                payloadHash: order.payloadHash,
            };
            (pay.actor, LEDGER, call.abi_encode())
        }
        Step::Pay(ref pay) => {
            let order = order(pay, now);
            let call = ILedger::transferCall {
                clientReference: order.clientReference,
                from: order.from,
                to: order.to,
                currency: order.currency,
                amount: order.amount,
                endToEndId: order.endToEndId,
                payloadHash: order.payloadHash,
            };
            (pay.actor, LEDGER, call.abi_encode())
        }
        Step::Batch { actor, ref pays } => {
            let orders = pays.iter().map(|pay| order(pay, now)).collect();
            (actor, LEDGER, ILedger::batchCall { orders }.abi_encode())
        }
        Step::Capture { actor, payer, reference: n, amount } => {
            let (account, reference) = (PARTIES[payer], reference(n));
            let call = ILedger::captureCall { account, clientReference: reference, amount };
            (actor, LEDGER, call.abi_encode())
        }
        Step::Void { actor, payer, reference: n } => {
            let (account, reference) = (PARTIES[payer], reference(n));
            let call = ILedger::voidHoldCall { account, clientReference: reference };
            (actor, LEDGER, call.abi_encode())
        }
        Step::Expire { payer, reference: n } => {
            let (account, reference) = (PARTIES[payer], reference(n));
            let call = ILedger::expireCall { account, clientReference: reference };
            (STRANGER, LEDGER, call.abi_encode())
        }
        Step::Reverse { actor, reference: n, payer, original, amount } => {
            let call = ILedger::reverseCall {
                clientReference: reference(n),
                payer: PARTIES[payer],
                original: reference(original),
                amount,
                reason: FixedBytes(*b"CUST"),
            };
            (actor, LEDGER, call.abi_encode())
        }
        Step::Approve { actor, payer, reference: n } => {
            let (account, reference) = (PARTIES[payer], reference(n));
            let call = ILedger::approveCall { account, clientReference: reference };
            (actor, LEDGER, call.abi_encode())
        }
        Step::Disapprove { actor, payer, reference: n } => {
            let (account, reference) = (PARTIES[payer], reference(n));
            let call = ILedger::disapproveCall { account, clientReference: reference };
            (actor, LEDGER, call.abi_encode())
        }
        Step::Decide { actor, payer, reference: n, accept } => {
            let (account, reference) = (PARTIES[payer], reference(n));
            let call = ILedger::decideCall { account, clientReference: reference, accept };
            (actor, LEDGER, call.abi_encode())
        }
        Step::Send { from, to, currency, amount } => {
            let call = ICurrencyToken::transferCall { to: PARTIES[to], value: u(amount) };
            (PARTIES[from], face(currency), call.abi_encode())
        }
        Step::Allow { owner, spender, currency, amount } => {
            let (spender, value) = (PARTIES[spender], value(amount));
            let call = ICurrencyToken::approveCall { spender, value };
            (PARTIES[owner], face(currency), call.abi_encode())
        }
        Step::SendFrom { spender, from, to, currency, amount } => {
            let (from, to) = (PARTIES[from], PARTIES[to]);
            let call = ICurrencyToken::transferFromCall { from, to, value: u(amount) };
            (PARTIES[spender], face(currency), call.abi_encode())
        }
        Step::Freeze { account, sides } => {
            (OFFICER, COMPLIANCE, freezing(PARTIES[account], sides).abi_encode())
        }
        Step::Release { account } => {
            let call = ICompliance::releaseCall { account: PARTIES[account] };
            (OFFICER, COMPLIANCE, call.abi_encode())
        }
        Step::Pass { .. } => return None,
    })
}

proptest! {
    #![proptest_config(Config { cases: cases(HISTORIES), ..Config::default() })]

    #[test]
    fn random_histories_agree_with_the_model(steps in prop::collection::vec(aimed_step(), 1..40)) {
        let mut world = world();
        let mut model = Model::of(&mut world);
        for step in &steps {
            let step = &aim(step, &model);
            let at = now(&world);
            if let Step::Pass { seconds } = *step {
                world.pass(seconds);
                model.apply(step);
                continue;
            }
            let expected = model.apply(step);
            let logs = world.host.logs().len();
            let (caller, to, input) = transaction(step, at).unwrap();
            let outcome = world.raw(&Call::new(caller, to, &input)).unwrap();
            prop_assert_eq!(outcome.is_success(), expected, "{:?}: {:?}", step, outcome);
            let changes = world.host.changes(LEDGER);
            let closed = books(&changes, &world.host.logs()[logs..]);
            prop_assert!(closed.is_ok(), "{:?}: {:?}", step, closed);
            prop_assert!(expected || changes.is_empty());
            if matches!(step, Step::Release { .. }) && expected {
                world.ok(SECOND_OFFICER, COMPLIANCE, &release(step));
            }
        }
        model.compare(&mut world);
    }

    #[test]
    fn out_of_gas_changes_nothing_and_enough_gas_changes_all(
        before in prop::collection::vec(aimed_step(), 0..12),
        step in aimed_step(),
        part in 0..=1_000_u64,
    ) {
        let mut start = world();
        let mut model = Model::of(&mut start);
        for step in &before {
            let step = aim(step, &model);
            model.apply(&step);
            match step {
                Step::Pass { seconds } => start.pass(seconds),
                step => {
                    let (caller, to, input) = transaction(&step, now(&start)).unwrap();
                    start.raw(&Call::new(caller, to, &input)).unwrap();
                }
            }
        }
        let step = aim(&step, &model);
        let Some((caller, to, input)) = transaction(&step, now(&start)) else { return Ok(()) };
        let call = Call::new(caller, to, &input);
        let mut whole = start.clone();
        let expected = whole.raw(&call).unwrap();
        let full = whole.host.gas_used();

        let mut cut = start.clone();
        let limit = full.saturating_mul(part) / 1_000;
        cut.host.begin_transaction(Some(limit));
        match cut.host.call(&call) {
            Ok(outcome) => {
                // Only the rule of the stipend can ask for more than what is used in the end.
                prop_assert_eq!(&outcome, &expected);
                prop_assert_eq!(cut.host.gas_used(), full);
                prop_assert_eq!(cut.host.into_storage(), whole.host.into_storage());
            }
            Err(error) => {
                prop_assert_eq!(error, HostError::OutOfGas);
                prop_assert_eq!(cut.host.logs(), start.host.logs());
                prop_assert_eq!(cut.host.into_storage(), start.host.into_storage());
            }
        }
        prop_assert!(matches!(expected, Outcome::Success(_) | Outcome::Revert(_)));
    }

    #[test]
    fn no_call_data_makes_an_engine_fail(
        engine in 0..crate::engines().len(),
        pick in any::<usize>(),
        tail in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut world = World::new();
        let terms = IOracle::Terms {
            minReporters: 1,
            maxReporters: 1,
            deviation: 1,
            staleness: 1,
            confirmation: 0,
            minAnswer: 0,
            maxAnswer: 1,
        };
        let feed = IOracle::createFeedCall { description: "feed".into(), decimals: 0, terms };
        let feed = price_feed_address(world.ok(FEED_MANAGER, ORACLE, &feed));
        let abi = (crate::engines()[engine].abi)();
        let functions: Vec<_> = abi.functions().collect();
        let mut input = functions[pick % functions.len()].selector().to_vec();
        input.extend(tail);
        let to = crate::engines()[engine].address.unwrap_or(
            match crate::engines()[engine].interface {
                "IPriceFeed" => feed,
                _ => face_address("USD".parse().unwrap()),
            },
        );
        prop_assert!(world.raw(&Call::new(ALICE, to, &input)).is_ok());
    }
}

/// The histories reach what they are about: every kind of step succeeds, and every status occurs.
#[test]
fn histories_reach_every_step_and_status() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut succeeded: BTreeMap<String, u32> = BTreeMap::new();
    let mut statuses: BTreeMap<u8, u32> = BTreeMap::new();
    let mut reversals_in_part = 0;
    for _ in 0..600 {
        let steps = prop::collection::vec(aimed_step(), 1..40);
        let steps = steps.new_tree(&mut runner).unwrap().current();
        let mut model = Model::of(&mut world());
        for step in &steps {
            let step = &aim(step, &model);
            let name = format!("{step:?}").split([' ', '(']).next().unwrap().to_owned();
            *succeeded.entry(name).or_default() += u32::from(model.apply(step));
        }
        for entry in model.entries.values() {
            *statuses.entry(entry.status as u8).or_default() += 1;
            reversals_in_part += u32::from(entry.reversed > 0 && entry.status != Status::Reversed);
        }
    }
    assert_eq!(succeeded.len(), 17);
    assert!(succeeded.values().all(|&times| times >= 5), "{succeeded:?}");
    assert!((1..=8).all(|status| statuses[&status] >= 5), "{statuses:?}");
    assert!(reversals_in_part >= 5);
}

fn release(step: &Step) -> ICompliance::releaseCall {
    let Step::Release { account } = step else { panic!("{step:?} is no release") };
    ICompliance::releaseCall { account: PARTIES[*account] }
}

/// So many cases, or as many as `PROPTEST_CASES` says.
fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}
