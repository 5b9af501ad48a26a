//! Questions about transactions that are not sent: call, gas estimate, access list.
//!
//! Each runs on the state after a block, in that block's environment. Nothing here can change the
//! chain. Messages are those Ethereum clients match on.

use std::collections::BTreeMap;

use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256};
use either::Either;
use qenex_types::TransactionBounds;
use revm::{
    InspectEvm,
    context::{BlockEnv, TxEnv},
    context_interface::result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction},
    inspector::NoOpInspector,
};
use revm_inspectors::access_list::AccessListInspector;

use crate::{
    chain::Chain,
    database::{BlockState, StateUnavailable},
    evm::{Mode, block_env, evm},
    trace::{
        TraceBounds,
        watch::{TIMEOUT, Watched},
    },
};

/// A transaction without signature, as `eth_call` gives it.
#[derive(Clone, Debug, Default)]
pub struct CallRequest {
    /// Sender.
    pub from: Address,
    /// Recipient, or creation.
    pub to: TxKind,
    /// Wei.
    pub value: U256,
    /// Input.
    pub data: Bytes,
    /// Gas limit; none: as much as the node allows.
    pub gas: Option<u64>,
    /// Gas price or fee cap in wei per gas; none: no fee is charged.
    pub gas_price: Option<u128>,
    /// Priority fee in wei per gas.
    pub priority_fee: Option<u128>,
    /// Nonce; none: the sender's.
    pub nonce: Option<u64>,
    /// EIP-2930.
    pub access_list: AccessList,
    /// EIP-7702.
    pub authorization_list: Vec<SignedAuthorization>,
}

/// Changes to the state and the block before a simulation.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Accounts.
    pub accounts: BTreeMap<Address, AccountOverride>,
    /// Block environment.
    pub block: BlockOverride,
}

/// Changes to an account before a simulation.
#[derive(Clone, Debug, Default)]
pub struct AccountOverride {
    /// Wei.
    pub balance: Option<U256>,
    /// Nonce.
    pub nonce: Option<u64>,
    /// Code.
    pub code: Option<Bytes>,
    /// Replaces the whole storage.
    pub state: Option<BTreeMap<U256, U256>>,
    /// Replaces single slots.
    pub state_diff: BTreeMap<U256, U256>,
    /// Where the precompile of this account answers instead.
    pub move_precompile_to: Option<Address>,
}

/// Changes to the block environment before a simulation.
#[derive(Clone, Debug, Default)]
pub struct BlockOverride {
    /// Height.
    pub number: Option<u64>,
    /// Seconds.
    pub timestamp: Option<u64>,
    /// Gas.
    pub gas_limit: Option<u64>,
    /// Wei per gas.
    pub base_fee: Option<u64>,
    /// Fee recipient.
    pub beneficiary: Option<Address>,
    /// Randomness.
    pub prev_randao: Option<B256>,
    /// What the block writes into EIP-4788's contract. Only whole simulated blocks write it.
    pub beacon_root: Option<B256>,
    /// What BLOBBASEFEE reads, wei per gas.
    pub blob_base_fee: Option<u128>,
    /// What BLOCKHASH reads, by height.
    pub block_hashes: BTreeMap<u64, B256>,
}

/// How a simulated transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallStatus {
    /// With success.
    Success,
    /// By REVERT.
    Revert,
    /// By an exception; the text is geth's where it has one.
    Halt(String),
}

/// What a simulated transaction gave.
#[derive(Clone, Debug)]
pub struct CallOutcome {
    /// How it ended.
    pub status: CallStatus,
    /// Return or revert data.
    pub output: Bytes,
    /// Gas used.
    pub gas_used: u64,
    /// Logs.
    pub logs: Vec<Log>,
}

/// Rules of simulated blocks, which `eth_simulateV1` tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The nonce was used.
    NonceTooLow,
    /// Nonces are left out.
    NonceTooHigh,
    /// The fee cap is below the base fee.
    BaseFee,
    /// Too little gas to start.
    IntrinsicGas,
    /// The sender cannot pay.
    Funds,
    /// The block has no room.
    BlockGas,
    /// Block numbers do not rise.
    Number,
    /// Block times do not rise.
    Timestamp,
    /// The creation code is too long.
    InitCode,
    /// More than a client may ask for.
    TooMany,
    /// The request makes no sense.
    Parameters,
}

