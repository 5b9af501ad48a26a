//! Many orders in one call, signed orders, dry runs.

use alloy_primitives::keccak256;

use super::*;
use crate::signatures::{Scheme, key_id};
use crate::testing::{BLOCK, OFFICER};
use crate::{ACCOUNTS, COMPLIANCE, IAccounts, ICompliance};

fn order(n: u128, from: Address, to: Address, amount: u128) -> ILedger::Order {
    ILedger::Order {
        clientReference: reference(n),
        kind: 1,
        from,
        to,
        currency: USD,
        amount,
        expires: 0,
        endToEndId: B256::ZERO,
        payloadHash: B256::ZERO,
    }
}

fn decoded(result: &ILedger::Result) -> Refusal {
    crate::decode(&result.reason).unwrap().refusal
}

#[test]
fn in_a_batch_each_order_has_its_own_result() {
    let mut world = World::new();
    let orders = vec![
        order(1, ALICE, BOB, 100),
        order(2, ALICE, BOB, 99_901),
        order(3, BOB, CAROL, 1),
        order(4, TREASURY, CAROL, 7),
        ILedger::Order { kind: 3, expires: BLOCK.timestamp + 60, ..order(5, ALICE, BOB, 5) },
        ILedger::Order { kind: 2, ..order(6, ALICE, BOB, 5) },
        order(1, ALICE, BOB, 100),
        order(7, ALICE, BOB, 0),
    ];
    let results = world.ok(ALICE, LEDGER, &ILedger::batchCall { orders });
    let statuses: Vec<u8> = results.iter().map(|result| result.status).collect();
    assert_eq!(statuses, [4, 5, 5, 4, 3, 5, 4, 5]);
    let short = IQenexErrors::InsufficientFunds { available: 99_900, needed: 99_901 };
    assert_eq!(decoded(&results[1]), short.into());
    assert_eq!(decoded(&results[2]), IQenexErrors::NotAuthorised { caller: ALICE }.into());
    assert_eq!(decoded(&results[5]), IQenexErrors::InvalidKind { kind: 2 }.into());
    assert_eq!(decoded(&results[7]), IQenexErrors::ZeroAmount {}.into());
    assert_eq!((world.posted(BOB, USD), world.posted(CAROL, USD)), (1_100, 7));

    // A failed reference stays failed, but nobody uses up another's.
    world.ok(BOB, LEDGER, &payment(9, BOB, ALICE, 1_100));
    let again = ILedger::batchCall { orders: vec![order(2, ALICE, BOB, 99_901)] };
    let results = world.ok(ALICE, LEDGER, &again);
    assert_eq!((results[0].status, results[0].reason.len()), (5, 0));
    assert_eq!(world.transfer(ALICE, 2).status, 5);
    world.ok(ALICE, LEDGER, &payment(10, ALICE, BOB, 5));
    world.ok(BOB, LEDGER, &payment(3, BOB, CAROL, 1));
}

#[test]
fn in_an_atomic_call_all_orders_stand_or_none() {
    let mut world = World::new();
    let good = vec![order(1, ALICE, BOB, 100), order(2, TREASURY, BOB, 100)];
    let bad = [good.clone(), vec![order(3, ALICE, BOB, 99_901)]].concat();
    let refusal = world.refused(ALICE, LEDGER, &ILedger::atomicCall { orders: bad });
    let Refusal::ItemRefused(item) = refusal else { panic!("{refusal:?}") };
    let short = IQenexErrors::InsufficientFunds { available: 99_900, needed: 99_901 };
    assert_eq!(item.index, 2);
    assert_eq!(crate::decode(&item.reason).unwrap().refusal, short.into());
    let results = world.ok(ALICE, LEDGER, &ILedger::atomicCall { orders: good });
    assert!(results.iter().all(|result| result.status == 4));
    assert_eq!(world.posted(BOB, USD), 1_200);
}

