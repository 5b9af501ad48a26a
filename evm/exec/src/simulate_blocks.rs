//! Whole blocks of unsigned calls on top of a final block (`eth_simulateV1`).
//!
//! Every block gets a real header: its roots, bloom, gas and hash are those that the node would
//! compute if the block stood on the chain. Nothing is written. Rules and their order are geth's
//! (`internal/ethapi/simulate.go`).

use std::sync::Arc;

use alloy_consensus::{
    EthereumReceipt, Header, SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy,
    transaction::Recovered,
};
use alloy_primitives::{Address, B256, Bytes, Log, Signature, TxKind, U256, address, b256};
use qenex_types::{PooledTransaction, Transaction};
use revm::{
    Database, DatabaseCommit, InspectEvm, Inspector,
    context_interface::result::{EVMError, ExecutionResult, InvalidTransaction},
    interpreter::{CallInputs, CallOutcome as Called, CreateInputs, CreateOutcome as Created},
};

use crate::{
    block::{EthereumBody, SealedBlock, begin, body_roots},
    chain::Chain,
    codec::encode_block,
    database::BlockState,
    evm::{EvmContext, Mode, block_env, evm},
    rules::{Rules, empty_header},
    simulate::{
        CallOutcome, CallRequest, Overrides, Rule, SimulateError, Stop, outcome, pretend_blob_fee,
        refusal, request_env, stopped, watched,
    },
};

