//! The one table of engines, and the door through which every call comes in.

use std::sync::LazyLock;

use alloy_json_abi::{JsonAbi, StateMutability};
use alloy_primitives::{Address, address};
use alloy_sol_types::SolInterface;
use qenex_types::Currency;

use crate::errors::refuse;
use crate::{
    Call, EngineError, Host, HostError, IQenexErrors, Outcome, access, accounts, compliance, face,
    gas, ledger, native_coin, oracle, pq_verify, price_feed, risk, settlement,
};

/// Profiles of ledger accounts.
pub const ACCOUNTS: Address = address!("0x5158000000000000000000000000000000000001");
/// Currencies, balances, transfers.
pub use qenex_types::LEDGER;
/// Tiers, limits, corridors, deny list, attestations, freezes.
pub const COMPLIANCE: Address = address!("0x5158000000000000000000000000000000000003");
/// Counters and rules.
pub const RISK: Address = address!("0x5158000000000000000000000000000000000004");
/// Instructions of several legs, netting.
pub const SETTLEMENT: Address = address!("0x5158000000000000000000000000000000000005");
/// Price feeds.
pub const ORACLE: Address = address!("0x5158000000000000000000000000000000000006");
/// Roles, approvals of several, parameters.
pub const ACCESS: Address = address!("0x5158000000000000000000000000000000000008");
/// Signatures that resist quantum computers.
pub const PQ_VERIFY: Address = address!("0x5158000000000000000000000000000000000009");

/// The native coin, for its ERC-20 face.
pub const NATIVE_COIN: Address = address!("0x515800000000000000000000000000000000000a");

/// Code of an engine's account, so that Solidity's check for code passes. Never executed.
pub const ENGINE_CODE: [u8; 1] = [0xef];
/// Nonce of an engine's account.
pub const ENGINE_NONCE: u64 = 1;

/// First bytes of every engine's address.
const PREFIX: [u8; 2] = [0x51, 0x58];
/// First bytes of every ERC-20 face's address; the last three are the currency code, zeros between.
const FACE_PREFIX: [u8; 3] = [0x51, 0x58, 0xc0];
/// First bytes of every price feed's face; the last four are the feed's number, zeros between.
const PRICE_FEED_PREFIX: [u8; 3] = [0x51, 0x58, 0xf0];

/// Whether a function may run inside a static call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutability {
    /// It only reads.
    View,
    /// It writes.
    Write,
}

/// One engine.
#[derive(Clone, Copy, Debug)]
pub struct Engine {
    /// Name of the Solidity interface.
    pub interface: &'static str,
    /// Where it is; `None` for the faces, which are many.
    pub address: Option<Address>,
    /// The JSON ABI, without the errors.
    pub abi: fn() -> JsonAbi,
    /// The file with the interface's source.
    pub(crate) source: &'static str,
    /// Runs a call that passed the door's checks.
    pub(crate) dispatch: fn(&mut dyn Host, &Call<'_>) -> Result<Vec<u8>, EngineError>,
}

/// By address, which is for ever; the faces come last.
const ENGINES: [Engine; 11] = [
    accounts::ENGINE,
    ledger::ENGINE,
    compliance::ENGINE,
    risk::ENGINE,
    settlement::ENGINE,
    oracle::ENGINE,
    access::ENGINE,
    pq_verify::ENGINE,
    native_coin::ENGINE,
    face::ENGINE,
    price_feed::ENGINE,
];

/// The place of the ERC-20 face among them.
const FACE: usize = ENGINES.len() - 2;
/// The place of the price feeds' face.
const PRICE_FEED: usize = ENGINES.len() - 1;

/// The selectors of an engine, sorted, and what they do.
type Functions = Vec<([u8; 4], Mutability)>;

/// In the order of [`ENGINES`].
static FUNCTIONS: LazyLock<Vec<Functions>> = LazyLock::new(|| {
    let of = |engine: &Engine| {
        let abi = (engine.abi)();
        let functions = abi.functions().map(|function| {
            let mutability = match function.state_mutability {
                StateMutability::View | StateMutability::Pure => Mutability::View,
                StateMutability::NonPayable | StateMutability::Payable => Mutability::Write,
            };
            (function.selector().0, mutability)
        });
        let mut functions: Functions = functions.collect();
        functions.sort_unstable_by_key(|&(selector, _)| selector);
        functions
    };
    ENGINES.iter().map(of).collect()
});

/// All engines; the last two are the ERC-20 face and the price feeds' face.
pub const fn engines() -> &'static [Engine] {
    &ENGINES
}

/// The addresses of the engines, without the faces.
pub fn engine_addresses() -> impl Iterator<Item = Address> {
    ENGINES.iter().filter_map(|engine| engine.address)
}

