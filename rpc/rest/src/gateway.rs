//! The gateway's key: signs calls to engines, numbers them, and waits until they are final.
//!
//! Invariant: nonces are given out under one lock and only once a transaction is admitted, so the
//! gateway's transactions never have a gap. What a final transaction did is not asked here: the
//! caller looks at the chain, which is the only answer that holds after a restart too.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::{eip2718::Encodable2718, eip2930::AccessList};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use parking_lot::Mutex;
use qenex_exec::{Chain, SealedBlock};
use qenex_types::Transaction;
use tokio::sync::{broadcast, oneshot};

/// Hands a signed transaction to the pool and answers its hash, or why the pool refuses it.
pub type Submit = Box<dyn Fn(Bytes) -> Result<B256, String> + Send + Sync>;

/// Priority fee, wei per gas: payments go before transactions that offer nothing.
const PRIORITY_FEE: u128 = 1_000_000_000;

/// The fee cap is this many times the base fee: it holds through 22 full blocks.
const BASE_FEE_MARGIN: u128 = 16;

/// Most nonces skipped because the pool holds other transactions of the key (a gateway that was
/// restarted, or a second one): the pool's own limit for one sender.
const MAX_SKIPPED: usize = 1_024;

/// How often waiting transactions are checked without a new block.
const TICK: Duration = Duration::from_secs(1);

/// Ticks without progress after which waiting transactions are handed in again.
const RESUBMIT_AFTER: u32 = 3;

/// Transactions handed in again at a time.
const RESUBMIT_COUNT: usize = 64;

/// Ticks without progress after which the gateway stops waiting and starts over from the chain.
const GIVE_UP_AFTER: u32 = 60;

/// The relayer of a node.
pub struct Gateway {
    signer: PrivateKeySigner,
    chain: Arc<Chain>,
    submit: Submit,
    /// The next nonce; locked from choosing a nonce until its transaction is admitted.
    next: Mutex<u64>,
    /// Admitted transactions whose nonce the chain has not passed yet.
    waiting: Mutex<BTreeMap<u64, Sent>>,
}

/// An admitted transaction.
struct Sent {
    raw: Bytes,
    /// Told once the chain has passed the nonce, or the gateway has given up.
    done: oneshot::Sender<()>,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Gateway {
    /// A gateway that signs with `signer`. It finds its nonce on the chain.
    #[must_use]
    pub fn new(signer: PrivateKeySigner, chain: Arc<Chain>, submit: Submit) -> Self {
        let (next, waiting) = Default::default();
        Self { signer, chain, submit, next, waiting }
    }

    /// The address of the key: the owner of custodial accounts.
    #[must_use]
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// Transactions admitted and not yet final.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.waiting.lock().len()
    }

    /// The chain whose state counts.
    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Signs a call and hands it to the pool. The receiver is told when the chain has passed the
    /// transaction's nonce, whatever came of it.
    ///
    /// # Errors
    ///
    /// The pool's reason, or the signer's or the store's; then nothing was sent.
    pub(crate) fn send(
        &self,
        to: Address,
        input: &Bytes,
        gas_limit: u64,
    ) -> Result<oneshot::Receiver<()>, String> {
        let mut next = self.next.lock();
        let on_chain = self.nonce()?;
        // With nothing in flight the chain alone is right; it also heals what went wrong before.
        let idle = self.waiting.lock().is_empty();
        *next = if idle { on_chain } else { on_chain.max(*next) };
        for _ in 0..MAX_SKIPPED {
            let nonce = *next;
            let raw = self.sign(nonce, to, input.clone(), gas_limit)?;
            let (done, receiver) = oneshot::channel();
            // Before handing in: a block with it may be final before `submit` returns.
            self.waiting.lock().insert(nonce, Sent { raw: raw.clone(), done });
            match (self.submit)(raw) {
                Ok(_) => {
                    *next = nonce.saturating_add(1);
                    return Ok(receiver);
                }
                Err(reason) if reason.starts_with("already known") => {
                    *next = nonce.saturating_add(1);
                    return Ok(receiver);
                }
                Err(reason) => {
                    self.waiting.lock().remove(&nonce);
                    let taken = reason.starts_with("nonce too low")
                        || reason.starts_with("replacement transaction underpriced");
                    if !taken {
                        return Err(reason);
                    }
                    *next = self.nonce()?.max(nonce.saturating_add(1));
                }
            }
        }
        Err("the gateway's key has too many transactions in flight elsewhere".into())
    }