/// What waits could still be refused when the others have long been posted.
#[test]
fn an_atomic_call_takes_no_order_that_would_wait() {
    let mut world = World::new();
    let approver = IAccounts::setApproverCall { account: ALICE, approver: BOB, allowed: true };
    world.ok(ALICE, ACCOUNTS, &approver);
    let policy = IAccounts::setPolicyCall { account: ALICE, required: 1, time: 60 };
    world.ok(ALICE, ACCOUNTS, &policy);
    let threshold = IAccounts::setThresholdCall { account: ALICE, currency: USD, threshold: 500 };
    world.ok(REGISTRAR, ACCOUNTS, &threshold);
    let reason = |refusal| {
        let Refusal::ItemRefused(item) = refusal else { panic!("{refusal:?}") };
        (item.index, crate::decode(&item.reason).unwrap().refusal)
    };
    let call = |last| ILedger::atomicCall { orders: vec![order(1, ALICE, BOB, 100), last] };
    let refusal = world.refused(ALICE, LEDGER, &call(order(2, ALICE, BOB, 500)));
    let missing = IQenexErrors::ApprovalMissing { have: 0, need: 1 };
    assert_eq!(reason(refusal), (1, missing.into()));
    let types = ICompliance::requireAttestationsCall { currency: USD, tier: 0, types: 1 };
    world.ok(OFFICER, COMPLIANCE, &types);
    let refusal = world.refused(ALICE, LEDGER, &call(order(2, ALICE, BOB, 5)));
    let (index, refusal) = reason(refusal);
    assert_eq!(index, 0);
    assert!(matches!(refusal, Refusal::ReviewRequired(_)), "{refusal:?}");
}

#[test]
fn a_call_takes_a_thousand_orders() {
    let mut world = World::new();
    let orders: Vec<_> = (1..=1_001).map(|n| order(n, ALICE, BOB, 1)).collect();
    let refusal = world.refused(ALICE, LEDGER, &ILedger::batchCall { orders: orders.clone() });
    assert_eq!(refusal, IQenexErrors::TooManyItems { most: 1_000, given: 1_001 }.into());
    let orders = orders[1..].to_vec();
    let results = world.ok(ALICE, LEDGER, &ILedger::batchCall { orders });
    // So many payments in an hour are too fast, and the same amount again and again.
    let settled = results.iter().filter(|result| result.status == 4).count();
    let reviewed = results.iter().filter(|result| result.status == 2).count();
    assert_eq!(settled + reviewed, 1_000);
    assert_eq!(world.posted(BOB, USD), 1_000 + u128::try_from(settled).unwrap());
}

/// A secp256k1 key and its address.
fn wallet(seed: u8) -> (k256::ecdsa::SigningKey, Address) {
    let key = k256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap();
    let point = key.verifying_key().to_encoded_point(false);
    let address = Address::from_slice(&keccak256(&point.as_bytes()[1..])[12..]);
    (key, address)
}

fn sign(key: &k256::ecdsa::SigningKey, digest: &B256) -> alloy_primitives::Bytes {
    let (signature, recovery) = key.sign_prehash_recoverable(digest.as_slice()).unwrap();
    [&signature.to_bytes()[..], &[27 + recovery.to_byte()]].concat().into()
}

fn signed(
    world: &mut World,
    key: &k256::ecdsa::SigningKey,
    order: &ILedger::Order,
) -> ILedger::SignedOrder {
    let query = ILedger::digestCall { order: order.clone(), validAfter: 0, validBefore: 0 };
    let digest = world.ok(STRANGER, LEDGER, &query);
    let proof = sign(key, &digest);
    ILedger::SignedOrder { order: order.clone(), validAfter: 0, validBefore: 0, scheme: 1, proof }
}

#[test]
fn a_signed_order_is_carried_out_for_anybody_once() {
    let mut world = World::new();
    let (key, address) = wallet(7);
    let add = IAccounts::addKeyCall {
        account: TREASURY,
        scheme: 1,
        publicKey: address.to_vec().into(),
        validUntil: BLOCK.timestamp + 100,
    };
    let refusal = world.refused(STRANGER, crate::ACCOUNTS, &add);
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: STRANGER }.into());
    let id = world.ok(ALICE, crate::ACCOUNTS, &add);
    assert_eq!(Some(id), key_id(Scheme::Secp256k1, address.as_slice()));

    let good = signed(&mut world, &key, &order(1, TREASURY, BOB, 100));
    let (other, _) = wallet(8);
    let foreign = signed(&mut world, &other, &order(2, TREASURY, BOB, 100));
    let mut tampered = signed(&mut world, &key, &order(3, TREASURY, BOB, 100));
    tampered.order.amount = 101;
    let early = ILedger::SignedOrder { validAfter: BLOCK.timestamp + 9, ..good.clone() };
    let late = ILedger::SignedOrder { validBefore: 5, ..good.clone() };
    let scheme = ILedger::SignedOrder { scheme: 9, ..good.clone() };
    let garbage = ILedger::SignedOrder { proof: vec![1; 65].into(), ..good.clone() };
    let orders = vec![good.clone(), foreign, tampered, early, late, scheme, garbage, good.clone()];
    let results = world.ok(STRANGER, LEDGER, &ILedger::submitCall { orders });
    let statuses: Vec<u8> = results.iter().map(|result| result.status).collect();
    assert_eq!(statuses, [4, 5, 5, 5, 5, 5, 5, 4]);
    assert!(matches!(decoded(&results[1]), Refusal::UnknownKey(_)));
    assert!(matches!(decoded(&results[2]), Refusal::UnknownKey(_) | Refusal::InvalidSignature(_)));
    assert!(matches!(decoded(&results[3]), Refusal::NotYetValid(_)));
    assert!(matches!(decoded(&results[4]), Refusal::Expired(_)));
    assert!(matches!(decoded(&results[5]), Refusal::InvalidKey(_)));
    assert_eq!(world.posted(BOB, USD), 1_100);
    assert_eq!(world.transfer(TREASURY, 1).authorisation, 2);

    world.pass(101);
    let expired = signed(&mut world, &key, &order(4, TREASURY, BOB, 100));
    let results = world.ok(STRANGER, LEDGER, &ILedger::submitCall { orders: vec![expired] });
    assert!(matches!(decoded(&results[0]), Refusal::UnknownKey(_)));
}

