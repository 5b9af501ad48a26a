//! What the chain says about accounts, money and payments, as of one final block.

use std::sync::Arc;

use alloy_consensus::TxReceipt;
use alloy_primitives::{Address, B256, Bytes, FixedBytes, TxKind};
use alloy_sol_types::{SolCall, SolEvent};
use qenex_exec::{CallRequest, CallStatus, Chain, ExecError, Overrides, SealedBlock};
use qenex_precompiles::{
    ACCOUNTS, Decoded, IAccounts, ILedger, LEDGER, decode,
    ledger::records::{Settlement, TRANSFERS},
    storage::Word,
};
use qenex_types::{Currency, ErrorCode};

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

/// A settled payment.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    pub(crate) event: ILedger::Settled,
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

    /// The payment with this id, from the ledger's record and the event of the block it names.
    pub(crate) fn settled(&self, id: B256) -> Result<Option<Settled>, Problem> {
        let slot = TRANSFERS.entry(&id).settlement.number();
        let word = self.chain.storage_at(self.height(), LEDGER, slot).map_err(Problem::internal)?;
        if word.is_zero() {
            return Ok(None);
        }
        let damaged = || Problem::internal(format!("the record of transfer {id} is damaged"));
        let height = Settlement::from_word(word).ok_or_else(damaged)?.block;
        let block = self.chain.block(height).map_err(|error| match error {
            ExecError::NotFetched { .. } => Problem::unavailable(error.to_string(), RETRY_SECONDS),
            other => Problem::internal(other),
        })?;
        let block = block.ok_or_else(damaged)?;
        let found = block.receipts.iter().enumerate().find_map(|(index, receipt)| {
            let event = receipt.logs().iter().find_map(|log| {
                let topics = log.data.topics();
                let is_it = log.address == LEDGER
                    && topics.first() == Some(&ILedger::Settled::SIGNATURE_HASH)
                    && topics.get(1) == Some(&id);
                if is_it { ILedger::Settled::decode_log_data(&log.data).ok() } else { None }
            })?;
            Some((event, *block.transactions.get(index)?.inner().tx_hash()))
        });
        // A posting of the genesis block has a record and no event: it is not a payment.
        Ok(found.map(|(event, transaction_hash)| Settled { event, block, transaction_hash }))
    }
}

/// The currency of a code, if it is one.
pub(crate) fn currency_of(code: FixedBytes<3>) -> Option<Currency> {
    Currency::try_from(code).ok()
}
