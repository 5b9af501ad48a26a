//! Who may move the coin, and that it moves.

use super::*;
use crate::testing::{ADMIN, ALICE, BOB, CAROL, OFFICER, World};
use crate::{HostError, LEDGER, Outcome, Refusal};

/// The contract that is the face.
const TOKEN: Address = Address::repeat_byte(0xfa);
/// More than 128 bits.
const RICHES: U256 = U256::from_limbs([5, 0, 1, 0]);

fn denied(caller: Address) -> Refusal {
    IQenexErrors::NotAuthorised { caller }.into()
}

fn moving(from: Address, to: Address, amount: U256) -> INativeCoin::transferCall {
    INativeCoin::transferCall { from, to, amount }
}

fn world() -> World {
    let mut world = World::new();
    world.host.set_coin(ALICE, RICHES);
    world.ok(ADMIN, NATIVE_COIN, &INativeCoin::setFaceCall { face: TOKEN });
    world
}

#[test]
fn the_face_is_named_once_by_an_admin_or_at_genesis() {
    let mut world = World::new();
    let set = |face| INativeCoin::setFaceCall { face };
    assert_eq!(world.ok(BOB, NATIVE_COIN, &INativeCoin::faceCall {}), Address::ZERO);
    assert_eq!(world.refused(OFFICER, NATIVE_COIN, &set(TOKEN)), denied(OFFICER));
    for face in [Address::ZERO, LEDGER, NATIVE_COIN] {
        let invalid = IQenexErrors::InvalidAccount { account: face };
        assert_eq!(world.refused(ADMIN, NATIVE_COIN, &set(face)), invalid.into());
    }
    world.ok(ADMIN, NATIVE_COIN, &set(TOKEN));
    let event = INativeCoin::FaceSet { face: TOKEN, by: ADMIN };
    assert_eq!(world.host.logs().last().unwrap().data, event.encode_log_data());
    assert_eq!(world.ok(BOB, NATIVE_COIN, &INativeCoin::faceCall {}), TOKEN);
    for face in [TOKEN, BOB] {
        let exists = IQenexErrors::FaceExists { face: TOKEN };
        assert_eq!(world.refused(ADMIN, NATIVE_COIN, &set(face)), exists.into());
    }

    let mut world = World::new();
    for (slot, value) in genesis(Some(TOKEN), RICHES) {
        world.host.sstore(NATIVE_COIN, slot, value).unwrap();
    }
    assert_eq!(world.ok(BOB, NATIVE_COIN, &INativeCoin::faceCall {}), TOKEN);
    assert_eq!(world.ok(BOB, NATIVE_COIN, &INativeCoin::issuedCall {}), RICHES);
}

#[test]
fn the_face_moves_coin_and_nobody_else_does() {
    let mut world = world();
    let logs = world.host.logs().len();
    let amount = U256::from(3);
    for caller in [ALICE, ADMIN, Address::ZERO] {
        let refusal = world.refused(caller, NATIVE_COIN, &moving(ALICE, BOB, amount));
        assert_eq!(refusal, denied(caller));
    }
    world.ok(TOKEN, NATIVE_COIN, &moving(ALICE, BOB, amount));
    assert_eq!(world.host.coins()[&BOB], amount);
    assert_eq!(world.host.coins()[&ALICE], RICHES - amount);
    // All of it, to oneself, and nothing.
    world.ok(TOKEN, NATIVE_COIN, &moving(BOB, CAROL, amount));
    assert_eq!(world.host.coins().get(&BOB), None);
    world.ok(TOKEN, NATIVE_COIN, &moving(CAROL, CAROL, amount));
    world.ok(TOKEN, NATIVE_COIN, &moving(BOB, CAROL, U256::ZERO));
    assert_eq!(world.host.coins()[&CAROL], amount);
    assert_eq!(world.host.coins().values().sum::<U256>(), RICHES);
    assert_eq!(world.host.logs().len(), logs, "the face has its own events");
    // Without a face, the zero address is none.
    let mut bare = World::new();
    let refusal = bare.refused(Address::ZERO, NATIVE_COIN, &moving(ALICE, BOB, amount));
    assert_eq!(refusal, denied(Address::ZERO));
}

#[test]
fn what_cannot_move_is_refused_in_one_order() {
    let mut world = world();
    let too_much = RICHES + U256::from(1);
    let zero = Address::ZERO;
    let refusal = world.refused(ALICE, NATIVE_COIN, &moving(zero, zero, too_much));
    assert_eq!(refusal, denied(ALICE));
    let sender = IQenexErrors::ERC20InvalidSender { sender: zero };
    assert_eq!(world.refused(TOKEN, NATIVE_COIN, &moving(zero, zero, too_much)), sender.into());
    for to in [zero, LEDGER, NATIVE_COIN, crate::face_address("USD".parse().unwrap())] {
        let receiver = IQenexErrors::ERC20InvalidReceiver { receiver: to };
        assert_eq!(
            world.refused(TOKEN, NATIVE_COIN, &moving(ALICE, to, too_much)),
            receiver.into()
        );
    }
    let short = |from, balance| -> Refusal {
        IQenexErrors::ERC20InsufficientBalance { sender: from, balance, needed: too_much }.into()
    };
    let refusal = world.refused(TOKEN, NATIVE_COIN, &moving(ALICE, BOB, too_much));
    assert_eq!(refusal, short(ALICE, RICHES));
    let refusal = world.refused(TOKEN, NATIVE_COIN, &moving(BOB, BOB, too_much));
    assert_eq!(refusal, short(BOB, U256::ZERO));
}

#[test]
fn it_costs_what_a_call_with_value_costs() {
    let mut world = world();
    let gas = |world: &mut World, from, to| {
        world.ok(TOKEN, NATIVE_COIN, &moving(from, to, U256::from(1)));
        world.host.gas_used()
    };
    let new = gas(&mut world, ALICE, BOB);
    let known = gas(&mut world, ALICE, BOB);
    // The door with four words of input; the face's slot; two cold accounts; the transfer; the new account.
    assert_eq!(known, 1_000 + 4 * 3 + 2_100 + 2 * 2_600 + 9_000);
    assert_eq!(new, known + 25_000);
}

#[test]
fn a_call_that_is_undone_moves_nothing() {
    let mut world = world();
    let before = world.host.clone();
    world.host.begin_transaction(Some(16_000));
    let input = moving(ALICE, BOB, U256::from(1)).abi_encode();
    let outcome = world.host.call(&Call::new(TOKEN, NATIVE_COIN, &input));
    assert_eq!(outcome, Err(HostError::OutOfGas), "for an account that comes into being");
    assert_eq!(world.host.coins(), before.coins());
    world.host.begin_transaction(None);
    assert!(matches!(
        world.host.call(&Call::new(TOKEN, NATIVE_COIN, &input)),
        Ok(Outcome::Success(_))
    ));
    assert_ne!(world.host.coins(), before.coins());
}
