//! One order of errors: for every function that writes, a table of all that can be wrong with a call.
//!
//! A table starts from a call with all its faults and mends them one by one. At each step the error is
//! the one that is named, and nothing has changed; at the end the call succeeds. Faults that exclude one
//! another (an account cannot be unknown and frozen) take turns. A test holds that no function that
//! writes lacks a table.

use std::collections::BTreeSet;
use std::process::{ExitCode, Termination};

use alloy_json_abi::StateMutability;
use alloy_primitives::{Address, FixedBytes};
use alloy_sol_types::{SolCall, SolInterface};
use qenex_types::{AccountStatus, Currency, Role};

use crate::access::records::{ROLE_POLICIES, RolePolicy};
use crate::accounts::records::{APPROVERS, Head, POLICIES, PROFILES, Policy, THRESHOLDS, flag};
use crate::compliance::records::{FREEZES, Freeze};
use crate::registry::find;
use crate::risk::records::{TERMS, Terms};
use crate::testing::{ADMIN, OFFICER, STRANGER, USD, World};
use crate::{
    Block, COMPLIANCE, Call, Host, ICompliance, ILedger, IQenexErrors, LEDGER, Outcome, Refusal,
    engines, face_address, price_feed_address,
};

mod access;
mod accounts;
mod compliance;
mod faces;
mod ledger;
mod native_coin;
mod oracle;
mod settlement;
mod waiting;

/// The function whose table was gone through: the interface's name, and the selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tested(&'static str, [u8; 4]);

/// A table is a test of its own.
impl Termination for Tested {
    fn report(self) -> ExitCode {
        ExitCode::SUCCESS
    }
}

/// A call in its world, and what is still wrong with it.
struct Table<C> {
    world: World,
    caller: Address,
    to: Address,
    call: C,
}

impl<C: SolCall> Table<C> {
    /// A call with all its faults. With any of the general faults too, that is what is named.
    #[track_caller]
    fn new(world: World, caller: Address, to: Address, call: C) -> Self {
        let mut table = Self { world, caller, to, call };
        let input = table.call.abi_encode();
        let plain = Call::new(caller, to, &input);
        let cut = input.get(..input.len() - 32).unwrap();
        for (call, error) in [
            (
                Call { is_delegate: true, ..plain },
                Refusal::from(IQenexErrors::DelegateCallNotAllowed {}),
            ),
            (Call { has_value: true, ..plain }, IQenexErrors::ValueNotAccepted {}.into()),
            (Call { input: cut, ..plain }, IQenexErrors::MalformedCall {}.into()),
        ] {
            assert_eq!(refusal(&mut table.world, &call), Some(error), "{}", C::SIGNATURE);
        }
        table
    }

    /// The call is refused with this error and leaves no trace. Then what was wrong is mended.
    #[track_caller]
    fn refuses(mut self, error: impl Into<Refusal>, mend: impl FnOnce(&mut Self)) -> Self {
        let refusal = self.world.refused(self.caller, self.to, &self.call);
        assert_eq!(refusal, error.into(), "{}", C::SIGNATURE);
        mend(&mut self);
        self
    }

    /// The call succeeds: nothing is wrong with it any more.
    #[track_caller]
    fn succeeds(mut self) -> Tested {
        let state = |world: &World| {
            let host = world.host.clone();
            (host.logs().len(), host.coins().clone(), host.into_storage())
        };
        let before = state(&self.world);
        self.world.ok(self.caller, self.to, &self.call);
        let engine = &engines()[find(self.to).unwrap()];
        let function = (engine.abi)().functions().find(|f| f.selector() == C::SELECTOR).cloned();
        if function.unwrap().state_mutability == StateMutability::NonPayable {
            assert!(before != state(&self.world), "{} did nothing", C::SIGNATURE);
        }
        Tested(engine.interface, C::SELECTOR)
    }
}

/// The error with which a call is refused, if it is.
fn refusal(world: &mut World, call: &Call<'_>) -> Option<Refusal> {
    match world.raw(call).unwrap() {
        Outcome::Success(_) => None,
        Outcome::Revert(data) => Some(Refusal::abi_decode_validate(&data).unwrap()),
    }
}

