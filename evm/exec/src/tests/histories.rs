//! The histories of the ledger (`precompiles/histories`) through the EVM: every actor is a contract that
//! forwards calls, so that engines are called by contracts, deeper down, in frames that are reverted
//! afterwards and with too little gas.

use std::cell::RefCell;

use alloy_primitives::FixedBytes;
use alloy_sol_types::SolCall;
use proptest::{prelude::*, test_runner::Config};
use qenex_histories::{
    Model, Step, World, aim, aimed_step,
    setting::{PARTIES, world},
    transaction,
    world::{
        ALICE, BOB, CAROL, CLOSED, EUR, FROZEN, ISSUER, OFFICER, RISK_OFFICER, SECOND_OFFICER,
        STRANGER, TREASURY, USD, payment, reference,
    },
};
use qenex_precompiles::{
    COMPLIANCE, ICompliance, ILedger, IQenexErrors, Refusal, decode, engine_addresses,
};

use super::*;

/// Histories; `PROPTEST_CASES` makes it more.
const HISTORIES: u32 = 150;
/// Who sends all transactions.
pub(super) const SENDER: Address = Address::repeat_byte(0x5e);
const ACTORS: [Address; 11] = [
    ALICE,
    BOB,
    CAROL,
    TREASURY,
    FROZEN,
    CLOSED,
    ISSUER,
    OFFICER,
    SECOND_OFFICER,
    RISK_OFFICER,
    STRANGER,
];
const GAS: u64 = 8_000_000;

/// Calls word 2 by an opcode, with the rest of the call data and as much gas as word 0 says. If word 1 is 1 it reverts then, else if the call failed; it answers with what the
/// call gave.
fn forwarder(opcode: u8) -> Vec<u8> {
    let value: &[u8] = if opcode == CALL { &[0x5f] } else { &[] };
    let code = [
        // size = CALLDATASIZE - 96; CALLDATACOPY(0, 96, size)
        &alloy_primitives::hex!("606036038060605f37")[..],
        // opcode(gas, target, value?, 0, size, 0, 0)
        &alloy_primitives::hex!("5f5f82")[..],
        &[0x5f],
        value,
        &alloy_primitives::hex!("6040355f35")[..],
        &[opcode],
        // RETURNDATACOPY(0, 0, RETURNDATASIZE); ok, reverting if word 1 is not 0 or not ok
        &alloy_primitives::hex!("3d5f5f3e15602035176000")[..],
    ]
    .concat();
    // JUMPI to the revert behind the return.
    let revert = u8::try_from(code.len() + 4).unwrap();
    let mut code = code;
    *code.last_mut().unwrap() = revert;
    code.extend(alloy_primitives::hex!("573d5ff35b3d5ffd"));
    code
}

const CALL: u8 = 0xf1;
const DELEGATECALL: u8 = 0xf4;
const STATICCALL: u8 = 0xfa;
const DELEGATING: Address = Address::repeat_byte(0xde);
const STATIC: Address = Address::repeat_byte(0x57);

/// What a forwarder is told: `gas` for the call, whether to revert afterwards, what to call.
pub(super) fn forwarded(gas: u64, revert: bool, target: Address, input: &[u8]) -> Vec<u8> {
    let words = [U256::from(gas), U256::from(u8::from(revert)), target.into_word().into()];
    let words = words.iter().flat_map(U256::to_be_bytes::<32>);
    words.chain(input.iter().copied()).collect()
}

/// A chain whose engines have the state of a world.
pub(super) fn chain_of(world: World, folder: &tempfile::TempDir) -> Chain {
    let mut alloc: BTreeMap<Address, Alloc> = BTreeMap::new();
    let marks: Vec<_> = world.host.marks().iter().copied().chain(engine_addresses()).collect();
    for address in marks {
        let engine = alloc.entry(address).or_default();
        (engine.nonce, engine.code) = (ENGINE_NONCE, ENGINE_CODE.to_vec());
    }
    for (address, storage) in world.host.into_storage() {
        let engine = alloc.entry(address).or_default();
        (engine.nonce, engine.code) = (ENGINE_NONCE, ENGINE_CODE.to_vec());
        engine.storage = storage;
    }
    for (address, code) in system_contracts() {
        alloc.insert(address, Alloc { nonce: 1, code: code.to_vec(), ..Alloc::default() });
    }
    for actor in ACTORS {
        alloc.insert(actor, Alloc { nonce: 1, code: forwarder(CALL), ..Alloc::default() });
    }
    for (address, opcode) in [(DELEGATING, DELEGATECALL), (STATIC, STATICCALL)] {
        alloc.insert(address, Alloc { nonce: 1, code: forwarder(opcode), ..Alloc::default() });
    }
    let balance = U256::from(10_u64.pow(18));
    alloc.insert(SENDER, Alloc { balance, ..Alloc::default() });
    open(folder, &alloc)
}

