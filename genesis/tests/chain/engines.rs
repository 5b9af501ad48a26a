//! The engines inside the EVM: their gas, their refusals, their events, and the books of every
//! block.

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, FixedBytes, I256, TxKind, U256, keccak256};
use alloy_sol_types::{SolCall, SolEvent};
use qenex_exec::{CallRequest, CallStatus, Overrides};
use qenex_genesis::DEV_ACCOUNTS;
use qenex_precompiles::{
    ACCESS, ACCOUNTS, Block, Call, ENGINE_CODE, ENGINE_NONCE, Host, IAccess, IAccounts,
    ICurrencyToken, ILedger, IOracle, IPriceFeed, LEDGER, MemoryHost, ORACLE, decode_error,
    face_address, genesis, price_feed_address,
};
use qenex_types::PooledTransaction;

use crate::support::{
    CALLER, DELEGATOR, STATIC_CALLER, USD, World, call, logs, payment, sign, spec, template,
    through,
};

fn usd() -> Address {
    face_address("USD".parse().unwrap())
}

/// Gas before execution: 21,000, and 4 or 16 for each byte of input.
fn intrinsic(input: &[u8]) -> u64 {
    21_000 + input.iter().map(|byte| if *byte == 0 { 4 } else { 16 }).sum::<u64>()
}

/// The least a transaction pays for its input (EIP-7623): 10 or 40 for each byte.
fn floor(input: &[u8]) -> u64 {
    21_000 + (intrinsic(input) - 21_000) * 10 / 4
}

/// The engines of the test network in memory, at a block's number and time.
fn memory_host(block: &qenex_exec::SealedBlock) -> MemoryHost {
    let spec = spec();
    let at = |number, timestamp| Block { number, timestamp, chain_id: spec.chain_id };
    let mut host = MemoryHost::new(at(0, spec.timestamp_ms / 1_000));
    let engines = genesis(&spec.ledger, at(0, spec.timestamp_ms / 1_000)).unwrap();
    for (address, slots) in engines {
        for (slot, value) in slots {
            host.sstore(address, slot, value).unwrap();
        }
    }
    host.set_block(at(block.header.number, block.header.timestamp));
    host
}

#[test]
fn gas_state_and_events_are_those_of_the_engines_in_memory() {
    let approve = ICurrencyToken::approveCall { spender: DEV_ACCOUNTS[2], value: U256::from(90) };
    let issue = ILedger::issueCall {
        clientReference: FixedBytes([7; 16]),
        to: DEV_ACCOUNTS[4],
        currency: USD,
        amount: 70,
    };
    let to_3 = |value| ICurrencyToken::transferCall { to: DEV_ACCOUNTS[3], value };
    let balance = ILedger::balanceOfCall { account: DEV_ACCOUNTS[1], currency: USD };
    let cases = [
        (1, LEDGER, payment(1, DEV_ACCOUNTS[1], DEV_ACCOUNTS[2], 100)),
        (0, LEDGER, issue.abi_encode()),
        (1, usd(), to_3(U256::from(5)).abi_encode()),
        (1, usd(), to_3(U256::ZERO).abi_encode()),
        (1, usd(), approve.abi_encode()),
        (1, LEDGER, balance.abi_encode()),
        (1, LEDGER, payment(1, DEV_ACCOUNTS[2], DEV_ACCOUNTS[1], 100)), // not the owner
        (1, LEDGER, payment(1, DEV_ACCOUNTS[1], DEV_ACCOUNTS[2], u128::MAX)),
        (1, LEDGER, vec![1, 2, 3]),
    ];
    for (index, to, input) in cases {
        let world = World::new();
        let block = world.run([call(index, 0, to, input.clone())]);
        let mut host = memory_host(&block);
        let caller = DEV_ACCOUNTS[usize::try_from(index).unwrap()];
        let outcome = host.call(&Call::new(caller, to, &input)).unwrap();
        assert_eq!(block.receipts[0].success, outcome.is_success());
        let expected = intrinsic(&input) + host.gas_used();
        assert_eq!(block.header.gas_used, expected.max(floor(&input)));
        assert_eq!(logs(&block), host.logs());
        for (slot, (_, after)) in host.changes(LEDGER) {
            assert_eq!(world.chain.storage_at(1, LEDGER, slot).unwrap(), after);
        }
    }
    // The figure the engines' own tests publish for a plain payment.
    let world = World::new();
    let input = payment(1, DEV_ACCOUNTS[1], DEV_ACCOUNTS[2], 100);
    let block = world.run([call(1, 0, LEDGER, input.clone())]);
    assert_eq!(block.header.gas_used - intrinsic(&input), 161_024);
}

