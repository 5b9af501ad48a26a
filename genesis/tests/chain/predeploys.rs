//! The contracts that tools expect: each address follows from the code, and each does its work.

use alloy_consensus::{SignableTransaction, TxEip1559, TxLegacy};
use alloy_primitives::{
    Address, B256, Bytes, Signature, TxKind, U256, address, b256, bytes, hex, keccak256, uint,
};
use alloy_signer::SignerSync;
use alloy_sol_types::{Eip712Domain, SolCall, SolStruct, sol};
use qenex_exec::CallRequest;
use qenex_genesis::{
    CREATE2_DEPLOYER, DEV_ACCOUNTS, DEV_CHAIN_ID, MULTICALL3, PERMIT2, SINGLETON_FACTORY,
    permit2_domain, predeploys,
};
use qenex_precompiles::face_address;

use crate::support::{CHILD_INIT, World, call, sign, signer, template};

/// What precedes the runtime code in the creation code.
const MULTICALL3_CONSTRUCTOR: &[u8] =
    &hex!("608060405234801561001057600080fd5b50610ee0806100206000396000f3fe");
const SINGLETON_FACTORY_CONSTRUCTOR: &[u8] =
    &hex!("608060405234801561001057600080fd5b50610134806100206000396000f3fe");
const CREATE2_DEPLOYER_CONSTRUCTOR: &[u8] = &hex!("604580600e600039806000f350fe");
const PERMIT2_CONSTRUCTOR: &[u8] = &hex!(
    "60c0346100bb574660a052602081017f8cad95687ba82c2ce50e74f7b754645e5117c3a5bec8151c0726d5857980a866"
    "81527f9ac997416e8ff9d2ff6bebeb7149f65cdae5e32e2b90440b566bb3044041d36a60408301524660608301523060"
    "808301526080825260a082019180831060018060401b038411176100a557826040525190206080526123c090816100c1"
    "823960805181611b47015260a05181611b210152f35b634e487b7160e01b600052604160045260246000fd5b600080fd"
    "fe"
);

/// The salt with which Permit2 was made on every chain.
const PERMIT2_SALT: B256 =
    b256!("0x0000000000000000000000000000000000000000d3af2663da51c10215000000");

sol! {
    struct Call3 { address target; bool allowFailure; bytes callData; }
    struct Result3 { bool success; bytes returnData; }
    function aggregate3(Call3[] calls) payable returns (Result3[] results);
    function getChainId() returns (uint256);

    function deploy(bytes initCode, bytes32 salt) returns (address);

    struct PermitDetails { address token; uint160 amount; uint48 expiration; uint48 nonce; }
    struct PermitSingle { PermitDetails details; address spender; uint256 sigDeadline; }
    function permit(address owner, PermitSingle permitSingle, bytes signature);
    function transferFrom(address from, address to, uint160 amount, address token);
    function DOMAIN_SEPARATOR() returns (bytes32);

    function approve(address spender, uint256 value) returns (bool);
    function balanceOf(address account) returns (uint256);
}

/// The code at genesis.
fn code(address: Address) -> Bytes {
    predeploys(DEV_CHAIN_ID).remove(&address).unwrap().code
}

fn creation(constructor: &[u8], runtime: &[u8]) -> Bytes {
    [constructor, runtime].concat().into()
}

/// The first contract of who signed this creation.
fn first_contract(creation: Bytes, gas_limit: u64, signature: Signature) -> Address {
    let transaction = TxLegacy {
        gas_price: 100_000_000_000,
        gas_limit,
        to: TxKind::Create,
        input: creation,
        ..TxLegacy::default()
    };
    let hash = transaction.signature_hash();
    signature.recover_address_from_prehash(&hash).unwrap().create(0)
}

impl World {
    /// What a call of the second development account returns.
    fn ask<C: SolCall>(&self, to: Address, call: &C) -> C::Return {
        let request = CallRequest {
            from: DEV_ACCOUNTS[1],
            to: TxKind::Call(to),
            data: call.abi_encode().into(),
            ..Default::default()
        };
        let number = self.chain.head().header.number;
        let done = self.chain.call(number, &request, &Default::default(), 10_000_000).unwrap();
        C::abi_decode_returns(&done.output).unwrap()
    }

    fn code_at_head(&self, address: Address) -> Bytes {
        let number = self.chain.head().header.number;
        self.chain.code_at(number, address).unwrap()
    }
}

#[test]
fn keyless_deployments_of_this_code_give_these_addresses() {
    let multicall3 = Signature::new(
        uint!(0xedce47092c0f398cebf3ffc267f05c8e7076e3b89445e0fe50f6332273d4569b_U256),
        uint!(0x1b0b9d000e19b24c5869b0fc3b22b0d6fa47cd63316875cbbd577d76e6fde086_U256),
        true,
    );
    let made = creation(MULTICALL3_CONSTRUCTOR, &code(MULTICALL3));
    assert_eq!(first_contract(made, 1_000_000, multicall3), MULTICALL3);

    let factory = Signature::new(uint!(0x247000_U256), uint!(0x2470_U256), false);
    let made = creation(SINGLETON_FACTORY_CONSTRUCTOR, &code(SINGLETON_FACTORY));
    assert_eq!(first_contract(made, 247_000, factory), SINGLETON_FACTORY);

    let twos = U256::from_be_bytes([0x22; 32]);
    let made = creation(CREATE2_DEPLOYER_CONSTRUCTOR, &code(CREATE2_DEPLOYER));
    assert_eq!(first_contract(made, 100_000, Signature::new(twos, twos, false)), CREATE2_DEPLOYER);
}