/// Most blocks of one simulation, those that fill gaps included.
pub const MAX_SIMULATED_BLOCKS: usize = 256;
/// Seconds between blocks whose time is not given, as in geth.
pub(crate) const BLOCK_SECONDS: u64 = 12;
/// Where logs of plain transfers seem to come from (ERC-7528).
const TRANSFER_EMITTER: Address = address!("eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
/// `Transfer(address,address,uint256)`.
const TRANSFER_TOPIC: B256 =
    b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// A block to simulate.
#[derive(Clone, Debug, Default)]
pub struct BlockCalls {
    /// Changes to state and header before the block.
    pub overrides: Overrides,
    /// Its transactions.
    pub calls: Vec<CallRequest>,
}

/// How to simulate.
#[derive(Clone, Copy, Debug)]
pub struct SimulateOptions {
    /// Show transfers of the native coin as logs. They are in no receipt, root or bloom.
    pub trace_transfers: bool,
    /// Check nonces and fees as consensus does.
    pub validation: bool,
    /// Most gas of all blocks together.
    pub gas_cap: u64,
}

/// A call of a simulated block.
#[derive(Clone, Debug)]
pub struct SimulatedCall {
    /// What it gave. Logs are in `logs`.
    pub outcome: CallOutcome,
    /// Most gas used at any moment, before refunds.
    pub max_used_gas: u64,
    /// Its logs with their index in the block.
    pub logs: Vec<(u64, Log)>,
}

/// A simulated block.
#[derive(Clone, Debug)]
pub struct SimulatedBlock {
    /// The block. Its transactions carry a signature of zeros.
    pub block: SealedBlock,
    /// One for each transaction.
    pub calls: Vec<SimulatedCall>,
}

impl Chain {
    /// Simulates `blocks` on top of the final block `number`.
    ///
    /// # Errors
    ///
    /// [`SimulateError`]: a call that could not stand in its block fails the whole simulation, and so
    /// does `stop` if it says that the time is over; a revert or an exception does not.
    pub fn simulate_blocks(
        &self,
        number: u64,
        blocks: Vec<BlockCalls>,
        options: SimulateOptions,
        stop: Stop<'_>,
    ) -> Result<Vec<SimulatedBlock>, SimulateError> {
        let failed = SimulateError::from;
        let (hash, base) =
            self.header(number).map_err(failed)?.ok_or(SimulateError::UnknownBlock)?;
        let base_state = self.state(number).map_err(failed)?.ok_or(SimulateError::UnknownBlock)?;
        let blocks = fill_gaps(&base, blocks)?;
        let mut state = BlockState::new(base_state.clone(), self.ancestors_of_final(number));
        let (mut parent, mut parent_hash) = (base, hash);
        let mut gas_left = options.gas_cap;
        let mut results = Vec::with_capacity(blocks.len());
        for block in &blocks {
            if stop() {
                return Err(SimulateError::Stopped);
            }
            let mut header =
                Header { parent_hash, ..header(self.rules(), &parent, &block.overrides) };
            if header.base_fee_per_gas.is_none() {
                let fee = if options.validation { self.rules().next_base_fee(&parent) } else { 0 };
                header.base_fee_per_gas = Some(fee);
            }
            state.ancestors().pretend(&block.overrides.block.block_hashes);
            for (address, change) in &block.overrides.accounts {
                state
                    .override_account(*address, change)
                    .map_err(|error| SimulateError::Invalid(error.to_string()))?;
            }
            let (ran, after) =
                self.run_block(&header, block, state, options, &mut gas_left, stop)?;
            state = after;
            let Ran { transactions, receipts, calls, gas_used } = ran;
            let (transactions_root, receipts_root, logs_bloom) =
                body_roots(&transactions, &receipts);
            header.gas_used = gas_used;
            header.transactions_root = transactions_root;
            header.receipts_root = receipts_root;
            header.logs_bloom = logs_bloom;
            header.state_root = base_state
                .apply(&state.changes())
                .map_err(|error| {
                    if base_state.is_stale() {
                        SimulateError::Pruned(number)
                    } else {
                        SimulateError::State(error.to_string())
                    }
                })?
                .root();
            let hash = header.hash_slow();
            state.ancestors().push(header.number, hash);
            (parent, parent_hash) = (header.clone(), hash);
            let size = encode_block(&header, &transactions, &EthereumBody::default()).len();
            let block = SealedBlock {
                header,
                hash,
                transactions,
                receipts,
                ethereum: EthereumBody::default(),
                size,
            };
            results.push(SimulatedBlock { block, calls });
        }
        Ok(results)
    }

    /// Runs the calls of one block on `state`; answers what they gave and the state after them.
    fn run_block(
        &self,
        header: &Header,
        block: &BlockCalls,
        state: BlockState,
        options: SimulateOptions,
        gas_left: &mut u64,
        stop: Stop<'_>,
    ) -> Result<(Ran, BlockState), SimulateError> {
        let tracer = watched(LogTracer::new(options.trace_transfers), stop);
        let mut env = block_env(self.rules(), header);
        pretend_blob_fee(&mut env, block.overrides.block.blob_base_fee);
        let mut evm = evm(self.rules(), env, state, Mode::Simulation, tracer);
        evm.precompiles.override_with(&block.overrides)?;
        begin(&mut evm, header).map_err(|error| SimulateError::State(error.to_string()))?;
        evm.ctx.cfg.disable_nonce_check = !options.validation;
        let mut ran = Ran::default();
        for call in &block.calls {
            let nonce = match call.nonce {
                Some(nonce) => nonce,
                None => evm
                    .ctx
                    .journaled_state
                    .database
                    .basic(call.from)
                    .map_err(|error| SimulateError::State(error.to_string()))?
                    .map_or(0, |account| account.nonce),
            };
            let room = header.gas_limit.saturating_sub(ran.gas_used);
            let gas = call.gas.unwrap_or(room);
            if gas > room {
                return Err(SimulateError::Rule(
                    Rule::BlockGas,
                    format!("block gas limit reached: {} >= {}", ran.gas_used, header.gas_limit),
                ));
            }
            let gas = gas.min(*gas_left);
            let free = call.gas_price.unwrap_or(0) == 0 && call.priority_fee.unwrap_or(0) == 0;
            evm.ctx.cfg.disable_base_fee = !options.validation && free;
            let result =
                evm.inspect_one_tx(request_env(call, gas, nonce)).map_err(refused_by_rule)?;
            let changes = revm::ExecuteEvm::finalize(&mut evm);
            evm.ctx.journaled_state.database.commit(changes);
            let used = result.tx_gas_used();
            *gas_left = gas_left.saturating_sub(used);
            ran.gas_used = ran.gas_used.saturating_add(used);
            let transaction = unsigned(call, self.rules().chain_id(), gas, nonce);
            ran.receipts.push(EthereumReceipt {
                tx_type: transaction.inner().tx_type(),
                success: result.is_success(),
                cumulative_gas_used: ran.gas_used,
                logs: match &result {
                    ExecutionResult::Success { logs, .. } => logs.clone(),
                    _ => Vec::new(),
                },
            });
            ran.transactions.push(transaction);
            let logs = evm.inspector.inner().take(result.is_success());
            let max_used_gas = result.gas().total_gas_spent().max(used);
            ran.calls.push(SimulatedCall { outcome: outcome(result), max_used_gas, logs });
        }
        Ok((ran, evm.ctx.journaled_state.database))
    }
}

/// What the calls of a block gave.
#[derive(Default)]
struct Ran {
    transactions: Vec<PooledTransaction>,
    receipts: Vec<EthereumReceipt>,
    calls: Vec<SimulatedCall>,
    gas_used: u64,
}

/// Gives every block its number and time, and puts empty blocks where numbers are left out.
fn fill_gaps(base: &Header, blocks: Vec<BlockCalls>) -> Result<Vec<BlockCalls>, SimulateError> {
    if blocks.is_empty() {
        return Err(SimulateError::Rule(Rule::Parameters, "empty input".into()));
    }
    let too_many = || SimulateError::Rule(Rule::TooMany, "too many blocks".into());
    if blocks.len() > MAX_SIMULATED_BLOCKS {
        return Err(too_many());
    }
    let (mut number, mut time) = (base.number, base.timestamp);
    let mut all = Vec::new();
    for mut block in blocks {
        let wanted = block.overrides.block.number.unwrap_or(number.saturating_add(1));
        if wanted <= number {
            return Err(SimulateError::Rule(
                Rule::Number,
                format!("block numbers must be in order: {wanted} <= {number}"),
            ));
        }
        if wanted.saturating_sub(base.number) > MAX_SIMULATED_BLOCKS as u64 {
            return Err(too_many());
        }
        for gap in number.saturating_add(1)..wanted {
            time = time.saturating_add(BLOCK_SECONDS);
            let mut empty = BlockCalls::default();
            empty.overrides.block.number = Some(gap);
            empty.overrides.block.timestamp = Some(time);
            all.push(empty);
        }
        number = wanted;
        let given = block.overrides.block.timestamp;
        let next = given.unwrap_or(time.saturating_add(BLOCK_SECONDS));
        if next <= time {
            return Err(SimulateError::Rule(
                Rule::Timestamp,
                format!("block timestamps must be in order: {next} <= {time}"),
            ));
        }
        time = next;
        block.overrides.block.number = Some(number);
        block.overrides.block.timestamp = Some(time);
        all.push(block);
    }
    Ok(all)
}

/// The fields of a simulated header that are known before execution; parent hash and, unless
/// given, base fee are not.
fn header(rules: &Rules, parent: &Header, overrides: &Overrides) -> Header {
    let block = &overrides.block;
    let number = block.number.unwrap_or(parent.number.saturating_add(1));
    let timestamp = block.timestamp.unwrap_or(parent.timestamp.saturating_add(BLOCK_SECONDS));
    let spec = rules.spec_id(number, timestamp, rules.is_merged(parent));
    let empty = empty_header(spec);
    Header {
        number,
        timestamp,
        difficulty: parent.difficulty,
        gas_limit: block.gas_limit.unwrap_or(parent.gas_limit),
        base_fee_per_gas: block.base_fee,
        beneficiary: block.beneficiary.unwrap_or(parent.beneficiary),
        mix_hash: block.prev_randao.unwrap_or_default(),
        parent_beacon_block_root: empty
            .parent_beacon_block_root
            .map(|zero| block.beacon_root.unwrap_or(zero)),
        ..empty
    }
}

/// The transaction a call would be, signed with zeros. EIP-1559 unless the call says otherwise.
fn unsigned(call: &CallRequest, chain_id: u64, gas_limit: u64, nonce: u64) -> PooledTransaction {
    let CallRequest { to, value, data: input, access_list, .. } = call.clone();
    let max_fee_per_gas = call.gas_price.unwrap_or_default();
    let max_priority_fee_per_gas = call.priority_fee.unwrap_or_default();
    let nobody = Signature::new(U256::ZERO, U256::ZERO, false);
    let legacy = call.gas_price.is_some() && call.priority_fee.is_none();
    let transaction: Transaction = match (to, call.authorization_list.is_empty()) {
        (TxKind::Call(to), false) => TxEip7702 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            authorization_list: call.authorization_list.clone(),
            input,
        }
        .into_signed(nobody)
        .into(),
        _ if legacy && access_list.is_empty() => TxLegacy {
            chain_id: None,
            nonce,
            gas_price: max_fee_per_gas,
            gas_limit,
            to,
            value,
            input,
        }
        .into_signed(nobody)
        .into(),
        _ if legacy => TxEip2930 {
            chain_id,
            nonce,
            gas_price: max_fee_per_gas,
            gas_limit,
            to,
            value,
            access_list,
            input,
        }
        .into_signed(nobody)
        .into(),
        _ => TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            input,
        }
        .into_signed(nobody)
        .into(),
    };
    Arc::new(Recovered::new_unchecked(transaction, call.from))
}

