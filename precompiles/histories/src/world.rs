//! A small world for tests: roles, two currencies, six accounts.

use std::collections::BTreeMap;
use std::sync::Mutex;

use alloy_primitives::{Address, B256, FixedBytes, LogData, U256};
use alloy_sol_types::{SolCall, SolInterface};
use qenex_types::{CurrencySpec, LedgerAccountSpec, LedgerSpec, Role};

use qenex_precompiles::ledger::records::Reference;
use qenex_precompiles::{
    ACCESS, ACCOUNTS, Block, COMPLIANCE, Call, Host, HostError, IAccess, IAccounts, ICompliance,
    ILedger, LEDGER, MemoryHost, Outcome, Refusal, genesis,
};

pub const ADMIN: Address = Address::repeat_byte(0xad);
pub const REGISTRAR: Address = Address::repeat_byte(0x7e);
pub const ISSUER: Address = Address::repeat_byte(0x15);
pub const OFFICER: Address = Address::repeat_byte(0x0f);
pub const SECOND_OFFICER: Address = Address::repeat_byte(0x1f);
pub const RISK_OFFICER: Address = Address::repeat_byte(0x2f);
pub const ATTESTOR: Address = Address::repeat_byte(0xa7);
pub const FEED_MANAGER: Address = Address::repeat_byte(0xfe);
pub const GUARDIAN: Address = Address::repeat_byte(0x94);
pub const STRANGER: Address = Address::repeat_byte(0x99);
/// Own themselves. ALICE has 1,000.00 USD and 500.00 EUR, BOB 10.00 USD, CAROL nothing.
pub const ALICE: Address = Address::repeat_byte(0xa1);
pub const BOB: Address = Address::repeat_byte(0xb2);
pub const CAROL: Address = Address::repeat_byte(0xc3);
/// Owned by ALICE, has 300.00 USD.
pub const TREASURY: Address = Address::repeat_byte(0x72);
/// Owned by themselves, 50.00 USD each, FROZEN and CLOSED (CLOSED has nothing).
pub const FROZEN: Address = Address::repeat_byte(0xf0);
pub const CLOSED: Address = Address::repeat_byte(0xc1);
/// Never opened.
pub const NOBODY: Address = Address::repeat_byte(0x0e);

pub const USD: FixedBytes<3> = FixedBytes(*b"USD");
pub const EUR: FixedBytes<3> = FixedBytes(*b"EUR");
pub const XXX: FixedBytes<3> = FixedBytes(*b"XXX");

pub const BLOCK: Block = Block { number: 7, timestamp: 1_800_000_000, chain_id: 5_158 };

pub fn spec() -> LedgerSpec {
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
        more_admins: Vec::new(),
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

/// Calls of a function that are also made with too little gas.
const STARVED: u32 = 3;
/// Most amounts of gas that such a call is made with.
const SWEEP: usize = 400;

/// Whether a function was not called [`STARVED`] times in this process.
fn is_first(engine: Address, selector: [u8; 4]) -> bool {
    static CALLS: Mutex<BTreeMap<(Address, [u8; 4]), u32>> = Mutex::new(BTreeMap::new());
    let mut calls = CALLS.lock().unwrap();
    let calls = calls.entry((engine, selector)).or_default();
    *calls += 1;
    *calls <= STARVED
}

/// Notes after each charge what was spent so far.
struct Tap<'a> {
    host: &'a mut MemoryHost,
    spent: Vec<u64>,
}

impl Tap<'_> {
    fn note<T>(&mut self, done: Result<T, HostError>) -> Result<T, HostError> {
        if self.spent.last() != Some(&self.host.gas_used()) && self.host.gas_used() > 0 {
            self.spent.push(self.host.gas_used());
        }
        done
    }
}

impl Host for Tap<'_> {
    fn block(&self) -> Block {
        self.host.block()
    }

    fn charge(&mut self, gas: u64) -> Result<(), HostError> {
        let done = self.host.charge(gas);
        self.note(done)
    }

    fn sload(&mut self, address: Address, slot: U256) -> Result<U256, HostError> {
        let done = self.host.sload(address, slot);
        self.note(done)
    }

    fn sstore(&mut self, address: Address, slot: U256, value: U256) -> Result<(), HostError> {
        let done = self.host.sstore(address, slot, value);
        self.note(done)
    }

    fn log(&mut self, address: Address, data: LogData) -> Result<(), HostError> {
        let done = self.host.log(address, data);
        self.note(done)
    }

    fn mark(&mut self, address: Address) -> Result<(), HostError> {
        self.host.mark(address)
    }

    fn move_coin(&mut self, from: Address, to: Address, amount: U256) -> Result<U256, HostError> {
        let done = self.host.move_coin(from, to, amount);
        self.note(done)
    }
}

/// A chain with the engines at work.
#[derive(Clone, Debug)]
pub struct World {
    pub host: MemoryHost,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    pub fn new() -> Self {
        let storage = genesis(&spec(), BLOCK).unwrap();
        let mut world = Self { host: MemoryHost::with_storage(BLOCK, storage) };
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
        world.ok(REGISTRAR, ACCOUNTS, &close);
        world.ok(OFFICER, COMPLIANCE, &freezing(FROZEN, 3));
        world.host.set_block(Block { number: 8, timestamp: BLOCK.timestamp + 1, ..BLOCK });
        world
    }

