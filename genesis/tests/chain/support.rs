//! A development network whose gateway is the first development account, with contracts of a few
//! dozen bytes to call things through.

use std::{collections::VecDeque, path::Path, sync::Arc, time::Duration};

use alloy_consensus::{Header, SignableTransaction, Signed, TxEip1559, transaction::Recovered};
use alloy_primitives::{
    Address, B256, Bytes, FixedBytes, Log, Signature, TxKind, U256, address, hex, keccak256,
};
use alloy_signer::SignerSync;
use alloy_signer_local::{MnemonicBuilder, PrivateKeySigner};
use alloy_sol_types::SolCall;
use qenex_exec::{
    BlockAttributes, BuildLimits, Candidates, Chain, ExecError, ExecutedBlock, SealedBlock,
};
use qenex_genesis::{DEV_ACCOUNTS, DEV_MNEMONIC, development, state_changes};
use qenex_precompiles::ILedger;
use qenex_store::{Store, StoreOptions};
use qenex_types::{ChainSpec, GenesisAccount, LedgerAccountSpec, PooledTransaction, Transaction};

/// Gets the priority fees.
pub(crate) const BENEFICIARY: Address = Address::repeat_byte(0xbe);
/// Pass a call on to the address in the first word of their input; slot 0 is then 1 plus whether it
/// succeeded, and what it returned or reverted with is returned. By CALL with the value received, ..
pub(crate) const CALLER: Address = address!("0x00000000000000000000000000000000000ca110");
/// .. by DELEGATECALL, ..
pub(crate) const DELEGATOR: Address = address!("0x00000000000000000000000000000000000ca114");
/// .. by STATICCALL.
pub(crate) const STATIC_CALLER: Address = address!("0x00000000000000000000000000000000000ca11a");
/// Stores BLOCKHASH(NUMBER - i) in slot i, for i from 1 to 4.
pub(crate) const HASHES: Address = address!("0x000000000000000000000000000000000000ba54");
/// Creates [`CHILD_INIT`] by CREATE2 with salt 0; calls it if there is input.
pub(crate) const FACTORY: Address = address!("0x00000000000000000000000000000000000fac70");

/// Stores the block's number in slot 1; the code it leaves is `CALLER SELFDESTRUCT`.
pub(crate) const CHILD_INIT: [u8; 16] = hex!("43600155 6133ff 600052 6002 601e f3 00");

pub(crate) const USD: FixedBytes<3> = FixedBytes(*b"USD");

/// Runtime code that passes a call on by `opcode`.
fn forwarder(opcode: u8) -> Bytes {
    let mut code = hex!("6020360360206000 37 60006000 602036036000").to_vec();
    if opcode == 0xf1 {
        code.push(0x34); // CALLVALUE
    }
    code.extend([0x60, 0, 0x35, 0x5a, opcode]);
    code.extend(hex!("600101600055 3d600060003e 3d6000f3"));
    code.into()
}

fn hashes() -> Bytes {
    (1..=4_u8).flat_map(|i| [0x60, i, 0x43, 0x03, 0x40, 0x60, i, 0x55]).collect()
}

fn factory() -> Bytes {
    let mut code = vec![0x6f]; // PUSH16
    code.extend(CHILD_INIT);
    // MSTORE(0), CREATE2(0, 16, 16, 0)
    code.extend(hex!("600052 6000 6010 6010 6000 f5"));
    // if CALLDATASIZE != 0: CALL(child)
    let end = u8::try_from(code.len() + 4 + 15).unwrap();
    code.extend([0x36, 0x15, 0x60, end, 0x57]);
    code.extend(hex!("60006000600060006000 85 5a f1 50"));
    code.extend([0x5b, 0x00]);
    code.into()
}

/// Where [`FACTORY`] creates.
pub(crate) fn child() -> Address {
    FACTORY.create2(B256::ZERO, keccak256(CHILD_INIT))
}

pub(crate) fn spec() -> ChainSpec {
    let mut spec = development(Vec::new(), DEV_ACCOUNTS[0], 1_700_000_000_000);
    let contracts = [
        (CALLER, forwarder(0xf1)),
        (DELEGATOR, forwarder(0xf4)),
        (STATIC_CALLER, forwarder(0xfa)),
        (HASHES, hashes()),
        (FACTORY, factory()),
    ];
    for (address, code) in contracts {
        spec.alloc.insert(address, GenesisAccount { nonce: 1, code, ..GenesisAccount::default() });
    }
    spec.ledger.accounts.push(LedgerAccountSpec {
        id: CALLER,
        owner: CALLER,
        account_type: "CONTRACT".into(),
        jurisdiction: "US".into(),
        currency: "USD".into(),
        balances: [("USD".to_owned(), "500.00".to_owned())].into(),
    });
    spec
}

pub(crate) fn open(folder: &Path, spec: &ChainSpec) -> Result<Chain, ExecError> {
    let store = Store::open(folder, &StoreOptions::default()).unwrap();
    Chain::open(Arc::new(spec.clone()), store, state_changes(spec).unwrap())
}

