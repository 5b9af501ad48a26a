//! Questions that change nothing: calls, estimates, access lists, overrides, and their refusals.

use std::collections::BTreeMap;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, Bytes, TxKind, U256, hex};
use alloy_sol_types::SolCall;
use qenex_exec::{
    AccountOverride, BlockOverride, CallRequest, CallStatus, Overrides, SimulateError,
};
use qenex_genesis::DEV_ACCOUNTS;
use qenex_precompiles::{ILedger, LEDGER, decode_error};

use crate::support::{CALLER, HASHES, USD, World, payment, sign, template, through};

const CAP: u64 = 50_000_000;

fn request(from: Address, to: Address, data: impl Into<Bytes>) -> CallRequest {
    CallRequest { from, to: TxKind::Call(to), data: data.into(), ..CallRequest::default() }
}

fn none() -> Overrides {
    Overrides::default()
}

#[test]
fn who_cannot_pay_is_told_so_in_geths_words() {
    let world = World::new();
    let poor = Address::repeat_byte(0x0f);
    let cases = [
        // Value alone, without a gas price.
        CallRequest { value: U256::from(1), ..request(poor, HASHES, []) },
        // Gas alone, legacy and with a fee cap.
        CallRequest { gas_price: Some(2_000_000_000), ..request(poor, HASHES, []) },
        CallRequest {
            gas_price: Some(2_000_000_000),
            priority_fee: Some(1),
            ..request(poor, HASHES, [])
        },
    ];
    for call in cases {
        match world.chain.call(0, &call, &none(), CAP) {
            Err(SimulateError::Invalid(text)) => {
                assert!(text.starts_with("insufficient funds for gas * price + value"), "{text}");
            }
            other => panic!("{other:?}"),
        }
        let estimate = world.chain.estimate_gas(0, &call, &none(), &|| false);
        match estimate {
            Err(SimulateError::Invalid(text)) => {
                assert!(text.contains("insufficient funds"), "{text}");
            }
            Err(SimulateError::Exceeds { allowance: 0 }) => {}
            other => panic!("{other:?}"),
        }
    }
    // Without value and price anybody may ask.
    assert!(world.chain.call(0, &request(poor, HASHES, []), &none(), CAP).is_ok());
    let unknown = world.chain.call(9, &request(poor, HASHES, []), &none(), CAP);
    assert!(matches!(unknown, Err(SimulateError::UnknownBlock)));
    let cheap = CallRequest { gas_price: Some(1), ..request(DEV_ACCOUNTS[1], HASHES, []) };
    match world.chain.call(0, &cheap, &none(), CAP) {
        Err(SimulateError::Invalid(text)) => {
            assert_eq!(text, "max fee per gas less than block base fee");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_typed_request_needs_no_chain_id() {
    let world = World::new();
    let transfer = payment(1, DEV_ACCOUNTS[1], DEV_ACCOUNTS[2], 5);
    let typed = CallRequest {
        gas_price: Some(3_000_000_000),
        priority_fee: Some(1_000_000_000),
        ..request(DEV_ACCOUNTS[1], LEDGER, transfer)
    };
    let done = world.chain.call(0, &typed, &none(), CAP).unwrap();
    assert_eq!((done.status, done.logs.len()), (CallStatus::Success, 3));
    assert!(world.chain.estimate_gas(0, &typed, &none(), &|| false).is_ok());
    assert_eq!(world.posted(DEV_ACCOUNTS[2]), 1_000_000, "nothing happened");
}

#[test]
fn revert_data_is_returned() {
    let world = World::new();
    let call = request(DEV_ACCOUNTS[3], LEDGER, payment(1, DEV_ACCOUNTS[1], DEV_ACCOUNTS[2], 5));
    let done = world.chain.call(0, &call, &none(), CAP).unwrap();
    assert_eq!(done.status, CallStatus::Revert);
    assert!(decode_error(&done.output).unwrap().starts_with("NotAuthorised"));
    match world.chain.estimate_gas(0, &call, &none(), &|| false) {
        Err(SimulateError::Reverted(data)) => assert_eq!(data, done.output),
        other => panic!("{other:?}"),
    }
    // An exception is told from a revert.
    let create = CallRequest { to: TxKind::Create, data: hex!("fe").into(), ..call };
    let done = world.chain.call(0, &create, &none(), CAP).unwrap();
    assert!(matches!(done.status, CallStatus::Halt(_)));
    let estimate = world.chain.estimate_gas(0, &create, &none(), &|| false);
    assert!(matches!(estimate, Err(SimulateError::Halted(_))), "{estimate:?}");
}

#[test]
fn an_estimate_suffices_and_is_not_more_than_one_and_a_half_percent_too_high() {
    let world = World::new();
    for _ in 0..5 {
        world.run([]); // Now HASHES does the same work in every block.
    }
    let init = hex!("60006000536001 6000 f3");
    let nested = through(CALLER, &through(LEDGER, &payment(2, CALLER, DEV_ACCOUNTS[2], 5)));
    let cases = [
        (TxKind::Call(DEV_ACCOUNTS[2]), Vec::new()),
        (TxKind::Call(HASHES), Vec::new()),
        (TxKind::Call(LEDGER), payment(1, DEV_ACCOUNTS[1], DEV_ACCOUNTS[2], 5)),
        (TxKind::Call(CALLER), through(LEDGER, &payment(1, CALLER, DEV_ACCOUNTS[2], 5))),
        (TxKind::Call(CALLER), nested),
        (TxKind::Create, init.to_vec()),
    ];
    for (to, input) in cases {
        let call = CallRequest { to, ..request(DEV_ACCOUNTS[1], HASHES, input.clone()) };
        let gas = world.chain.estimate_gas(5, &call, &none(), &|| false).unwrap();
        let run = |gas_limit| {
            let input = input.clone().into();
            let transaction = TxEip1559 { to, gas_limit, input, ..template(0, HASHES) };
            world.build(&world.chain.head(), [sign(1, transaction)]).block.receipts[0].clone()
        };
        assert!(run(gas).success, "{to:?}: {gas}");
        let full = run(5_000_000);
        assert_eq!(run(gas).logs, full.logs);
        let used = full.cumulative_gas_used;
        assert!(gas >= used && gas <= used + used * 5 / 100, "{to:?}: {gas} for {used}");
        // The forwarder survives what it calls; everything else fails with 1.6 % less.
        if to != TxKind::Call(CALLER) && gas > 21_000 {
            assert!(!run(gas - gas * 16 / 1_000).success, "{to:?}: {gas} is too much");
        }
        if input.is_empty() && to == TxKind::Call(DEV_ACCOUNTS[2]) {
            assert_eq!(gas, 21_000);
        }
    }
    // Nobody may have more than the cap of one transaction.
    let endless = CallRequest {
        to: TxKind::Create,
        data: hex!("5b600056").into(),
        ..request(DEV_ACCOUNTS[1], HASHES, [])
    };
    let estimate = world.chain.estimate_gas(0, &endless, &none(), &|| false);
    assert!(
        matches!(estimate, Err(SimulateError::Exceeds { allowance: 16_777_216 })),
        "{estimate:?}"
    );
    let limited = CallRequest { gas: Some(30_000), ..request(DEV_ACCOUNTS[1], HASHES, []) };
    let estimate = world.chain.estimate_gas(0, &limited, &none(), &|| false);
    assert!(matches!(estimate, Err(SimulateError::Exceeds { allowance: 30_000 })), "{estimate:?}");
}

#[test]
fn an_access_list_names_what_is_touched_and_the_gas_used_with_it() {
    let world = World::new();
    let data = through(LEDGER, &payment(1, CALLER, DEV_ACCOUNTS[2], 5));
    let call = request(DEV_ACCOUNTS[1], CALLER, data);
    let (list, gas, error) = world.chain.access_list(0, &call, CAP, &|| false).unwrap();
    assert_eq!(error, None);
    let caller = list.0.iter().find(|item| item.address == CALLER).unwrap();
    assert_eq!(caller.storage_keys.len(), 1);
    let listed = CallRequest { access_list: list, ..call.clone() };
    assert_eq!(world.chain.call(0, &listed, &none(), CAP).unwrap().gas_used, gas);
    let bad = CallRequest { to: TxKind::Create, data: hex!("60006000fd").into(), ..call };
    let (_, _, error) = world.chain.access_list(0, &bad, CAP, &|| false).unwrap();
    assert_eq!(error.as_deref(), Some("execution reverted"));
}

#[test]
fn overrides_change_what_a_call_sees_and_nothing_else() {
    let world = World::new();
    let here = Address::repeat_byte(0x55);
    // Returns slot 0, slot 1, SELFBALANCE, NUMBER, TIMESTAMP, BASEFEE, COINBASE, GASLIMIT.
    let code = hex!(
        "600054600052 600154602052 47604052 43606052 42608052 4860a052 4160c052 4560e052 6101006000f3"
    );
    let account = AccountOverride {
        balance: Some(U256::from(99)),
        nonce: Some(4),
        code: Some(code.into()),
        state: Some(BTreeMap::from([(U256::ZERO, U256::from(11))])),
        state_diff: BTreeMap::from([(U256::from(1), U256::from(12))]),
        ..AccountOverride::default()
    };
    let block = BlockOverride {
        number: Some(1_000),
        timestamp: Some(2_000),
        gas_limit: Some(40_000_000),
        base_fee: Some(5),
        beneficiary: Some(Address::repeat_byte(1)),
        ..BlockOverride::default()
    };
    let overrides = Overrides { accounts: BTreeMap::from([(here, account)]), block };
    let call = CallRequest { gas_price: Some(10), ..request(DEV_ACCOUNTS[1], here, []) };
    let done = world.chain.call(0, &call, &overrides, 1_000_000).unwrap();
    assert_eq!(done.status, CallStatus::Success);
    let words: Vec<_> = done.output.chunks(32).map(U256::from_be_slice).collect();
    let beneficiary = U256::from_be_slice(Address::repeat_byte(1).as_slice());
    let small = [11, 12, 99, 1_000, 2_000, 5].map(U256::from);
    assert_eq!(words[..6], small);
    assert_eq!(words[6..], [beneficiary, U256::from(40_000_000)]);
    assert!(world.chain.code_at(0, here).unwrap().is_empty());

    // Money by override is enough to pay and to estimate with.
    let rich = AccountOverride { balance: Some(U256::MAX >> 8), ..AccountOverride::default() };
    let poor = Address::repeat_byte(0x0f);
    let overrides =
        Overrides { accounts: BTreeMap::from([(poor, rich)]), block: BlockOverride::default() };
    let paying = CallRequest {
        value: U256::from(5),
        gas_price: Some(2_000_000_000),
        ..request(poor, DEV_ACCOUNTS[2], [])
    };
    assert!(world.chain.call(0, &paying, &overrides, CAP).is_ok());
    assert_eq!(world.chain.estimate_gas(0, &paying, &overrides, &|| false).unwrap(), 21_000);

    // The ledger's own slots can be overridden as well: they are ordinary storage.
    let balance = ILedger::balanceOfCall { account: DEV_ACCOUNTS[1], currency: USD };
    let wiped = AccountOverride { state: Some(BTreeMap::new()), ..AccountOverride::default() };
    let overrides =
        Overrides { accounts: BTreeMap::from([(LEDGER, wiped)]), block: BlockOverride::default() };
    let ask = request(DEV_ACCOUNTS[1], LEDGER, balance.abi_encode());
    let full = world.chain.call(0, &ask, &none(), CAP).unwrap();
    assert_eq!(ILedger::balanceOfCall::abi_decode_returns(&full.output).unwrap().posted, 1_000_000);
    let empty = world.chain.call(0, &ask, &overrides, CAP).unwrap();
    assert_ne!(empty.output, full.output);
}
