//! Ledger: currencies and orders.

use alloy_primitives::{Address, B256, FixedBytes};
use qenex_types::Role;

use super::{
    NONE, REVIEW, Table, Tested, activate, bar, change, conflict, denied, four_eyes, lonely,
    missing, require, silence, suspended, trust, unknown, unknown_currency, usd, with_policy,
    without_policy,
};
use crate::accounts::records::{Head, Origin, PROFILES};
use crate::ledger::records::{CURRENCIES, Outstanding};
use crate::risk::records::{TERMS, Terms};
use crate::testing::{
    ADMIN, ALICE, BLOCK, BOB, CAROL, ISSUER, NOBODY, OFFICER, REGISTRAR, STRANGER, USD, World, XXX,
    issuing, payment, reference,
};
use crate::{ACCOUNTS, COMPLIANCE, IAccounts, ICompliance, ILedger, IQenexErrors, LEDGER, Refusal};

pub(super) const TABLES: &[fn() -> Tested] = &[
    register_currency,
    set_currency_active,
    set_cap,
    issue,
    redeem,
    transfer,
    hold,
    batch,
    atomic,
    submit,
];

const NO_REFERENCE: IQenexErrors::InvalidReference = IQenexErrors::InvalidReference {};
const NOTHING: IQenexErrors::ZeroAmount = IQenexErrors::ZeroAmount {};

#[test]
fn register_currency() -> Tested {
    let small = FixedBytes(*b"usd");
    let call = ILedger::registerCurrencyCall {
        code: small,
        exponent: 19,
        name: String::new(),
        issuer: LEDGER,
        cap: 5,
    };
    Table::new(four_eyes(Role::Admin), STRANGER, LEDGER, call)
        .refuses(denied(STRANGER), |at| at.caller = ADMIN)
        .refuses(lonely(), |at| trust(&mut at.world, Role::Admin))
        .refuses(IQenexErrors::InvalidCurrencyCode { currency: small }, |at| at.call.code = USD)
        .refuses(IQenexErrors::InvalidExponent { exponent: 19 }, |at| at.call.exponent = 18)
        .refuses(IQenexErrors::InvalidName {}, |at| at.call.name = "Tokens".into())
        .refuses(IQenexErrors::InvalidAccount { account: LEDGER }, |at| at.call.issuer = ISSUER)
        .refuses(IQenexErrors::CurrencyExists { currency: USD }, |at| at.call.code = XXX)
        .succeeds()
}

#[test]
fn set_currency_active() -> Tested {
    let call = ILedger::setCurrencyActiveCall { code: XXX, active: false };
    Table::new(four_eyes(Role::Admin), STRANGER, LEDGER, call)
        .refuses(denied(STRANGER), |at| at.caller = ADMIN)
        .refuses(lonely(), |at| trust(&mut at.world, Role::Admin))
        .refuses(unknown_currency(XXX), |at| at.call.code = USD)
        .succeeds()
}

#[test]
fn set_cap() -> Tested {
    let call = ILedger::setCapCall { code: XXX, cap: 1 };
    let low = IQenexErrors::SupplyCapExceeded { cap: 1, supply: 136_000, amount: 0 };
    Table::new(four_eyes(Role::Admin), STRANGER, LEDGER, call)
        .refuses(denied(STRANGER), |at| at.caller = ADMIN)
        .refuses(lonely(), |at| trust(&mut at.world, Role::Admin))
        .refuses(unknown_currency(XXX), |at| at.call.code = USD)
        .refuses(low, |at| at.call.cap = 136_000)
        .succeeds()
}

fn cap(world: &mut World, cap: u128) {
    let slot = CURRENCIES.entry(&usd()).outstanding;
    let outstanding = slot.load(&mut world.host).unwrap();
    slot.store(&mut world.host, &Outstanding { cap, ..outstanding }).unwrap();
}

