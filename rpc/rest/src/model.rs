//! How answers look. Amounts are always strings in major units, times RFC 3339 in UTC.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, FixedBytes, hex};
use qenex_precompiles::risk::rules::Rule;
use qenex_types::{
    AccountStatus, AccountType, Amount, Currency, RiskOutcome, TransferKind, TransferStatus,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    problem::Problem,
    view::{Recorded, View, currency_of},
};

/// An account.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Account {
    /// The account's id, an EVM address.
    pub(crate) id: String,
    /// The same as `id`.
    pub(crate) account_id: String,
    /// Who may move the money.
    pub(crate) owner: String,
    /// `RETAIL BUSINESS INSTITUTION MERCHANT TREASURY SETTLEMENT CONTRACT`.
    pub(crate) account_type: String,
    /// Money in the home currency, held money included.
    #[schema(example = "100.00")]
    pub(crate) balance: String,
    /// Money in the home currency that may be spent.
    #[schema(example = "100.00")]
    pub(crate) available_balance: String,
    /// Home currency.
    #[schema(example = "USD")]
    pub(crate) currency: String,
    /// Money by currency, where there is any.
    pub(crate) balances: Vec<Balance>,
    /// `PENDING ACTIVE DORMANT FROZEN CLOSED`.
    pub(crate) status: String,
    /// Compliance tier, 0 to 4.
    pub(crate) compliance_level: u8,
    /// ISO 3166-1 alpha-2.
    pub(crate) jurisdiction: String,
    /// Most that may be paid in a day; null if no limit is in force.
    pub(crate) daily_limit: Option<String>,
    /// Most that may be paid at once; null if no limit is in force.
    pub(crate) transaction_limit: Option<String>,
    /// When the account was opened.
    pub(crate) opened_at: String,
    /// 1 at opening, one more with each change of the profile; the `ETag`.
    pub(crate) version: u32,
    /// The final block this answer describes.
    pub(crate) block_height: u64,
}

/// Money of an account in one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Balance {
    /// ISO 4217.
    pub(crate) currency: String,
    /// Held money included.
    pub(crate) balance: String,
    /// What may be spent.
    pub(crate) available_balance: String,
}

/// An account that is not open yet.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PendingAccount {
    /// The account's id.
    pub(crate) id: String,
    /// The same as `id`.
    pub(crate) account_id: String,
    /// `PENDING`.
    pub(crate) status: String,
}

/// Contracts that the operator of the node publishes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Contracts {
    /// EIP-155 chain id.
    pub(crate) chain_id: u64,
    /// In the order of their names.
    pub(crate) contracts: Vec<Contract>,
    /// The final block this answer describes.
    pub(crate) block_height: u64,
}

/// A contract.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Contract {
    /// Its name.
    #[schema(example = "LendingPool")]
    pub(crate) name: String,
    /// Its address (EIP-55).
    pub(crate) address: String,
    /// Whether it is there: the address has code.
    pub(crate) deployed: bool,
}

impl Contracts {
    /// Looks whether they are there.
    pub(crate) fn read(
        view: &View<'_>,
        published: &BTreeMap<String, Address>,
    ) -> Result<Self, Problem> {
        let one = |(name, address): (&String, &Address)| {
            let code = view.chain().code_at(view.height(), *address).map_err(Problem::internal)?;
            let (name, address) = (name.clone(), address.to_string());
            Ok(Contract { name, address, deployed: !code.is_empty() })
        };
        let contracts = published.iter().map(one).collect::<Result<_, Problem>>()?;
        Ok(Self {
            chain_id: view.chain().rules().chain_id(),
            contracts,
            block_height: view.height(),
        })
    }
}

