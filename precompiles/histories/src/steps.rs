//! What may happen: the steps of a history, and how they are drawn.

use alloy_primitives::Address;
use proptest::prelude::*;
use qenex_precompiles::risk::records::DAY;

use crate::model::{Entry, Model, Status, waits};
use crate::setting::{CAP, CURRENCIES, PARTIES};
use crate::world::{ALICE, BOB, CAROL, CLOSED, FROZEN, ISSUER, RISK_OFFICER, STRANGER};

/// A payment or hold as a step asks for it.
#[derive(Clone, Debug)]
pub struct Pay {
    pub actor: Address,
    pub hold: bool,
    pub reference: u128,
    pub from: usize,
    pub to: usize,
    pub currency: usize,
    pub amount: u128,
    pub memo: u8,
    pub lasts: u64,
}

/// One step of a history; indices point into the tables above.
#[derive(Clone, Debug)]
pub enum Step {
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

pub fn amounts() -> impl Strategy<Value = u128> {
    prop_oneof![
        6 => 0..2_000_u128,
        3 => 0..70_000_u128,
        1 => Just(CAP),
        1 => Just(u128::MAX),
    ]
}

/// Turns most payments into the owner's own, and most steps about a transfer towards one for which they
/// are meant, by who may take them: else histories rarely meet what they made.
pub fn aimed(step: Step, aim: usize, model: &Model) -> Step {
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
pub fn aimed_step() -> impl Strategy<Value = (Step, Option<usize>)> {
    (step(), prop::option::weighted(0.85, 0..1_000_usize))
}

pub fn aim((step, aim): &(Step, Option<usize>), model: &Model) -> Step {
    match aim {
        Some(aim) => aimed(step.clone(), *aim, model),
        None => step.clone(),
    }
}

pub fn actors() -> impl Strategy<Value = Address> + Clone {
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
pub const REFERENCES: std::ops::Range<u128> = 1..16;
pub const PAYERS: std::ops::Range<usize> = 0..PARTIES.len();

/// Mostly those who have money.
pub fn payers() -> impl Strategy<Value = usize> + Clone {
    prop_oneof![5 => Just(0_usize), 2 => Just(1), 1 => Just(2), 2 => Just(3), 1 => Just(4), 1 => Just(5)]
}

/// Mostly those who may be paid.
pub fn payees() -> impl Strategy<Value = usize> + Clone {
    prop_oneof![1 => Just(0_usize), 4 => Just(1), 3 => Just(2), 1 => Just(3), 1 => Just(4), 1 => Just(5)]
}

pub fn pay() -> impl Strategy<Value = Pay> {
    let who = (actors(), REFERENCES, payers(), payees(), 0..CURRENCIES.len());
    let what = (prop::bool::weighted(0.4), amounts(), 0..2_u8, 0..9_000_u64);
    (who, what).prop_map(|((actor, reference, from, to, currency), (hold, amount, memo, lasts))| {
        Pay { actor, hold, reference, from, to, currency, amount, memo, lasts }
    })
}

pub fn step() -> impl Strategy<Value = Step> {
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
