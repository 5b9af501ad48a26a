//! The invariants of the ledger after random histories, against a naive model.
//!
//! - 1: per currency, the sum of posted balances is the supply.
//! - 2: `held <= posted`.
//! - 3: a reference settles at most once.
//! - 9: the face shows posted less held, and the supply.
//! - 10: running out of gas changes nothing.
//! - 12: events say what the balances did (by [`crate::books`], after every step).

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, FixedBytes, U256};
use alloy_sol_types::SolCall;
use proptest::prelude::*;

use crate::testing::{ALICE, BOB, CAROL, EUR, FROZEN, ISSUER, TREASURY, USD, World, reference, u};
use crate::{Call, HostError, ICurrencyToken, ILedger, LEDGER, Outcome, books, face_address};

const ACCOUNTS: [Address; 5] = [ALICE, BOB, CAROL, TREASURY, FROZEN];
const CURRENCIES: [FixedBytes<3>; 2] = [USD, EUR];
const CAP: u128 = 100_000_000;

/// One step of a history; indices point into the tables above.
#[derive(Clone, Debug)]
enum Step {
    Issue { reference: u128, to: usize, currency: usize, amount: u128 },
    Transfer { reference: u128, from: usize, to: usize, currency: usize, amount: u128, memo: u8 },
    Send { from: usize, to: usize, currency: usize, amount: u128 },
    Approve { owner: usize, spender: usize, currency: usize, amount: u128 },
    SendFrom { spender: usize, from: usize, to: usize, currency: usize, amount: u128 },
    Hold { account: usize, currency: usize, part: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let account = 0..ACCOUNTS.len();
    let currency = 0..CURRENCIES.len();
    let amount = prop_oneof![
        4 => 0..2_000_u128,
        2 => 0..120_000_u128,
        1 => Just(CAP),
        1 => Just(u128::MAX),
    ];
    // Few references, so that they are used again.
    let reference = 1..12_u128;
    prop_oneof![
        1 => (reference.clone(), account.clone(), currency.clone(), amount.clone())
            .prop_map(|(reference, to, currency, amount)| Step::Issue { reference, to, currency, amount }),
        4 => (reference, account.clone(), account.clone(), currency.clone(), amount.clone(), 0..3_u8)
            .prop_map(|(reference, from, to, currency, amount, memo)| {
                Step::Transfer { reference, from, to, currency, amount, memo }
            }),
        3 => (account.clone(), account.clone(), currency.clone(), amount.clone())
            .prop_map(|(from, to, currency, amount)| Step::Send { from, to, currency, amount }),
        1 => (account.clone(), account.clone(), currency.clone(), amount.clone())
            .prop_map(|(owner, spender, currency, amount)| Step::Approve { owner, spender, currency, amount }),
        2 => (account.clone(), account.clone(), account.clone(), currency.clone(), amount)
            .prop_map(|(spender, from, to, currency, amount)| {
                Step::SendFrom { spender, from, to, currency, amount }
            }),
        1 => (account, currency, any::<u8>())
            .prop_map(|(account, currency, part)| Step::Hold { account, currency, part }),
    ]
}

/// A settled reference: what was paid under it.
type Content = (bool, usize, usize, u128, u8);

/// The ledger as a child would write it.
#[derive(Default)]
struct Model {
    posted: BTreeMap<(usize, usize), u128>,
    held: BTreeMap<(usize, usize), u128>,
    supply: BTreeMap<usize, u128>,
    settled: BTreeMap<(Address, u128), Content>,
    allowances: BTreeMap<(usize, usize, usize), U256>,
}

impl Model {
    fn of(world: &mut World) -> Self {
        let mut model = Self::default();
        for (c, &currency) in CURRENCIES.iter().enumerate() {
            model.supply.insert(c, world.supply(currency));
            for (a, &account) in ACCOUNTS.iter().enumerate() {
                model.posted.insert((a, c), world.posted(account, currency));
                model.held.insert((a, c), 0);
            }
        }
        model
    }

    /// Moves money if everybody may and the payer can. `false`: refused.
    fn pay(&mut self, from: usize, to: usize, currency: usize, amount: u128) -> bool {
        let available = self.posted[&(from, currency)] - self.held[&(from, currency)];
        let frozen = ACCOUNTS[from] == FROZEN || ACCOUNTS[to] == FROZEN;
        if from == to || frozen || amount > available {
            return false;
        }
        *self.posted.get_mut(&(from, currency)).unwrap() -= amount;
        *self.posted.get_mut(&(to, currency)).unwrap() += amount;
        true
    }

    /// Whether the step succeeds. `Hold` always does.
    fn apply(&mut self, step: &Step) -> bool {
        match *step {
            Step::Issue { reference, to, currency, amount } => {
                let content = (true, to, currency, amount, 0);
                if let Some(first) = self.settled.get(&(ISSUER, reference)) {
                    return *first == content;
                }
                let supply = self.supply[&currency];
                let fits = supply.checked_add(amount).is_some_and(|sum| sum <= CAP);
                if amount == 0 || ACCOUNTS[to] == FROZEN || !fits {
                    return false;
                }
                *self.posted.get_mut(&(to, currency)).unwrap() += amount;
                self.supply.insert(currency, supply + amount);
                self.settled.insert((ISSUER, reference), content);
                true
            }
            Step::Transfer { reference, from, to, currency, amount, memo } => {
                let key = (ACCOUNTS[from], reference);
                let content = (false, to, currency, amount, memo);
                match self.settled.get(&key) {
                    Some(first) => *first == content,
                    None => {
                        let done = amount > 0 && self.pay(from, to, currency, amount);
                        if done {
                            self.settled.insert(key, content);
                        }
                        done
                    }
                }
            }
            Step::Send { from, to, currency, amount } => {
                ACCOUNTS[from] != TREASURY && self.pay(from, to, currency, amount)
            }
            Step::Approve { owner, spender, currency, amount } => {
                let value = if amount == u128::MAX { U256::MAX } else { u(amount) };
                self.allowances.insert((owner, spender, currency), value);
                true
            }
            Step::SendFrom { spender, from, to, currency, amount } => {
                let key = (from, spender, currency);
                let allowance = self.allowances.get(&key).copied().unwrap_or_default();
                if ACCOUNTS[from] == TREASURY || allowance < u(amount) {
                    return false;
                }
                let done = self.pay(from, to, currency, amount);
                if done && allowance != U256::MAX {
                    self.allowances.insert(key, allowance - u(amount));
                }
                done
            }
            Step::Hold { account, currency, part } => {
                let held = self.posted[&(account, currency)] / 256 * u128::from(part);
                self.held.insert((account, currency), held);
                true
            }
        }
    }