#[test]
fn issue() -> Tested {
    let mut world = World::new();
    world.ok(ISSUER, LEDGER, &issuing(1, CAROL, 5));
    activate(&mut world, USD, false);
    bar(&mut world, BOB);
    cap(&mut world, 136_005);
    let call = ILedger::issueCall {
        clientReference: FixedBytes::ZERO,
        to: NONE,
        currency: XXX,
        amount: 0,
    };
    let full = IQenexErrors::SupplyCapExceeded { cap: 136_005, supply: 136_005, amount: 1 };
    Table::new(world, STRANGER, LEDGER, call)
        .refuses(NO_REFERENCE, |at| at.call.clientReference = reference(1))
        .refuses(unknown_currency(XXX), |at| at.call.currency = USD)
        .refuses(denied(STRANGER), |at| at.caller = ISSUER)
        .refuses(conflict("to"), |at| at.call.clientReference = reference(2))
        .refuses(unknown(NONE), |at| at.call.to = BOB)
        .refuses(NOTHING, |at| at.call.amount = 1)
        .refuses(suspended(), |at| activate(&mut at.world, USD, true))
        .refuses_bars(BOB, 2)
        .refuses(full, |at| cap(&mut at.world, 136_006))
        .succeeds()
}

/// An account of the issuer's own.
const BOOK: Address = Address::repeat_byte(0x5b);

#[test]
fn redeem() -> Tested {
    let mut world = World::new();
    let call = IAccounts::openCall {
        account: BOOK,
        owner: ISSUER,
        accountType: 5,
        jurisdiction: FixedBytes(*b"CH"),
        homeCurrency: USD,
    };
    world.ok(REGISTRAR, ACCOUNTS, &call);
    world.ok(ALICE, LEDGER, &payment(1, ALICE, BOOK, 10));
    world.ok(ISSUER, LEDGER, &payment(1, BOOK, CAROL, 5));
    activate(&mut world, USD, false);
    bar(&mut world, BOOK);
    let call = ILedger::redeemCall {
        clientReference: FixedBytes::ZERO,
        from: NOBODY,
        currency: XXX,
        amount: 0,
    };
    Table::new(world, STRANGER, LEDGER, call)
        .refuses(NO_REFERENCE, |at| at.call.clientReference = reference(1))
        .refuses(unknown_currency(XXX), |at| at.call.currency = USD)
        .refuses(denied(STRANGER), |at| at.caller = ISSUER)
        .refuses(unknown(NOBODY), |at| at.call.from = ALICE)
        .refuses(denied(ISSUER), |at| at.call.from = BOOK)
        .refuses(conflict("kind"), |at| at.call.clientReference = reference(2))
        .refuses(NOTHING, |at| at.call.amount = 6)
        .refuses(suspended(), |at| activate(&mut at.world, USD, true))
        .refuses_bars(BOOK, 1)
        .refuses(IQenexErrors::InsufficientFunds { available: 5, needed: 6 }, |at| {
            at.call.amount = 5;
        })
        .succeeds()
}

/// Everything stands in the way of ALICE's payments of USD to BOB, who lives abroad. She used reference 1.
fn troubled() -> World {
    let mut world = World::new();
    world.ok(ALICE, LEDGER, &payment(1, ALICE, CAROL, 5));
    activate(&mut world, USD, false);
    for account in [ALICE, BOB] {
        bar(&mut world, account);
    }
    change(&mut world, BOB, |head| Head { jurisdiction: FixedBytes(*b"KY"), ..head });
    corridor(&mut world, 3);
    limit(&mut world, [0, 10, 10]);
    let travel = ICompliance::setTravelRuleCall { currency: USD, threshold: 1 };
    world.ok(OFFICER, COMPLIANCE, &travel);
    let strict = Terms { new_counterparty: 250, review: 250, reject: 250, ..Terms::default() };
    TERMS.entry(&usd()).store(&mut world.host, &strict).unwrap();
    let delegation = IAccounts::setDelegationCall {
        account: ALICE,
        delegate: STRANGER,
        currency: USD,
        kinds: 0b1010,
        listedOnly: false,
        cap: 10,
        period: 100,
        validUntil: u64::from(u32::MAX),
    };
    world.ok(ALICE, ACCOUNTS, &delegation);
    world
}

fn corridor(world: &mut World, corridor: u8) {
    let (from, to) = (FixedBytes(*b"CH"), FixedBytes(*b"KY"));
    let call = ICompliance::setCorridorCall { from, to, corridor, watched: false };
    world.ok(OFFICER, COMPLIANCE, &call);
}

