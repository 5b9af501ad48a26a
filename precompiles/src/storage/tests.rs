//! The engines' storage is laid out as the Solidity compiler lays out `layout/Layout.sol`.

use super::*;
use crate::access::records::{Change, Request, RolePolicy};
use crate::accounts::records::{Delegation, Head, KeyRecord, Origin, OwnLimits, Policy};
use crate::compliance::records::{Attestation, Class, CorridorTerms, Denial, Freeze};
use crate::ledger::records::{Balance, Outstanding, Parties, Pending, Progress, Settlement, Terms};
use crate::oracle::records::{Bounds, Report, Round};
use crate::risk::records::{Flow, Habit, Pair};
use crate::settlement::records::{Cycle, Instruction, Paying, Position};
use crate::{oracle, risk};

/// Contract, owner (contract or struct), name, slot, offset and size in bytes.
type Row = (String, String, String, usize, usize, usize);

fn row(contract: &str, owner: &str, name: &str, at: (usize, usize, usize)) -> Row {
    (contract.into(), owner.into(), name.into(), at.0, at.1, at.2)
}

/// `last_activity` as Solidity spells it: `lastActivity`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at(1);
        name + &head.to_uppercase() + tail
    })
}

/// The rows of a packed word that is member `slot` of a struct.
fn packed_rows(contract: &str, owner: &str, slot: usize, fields: &[(&str, usize)]) -> Vec<Row> {
    let mut offset = 0;
    fields
        .iter()
        .map(|(name, bits)| {
            let row = row(contract, owner, &camel(name), (slot, offset / 8, bits / 8));
            offset += bits;
            row
        })
        .collect()
}

/// The rows of a struct: packed words, and members that fill a word or more, in the order of the
/// slots; a member of no size takes none here.
fn struct_rows(contract: &str, owner: &str, words: &[&[(&str, usize)]]) -> Vec<Row> {
    let rows = words.iter().enumerate();
    rows.flat_map(|(slot, fields)| packed_rows(contract, owner, slot, fields)).collect()
}