    fn compare(&self, world: &mut World) {
        for (c, &currency) in CURRENCIES.iter().enumerate() {
            let face = face_address(currency.try_into().unwrap());
            let mut sum = 0;
            for (a, &account) in ACCOUNTS.iter().enumerate() {
                let balance = world.ok(BOB, LEDGER, &ILedger::balanceOfCall { account, currency });
                let (posted, held) = (self.posted[&(a, c)], self.held[&(a, c)]);
                assert_eq!((balance.posted, balance.held), (posted, held));
                assert!(balance.held <= balance.posted);
                let shown = world.ok(BOB, face, &ICurrencyToken::balanceOfCall { account });
                assert_eq!(shown, u(posted - held));
                sum += posted;
            }
            assert_eq!(world.supply(currency), sum, "the sum of posted balances is the supply");
            assert_eq!(world.ok(BOB, face, &ICurrencyToken::totalSupplyCall {}), u(sum));
        }
    }
}

/// The transaction of a step: caller, engine, call data. A hold has none yet.
fn transaction(step: &Step) -> Option<(Address, Address, Vec<u8>)> {
    let face = |currency: usize| face_address(CURRENCIES[currency].try_into().unwrap());
    Some(match *step {
        Step::Issue { reference: n, to, currency, amount } => {
            let (to, currency) = (ACCOUNTS[to], CURRENCIES[currency]);
            let call = ILedger::issueCall { clientReference: reference(n), to, currency, amount };
            (ISSUER, LEDGER, call.abi_encode())
        }
        Step::Transfer { reference: n, from, to, currency, amount, memo } => {
            let owner = if ACCOUNTS[from] == TREASURY { ALICE } else { ACCOUNTS[from] };
            let call = ILedger::transferCall {
                clientReference: reference(n),
                from: ACCOUNTS[from],
                to: ACCOUNTS[to],
                currency: CURRENCIES[currency],
                amount,
                endToEndId: B256::repeat_byte(memo),
                payloadHash: B256::repeat_byte(memo / 2),
            };
            (owner, LEDGER, call.abi_encode())
        }
        Step::Send { from, to, currency, amount } => {
            let call = ICurrencyToken::transferCall { to: ACCOUNTS[to], value: u(amount) };
            (ACCOUNTS[from], face(currency), call.abi_encode())
        }
        Step::Approve { owner, spender, currency, amount } => {
            let value = if amount == u128::MAX { U256::MAX } else { u(amount) };
            let call = ICurrencyToken::approveCall { spender: ACCOUNTS[spender], value };
            (ACCOUNTS[owner], face(currency), call.abi_encode())
        }
        Step::SendFrom { spender, from, to, currency, amount } => {
            let (from, to) = (ACCOUNTS[from], ACCOUNTS[to]);
            let call = ICurrencyToken::transferFromCall { from, to, value: u(amount) };
            (ACCOUNTS[spender], face(currency), call.abi_encode())
        }
        Step::Hold { .. } => return None,
    })
}

proptest! {
    #[test]
    fn random_histories_agree_with_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let mut world = World::new();
        let mut model = Model::of(&mut world);
        for step in &steps {
            let expected = model.apply(step);
            match (transaction(step), step) {
                (Some((caller, to, input)), _) => {
                    let logs = world.host.logs().len();
                    let outcome = world.raw(&Call::new(caller, to, &input)).unwrap();
                    prop_assert_eq!(outcome.is_success(), expected, "{:?}: {:?}", step, outcome);
                    let changes = world.host.changes(LEDGER);
                    let closed = books(&changes, &world.host.logs()[logs..]);
                    prop_assert!(closed.is_ok(), "{:?}: {:?}", step, closed);
                    prop_assert!(expected || changes.is_empty());
                }
                (None, &Step::Hold { account, currency, .. }) => {
                    let held = model.held[&(account, currency)];
                    world.hold(ACCOUNTS[account], CURRENCIES[currency], held);
                }
                (None, _) => unreachable!("only a hold has no transaction"),
            }
        }
        model.compare(&mut world);
    }

    #[test]
    fn out_of_gas_changes_nothing_and_enough_gas_changes_all(step in step(), part in 0..=1_000_u64) {
        let Some((caller, to, input)) = transaction(&step) else { return Ok(()) };
        let call = Call::new(caller, to, &input);
        let start = World::new();
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
        engine in 0..3_usize,
        pick in any::<usize>(),
        tail in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut world = World::new();
        let abi = (crate::engines()[engine].abi)();
        let functions: Vec<_> = abi.functions().collect();
        let mut input = functions[pick % functions.len()].selector().to_vec();
        input.extend(tail);
        let to = crate::engines()[engine].address.unwrap_or(face_address("USD".parse().unwrap()));
        prop_assert!(world.raw(&Call::new(ALICE, to, &input)).is_ok());
    }
}
