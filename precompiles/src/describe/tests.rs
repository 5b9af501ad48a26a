//! Descriptions: every function of every engine, real calls, and what is made to be too much.

use alloy_primitives::{U256, hex, keccak256};
use alloy_sol_types::{SolCall, SolError};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::value::Kind;
use super::*;
use crate::risk::records::{TERMS, Terms};
use crate::testing::{
    ALICE, BLOCK, BOB, CAROL, STRANGER, TREASURY, USD, World, payment, reference,
};
use crate::{ACCESS, Call, ICurrencyToken, ISettlement, Outcome, SETTLEMENT, face_address};

/// Where an engine is, or one of the many places.
fn address_of(engine: &crate::Engine) -> Address {
    engine.address.unwrap_or_else(|| match engine.interface {
        "IPriceFeed" => crate::price_feed_address(1),
        _ => face_address("USD".parse().unwrap()),
    })
}

/// An encoding and what is to be read from it.
struct Sample {
    encoded: Encoded,
    shown: Json,
}

enum Encoded {
    Word([u8; 32]),
    /// Behind an offset.
    Far(Vec<u8>),
    /// Members side by side.
    Near(Vec<Self>),
}

/// Members as the ABI lays them out: heads, then what is far.
fn lay_out(members: Vec<Encoded>) -> Vec<u8> {
    fn head(member: &Encoded) -> usize {
        match member {
            Encoded::Near(members) => members.iter().map(head).sum(),
            _ => 32,
        }
    }
    fn put(member: Encoded, heads: &mut Vec<u8>, tails: &mut Vec<u8>, size: usize) {
        match member {
            Encoded::Word(word) => heads.extend(word),
            Encoded::Near(members) => {
                members.into_iter().for_each(|member| put(member, heads, tails, size));
            }
            Encoded::Far(bytes) => {
                heads.extend(U256::from(size + tails.len()).to_be_bytes::<32>());
                tails.extend(bytes);
            }
        }
    }
    let size = members.iter().map(head).sum();
    let (mut heads, mut tails) = (Vec::new(), Vec::new());
    members.into_iter().for_each(|member| put(member, &mut heads, &mut tails, size));
    [heads, tails].concat()
}

fn counted(count: usize, bytes: &[u8]) -> Encoded {
    Encoded::Far([&U256::from(count).to_be_bytes::<32>()[..], bytes].concat())
}

/// A value of a type, another one for another seed.
fn sample(kind: &Kind, seed: &mut u8) -> Sample {
    *seed = seed.wrapping_add(1);
    let (n, noise) = (*seed, keccak256([*seed]).0);
    let word = |word, shown: String| Sample { encoded: Encoded::Word(word), shown: json!(shown) };
    match kind {
        Kind::Address => {
            let mut bytes = [0; 32];
            bytes[12..].copy_from_slice(&noise[12..]);
            word(bytes, hex::encode_prefixed(&noise[12..]))
        }
        Kind::Flag => {
            let flag = n & 1 == 1;
            let bytes = U256::from(u8::from(flag)).to_be_bytes();
            Sample { encoded: Encoded::Word(bytes), shown: json!(flag) }
        }
        Kind::Unsigned(bits) => {
            let number = U256::from_be_bytes(noise) >> (256 - bits);
            word(number.to_be_bytes(), number.to_string())
        }
        Kind::Signed(bits) => {
            let number = alloy_primitives::I256::from_be_bytes(noise).asr(256 - bits);
            word(number.to_be_bytes(), number.to_string())
        }
        Kind::Word(size) => {
            let mut bytes = [0; 32];
            bytes[..*size].copy_from_slice(&noise[..*size]);
            word(bytes, hex::encode_prefixed(&noise[..*size]))
        }
        Kind::Bytes => {
            let bytes = vec![n; usize::from(n % 70)];
            let padded = [&bytes[..], &vec![0; bytes.len().next_multiple_of(32) - bytes.len()]];
            let shown = json!(hex::encode_prefixed(&bytes));
            Sample { encoded: counted(bytes.len(), &padded.concat()), shown }
        }
        Kind::Text => {
            let text = "\u{e9}\"\n".repeat(usize::from(n % 9));
            let mut padded = text.clone().into_bytes();
            padded.resize(text.len().next_multiple_of(32), 0);
            Sample { encoded: counted(text.len(), &padded), shown: json!(text) }
        }
        Kind::List(item) => {
            let items: Vec<_> = (0..n % 4).map(|_| sample(item, seed)).collect();
            let (encoded, shown) = unzip(items);
            let count = encoded.len();
            Sample { encoded: counted(count, &lay_out(encoded)), shown: json!(shown) }
        }
        Kind::Array(item, count) => {
            let items: Vec<_> = (0..*count).map(|_| sample(item, seed)).collect();
            let (encoded, shown) = unzip(items);
            Sample { encoded: near_or_far(encoded), shown: json!(shown) }
        }
        Kind::Struct(fields) => {
            let (encoded, shown) = members(fields, seed);
            Sample { encoded: near_or_far(encoded), shown }
        }
    }
}