/// A call at the head: how it ended, and the engines' error.
fn ask(world: &World, request: &CallRequest) -> (CallStatus, Option<String>) {
    let number = world.chain.head().header.number;
    let done = world.chain.call(number, request, &Overrides::default(), 5_000_000).unwrap();
    (done.status, decode_error(&done.output))
}

#[test]
fn value_delegation_and_writes_in_static_calls_are_refused_by_name() {
    let world = World::new();
    let transfer = payment(1, CALLER, DEV_ACCOUNTS[2], 1);
    let balance = ILedger::balanceOfCall { account: CALLER, currency: USD }.abi_encode();
    let request = |to, data: &[u8], value: u64| CallRequest {
        from: DEV_ACCOUNTS[1],
        to: TxKind::Call(to),
        value: U256::from(value),
        data: Bytes::copy_from_slice(data),
        ..CallRequest::default()
    };
    let direct = ask(&world, &request(LEDGER, &transfer, 1));
    assert_eq!(direct, (CallStatus::Revert, Some("ValueNotAccepted".into())));
    // The forwarders succeed and return what the engine reverted with.
    let name = |text: &str| Some(text.to_owned());
    let cases = [
        (CALLER, LEDGER, &transfer, 1, name("ValueNotAccepted")),
        (CALLER, usd(), &transfer, 1, name("ValueNotAccepted")),
        (DELEGATOR, LEDGER, &transfer, 0, name("DelegateCallNotAllowed")),
        (DELEGATOR, LEDGER, &balance, 0, name("DelegateCallNotAllowed")),
        (DELEGATOR, usd(), &balance, 0, name("DelegateCallNotAllowed")),
        (STATIC_CALLER, LEDGER, &transfer, 0, name("StaticCallNotAllowed")),
        (STATIC_CALLER, LEDGER, &balance, 0, None),
        (CALLER, LEDGER, &transfer, 0, None),
        (CALLER, LEDGER, &balance, 0, None),
    ];
    for (forwarder, target, input, value, expected) in cases {
        let got = ask(&world, &request(forwarder, &through(target, input), value));
        assert_eq!(got, (CallStatus::Success, expected), "{forwarder} {target} {value}");
    }
    // A write two levels under a static call is refused as well.
    let nested = through(CALLER, &through(LEDGER, &transfer));
    let (status, _) = ask(&world, &request(STATIC_CALLER, &nested, 0));
    assert_eq!(status, CallStatus::Success);
    // The refused write ends the inner call with all its gas: the outer one goes on with a 64th.
    let plenty =
        TxEip1559 { gas_limit: 5_000_000, input: nested.into(), ..template(0, STATIC_CALLER) };
    let block = world.run([sign(1, plenty)]);
    assert!(block.receipts[0].success && logs(&block).is_empty());
    assert_eq!(world.slot(STATIC_CALLER, 0), U256::from(1), "the inner call failed");
    assert_eq!(world.posted(CALLER), 50_000);
}

#[test]
fn an_engine_that_refuses_does_not_take_its_caller_down() {
    let world = World::new();
    let refused = payment(1, DEV_ACCOUNTS[1], CALLER, 5); // CALLER does not own the payer.
    let block = world.run([call(1, 0, CALLER, through(LEDGER, &refused))]);
    assert!(block.receipts[0].success && logs(&block).is_empty());
    assert_eq!(world.slot(CALLER, 0), U256::from(1));
    let good = payment(1, CALLER, DEV_ACCOUNTS[2], 5);
    let block = world.run([call(1, 1, CALLER, through(LEDGER, &good))]);
    assert_eq!(world.slot(CALLER, 0), U256::from(2));
    assert_eq!((world.posted(CALLER), world.posted(DEV_ACCOUNTS[2])), (49_995, 1_000_005));

    let logs = logs(&block);
    let settled = ILedger::Settled::decode_log_data(&logs[0].data).unwrap();
    assert_eq!((logs[0].address, settled.from, settled.to), (LEDGER, CALLER, DEV_ACCOUNTS[2]));
    let transfer = ICurrencyToken::Transfer::decode_log_data(&logs[1].data).unwrap();
    assert_eq!(logs[1].address, usd());
    assert_eq!((transfer.from, transfer.to), (CALLER, DEV_ACCOUNTS[2]));
    assert_eq!(transfer.value, U256::from(5));
}

