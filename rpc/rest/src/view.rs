//! What the chain says about accounts, money and payments, as of one final block.

use std::sync::Arc;

use alloy_consensus::TxReceipt;
use alloy_primitives::{Address, B256, Bytes, FixedBytes, Log, TxKind, U256};
use alloy_sol_types::{SolCall, SolEventInterface};
use qenex_exec::{CallRequest, CallStatus, Chain, ExecError, Overrides, SealedBlock};
use qenex_precompiles::{
    ACCOUNTS, COMPLIANCE, Decoded, IAccounts, ICompliance, ILedger, LEDGER, decode,
    ledger::records::{Parties, Pending, Settlement, TRANSFERS},
    storage::Word,
};
use qenex_types::{Currency, ErrorCode, TransferKind, TransferStatus};

use crate::problem::Problem;

/// Most gas a question to an engine may use; the dearest uses a hundredth.
const GAS_CAP: u64 = 16_000_000;

/// After so many seconds a client may ask again for a payment whose block is still being fetched.
const RETRY_SECONDS: u32 = 10;

/// The state after one final block.
pub(crate) struct View<'a> {
    chain: &'a Chain,
    block: Arc<SealedBlock>,
}

/// A payment that the ledger holds.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) id: B256,
    /// None if the money was issued.
    pub(crate) from: Option<Address>,
    pub(crate) to: Address,
    pub(crate) currency: Currency,
    pub(crate) amount: u128,
    pub(crate) kind: TransferKind,
    pub(crate) status: TransferStatus,
    pub(crate) reference: FixedBytes<16>,
    pub(crate) end_to_end_id: B256,
    pub(crate) payload_hash: B256,
    /// What the risk rules gave it.
    pub(crate) score: u16,
    /// Which of them fired.
    pub(crate) rules: u16,
    /// Whether an officer had to decide.
    pub(crate) reviewed: bool,
    /// The block of its last change of status.
    pub(crate) block: Arc<SealedBlock>,
    pub(crate) transaction_hash: B256,
}

/// What a call to an engine would do.
pub(crate) enum Trial {
    /// It succeeds.
    Success {
        /// The ABI-encoded results.
        output: Bytes,
        /// Gas used.
        gas: u64,
    },
    /// It is refused.
    Refused(Decoded),
}

impl<'a> View<'a> {
    /// The state after the last final block.
    pub(crate) fn latest(chain: &'a Chain) -> Self {
        Self { chain, block: chain.head() }
    }

    /// Height of the block.
    pub(crate) fn height(&self) -> u64 {
        self.block.header.number
    }

    /// The chain.
    pub(crate) const fn chain(&self) -> &Chain {
        self.chain
    }

    /// What a call to an engine would do now; it does nothing.
    pub(crate) fn attempt(
        &self,
        from: Address,
        engine: Address,
        data: Bytes,
    ) -> Result<Trial, Problem> {
        let call = CallRequest { from, to: TxKind::Call(engine), data, ..CallRequest::default() };
        let outcome = self
            .chain
            .call(self.height(), &call, &Overrides::default(), GAS_CAP)
            .map_err(Problem::internal)?;
        match outcome.status {
            CallStatus::Success => {
                Ok(Trial::Success { output: outcome.output, gas: outcome.gas_used })
            }
            CallStatus::Revert => decode(&outcome.output).map(Trial::Refused).ok_or_else(|| {
                Problem::internal(format!("unknown revert data {}", outcome.output))
            }),
            CallStatus::Halt(reason) => Err(Problem::internal(reason)),
        }
    }

    /// Asks an engine; none if it answers with the error `absent`.
    fn ask<C: SolCall>(
        &self,
        engine: Address,
        question: &C,
        absent: ErrorCode,
    ) -> Result<Option<C::Return>, Problem> {
        match self.attempt(Address::ZERO, engine, question.abi_encode().into())? {
            Trial::Success { output, .. } => {
                C::abi_decode_returns_validate(&output).map(Some).map_err(Problem::internal)
            }
            Trial::Refused(refusal) if refusal.code == absent => Ok(None),
            Trial::Refused(refusal) => Err(Problem::engine(&refusal, 0)),
        }
    }

    /// The profile of an account.
    pub(crate) fn profile(&self, account: Address) -> Result<Option<IAccounts::Profile>, Problem> {
        let question = IAccounts::profileCall { account };
        self.ask(ACCOUNTS, &question, ErrorCode::UnknownAccount)
    }