#[test]
fn code_hashes_are_those_of_ethereum() {
    for (contract, hash) in [
        (
            CREATE2_DEPLOYER,
            b256!("0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989"),
        ),
        (MULTICALL3, b256!("0xd5c15df687b16f2ff992fc8d767b4216323184a2bbc6ee2f9c398c318e770891")),
    ] {
        assert_eq!(keccak256(code(contract)), hash, "{contract}");
    }
}

#[test]
fn permit2_is_what_its_constructor_makes_on_this_chain() {
    // Given a chain without it,
    let mut spec = crate::support::spec();
    let expected = spec.alloc.remove(&PERMIT2).unwrap().code;
    let folder = tempfile::tempdir().unwrap();
    let world = World { chain: crate::support::open(folder.path(), &spec).unwrap(), folder };

    // when it is made there as on every chain,
    let mut runtime = code(PERMIT2).to_vec();
    for at in [6_945, 6_983] {
        runtime[at..at + 32].fill(0);
    }
    let input = creation(&[PERMIT2_SALT.as_slice(), PERMIT2_CONSTRUCTOR].concat(), &runtime);
    let make = TxEip1559 { input, gas_limit: 5_000_000, ..template(0, CREATE2_DEPLOYER) };
    world.run([sign(1, make)]);

    // then it has the address, and the code that the genesis state gives it.
    assert_eq!(world.code_at_head(PERMIT2), expected);
    assert_eq!(world.ask(PERMIT2, &DOMAIN_SEPARATORCall {}), permit2_domain(DEV_CHAIN_ID));
}

#[test]
fn multicall3_calls_many() {
    let world = World::new();
    let token = face_address("USD".parse().unwrap());
    let calls = vec![
        Call3 {
            target: token,
            allowFailure: false,
            callData: balanceOfCall { account: DEV_ACCOUNTS[0] }.abi_encode().into(),
        },
        Call3 { target: token, allowFailure: true, callData: bytes!("01020304") },
        Call3 {
            target: MULTICALL3,
            allowFailure: false,
            callData: getChainIdCall {}.abi_encode().into(),
        },
    ];
    let results = world.ask(MULTICALL3, &aggregate3Call { calls });
    let succeeded: Vec<_> = results.iter().map(|result| result.success).collect();
    assert_eq!(succeeded, [true, false, true]);
    assert_eq!(U256::from_be_slice(&results[0].returnData), U256::from(1_000_000));
    assert_eq!(U256::from_be_slice(&results[2].returnData), U256::from(DEV_CHAIN_ID));
}

#[test]
fn permit2_moves_ledger_money_by_signature() {
    let world = World::new();
    let token = face_address("USD".parse().unwrap());
    let (owner, spender, payee) = (DEV_ACCOUNTS[2], DEV_ACCOUNTS[3], DEV_ACCOUNTS[4]);

    // Given an owner who lets Permit2 move its money, and signs for a spender,
    let approve = approveCall { spender: PERMIT2, value: U256::MAX };
    let permit_single = PermitSingle {
        details: PermitDetails {
            token,
            amount: alloy_primitives::aliases::U160::from(2_500),
            expiration: alloy_primitives::aliases::U48::MAX,
            nonce: alloy_primitives::aliases::U48::ZERO,
        },
        spender,
        sigDeadline: U256::MAX,
    };
    let domain = Eip712Domain {
        name: Some("Permit2".into()),
        chain_id: Some(U256::from(DEV_CHAIN_ID)),
        verifying_contract: Some(PERMIT2),
        ..Eip712Domain::default()
    };
    assert_eq!(domain.separator(), permit2_domain(DEV_CHAIN_ID));
    let hash = permit_single.eip712_signing_hash(&domain);
    let signature = signer(2).sign_hash_sync(&hash).unwrap().as_bytes().to_vec().into();
    let permit = permitCall { owner, permitSingle: permit_single, signature };

    // when the spender presents it and takes the money,
    let take = transferFromCall {
        from: owner,
        to: payee,
        amount: alloy_primitives::aliases::U160::from(2_500),
        token,
    };
    world.run([
        call(2, 0, token, approve.abi_encode()),
        call(3, 0, PERMIT2, permit.abi_encode()),
        call(3, 1, PERMIT2, take.abi_encode()),
    ]);

    // then the payee has it.
    let balance = |account| world.ask(token, &balanceOfCall { account });
    assert_eq!(balance(owner), U256::from(1_000_000 - 2_500));
    assert_eq!(balance(payee), U256::from(1_000_000 + 2_500));
}

#[test]
fn both_factories_make_contracts_where_create2_says() {
    let world = World::new();
    let salt = B256::repeat_byte(7);
    let through_proxy: Bytes = [salt.as_slice(), &CHILD_INIT].concat().into();
    let through_factory = deployCall { initCode: CHILD_INIT.to_vec().into(), salt };
    world.run([
        call(1, 0, CREATE2_DEPLOYER, through_proxy),
        call(1, 1, SINGLETON_FACTORY, through_factory.abi_encode()),
    ]);
    for factory in [CREATE2_DEPLOYER, SINGLETON_FACTORY] {
        let made = factory.create2(salt, keccak256(CHILD_INIT));
        assert_eq!(world.code_at_head(made), bytes!("33ff"), "{factory}");
    }
}

#[test]
fn the_addresses_are_the_usual_ones() {
    assert_eq!(
        predeploys(1).into_keys().collect::<Vec<_>>(),
        [
            address!("0x000000000022D473030F116dDEE9F6B43aC78BA3"),
            address!("0x4e59b44847b379578588920cA78FbF26c0B4956C"),
            address!("0xcA11bde05977b3631167028862bE2a173976CA11"),
            address!("0xce0042B868300000d44A59004Da54A005ffdcf9f"),
        ]
    );
}
