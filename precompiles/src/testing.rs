//! A small world for the engines' tests: roles, two currencies, six accounts.

use alloy_primitives::{Address, B256, FixedBytes, U256};
use alloy_sol_types::{SolCall, SolInterface};
use qenex_types::{CurrencySpec, LedgerAccountSpec, LedgerSpec, Role};

use crate::genesis::carry_out;
use crate::ledger::records::Reference;
use crate::{
    ACCESS, Block, COMPLIANCE, Call, HostError, IAccess, IAccounts, ICompliance, ILedger, LEDGER,
    MemoryHost, Outcome, Refusal,
};

pub(crate) const ADMIN: Address = Address::repeat_byte(0xad);
pub(crate) const REGISTRAR: Address = Address::repeat_byte(0x7e);
pub(crate) const ISSUER: Address = Address::repeat_byte(0x15);
pub(crate) const OFFICER: Address = Address::repeat_byte(0x0f);
pub(crate) const SECOND_OFFICER: Address = Address::repeat_byte(0x1f);
pub(crate) const RISK_OFFICER: Address = Address::repeat_byte(0x2f);
pub(crate) const ATTESTOR: Address = Address::repeat_byte(0xa7);
pub(crate) const FEED_MANAGER: Address = Address::repeat_byte(0xfe);
pub(crate) const GUARDIAN: Address = Address::repeat_byte(0x94);
pub(crate) const STRANGER: Address = Address::repeat_byte(0x99);
/// Own themselves. ALICE has 1,000.00 USD and 500.00 EUR, BOB 10.00 USD, CAROL nothing.
pub(crate) const ALICE: Address = Address::repeat_byte(0xa1);
pub(crate) const BOB: Address = Address::repeat_byte(0xb2);
pub(crate) const CAROL: Address = Address::repeat_byte(0xc3);
/// Owned by ALICE, has 300.00 USD.
pub(crate) const TREASURY: Address = Address::repeat_byte(0x72);
/// Owned by themselves, 50.00 USD each, FROZEN and CLOSED (CLOSED has nothing).
pub(crate) const FROZEN: Address = Address::repeat_byte(0xf0);
pub(crate) const CLOSED: Address = Address::repeat_byte(0xc1);
/// Never opened.
pub(crate) const NOBODY: Address = Address::repeat_byte(0x0e);

pub(crate) const USD: FixedBytes<3> = FixedBytes(*b"USD");
pub(crate) const EUR: FixedBytes<3> = FixedBytes(*b"EUR");
pub(crate) const XXX: FixedBytes<3> = FixedBytes(*b"XXX");

pub(crate) const BLOCK: Block = Block { number: 7, timestamp: 1_800_000_000, chain_id: 5_158 };

pub(crate) fn spec() -> LedgerSpec {
    let currency = |code: &str, name: &str| CurrencySpec {
        code: code.into(),
        exponent: 2,
        name: name.into(),
        issuer: ISSUER,
        supply_cap: "1000000.00".into(),
    };
    let account = |id, owner, balances: &[(&str, &str)]| LedgerAccountSpec {
        id,
        owner,
        account_type: "RETAIL".into(),
        jurisdiction: "CH".into(),
        currency: "USD".into(),
        balances: balances.iter().map(|(code, text)| ((*code).into(), (*text).into())).collect(),
    };
    LedgerSpec {
        admin: ADMIN,
        registrars: vec![REGISTRAR],
        currencies: vec![currency("USD", "US dollar"), currency("EUR", "Euro")],
        accounts: vec![
            account(ALICE, ALICE, &[("USD", "1000.00"), ("EUR", "500.00")]),
            account(BOB, BOB, &[("USD", "10.00")]),
            account(CAROL, CAROL, &[]),
            account(TREASURY, ALICE, &[("USD", "300")]),
            account(FROZEN, FROZEN, &[("USD", "50.00")]),
            account(CLOSED, CLOSED, &[]),
        ],
    }
}