/// Why a call may not stand in its block, with the rule it breaks.
fn refused_by_rule(
    error: EVMError<crate::database::StateUnavailable, InvalidTransaction>,
) -> SimulateError {
    let EVMError::Transaction(reason) = &error else { return stopped(error) };
    let rule = match reason {
        InvalidTransaction::NonceTooLow { .. } => Rule::NonceTooLow,
        InvalidTransaction::NonceTooHigh { .. } => Rule::NonceTooHigh,
        InvalidTransaction::GasPriceLessThanBasefee => Rule::BaseFee,
        InvalidTransaction::CallGasCostMoreThanGasLimit { .. }
        | InvalidTransaction::GasFloorMoreThanGasLimit { .. } => Rule::IntrinsicGas,
        InvalidTransaction::LackOfFundForMaxFee { .. }
        | InvalidTransaction::OverflowPaymentInTransaction => Rule::Funds,
        InvalidTransaction::CallerGasLimitMoreThanBlock => Rule::BlockGas,
        InvalidTransaction::CreateInitCodeSizeLimit => Rule::InitCode,
        _ => Rule::Parameters,
    };
    SimulateError::Rule(rule, refusal(error).to_string())
}

/// Collects the logs of a block's calls; those of a frame that fails are dropped with it.
#[derive(Debug)]
struct LogTracer {
    transfers: bool,
    /// Logs of the open frames; the first is the transaction.
    frames: Vec<Vec<(u64, Log)>>,
    /// Logs so far in this block, dropped ones included, as geth counts.
    count: u64,
}

