//! Settlement.

use alloy_primitives::{Address, B256, Bytes, FixedBytes, keccak256};
use qenex_types::TransferStatus;

use super::{
    REVIEW, Table, Tested, activate, bar, clock, conflict, denied, missing, require, silence,
    suspended, unknown, unknown_currency, with_policy, without_policy,
};
use crate::ledger::records::{Parties, TRANSFERS, settlement_reference, transfer_id};
use crate::settlement::records::{CYCLES, Cycle, INSTRUCTIONS, Instruction};
use crate::signatures::{Scheme, key_id};
use crate::testing::{
    ALICE, BLOCK, BOB, CAROL, NOBODY, REGISTRAR, STRANGER, TREASURY, USD, World, XXX, payment,
    reference,
};
use crate::{
    ACCOUNTS, IAccounts, IQenexErrors, ISettlement, LEDGER, Refusal, SETTLEMENT,
    settlement::affirmation_digest,
};

pub(super) const TABLES: &[fn() -> Tested] =
    &[instruct, affirm, affirm_signed, settle, cancel, expire, open_cycle, oblige, close_cycle];

/// The last second of instructions.
const LAST: u64 = BLOCK.timestamp + 100;

fn instructing(n: u128) -> ISettlement::instructCall {
    let leg = ISettlement::Leg { payer: ALICE, payee: BOB, currency: USD, amount: 100 };
    let back = ISettlement::Leg { payer: BOB, payee: ALICE, amount: 1, ..leg.clone() };
    ISettlement::instructCall {
        clientReference: reference(n),
        legs: vec![leg, back],
        expires: LAST,
        payloadHash: B256::ZERO,
    }
}

fn not_open(id: B256, status: u8) -> Refusal {
    IQenexErrors::InstructionNotOpen { id, status }.into()
}

/// An instruction of STRANGER with this status.
fn instructed(status: u8) -> (World, B256) {
    let mut world = World::new();
    silence(&mut world);
    let id = world.ok(STRANGER, SETTLEMENT, &instructing(1));
    set_status(&mut world, id, status);
    (world, id)
}

fn set_status(world: &mut World, id: B256, status: u8) {
    let slot = INSTRUCTIONS.entry(&id);
    let instruction = slot.load(&mut world.host).unwrap();
    slot.store(&mut world.host, &Instruction { status, ..instruction }).unwrap();
}

#[test]
fn instruct() -> Tested {
    let (world, _) = instructed(1);
    let leg = ISettlement::Leg { payer: ALICE, payee: ALICE, currency: XXX, amount: 0 };
    let call =
        ISettlement::instructCall { legs: vec![leg.clone(); 33], expires: 1, ..instructing(1) };
    let many = |given| IQenexErrors::TooManyItems { most: 32, given };
    Table::new(world, STRANGER, SETTLEMENT, call)
        .refuses(many(33), |at| at.call.legs.clear())
        .refuses(many(0), |at| at.call.legs = vec![leg])
        .refuses(conflict("clientReference"), |at| at.call.clientReference = reference(2))
        .refuses(IQenexErrors::InvalidExpiry { expires: 1 }, |at| at.call.expires = LAST)
        .refuses(IQenexErrors::ZeroAmount {}, |at| at.call.legs[0].amount = 5)
        .refuses(IQenexErrors::SameAccount {}, |at| at.call.legs[0].payee = BOB)
        .refuses(unknown_currency(XXX), |at| at.call.legs[0].currency = USD)
        .succeeds()
}

/// The instruction is over, USD suspended, the parties are barred, and ALICE lacks the money.
fn troubled() -> (World, B256) {
    let (mut world, id) = instructed(3);
    world.ok(ALICE, LEDGER, &payment(1, ALICE, CAROL, 99_901));
    clock(&mut world, LAST + 1);
    activate(&mut world, USD, false);
    for account in [ALICE, BOB] {
        bar(&mut world, account);
    }
    (world, id)
}

/// What a hold is refused for, as any payment of ALICE to BOB.
macro_rules! refuses_as_hold {
    ($table:expr) => {
        $table
            .refuses(suspended(), |at| activate(&mut at.world, USD, true))
            .refuses_bars(ALICE, 1)
            .refuses_bars(BOB, 2)
            .refuses(IQenexErrors::InsufficientFunds { available: 99, needed: 100 }, |at| {
                at.world.ok(CAROL, LEDGER, &payment(1, CAROL, ALICE, 1));
            })
    };
}