/// A chain with the engines at work.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) host: MemoryHost,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut host = MemoryHost::new(BLOCK);
        carry_out(&mut host, &spec()).unwrap();
        host.set_block(BLOCK);
        let mut world = Self { host };
        for (role, member) in [
            (Role::ComplianceOfficer, OFFICER),
            (Role::ComplianceOfficer, SECOND_OFFICER),
            (Role::RiskOfficer, RISK_OFFICER),
            (Role::Attestor, ATTESTOR),
            (Role::FeedManager, FEED_MANAGER),
            (Role::Guardian, GUARDIAN),
        ] {
            let call = IAccess::grantRoleCall { role: role.number(), member };
            world.ok(ADMIN, ACCESS, &call);
        }
        let close = IAccounts::setStatusCall { account: CLOSED, status: 5 };
        world.ok(REGISTRAR, crate::ACCOUNTS, &close);
        world.ok(OFFICER, COMPLIANCE, &freezing(FROZEN, 3));
        world.host.set_block(Block { number: 8, timestamp: BLOCK.timestamp + 1, ..BLOCK });
        world
    }

    /// One transaction with one call.
    pub(crate) fn raw(&mut self, call: &Call<'_>) -> Result<Outcome, HostError> {
        self.host.begin_transaction(None);
        self.host.call(call)
    }

    /// A call that must succeed.
    pub(crate) fn ok<C: SolCall>(&mut self, caller: Address, to: Address, call: &C) -> C::Return {
        match self.raw(&Call::new(caller, to, &call.abi_encode())).unwrap() {
            Outcome::Success(output) => C::abi_decode_returns_validate(&output).unwrap(),
            Outcome::Revert(data) => panic!("{} refused: {:?}", C::SIGNATURE, crate::decode(&data)),
        }
    }

    /// A call that must be refused, and must leave no trace.
    pub(crate) fn refused<C: SolCall>(
        &mut self,
        caller: Address,
        to: Address,
        call: &C,
    ) -> Refusal {
        let mut bare = self.clone();
        bare.host.begin_transaction(None);
        match self.attempt(caller, to, call) {
            Err(refusal) => {
                assert_eq!(self.host.changes(LEDGER), bare.host.changes(LEDGER));
                assert_eq!(self.host.clone().into_storage(), bare.host.clone().into_storage());
                assert_eq!(self.host.logs(), bare.host.logs());
                assert_eq!(self.host.marks(), bare.host.marks());
                refusal
            }
            Ok(_) => panic!("{} succeeded", C::SIGNATURE),
        }
    }

    /// A call that may be refused.
    pub(crate) fn attempt<C: SolCall>(
        &mut self,
        caller: Address,
        to: Address,
        call: &C,
    ) -> Result<C::Return, Refusal> {
        match self.raw(&Call::new(caller, to, &call.abi_encode())).unwrap() {
            Outcome::Success(output) => Ok(C::abi_decode_returns_validate(&output).unwrap()),
            Outcome::Revert(data) => Err(Refusal::abi_decode_validate(&data).unwrap()),
        }
    }

    /// Posted minor units.
    pub(crate) fn posted(&mut self, account: Address, currency: FixedBytes<3>) -> u128 {
        let balance = self.ok(STRANGER, LEDGER, &ILedger::balanceOfCall { account, currency });
        assert_eq!(balance.available, balance.posted - balance.held);
        balance.posted
    }

    pub(crate) fn supply(&mut self, code: FixedBytes<3>) -> u128 {
        self.ok(STRANGER, LEDGER, &ILedger::supplyCall { code })
    }

    /// Lets time pass: the next block.
    pub(crate) fn pass(&mut self, seconds: u64) {
        let Block { number, timestamp, chain_id } = crate::Host::block(&self.host);
        let (number, timestamp) = (number + 1, timestamp + seconds);
        self.host.set_block(Block { number, timestamp, chain_id });
    }

    /// The transfer of an account under a reference.
    pub(crate) fn transfer(&mut self, account: Address, n: u128) -> ILedger::Transfer {
        let call = ILedger::transferOfCall { account, clientReference: reference(n) };
        self.ok(STRANGER, LEDGER, &call)
    }
}

/// A freeze of an account's sides.
pub(crate) fn freezing(account: Address, sides: u8) -> ICompliance::freezeCall {
    let (reason, case) = (FixedBytes(*b"LEGL"), B256::repeat_byte(0xca));
    ICompliance::freezeCall { account, sides, reason, caseId: case, until: 0 }
}

/// A hold until an hour after the world's beginning.
pub(crate) fn holding(n: u128, from: Address, to: Address, amount: u128) -> ILedger::holdCall {
    ILedger::holdCall {
        clientReference: reference(n),
        from,
        to,
        currency: USD,
        amount,
        expires: BLOCK.timestamp + 3_600,
        endToEndId: B256::ZERO,
        payloadHash: B256::ZERO,
    }
}

/// Reference number `n`.
pub(crate) fn reference(n: u128) -> Reference {
    FixedBytes(n.to_be_bytes())
}

/// A payment without memo.
pub(crate) fn payment(n: u128, from: Address, to: Address, amount: u128) -> ILedger::transferCall {
    ILedger::transferCall {
        clientReference: reference(n),
        from,
        to,
        currency: USD,
        amount,
        endToEndId: B256::ZERO,
        payloadHash: B256::ZERO,
    }
}

/// An issue in USD.
pub(crate) fn issuing(n: u128, to: Address, amount: u128) -> ILedger::issueCall {
    ILedger::issueCall { clientReference: reference(n), to, currency: USD, amount }
}

/// `U256` from a number.
pub(crate) fn u(n: u128) -> U256 {
    U256::from(n)
}