#[test]
fn the_digest_is_that_of_the_typed_data() {
    use alloy_sol_types::{Eip712Domain, SolStruct, eip712_domain, sol};
    sol! {
        struct Order {
            bytes16 clientReference;
            uint8 kind;
            address from;
            address to;
            bytes3 currency;
            uint128 amount;
            uint64 expires;
            bytes32 endToEndId;
            bytes32 payloadHash;
            uint64 validAfter;
            uint64 validBefore;
        }
    }
    let mut world = World::new();
    let asked = ILedger::Order {
        endToEndId: B256::repeat_byte(3),
        payloadHash: B256::repeat_byte(4),
        expires: 77,
        kind: 3,
        ..order(5, ALICE, BOB, 1_234)
    };
    let typed = Order {
        clientReference: asked.clientReference,
        kind: asked.kind,
        from: asked.from,
        to: asked.to,
        currency: asked.currency,
        amount: asked.amount,
        expires: asked.expires,
        endToEndId: asked.endToEndId,
        payloadHash: asked.payloadHash,
        validAfter: 8,
        validBefore: 9,
    };
    let domain: Eip712Domain = eip712_domain! {
        name: "QENEX Ledger",
        version: "1",
        chain_id: BLOCK.chain_id,
        verifying_contract: LEDGER,
    };
    let query = ILedger::digestCall { order: asked, validAfter: 8, validBefore: 9 };
    assert_eq!(world.ok(BOB, LEDGER, &query), typed.eip712_signing_hash(&domain));
}

#[test]
fn a_dry_run_tells_all_and_moves_nothing() {
    let mut world = World::new();
    let limits = IAccounts::setLimitsCall {
        account: ALICE,
        currency: USD,
        perPayment: 500,
        perDay: 800,
        perThirtyDays: 1_000,
    };
    world.ok(REGISTRAR, crate::ACCOUNTS, &limits);
    world.ok(ALICE, LEDGER, &payment(1, ALICE, BOB, 450));
    let explain =
        |amount, to| ILedger::explainCall { caller: ALICE, order: order(2, ALICE, to, amount) };
    let good = world.ok(STRANGER, LEDGER, &explain(100, BOB));
    assert_eq!((good.status, good.refusals.len(), good.authorisation), (4, 0, 1));
    assert_eq!((good.perPayment, good.leftToday, good.leftThirtyDays), (500, 350, 550));
    assert_eq!((good.available, good.outcome, good.ruleSet), (99_550, 1, 1));
    assert_eq!(
        good.score, 120,
        "a young account pays somebody whom it paid today for the first time"
    );

    world.ok(OFFICER, COMPLIANCE, &freezing(BOB, 2));
    let bad = world.ok(STRANGER, LEDGER, &explain(200_000, BOB));
    let names: Vec<String> =
        bad.refusals.iter().map(|data| crate::decode(data).unwrap().code.to_string()).collect();
    assert_eq!(
        names,
        ["Frozen", "LimitExceeded", "LimitExceeded", "LimitExceeded", "InsufficientFunds"]
    );
    assert_eq!(bad.status, 5);
    let before = world.host.clone().into_storage();
    world.ok(STRANGER, LEDGER, &explain(100, CAROL));
    assert_eq!(world.host.clone().into_storage(), before);
    let foreign = ILedger::explainCall { caller: BOB, order: order(2, ALICE, CAROL, 1) };
    let refusal = world.refused(STRANGER, LEDGER, &foreign);
    assert_eq!(refusal, IQenexErrors::NotAuthorised { caller: BOB }.into());
    let replay = ILedger::explainCall { caller: ALICE, order: order(1, ALICE, BOB, 450) };
    assert_eq!(world.ok(STRANGER, LEDGER, &replay).status, 4);
}
