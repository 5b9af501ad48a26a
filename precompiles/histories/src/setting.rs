//! The setting of the histories: who takes part, and under which limits, policies and delegations.

use alloy_primitives::{Address, FixedBytes};
use qenex_precompiles::accounts::records::{Head, PROFILES};
use qenex_precompiles::risk::records::{TERMS, Terms};
use qenex_precompiles::{ACCOUNTS, COMPLIANCE, IAccounts, ICompliance};

use crate::world::{
    ALICE, BOB, CAROL, CLOSED, EUR, FROZEN, ISSUER, OFFICER, REGISTRAR, STRANGER, TREASURY, USD,
    World,
};

/// CAROL lives where payments from the others are reviewed; CLOSED is closed.
pub const PARTIES: [Address; 6] = [ALICE, BOB, CAROL, TREASURY, FROZEN, CLOSED];
/// The currencies.
pub const CURRENCIES: [FixedBytes<3>; 2] = [USD, EUR];
/// The supply cap of both, minor units.
pub const CAP: u128 = 100_000_000;
/// ALICE's own limits in USD: at once, in a day, in 30 days.
pub const LIMITS: [u128; 3] = [60_000, 90_000, 120_000];
/// ALICE's payments of so much USD need BOB's or CAROL's word, within [`POLICY_TIME`].
pub const THRESHOLD: u128 = 20_000;
/// How long approvers have, seconds.
pub const POLICY_TIME: u32 = 5_000;
/// What STRANGER may move for BOB in USD in a period.
pub const DELEGATED: u128 = 400;
/// Length of that period, seconds.
pub const DELEGATION_PERIOD: u64 = 3_000;

/// The world of the histories: limits, a policy, a corridor and delegations; risk rules without
/// weight.
pub fn world() -> World {
    let mut world = World::new();
    for code in CURRENCIES {
        let slot = TERMS.entry(&code.try_into().unwrap());
        let silent = Terms { review: 255, reject: 255, version: 1, ..Terms::default() };
        slot.store(&mut world.host, &silent).unwrap();
    }
    let slots = PROFILES.entry(&CAROL);
    let head = slots.head.load(&mut world.host).unwrap();
    let abroad = Head { jurisdiction: FixedBytes(*b"KY"), ..head };
    slots.head.store(&mut world.host, &abroad).unwrap();
    let corridor = ICompliance::setCorridorCall {
        from: FixedBytes(*b"CH"),
        to: FixedBytes(*b"KY"),
        corridor: 2,
        watched: false,
    };
    world.ok(OFFICER, COMPLIANCE, &corridor);
    let [per_payment, per_day, per_thirty_days] = LIMITS;
    let limits = IAccounts::setLimitsCall {
        account: ALICE,
        currency: USD,
        perPayment: per_payment,
        perDay: per_day,
        perThirtyDays: per_thirty_days,
    };
    world.ok(REGISTRAR, ACCOUNTS, &limits);
    for approver in [BOB, CAROL] {
        let call = IAccounts::setApproverCall { account: ALICE, approver, allowed: true };
        world.ok(ALICE, ACCOUNTS, &call);
    }
    let call = IAccounts::setThresholdCall { account: ALICE, currency: USD, threshold: THRESHOLD };
    world.ok(ALICE, ACCOUNTS, &call);
    let policy = IAccounts::setPolicyCall { account: ALICE, required: 1, time: POLICY_TIME };
    world.ok(ALICE, ACCOUNTS, &policy);
    for (delegate, kinds, cap) in [(STRANGER, 0b1010, DELEGATED), (ISSUER, 0b1_0000, u128::MAX)] {
        let delegation = IAccounts::setDelegationCall {
            account: BOB,
            delegate,
            currency: USD,
            kinds,
            listedOnly: false,
            cap,
            period: u32::try_from(DELEGATION_PERIOD).unwrap(),
            validUntil: u64::from(u32::MAX),
        };
        world.ok(BOB, ACCOUNTS, &delegation);
    }
    world
}
