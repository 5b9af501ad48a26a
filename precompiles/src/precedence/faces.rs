//! The ERC-20 faces.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::SolValue;

use super::{
    NONE, REVIEW, Table, Tested, activate, bar, denied, missing, require, silence, suspended,
    unknown, unknown_currency, usd, with_policy, without_policy,
};
use crate::testing::{ALICE, BOB, CAROL, NOBODY, STRANGER, TREASURY, USD, World, XXX, u};
use crate::{ICurrencyToken, IQenexErrors, Refusal, face_address};

pub(super) const TABLES: &[fn() -> Tested] = &[approve, transfer, transfer_from, permit];

fn face() -> Address {
    face_address(usd())
}

fn xxx() -> Address {
    face_address("XXX".parse().unwrap())
}

fn huge() -> U256 {
    U256::from(1) << 200
}

fn no_spender() -> Refusal {
    IQenexErrors::ERC20InvalidSpender { spender: Address::ZERO }.into()
}

#[test]
fn approve() -> Tested {
    let call = ICurrencyToken::approveCall { spender: Address::ZERO, value: u(5) };
    Table::new(World::new(), ALICE, xxx(), call)
        .refuses(unknown_currency(XXX), |at| at.to = face())
        .refuses(no_spender(), |at| at.call.spender = STRANGER)
        .succeeds()
}

/// USD is suspended, ALICE and BOB are barred, ALICE's payments need approvals and a review.
fn troubled() -> World {
    let mut world = World::new();
    activate(&mut world, USD, false);
    for account in [ALICE, BOB] {
        bar(&mut world, account);
    }
    silence(&mut world);
    require(&mut world, 1);
    with_policy(&mut world, ALICE, [BOB, CAROL]);
    world
}

fn short(needed: U256) -> Refusal {
    IQenexErrors::ERC20InsufficientBalance { sender: ALICE, balance: u(100_000), needed }.into()
}

#[test]
fn transfer() -> Tested {
    let zero = Address::ZERO;
    let call = ICurrencyToken::transferCall { to: zero, value: huge() };
    Table::new(troubled(), zero, xxx(), call)
        .refuses(unknown_currency(XXX), |at| at.to = face())
        .refuses(IQenexErrors::ERC20InvalidSender { sender: zero }, |at| at.caller = NOBODY)
        .refuses(IQenexErrors::ERC20InvalidReceiver { receiver: zero }, |at| at.call.to = NONE)
        .refuses(unknown(NOBODY), |at| at.caller = TREASURY)
        .refuses(denied(TREASURY), |at| at.caller = ALICE)
        .refuses(unknown(NONE), |at| at.call.to = ALICE)
        .refuses(IQenexErrors::SameAccount {}, |at| at.call.to = BOB)
        .refuses(suspended(), |at| activate(&mut at.world, USD, true))
        .refuses_bars(ALICE, 1)
        .refuses_bars(BOB, 2)
        .refuses(short(huge()), |at| at.call.value = u(100_001))
        .refuses(short(u(100_001)), |at| at.call.value = u(5))
        .refuses(missing(2), |at| without_policy(&mut at.world, ALICE))
        .refuses(REVIEW, |at| require(&mut at.world, 0))
        .succeeds()
}

#[test]
fn transfer_from() -> Tested {
    let zero = Address::ZERO;
    let call = ICurrencyToken::transferFromCall { from: zero, to: zero, value: huge() };
    let allowance = |allowance, needed| IQenexErrors::ERC20InsufficientAllowance {
        spender: STRANGER,
        allowance,
        needed,
    };
    let allow = |world: &mut World, value| {
        world.ok(ALICE, face(), &ICurrencyToken::approveCall { spender: STRANGER, value });
    };
    Table::new(troubled(), STRANGER, xxx(), call)
        .refuses(unknown_currency(XXX), |at| at.to = face())
        .refuses(IQenexErrors::ERC20InvalidSender { sender: zero }, |at| at.call.from = NOBODY)
        .refuses(IQenexErrors::ERC20InvalidReceiver { receiver: zero }, |at| at.call.to = NONE)
        .refuses(unknown(NOBODY), |at| at.call.from = TREASURY)
        .refuses(denied(STRANGER), |at| at.call.from = ALICE)
        .refuses(allowance(u(0), huge()), |at| allow(&mut at.world, huge() - u(1)))
        .refuses(allowance(huge() - u(1), huge()), |at| allow(&mut at.world, huge()))
        .refuses(unknown(NONE), |at| at.call.to = ALICE)
        .refuses(IQenexErrors::SameAccount {}, |at| at.call.to = BOB)
        .refuses(suspended(), |at| activate(&mut at.world, USD, true))
        .refuses_bars(ALICE, 1)
        .refuses_bars(BOB, 2)
        .refuses(short(huge()), |at| at.call.value = u(5))
        .refuses(missing(2), |at| without_policy(&mut at.world, ALICE))
        .refuses(REVIEW, |at| require(&mut at.world, 0))
        .succeeds()
}

/// Whose key signs permits.
fn key() -> (k256::ecdsa::SigningKey, Address) {
    let key = k256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let point = key.verifying_key().to_encoded_point(false);
    (key, Address::from_slice(&keccak256(&point.as_bytes()[1..])[12..]))
}

/// Signs a permit as it stands, the owner's first.
fn sign(at: &mut Table<ICurrencyToken::permitCall>) {
    let (key, owner) = key();
    at.call.owner = owner;
    let domain = at.world.ok(BOB, face(), &ICurrencyToken::DOMAIN_SEPARATORCall {});
    let kind = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)";
    let ICurrencyToken::permitCall { spender, value, deadline, .. } = at.call;
    let fields = (keccak256(kind), owner, spender, value, U256::ZERO, deadline);
    let permit = keccak256(fields.abi_encode());
    let digest = keccak256([&[0x19, 0x01], domain.as_slice(), permit.as_slice()].concat());
    let (signature, recovery) = key.sign_prehash_recoverable(digest.as_slice()).unwrap();
    let signature = signature.to_bytes();
    at.call.v = 27 + recovery.to_byte();
    at.call.r = B256::from_slice(&signature[..32]);
    at.call.s = B256::from_slice(&signature[32..]);
}

#[test]
fn permit() -> Tested {
    let call = ICurrencyToken::permitCall {
        owner: CAROL,
        spender: Address::ZERO,
        value: u(5),
        deadline: u(1),
        v: 0,
        r: B256::ZERO,
        s: B256::ZERO,
    };
    let signer = Address::ZERO;
    Table::new(World::new(), STRANGER, xxx(), call)
        .refuses(unknown_currency(XXX), |at| at.to = face())
        .refuses(IQenexErrors::ERC2612ExpiredSignature { deadline: u(1) }, |at| {
            at.call.deadline = U256::MAX;
        })
        .refuses(IQenexErrors::ERC2612InvalidSigner { signer, owner: CAROL }, sign)
        .refuses(no_spender(), |at| {
            at.call.spender = STRANGER;
            sign(at);
        })
        .succeeds()
}