/// A chain in its own folder.
pub(crate) struct World {
    pub(crate) chain: Chain,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { chain: open(folder.path(), &spec()).unwrap(), folder }
    }

    /// Builds on `parent`; panics if a transaction is refused.
    pub(crate) fn build(
        &self,
        parent: &SealedBlock,
        transactions: impl IntoIterator<Item = PooledTransaction>,
    ) -> ExecutedBlock {
        self.build_salted(parent, transactions, 0)
    }

    /// The same, with a `salt` that makes siblings different.
    pub(crate) fn build_salted(
        &self,
        parent: &SealedBlock,
        transactions: impl IntoIterator<Item = PooledTransaction>,
        salt: u8,
    ) -> ExecutedBlock {
        let attributes =
            BlockAttributes { prev_randao: B256::repeat_byte(salt), ..attributes(&parent.header) };
        let mut queue = Queue(transactions.into_iter().collect());
        let limits = BuildLimits { time: Duration::from_secs(60), ..BuildLimits::default() };
        self.chain.build(parent.hash, attributes, &mut queue, limits).unwrap().0
    }

    /// Builds on the head and makes it final.
    pub(crate) fn run(
        &self,
        transactions: impl IntoIterator<Item = PooledTransaction>,
    ) -> Arc<SealedBlock> {
        let built = self.build(&self.chain.head(), transactions);
        self.finalise(&[&built]);
        built.block
    }

    pub(crate) fn finalise(&self, blocks: &[&ExecutedBlock]) {
        let proven: Vec<_> = blocks.iter().map(|b| (b.block.hash, Bytes::new())).collect();
        self.chain.finalise(&proven).unwrap();
    }

    /// A slot at the head.
    pub(crate) fn slot(&self, address: Address, slot: u64) -> U256 {
        let number = self.chain.head().header.number;
        self.chain.storage_at(number, address, U256::from(slot)).unwrap()
    }

    /// Posted minor units of USD at the head.
    pub(crate) fn posted(&self, account: Address) -> u128 {
        let call = ILedger::balanceOfCall { account, currency: USD };
        let request = qenex_exec::CallRequest {
            to: TxKind::Call(qenex_precompiles::LEDGER),
            data: call.abi_encode().into(),
            ..Default::default()
        };
        let number = self.chain.head().header.number;
        let done = self.chain.call(number, &request, &Default::default(), 1_000_000).unwrap();
        ILedger::balanceOfCall::abi_decode_returns(&done.output).unwrap().posted
    }
}

pub(crate) fn attributes(parent: &Header) -> BlockAttributes {
    BlockAttributes {
        timestamp: parent.timestamp + 2,
        beneficiary: BENEFICIARY,
        prev_randao: B256::ZERO,
        consensus_hash: keccak256(parent.number.to_be_bytes()),
    }
}

struct Queue(VecDeque<PooledTransaction>);

impl Candidates for Queue {
    fn next(&mut self) -> Option<PooledTransaction> {
        self.0.pop_front()
    }

    fn refuse(&mut self, _: &PooledTransaction, reason: &str) {
        panic!("refused: {reason}");
    }
}

/// Key of a development account.
pub(crate) fn signer(index: u32) -> PrivateKeySigner {
    MnemonicBuilder::from_phrase_nth(DEV_MNEMONIC, index)
}

pub(crate) fn sign<T>(index: u32, transaction: T) -> PooledTransaction
where
    T: SignableTransaction<Signature>,
    Transaction: From<Signed<T>>,
{
    let signer = signer(index);
    let signature = signer.sign_hash_sync(&transaction.signature_hash()).unwrap();
    let signed = Transaction::from(transaction.into_signed(signature));
    Arc::new(Recovered::new_unchecked(signed, signer.address()))
}

/// A transaction with all fields but the usual ones set: 5 gwei at most, 1 gwei of them as tip.
pub(crate) fn template(nonce: u64, to: Address) -> TxEip1559 {
    TxEip1559 {
        chain_id: qenex_genesis::DEV_CHAIN_ID,
        nonce,
        gas_limit: 1_000_000,
        max_fee_per_gas: 5_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(to),
        ..TxEip1559::default()
    }
}

/// A call of a development account.
pub(crate) fn call(
    index: u32,
    nonce: u64,
    to: Address,
    input: impl Into<Bytes>,
) -> PooledTransaction {
    sign(index, TxEip1559 { input: input.into(), ..template(nonce, to) })
}

/// A plain payment of a development account.
pub(crate) fn pay(index: u32, nonce: u64, to: Address, wei: u64) -> PooledTransaction {
    sign(index, TxEip1559 { value: U256::from(wei), ..template(nonce, to) })
}

/// The input for a forwarder.
pub(crate) fn through(target: Address, input: &[u8]) -> Vec<u8> {
    [target.into_word().as_slice(), input].concat()
}

/// A ledger payment in USD without memo.
pub(crate) fn payment(reference: u128, from: Address, to: Address, amount: u128) -> Vec<u8> {
    ILedger::transferCall {
        clientReference: FixedBytes(reference.to_be_bytes()),
        from,
        to,
        currency: USD,
        amount,
        endToEndId: B256::ZERO,
        payloadHash: B256::ZERO,
    }
    .abi_encode()
}

/// All logs of a block.
pub(crate) fn logs(block: &SealedBlock) -> Vec<Log> {
    block.receipts.iter().flat_map(|receipt| receipt.logs.clone()).collect()
}