/// The address of a currency's ERC-20 face, registered or not.
pub fn face_address(currency: Currency) -> Address {
    let mut bytes = [0_u8; 20];
    bytes[..3].copy_from_slice(&FACE_PREFIX);
    bytes[17..].copy_from_slice(&currency.code());
    Address::new(bytes)
}

/// The currency whose ERC-20 face has this address, registered or not.
pub fn face_currency(address: Address) -> Option<Currency> {
    let rest = address.as_slice().strip_prefix(&FACE_PREFIX)?;
    let code: [u8; 3] = rest.strip_prefix(&[0; 14])?.try_into().ok()?;
    Currency::new(code).ok()
}

/// The address of a price feed's face, created or not.
pub fn price_feed_address(feed: u32) -> Address {
    let mut bytes = [0_u8; 20];
    bytes[..3].copy_from_slice(&PRICE_FEED_PREFIX);
    bytes[16..].copy_from_slice(&feed.to_be_bytes());
    Address::new(bytes)
}

/// The price feed whose face has this address, created or not. Their numbers start at 1.
pub fn price_feed_number(address: Address) -> Option<u32> {
    let rest = address.as_slice().strip_prefix(&PRICE_FEED_PREFIX)?;
    let number = u32::from_be_bytes(rest.strip_prefix(&[0; 13])?.try_into().ok()?);
    (number > 0).then_some(number)
}

/// Whether calls to `address` go to an engine: by the address alone, without looking at state.
///
/// True for the face of every possible currency and price feed; one that is not registered refuses all
/// calls with `UnknownCurrency`, one that is not created with `UnknownFeed`.
pub fn is_engine(address: Address) -> bool {
    find(address).is_some()
}

/// The index in [`ENGINES`]. Every message call on the chain asks this, so it looks at the first
/// bytes first.
pub(crate) fn find(address: Address) -> Option<usize> {
    if !address.starts_with(&PREFIX) {
        return None;
    }
    let fixed = ENGINES.iter().position(|engine| engine.address == Some(address));
    let face = || face_currency(address).and(Some(FACE));
    fixed.or_else(face).or_else(|| price_feed_number(address).and(Some(PRICE_FEED)))
}

/// What a function of an engine does; `None` if there is no such function.
pub(crate) fn mutability(engine: usize, selector: [u8; 4]) -> Option<Mutability> {
    let functions = FUNCTIONS.get(engine)?;
    let index = functions.binary_search_by_key(&selector, |&(selector, _)| selector).ok()?;
    functions.get(index).map(|&(_, mutability)| mutability)
}

/// Calls an engine.
///
/// The order of the checks is part of the interface: delegated, value, unknown function, static,
/// malformed, then the engine's own rules. Unless the answer is [`Outcome::Success`], the caller
/// must undo all state changes and logs made through `host` since.
///
/// # Errors
///
/// [`HostError`], passed on from `host`: never for something the caller did.
pub fn call(host: &mut dyn Host, call: &Call<'_>) -> Result<Outcome, HostError> {
    match run(host, call) {
        Ok(output) => Ok(Outcome::Success(output.into())),
        Err(EngineError::Refused(refusal)) => Ok(Outcome::Revert(refusal.abi_encode().into())),
        Err(EngineError::Host(error)) => Err(error),
    }
}

fn run(host: &mut dyn Host, call: &Call<'_>) -> Result<Vec<u8>, EngineError> {
    if call.is_delegate {
        return refuse(IQenexErrors::DelegateCallNotAllowed {});
    }
    if call.has_value {
        return refuse(IQenexErrors::ValueNotAccepted {});
    }
    let selector = selector(call.input);
    let found = find(call.address)
        .and_then(|index| Some((ENGINES.get(index)?, mutability(index, selector)?)));
    let Some((engine, mutability)) = found else {
        return refuse(IQenexErrors::UnknownFunction { selector: selector.into() });
    };
    if call.is_static && mutability == Mutability::Write {
        return refuse(IQenexErrors::StaticCallNotAllowed {});
    }
    let words = u64::try_from(call.input.len().div_ceil(32)).unwrap_or(u64::MAX);
    host.charge(gas::INPUT_WORD.saturating_mul(words))?;
    host.charge(match mutability {
        Mutability::View => gas::READ,
        Mutability::Write => gas::WRITE,
    })?;
    (engine.dispatch)(host, call)
}

/// The first four bytes, zeros for those that are missing.
fn selector(input: &[u8]) -> [u8; 4] {
    let mut selector = [0; 4];
    for (to, from) in selector.iter_mut().zip(input) {
        *to = *from;
    }
    selector
}

/// Decodes a call strictly: padding must be clean.
pub(crate) fn decode_call<C: SolInterface>(input: &[u8]) -> Result<C, EngineError> {
    C::abi_decode_validate(input).or_else(|_| refuse(IQenexErrors::MalformedCall {}))
}

#[cfg(test)]
mod tests;