fn unzip(samples: Vec<Sample>) -> (Vec<Encoded>, Vec<Json>) {
    samples.into_iter().map(|sample| (sample.encoded, sample.shown)).unzip()
}

fn near_or_far(members: Vec<Encoded>) -> Encoded {
    fn is_far(member: &Encoded) -> bool {
        match member {
            Encoded::Word(_) => false,
            Encoded::Far(_) => true,
            Encoded::Near(members) => members.iter().any(is_far),
        }
    }
    if members.iter().any(is_far) { Encoded::Far(lay_out(members)) } else { Encoded::Near(members) }
}

fn members(fields: &[Field], seed: &mut u8) -> (Vec<Encoded>, Json) {
    let (mut encoded, mut shown) = (Vec::new(), serde_json::Map::new());
    for field in fields {
        let sample = sample(&field.kind, seed);
        encoded.push(sample.encoded);
        shown.insert(field.name.clone(), sample.shown);
    }
    (encoded, Json::Object(shown))
}

/// A description as JSON, which is about as long as it says.
fn shown(call: &EngineCall<'_>, most: usize) -> Json {
    let description = describe(call, most).unwrap();
    let text = serde_json::to_string(&description).unwrap();
    let signature = description.function.map_or(0, str::len);
    assert!(
        text.len() <= description.size().max(NAMES + signature),
        "{} {text}",
        description.size()
    );
    assert!(description.size() <= most);
    serde_json::from_str(&text).unwrap()
}

fn of(address: Address, input: &[u8], end: End<'_>) -> Json {
    shown(&EngineCall { address, input, end, verdicts: &[] }, usize::MAX)
}

#[test]
fn every_function_of_every_engine_is_read_as_the_engine_reads_it() {
    for (engine, functions) in engines().iter().zip(FUNCTIONS.iter()) {
        let address = address_of(engine);
        assert_eq!(functions.len(), (engine.abi)().functions().count());
        for (selector, function) in functions {
            let name = &function.signature;
            let arguments = function.arguments.as_ref().expect(name);
            let results = function.results.as_ref().expect(name);
            for seed in 0..24 {
                let (encoded, arguments) = members(arguments, &mut seed.clone());
                let input = [&selector[..], &lay_out(encoded)].concat();
                // The engine takes the encoding for canonical, so it is a good one.
                let outcome = World::new().raw(&Call::new(STRANGER, address, &input)).unwrap();
                let malformed = IQenexErrors::MalformedCall {}.abi_encode();
                assert_ne!(outcome, Outcome::Revert(malformed.into()), "{name}");
                let (encoded, results) = members(results, &mut seed.clone());
                let seen = of(address, &input, End::Returned(&lay_out(encoded)));
                assert_eq!(seen["interface"], engine.interface);
                assert_eq!(seen["function"], name.as_str());
                assert_eq!(seen["arguments"], arguments, "{name}");
                let none = results == json!({});
                assert_eq!(seen.get("results").cloned().unwrap_or(json!({})), results, "{name}");
                assert_eq!(seen.get("results").is_none(), none);
                assert_eq!(seen.get("truncated"), None, "{name}");
            }
        }
    }
}

