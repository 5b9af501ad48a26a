//! Risk: what is remembered of payments, and the rules that judge them.
//!
//! The rules are pure (`rules.rs`) over records of three words a payer (`records.rs`). The ledger reads
//! them before a posting and writes them after it; this engine shows them, and says which rules fired.

use alloy_primitives::{Address, B256};
use alloy_sol_types::{SolCall, SolEvent};
use qenex_types::{Currency, RiskOutcome};

use self::abi::IRisk;
use self::abi::IRisk::IRiskCalls as Calls;
use self::records::{FLOWS, HABITS, PAIRS, TERMS, Terms};
use self::rules::{Facts, Verdict};
use crate::ledger::case::Case;
use crate::registry::{Engine, RISK, decode_call};
use crate::storage::Word;
use crate::{Call, EngineError, Host, HostError, ledger};

pub mod abi;
pub mod findings;
pub(crate) mod parameters;
pub mod records;
pub mod rules;

/// A payment as the rules saw it, and what they said: enough to judge it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// The transfer's id; `None` for a posting through an ERC-20 face, which gets one later.
    pub id: Option<B256>,
    /// Who pays.
    pub payer: Address,
    /// Who is paid.
    pub payee: Address,
    /// In which currency.
    pub currency: Currency,
    /// What the rules looked at.
    pub facts: Facts,
    /// Their terms.
    pub terms: Terms,
    /// What they said.
    pub verdict: Verdict,
}

/// The engine's row in the registry.
pub(crate) const ENGINE: Engine = Engine {
    interface: "IRisk",
    address: Some(RISK),
    abi: IRisk::abi::contract,
    source: include_str!("abi.rs"),
    dispatch,
};

fn dispatch(host: &mut dyn Host, call: &Call<'_>) -> Result<Vec<u8>, EngineError> {
    let now = host.block().timestamp;
    Ok(match decode_call::<Calls>(call.input)? {
        Calls::flow(c) => {
            let (currency, _) = ledger::registered(host, c.currency)?;
            let flow = FLOWS.at(host, &c.account)?.at(host, &currency)?.load(host)?.at(now);
            IRisk::flowCall::abi_encode_returns(&IRisk::flowReturn {
                incoming: flow.incoming.get(),
                payments: flow.payments,
                outgoing: flow.outgoing.get(),
                dayPayments: flow.day_payments,
                dayOutgoing: flow.day_outgoing.get(),
                dayBanded: flow.day_banded,
            })
        }
        Calls::habit(c) => {
            let (currency, _) = ledger::registered(host, c.currency)?;
            let habit = HABITS.at(host, &c.account)?.at(host, &currency)?.load(host)?.at(now);
            IRisk::habitCall::abi_encode_returns(&IRisk::habitReturn {
                mean: habit.mean.get(),
                deviation: habit.deviation.get(),
                last: habit.last.get(),
                thirtyDaysOutgoing: habit.period_outgoing.get(),
                payments: habit.payments,
                repeats: habit.repeats,
            })
        }
        Calls::pair(c) => {
            let pair = PAIRS.at(host, &c.payer)?.at(host, &c.payee)?.load(host)?;
            let last_day = u16::try_from(pair.last.get()).unwrap_or(u16::MAX);
            let answer = IRisk::pairReturn { first: pair.first.get(), lastDay: last_day };
            IRisk::pairCall::abi_encode_returns(&answer)
        }
        Calls::terms(c) => {
            let (currency, _) = ledger::registered(host, c.currency)?;
            let terms = TERMS.at(host, &currency)?.load(host)?;
            let answer =
                IRisk::termsReturn { word: terms.to_word().into(), version: terms.version };
            IRisk::termsCall::abi_encode_returns(&answer)
        }
    })
}

/// Gives a new currency its terms.
pub(crate) fn open_currency(host: &mut dyn Host, currency: Currency) -> Result<(), HostError> {
    TERMS.at(host, &currency)?.store(host, &Terms::DEFAULT)
}

/// Says which rules fired on a payment, if any did.
pub(crate) fn say(host: &mut dyn Host, id: B256, case: &Case) -> Result<(), HostError> {
    let Some(payer) = &case.payer else { return Ok(()) };
    let verdict = payer.verdict;
    if verdict.rules == 0 {
        return Ok(());
    }
    debug_assert_ne!(verdict.outcome, RiskOutcome::Reject, "it was refused");
    let event = IRisk::Assessed {
        id,
        outcome: verdict.outcome.number(),
        score: verdict.score,
        rules: verdict.rules,
        ruleSet: payer.terms.version,
    };
    host.log(RISK, event.encode_log_data())
}