// What the tables share.

/// Another address that was never opened.
const NONE: Address = Address::repeat_byte(0x0d);

fn denied(caller: Address) -> Refusal {
    IQenexErrors::NotAuthorised { caller }.into()
}

fn unknown(account: Address) -> Refusal {
    IQenexErrors::UnknownAccount { account }.into()
}

fn unknown_currency(currency: FixedBytes<3>) -> Refusal {
    IQenexErrors::UnknownCurrency { currency }.into()
}

/// Nobody of the role has agreed yet.
fn lonely() -> Refusal {
    missing(1)
}

/// Nobody has agreed, and so many must.
fn missing(need: u8) -> Refusal {
    IQenexErrors::ApprovalMissing { have: 0, need }.into()
}

fn suspended() -> Refusal {
    IQenexErrors::CurrencyNotActive { currency: USD }.into()
}

fn conflict(field: &str) -> Refusal {
    IQenexErrors::ReferenceConflict { field: field.into() }.into()
}

/// An officer must decide, though no rule fires.
const REVIEW: IQenexErrors::ReviewRequired = IQenexErrors::ReviewRequired { score: 0, rules: 0 };

/// A world in which members of a role need the agreement of another one, until [`trust`].
fn four_eyes(role: Role) -> World {
    let mut world = World::new();
    let slot = ROLE_POLICIES.entry(&role.number());
    slot.store(&mut world.host, &RolePolicy { required: 1, time: 100 }).unwrap();
    world
}

/// Members of a role may act alone.
fn trust(world: &mut World, role: Role) {
    let slot = ROLE_POLICIES.entry(&role.number());
    slot.store(&mut world.host, &RolePolicy::default()).unwrap();
}

/// Switches the risk rules off.
fn silence(world: &mut World) {
    let silent = Terms { review: 255, reject: 255, version: 1, ..Terms::default() };
    TERMS.entry(&usd()).store(&mut world.host, &silent).unwrap();
}

fn usd() -> Currency {
    "USD".parse().unwrap()
}

/// Asks for an approval of whatever `account` pays or issues: two must agree, these may.
fn with_policy(world: &mut World, account: Address, approvers: [Address; 2]) {
    for approver in approvers {
        APPROVERS.entry(&account).entry(&approver).store(&mut world.host, &true).unwrap();
    }
    let policy = Policy { required: 2, approvers: 2, time: 100 };
    POLICIES.entry(&account).store(&mut world.host, &policy).unwrap();
    THRESHOLDS.entry(&account).entry(&usd()).store(&mut world.host, &1).unwrap();
    if PROFILES.entry(&account).head.load(&mut world.host).unwrap().status.is_some() {
        change(world, account, |head| Head { flags: head.flags | flag::POLICY, ..head });
    }
}

/// Nobody needs to agree to what `account` pays.
fn without_policy(world: &mut World, account: Address) {
    POLICIES.entry(&account).store(&mut world.host, &Policy::default()).unwrap();
}

/// Sets which attestations payers of USD need.
fn require(world: &mut World, types: u8) {
    let call = ICompliance::requireAttestationsCall { currency: USD, tier: 0, types };
    world.ok(OFFICER, COMPLIANCE, &call);
}

/// Sets the clock, also back.
fn clock(world: &mut World, timestamp: u64) {
    let block = world.host.block();
    world.host.set_block(Block { timestamp, ..block });
}

/// Suspends a currency or allows it again.
fn activate(world: &mut World, code: FixedBytes<3>, active: bool) {
    world.ok(ADMIN, LEDGER, &ILedger::setCurrencyActiveCall { code, active });
}

fn change(world: &mut World, account: Address, change: impl FnOnce(Head) -> Head) {
    let slot = PROFILES.entry(&account).head;
    let head = slot.load(&mut world.host).unwrap();
    slot.store(&mut world.host, &change(head)).unwrap();
}