/// One block in which a whole history happens: time passes inside it.
pub(super) struct Stage {
    block: Execution,
    nonce: u64,
}

impl Stage {
    pub(super) fn new(chain: &Chain, timestamp: u64) -> Self {
        let parent = chain.head();
        let header = Header {
            parent_hash: parent.hash,
            number: 1,
            timestamp,
            gas_limit: u64::MAX / 2,
            base_fee_per_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            ..template()
        };
        let state = chain.state(0).unwrap().unwrap();
        let block =
            Execution::start(chain.rules(), &header, state, chain.ancestors_of_final(0)).unwrap();
        Self { block, nonce: 0 }
    }

    fn transaction(&self, to: Address, value: u64, gas: u64, input: Vec<u8>) -> PooledTransaction {
        let transaction = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: self.nonce,
            gas_limit: gas,
            to: TxKind::Call(to),
            value: U256::from(value),
            input: input.into(),
            ..TxEip1559::default()
        };
        let signature = alloy_primitives::Signature::test_signature();
        let signed = Transaction::from(transaction.into_signed(signature));
        Arc::new(Recovered::new_unchecked(signed, SENDER))
    }

    /// Whether a transaction succeeded.
    pub(super) fn send(&mut self, to: Address, gas: u64, input: Vec<u8>) -> bool {
        let transaction = self.transaction(to, 0, gas, input);
        match self.block.execute(&transaction).unwrap() {
            Executed::Included => {}
            Executed::Refused(reason) => panic!("{reason}"),
        }
        self.nonce += 1;
        self.block.last_succeeded()
    }

    /// What a call would give, without a trace: whether it succeeded, and the output.
    fn ask(&mut self, to: Address, value: u64, input: &[u8]) -> (bool, Bytes) {
        let (success, output, _) =
            self.block.ask(&self.transaction(to, value, GAS, input.to_vec()));
        (success, output)
    }

    /// The same with any amount of gas, and what of it is used.
    pub(super) fn try_out(&mut self, to: Address, gas: u64, input: &[u8]) -> (bool, Bytes, u64) {
        self.block.ask(&self.transaction(to, 0, gas, input.to_vec()))
    }
}

/// How a step comes to its engine.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Its actor calls.
    Plain,
    /// Its actor is called by another contract and itself.
    Deep,
    /// Its actor calls and reverts; then it calls again.
    Reverted,
    /// Its actor calls with so much gas; if that was too little, it calls again.
    Starved(u64),
}

fn ways() -> impl Strategy<Value = Way> {
    prop_oneof![
        3 => Just(Way::Plain),
        2 => Just(Way::Deep),
        1 => Just(Way::Reverted),
        2 => (0..150_000_u64).prop_map(Way::Starved),
    ]
}

/// Whether a step succeeded.
fn carry_out(stage: &mut Stage, way: Way, actor: Address, engine: Address, input: &[u8]) -> bool {
    let plain = forwarded(GAS, false, engine, input);
    match way {
        Way::Plain => {}
        Way::Deep => {
            let deep = forwarded(GAS, false, actor, &forwarded(GAS, false, actor, &plain));
            return stage.send(OFFICER, GAS, deep);
        }
        Way::Reverted => {
            assert!(!stage.send(actor, GAS, forwarded(GAS, true, engine, input)));
        }
        Way::Starved(gas) => {
            if stage.send(actor, GAS, forwarded(gas, false, engine, input)) {
                return true;
            }
        }
    }
    stage.send(actor, GAS, plain)
}

thread_local! {
    /// The world, its chain, and where that lies: made once.
    static START: RefCell<Option<(World, Chain, tempfile::TempDir)>> = const { RefCell::new(None) };
}

fn with_start<T>(run: impl FnOnce(World, &Chain) -> T) -> T {
    START.with_borrow_mut(|start| {
        let (world, chain, _) = start.get_or_insert_with(|| {
            let folder = tempfile::tempdir().unwrap();
            let world = world();
            let chain = chain_of(world.clone(), &folder);
            (world, chain, folder)
        });
        run(world.clone(), chain)
    })
}

fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

proptest! {
    #![proptest_config(Config { cases: cases(HISTORIES), ..Config::default() })]

    #[test]
    fn random_histories_through_the_evm_agree_with_the_model(
        steps in prop::collection::vec((aimed_step(), ways()), 1..40),
    ) {
        with_start(|mut world, chain| -> Result<(), TestCaseError> {
            let mut model = Model::of(&mut world);
            let mut now = world.now();
            let mut stage = Stage::new(chain, now);
            for (step, way) in &steps {
                let step = &aim(step, &model);
                let expected = model.apply(step);
                if let Step::Pass { seconds } = *step {
                    now += seconds;
                    stage.block.set_time(now);
                    continue;
                }
                let (actor, engine, input) = transaction(step, now).unwrap();
                let done = carry_out(&mut stage, *way, actor, engine, &input);
                prop_assert_eq!(done, expected, "{:?} {:?}", step, way);
                if let Step::Release { account } = *step && expected {
                    let account = PARTIES[account];
                    let second = ICompliance::releaseCall { account }.abi_encode();
                    let second = forwarded(GAS, false, COMPLIANCE, &second);
                    prop_assert!(stage.send(SECOND_OFFICER, GAS, second));
                }
            }
            model.compare(&mut |engine, input| {
                let (success, output) = stage.ask(engine, 0, input);
                assert!(success, "{output}");
                output
            });
            // The books of all that happened.
            prop_assert!(stage.block.seal().is_ok());
            Ok(())
        })?;
    }
}

