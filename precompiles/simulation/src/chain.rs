//! The engines in memory, as a network would run them: genesis, roles, tiers and attestations, then one
//! payment after another through the ledger's own door.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, FixedBytes, Log, keccak256};
use alloy_sol_types::{SolCall, SolEvent};
use anyhow::{Context, bail};
use qenex_precompiles::{
    ACCESS, ACCOUNTS, Block, COMPLIANCE, Call, IAccess, IAccounts, ICompliance, ILedger, IRisk,
    LEDGER, MemoryHost, Outcome, RISK, Refusal, decode, decode_error, genesis,
};
use qenex_types::{
    AccountType, CurrencySpec, ErrorCode, LedgerAccountSpec, LedgerSpec, Role, TransferStatus,
};

use crate::calendar::{Calendar, DAY, GENESIS};
use crate::population::{Account, Population};

const ADMIN: Address = Address::repeat_byte(0xad);
const REGISTRAR: Address = Address::repeat_byte(0x7e);
const ISSUER: Address = Address::repeat_byte(0x15);
const OFFICER: Address = Address::repeat_byte(0x0f);
const ATTESTOR: Address = Address::repeat_byte(0xa7);

/// The one currency.
const CURRENCY: FixedBytes<3> = FixedBytes(*b"USD");
const CHAIN_ID: u64 = 5_158;

/// Attestations that every tier needs: identity (type 0) and name screening (type 2).
const ATTESTATIONS: [u8; 2] = [0, 2];

/// Limits of a tier, minor units: a payment, a day, thirty days.
const LIMITS: [(u8, [u128; 3]); 3] = [
    (0, [0, 0, 0]),
    (2, [5_000_000, 10_000_000, 50_000_000]),
    (3, [500_000_000, 5_000_000_000, 50_000_000_000]),
];

/// What became of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was posted. Score and rules may be above 0 all the same.
    Posted(Score),
    /// Its money is held until an officer decides.
    Review(Score),
    /// The rules refused it.
    Reject(Score),
    /// It was refused for another reason; `None` if the engine named none.
    Refused(Option<ErrorCode>),
}

/// What the rules gave a payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// 0 to 1000.
    pub score: u16,
    /// Bit n - 1 is rule n.
    pub rules: u16,
}

/// A ledger with its customers.
pub(crate) struct Chain {
    host: MemoryHost,
    block: Block,
}

impl Chain {
    /// The engines at genesis, with all customers of the beginning and their money; then the roles, the
    /// tiers' terms and the changed terms of the risk rules, by the calls that make them.
    pub(crate) fn new(
        population: &Population,
        money: &[u128],
        terms: &[(String, u64)],
    ) -> anyhow::Result<Self> {
        let block = Block { number: 0, timestamp: GENESIS, chain_id: CHAIN_ID };
        let storage = genesis(&specification(population, money), block)?;
        let mut chain = Self { host: MemoryHost::with_storage(block, storage), block };
        for (role, member) in [(Role::ComplianceOfficer, OFFICER), (Role::Attestor, ATTESTOR)] {
            let grant = IAccess::grantRoleCall { role: role.number(), member };
            chain.must(ADMIN, ACCESS, &grant)?;
        }
        for (tier, [per_payment, per_day, per_thirty_days]) in LIMITS {
            let limits = ICompliance::setTierLimitsCall {
                currency: CURRENCY,
                tier,
                perPayment: per_payment,
                perDay: per_day,
                perThirtyDays: per_thirty_days,
            };
            chain.must(OFFICER, COMPLIANCE, &limits)?;
            let types = ATTESTATIONS.iter().fold(0, |types, attestation| types | 1 << attestation);
            let needed = ICompliance::requireAttestationsCall { currency: CURRENCY, tier, types };
            chain.must(OFFICER, COMPLIANCE, &needed)?;
        }
        for account in 0..population.len() {
            if population.opened(account) == GENESIS {
                chain.admit(population, account)?;
            }
        }
        chain.change_terms(terms)?;
        Ok(chain)
    }

