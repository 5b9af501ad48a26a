//! The financial engines inside the EVM: revm's precompile interface over `qenex-precompiles`.
//!
//! Engines read and write ordinary storage of their own address through the journal, at the EVM's
//! own prices, so that reverts, access lists, proofs and tracers treat them like contracts. A revert
//! or lack of gas is encoded in the result; `Err` aborts the node's execution and is used for a
//! failing database alone.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, Log, LogData, U256};
use qenex_precompiles::{
    Block, Call, ENGINE_CODE, ENGINE_NONCE, Host, HostError, Outcome, call, engine_addresses,
    is_engine,
};
use revm::{
    bytecode::Bytecode,
    context::{Block as _, Cfg as _, ContextTr, JournalTr},
    context_interface::{cfg::gas_params::GasParams, journaled_state::account::JournaledAccountTr},
    handler::{EthPrecompiles, PrecompileProvider},
    interpreter::{CallInputs, Gas, InstructionResult, InterpreterResult},
    primitives::{AddressSet, hardfork::SpecId},
    state::EvmStorageSlot,
};

use crate::{
    evm::EvmContext,
    simulate::{Overrides, SimulateError},
};

/// Ethereum's precompiles and, on QENEX, our engines.
#[derive(Clone, Debug)]
pub(crate) struct Engines {
    ethereum: EthPrecompiles,
    installed: bool,
    warm: AddressSet,
    /// Where a simulation has other precompiles than the chain: which one answers at an address, if
    /// any does.
    overridden: BTreeMap<Address, Option<Address>>,
}

impl Engines {
    pub(crate) fn new(spec: SpecId, installed: bool) -> Self {
        let ethereum = EthPrecompiles::new(spec);
        let mut warm = ethereum.warm_addresses().clone();
        if installed {
            warm.extend(engine_addresses());
        }
        Self { ethereum, installed, warm, overridden: BTreeMap::new() }
    }

    /// Moves precompiles, and lets accounts that are given code have it. As geth: whatever is changed
    /// of an account with one of Ethereum's precompiles, the precompile is gone from there. An engine
    /// has state of its own, which may be changed, and cannot be moved.
    ///
    /// # Errors
    ///
    /// [`SimulateError::Invalid`] if what is to be moved is no precompile, or its new place is given
    /// something else.
    pub(crate) fn override_with(&mut self, overrides: &Overrides) -> Result<(), SimulateError> {
        self.overridden.clear();
        let refused = |what: String| Err(SimulateError::Invalid(what));
        for (address, change) in &overrides.accounts {
            let precompile = self.ethereum.contains(address);
            if precompile || change.code.is_some() && self.installed && is_engine(*address) {
                self.overridden.entry(*address).or_insert(None);
            }
            let Some(to) = change.move_precompile_to else { continue };
            if !precompile {
                return refused(format!("account {address} is not a precompile"));
            }
            if overrides.accounts.contains_key(&to) {
                return refused(format!("account {to} is already overridden"));
            }
            if self.overridden.insert(to, Some(*address)).is_some() {
                return refused(format!(
                    "account {to} has already been overridden by a precompile"
                ));
            }
        }
        Ok(())
    }

    /// Whose code answers at an address.
    fn at(&self, address: Address) -> Option<Address> {
        if self.overridden.is_empty() {
            return Some(address);
        }
        self.overridden.get(&address).copied().unwrap_or(Some(address))
    }
}

impl PrecompileProvider<EvmContext> for Engines {
    type Output = InterpreterResult;

    fn set_spec(&mut self, spec: SpecId) -> bool {
        PrecompileProvider::<EvmContext>::set_spec(&mut self.ethereum, spec)
    }

    fn run(
        &mut self,
        context: &mut EvmContext,
        inputs: &CallInputs,
    ) -> Result<Option<InterpreterResult>, String> {
        let Some(address) = self.at(inputs.bytecode_address) else { return Ok(None) };
        if address != inputs.bytecode_address {
            let moved = CallInputs { bytecode_address: address, ..inputs.clone() };
            return self.ethereum.run(context, &moved);
        }
        if self.installed && is_engine(address) {
            run_engine(context, inputs).map(Some)
        } else {
            self.ethereum.run(context, inputs)
        }
    }

    fn warm_addresses(&self) -> &AddressSet {
        &self.warm
    }

    fn contains(&self, address: &Address) -> bool {
        let Some(address) = self.at(*address) else { return false };
        self.installed && is_engine(address) || self.ethereum.contains(&address)
    }
}

fn run_engine(context: &mut EvmContext, inputs: &CallInputs) -> Result<InterpreterResult, String> {
    let input = inputs.input.bytes(context);
    let gas_params = context.cfg().gas_params().clone();
    let mut host =
        JournalHost { context, gas: Gas::new(inputs.gas_limit), gas_params, loaded: Vec::new() };
    let request = Call {
        address: inputs.bytecode_address,
        caller: inputs.caller,
        input: &input,
        has_value: inputs.transfers_value(),
        is_static: inputs.is_static,
        is_delegate: inputs.target_address != inputs.bytecode_address,
    };
    let (result, output) = match call(&mut host, &request) {
        Ok(Outcome::Success(output)) => (InstructionResult::Return, output),
        Ok(Outcome::Revert(output)) => (InstructionResult::Revert, output),
        Err(HostError::OutOfGas) => {
            host.gas.spend_all();
            (InstructionResult::PrecompileOOG, Bytes::new())
        }
        Err(HostError::Fatal(reason)) => return Err(reason),
    };
    if result != InstructionResult::Return {
        host.gas.set_refunded(0);
    }
    Ok(InterpreterResult::new(result, output, host.gas))
}

