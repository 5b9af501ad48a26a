//! What the engines answer, as examples that clients in other languages are tested with.
//!
//! A number that JavaScript has as `bigint` is a text of digits and the letter n.

use std::fmt::Display;

use alloy_primitives::{Address, B256, Bytes, FixedBytes, LogData, U256, keccak256};
use alloy_sol_types::{SolCall, SolEvent};
use qenex_types::{Currency, client_reference};
use serde_json::{Value, json};

use crate::signatures::{self, Scheme, key_id};
use crate::testing::{
    ALICE, BLOCK, BOB, CAROL, EUR, ISSUER, STRANGER, USD, World, holding, payment,
};
use crate::{
    ACCOUNTS, Call, IAccounts, ICurrencyToken, ILedger, IPqVerify, ISettlement, LEDGER, Outcome,
    PQ_VERIFY, SETTLEMENT, decode, face_address, ledger, settlement,
};

/// All examples.
pub(super) fn vectors() -> Value {
    let mut world = World::new();
    json!({
        "faces": faces(),
        "references": references(),
        "orders": orders(),
        "affirmations": affirmations(),
        "reads": reads(&mut world),
        "writes": writes(&mut world),
        "refusals": refusals(&mut world),
    })
}

fn big(number: impl Display) -> Value {
    format!("{number}n").into()
}

fn faces() -> Value {
    let codes = ["USD", "EUR", "CHF", "ZZZ"];
    let face = |code: &str| {
        let currency: Currency = code.parse().unwrap();
        let bytes = FixedBytes::from(currency.code());
        json!({ "code": code, "bytes": bytes, "address": face_address(currency).to_string() })
    };
    codes.map(face).to_vec().into()
}

fn references() -> Value {
    let texts = [
        "8e03978e-40d5-43e8-bc93-6894a57f9324",
        "0x8E03978E40D543E8BC936894A57F9324",
        "8e03978e40d543e8bc936894a57f932",
        "8e03978e-40d543e8-bc93-6894a57f9324-",
        "0x0x8e03978e40d543e8bc936894a57f93",
        "order-4711",
        "Überweisung 1",
        "",
    ];
    texts.map(|text| json!({ "text": text, "reference": client_reference(text) })).to_vec().into()
}

/// Key and proof of a secp256k1 key on a digest, and the key's id as the engines find it.
fn signed(seed: u8, digest: &B256) -> Value {
    let secret = [seed; 32];
    let key = k256::ecdsa::SigningKey::from_slice(&secret).unwrap();
    let (signature, recovery) = key.sign_prehash_recoverable(digest.as_slice()).unwrap();
    let proof = [&signature.to_bytes()[..], &[27 + recovery.to_byte()]].concat();
    let point = key.verifying_key().to_encoded_point(false);
    let address = Address::from_raw_public_key(&point.as_bytes()[1..]);
    let id = key_id(Scheme::Secp256k1, address.as_slice()).unwrap();
    assert_eq!(signatures::signer(Scheme::Secp256k1, digest, &proof), Some(id));
    json!({
        "digest": digest,
        "secret": B256::from(secret),
        "signer": address.to_string(),
        "proof": Bytes::from(proof),
    })
}

fn order_json(order: &ILedger::Order) -> Value {
    json!({
        "clientReference": order.clientReference,
        "kind": order.kind,
        "from": order.from.to_string(),
        "to": order.to.to_string(),
        "currency": order.currency,
        "amount": big(order.amount),
        "expires": big(order.expires),
        "endToEndId": order.endToEndId,
        "payloadHash": order.payloadHash,
    })
}

fn orders() -> Value {
    let plain = ILedger::Order {
        clientReference: client_reference("order-4711"),
        kind: 1,
        from: ALICE,
        to: BOB,
        currency: USD,
        amount: 1_234,
        expires: 0,
        endToEndId: B256::ZERO,
        payloadHash: B256::ZERO,
    };
    let hold = ILedger::Order {
        clientReference: FixedBytes([0xfe; 16]),
        kind: 3,
        currency: EUR,
        amount: u128::MAX,
        expires: u64::MAX,
        endToEndId: keccak256("end to end"),
        payloadHash: keccak256("<Document/>"),
        ..plain.clone()
    };
    let redemption = ILedger::Order { kind: 4, to: Address::ZERO, ..plain.clone() };
    let cases = [
        (5_158, plain, 0, 0),
        (20_824, hold, 1_800_000_000, 1_800_000_300),
        (u64::MAX, redemption, 1, u64::MAX),
    ];
    let case = |(chain_id, order, after, before): (u64, ILedger::Order, u64, u64)| {
        let digest = ledger::order_digest(chain_id, &order, after, before);
        json!({
            "chainId": big(chain_id),
            "order": order_json(&order),
            "validAfter": big(after),
            "validBefore": big(before),
            "signed": signed(9, &digest),
        })
    };
    cases.map(case).to_vec().into()
}