/// Why a simulation gives no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SimulateError {
    /// The transaction could not stand in a block.
    #[error("{0}")]
    Invalid(String),
    /// It reverts whatever gas it gets.
    #[error("execution reverted")]
    Reverted(Bytes),
    /// It ends by an exception whatever gas it gets.
    #[error("{0}")]
    Halted(String),
    /// It needs more gas than the sender can pay or the node allows.
    #[error("gas required exceeds allowance ({allowance})")]
    Exceeds {
        /// The allowance in gas.
        allowance: u64,
    },
    /// A call or block breaks a rule of simulated blocks.
    #[error("{1}")]
    Rule(Rule, String),
    /// The trie after this block is not kept, so nothing can be built on it.
    #[error("historical state of block {0} is not available")]
    Pruned(u64),
    /// There is no such block.
    #[error("header not found")]
    UnknownBlock,
    /// The block is one of those that the node is still fetching.
    #[error("{0}")]
    NotFetched(String),
    /// The time was over.
    #[error("execution timeout")]
    Stopped,
    /// The node's own failure.
    #[error("state unavailable: {0}")]
    State(String),
}

impl From<crate::ExecError> for SimulateError {
    fn from(error: crate::ExecError) -> Self {
        match error {
            crate::ExecError::Pruned { .. } => Self::Invalid(error.to_string()),
            crate::ExecError::NotFetched { .. } => Self::NotFetched(error.to_string()),
            other => Self::State(other.to_string()),
        }
    }
}

/// Says when the time of a simulation is over.
pub type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// Changes what a block tells its calls about itself.
pub(crate) fn override_env(env: &mut BlockEnv, block: &BlockOverride) {
    let BlockOverride {
        number,
        timestamp,
        gas_limit,
        base_fee,
        beneficiary,
        prev_randao,
        beacon_root: _,
        blob_base_fee,
        block_hashes: _,
    } = block;
    env.number = number.map_or(env.number, U256::from);
    env.timestamp = timestamp.map_or(env.timestamp, U256::from);
    env.gas_limit = gas_limit.unwrap_or(env.gas_limit);
    env.basefee = base_fee.unwrap_or(env.basefee);
    env.beneficiary = beneficiary.unwrap_or(env.beneficiary);
    env.prevrandao = prev_randao.or(env.prevrandao);
    pretend_blob_fee(env, *blob_base_fee);
}

/// Lets BLOBBASEFEE read this.
pub(crate) fn pretend_blob_fee(env: &mut BlockEnv, fee: Option<u128>) {
    if let (Some(fee), Some(blobs)) = (fee, &mut env.blob_excess_gas_and_price) {
        blobs.blob_gasprice = fee;
    }
}

/// Gas of a plain transfer.
const TRANSFER_GAS: u64 = 21_000;

impl Chain {
    /// Runs `call` on the state after block `number`, however long it takes: for the node's own
    /// questions.
    ///
    /// # Errors
    ///
    /// [`SimulateError`]; a revert or an exception is an outcome, not an error.
    pub fn call(
        &self,
        number: u64,
        call: &CallRequest,
        overrides: &Overrides,
        gas_cap: u64,
    ) -> Result<CallOutcome, SimulateError> {
        self.call_within(number, call, overrides, gas_cap, &|| false)
    }

    /// Runs `call` on the state after block `number` until `stop` says that the time is over
    /// (`eth_call`). `stop` is asked every few thousand steps.
    ///
    /// # Errors
    ///
    /// [`SimulateError`], [`SimulateError::Stopped`] if the time was over; a revert or an exception
    /// is an outcome, not an error.
    pub fn call_within(
        &self,
        number: u64,
        call: &CallRequest,
        overrides: &Overrides,
        gas_cap: u64,
        stop: Stop<'_>,
    ) -> Result<CallOutcome, SimulateError> {
        let (env, state) = self.simulation(number, call, overrides)?;
        let nonce = self.nonce(number, call)?;
        let gas = call.gas.unwrap_or(gas_cap).min(gas_cap);
        let (state, watched) = (state.looking_ahead(), watched(NoOpInspector, stop));
        let mut evm = evm(self.rules(), env, state, Mode::Simulation, watched);
        evm.precompiles.override_with(overrides)?;
        let result = evm.inspect_tx(request_env(call, gas, nonce)).map_err(stopped)?.result;
        Ok(outcome(result))
    }

