//! Long random histories against two other implementations: alloy-trie from scratch, and eth_trie
//! step by step; and proofs of many keys against alloy-trie.
//!
//! `QENEX_TRIE_OPS` and `QENEX_PROOF_KEYS` choose how many (1,000,000 and 100,000 in the long run).

use eth_trie::{EthTrie, MemoryDB, Trie};

use super::*;

const OPS_A_BLOCK: u64 = 1_000;
const ACCOUNTS: u32 = 20_000;
const CONTRACTS: u32 = 20;
const SLOTS: u32 = 5_000;

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

fn address(index: u32) -> Address {
    Address::from_word(B256::from(U256::from(index)))
}

fn slot(index: u32) -> B256 {
    B256::from(U256::from(index))
}

fn trie() -> EthTrie<MemoryDB> {
    // Keeps all nodes: what it would remove may be in use elsewhere in the trie.
    EthTrie::new(Arc::new(MemoryDB::new(false)))
}

/// The second implementation: an account trie, and a storage trie for each contract.
struct Other {
    accounts: EthTrie<MemoryDB>,
    storage: BTreeMap<B256, EthTrie<MemoryDB>>,
}

impl Other {
    fn apply(&mut self, changes: &StateChanges, model: &BTreeMap<B256, AccountInfo>) -> B256 {
        for ah in &changes.wiped {
            self.storage.insert(*ah, trie());
        }
        for (ah, slots) in &changes.storage {
            let storage = self.storage.entry(*ah).or_insert_with(trie);
            for (sh, value) in slots {
                if value.is_zero() {
                    storage.remove(sh.as_slice()).unwrap();
                } else {
                    storage.insert(sh.as_slice(), &slot_value(*value)).unwrap();
                }
            }
        }
        for ah in changes.accounts.keys().chain(changes.storage.keys()) {
            let Some(info) = model.get(ah) else {
                self.storage.remove(ah);
                self.accounts.remove(ah.as_slice()).unwrap();
                continue;
            };
            let storage_root = match self.storage.get_mut(ah) {
                Some(storage) => B256::from(storage.root_hash().unwrap().0),
                None => EMPTY_ROOT_HASH,
            };
            let account = Account {
                nonce: info.nonce,
                balance: info.balance,
                code_hash: info.code_hash,
                storage_root,
            };
            self.accounts.insert(ah.as_slice(), &leaf_value(&account)).unwrap();
        }
        B256::from(self.accounts.root_hash().unwrap().0)
    }
}

/// A block of random changes of many accounts, and of the slots of a few.
fn block(rng: &mut StdRng, model: &mut BTreeMap<B256, AccountInfo>) -> StateChanges {
    let mut block = StateChanges::default();
    for _ in 0..OPS_A_BLOCK {
        let contract = rng.random_range(0..CONTRACTS);
        match rng.random_range(0..100_u8) {
            0..50 => {
                let ah = keccak256(address(rng.random_range(0..ACCOUNTS)));
                let new = info(rng.random_range(1..1_000));
                block.accounts.insert(ah, Some(new));
                model.insert(ah, new);
            }
            50..60 => {
                // Not of those with storage: a whole one goes below.
                let ah = keccak256(address(rng.random_range(CONTRACTS..ACCOUNTS)));
                block.accounts.insert(ah, None);
                model.remove(&ah);
            }
            60 if rng.random_bool(0.05) => {
                let ah = keccak256(address(contract));
                block.wiped.insert(ah);
                block.storage.remove(&ah);
                block.accounts.insert(ah, Some(info(1)));
                model.insert(ah, info(1));
            }
            _ => {
                let ah = keccak256(address(contract));
                model.entry(ah).or_insert_with(|| {
                    block.accounts.insert(ah, Some(info(1)));
                    info(1)
                });
                let value = U256::from(rng.random_range(0..4_u64));
                let sh = keccak256(slot(rng.random_range(0..SLOTS)));
                block.storage.entry(ah).or_default().insert(sh, value);
            }
        }
    }
    block
}

#[test]
fn a_long_history_has_the_roots_of_two_other_implementations_and_proofs_hold() {
    let ops = setting("QENEX_TRIE_OPS", 20_000);
    let dir = tempfile::tempdir().unwrap();
    let tree = StateTree::open(store(&dir), TreeOptions::default()).unwrap();
    let mut rng = StdRng::seed_from_u64(ops);
    let (mut infos, mut model) = (BTreeMap::new(), Model::default());
    let mut other = Other { accounts: trie(), storage: BTreeMap::new() };
    for number in 0..ops.div_ceil(OPS_A_BLOCK) {
        let changes = block(&mut rng, &mut infos);
        model.apply(&changes);
        let pending = tree.head().apply(&changes).unwrap();
        assert_eq!(pending.root(), other.apply(&changes, &infos), "eth_trie, block {number}");
        if number % 50 == 0 {
            assert_eq!(pending.root(), model.root(), "alloy-trie, block {number}");
        }
        let hash = keccak256(number.to_be_bytes());
        tree.insert(pending.seal(hash)).unwrap();
        tree.commit(&hash).unwrap();
    }
    let state = tree.head();
    assert_eq!(state.root(), model.root(), "alloy-trie at the end");

    let (mut present, mut absent) = (0_u64, 0_u64);
    let mut count = |there: bool| *if there { &mut present } else { &mut absent } += 1;
    let keys = setting("QENEX_PROOF_KEYS", 2_000);
    for _ in 0..keys / 10 {
        let of = match rng.random_range(0..4_u8) {
            0 => rng.random_range(0..2 * ACCOUNTS),
            _ => rng.random_range(0..CONTRACTS),
        };
        let slots: Vec<_> = (0..9).map(|_| slot(rng.random_range(0..SLOTS * 5 / 4))).collect();
        let proof = state.proof(address(of), &slots).unwrap();
        let ah = keccak256(address(of));
        let expected = infos.contains_key(&ah).then(|| state.account(&ah).unwrap().unwrap());
        assert_eq!(proof.account, expected);
        let value = proof.account.as_ref().map(leaf_value);
        count(value.is_some());
        verify_proof(state.root(), Nibbles::unpack(ah), value, &proof.account_proof).unwrap();
        let root = proof.account.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
        for (slot, storage) in slots.iter().zip(&proof.storage) {
            let sh = keccak256(slot);
            assert_eq!(storage.value, model.slot(&ah, &sh));
            let value = (!storage.value.is_zero()).then(|| slot_value(storage.value));
            count(value.is_some());
            verify_proof(root, Nibbles::unpack(sh), value, &storage.proof).unwrap();
        }
    }
    println!("{ops} operations; {present} keys proven present, {absent} absent");
    assert!(present > keys / 20 && absent > keys / 20);
}