fn affirmations() -> Value {
    let case = |(chain_id, id, payer): (u64, B256, Address)| {
        let digest = settlement::affirmation_digest(chain_id, id, payer);
        let payer = payer.to_string();
        json!({ "chainId": big(chain_id), "id": id, "payer": payer, "signed": signed(7, &digest) })
    };
    [(5_158, keccak256("instruction"), CAROL), (1, B256::ZERO, Address::ZERO)]
        .map(case)
        .to_vec()
        .into()
}

/// A call: the names under which TypeScript knows it, its data, and what the engine answered.
fn called<C: SolCall>(
    world: &mut World,
    (abi, caller, to): (&str, Address, Address),
    call: &C,
    args: Value,
) -> (Value, Outcome) {
    let data = call.abi_encode();
    let outcome = world.raw(&Call::new(caller, to, &data)).unwrap();
    let name = C::SIGNATURE.split('(').next();
    let described = json!({
        "abi": abi,
        "to": to.to_string(),
        "functionName": name,
        "args": args,
        "data": Bytes::from(data),
    });
    (described, outcome)
}

/// A call that succeeds, with its result as viem gives it.
fn answered<C: SolCall>(
    world: &mut World,
    target: (&str, Address, Address),
    call: &C,
    args: Value,
    result: impl FnOnce(C::Return) -> Value,
) -> Value {
    let (mut described, outcome) = called(world, target, call, args);
    let Outcome::Success(output) = outcome else { panic!("{} refused: {outcome:?}", C::SIGNATURE) };
    described["result"] = result(C::abi_decode_returns_validate(&output).unwrap());
    described["output"] = json!(output);
    described
}

fn reads(world: &mut World) -> Value {
    let id = keccak256("nothing");
    let face = face_address("USD".parse().unwrap());
    let call = ILedger::balanceOfCall { account: ALICE, currency: USD };
    let args = json!([ALICE.to_string(), USD]);
    let balance = answered(world, ("ledger", STRANGER, LEDGER), &call, args, |found| {
        json!([big(found.posted), big(found.held), big(found.available)])
    });
    let call = ILedger::currencyCall { code: EUR };
    let currency = answered(world, ("ledger", STRANGER, LEDGER), &call, json!([EUR]), |found| {
        let issuer = found.issuer.to_string();
        assert_eq!(found.issuer, ISSUER);
        json!([found.exponent, found.name, issuer, big(found.cap), found.active])
    });
    let call = IAccounts::profileCall { account: BOB };
    let args = json!([BOB.to_string()]);
    let profile = answered(world, ("accounts", STRANGER, ACCOUNTS), &call, args, |found| {
        json!({
            "owner": found.owner.to_string(),
            "custodian": found.custodian.to_string(),
            "accountType": found.accountType,
            "status": found.status,
            "tier": found.tier,
            "jurisdiction": found.jurisdiction,
            "homeCurrency": found.homeCurrency,
            "openedAt": big(found.openedAt),
            "lastActivity": big(found.lastActivity),
            "version": found.version,
        })
    });
    let call = ISettlement::affirmationDigestCall { id, payer: BOB };
    let target = ("settlement", STRANGER, SETTLEMENT);
    let digest = answered(world, target, &call, json!([id, BOB.to_string()]), |found| json!(found));
    let call = IPqVerify::keyIdCall { scheme: 1, publicKey: BOB.to_vec().into() };
    let args = json!([1, call.publicKey]);
    let key = answered(world, ("pqVerify", STRANGER, PQ_VERIFY), &call, args, |found| json!(found));
    let call = ICurrencyToken::symbolCall {};
    let symbol =
        answered(world, ("currencyToken", STRANGER, face), &call, json!([]), |found| json!(found));
    json!([balance, currency, profile, digest, key, symbol])
}

/// The two events of a payment, as viem gives them.
fn event_json(log: &LogData) -> Option<Value> {
    let (name, args) = if let Ok(event) = ILedger::Settled::decode_log_data(log) {
        let args = json!({
            "id": event.id,
            "from": event.from.to_string(),
            "to": event.to.to_string(),
            "currency": event.currency,
            "amount": big(event.amount),
            "clientReference": event.clientReference,
            "endToEndId": event.endToEndId,
            "payloadHash": event.payloadHash,
        });
        ("Settled", args)
    } else {
        let event = ICurrencyToken::Transfer::decode_log_data(log).ok()?;
        let (from, to) = (event.from.to_string(), event.to.to_string());
        ("Transfer", json!({ "from": from, "to": to, "value": big(event.value) }))
    };
    Some(json!({ "eventName": name, "args": args }))
}