#[test]
fn the_layout_is_what_the_solidity_compiler_says() {
    let solidity: Vec<Row> =
        serde_json::from_str(include_str!("../../layout/layout.json")).unwrap();
    let variables = |contract: &str, names: &[(&str, usize)]| -> Vec<Row> {
        let rows = names.iter().enumerate();
        rows.map(|(slot, (name, size))| row(contract, contract, name, (slot, 0, *size))).collect()
    };
    let map = |name| (name, 32);
    let word = |name: &'static str| (name, 256);
    let ours: Vec<Row> = [
        variables(
            "Access",
            &["members", "memberCounts", "rolePolicies", "requests", "changes"].map(map),
        ),
        struct_rows("Access", "RolePolicy", &[RolePolicy::FIELDS]),
        struct_rows("Access", "Request", &[Request::FIELDS]),
        vec![row("Access", "Request", "approvers", (1, 0, 256))],
        struct_rows("Access", "Change", &[Change::FIELDS]),
        variables(
            "Accounts",
            &[
                "profiles",
                "limits",
                "keys",
                "delegations",
                "payees",
                "policies",
                "thresholds",
                "approvers",
            ]
            .map(map),
        ),
        struct_rows("Accounts", "Profile", &[Head::FIELDS, Origin::FIELDS]),
        struct_rows("Accounts", "OwnLimits", &[OwnLimits::FIELDS]),
        struct_rows("Accounts", "Key", &[KeyRecord::FIELDS]),
        struct_rows("Accounts", "Delegation", &[Delegation::FIELDS]),
        struct_rows("Accounts", "Policy", &[Policy::FIELDS]),
        variables(
            "Compliance",
            &[
                ("classes", 32),
                ("freezes", 32),
                ("denials", 32),
                ("listVersion", 8),
                ("corridors", 32),
                ("attestations", 32),
            ],
        ),
        struct_rows("Compliance", "Class", &[Class::FIELDS]),
        struct_rows(
            "Compliance",
            "Freeze",
            &[Freeze::FIELDS, &[word("caseId")], &[("releasing", 160)]],
        ),
        struct_rows("Compliance", "Denial", &[Denial::FIELDS]),
        struct_rows("Compliance", "CorridorTerms", &[CorridorTerms::FIELDS]),
        struct_rows("Compliance", "Attestation", &[Attestation::FIELDS]),
        variables(
            "Ledger",
            &[
                ("currencies", 32),
                ("balances", 32),
                ("transfers", 32),
                ("holdings", 32),
                ("facePostings", 32),
                ("allowances", 32),
                ("approvals", 32),
                ("nonces", 32),
                ("latest", 3),
                ("previous", 32),
            ],
        ),
        struct_rows("Ledger", "Balance", &[Balance::FIELDS]),
        struct_rows("Ledger", "Currency", &[Terms::FIELDS, Outstanding::FIELDS, &[word("name")]]),
        struct_rows(
            "Ledger",
            "Transfer",
            &[
                Parties::FIELDS,
                Settlement::FIELDS,
                &[word("endToEndId")],
                &[word("payloadHash")],
                Progress::FIELDS,
                Pending::FIELDS,
            ],
        ),
        variables("NativeCoin", &[("face", 20), ("issued", 32)]),
        variables(
            "Oracle",
            &[("feedCount", 4), ("feeds", 32), ("reporters", 32), ("indices", 32), ("rounds", 32)],
        ),
        struct_rows(
            "Oracle",
            "Feed",
            &[
                oracle::records::Terms::FIELDS,
                &[word("description")],
                Bounds::FIELDS,
                oracle::records::Progress::FIELDS,
            ],
        ),
        struct_rows("Oracle", "Report", &[Report::FIELDS]),
        vec![
            row("Oracle", "Reporters", "addresses", (0, 0, 31 * 32)),
            row("Oracle", "Reporters", "reports", (31, 0, 31 * 32)),
        ],
        struct_rows("Oracle", "Round", &[Round::FIELDS]),
        variables("Risk", &["flows", "habits", "pairs", "terms"].map(map)),
        struct_rows("Risk", "Flow", &[Flow::FIELDS]),
        struct_rows("Risk", "Habit", &[Habit::FIELDS]),
        struct_rows("Risk", "Pair", &[Pair::FIELDS]),
        struct_rows("Risk", "Terms", &[risk::records::Terms::FIELDS]),
        variables(
            "Settlement",
            &[
                "instructions",
                "legs",
                "cycles",
                "participants",
                "indices",
                "positions",
                "obligations",
            ]
            .map(map),
        ),
        struct_rows("Settlement", "Instruction", &[Instruction::FIELDS]),
        struct_rows("Settlement", "Leg", &[Paying::FIELDS, &[("payee", 160)], &[("amount", 128)]]),
        struct_rows(
            "Settlement",
            "Cycle",
            &[Cycle::FIELDS, &[("account", 160)], &[("gross", 128)]],
        ),
        struct_rows("Settlement", "Position", &[Position::FIELDS]),
    ]
    .concat();
    let sorted = |mut rows: Vec<Row>| {
        rows.sort();
        rows
    };
    assert_eq!(sorted(ours), sorted(solidity));
}

#[test]
fn short_strings_are_read_back_and_long_or_damaged_ones_are_not() {
    for text in ["", "Euro", "Schweizer Franken (CHF), 31 byte"] {
        let stored = ShortString::new(text.into());
        assert_eq!(stored.is_some(), text.len() <= 31, "{text}");
        if let Some(stored) = stored {
            assert_eq!(ShortString::from_word(stored.to_word()), Some(stored));
        }
    }
    assert_eq!(ShortString::from_word(U256::from(9)), None, "Solidity's long form");
    assert_eq!(ShortString::from_word(U256::from(64)), None, "32 bytes");
    assert_eq!(ShortString::from_word(U256::from(0xff) << 248 | U256::from(2)), None, "not UTF-8");
}

#[test]
fn times_beyond_forty_bits_stay_at_the_last_one() {
    assert_eq!(Seconds::new(u64::MAX).get(), (1 << 40) - 1);
    assert_eq!(Narrow::<56>::new(u128::MAX).get(), (1 << 56) - 1);
    assert_eq!(Days::new(65_535_u64).plus(1).get(), 65_535);
    assert_eq!(Seconds::from_bits(U256::from(1_u64 << 40)), None);
}

#[test]
fn signed_numbers_are_read_back_beside_others() {
    for answer in [i128::MIN, -1, 0, 1, i128::MAX] {
        let report = Report { answer, observed_at: Seconds::new(7), reported_at: Seconds::new(9) };
        assert_eq!(Report::from_word(report.to_word()), Some(report));
    }
    let minus_one = Bounds { min_answer: -1, max_answer: 0 };
    assert_eq!(minus_one.to_word(), U256::from(u128::MAX), "nothing spills into the next field");
}