/// What payers of USD may pay at once, in a day, in 30 days.
fn limit(world: &mut World, [per_payment, per_day, per_thirty_days]: [u128; 3]) {
    let call = ICompliance::setTierLimitsCall {
        currency: USD,
        tier: 0,
        perPayment: per_payment,
        perDay: per_day,
        perThirtyDays: per_thirty_days,
    };
    world.ok(OFFICER, COMPLIANCE, &call);
}

fn over(which: &str, limit: u128, used: u128) -> Refusal {
    IQenexErrors::LimitExceeded { which: which.into(), limit, used }.into()
}

fn keep(world: &mut World, account: Address, custodian: Address) {
    let slot = PROFILES.entry(&account).origin;
    let origin = slot.load(&mut world.host).unwrap();
    slot.store(&mut world.host, &Origin { custodian, ..origin }).unwrap();
}

/// Defines the part of a table that transfers and holds share: from the accounts' bars on.
macro_rules! refuses_as_payment {
    ($table:expr) => {{
        let (from, to) = (FixedBytes(*b"CH"), FixedBytes(*b"KY"));
        let none = u128::MAX;
        $table
            .refuses(suspended(), |at| activate(&mut at.world, USD, true))
            .refuses_bars(ALICE, 1)
            .refuses_bars(BOB, 2)
            .refuses(IQenexErrors::CorridorBlocked { from, to }, |at| {
                corridor(&mut at.world, 1);
            })
            .refuses(IQenexErrors::TierTooLow { tier: 0 }, |at| {
                limit(&mut at.world, [10, 10, 10]);
            })
            .refuses(over("payment", 10, 0), |at| limit(&mut at.world, [none, 10, 10]))
            .refuses(over("day", 10, 5), |at| limit(&mut at.world, [none, none, 10]))
            .refuses(over("thirtyDays", 10, 5), |at| {
                limit(&mut at.world, [none; 3]);
                at.caller = STRANGER;
            })
            .refuses(over("delegation", 10, 0), |at| at.caller = ALICE)
            .refuses(IQenexErrors::TravelRuleMissing { field: "payloadHash".into() }, |at| {
                at.call.payloadHash = B256::repeat_byte(1);
            })
            .refuses(IQenexErrors::TravelRuleMissing { field: "institution".into() }, |at| {
                keep(&mut at.world, BOB, CAROL);
            })
            .refuses(IQenexErrors::InsufficientFunds { available: 99_995, needed: 99_996 }, |at| {
                at.call.amount = 99_995
            })
            .refuses(IQenexErrors::RiskRejected { score: 1_000, rules: 8 }, |at| {
                silence(&mut at.world);
            })
    }};
}

#[test]
fn transfer() -> Tested {
    let call = ILedger::transferCall {
        clientReference: FixedBytes::ZERO,
        currency: FixedBytes(*b"usd"),
        ..payment(1, NOBODY, NONE, 0)
    };
    let table = Table::new(troubled(), CAROL, LEDGER, call)
        .refuses(NO_REFERENCE, |at| at.call.clientReference = reference(1))
        .refuses(unknown(NOBODY), |at| at.call.from = ALICE)
        .refuses(denied(CAROL), |at| at.caller = ALICE)
        .refuses(conflict("to"), |at| at.call.clientReference = reference(2))
        .refuses(unknown_currency(FixedBytes(*b"usd")), |at| at.call.currency = XXX)
        .refuses(unknown_currency(XXX), |at| at.call.currency = USD)
        .refuses(unknown(NONE), |at| at.call.to = ALICE)
        .refuses(NOTHING, |at| at.call.amount = 99_996)
        .refuses(IQenexErrors::SameAccount {}, |at| at.call.to = BOB);
    refuses_as_payment!(table).succeeds()
}

