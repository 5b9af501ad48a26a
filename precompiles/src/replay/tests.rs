//! Replays: what happened comes out again from the touched storage alone, and every forgery shows.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, Log, U256, hex};
use alloy_sol_types::{SolCall, SolEvent};
use serde_json::{Value, json};

use super::*;
use crate::risk::records::Terms;
use crate::risk::rules::{Rule, judge};
use crate::testing::{
    ADMIN, ALICE, BOB, CAROL, REGISTRAR, STRANGER, USD, World, payment, reference,
};
use crate::{
    ACCESS, Host as _, IAccess, ICurrencyToken, ILedger, IRisk, LEDGER, RISK, face_address,
};

/// A call frame that is not yet made.
fn frame(caller: Address, address: Address, input: Vec<u8>) -> Frame {
    Frame { caller, address, input: input.into(), ..Frame::default() }
}

/// A frame of a contract that makes calls.
fn contract(calls: Vec<Frame>) -> Frame {
    Frame { calls, ..frame(STRANGER, CONTRACT, vec![1, 2, 3]) }
}

const CONTRACT: Address = Address::repeat_byte(0xcc);

/// Makes the calls on a world as a chain would, and notes how they ended; what is undone with a frame
/// that `end` says to fail is undone here as well.
fn make(world: &mut World, frame: &mut Frame, is_static: bool) {
    let is_static = is_static || frame.is_static;
    if is_engine(frame.address) {
        let call = Call {
            address: frame.address,
            caller: frame.caller,
            input: &frame.input,
            has_value: frame.has_value,
            is_static,
            is_delegate: frame.is_delegate,
        };
        frame.end = match world.host.call(&call).unwrap() {
            Outcome::Success(output) => End::Return(output),
            Outcome::Revert(output) => End::Revert(output),
        };
        return;
    }
    let before = world.host.clone();
    frame.calls.iter_mut().for_each(|inner| make(world, inner, is_static));
    if frame.end != End::default() {
        world.host = before;
    }
}

/// A transaction of these calls on a world, with no more of the state than they touch.
fn transaction(world: &mut World, mut frame: Frame) -> Transaction {
    world.pass(0);
    let all = world.host.clone().into_storage();
    make(world, &mut frame, false);
    let mut before: BTreeMap<Address, BTreeMap<U256, U256>> = BTreeMap::new();
    for &(address, slot) in world.host.touched() {
        let value = all.get(&address).and_then(|slots| slots.get(&slot)).copied();
        before.entry(address).or_default().insert(slot, value.unwrap_or_default());
    }
    let logs = world.host.logs().to_vec();
    Transaction { block: world.host.block(), before, frame, logs }
}

/// A world in which a score of 80, a first payment from a young account, is refused.
fn strict() -> World {
    let mut world = World::new();
    let changes = [(111, 10), (112, 20), (104, 15), (109, 5)];
    for (id, value) in changes {
        let propose = IAccess::proposeParameterCall { id, currency: USD, value };
        world.ok(ADMIN, ACCESS, &propose);
    }
    world.pass(86_401);
    for (id, _) in changes {
        world.ok(STRANGER, ACCESS, &IAccess::applyParameterCall { id, currency: USD });
    }
    world
}

fn scores(replay: &Replay) -> Vec<u16> {
    let all = replay.calls.iter().flat_map(|call| &call.assessments);
    all.map(|assessment| assessment.verdict.score).collect()
}

#[test]
fn a_payment_s_score_follows_from_the_touched_state_alone() {
    let mut world = World::new();
    let input = payment(1, ALICE, BOB, 100).abi_encode();
    let transaction = transaction(&mut world, frame(ALICE, LEDGER, input));
    let replay = replay(&transaction).unwrap();
    assert!(replay.agrees(), "{replay}");
    assert_eq!(replay.calls.len(), 1);
    let [assessment] = replay.calls[0].assessments[..] else { panic!("{replay}") };
    assert_eq!((assessment.payer, assessment.payee), (ALICE, BOB));
    let expected = Rule::NewCounterparty.bit() | Rule::Young.bit();
    assert_eq!((assessment.verdict.rules, assessment.verdict.score), (expected, 120));
    assert_eq!(judge(&assessment.facts, &assessment.terms), assessment.verdict);
    let said = replay.logs.iter().find_map(|log| IRisk::Assessed::decode_log(log).ok()).unwrap();
    assert_eq!((said.score, said.rules), (120, expected));
    assert_eq!(Some(said.id), assessment.id);
}