    /// One transaction with one call.
    pub fn raw(&mut self, call: &Call<'_>) -> Result<Outcome, HostError> {
        self.host.begin_transaction(None);
        self.host.call(call)
    }

    /// A call that must succeed.
    ///
    /// The first calls of a function are also made with too little gas, at every place where gas can run
    /// out: that must leave no trace.
    pub fn ok<C: SolCall>(&mut self, caller: Address, to: Address, call: &C) -> C::Return {
        let input = call.abi_encode();
        let call = Call::new(caller, to, &input);
        if is_first(to, C::SELECTOR) {
            self.starve(&call);
        }
        match self.raw(&call).unwrap() {
            Outcome::Success(output) => C::abi_decode_returns_validate(&output).unwrap(),
            Outcome::Revert(data) => {
                panic!("{} refused: {:?}", C::SIGNATURE, qenex_precompiles::decode(&data))
            }
        }
    }

    /// Makes a call with too little gas, once for every amount that ends somewhere else.
    fn starve(&self, call: &Call<'_>) {
        let mut whole = self.clone();
        whole.host.begin_transaction(None);
        let mut tap = Tap { host: &mut whole.host, spent: Vec::new() };
        qenex_precompiles::call(&mut tap, call).unwrap();
        let spent = tap.spent;
        assert!(!spent.is_empty(), "a call that costs nothing");
        let before = self.host.clone().into_storage();
        for gas in spent.iter().step_by(spent.len().div_ceil(SWEEP)) {
            let mut cut = self.clone();
            cut.host.begin_transaction(Some(gas - 1));
            assert_eq!(cut.host.call(call), Err(HostError::OutOfGas));
            assert_eq!(cut.host.logs(), self.host.logs());
            assert_eq!(cut.host.marks(), self.host.marks());
            assert_eq!(cut.host.coins(), self.host.coins());
            assert_eq!(cut.host.into_storage(), before);
        }
    }

    /// A call that must be refused, and must leave no trace.
    pub fn refused<C: SolCall>(&mut self, caller: Address, to: Address, call: &C) -> Refusal {
        let mut bare = self.clone();
        bare.host.begin_transaction(None);
        match self.attempt(caller, to, call) {
            Err(refusal) => {
                assert_eq!(self.host.changes(LEDGER), bare.host.changes(LEDGER));
                assert_eq!(self.host.clone().into_storage(), bare.host.clone().into_storage());
                assert_eq!(self.host.logs(), bare.host.logs());
                assert_eq!(self.host.marks(), bare.host.marks());
                assert_eq!(self.host.coins(), bare.host.coins());
                refusal
            }
            Ok(_) => panic!("{} succeeded", C::SIGNATURE),
        }
    }

    /// A call that may be refused.
    pub fn attempt<C: SolCall>(
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
    pub fn posted(&mut self, account: Address, currency: FixedBytes<3>) -> u128 {
        let balance = self.ok(STRANGER, LEDGER, &ILedger::balanceOfCall { account, currency });
        assert_eq!(balance.available, balance.posted - balance.held);
        balance.posted
    }

    pub fn supply(&mut self, code: FixedBytes<3>) -> u128 {
        self.ok(STRANGER, LEDGER, &ILedger::supplyCall { code })
    }

    /// Block time, seconds.
    pub fn now(&self) -> u64 {
        self.host.block().timestamp
    }

    /// Lets time pass: the next block.
    pub fn pass(&mut self, seconds: u64) {
        let Block { number, timestamp, chain_id } = self.host.block();
        let (number, timestamp) = (number + 1, timestamp + seconds);
        self.host.set_block(Block { number, timestamp, chain_id });
    }

    /// The transfer of an account under a reference.
    pub fn transfer(&mut self, account: Address, n: u128) -> ILedger::Transfer {
        let call = ILedger::transferOfCall { account, clientReference: reference(n) };
        self.ok(STRANGER, LEDGER, &call)
    }
}

/// A freeze of an account's sides.
pub fn freezing(account: Address, sides: u8) -> ICompliance::freezeCall {
    let (reason, case) = (FixedBytes(*b"LEGL"), B256::repeat_byte(0xca));
    ICompliance::freezeCall { account, sides, reason, caseId: case, until: 0 }
}

/// A hold until an hour after the world's beginning.
pub fn holding(n: u128, from: Address, to: Address, amount: u128) -> ILedger::holdCall {
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
pub fn reference(n: u128) -> Reference {
    FixedBytes(n.to_be_bytes())
}

/// A payment without memo.
pub fn payment(n: u128, from: Address, to: Address, amount: u128) -> ILedger::transferCall {
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
pub fn issuing(n: u128, to: Address, amount: u128) -> ILedger::issueCall {
    ILedger::issueCall { clientReference: reference(n), to, currency: USD, amount }
}

/// `U256` from a number.
pub fn u(n: u128) -> U256 {
    U256::from(n)
}
