//! What a chain for development takes, and one of validators does not.

use alloy_consensus::TxEip1559;
use alloy_primitives::TxKind;
use qenex_trie::TreeOptions;

use super::*;
use crate::AccountOverride;

/// Accounts: one with a key and with code, which on a network may not send.
fn alloc(signer: &PrivateKeySigner) -> BTreeMap<Address, Alloc> {
    let account =
        Alloc { balance: U256::from(10).pow(U256::from(18)), code: vec![0], ..Default::default() };
    let contracts = system_contracts();
    let contracts = contracts.into_iter().map(|(address, code)| {
        (address, Alloc { nonce: 1, code: code.to_vec(), ..Default::default() })
    });
    contracts.chain([(signer.address(), account)]).collect()
}

/// Whether the account's transaction gets into a block.
fn takes_transaction(chain: &Chain, signer: &PrivateKeySigner) -> bool {
    let transaction = TxEip1559 {
        chain_id: CHAIN_ID,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000,
        to: TxKind::Call(Address::repeat_byte(0xaa)),
        ..Default::default()
    };
    let mut queue = Queue { waiting: [sign(signer, transaction)].into(), refused: 0 };
    let head = chain.head();
    let limits = BuildLimits::default();
    let (_, built) = chain.build(head.hash, attributes(&head.header), &mut queue, limits).unwrap();
    assert_eq!((built.included, built.refused), (1 - queue.refused, queue.refused));
    queue.refused == 0
}

#[test]
fn only_a_chain_for_development_takes_state_by_hand_and_transactions_of_contracts() {
    let signer = PrivateKeySigner::from_slice(&[7; 32]).unwrap();
    let alloc = alloc(&signer);
    let someone = Address::repeat_byte(0xbb);
    let rich = AccountOverride { balance: Some(U256::from(5)), ..Default::default() };
    let rich = BTreeMap::from([(someone, rich)]);

    let folder = tempfile::tempdir().unwrap();
    let network = open(&folder, &alloc);
    let head = network.head();
    let refused = network.build_by_hand(attributes(&head.header), &rich).unwrap_err();
    assert!(matches!(refused, ExecError::ByHand(_)), "{refused}");
    assert!(!takes_transaction(&network, &signer));

    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &StoreOptions::default()).unwrap();
    let spec = Arc::new(spec());
    let options = TreeOptions::default();
    let chain = Chain::open_development(spec.clone(), store, &changes(&alloc), options).unwrap();
    assert_eq!(chain.head().hash, head.hash, "the same genesis");
    assert!(takes_transaction(&chain, &signer));
    let made = chain.build_by_hand(attributes(&head.header), &rich).unwrap();
    chain.finalise(&[(made.block.hash, Bytes::new())]).unwrap();
    assert_eq!(chain.head_account(someone).unwrap().unwrap().balance, U256::from(5));
    assert_eq!(chain.account(0, someone).unwrap(), None);

    // Slots of an account that says nothing would be lost without a word.
    let state_diff = BTreeMap::from([(U256::from(1), U256::from(2))]);
    let slots = AccountOverride { state_diff, ..Default::default() };
    let nobody = BTreeMap::from([(Address::repeat_byte(0xcc), slots.clone())]);
    let attributes = attributes(&chain.head().header);
    let refused = chain.build_by_hand(attributes, &nobody).unwrap_err();
    assert!(refused.to_string().contains("has no balance, nonce or code"), "{refused}");
    let made = chain.build_by_hand(attributes, &BTreeMap::from([(someone, slots)])).unwrap();
    chain.finalise(&[(made.block.hash, Bytes::new())]).unwrap();
    assert_eq!(chain.storage_at(2, someone, U256::from(1)).unwrap(), U256::from(2));

    // A written state is found again; a validator refuses what it cannot execute again.
    let state = chain.head().header.state_root;
    let flushed = tempfile::tempdir().unwrap();
    let unflushed = flushed.path().join("unflushed");
    chain.checkpoint(&unflushed).unwrap();
    chain.flush().unwrap();
    drop(chain);
    let store = Store::open(folder.path(), &StoreOptions::default()).unwrap();
    let again = Chain::open_development(spec.clone(), store, &changes(&alloc), options).unwrap();
    assert_eq!(again.head().header.state_root, state);
    let store = Store::open(&unflushed, &StoreOptions::default()).unwrap();
    assert!(Chain::open(spec, store, changes(&alloc)).is_err());
}