#[test]
fn hold() -> Tested {
    let call = ILedger::holdCall {
        clientReference: FixedBytes::ZERO,
        from: NOBODY,
        to: NONE,
        currency: FixedBytes(*b"usd"),
        amount: 0,
        expires: BLOCK.timestamp,
        endToEndId: B256::ZERO,
        payloadHash: B256::ZERO,
    };
    let late = 1 << 40;
    let table = Table::new(troubled(), CAROL, LEDGER, call)
        .refuses(NO_REFERENCE, |at| at.call.clientReference = reference(1))
        .refuses(unknown(NOBODY), |at| at.call.from = ALICE)
        .refuses(denied(CAROL), |at| at.caller = ALICE)
        .refuses(conflict("kind"), |at| at.call.clientReference = reference(2))
        .refuses(unknown_currency(FixedBytes(*b"usd")), |at| at.call.currency = USD)
        .refuses(unknown(NONE), |at| at.call.to = ALICE)
        .refuses(NOTHING, |at| at.call.amount = 99_996)
        .refuses(IQenexErrors::SameAccount {}, |at| at.call.to = BOB)
        .refuses(IQenexErrors::InvalidExpiry { expires: BLOCK.timestamp }, |at| {
            at.call.expires = late;
        })
        .refuses(IQenexErrors::InvalidExpiry { expires: late }, |at| at.call.expires = late - 1);
    refuses_as_payment!(table).succeeds()
}

/// An order with all its faults of form. ALICE used its reference, and her payments must wait.
fn malformed() -> (World, ILedger::Order) {
    let mut world = World::new();
    silence(&mut world);
    world.ok(ALICE, LEDGER, &payment(1, ALICE, CAROL, 5));
    with_policy(&mut world, ALICE, [BOB, CAROL]);
    require(&mut world, 1);
    let order = ILedger::Order {
        clientReference: FixedBytes::ZERO,
        kind: 9,
        from: NOBODY,
        to: BOB,
        currency: XXX,
        amount: 0,
        expires: 7,
        endToEndId: B256::ZERO,
        payloadHash: B256::ZERO,
    };
    (world, order)
}

/// A call that takes orders of its caller.
pub(super) trait Orders: alloy_sol_types::SolCall {
    fn orders(&mut self) -> &mut Vec<ILedger::Order>;
    /// With which error the first order is refused, if it is.
    fn refusal(world: World, at: &Table<Self>) -> Option<Refusal>;
}

fn reason(data: &[u8]) -> Option<Refusal> {
    crate::decode(data).map(|decoded| decoded.refusal)
}

impl Orders for ILedger::batchCall {
    fn orders(&mut self) -> &mut Vec<ILedger::Order> {
        &mut self.orders
    }

    fn refusal(mut world: World, at: &Table<Self>) -> Option<Refusal> {
        reason(&world.ok(at.caller, at.to, &at.call)[0].reason)
    }
}

impl Orders for ILedger::atomicCall {
    fn orders(&mut self) -> &mut Vec<ILedger::Order> {
        &mut self.orders
    }