#[test]
fn affirm() -> Tested {
    let (world, id) = troubled();
    let call = ISettlement::affirmCall { id: B256::ZERO, payer: CAROL };
    let table = Table::new(world, STRANGER, SETTLEMENT, call)
        .refuses(not_open(B256::ZERO, 0), |at| at.call.id = id)
        .refuses(not_open(id, 3), |at| set_status(&mut at.world, id, 1))
        .refuses(IQenexErrors::Expired { last: LAST }, |at| clock(&mut at.world, LAST - 1))
        .refuses(IQenexErrors::NothingToAffirm { id, payer: CAROL }, |at| at.call.payer = ALICE)
        .refuses(denied(STRANGER), |at| at.caller = ALICE);
    refuses_as_hold!(table).succeeds()
}

#[test]
fn affirm_signed() -> Tested {
    let key = k256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let point = key.verifying_key().to_encoded_point(false);
    let public = Bytes::from(keccak256(&point.as_bytes()[1..])[12..].to_vec());
    let key_id = key_id(Scheme::Secp256k1, &public).unwrap();
    let sign = |at: &mut Table<ISettlement::affirmSignedCall>| {
        let digest = affirmation_digest(BLOCK.chain_id, at.call.id, at.call.payer);
        let (signature, recovery) = key.sign_prehash_recoverable(digest.as_slice()).unwrap();
        at.call.proof = [&signature.to_bytes()[..], &[27 + recovery.to_byte()]].concat().into();
    };
    let (world, id) = troubled();
    let call = ISettlement::affirmSignedCall {
        id: B256::ZERO,
        payer: CAROL,
        scheme: 9,
        proof: vec![0; 65].into(),
    };
    let table = Table::new(world, STRANGER, SETTLEMENT, call)
        .refuses(IQenexErrors::InvalidKey { scheme: 9 }, |at| at.call.scheme = 1)
        .refuses(IQenexErrors::InvalidSignature {}, sign)
        .refuses(not_open(B256::ZERO, 0), |at| {
            at.call.id = id;
            sign(at);
        })
        .refuses(not_open(id, 3), |at| set_status(&mut at.world, id, 1))
        .refuses(IQenexErrors::Expired { last: LAST }, |at| clock(&mut at.world, LAST - 1))
        .refuses(IQenexErrors::NothingToAffirm { id, payer: CAROL }, |at| {
            at.call.payer = ALICE;
            sign(at);
        })
        .refuses(IQenexErrors::UnknownKey { account: ALICE, keyId: key_id }, |at| {
            let call = IAccounts::addKeyCall {
                account: ALICE,
                scheme: 1,
                publicKey: public.clone(),
                validUntil: 0,
            };
            at.world.ok(ALICE, ACCOUNTS, &call);
        });
    refuses_as_hold!(table).succeeds()
}

/// Writes the status of ALICE's hold for the first leg.
fn set_hold(world: &mut World, id: B256, status: TransferStatus) {
    let part = settlement_reference(&keccak256([id, B256::ZERO].concat()));
    let slot = TRANSFERS.entry(&transfer_id(ALICE, part)).parties;
    let parties = slot.load(&mut world.host).unwrap();
    slot.store(&mut world.host, &Parties { status: Some(status), ..parties }).unwrap();
}