    /// Changes terms of the risk rules: proposed, waited for, applied.
    fn change_terms(&mut self, terms: &[(String, u64)]) -> anyhow::Result<()> {
        let names = self.parameters()?;
        let mut ids = Vec::new();
        for (name, value) in terms {
            let known = || names.keys().cloned().collect::<Vec<_>>().join(", ");
            let id =
                *names.get(name).with_context(|| format!("{name} is not one of {}", known()))?;
            let propose = IAccess::proposeParameterCall { id, currency: CURRENCY, value: *value };
            self.must(ADMIN, ACCESS, &propose).with_context(|| format!("{name} = {value}"))?;
            ids.push(id);
        }
        self.advance(GENESIS + 7 * DAY);
        for id in ids {
            let apply = IAccess::applyParameterCall { id, currency: CURRENCY };
            self.must(ADMIN, ACCESS, &apply)?;
        }
        Ok(())
    }

    /// Ids of the parameters by name.
    fn parameters(&mut self) -> anyhow::Result<BTreeMap<String, u16>> {
        let ids = self.must(ADMIN, ACCESS, &IAccess::parametersCall {})?;
        let mut names = BTreeMap::new();
        for id in ids {
            let parameter =
                self.must(ADMIN, ACCESS, &IAccess::parameterCall { id, currency: CURRENCY })?;
            names.insert(parameter.name, id);
        }
        Ok(names)
    }

    /// Opens an account that comes later.
    pub(crate) fn open(&mut self, population: &Population, account: Account) -> anyhow::Result<()> {
        let address = Population::address(account);
        let open = IAccounts::openCall {
            account: address,
            owner: address,
            accountType: population.kind(account).number(),
            jurisdiction: FixedBytes(*b"CH"),
            homeCurrency: CURRENCY,
        };
        self.must(REGISTRAR, ACCOUNTS, &open)?;
        self.admit(population, account)
    }

    /// Gives an account money.
    pub(crate) fn fund(&mut self, account: Account, cents: u128) -> anyhow::Result<()> {
        let issue = ILedger::issueCall {
            clientReference: reference(&[b"opening", &number(account)]),
            to: Population::address(account),
            currency: CURRENCY,
            amount: cents,
        };
        self.must(ISSUER, LEDGER, &issue).map(drop)
    }

    /// Tier and attestations of a customer whose identity was checked.
    fn admit(&mut self, population: &Population, account: Account) -> anyhow::Result<()> {
        let tier = match population.kind(account) {
            AccountType::Retail => 2,
            _ => 3,
        };
        let address = Population::address(account);
        let set = ICompliance::setTierCall { account: address, tier, until: 0 };
        self.must(OFFICER, COMPLIANCE, &set)?;
        for attestation in ATTESTATIONS {
            let attest = ICompliance::attestCall {
                account: address,
                attestation,
                finding: 1,
                expires: GENESIS + 10 * 365 * DAY,
                version: 1,
            };
            self.must(ATTESTOR, COMPLIANCE, &attest)?;
        }
        Ok(())
    }

    /// A block at a time.
    pub(crate) fn advance(&mut self, timestamp: u64) {
        self.block.number += 1;
        self.block.timestamp = timestamp.max(self.block.timestamp);
        self.host.set_block(self.block);
    }

    /// Pays.
    pub(crate) fn pay(
        &mut self,
        index: usize,
        payer: Account,
        payee: Account,
        cents: u64,
    ) -> anyhow::Result<Verdict> {
        let from = Population::address(payer);
        let transfer = ILedger::transferCall {
            clientReference: reference(&[b"payment", &number(index)]),
            from,
            to: Population::address(payee),
            currency: CURRENCY,
            amount: cents.into(),
            endToEndId: B256::ZERO,
            payloadHash: B256::ZERO,
        };
        match self.host.call(&Call::new(from, LEDGER, &transfer.abi_encode()))? {
            Outcome::Success(_) => Ok(verdict(self.host.logs())),
            Outcome::Revert(data) => Ok(refused(&data)),
        }
    }