#[test]
fn running_out_of_gas_at_any_level_changes_no_money() {
    let direct = payment(1, DEV_ACCOUNTS[1], DEV_ACCOUNTS[2], 5);
    let inner = through(LEDGER, &payment(1, CALLER, DEV_ACCOUNTS[2], 5));
    let nested = through(CALLER, &inner);
    for (to, input) in [(LEDGER, direct), (CALLER, inner), (CALLER, nested)] {
        let world = World::new();
        let ledger = || {
            let number = world.chain.head().header.number;
            world.chain.account(number, LEDGER).unwrap().unwrap().storage_root
        };
        let before = ledger();
        let mut gas_limit = floor(&input);
        let mut nonce = 0;
        // Whether or not the outer frames survive, the ledger is as before, until the gas suffices.
        let block = loop {
            let transaction =
                TxEip1559 { gas_limit, input: input.clone().into(), ..template(nonce, to) };
            let block = world.run([sign(1, transaction)]);
            if !logs(&block).is_empty() {
                break block;
            }
            assert_eq!(ledger(), before, "{gas_limit} gas");
            assert!(block.header.gas_used <= gas_limit);
            gas_limit += 1_003;
            nonce += 1;
        };
        assert!(nonce > 50, "{nonce} limits were not enough");
        assert!(block.receipts[0].success);
        assert_ne!(ledger(), before);
        assert_eq!(world.posted(DEV_ACCOUNTS[2]), 1_000_005);
    }
}

/// Every kind of transaction that changes the ledger's storage.
fn all_kinds() -> Vec<PooledTransaction> {
    let register = ILedger::registerCurrencyCall {
        code: FixedBytes(*b"CHF"),
        exponent: 2,
        name: "Swiss franc".into(),
        issuer: DEV_ACCOUNTS[0],
        cap: 1_000_000,
    };
    let issue = |code: &[u8; 3], reference, amount| ILedger::issueCall {
        clientReference: FixedBytes([reference; 16]),
        to: DEV_ACCOUNTS[1],
        currency: FixedBytes(*code),
        amount,
    };
    let active = |active| ILedger::setCurrencyActiveCall { code: FixedBytes(*b"CHF"), active };
    let open = IAccounts::openCall {
        account: Address::repeat_byte(0x77),
        owner: DEV_ACCOUNTS[1],
        accountType: 1,
        jurisdiction: FixedBytes(*b"CH"),
        homeCurrency: USD,
    };
    let memo = ILedger::transferCall {
        clientReference: FixedBytes([9; 16]),
        from: DEV_ACCOUNTS[1],
        to: Address::repeat_byte(0x77),
        currency: USD,
        // Little: much that is passed on at once would be for an officer to look at.
        amount: 400,
        endToEndId: B256::repeat_byte(1),
        payloadHash: B256::repeat_byte(2),
    };
    let empty = ILedger::transferCall {
        clientReference: FixedBytes([1; 16]),
        from: Address::repeat_byte(0x77),
        to: DEV_ACCOUNTS[1],
        endToEndId: B256::ZERO,
        ..memo.clone()
    };
    let approve = |value| ICurrencyToken::approveCall { spender: DEV_ACCOUNTS[2], value };
    let from_1 = |value: u64| ICurrencyToken::transferFromCall {
        from: DEV_ACCOUNTS[1],
        to: DEV_ACCOUNTS[3],
        value: U256::from(value),
    };
    let to_3 =
        |value: u64| ICurrencyToken::transferCall { to: DEV_ACCOUNTS[3], value: U256::from(value) };
    let payment = payment(5, DEV_ACCOUNTS[1], DEV_ACCOUNTS[2], 100);
    let close = IAccounts::setStatusCall { account: Address::repeat_byte(0x77), status: 5 };
    vec![
        call(0, 0, LEDGER, register.abi_encode()),
        call(0, 1, LEDGER, issue(b"CHF", 1, 50).abi_encode()),
        call(0, 2, LEDGER, issue(b"USD", 2, 60).abi_encode()),
        call(0, 3, LEDGER, active(false).abi_encode()),
        call(0, 4, LEDGER, active(true).abi_encode()),
        call(0, 5, ACCOUNTS, open.abi_encode()),
        call(1, 0, LEDGER, payment.clone()),
        call(1, 1, LEDGER, payment), // A replay: succeeds and changes nothing.
        call(1, 2, LEDGER, memo.abi_encode()),
        call(1, 3, LEDGER, empty.abi_encode()),
        call(1, 4, usd(), to_3(11).abi_encode()),
        call(1, 5, usd(), to_3(0).abi_encode()),
        call(1, 6, usd(), approve(U256::from(30)).abi_encode()),
        call(2, 0, usd(), from_1(20).abi_encode()),
        call(1, 7, usd(), approve(U256::MAX).abi_encode()),
        call(2, 1, usd(), from_1(20).abi_encode()),
        call(
            1,
            8,
            CALLER,
            through(LEDGER, &crate::support::payment(3, CALLER, DEV_ACCOUNTS[1], 7)),
        ),
        call(0, 6, ACCOUNTS, close.abi_encode()),
        call(3, 0, usd(), to_3(1).abi_encode()), // To oneself: refused.
    ]
}