#[test]
fn settle() -> Tested {
    let (mut world, id) = instructed(1);
    require(&mut world, 1);
    for payer in [ALICE, BOB] {
        world.ok(payer, SETTLEMENT, &ISettlement::affirmCall { id, payer });
    }
    require(&mut world, 0);
    // The second leg is held; the first one is all that is in the way.
    let part = B256::with_last_byte(1);
    let part = settlement_reference(&keccak256([id, part].concat()));
    let slot = TRANSFERS.entry(&transfer_id(BOB, part)).parties;
    let parties = slot.load(&mut world.host).unwrap();
    let held = Parties { status: Some(TransferStatus::Held), ..parties };
    slot.store(&mut world.host, &held).unwrap();
    let open = |world: &mut World, open| {
        let slot = INSTRUCTIONS.entry(&id);
        let instruction = slot.load(&mut world.host).unwrap();
        slot.store(&mut world.host, &Instruction { open, ..instruction }).unwrap();
    };
    open(&mut world, 1);
    set_status(&mut world, id, 3);
    clock(&mut world, LAST + 1);
    activate(&mut world, USD, false);
    for account in [ALICE, BOB] {
        bar(&mut world, account);
    }
    Table::new(world, STRANGER, SETTLEMENT, ISettlement::settleCall { id: B256::ZERO })
        .refuses(not_open(B256::ZERO, 0), |at| at.call.id = id)
        .refuses(not_open(id, 3), |at| set_status(&mut at.world, id, 1))
        .refuses(IQenexErrors::NotAffirmed { id, open: 1 }, |at| open(&mut at.world, 0))
        .refuses(IQenexErrors::InvalidTransferStatus { status: 2 }, |at| {
            set_hold(&mut at.world, id, TransferStatus::Held);
        })
        .refuses(IQenexErrors::Expired { last: LAST }, |at| clock(&mut at.world, LAST))
        .refuses(suspended(), |at| activate(&mut at.world, USD, true))
        .refuses_bars(ALICE, 1)
        .refuses_bars(BOB, 2)
        .succeeds()
}

#[test]
fn cancel() -> Tested {
    let (world, id) = instructed(4);
    let call = ISettlement::cancelCall { id: B256::ZERO };
    Table::new(world, CAROL, SETTLEMENT, call)
        .refuses(not_open(B256::ZERO, 0), |at| at.call.id = id)
        .refuses(denied(CAROL), |at| at.caller = ALICE)
        .refuses(not_open(id, 4), |at| set_status(&mut at.world, id, 1))
        .succeeds()
}

#[test]
fn expire() -> Tested {
    let (world, id) = instructed(2);
    let call = ISettlement::expireCall { id: B256::ZERO };
    Table::new(world, CAROL, SETTLEMENT, call)
        .refuses(not_open(B256::ZERO, 0), |at| at.call.id = id)
        .refuses(not_open(id, 2), |at| set_status(&mut at.world, id, 1))
        .refuses(IQenexErrors::NotExpired { last: LAST }, |at| clock(&mut at.world, LAST + 1))
        .succeeds()
}

/// The account through which STRANGER's cycles are posted.
const THROUGH: Address = Address::repeat_byte(0x5e);

fn cycling(n: u128) -> ISettlement::openCycleCall {
    ISettlement::openCycleCall {
        clientReference: reference(n),
        account: THROUGH,
        currency: USD,
        participants: vec![ALICE, BOB],
    }
}

/// A cycle of STRANGER between ALICE and BOB.
fn with_cycle() -> (World, B256) {
    let mut world = World::new();
    silence(&mut world);
    for (account, account_type) in [(THROUGH, 6), (STRANGER, 1)] {
        let call = IAccounts::openCall {
            account,
            owner: STRANGER,
            accountType: account_type,
            jurisdiction: FixedBytes(*b"CH"),
            homeCurrency: USD,
        };
        world.ok(REGISTRAR, ACCOUNTS, &call);
    }
    let id = world.ok(STRANGER, SETTLEMENT, &cycling(1));
    (world, id)
}

#[test]
fn open_cycle() -> Tested {
    let (world, _) = with_cycle();
    let call = ISettlement::openCycleCall {
        clientReference: reference(1),
        account: NOBODY,
        currency: XXX,
        participants: vec![NOBODY],
    };
    Table::new(world, TREASURY, SETTLEMENT, call)
        .refuses(IQenexErrors::TooManyItems { most: 64, given: 1 }, |at| {
            at.call.participants = vec![NOBODY, THROUGH];
        })
        .refuses(unknown(NOBODY), |at| at.call.account = STRANGER)
        .refuses(denied(TREASURY), |at| at.caller = STRANGER)
        .refuses(conflict("clientReference"), |at| at.call.clientReference = reference(2))
        .refuses(IQenexErrors::InvalidAccountType { accountType: 1 }, |at| {
            at.call.account = THROUGH;
        })
        .refuses(unknown_currency(XXX), |at| at.call.currency = USD)
        .refuses(unknown(NOBODY), |at| at.call.participants[0] = ALICE)
        .refuses(IQenexErrors::InvalidAccount { account: THROUGH }, |at| {
            at.call.participants[1] = ALICE;
        })
        .refuses(IQenexErrors::InvalidAccount { account: ALICE }, |at| {
            at.call.participants[1] = BOB;
        })
        .succeeds()
}