    /// Least gas limit, within 1.5 %, with which `call` succeeds (`eth_estimateGas`).
    ///
    /// # Errors
    ///
    /// [`SimulateError`]; also for a call that reverts, and if `stop` said so before the end.
    pub fn estimate_gas(
        &self,
        number: u64,
        call: &CallRequest,
        overrides: &Overrides,
        stop: Stop<'_>,
    ) -> Result<u64, SimulateError> {
        let (env, state) = self.simulation(number, call, overrides)?;
        let nonce = self.nonce(number, call)?;
        let allowance = self.gas_allowance(number, call, overrides, &env)?;
        let (state, watched) = (state.looking_ahead(), watched(NoOpInspector, stop));
        let mut evm = evm(self.rules(), env, state, Mode::Simulation, watched);
        evm.precompiles.override_with(overrides)?;
        let mut run = |gas: u64| match evm.inspect_tx(request_env(call, gas, nonce)) {
            Ok(done) => Ok(Some(done.result)),
            // Too little gas to start with is an answer of the search, not an error.
            Err(EVMError::Transaction(
                InvalidTransaction::CallGasCostMoreThanGasLimit { .. }
                | InvalidTransaction::GasFloorMoreThanGasLimit { .. },
            )) => Ok(None),
            Err(error) => Err(stopped(error)),
        };
        if call.data.is_empty()
            && call.authorization_list.is_empty()
            && call.access_list.is_empty()
            && allowance >= TRANSFER_GAS
            && let TxKind::Call(to) = call.to
            && self.code_at(number, to).map_err(|e| SimulateError::State(e.to_string()))?.is_empty()
            && matches!(run(TRANSFER_GAS)?, Some(ExecutionResult::Success { .. }))
        {
            return Ok(TRANSFER_GAS);
        }
        let used = match run(allowance)? {
            Some(result @ ExecutionResult::Success { .. }) => {
                result.gas().total_gas_spent().max(result.tx_gas_used())
            }
            Some(ExecutionResult::Revert { output, .. }) => {
                return Err(SimulateError::Reverted(output));
            }
            Some(ExecutionResult::Halt { reason: HaltReason::OutOfGas(_), .. }) | None => {
                return Err(SimulateError::Exceeds { allowance });
            }
            Some(ExecutionResult::Halt { reason, .. }) => {
                return Err(SimulateError::Halted(halt_words(&reason)));
            }
        };
        search(used, allowance, run)
    }

    /// The access list `call` would profit from, the gas it then uses, and why it failed if it did
    /// (`eth_createAccessList`).
    ///
    /// # Errors
    ///
    /// [`SimulateError`] as for [`Chain::call`].
    pub fn access_list(
        &self,
        number: u64,
        call: &CallRequest,
        gas_cap: u64,
        stop: Stop<'_>,
    ) -> Result<(AccessList, u64, Option<String>), SimulateError> {
        let overrides = Overrides::default();
        let (env, state) = self.simulation(number, call, &overrides)?;
        let nonce = self.nonce(number, call)?;
        let gas = call.gas.unwrap_or(gas_cap).min(gas_cap);
        let inspector = AccessListInspector::new(call.access_list.clone());
        let inspector = watched(inspector, stop);
        let mut inspected = evm(self.rules(), env, state, Mode::Simulation, inspector);
        inspected.inspect_one_tx(request_env(call, gas, nonce)).map_err(stopped)?;
        let mut list = std::mem::take(inspected.inspector.inner()).into_access_list();
        list.0.sort_by_key(|item| item.address);
        let listed = CallRequest { access_list: list.clone(), ..call.clone() };
        let done = self.call_within(number, &listed, &overrides, gas_cap, stop)?;
        let error = match done.status {
            CallStatus::Success => None,
            CallStatus::Revert => Some("execution reverted".to_owned()),
            CallStatus::Halt(reason) => Some(reason),
        };
        Ok((list, done.gas_used, error))
    }