#[test]
fn every_error_of_the_catalogue_is_read_with_its_arguments() {
    let all = ErrorCode::ALL.iter().filter(|code| code.is_engine_error());
    assert_eq!(ERRORS.len(), all.count());
    for (selector, (code, fields)) in ERRORS.iter() {
        let (encoded, arguments) = members(fields, &mut 3);
        let data = [&selector[..], &lay_out(encoded)].concat();
        assert_eq!(decode(&data).unwrap().code, *code, "the encoding is good");
        let seen = of(LEDGER, &[], End::Reverted(&data));
        let expected =
            json!({ "code": code.number(), "name": code.name(), "arguments": arguments });
        assert_eq!((&seen["error"], seen.get("truncated")), (&expected, None));
    }
}

/// Makes a call and describes it as a trace does.
fn traced(world: &mut World, caller: Address, to: Address, call: &impl SolCall) -> Json {
    let (input, before) = (call.abi_encode(), world.host.logs().len());
    let outcome = world.raw(&Call::new(caller, to, &input)).unwrap();
    let logs = world.host.logs().iter().skip(before);
    let verdicts: Vec<_> = logs.filter_map(RiskVerdict::of_event).collect();
    let end = match &outcome {
        Outcome::Success(output) => End::Returned(output),
        Outcome::Revert(output) => End::Reverted(output),
    };
    shown(&EngineCall { address: to, input: &input, end, verdicts: &verdicts }, usize::MAX)
}

/// Other thresholds of the score, in fourths.
fn thresholds(world: &mut World, review: u8, reject: u8) {
    let slot = TERMS.at(&mut world.host, &"USD".parse().unwrap()).unwrap();
    slot.store(&mut world.host, &Terms { review, reject, ..Terms::DEFAULT }).unwrap();
}

fn id(account: Address, n: u128) -> B256 {
    keccak256([&account[..], &reference(n)[..]].concat())
}

#[test]
fn a_payment_shows_what_it_was_and_what_the_rules_said() {
    let mut world = World::new();
    let rules = json!([
        { "number": 4, "name": "new counterparty" },
        { "number": 9, "name": "young account" },
    ]);
    let verdict = json!({
        "payment": id(ALICE, 1), "outcome": "ALLOW", "score": 120, "rules": rules, "ruleSet": 1,
    });
    let arguments = json!({
        "clientReference": reference(1), "from": ALICE, "to": BOB, "currency": "0x555344",
        "amount": "1234", "endToEndId": B256::ZERO, "payloadHash": B256::ZERO,
    });
    let seen = traced(&mut world, ALICE, LEDGER, &payment(1, ALICE, BOB, 1_234));
    let expected = json!({
        "interface": "ILedger",
        "function": "transfer(bytes16,address,address,bytes3,uint128,bytes32,bytes32)",
        "arguments": arguments, "results": { "id": id(ALICE, 1) }, "verdicts": [verdict],
    });
    assert_eq!(seen, expected);

    let face = face_address("USD".parse().unwrap());
    let call = ICurrencyToken::transferCall { to: BOB, value: U256::from(5) };
    let seen = traced(&mut world, ALICE, face, &call);
    assert_eq!((&seen["interface"], &seen["currency"]), (&json!("ICurrencyToken"), &json!("USD")));
    assert_eq!(seen["results"], json!({ "0": true }), "a result without a name has its number");
    assert_eq!(seen["verdicts"][0]["rules"], rules, "whom one paid first today is still new");

    thresholds(&mut world, 15, 225);
    let seen = traced(&mut world, ALICE, LEDGER, &payment(2, ALICE, CAROL, 1));
    assert_eq!(seen["verdicts"][0]["outcome"], "REVIEW");
}

#[test]
fn a_refusal_shows_its_error_and_the_verdict_in_it() {
    let mut world = World::new();
    let seen = traced(&mut world, ALICE, LEDGER, &payment(1, ALICE, BOB, 100_001));
    let short = json!({
        "code": 218, "name": "InsufficientFunds",
        "arguments": { "available": "100000", "needed": "100001" },
    });
    assert_eq!((&seen["error"], seen.get("results")), (&short, None));
    assert_eq!(seen["arguments"]["amount"], "100001");
    assert_eq!(seen.get("verdicts"), None);

    thresholds(&mut world, 1, 30);
    let seen = traced(&mut world, ALICE, LEDGER, &payment(1, ALICE, BOB, 1));
    assert_eq!(seen["error"]["arguments"], json!({ "score": "120", "rules": "264" }));
    let rules = json!([
        { "number": 4, "name": "new counterparty" },
        { "number": 9, "name": "young account" },
    ]);
    let verdict = json!({ "outcome": "REJECT", "score": 120, "rules": rules });
    assert_eq!(seen["verdicts"], json!([verdict]));

    // A face cannot wait for an officer; whether it is for the rules that one must decide, nobody says.
    thresholds(&mut world, 1, 225);
    let call = ICurrencyToken::transferCall { to: BOB, value: U256::from(5) };
    let seen = traced(&mut world, ALICE, face_address("USD".parse().unwrap()), &call);
    assert_eq!(seen["error"]["name"], "ReviewRequired");
    assert_eq!(seen["verdicts"], json!([{ "score": 120, "rules": rules }]));
    let data = IQenexErrors::ReviewRequired { score: 0, rules: 0 }.abi_encode();
    assert_eq!(of(LEDGER, &[], End::Reverted(&data)).get("verdicts"), None);
}