/// A payment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Transaction {
    /// The ledger's id: keccak256 of the payer and the client reference.
    pub(crate) id: String,
    /// The same as `id`.
    pub(crate) transaction_id: String,
    /// `TRANSFER ISSUE HOLD REDEEM REVERSAL`.
    pub(crate) transaction_type: String,
    /// The payer; null if the money was issued.
    pub(crate) from_account: Option<String>,
    /// The payee.
    pub(crate) to_account: String,
    /// Major units.
    #[schema(example = "12.34")]
    pub(crate) amount: String,
    /// ISO 4217.
    #[schema(example = "USD")]
    pub(crate) currency: String,
    /// `SETTLED`: final. `PENDING`: on its way. `PENDING_APPROVAL UNDER_REVIEW HELD`: the money is held.
    /// `REJECTED`: refused by the ledger, see `error`, or by an officer or approver. `VOIDED EXPIRED`: the
    /// money is the payer's again. `REVERSED`: given back.
    pub(crate) status: String,
    /// The client reference on the chain; it works as `Idempotency-Key` too.
    pub(crate) reference: String,
    /// The id from end to end, as given.
    pub(crate) end_to_end_id: Option<String>,
    /// What the risk rules say; null before the ledger has judged it, and of issues.
    pub(crate) risk_metrics: Option<RiskMetrics>,
    /// Hash of the chain's transaction that gave it its status.
    pub(crate) transaction_hash: Option<String>,
    /// The block in which it got its status.
    pub(crate) block_height: Option<u64>,
    /// That block's hash.
    pub(crate) block_hash: Option<String>,
    /// That block's time.
    pub(crate) block_time: Option<String>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Refusal>,
}

/// What the risk rules found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RiskMetrics {
    /// 0 to 1000.
    pub(crate) score: u16,
    /// `ALLOW REVIEW`: a payment that the rules reject is refused.
    pub(crate) outcome: String,
    /// The rules that fired.
    pub(crate) rules: Vec<String>,
}

/// Why a payment was refused after it had been accepted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Refusal {
    /// Name in the error catalogue.
    pub(crate) code: String,
    /// What happened.
    pub(crate) detail: String,
}

/// Health or readiness.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, or `degraded` if a check fails.
    pub(crate) status: String,
    /// The checks by name.
    pub(crate) checks: std::collections::BTreeMap<String, Check>,
    /// When the answer was made.
    pub(crate) timestamp: String,
}

/// One check.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Check {
    /// `ok` or `failing`.
    pub(crate) status: String,
    /// What the check found.
    pub(crate) detail: String,
}

impl Account {
    /// Reads an account; none if it is not open.
    pub(crate) fn read(view: &View<'_>, account: Address) -> Result<Option<Self>, Problem> {
        let Some(profile) = view.profile(account)? else { return Ok(None) };
        let home = currency_of(profile.homeCurrency)
            .ok_or_else(|| Problem::internal(format!("{account} has no home currency")))?;
        // The chain has no list of currencies: those of genesis, and the account's own.
        let listed = view.chain().rules().spec().into_iter().flat_map(|s| &s.ledger.currencies);
        let mut codes: Vec<Currency> =
            listed.filter_map(|currency| currency.code.parse().ok()).collect();
        codes.push(home);
        codes.sort_unstable();
        codes.dedup();
        let mut balances = Vec::new();
        let mut home_balance = None;
        for code in codes {
            let (Some(money), Some(exponent)) =
                (view.balance(account, code)?, view.exponent(code)?)
            else {
                continue;
            };
            let text = |minor: u128| Amount::from_minor(minor).format(exponent);
            let balance = Balance {
                currency: code.to_string(),
                balance: text(money.posted),
                available_balance: text(money.available),
            };
            if code == home {
                home_balance = Some(balance.clone());
            }
            if money.posted > 0 {
                balances.push(balance);
            }
        }
        let limits = view.limits(account, home, profile.tier)?;
        let digits = view.exponent(home)?.unwrap_or(0);
        let limit =
            |minor: u128| (minor != u128::MAX).then(|| Amount::from_minor(minor).format(digits));
        let home_balance = home_balance
            .ok_or_else(|| Problem::internal(format!("currency {home} is not registered")))?;
        let word = |name: Option<&'static str>| name.unwrap_or("UNKNOWN").to_owned();
        Ok(Some(Self {
            id: account.to_string(),
            account_id: account.to_string(),
            owner: profile.owner.to_string(),
            account_type: word(AccountType::from_number(profile.accountType).map(|t| t.as_str())),
            balance: home_balance.balance,
            available_balance: home_balance.available_balance,
            currency: home.to_string(),
            balances,
            status: word(AccountStatus::from_number(profile.status).map(|s| s.as_str())),
            compliance_level: profile.tier,
            jurisdiction: String::from_utf8_lossy(profile.jurisdiction.as_slice()).into_owned(),
            daily_limit: limit(limits.1),
            transaction_limit: limit(limits.0),
            opened_at: rfc3339(profile.openedAt),
            version: profile.version,
            block_height: view.height(),
        }))
    }
}