    /// Environment and state for a simulation, overrides applied.
    pub(crate) fn simulation(
        &self,
        number: u64,
        call: &CallRequest,
        overrides: &Overrides,
    ) -> Result<(BlockEnv, BlockState), SimulateError> {
        let failed = SimulateError::from;
        let (_, header) =
            self.header(number).map_err(failed)?.ok_or(SimulateError::UnknownBlock)?;
        let state = self.state(number).map_err(failed)?.ok_or(SimulateError::UnknownBlock)?;
        let mut env = block_env(self.rules(), &header);
        if call.gas_price.is_none() {
            env.basefee = 0; // As geth: BASEFEE reads 0 where no fee is charged.
        }
        override_env(&mut env, &overrides.block);
        let mut state = BlockState::new(state, self.ancestors_of_final(number));
        state.ancestors().pretend(&overrides.block.block_hashes);
        for (address, change) in &overrides.accounts {
            state
                .override_account(*address, change)
                .map_err(|error| SimulateError::Invalid(error.to_string()))?;
        }
        Ok((env, state))
    }

    pub(crate) fn nonce(&self, number: u64, call: &CallRequest) -> Result<u64, SimulateError> {
        if let Some(nonce) = call.nonce {
            return Ok(nonce);
        }
        let account = self
            .account(number, call.from)
            .map_err(|error| SimulateError::State(error.to_string()))?;
        Ok(account.map_or(0, |account| account.nonce))
    }

    /// Most gas an estimate may use: the transaction cap, the block, the caller's wish, and what the
    /// sender can pay.
    fn gas_allowance(
        &self,
        number: u64,
        call: &CallRequest,
        overrides: &Overrides,
        env: &BlockEnv,
    ) -> Result<u64, SimulateError> {
        let cap = TransactionBounds::of(call.to.to().copied()).gas.min(env.gas_limit);
        let mut allowance = call.gas.filter(|gas| *gas >= TRANSFER_GAS).unwrap_or(cap).min(cap);
        if let Some(price) = call.gas_price.filter(|price| *price > 0) {
            let overridden = overrides.accounts.get(&call.from).and_then(|account| account.balance);
            let balance = match overridden {
                Some(balance) => balance,
                None => self
                    .account(number, call.from)
                    .map_err(|error| SimulateError::State(error.to_string()))?
                    .map_or(U256::ZERO, |account| account.balance),
            };
            let Some(rest) = balance.checked_sub(call.value) else {
                return Err(SimulateError::Invalid("insufficient funds for transfer".into()));
            };
            let affordable = rest.checked_div(U256::from(price)).unwrap_or_default();
            allowance = allowance.min(affordable.saturating_to());
        }
        Ok(allowance)
    }
}

/// Binary search between what was used and what is allowed, to 1.5 % as geth.
fn search(
    used: u64,
    allowance: u64,
    mut run: impl FnMut(u64) -> Result<Option<ExecutionResult>, SimulateError>,
) -> Result<u64, SimulateError> {
    let mut fails = used.saturating_sub(1);
    let mut works = allowance;
    // 63/64 of the gas reaches an inner call (EIP-150), so this guess mostly suffices.
    let guess = used.saturating_add(2_300).saturating_mul(64) / 63;
    let mut next = guess.min(works);
    while fails.saturating_add(1) < works {
        if works.saturating_sub(fails).saturating_mul(1_000) / works.max(1) < 15 {
            break;
        }
        match run(next)? {
            Some(ExecutionResult::Success { .. }) => works = next,
            _ => fails = next,
        }
        let middle = fails.saturating_add(works.saturating_sub(fails) / 2);
        next = middle.min(fails.saturating_mul(2).max(TRANSFER_GAS));
        if next <= fails || next >= works {
            next = middle;
        }
    }
    Ok(works)
}