    /// The digits after the decimal point that a currency has.
    pub(crate) fn exponent(&self, currency: Currency) -> Result<Option<u8>, Problem> {
        let question = ILedger::currencyCall { code: currency.into() };
        let terms = self.ask(LEDGER, &question, ErrorCode::UnknownCurrency)?;
        Ok(terms.map(|terms| terms.exponent))
    }

    /// The balance of an account in a registered currency.
    pub(crate) fn balance(
        &self,
        account: Address,
        currency: Currency,
    ) -> Result<Option<ILedger::balanceOfReturn>, Problem> {
        let question = ILedger::balanceOfCall { account, currency: currency.into() };
        self.ask(LEDGER, &question, ErrorCode::UnknownCurrency)
    }

    /// Most that an account of this tier may pay at once and in a day, minor units; the greatest number:
    /// no limit.
    pub(crate) fn limits(
        &self,
        account: Address,
        currency: Currency,
        tier: u8,
    ) -> Result<(u128, u128), Problem> {
        let question = ICompliance::tierOfCall { currency: currency.into(), tier };
        let of_tier = self.ask(COMPLIANCE, &question, ErrorCode::UnknownCurrency)?;
        let question = IAccounts::limitsCall { account, currency: currency.into() };
        let own = self.ask(ACCOUNTS, &question, ErrorCode::UnknownCurrency)?;
        let tier = of_tier.map_or((u128::MAX, u128::MAX), |of| (of.perPayment, of.perDay));
        let own = own.map_or((u128::MAX, u128::MAX), |own| (own.perPayment, own.perDay));
        Ok((tier.0.min(own.0), tier.1.min(own.1)))
    }

    /// The payment with this id: the ledger's record, and payer and reference from the event of the
    /// block that it names.
    pub(crate) fn recorded(&self, id: B256) -> Result<Option<Recorded>, Problem> {
        let slots = TRANSFERS.entry(&id);
        let damaged = || Problem::internal(format!("the record of transfer {id} is damaged"));
        let parties: Parties = self.word(slots.parties.number(), damaged)?;
        let known = parties.kind.zip(parties.status).zip(parties.currency);
        let Some(((kind, status), currency)) = known else { return Ok(None) };
        let settlement: Settlement = self.word(slots.settlement.number(), damaged)?;
        let pending: Pending = self.word(slots.pending.number(), damaged)?;
        let block = self.chain.block(settlement.block.get()).map_err(|error| match error {
            ExecError::NotFetched { .. } => Problem::unavailable(error.to_string(), RETRY_SECONDS),
            other => Problem::internal(other),
        })?;
        let block = block.ok_or_else(damaged)?;
        let found = block.receipts.iter().enumerate().find_map(|(index, receipt)| {
            let (from, reference) = receipt.logs().iter().find_map(|log| mention(log, id))?;
            Some((from, reference, *block.transactions.get(index)?.inner().tx_hash()))
        });
        // A posting of the genesis block has a record and no event: it is not a payment.
        let Some((from, reference, transaction_hash)) = found else { return Ok(None) };
        Ok(Some(Recorded {
            id,
            from: (!from.is_zero()).then_some(from),
            to: parties.to,
            currency,
            amount: settlement.amount,
            kind,
            status,
            reference,
            end_to_end_id: self.word(slots.end_to_end_id.number(), damaged)?,
            payload_hash: self.word(slots.payload_hash.number(), damaged)?,
            score: parties.score,
            rules: parties.rules,
            reviewed: pending.review,
            block,
            transaction_hash,
        }))
    }

    fn word<T: Word>(&self, slot: U256, damaged: impl Fn() -> Problem) -> Result<T, Problem> {
        let word = self.chain.storage_at(self.height(), LEDGER, slot).map_err(Problem::internal)?;
        T::from_word(word).ok_or_else(damaged)
    }
}

/// Payer and reference, if a log is about this transfer.
fn mention(log: &Log, id: B256) -> Option<(Address, FixedBytes<16>)> {
    if log.address != LEDGER || log.data.topics().get(1) != Some(&id) {
        return None;
    }
    match ILedger::ILedgerEvents::decode_log(log).ok()?.data {
        ILedger::ILedgerEvents::Settled(event) => Some((event.from, event.clientReference)),
        ILedger::ILedgerEvents::Held(event) => Some((event.from, event.clientReference)),
        ILedger::ILedgerEvents::Released(event) => Some((event.from, event.clientReference)),
        _ => None,
    }
}

/// The currency of a code, if it is one.
pub(crate) fn currency_of(code: FixedBytes<3>) -> Option<Currency> {
    Currency::try_from(code).ok()
}
