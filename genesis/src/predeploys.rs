//! Contracts that Ethereum tools expect at the same address on every chain.
//!
//! Their code comes from the files in `predeploys/`, whose README says from where and under which
//! licence. They hold nothing at genesis and have no owner.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256, address, hex, keccak256};
use qenex_types::GenesisAccount;

/// The CREATE2 deployer that Foundry and others use: salt and creation code in, address out.
pub const CREATE2_DEPLOYER: Address = address!("0x4e59b44847b379578588920cA78FbF26c0B4956C");

/// Many calls in one.
pub const MULTICALL3: Address = address!("0xcA11bde05977b3631167028862bE2a173976CA11");

/// Allowances by signature for every ERC-20.
pub const PERMIT2: Address = address!("0x000000000022D473030F116dDEE9F6B43aC78BA3");

/// The CREATE2 deployer of EIP-2470.
pub const SINGLETON_FACTORY: Address = address!("0xce0042B868300000d44A59004Da54A005ffdcf9f");

/// Where Permit2's code has the chain's id, and where the domain separator of that chain.
const PERMIT2_CHAIN_ID: usize = 6_945;
const PERMIT2_SEPARATOR: usize = 6_983;

/// The contracts for the chain with this EIP-155 id. Their nonces are 1, as those of contracts are.
#[must_use]
pub fn predeploys(chain_id: u64) -> BTreeMap<Address, GenesisAccount> {
    let account = |code| GenesisAccount { nonce: 1, code, ..GenesisAccount::default() };
    [
        (CREATE2_DEPLOYER, code(include_str!("predeploys/create2-deployer.hex")).into()),
        (MULTICALL3, code(include_str!("predeploys/multicall3.hex")).into()),
        (PERMIT2, permit2(chain_id)),
        (SINGLETON_FACTORY, code(include_str!("predeploys/singleton-factory.hex")).into()),
    ]
    .map(|(address, code)| (address, account(code)))
    .into()
}

/// The code in a file of this crate.
fn code(file: &str) -> Vec<u8> {
    hex::decode(file.trim_ascii()).expect("a predeploy's file is hexadecimal text")
}

/// What Permit2's constructor leaves on this chain.
fn permit2(chain_id: u64) -> Bytes {
    let mut code = code(include_str!("predeploys/permit2.hex"));
    let mut write = |at: usize, word: B256| {
        if let Some(place) = code.get_mut(at..at.saturating_add(32)) {
            place.copy_from_slice(word.as_slice());
        }
    };
    write(PERMIT2_CHAIN_ID, U256::from(chain_id).into());
    write(PERMIT2_SEPARATOR, permit2_domain(chain_id));
    code.into()
}

/// Permit2's EIP-712 domain separator on the chain with this id.
#[must_use]
pub fn permit2_domain(chain_id: u64) -> B256 {
    let domain = b"EIP712Domain(string name,uint256 chainId,address verifyingContract)";
    let words =
        [keccak256(domain), keccak256("Permit2"), U256::from(chain_id).into(), PERMIT2.into_word()];
    keccak256(words.concat())
}