/// An engine's view of the chain, over the journal of the running transaction.
struct JournalHost<'a> {
    context: &'a mut EvmContext,
    gas: Gas,
    gas_params: GasParams,
    /// Engines whose accounts the journal has: few.
    loaded: Vec<Address>,
}

impl JournalHost<'_> {
    /// What it costs to look at an account (EIP-2929).
    fn account_price(&self, is_cold: bool) -> u64 {
        let cold = if is_cold { self.gas_params.cold_account_additional_cost() } else { 0 };
        self.gas_params.warm_storage_read_cost().saturating_add(cold)
    }

    /// The journal wants an account loaded before its storage is touched. Loading is not charged:
    /// the call to the engine already was.
    fn load(&mut self, address: Address) -> Result<(), HostError> {
        if !self.loaded.contains(&address) {
            self.context.journal_mut().load_account(address).map_err(fatal)?;
            self.loaded.push(address);
        }
        Ok(())
    }
}

fn fatal(error: impl std::fmt::Display) -> HostError {
    HostError::Fatal(error.to_string())
}

impl Host for JournalHost<'_> {
    fn block(&self) -> Block {
        let block = self.context.block();
        Block {
            number: block.number().saturating_to(),
            timestamp: block.timestamp().saturating_to(),
            chain_id: self.context.cfg().chain_id(),
        }
    }

    fn charge(&mut self, gas: u64) -> Result<(), HostError> {
        if self.gas.record_regular_cost(gas) { Ok(()) } else { Err(HostError::OutOfGas) }
    }

    fn sload(&mut self, address: Address, slot: U256) -> Result<U256, HostError> {
        self.load(address)?;
        let loaded = self.context.journal_mut().sload(address, slot).map_err(fatal)?;
        let price = if loaded.is_cold {
            self.gas_params.cold_storage_cost()
        } else {
            self.gas_params.warm_storage_read_cost()
        };
        self.charge(price)?;
        Ok(loaded.data)
    }

    fn sstore(&mut self, address: Address, slot: U256, value: U256) -> Result<(), HostError> {
        // EIP-2200: a frame that only has a stipend left must not write.
        if self.gas.remaining() <= self.gas_params.call_stipend() {
            return Err(HostError::OutOfGas);
        }
        self.charge(self.gas_params.sstore_static_gas())?;
        self.load(address)?;
        let stored = self.context.journal_mut().sstore(address, slot, value).map_err(fatal)?;
        self.charge(self.gas_params.sstore_dynamic_gas(true, &stored.data, stored.is_cold))?;
        self.gas.record_refund(self.gas_params.sstore_refund(true, &stored.data));
        Ok(())
    }

    fn log(&mut self, address: Address, data: LogData) -> Result<(), HostError> {
        let topics = u8::try_from(data.topics().len()).map_err(fatal)?;
        let price = self.gas_params.log_cost(topics, data.data.len() as u64);
        self.charge(price.saturating_add(revm::interpreter::gas::LOG))?;
        self.context.journal_mut().log(Log { address, data });
        Ok(())
    }

    fn move_coin(&mut self, from: Address, to: Address, amount: U256) -> Result<U256, HostError> {
        let payer = self.context.journal_mut().load_account(from).map_err(fatal)?;
        let (balance, is_cold) = (payer.data.info.balance, payer.is_cold);
        self.charge(self.account_price(is_cold))?;
        let payee = self.context.journal_mut().load_account(to).map_err(fatal)?;
        let (is_new, is_cold) = (payee.data.is_empty(), payee.is_cold);
        self.charge(self.account_price(is_cold))?;
        if amount.is_zero() {
            return Ok(balance);
        }
        self.charge(self.gas_params.transfer_value_cost())?;
        self.charge(if is_new { self.gas_params.new_account_cost(true, true) } else { 0 })?;
        self.context.journal_mut().transfer(from, to, amount).map_err(fatal)?;
        Ok(balance)
    }

    fn keccak(&mut self, message: &[u8]) -> B256 {
        self.context.db_mut().hashes().keccak(message)
    }

    fn looks_ahead(&self) -> bool {
        self.context.db().looks_ahead()
    }

    fn foresee(&mut self, messages: &[&[u8]]) {
        self.context.db_mut().hashes().foresee(messages);
    }

    fn foresee_slots(&mut self, slots: &[(Address, U256)]) {
        let at_hand = self.context.db_mut().foresee_slots(slots);
        let journal = &mut self.context.journal_mut().inner;
        for (address, slot, value) in at_hand {
            let Some(account) = journal.state.get_mut(&address) else { continue };
            // Cold until it is looked at, as if it were not here.
            account.storage.entry(slot).or_insert_with(|| {
                let mut found = EvmStorageSlot::new(value, journal.transaction_id);
                found.mark_cold();
                found
            });
        }
    }

    fn mark(&mut self, address: Address) -> Result<(), HostError> {
        let mut account =
            self.context.journal_mut().load_account_with_code_mut(address).map_err(fatal)?;
        if account.code_hash() == &revm::primitives::KECCAK_EMPTY {
            account.set_code_and_hash_slow(Bytecode::new_raw(Bytes::from_static(&ENGINE_CODE)));
            account.set_nonce(ENGINE_NONCE);
        }
        Ok(())
    }
}