pub(crate) fn request_env(call: &CallRequest, gas: u64, nonce: u64) -> TxEnv {
    let mut env = TxEnv {
        tx_type: 0,
        caller: call.from,
        gas_limit: gas,
        gas_price: call.gas_price.unwrap_or_default(),
        kind: call.to,
        value: call.value,
        data: call.data.clone(),
        nonce,
        chain_id: None,
        access_list: call.access_list.clone(),
        gas_priority_fee: call.priority_fee,
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: call.authorization_list.iter().cloned().map(Either::Left).collect(),
    };
    // Cannot fail: a creation with authorisations, the one contradiction, is left as it is and
    // refused by the EVM.
    let _ = env.derive_tx_type();
    env
}

pub(crate) fn outcome(result: ExecutionResult) -> CallOutcome {
    let gas_used = result.tx_gas_used();
    match result {
        ExecutionResult::Success { logs, output, .. } => {
            CallOutcome { status: CallStatus::Success, output: output.into_data(), gas_used, logs }
        }
        ExecutionResult::Revert { output, .. } => {
            CallOutcome { status: CallStatus::Revert, output, gas_used, logs: Vec::new() }
        }
        ExecutionResult::Halt { reason, .. } => CallOutcome {
            status: CallStatus::Halt(halt_words(&reason)),
            output: Bytes::new(),
            gas_used,
            logs: Vec::new(),
        },
    }
}

/// An exception in geth's words.
fn halt_words(reason: &HaltReason) -> String {
    match reason {
        HaltReason::OutOfGas(_) => "out of gas".into(),
        HaltReason::InvalidFEOpcode => "invalid opcode: INVALID".into(),
        HaltReason::OpcodeNotFound => "invalid opcode".into(),
        HaltReason::InvalidJump => "invalid jump destination".into(),
        HaltReason::StackOverflow => "stack limit reached".into(),
        HaltReason::StackUnderflow => "stack underflow".into(),
        HaltReason::CreateCollision => "contract address collision".into(),
        HaltReason::CreateContractSizeLimit => "max code size exceeded".into(),
        other => format!("{other:?}"),
    }
}

/// An inspector that ends the execution when the time is over. It keeps no steps, so it has no
/// bound of memory.
pub(crate) const fn watched<I>(inspector: I, stop: Stop<'_>) -> Watched<'_, I> {
    Watched::new(inspector, TraceBounds { stop, max_bytes: usize::MAX }, false, false)
}

/// Why a transaction under [`watched`] was not executed to its end.
pub(crate) fn stopped(error: EVMError<StateUnavailable, InvalidTransaction>) -> SimulateError {
    match error {
        EVMError::Custom(reason) if reason == TIMEOUT => SimulateError::Stopped,
        other => refusal(other),
    }
}

/// Why a transaction could not start, in geth's words.
pub(crate) fn refusal(error: EVMError<StateUnavailable, InvalidTransaction>) -> SimulateError {
    match error {
        EVMError::Transaction(reason) => SimulateError::Invalid(match reason {
            InvalidTransaction::LackOfFundForMaxFee { fee, balance } => {
                format!("insufficient funds for gas * price + value: have {balance} want {fee}")
            }
            InvalidTransaction::OverflowPaymentInTransaction => {
                "insufficient funds for gas * price + value: cost overflows 256 bits".into()
            }
            InvalidTransaction::NonceTooLow { tx, state } => {
                format!("nonce too low: next nonce {state}, tx nonce {tx}")
            }
            InvalidTransaction::NonceTooHigh { tx, state } => {
                format!("nonce too high: next nonce {state}, tx nonce {tx}")
            }
            InvalidTransaction::GasPriceLessThanBasefee => {
                "max fee per gas less than block base fee".into()
            }
            InvalidTransaction::PriorityFeeGreaterThanMaxFee => {
                "max priority fee per gas higher than max fee per gas".into()
            }
            InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
                format!("intrinsic gas too low: have {gas_limit}, want {initial_gas}")
            }
            InvalidTransaction::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
                format!("intrinsic gas too low: have {gas_limit}, want {gas_floor}")
            }
            InvalidTransaction::CallerGasLimitMoreThanBlock => "exceeds block gas limit".into(),
            InvalidTransaction::CreateInitCodeSizeLimit => "max initcode size exceeded".into(),
            other => other.to_string(),
        }),
        EVMError::Database(error) => SimulateError::State(error.to_string()),
        other => SimulateError::State(other.to_string()),
    }
}