fn order(n: u128, to: Address, amount: u128) -> ILedger::Order {
    ILedger::Order {
        clientReference: reference(n),
        kind: 1,
        from: ALICE,
        to,
        currency: USD,
        amount,
        expires: 0,
        endToEndId: B256::ZERO,
        payloadHash: B256::ZERO,
    }
}

#[test]
fn in_many_orders_the_reasons_are_errors() {
    let mut world = World::new();
    let orders = vec![order(1, BOB, 7), order(2, BOB, 100_000), order(3, BOB, 0)];
    let atomic = ILedger::atomicCall { orders: orders.clone() };
    let seen = traced(&mut world, ALICE, LEDGER, &atomic);
    let short = json!({
        "code": 218, "name": "InsufficientFunds",
        "arguments": { "available": "99993", "needed": "100000" },
    });
    let refused = json!({
        "code": 239, "name": "ItemRefused", "arguments": { "index": "1", "reason": short },
    });
    assert_eq!(seen["error"], refused);

    let seen = traced(&mut world, ALICE, LEDGER, &ILedger::batchCall { orders });
    assert_eq!(seen["function"], ILedger::batchCall::SIGNATURE);
    assert_eq!(seen["arguments"]["orders"][2]["amount"], "0");
    let zero = json!({ "code": 216, "name": "ZeroAmount", "arguments": {} });
    let results = json!([
        { "id": id(ALICE, 1), "status": "4", "reason": "0x" },
        { "id": id(ALICE, 2), "status": "5", "reason": short },
        { "id": id(ALICE, 3), "status": "5", "reason": zero },
    ]);
    assert_eq!(seen["results"]["results"], results);
    assert_eq!(seen["verdicts"].as_array().unwrap().len(), 1);

    // What the rules refuse has a verdict too, of which the ledger's own event tells.
    thresholds(&mut world, 1, 15);
    let orders = vec![order(4, TREASURY, 7), order(5, BOB, 1)];
    let atomic = ILedger::atomicCall { orders: orders.clone() };
    let seen = traced(&mut world, ALICE, LEDGER, &atomic);
    assert_eq!(seen["error"]["arguments"]["reason"]["name"], "RiskRejected");
    assert_eq!(seen["verdicts"][0]["outcome"], "REJECT");
    let seen = traced(&mut world, ALICE, LEDGER, &ILedger::batchCall { orders });
    let [first, second] = seen["verdicts"].as_array().unwrap().as_slice() else { panic!("{seen}") };
    assert_eq!((&first["payment"], &first["score"]), (&json!(id(ALICE, 4)), &json!(120)));
    assert_eq!((&second["payment"], &second["score"]), (&json!(id(ALICE, 5)), &json!(120)));
    assert_eq!((&second["outcome"], second.get("ruleSet")), (&json!("REJECT"), None));
}

#[test]
fn a_dry_run_shows_the_errors_that_stand_in_the_way() {
    let mut world = World::new();
    let call = ILedger::explainCall { caller: ALICE, order: order(1, ALICE, 0) };
    let seen = traced(&mut world, STRANGER, LEDGER, &call);
    let outlook = &seen["results"]["0"];
    let names: Vec<_> =
        outlook["refusals"].as_array().unwrap().iter().map(|error| &error["name"]).collect();
    assert_eq!(names, ["ZeroAmount", "SameAccount"]);
    assert_eq!(outlook["perPayment"], u128::MAX.to_string());
    assert_eq!(seen["arguments"]["order"]["from"], json!(ALICE));
}

