//! The books: honest blocks close, every kind of tampering is found.

use super::*;
use crate::ledger::records::transfer_id;
use crate::testing::{
    ADMIN, ALICE, BOB, CAROL, ISSUER, STRANGER, USD, World, issuing, payment, reference, u,
};
use crate::{Call, MemoryHost};
use alloy_sol_types::SolCall;

type Changes = BTreeMap<U256, (U256, U256)>;

fn usd() -> Currency {
    "USD".parse().unwrap()
}

/// A block in one transaction, so that `changes` sees all of it.
fn block() -> MemoryHost {
    let mut host = World::new().host;
    host.begin_transaction(None);
    let face = face_address_of_usd();
    let calls: Vec<(Address, Address, Vec<u8>)> = vec![
        (ALICE, LEDGER, payment(1, ALICE, BOB, 100).abi_encode()),
        (BOB, LEDGER, payment(1, BOB, ALICE, 40).abi_encode()),
        (BOB, LEDGER, payment(2, BOB, CAROL, 1_060).abi_encode()),
        (ISSUER, LEDGER, issuing(1, CAROL, 7).abi_encode()),
        (ALICE, face, ICurrencyToken::approveCall { spender: STRANGER, value: u(50) }.abi_encode()),
        (
            STRANGER,
            face,
            ICurrencyToken::transferFromCall { from: ALICE, to: BOB, value: u(20) }.abi_encode(),
        ),
        (ALICE, face, ICurrencyToken::transferCall { to: BOB, value: u(0) }.abi_encode()),
        (
            ADMIN,
            LEDGER,
            ILedger::registerCurrencyCall {
                code: (*b"CHF").into(),
                exponent: 2,
                name: "Swiss franc".into(),
                issuer: ISSUER,
                cap: 1,
            }
            .abi_encode(),
        ),
        (ADMIN, LEDGER, ILedger::setCurrencyActiveCall { code: USD, active: false }.abi_encode()),
    ];
    for (caller, to, input) in calls {
        assert!(host.call(&Call::new(caller, to, &input)).unwrap().is_success());
    }
    host
}

fn face_address_of_usd() -> Address {
    crate::face_address(usd())
}

#[test]
fn the_books_of_an_honest_block_close() {
    let host = block();
    let lines = books(&host.changes(LEDGER), host.logs()).unwrap();
    let line = Line { postings: 5, issued: u(7), moved: u(1_220), ..Line::default() };
    assert_eq!(lines, BTreeMap::from([(usd(), line)]));
    assert_eq!(books(&BTreeMap::new(), []), Ok(BTreeMap::new()));
}

#[test]
fn money_there_and_back_in_one_block_leaves_no_change_and_closes() {
    let mut host = World::new().host;
    host.begin_transaction(None);
    for (from, to) in [(ALICE, BOB), (BOB, ALICE)] {
        let input = payment(1, from, to, 5).abi_encode();
        assert!(host.call(&Call::new(from, LEDGER, &input)).unwrap().is_success());
    }
    let line = Line { postings: 2, moved: u(10), ..Line::default() };
    assert_eq!(books(&host.changes(LEDGER), host.logs()), Ok(BTreeMap::from([(usd(), line)])));
}

#[test]
fn tampering_is_found() {
    let host = block();
    let honest = host.changes(LEDGER);
    let bob = BALANCES.entry(&BOB).entry(&usd()).number();
    let supply = CURRENCIES.entry(&usd()).outstanding.number();
    let record = TRANSFERS.entry(&transfer_id(ALICE, reference(1))).parties.number();
    let check = |edit: &dyn Fn(&mut Changes)| {
        let mut changes = honest.clone();
        edit(&mut changes);
        books(&changes, host.logs())
    };
    let balance = Err(BooksError::Balance { account: BOB, currency: usd() });
    assert_eq!(check(&|c| c.get_mut(&bob).unwrap().1 += u(1)), balance, "one cent from nowhere");
    assert_eq!(
        check(&|c| c.retain(|slot, _| *slot != bob)),
        balance,
        "a balance that did not change"
    );
    assert_eq!(
        check(&|c| c.get_mut(&bob).unwrap().1 += u(9_999) << 128),
        Err(BooksError::Overheld { account: BOB, currency: usd() })
    );
    assert_eq!(
        check(&|c| c.get_mut(&supply).unwrap().1 += u(1)),
        Err(BooksError::Supply { currency: usd() })
    );
    let other = BALANCES.entry(&STRANGER).entry(&usd()).number();
    assert_eq!(
        check(&|c| c.extend([(other, (u(0), u(1)))])),
        Err(BooksError::Unexplained { slot: other }),
        "money without an event"
    );
    assert!(
        check(&|c| c.retain(|slot, _| *slot != record)).is_ok(),
        "records are not part of the sums"
    );
    let without: Vec<Log> = host.logs().iter().skip(1).cloned().collect();
    assert!(books(&honest, &without).is_err(), "an event that is missing");
}