    /// An officer decides on a payment under review.
    pub(crate) fn decide(
        &mut self,
        index: usize,
        payer: Account,
        accept: bool,
    ) -> anyhow::Result<()> {
        let decide = ILedger::decideCall {
            account: Population::address(payer),
            clientReference: reference(&[b"payment", &number(index)]),
            accept,
        };
        self.must(OFFICER, LEDGER, &decide).map(drop)
    }

    /// Version of the terms in force, and the terms as one word.
    pub(crate) fn terms(&mut self) -> anyhow::Result<(u8, B256)> {
        let terms = self.must(ADMIN, RISK, &IRisk::termsCall { currency: CURRENCY })?;
        Ok((terms.version, terms.word))
    }

    /// A call that must succeed.
    fn must<C: SolCall>(
        &mut self,
        caller: Address,
        engine: Address,
        call: &C,
    ) -> anyhow::Result<C::Return> {
        match self.host.call(&Call::new(caller, engine, &call.abi_encode()))? {
            Outcome::Success(output) => Ok(C::abi_decode_returns_validate(&output)?),
            Outcome::Revert(data) => {
                bail!("{}: {}", C::SIGNATURE, decode_error(&data).unwrap_or_default())
            }
        }
    }
}

fn number(index: usize) -> [u8; 8] {
    u64::try_from(index).unwrap_or(u64::MAX).to_be_bytes()
}

fn reference(parts: &[&[u8]]) -> FixedBytes<16> {
    FixedBytes::from_slice(&keccak256(parts.concat())[..16])
}

/// What the events of a payment say.
fn verdict(logs: &[Log]) -> Verdict {
    let assessed = logs.iter().find_map(|log| IRisk::Assessed::decode_log(log).ok());
    let score =
        assessed.map(|event| Score { score: event.score, rules: event.rules }).unwrap_or_default();
    let waits = logs.iter().any(|log| {
        ILedger::Held::decode_log(log)
            .is_ok_and(|held| held.status == TransferStatus::UnderReview.number())
    });
    if waits { Verdict::Review(score) } else { Verdict::Posted(score) }
}

fn refused(data: &[u8]) -> Verdict {
    let decoded = decode(data);
    match decoded.as_ref().map(|decoded| &decoded.refusal) {
        Some(Refusal::RiskRejected(error)) => {
            Verdict::Reject(Score { score: error.score, rules: error.rules })
        }
        _ => Verdict::Refused(decoded.map(|decoded| decoded.code)),
    }
}

fn specification(population: &Population, money: &[u128]) -> LedgerSpec {
    let account = |(account, cents): (Account, &u128)| {
        let address = Population::address(account);
        let balance = format!("{}.{:02}", cents / 100, cents % 100);
        LedgerAccountSpec {
            id: address,
            owner: address,
            account_type: population.kind(account).to_string(),
            jurisdiction: "CH".into(),
            currency: "USD".into(),
            balances: BTreeMap::from([("USD".into(), balance)]),
        }
    };
    let customers = money.iter().enumerate();
    LedgerSpec {
        admin: ADMIN,
        more_admins: Vec::new(),
        registrars: vec![REGISTRAR],
        currencies: vec![CurrencySpec {
            code: "USD".into(),
            exponent: 2,
            name: "US dollar".into(),
            issuer: ISSUER,
            supply_cap: "1000000000000000.00".into(),
        }],
        accounts: customers
            .filter(|&(account, _)| population.opened(account) == GENESIS)
            .map(account)
            .collect(),
    }
}

/// The whole preparation must be over before the first payment.
const _: () = assert!(GENESIS + 7 * DAY < Calendar::begin());
