//! NativeCoin.

use alloy_primitives::{Address, U256};
use qenex_types::Role;

use super::{Table, Tested, denied, four_eyes, lonely, trust};
use crate::testing::{ADMIN, ALICE, BOB, CAROL, STRANGER, World};
use crate::{INativeCoin, IQenexErrors, LEDGER, NATIVE_COIN};

pub(super) const TABLES: &[fn() -> Tested] = &[transfer, set_face];

#[test]
fn transfer() -> Tested {
    let amount = U256::from(7);
    let call = INativeCoin::transferCall { from: Address::ZERO, to: LEDGER, amount };
    let mut world = World::new();
    world.ok(ADMIN, NATIVE_COIN, &INativeCoin::setFaceCall { face: CAROL });
    let short = |balance: u64| IQenexErrors::ERC20InsufficientBalance {
        sender: ALICE,
        balance: U256::from(balance),
        needed: amount,
    };
    Table::new(world, STRANGER, NATIVE_COIN, call)
        .refuses(denied(STRANGER), |at| at.caller = CAROL)
        .refuses(IQenexErrors::ERC20InvalidSender { sender: Address::ZERO }, |at| {
            at.call.from = ALICE;
        })
        .refuses(IQenexErrors::ERC20InvalidReceiver { receiver: LEDGER }, |at| at.call.to = BOB)
        .refuses(short(0), |at| at.world.host.set_coin(ALICE, U256::from(6)))
        .refuses(short(6), |at| at.world.host.set_coin(ALICE, amount))
        .succeeds()
}

#[test]
fn set_face() -> Tested {
    // That there is a face already cannot be mended: it has a test of its own.
    let call = INativeCoin::setFaceCall { face: Address::ZERO };
    Table::new(four_eyes(Role::Admin), STRANGER, NATIVE_COIN, call)
        .refuses(denied(STRANGER), |at| at.caller = ADMIN)
        .refuses(lonely(), |at| trust(&mut at.world, Role::Admin))
        .refuses(IQenexErrors::InvalidAccount { account: Address::ZERO }, |at| {
            at.call.face = CAROL;
        })
        .succeeds()
}