/// Calls that write, and the events of the first.
fn writes(world: &mut World) -> Value {
    let transfer = payment(1, ALICE, BOB, 1_234);
    let args = json!([
        transfer.clientReference,
        ALICE.to_string(),
        BOB.to_string(),
        USD,
        big(1_234),
        B256::ZERO,
        B256::ZERO
    ]);
    let mut paid =
        answered(world, ("ledger", ALICE, LEDGER), &transfer, args, |found| json!(found));
    let logs = world.host.logs().iter().filter_map(|log| {
        let event = event_json(&log.data)?;
        let (address, topics) = (log.address.to_string(), log.topics());
        Some(json!({
            "address": address, "topics": topics, "data": log.data.data, "event": event
        }))
    });
    paid["logs"] = logs.collect();

    let leg = |payer, payee, currency, amount| ISettlement::Leg { payer, payee, currency, amount };
    let legs = vec![leg(ALICE, BOB, EUR, 10_000), leg(BOB, ALICE, USD, 1_000)];
    let leg_json = |leg: &ISettlement::Leg| {
        let (payer, payee) = (leg.payer.to_string(), leg.payee.to_string());
        json!({
            "payer": payer, "payee": payee, "currency": leg.currency, "amount": big(leg.amount),
        })
    };
    let args: Vec<Value> = legs.iter().map(leg_json).collect();
    let call = ISettlement::instructCall {
        clientReference: client_reference("trade-1"),
        legs,
        expires: BLOCK.timestamp + 600,
        payloadHash: B256::ZERO,
    };
    let args = json!([call.clientReference, args, big(call.expires), call.payloadHash]);
    let target = ("settlement", CAROL, SETTLEMENT);
    let mut id = B256::ZERO;
    let instructed = answered(world, target, &call, args, |found| {
        id = found;
        json!(found)
    });
    let call = ISettlement::instructionCall { id };
    let instruction = answered(world, target, &call, json!([id]), |found| {
        let legs: Vec<Value> = found.legs.iter().map(leg_json).collect();
        let instructor = found.instructor.to_string();
        json!([instructor, found.status, big(found.expires), found.open, legs, found.affirmed])
    });
    json!([paid, instructed, instruction])
}

/// A call that is refused, with the arguments of the error as viem gives them.
fn refused<C: SolCall>(
    world: &mut World,
    target: (&str, Address, Address),
    call: &C,
    (args, error): (Value, Value),
) -> Value {
    let (mut described, outcome) = called(world, target, call, args);
    let Outcome::Revert(data) = outcome else { panic!("{} succeeded", C::SIGNATURE) };
    let code = decode(&data).unwrap().code;
    described["refusal"] = json!({
        "data": data,
        "errorName": code.name(),
        "number": code.number(),
        "http": code.http_status(),
        "args": error,
    });
    described
}

fn refusals(world: &mut World) -> Value {
    let face = face_address("USD".parse().unwrap());
    let (from, to) = (BOB.to_string(), CAROL.to_string());
    let has = world.posted(BOB, USD);
    let paying = |amount: u128| payment(2, BOB, CAROL, amount);
    let reference = paying(1).clientReference;
    let pay_args =
        |amount: u128| json!([reference, from, to, USD, big(amount), B256::ZERO, B256::ZERO]);

    let args = (pay_args(has + 1), json!([big(has), big(has + 1)]));
    let short = refused(world, ("ledger", BOB, LEDGER), &paying(has + 1), args);
    let args = (pay_args(1), json!([STRANGER.to_string()]));
    let stranger = refused(world, ("ledger", STRANGER, LEDGER), &paying(1), args);
    let zero = refused(world, ("ledger", BOB, LEDGER), &paying(0), (pay_args(0), Value::Null));

    let hold = holding(2, BOB, CAROL, has + 1);
    let order = ILedger::Order {
        clientReference: hold.clientReference,
        kind: 3,
        from: hold.from,
        to: hold.to,
        currency: hold.currency,
        amount: hold.amount,
        expires: hold.expires,
        endToEndId: hold.endToEndId,
        payloadHash: hold.payloadHash,
    };
    let args = json!([[order_json(&order)]]);
    let reason = &short["refusal"]["data"];
    let args = (args, json!([big(0), reason]));
    let call = ILedger::atomicCall { orders: vec![order] };
    let item = refused(world, ("ledger", BOB, LEDGER), &call, args);

    let value = U256::from(has + 1);
    let call = ICurrencyToken::transferCall { to: CAROL, value };
    let args = (json!([to, big(value)]), json!([from, big(has), big(value)]));
    let token = refused(world, ("currencyToken", BOB, face), &call, args);
    json!([short, stranger, zero, item, token])
}
