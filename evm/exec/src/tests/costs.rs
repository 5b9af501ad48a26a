//! What calls of the engines cost, gas and processor time: a measurement, run by hand
//! (docs/benchmarks.md has the command).

#![expect(clippy::float_arithmetic, reason = "measurements for people")]

use alloy_primitives::FixedBytes;
use alloy_sol_types::SolCall;
use qenex_histories::{
    setting::world,
    world::{ALICE, BOB, TREASURY, USD, holding, payment, reference},
};
use qenex_precompiles::{ACCOUNTS, IAccounts, ILedger, ISettlement, SETTLEMENT};
use qenex_types::{TransactionBounds, TransferKind};

use super::{
    histories::{SENDER, Stage, chain_of},
    speed::timed,
    *,
};

const ROUNDS: usize = 400;
/// A block may have so much; a batch of a thousand needs it.
const GAS: u64 = 250_000_000;

/// Orders from the treasury, from reference `first` on.
fn orders(first: u128, count: u128) -> Vec<ILedger::Order> {
    let order = |n: u128| ILedger::Order {
        clientReference: reference(n),
        kind: TransferKind::Transfer.number(),
        from: TREASURY,
        to: BOB,
        currency: USD,
        amount: 1 + n % 7,
        expires: 0,
        endToEndId: B256::ZERO,
        payloadHash: B256::ZERO,
    };
    (first..first + count).map(order).collect()
}

/// Prints what one of `items` in a call costs, on the state so far and without changing it.
fn measure(stage: &mut Stage, what: &str, to: Address, items: usize, input: &[u8]) {
    let (success, output, gas) = stage.try_out(to, GAS, input);
    assert!(success, "{what}: {:?}", qenex_precompiles::decode(&output));
    let rounds = (ROUNDS / items).max(10);
    let ((), seconds) = timed(|| (0..rounds).for_each(|_| drop(stage.try_out(to, GAS, input))));
    let micros = seconds / (rounds * items) as f64 * 1e6;
    println!("| {what} | {} | {micros:.0} |", gas / items as u64);
}

fn carry_out(stage: &mut Stage, to: Address, input: Vec<u8>) {
    assert!(stage.send(to, TransactionBounds::of(Some(to)).gas.min(GAS), input));
}

#[test]
#[ignore = "a measurement"]
fn costs_of_engine_calls() {
    let mut world = world();
    let owner = IAccounts::setOwnerCall { account: TREASURY, owner: SENDER };
    world.ok(ALICE, ACCOUNTS, &owner);
    let now = world.now();
    let folder = tempfile::tempdir().unwrap();
    let chain = chain_of(world, &folder);
    let stage = &mut Stage::new(&chain, now);
    println!("| call, whole transaction | gas | CPU, us |\n|---|---|---|");

    let pay = |n, amount| payment(n, TREASURY, BOB, amount).abi_encode();
    measure(stage, "transfer, the first to this payee", LEDGER, 1, &pay(1, 5));
    carry_out(stage, LEDGER, pay(1, 5));
    measure(stage, "transfer", LEDGER, 1, &pay(2, 6));
    let memo = ILedger::transferCall {
        endToEndId: B256::repeat_byte(1),
        payloadHash: B256::repeat_byte(2),
        ..payment(2, TREASURY, BOB, 6)
    };
    measure(stage, "transfer with end-to-end id and payload hash", LEDGER, 1, &memo.abi_encode());
    let hold = |n, to| holding(n, TREASURY, to, 50).abi_encode();
    measure(stage, "hold", LEDGER, 1, &hold(3, BOB));
    for (count, what) in [(100, "batch of 100, each"), (1_000, "batch of 1,000, each")] {
        let orders = orders(1_000, count as u128);
        let input = ILedger::batchCall { orders }.abi_encode();
        measure(stage, what, LEDGER, count, &input);
    }

    // SENDER owns both sides from here on: it captures, and its affirmation is the last.
    let take = IAccounts::setOwnerCall { account: BOB, owner: SENDER }.abi_encode();
    let forwarded = super::histories::forwarded(1_000_000, false, ACCOUNTS, &take);
    carry_out(stage, BOB, forwarded);
    carry_out(stage, LEDGER, hold(4, BOB));
    let capture = |amount| {
        let account = TREASURY;
        ILedger::captureCall { account, clientReference: reference(4), amount }.abi_encode()
    };
    measure(stage, "capture of a part", LEDGER, 1, &capture(20));
    measure(stage, "capture of the rest", LEDGER, 1, &capture(50));

    for legs in [2_usize, 10] {
        let leg = |index: usize| {
            let (payer, payee) = if index % 2 == 1 { (BOB, TREASURY) } else { (TREASURY, BOB) };
            ISettlement::Leg { payer, payee, currency: USD, amount: 3 + index as u128 }
        };
        let instruct = ISettlement::instructCall {
            clientReference: FixedBytes(((legs as u128) << 64).to_be_bytes()),
            legs: (0..legs).map(leg).collect(),
            expires: now + 1_000,
            payloadHash: B256::ZERO,
        };
        let input = instruct.abi_encode();
        measure(stage, &format!("settlement of {legs} legs: instruct"), SETTLEMENT, 1, &input);
        let (_, id, _) = stage.try_out(SETTLEMENT, GAS, &input);
        carry_out(stage, SETTLEMENT, input);
        let id = B256::from_slice(&id);
        let affirm = |payer| ISettlement::affirmCall { id, payer }.abi_encode();
        let what = format!("settlement of {legs} legs: affirm");
        measure(stage, &what, SETTLEMENT, 1, &affirm(TREASURY));
        carry_out(stage, SETTLEMENT, affirm(TREASURY));
        let what = format!("settlement of {legs} legs: last affirmation, settles");
        measure(stage, &what, SETTLEMENT, 1, &affirm(BOB));
    }
}