/// A payment as the client ordered it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ordered {
    pub(crate) id: B256,
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) currency: Currency,
    pub(crate) exponent: u8,
    pub(crate) amount: Amount,
    pub(crate) reference: FixedBytes<16>,
    pub(crate) end_to_end_id: B256,
}

impl Transaction {
    /// A payment on its way.
    pub(crate) fn pending(order: &Ordered) -> Self {
        Self {
            id: order.id.to_string(),
            transaction_id: order.id.to_string(),
            transaction_type: TransferKind::Transfer.to_string(),
            from_account: Some(order.from.to_string()),
            to_account: order.to.to_string(),
            amount: order.amount.format(order.exponent),
            currency: order.currency.to_string(),
            status: "PENDING".into(),
            reference: order.reference.to_string(),
            end_to_end_id: memo(order.end_to_end_id),
            risk_metrics: None,
            transaction_hash: None,
            block_height: None,
            block_hash: None,
            block_time: None,
            error: None,
        }
    }

    /// A payment that the ledger refused after it had been accepted.
    pub(crate) fn rejected(self, problem: &Problem) -> Self {
        let error = Refusal { code: problem.code().to_string(), detail: problem.detail().into() };
        Self { status: TransferStatus::Rejected.to_string(), error: Some(error), ..self }
    }

    /// A payment as the ledger holds it, in a currency with `exponent` digits.
    pub(crate) fn recorded(recorded: &Recorded, exponent: u8) -> Self {
        let header = &recorded.block.header;
        let outcome = if recorded.reviewed { RiskOutcome::Review } else { RiskOutcome::Allow };
        let fired = Rule::ALL.into_iter().filter(|rule| recorded.rules & rule.bit() != 0);
        Self {
            id: recorded.id.to_string(),
            transaction_id: recorded.id.to_string(),
            transaction_type: recorded.kind.to_string(),
            from_account: recorded.from.map(|from| from.to_string()),
            to_account: recorded.to.to_string(),
            amount: Amount::from_minor(recorded.amount).format(exponent),
            currency: recorded.currency.to_string(),
            status: recorded.status.to_string(),
            reference: recorded.reference.to_string(),
            end_to_end_id: memo(recorded.end_to_end_id),
            risk_metrics: recorded.from.map(|_| RiskMetrics {
                score: recorded.score,
                outcome: outcome.to_string(),
                rules: fired.map(|rule| rule.name().to_owned()).collect(),
            }),
            transaction_hash: Some(recorded.transaction_hash.to_string()),
            block_height: Some(header.number),
            block_hash: Some(recorded.block.hash.to_string()),
            block_time: Some(rfc3339(header.timestamp)),
            error: None,
        }
    }
}

/// The text of an end-to-end id; hexadecimal if it is not text, none if it is zero.
fn memo(word: B256) -> Option<String> {
    if word.is_zero() {
        return None;
    }
    let end = word.iter().rposition(|&byte| byte != 0).map_or(0, |last| last.saturating_add(1));
    let text = word.get(..end).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let readable = text.filter(|text| !text.chars().any(char::is_control));
    Some(readable.map_or_else(|| hex::encode_prefixed(word), str::to_owned))
}

/// Seconds since the Unix epoch as `2026-11-22T19:26:00Z`.
///
/// Counts the proleptic Gregorian calendar in years that begin in March, so that the leap day is
/// the last day of a year.
pub(crate) fn rfc3339(seconds: u64) -> String {
    const DAY: u64 = 86_400;
    const ERA: u64 = 146_097; // Days in 400 years.
    let (days, rest) = (seconds / DAY, seconds % DAY);
    let days = days + 719_468; // From 0000-03-01 to 1970-01-01.
    let (era, day) = (days / ERA, days % ERA);
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_calendar_times() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
    }

    #[test]
    fn memos_are_shown_as_given() {
        assert_eq!(memo(B256::ZERO), None);
        assert_eq!(
            memo(B256::right_padding_from(b"rent 2026-11")).as_deref(),
            Some("rent 2026-11")
        );
        let full = B256::repeat_byte(b'x');
        assert_eq!(memo(full), Some("x".repeat(32)));
        let binary = B256::repeat_byte(0xfe);
        assert_eq!(memo(binary), Some(format!("0x{}", "fe".repeat(32))));
        assert!(memo(B256::right_padding_from(b"a\nb")).unwrap().starts_with("0x"));
    }
}