#[test]
fn signed_numbers_and_lists_of_structs_are_read_as_they_were_meant() {
    let answer = ISettlement::cycleReturn {
        operator: ALICE,
        account: BOB,
        currency: USD,
        status: 1,
        gross: 9,
        participants: vec![ALICE, BOB],
        nets: vec!["-7".parse().unwrap(), "7".parse().unwrap()],
    };
    let output = ISettlement::cycleCall::abi_encode_returns(&answer);
    let input = ISettlement::cycleCall { id: B256::ZERO }.abi_encode();
    let seen = of(SETTLEMENT, &input, End::Returned(&output));
    assert_eq!(seen["results"]["nets"], json!(["-7", "7"]));
    assert_eq!(seen["results"]["participants"], json!([ALICE, BOB]));
    let leg = ISettlement::Leg { payer: ALICE, payee: BOB, currency: USD, amount: u128::MAX };
    let call = ISettlement::instructCall {
        clientReference: reference(1),
        legs: vec![leg.clone(), leg],
        expires: BLOCK.timestamp,
        payloadHash: B256::ZERO,
    };
    let seen = of(SETTLEMENT, &call.abi_encode(), End::Halted);
    assert_eq!(seen["arguments"]["legs"][1]["amount"], u128::MAX.to_string());
    assert_eq!((seen.get("results"), seen.get("error")), (None, None));
}

#[test]
fn what_no_engine_understands_has_no_such_part() {
    assert_eq!(
        describe(
            &EngineCall { address: ALICE, input: &[], end: End::Halted, verdicts: &[] },
            usize::MAX
        ),
        None
    );
    for input in [&b""[..], b"pay", b"pay!", b"pay!pay!"] {
        assert_eq!(of(LEDGER, input, End::Halted), json!({ "interface": "ILedger" }));
    }
    let good = payment(1, ALICE, BOB, 1).abi_encode();
    for (bad, what) in [
        (good[..good.len() - 1].to_vec(), "a byte too short"),
        ([&good[..4], &[1; 32], &good[36..]].concat(), "right of a bytes16"),
        ([&good[..36], &[1; 32], &good[68..]].concat(), "left of an address"),
        ([&good[..132], &[1; 32], &good[164..]].concat(), "left of a uint128"),
    ] {
        let data = IQenexErrors::MalformedCall {}.abi_encode();
        let seen = of(LEDGER, &bad, End::Reverted(&data));
        assert_eq!(seen["error"]["code"], 105);
        assert_eq!(seen.get("arguments"), None, "{what}");
        assert_eq!(seen["function"], ILedger::transferCall::SIGNATURE);
    }
    let foreign = Log::new_unchecked(ALICE, Vec::new(), Default::default());
    assert_eq!(RiskVerdict::of_event(&foreign), None);
    for address in [RISK, LEDGER, ACCESS] {
        let other = Log::new_unchecked(address, vec![B256::ZERO], Default::default());
        assert_eq!(RiskVerdict::of_event(&other), None);
    }
}

#[test]
fn errors_in_errors_end() {
    let mut data = IQenexErrors::ZeroAmount {}.abi_encode();
    for index in 0..500 {
        data = IQenexErrors::ItemRefused { index, reason: data.into() }.abi_encode();
    }
    let seen = of(LEDGER, &[], End::Reverted(&data));
    let mut reason = &seen["error"];
    for _ in 0..FAULTS {
        reason = &reason["arguments"]["reason"];
    }
    assert_eq!(reason["name"], "ItemRefused");
    assert!(reason["arguments"]["reason"].is_string(), "from here on it is bytes");
}

/// A call whose many orders have one and the same proof.
fn heap(orders: usize, proof: usize) -> Vec<u8> {
    let signed = ILedger::SignedOrder {
        order: order(1, BOB, 1),
        validAfter: 0,
        validBefore: 0,
        scheme: 1,
        proof: vec![7; proof].into(),
    };
    let one = ILedger::submitCall { orders: vec![signed] }.abi_encode();
    // Selector, offset of the list, its length, the offset of the one, and the one itself.
    let (front, item) = (&one[..4 + 32], &one[4 + 3 * 32..]);
    let mut input = front.to_vec();
    input.extend(U256::from(orders).to_be_bytes::<32>());
    (0..orders).for_each(|_| input.extend(U256::from(orders * 32).to_be_bytes::<32>()));
    input.extend(item);
    input
}