#[test]
fn refused_nested_and_undone_calls_come_out_as_they_were() {
    let mut world = strict();
    let order = |n, to, amount| ILedger::Order {
        clientReference: reference(n),
        kind: 1,
        from: ALICE,
        to,
        currency: USD,
        amount,
        expires: 0,
        endToEndId: B256::ZERO,
        payloadHash: B256::ZERO,
    };
    let batch = ILedger::batchCall { orders: vec![order(1, CAROL, 5), order(2, BOB, 9_999_999)] };
    let token = face_address("USD".parse().unwrap());
    let transfer = ICurrencyToken::transferCall { to: CAROL, value: U256::from(3) };
    let reverted = End::Revert(Bytes::new());
    let calls = vec![
        frame(ALICE, LEDGER, payment(7, ALICE, CAROL, 4).abi_encode()),
        frame(ALICE, LEDGER, batch.abi_encode()),
        Frame {
            end: reverted,
            ..contract(vec![frame(BOB, token, transfer.abi_encode()), frame(BOB, token, vec![9])])
        },
        Frame { is_static: true, ..contract(vec![frame(BOB, token, transfer.abi_encode())]) },
        Frame { is_delegate: true, ..frame(BOB, token, transfer.abi_encode()) },
        frame(BOB, token, transfer.abi_encode()),
    ];
    let transaction = transaction(&mut world, contract(calls));
    let replay = replay(&transaction).unwrap();
    assert!(replay.agrees(), "{replay}");
    assert_eq!(replay.calls.len(), 7);
    // A verdict is there whether its payment was refused, undone, or settled; the large one is velocity too.
    assert_eq!(scores(&replay), [80, 80, 660, 80, 80]);
    let text = replay.to_string();
    assert!(text.contains("RiskRejected { score: 80, rules: 264 }"), "{text}");
    assert!(text.contains("DelegateCallNotAllowed") && text.contains("StaticCallNotAllowed"));
    assert!(text.ends_with("agrees\n"));
}

#[test]
fn a_call_that_ran_out_of_gas_did_nothing_then_and_does_nothing_now() {
    let mut world = World::new();
    let stopped = frame(ALICE, LEDGER, payment(1, ALICE, BOB, 100).abi_encode());
    let second = frame(ALICE, LEDGER, payment(2, ALICE, BOB, 5).abi_encode());
    let mut transaction = transaction(&mut world, contract(vec![second.clone()]));
    transaction.frame.calls.insert(0, Frame { end: End::Halt("out of gas".into()), ..stopped });
    let replay = replay(&transaction).unwrap();
    assert!(replay.agrees(), "{replay}");
    assert_eq!(scores(&replay), [120]);
    assert!(replay.to_string().contains("agrees: stopped: out of gas"));
}

#[test]
fn forged_scores_states_and_outcomes_differ() {
    let mut world = World::new();
    let input = payment(1, ALICE, BOB, 100).abi_encode();
    let honest = transaction(&mut world, frame(ALICE, LEDGER, input));
    assert!(replay(&honest).unwrap().agrees());

    let mut forged = honest.clone();
    let log = forged.logs.iter_mut().find(|log| log.address == RISK).unwrap();
    let mut event = IRisk::Assessed::decode_log(log).unwrap().data;
    event.score = 60;
    log.data = event.encode_log_data();
    let differs = replay(&forged).unwrap();
    assert!(!differs.agrees() && differs.calls[0].agrees());
    let text = differs.to_string();
    let said = |score| format!("score {score}, rules 0x0108 (new counterparty, young account)");
    assert!(text.contains(&said(120)) && text.contains(&said(60)), "{text}");
    assert!(text.ends_with("differs\n"));

    let mut missing = honest.clone();
    missing.logs.pop();
    assert!(!replay(&missing).unwrap().agrees());

    let mut other = honest.clone();
    other.frame.end = End::Revert(Bytes::new());
    assert!(!replay(&other).unwrap().agrees());

    // Other terms before the transaction give another score.
    let mut terms = honest.clone();
    let slots = terms.before.get_mut(&RISK).unwrap();
    let default = crate::storage::Word::to_word(&Terms::DEFAULT);
    let changed = Terms { young: 0, ..Terms::DEFAULT };
    let slot = slots.values_mut().find(|value| **value == default).unwrap();
    *slot = crate::storage::Word::to_word(&changed);
    let differs = replay(&terms).unwrap();
    assert!(!differs.agrees());
    assert_eq!(scores(&differs), [60]);

    // State that no engine wrote is an error, not a verdict.
    let mut damaged = honest;
    let slots = damaged.before.get_mut(&RISK).unwrap();
    let slot = slots.values_mut().find(|value| **value == default).unwrap();
    *slot = U256::MAX;
    assert!(matches!(replay(&damaged), Err(HostError::Fatal(_))));
}