    /// The key's nonce on the chain.
    fn nonce(&self) -> Result<u64, String> {
        let account = self.chain.head_account(self.address()).map_err(|error| error.to_string())?;
        Ok(account.map_or(0, |account| account.nonce))
    }

    fn sign(&self, nonce: u64, to: Address, input: Bytes, gas: u64) -> Result<Bytes, String> {
        let rules = self.chain.rules();
        let base_fee = u128::from(rules.next_base_fee(&self.chain.head().header));
        let transaction = TxEip1559 {
            chain_id: rules.chain_id(),
            nonce,
            gas_limit: gas,
            max_fee_per_gas: base_fee.saturating_mul(BASE_FEE_MARGIN).saturating_add(PRIORITY_FEE),
            max_priority_fee_per_gas: PRIORITY_FEE,
            to: TxKind::Call(to),
            value: U256::ZERO,
            access_list: AccessList::default(),
            input,
        };
        let signature = self
            .signer
            .sign_hash_sync(&transaction.signature_hash())
            .map_err(|error| error.to_string())?;
        let envelope = Transaction::Eip1559(transaction.into_signed(signature));
        Ok(envelope.encoded_2718().into())
    }

    /// Follows final blocks until their sender is gone.
    pub(crate) async fn run(self: Arc<Self>, mut heads: broadcast::Receiver<Arc<SealedBlock>>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut lowest = None;
        let mut stalled = 0_u32;
        loop {
            tokio::select! {
                head = heads.recv() => match head {
                    Ok(block) => self.on_block(&block),
                    // Blocks were missed: the chain knows how far it is.
                    Err(broadcast::error::RecvError::Lagged(_)) => self.catch_up(),
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                _ = tick.tick() => {
                    self.catch_up();
                    let first = self.waiting.lock().keys().next().copied();
                    let stuck = first.is_some() && first == lowest;
                    stalled = if stuck { stalled.saturating_add(1) } else { 0 };
                    lowest = first;
                    self.nudge(stalled).await;
                }
            }
        }
    }

    fn on_block(&self, block: &SealedBlock) {
        let address = self.address();
        let mine = block.next_nonces().filter(|(sender, _)| *sender == address);
        if let Some(next) = mine.map(|(_, next)| next).max() {
            self.pass(next);
        }
    }

    fn catch_up(&self) {
        match self.nonce() {
            Ok(next) => self.pass(next),
            Err(reason) => tracing::error!(reason, "the gateway cannot read its nonce"),
        }
    }

    /// Everything below nonce `next` is decided.
    fn pass(&self, next: u64) {
        let mut waiting = self.waiting.lock();
        let rest = waiting.split_off(&next);
        let decided = std::mem::replace(&mut *waiting, rest);
        drop(waiting);
        for sent in decided.into_values() {
            // Nobody listens if the client's request was given up.
            let _ = sent.done.send(());
        }
    }

    /// The transactions that wait with the lowest nonces.
    fn oldest(&self) -> Vec<Bytes> {
        self.waiting.lock().values().take(RESUBMIT_COUNT).map(|sent| sent.raw.clone()).collect()
    }

    /// Hands in again what does not get final, and in the end gives up.
    async fn nudge(self: &Arc<Self>, stalled: u32) {
        if stalled >= GIVE_UP_AFTER && stalled.is_multiple_of(GIVE_UP_AFTER) {
            tracing::error!(in_flight = self.in_flight(), "payments are stuck: starting over");
            self.pass(u64::MAX);
        } else if stalled >= RESUBMIT_AFTER && stalled.is_multiple_of(RESUBMIT_AFTER) {
            let raws = self.oldest();
            let gateway = self.clone();
            let resubmit = move || {
                for raw in raws {
                    if let Err(reason) = (gateway.submit)(raw) {
                        tracing::debug!(reason, "handed in again");
                    }
                }
            };
            if tokio::task::spawn_blocking(resubmit).await.is_err() {
                tracing::error!("handing in again failed");
            }
        }
    }
}