#[test]
fn what_would_be_far_longer_than_the_call_is_left_out() {
    let call = |input: &[u8], most| {
        shown(&EngineCall { address: LEDGER, input, end: End::Halted, verdicts: &[] }, most)
    };
    let input = heap(2, 1_000);
    assert_eq!(call(&input, usize::MAX)["arguments"]["orders"].as_array().unwrap().len(), 2);
    let input = heap(2_000, 60_000);
    assert!(ILedger::submitCall::abi_decode_validate(&input).is_ok(), "engines take it");
    let seen = call(&input, usize::MAX);
    let left = json!({
        "interface": "ILedger", "function": ILedger::submitCall::SIGNATURE, "truncated": true,
    });
    assert_eq!(seen, left);

    // A thousand orders are not too much, unless there is no room at all.
    let orders = (1..=1_000).map(|n| order(n, BOB, u128::MAX)).collect();
    let input = ILedger::batchCall { orders }.abi_encode();
    let seen = call(&input, usize::MAX);
    assert_eq!(seen["arguments"]["orders"].as_array().unwrap().len(), 1_000);
    assert!(seen.to_string().len() < 2 * input.len());
    let seen = call(&input, 100_000);
    assert_eq!((&seen["truncated"], seen.get("arguments")), (&json!(true), None));

    // Results and error go before arguments.
    let results = vec![ILedger::Result { id: B256::ZERO, status: 4, reason: Default::default() }];
    let output = ILedger::batchCall::abi_encode_returns(&results);
    let call =
        EngineCall { address: LEDGER, input: &input, end: End::Returned(&output), verdicts: &[] };
    let seen = shown(&call, 1_000);
    assert_eq!(seen["results"]["results"][0]["status"], "4");
    assert_eq!((&seen["truncated"], seen.get("arguments")), (&json!(true), None));
    let seen = shown(&call, 0);
    assert_eq!((&seen["truncated"], &seen["interface"]), (&json!(true), &json!("ILedger")));
    let verdict = RiskVerdict {
        payment: Some(B256::repeat_byte(1)),
        outcome: Some(RiskOutcome::Review),
        score: 1_000,
        rules: 0x3ff,
        rule_set: Some(255),
    };
    assert!(serde_json::to_string(&verdict).unwrap().len() < VERDICT_SIZE);
    let many = [verdict; 3];
    let seen = shown(&EngineCall { verdicts: &many, ..call }, 2 * VERDICT_SIZE);
    assert_eq!((&seen["truncated"], seen.get("verdicts")), (&json!(true), None));
}

#[test]
fn a_list_that_says_it_is_endless_is_not_read() {
    for count in [U256::MAX, U256::from(u64::MAX), U256::from(1)] {
        let list = [U256::from(32).to_be_bytes::<32>(), count.to_be_bytes()].concat();
        let input = [&ILedger::batchCall::SELECTOR[..], &list].concat();
        let seen = of(LEDGER, &input, End::Halted);
        assert_eq!((seen.get("arguments"), seen.get("truncated")), (None, None));
        assert_eq!(seen["function"], ILedger::batchCall::SIGNATURE);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_described_in_bounds(
        engine in 0..engines().len(),
        function in any::<prop::sample::Index>(),
        words in prop::collection::vec((any::<u8>(), 0_u8..31), 0..40),
        output in prop::collection::vec(any::<u8>(), 0..200),
        most in 0_usize..20_000,
        ending in 0..3,
    ) {
        let selectors: Vec<_> = FUNCTIONS[engine].keys().collect();
        let mut input = function.get(&selectors).to_vec();
        // Small numbers are offsets and lengths more often than noise would be.
        for (value, place) in words {
            let mut word = [0; 32];
            word[31 - usize::from(place) * usize::from(place % 7 == 0)] = value;
            input.extend(word);
        }
        let end = match ending {
            0 => End::Returned(&output),
            1 => End::Reverted(&output),
            _ => End::Halted,
        };
        let address = address_of(&engines()[engine]);
        shown(&EngineCall { address, input: &input, end, verdicts: &[] }, most);
    }
}