#[test]
fn accounts_that_are_no_engines_are_left_alone() {
    let mut world = World::new();
    let input = payment(1, ALICE, BOB, 100).abi_encode();
    let mut transaction = transaction(&mut world, frame(ALICE, LEDGER, input));
    transaction.before.entry(CONTRACT).or_default().insert(U256::ZERO, U256::from(1));
    transaction.logs.push(Log::new_unchecked(CONTRACT, vec![B256::ZERO], Bytes::new()));
    assert!(replay(&transaction).unwrap().agrees());
}

/// A frame as `callTracer` shows it.
fn shown(frame: &Frame) -> Value {
    let (output, error) = match &frame.end {
        End::Return(output) => (output.clone(), None),
        End::Revert(output) => (output.clone(), Some("execution reverted")),
        End::Halt(error) => (Bytes::new(), Some(error.as_str())),
    };
    let kind = match (frame.is_static, frame.is_delegate) {
        (true, _) => "STATICCALL",
        (_, true) => "DELEGATECALL",
        _ => "CALL",
    };
    let mut shown = json!({
        "type": kind, "from": frame.caller, "to": frame.address, "gas": "0x5208", "gasUsed": "0x5208",
        "input": frame.input, "calls": frame.calls.iter().map(shown).collect::<Vec<_>>(),
    });
    if !output.is_empty() {
        shown["output"] = json!(output);
    }
    if let Some(error) = error {
        shown["error"] = json!(error);
    }
    if kind == "CALL" {
        shown["value"] = json!(U256::from(u8::from(frame.has_value)));
    }
    shown
}

#[test]
fn what_a_node_answers_is_understood() {
    let mut world = World::new();
    let transfer = payment(1, ALICE, BOB, 100).abi_encode();
    let calls = vec![
        frame(ALICE, LEDGER, transfer.clone()),
        Frame { is_static: true, ..frame(ALICE, LEDGER, transfer.clone()) },
        Frame { has_value: true, ..frame(ALICE, LEDGER, transfer.clone()) },
        Frame { end: End::Halt("out of gas".into()), ..contract(Vec::new()) },
    ];
    let expected = transaction(&mut world, contract(calls));
    let before: BTreeMap<Address, Value> = expected
        .before
        .iter()
        .map(|(address, slots)| {
            let word = |word: &U256| B256::from(*word).to_string();
            let slots: BTreeMap<_, _> = slots.iter().map(|(k, v)| (word(k), word(v))).collect();
            (*address, json!({"balance": "0x0", "nonce": 1, "code": "0xef", "storage": slots}))
        })
        .collect();
    let logs: Vec<_> = expected
        .logs
        .iter()
        .map(|log| {
            let data = hex::encode_prefixed(&log.data.data);
            json!({"address": log.address, "topics": log.topics(), "data": data, "logIndex": "0x0"})
        })
        .collect();
    let Block { number, timestamp, chain_id } = expected.block;
    let quantity = |number: u64| format!("{number:#x}");
    let transaction = read(
        json!(quantity(chain_id)),
        json!({"number": quantity(number), "timestamp": quantity(timestamp), "hash": B256::ZERO}),
        json!({"status": "0x1", "logs": logs}),
        json!(before),
        shown(&expected.frame),
    )
    .unwrap();
    assert_eq!(transaction, expected);
    assert!(replay(&transaction).unwrap().agrees());
    let error = read(json!("0x1"), Value::Null, Value::Null, Value::Null, Value::Null).unwrap_err();
    assert!(error.to_string().contains("eth_getBlockByHash"));
}

#[test]
fn a_replay_reads_well() {
    let mut world = World::new();
    world.ok(
        REGISTRAR,
        crate::ACCOUNTS,
        &crate::IAccounts::setStatusCall { account: CAROL, status: 3 },
    );
    let input = payment(1, ALICE, BOB, 100).abi_encode();
    let transaction = transaction(&mut world, frame(ALICE, LEDGER, input));
    let text = replay(&transaction).unwrap().to_string();
    for line in [
        "call 1: ILedger.transfer by 0xA1A1",
        "    100 minor units of USD from 0xA1A1",
        "     1 velocity         -      580  payments 1 of 60, outgoing 100 of 5000000",
        "     4 new counterparty fires   60  never paid before",
        "     7 corridor         -      200  not watched",
        "     9 young account    fires   60  opened 0 days ago, young for 7",
        "    score 120 of 1000: ALLOW",
        "chain 5158; engine calls: 1",
        "events of the engines: 3, all as in the receipt",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
}
