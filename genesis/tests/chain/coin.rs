//! The NativeCoin engine inside the EVM: coin moves for its face alone, at the price of a call with value,
//! and every node that runs the block agrees.

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use qenex_exec::{CallRequest, CallStatus, Overrides};
use qenex_genesis::DEV_ACCOUNTS;
use qenex_precompiles::{INativeCoin, NATIVE_COIN, decode_error};
use qenex_types::PooledTransaction;

use crate::support::{CALLER, World, call, sign, template, through};

/// Nobody before the test.
const STRANGER: Address = Address::repeat_byte(0x9a);
const PAYER: Address = DEV_ACCOUNTS[3];

fn coin(world: &World, account: Address) -> U256 {
    world.chain.head_account(account).unwrap().map_or(U256::ZERO, |found| found.balance)
}

/// The input of the face for a transfer of `amount`.
fn moving(from: Address, to: Address, amount: U256) -> Vec<u8> {
    through(NATIVE_COIN, &INativeCoin::transferCall { from, to, amount }.abi_encode())
}

/// A chain whose coin has the forwarder [`CALLER`] for a face.
fn world() -> World {
    let world = World::new();
    let set = INativeCoin::setFaceCall { face: CALLER }.abi_encode();
    let block = world.run([call(0, 0, NATIVE_COIN, set)]);
    assert!(block.receipts[0].success);
    world
}

/// What the engine answers when `forwarder` passes a transfer on: the name of its error.
fn ask(world: &World, to: Address, input: Vec<u8>) -> (CallStatus, Option<String>) {
    let request = CallRequest {
        from: DEV_ACCOUNTS[1],
        to: to.into(),
        data: input.into(),
        ..CallRequest::default()
    };
    let number = world.chain.head().header.number;
    let done = world.chain.call(number, &request, &Overrides::default(), 1_000_000).unwrap();
    let error = decode_error(&done.output);
    (done.status, error.and_then(|error| error.split(' ').next().map(str::to_owned)))
}

#[test]
fn coin_moves_for_its_face_and_every_node_agrees() {
    let (world, other) = (world(), world());
    let (before, total) = (coin(&world, PAYER), coin(&world, PAYER) + coin(&world, CALLER));
    let amount = U256::from(7);
    let steps: Vec<PooledTransaction> = vec![
        call(1, 0, CALLER, moving(PAYER, STRANGER, amount)), // an account that comes into being
        call(1, 1, CALLER, moving(PAYER, STRANGER, amount)),
        call(1, 2, CALLER, moving(STRANGER, CALLER, amount)),
        call(1, 3, CALLER, moving(PAYER, PAYER, before)),
        call(1, 4, CALLER, moving(PAYER, STRANGER, U256::ZERO)),
    ];
    let built = world.build(&world.chain.head(), steps);
    let checked = other.chain.check(&built.encoded, &|_| None).unwrap();
    assert_eq!(checked.block.header, built.block.header);
    world.finalise(&[&built]);
    assert_eq!(coin(&world, PAYER), before - amount * U256::from(2));
    assert_eq!(coin(&world, STRANGER), amount);
    assert_eq!(coin(&world, PAYER) + coin(&world, STRANGER) + coin(&world, CALLER), total);
    assert!(built.block.receipts.iter().all(|receipt| receipt.success));
    let gas = |index| built.block.gas_used(index);
    assert_eq!(gas(0) - gas(1), 25_000 + 22_100 - 2_200, "a new account; the forwarder's slot");
}

#[test]
fn nobody_else_moves_coin_and_nothing_that_is_not_there_moves() {
    let world = world();
    let balance = coin(&world, PAYER);
    let transfer = |from, to, amount| INativeCoin::transferCall { from, to, amount }.abi_encode();
    let direct = transfer(PAYER, STRANGER, U256::from(1));
    let name = |text: &str| Some(text.to_owned());
    assert_eq!(ask(&world, NATIVE_COIN, direct), (CallStatus::Revert, name("NotAuthorised")));
    let cases = [
        (PAYER, STRANGER, balance + U256::from(1), name("ERC20InsufficientBalance")),
        (PAYER, NATIVE_COIN, balance, name("ERC20InvalidReceiver")),
        (PAYER, Address::ZERO, balance, name("ERC20InvalidReceiver")),
        (Address::ZERO, PAYER, U256::ZERO, name("ERC20InvalidSender")),
        (PAYER, STRANGER, balance, None),
    ];
    for (from, to, amount, error) in cases {
        let got = ask(&world, CALLER, moving(from, to, amount));
        assert_eq!(got, (CallStatus::Success, error), "{from} {to} {amount}");
    }
}

#[test]
fn running_out_of_gas_moves_no_coin() {
    let world = world();
    let before = coin(&world, PAYER);
    let input = moving(PAYER, STRANGER, U256::from(7));
    let (mut gas_limit, mut nonce) = (30_000, 0);
    loop {
        let transaction =
            TxEip1559 { gas_limit, input: input.clone().into(), ..template(nonce, CALLER) };
        world.run([sign(1, transaction)]);
        if coin(&world, STRANGER) == U256::from(7) {
            break;
        }
        assert_eq!((coin(&world, PAYER), coin(&world, STRANGER)), (before, U256::ZERO));
        gas_limit += 503;
        nonce += 1;
    }
    assert!(nonce > 50, "{nonce} limits were not enough");
    assert_eq!(coin(&world, PAYER), before - U256::from(7));
}