fn set_cycle(world: &mut World, id: B256, status: u8) {
    let slot = CYCLES.entry(&id).terms;
    let cycle = slot.load(&mut world.host).unwrap();
    slot.store(&mut world.host, &Cycle { status, ..cycle }).unwrap();
}

fn obliging(id: B256, n: u128, amount: u128) -> ISettlement::obligeCall {
    ISettlement::obligeCall { id, clientReference: reference(n), from: ALICE, to: BOB, amount }
}

/// The money need not be there yet: nobody is short of funds.
#[test]
fn oblige() -> Tested {
    let (mut world, id) = with_cycle();
    world.ok(ALICE, SETTLEMENT, &obliging(id, 1, 5));
    set_cycle(&mut world, id, 2);
    activate(&mut world, USD, false);
    for account in [ALICE, BOB] {
        bar(&mut world, account);
    }
    with_policy(&mut world, ALICE, [BOB, CAROL]);
    require(&mut world, 1);
    CYCLES.entry(&id).gross.store(&mut world.host, &u128::MAX).unwrap();
    let call = ISettlement::obligeCall {
        id: B256::ZERO,
        clientReference: FixedBytes::ZERO,
        from: CAROL,
        to: NOBODY,
        amount: 0,
    };
    Table::new(world, STRANGER, SETTLEMENT, call)
        .refuses(IQenexErrors::InvalidReference {}, |at| at.call.clientReference = reference(1))
        .refuses(not_open(B256::ZERO, 0), |at| at.call.id = id)
        .refuses(not_open(id, 2), |at| set_cycle(&mut at.world, id, 1))
        .refuses(IQenexErrors::NotAParticipant { id, account: CAROL }, |at| at.call.from = ALICE)
        .refuses(IQenexErrors::NotAParticipant { id, account: NOBODY }, |at| at.call.to = ALICE)
        .refuses(denied(STRANGER), |at| at.caller = ALICE)
        .refuses(conflict("clientReference"), |at| at.call.clientReference = reference(2))
        .refuses(IQenexErrors::ZeroAmount {}, |at| at.call.amount = 200_000)
        .refuses(IQenexErrors::SameAccount {}, |at| at.call.to = BOB)
        .refuses(suspended(), |at| activate(&mut at.world, USD, true))
        .refuses_bars(ALICE, 1)
        .refuses_bars(BOB, 2)
        .refuses(missing(2), |at| without_policy(&mut at.world, ALICE))
        .refuses(REVIEW, |at| require(&mut at.world, 0))
        .refuses(IQenexErrors::AmountTooLarge { most: 0, amount: 200_000 }, |at| {
            CYCLES.entry(&id).gross.store(&mut at.world.host, &5).unwrap();
        })
        .succeeds()
}

#[test]
fn close_cycle() -> Tested {
    let (mut world, id) = with_cycle();
    world.ok(ALICE, SETTLEMENT, &obliging(id, 1, 100_001));
    set_cycle(&mut world, id, 2);
    activate(&mut world, USD, false);
    for account in [THROUGH, ALICE, BOB] {
        bar(&mut world, account);
    }
    let short =
        IQenexErrors::ParticipantShort { account: ALICE, available: 100_000, needed: 100_001 };
    Table::new(world, ALICE, SETTLEMENT, ISettlement::closeCycleCall { id: B256::ZERO })
        .refuses(not_open(B256::ZERO, 0), |at| at.call.id = id)
        .refuses(denied(ALICE), |at| at.caller = STRANGER)
        .refuses(not_open(id, 2), |at| set_cycle(&mut at.world, id, 1))
        .refuses(suspended(), |at| activate(&mut at.world, USD, true))
        .refuses_bars(THROUGH, 2)
        .refuses_bars(ALICE, 1)
        .refuses(short, |at| {
            at.world.ok(ALICE, LEDGER, &payment(1, TREASURY, ALICE, 1));
        })
        .refuses_bars(BOB, 2)
        .succeeds()
}