impl LogTracer {
    fn new(transfers: bool) -> Self {
        Self { transfers, frames: vec![Vec::new()], count: 0 }
    }

    fn add(&mut self, log: Log) {
        if let Some(frame) = self.frames.last_mut() {
            frame.push((self.count, log));
            self.count = self.count.saturating_add(1);
        }
    }

    fn transfer(&mut self, from: Address, to: Address, value: U256) {
        if self.transfers && !value.is_zero() {
            let topics = vec![TRANSFER_TOPIC, from.into_word(), to.into_word()];
            let data = Bytes::from(value.to_be_bytes::<32>());
            self.add(Log::new_unchecked(TRANSFER_EMITTER, topics, data));
        }
    }

    fn close(&mut self, success: bool) {
        if let Some(logs) = self.frames.pop()
            && success
            && let Some(outer) = self.frames.last_mut()
        {
            outer.extend(logs);
        }
    }

    /// The logs of the transaction that has ended.
    fn take(&mut self, success: bool) -> Vec<(u64, Log)> {
        let logs = std::mem::replace(&mut self.frames, vec![Vec::new()]);
        if success { logs.into_iter().next().unwrap_or_default() } else { Vec::new() }
    }
}

impl Inspector<EvmContext> for LogTracer {
    fn log(&mut self, _: &mut EvmContext, log: Log) {
        self.add(log);
    }

    fn call(&mut self, _: &mut EvmContext, inputs: &mut CallInputs) -> Option<Called> {
        self.frames.push(Vec::new());
        if let Some(value) = inputs.transfer_value() {
            self.transfer(inputs.transfer_from(), inputs.transfer_to(), value);
        }
        None
    }

    fn call_end(&mut self, _: &mut EvmContext, _: &CallInputs, outcome: &mut Called) {
        self.close(outcome.result.result.is_ok());
    }

    fn create(&mut self, context: &mut EvmContext, inputs: &mut CreateInputs) -> Option<Created> {
        use revm::context::{ContextTr as _, JournalTr as _};
        self.frames.push(Vec::new());
        // Fails only if the state cannot be read, which the creation itself then reports.
        let nonce = context.journal_mut().load_account(inputs.caller()).ok()?.data.info.nonce;
        self.transfer(inputs.caller(), inputs.created_address(nonce), inputs.value());
        None
    }

    fn create_end(&mut self, _: &mut EvmContext, _: &CreateInputs, outcome: &mut Created) {
        self.close(outcome.result.result.is_ok());
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.transfer(contract, target, value);
    }
}