#[test]
fn the_books_of_every_kind_of_transaction_close_in_one_block_and_in_many() {
    let failing = all_kinds().len() - 1;
    // In one block; the books are checked while it is built, and while it is checked.
    let (one, other, many) = (World::new(), World::new(), World::new());
    let built = one.build(&one.chain.head(), all_kinds());
    for (index, receipt) in built.block.receipts.iter().enumerate() {
        assert_eq!(receipt.success, index != failing, "transaction {index}");
    }
    let checked = other.chain.check(&built.encoded, &|_| None).unwrap();
    assert_eq!(checked.block.hash, built.block.hash);
    one.finalise(&[&built]);
    // One block each.
    for (index, transaction) in all_kinds().into_iter().enumerate() {
        let block = many.run([transaction]);
        assert_eq!(block.receipts[0].success, index != failing, "transaction {index}");
    }
    for world in [&one, &many] {
        let accounts = [1, 2, 3].map(|index| world.posted(DEV_ACCOUNTS[index]));
        let first = 1_000_000 + 60 - 100 - 11 - 40 + 7;
        assert_eq!(accounts, [first, 1_000_100, 1_000_051]);
        assert_eq!(world.posted(CALLER), 50_000 - 7);
    }
}

#[test]
fn a_price_feed_made_in_a_block_answers_contracts() {
    let world = World::new();
    let face = price_feed_address(1);
    let terms = IOracle::Terms {
        minReporters: 1,
        maxReporters: 3,
        deviation: 500,
        staleness: 3_600,
        confirmation: 0,
        minAnswer: 1,
        maxAnswer: i128::MAX,
    };
    let description = "EUR / USD".to_owned();
    let create = IOracle::createFeedCall { description, decimals: 8, terms };
    let grant = IAccess::grantRoleCall { role: 6, member: DEV_ACCOUNTS[0] };
    let add = IOracle::addReporterCall { feed: 1, reporter: DEV_ACCOUNTS[1] };
    let block = world.run([
        call(0, 0, ACCESS, grant.abi_encode()),
        call(0, 1, ORACLE, create.abi_encode()),
        call(0, 2, ORACLE, add.abi_encode()),
    ]);
    assert!(block.receipts.iter().all(|receipt| receipt.success));
    let account = world.chain.account(1, face).unwrap().unwrap();
    assert_eq!((account.nonce, account.code_hash), (ENGINE_NONCE, keccak256(ENGINE_CODE)));

    let observed_at = block.header.timestamp;
    let report = IOracle::reportCall { feed: 1, answer: 108_500_000, observedAt: observed_at };
    let block = world.run([call(1, 0, ORACLE, report.abi_encode())]);
    assert!(block.receipts[0].success);
    let shown = logs(&block).pop().unwrap();
    let event = IPriceFeed::AnswerUpdated::decode_log_data(&shown.data).unwrap();
    assert_eq!((shown.address, event.roundId), (face, U256::from(1)));

    let request = CallRequest {
        to: TxKind::Call(STATIC_CALLER),
        data: through(face, &IPriceFeed::latestRoundDataCall {}.abi_encode()).into(),
        ..CallRequest::default()
    };
    let number = block.header.number;
    let done = world.chain.call(number, &request, &Overrides::default(), 1_000_000).unwrap();
    let seen = IPriceFeed::latestRoundDataCall::abi_decode_returns(&done.output).unwrap();
    assert_eq!(seen.answer, I256::unchecked_from(108_500_000));
    assert_eq!(seen.updatedAt, U256::from(observed_at));
}