/// Orders of which many are refused: of all parties and some that are none, in currencies and kinds that are none,
/// under references that come again.
fn orders() -> impl Strategy<Value = Vec<ILedger::Order>> {
    let party = || prop::sample::select([&PARTIES[..], &[STRANGER, Address::ZERO]].concat());
    let currency = prop::sample::select(vec![USD, EUR, FixedBytes(*b"usd")]);
    let order = (0..40_u128, 0..5_u8, party(), party(), currency, 0..30_000_u128).prop_map(
        |(number, kind, from, to, currency, amount)| ILedger::Order {
            clientReference: reference(number),
            kind,
            from,
            to,
            currency,
            amount,
            expires: 0,
            endToEndId: B256::with_last_byte(u8::from(number % 5 == 0)),
            payloadHash: B256::ZERO,
        },
    );
    prop::collection::vec(order, 0..40)
}

proptest! {
    #![proptest_config(Config { cases: cases(60), ..Config::default() })]

    /// A block in which batches look ahead is the one in which they do not, whatever their gas.
    #[test]
    fn looking_ahead_changes_nothing(
        batches in prop::collection::vec(
            (orders(), any::<bool>(), prop_oneof![Just(GAS), 0..GAS]), 1..6,
        ),
    ) {
        with_start(|world, chain| -> Result<(), TestCaseError> {
            let mut stages = [true, false].map(|ahead| {
                let mut stage = Stage::new(chain, world.now());
                stage.block.look_ahead(ahead);
                stage
            });
            for (orders, atomic, gas) in batches {
                let input = if atomic {
                    ILedger::atomicCall { orders }.abi_encode()
                } else {
                    ILedger::batchCall { orders }.abi_encode()
                };
                let input = forwarded(gas, false, LEDGER, &input);
                let done = stages.each_mut().map(|stage| {
                    (stage.try_out(ALICE, 2 * GAS, &input), stage.send(ALICE, 2 * GAS, input.clone()))
                });
                prop_assert_eq!(&done[0], &done[1]);
            }
            let [ahead, plain] = stages.map(|stage| stage.block.seal().unwrap());
            prop_assert_eq!(ahead.state.root(), plain.state.root());
            prop_assert_eq!(ahead.receipts_root, plain.receipts_root);
            Ok(())
        })?;
    }
}

fn refusal(output: &[u8]) -> Refusal {
    decode(output).unwrap().refusal
}

#[test]
fn calls_with_value_by_delegation_and_writes_in_static_calls_have_their_errors() {
    with_start(|world, chain| {
        let mut stage = Stage::new(chain, world.now());
        let pay = payment(1, ALICE, BOB, 5).abi_encode();
        let (success, output) = stage.ask(LEDGER, 1, &pay);
        assert_eq!((success, refusal(&output)), (false, IQenexErrors::ValueNotAccepted {}.into()));
        for (contract, error) in [
            (DELEGATING, Refusal::from(IQenexErrors::DelegateCallNotAllowed {})),
            (STATIC, IQenexErrors::StaticCallNotAllowed {}.into()),
        ] {
            let (success, output) = stage.ask(contract, 0, &forwarded(GAS, false, LEDGER, &pay));
            assert_eq!((success, refusal(&output)), (false, error));
        }
    });
}

/// Whatever gas a payment is given, it is done wholly or not at all.
#[test]
fn a_payment_with_any_amount_of_gas_happens_or_does_not() {
    with_start(|world, chain| {
        let mut stage = Stage::new(chain, world.now());
        let pay = payment(1, TREASURY, BOB, 5).abi_encode();
        let balance = |stage: &mut Stage| {
            let call = ILedger::balanceOfCall { account: BOB, currency: USD };
            stage.ask(LEDGER, 0, &call.abi_encode()).1
        };
        let before = balance(&mut stage);
        let mut failed = 0;
        for gas in (0..400_000).step_by(61) {
            if stage.send(ALICE, GAS, forwarded(gas, false, LEDGER, &pay)) {
                assert_ne!(balance(&mut stage), before);
                break;
            }
            assert_eq!(balance(&mut stage), before);
            failed += 1;
        }
        assert!(failed > 1_000, "{failed}");
        assert!(stage.block.seal().is_ok());
    });
}