    fn refusal(mut world: World, at: &Table<Self>) -> Option<Refusal> {
        match world.attempt(at.caller, at.to, &at.call) {
            Ok(_) => None,
            Err(Refusal::ItemRefused(item)) => {
                // The whole call is refused, and leaves no trace.
                world.refused(at.caller, at.to, &at.call);
                reason(&item.reason)
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

impl<C: Orders> Table<C> {
    /// The first order is refused with this error. Then what was wrong is mended.
    #[track_caller]
    fn refuses_first(
        mut self,
        error: impl Into<Refusal>,
        mend: impl FnOnce(&mut ILedger::Order),
    ) -> Self {
        assert_eq!(C::refusal(self.world.clone(), &self), Some(error.into()), "{}", C::SIGNATURE);
        mend(&mut self.call.orders()[0]);
        self
    }

    /// All that is wrong with an order up to its funds.
    #[track_caller]
    fn refuses_order(self) -> Self {
        self.refuses_first(IQenexErrors::InvalidKind { kind: 9 }, |order| order.kind = 4)
            .refuses_first(IQenexErrors::InvalidExpiry { expires: 7 }, |order| order.expires = 0)
            .refuses_first(IQenexErrors::InvalidAccount { account: BOB }, |order| order.kind = 1)
            .refuses_first(NO_REFERENCE, |order| order.clientReference = reference(1))
            .refuses_first(unknown(NOBODY), |order| order.from = BOB)
            .refuses_first(denied(ALICE), |order| order.from = ALICE)
            .refuses_first(conflict("to"), |order| order.clientReference = reference(2))
            .refuses_first(unknown_currency(XXX), |order| order.currency = USD)
            .refuses_first(NOTHING, |order| order.amount = 5)
    }
}

#[test]
fn batch() -> Tested {
    let (world, order) = malformed();
    let call = ILedger::batchCall { orders: vec![order; 1_001] };
    Table::new(world, ALICE, LEDGER, call)
        .refuses(IQenexErrors::TooManyItems { most: 1_000, given: 1_001 }, |at| {
            at.call.orders.truncate(1);
        })
        .refuses_order()
        .succeeds()
}

#[test]
fn atomic() -> Tested {
    let (world, order) = malformed();
    let call = ILedger::atomicCall { orders: vec![order; 1_001] };
    let table = Table::new(world, ALICE, LEDGER, call)
        .refuses(IQenexErrors::TooManyItems { most: 1_000, given: 1_001 }, |at| {
            at.call.orders.truncate(1);
        })
        .refuses_order();
    let mut table = table.refuses_first(missing(2), |_| {});
    without_policy(&mut table.world, ALICE);
    table = table.refuses_first(REVIEW, |_| {});
    require(&mut table.world, 0);
    table.succeeds()
}

/// The signature is judged after the order's form and before anybody's right.
#[test]
fn submit() -> Tested {
    let key = k256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let point = key.verifying_key().to_encoded_point(false);
    let public = alloy_primitives::keccak256(&point.as_bytes()[1..])[12..].to_vec();
    let id = crate::signatures::key_id(crate::signatures::Scheme::Secp256k1, &public).unwrap();
    let (world, order) = malformed();
    let signed = ILedger::SignedOrder {
        order: ILedger::Order { kind: 1, expires: 0, ..order },
        validAfter: u64::MAX,
        validBefore: 1,
        scheme: 9,
        proof: vec![0; 65].into(),
    };
    type Submit = Table<ILedger::submitCall>;
    let sign = |at: &mut Submit| {
        let signed = &mut at.call.orders[0];
        let ILedger::SignedOrder { order, validAfter, validBefore, .. } = signed.clone();
        let digest = ILedger::digestCall { order, validAfter, validBefore };
        let digest = at.world.ok(STRANGER, LEDGER, &digest);
        let (signature, recovery) = key.sign_prehash_recoverable(digest.as_slice()).unwrap();
        signed.proof = [&signature.to_bytes()[..], &[27 + recovery.to_byte()]].concat().into();
    };
    let check = |at: &Submit, error: Option<Refusal>| {
        let results = at.world.clone().ok(at.caller, LEDGER, &at.call);
        assert_eq!(reason(&results[0].reason), error);
    };
    let call = ILedger::submitCall { orders: vec![signed; 1_001] };
    let mut at = Table::new(world, STRANGER, LEDGER, call).refuses(
        IQenexErrors::TooManyItems { most: 1_000, given: 1_001 },
        |at| {
            at.call.orders.truncate(1);
        },
    );
    check(&at, Some(NO_REFERENCE.into()));
    at.call.orders[0].order.clientReference = reference(1);
    check(&at, Some(IQenexErrors::NotYetValid { first: u64::MAX }.into()));
    at.call.orders[0].validAfter = 0;
    check(&at, Some(IQenexErrors::Expired { last: 1 }.into()));
    at.call.orders[0].validBefore = 0;
    check(&at, Some(IQenexErrors::InvalidKey { scheme: 9 }.into()));
    at.call.orders[0].scheme = 1;
    check(&at, Some(IQenexErrors::InvalidSignature {}.into()));
    sign(&mut at);
    check(&at, Some(unknown(NOBODY)));
    at.call.orders[0].order.from = ALICE;
    sign(&mut at);
    check(&at, Some(IQenexErrors::UnknownKey { account: ALICE, keyId: id }.into()));
    let add = IAccounts::addKeyCall {
        account: ALICE,
        scheme: 1,
        publicKey: public.into(),
        validUntil: 0,
    };
    at.world.ok(ALICE, ACCOUNTS, &add);
    check(&at, Some(conflict("to")));
    at.call.orders[0].order.clientReference = reference(2);
    sign(&mut at);
    check(&at, Some(unknown_currency(XXX)));
    at.call.orders[0].order.currency = USD;
    sign(&mut at);
    check(&at, Some(NOTHING.into()));
    at.call.orders[0].order.amount = 5;
    sign(&mut at);
    check(&at, None);
    at.succeeds()
}