/// Bars an account in all three ways: both sides frozen, dormant, on the deny list.
fn bar(world: &mut World, account: Address) {
    let slot = FREEZES.entry(&account).terms;
    let freeze = slot.load(&mut world.host).unwrap();
    let freeze = Freeze { sides: 3, ..freeze };
    slot.store(&mut world.host, &freeze).unwrap();
    change(world, account, |head| Head {
        status: Some(AccountStatus::Dormant),
        flags: head.flags | flag::FREEZE | flag::DENIED,
        ..head
    });
}

/// Ends the first of the bars.
fn thaw(world: &mut World, account: Address) {
    change(world, account, |head| Head { flags: head.flags & !flag::FREEZE, ..head });
}

/// Ends the second of the bars.
fn wake(world: &mut World, account: Address) {
    change(world, account, |head| Head { status: Some(AccountStatus::Active), ..head });
}

/// Ends the third of the bars.
fn pardon(world: &mut World, account: Address) {
    change(world, account, |head| Head { flags: head.flags & !flag::DENIED, ..head });
}

impl<C: SolCall> Table<C> {
    /// The three refusals of an account that was barred, in their order.
    #[track_caller]
    fn refuses_bars(self, account: Address, side: u8) -> Self {
        self.refuses(IQenexErrors::Frozen { account, side }, |at| thaw(&mut at.world, account))
            .refuses(IQenexErrors::AccountNotActive { account, status: 3 }, |at| {
                wake(&mut at.world, account);
            })
            .refuses(IQenexErrors::Denied { account }, |at| pardon(&mut at.world, account))
    }
}

#[test]
fn every_function_that_writes_has_a_table() {
    let tables = [
        access::TABLES,
        accounts::TABLES,
        compliance::TABLES,
        faces::TABLES,
        ledger::TABLES,
        native_coin::TABLES,
        oracle::TABLES,
        settlement::TABLES,
        waiting::TABLES,
    ];
    let tested: BTreeSet<Tested> =
        tables.into_iter().flatten().map(|table: &fn() -> Tested| table()).collect();
    for engine in engines() {
        for function in (engine.abi)().functions() {
            let writes = function.state_mutability == StateMutability::NonPayable;
            let has_table = tested.contains(&Tested(engine.interface, function.selector().0));
            assert!(has_table || !writes, "no table of {} {}", engine.interface, function.name);
        }
    }
}

/// The same for all functions of all engines, also of faces that nobody registered.
#[test]
fn what_is_wrong_with_the_call_itself_comes_first() {
    let mut world = World::new();
    let faces = |interface: &str| match interface {
        "ICurrencyToken" => {
            vec!["USD", "XXX"].into_iter().map(|code| face_address(code.parse().unwrap())).collect()
        }
        _ => vec![price_feed_address(1)],
    };
    let mut functions = 0;
    for engine in engines() {
        let addresses = engine.address.map_or_else(|| faces(engine.interface), |at| vec![at]);
        for (to, function) in addresses.iter().flat_map(|&to| {
            (engine.abi)().functions().cloned().map(move |f| (to, f)).collect::<Vec<_>>()
        }) {
            functions += 1;
            let selector = function.selector().0;
            let writes = function.state_mutability == StateMutability::NonPayable;
            let bad = [0xff; 4];
            let mut call = Call {
                has_value: true,
                is_static: true,
                is_delegate: true,
                ..Call::new(STRANGER, to, &bad)
            };
            let mut expect = |call: &Call<'_>, error: Refusal| {
                assert_eq!(refusal(&mut world, call), Some(error), "{}", function.name);
            };
            expect(&call, IQenexErrors::DelegateCallNotAllowed {}.into());
            call.is_delegate = false;
            expect(&call, IQenexErrors::ValueNotAccepted {}.into());
            call.has_value = false;
            expect(&call, IQenexErrors::UnknownFunction { selector: bad.into() }.into());
            call.input = &selector;
            if writes {
                expect(&call, IQenexErrors::StaticCallNotAllowed {}.into());
                call.is_static = false;
            }
            // Without arguments nothing can be malformed.
            if !function.inputs.is_empty() {
                expect(&call, IQenexErrors::MalformedCall {}.into());
            }
        }
    }
    assert!(functions > 100, "{functions}");
}
