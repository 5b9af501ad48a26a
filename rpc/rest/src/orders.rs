//! Carries orders out: looks, tries, sends, waits, looks again.
//!
//! The chain decides what an order came to. An order that is there already is answered and not sent;
//! one that the engine would refuse is refused before it costs anything; one that was sent is answered
//! with what the chain then holds. So an order has one effect however often it is asked for.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::SolCall;
use parking_lot::Mutex;
use qenex_precompiles::{ACCOUNTS, IAccounts, ILedger, LEDGER, ledger::records::transfer_id};
use qenex_types::{Amount, AmountError, ErrorCode, TransferKind};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, timeout_at},
};

use crate::{
    gateway::Gateway,
    model::{Account, Ordered, Transaction},
    problem::Problem,
    reference::IdempotencyKey,
    request::{NewAccount, NewPayment},
    view::{Trial, View, currency_of},
};

/// Questions to the chain that run at a time; the others wait. Two cores need no more.
const MAX_READERS: usize = 16;

/// Orders sent and not yet final; below the pool's limit for one sender.
const MAX_IN_FLIGHT: usize = 1_000;

/// Gas on top of what the trial used: another state may need four more fresh storage words.
const GAS_MARGIN: u64 = 120_000;

/// Times an order is sent before the gateway gives up.
const MAX_ATTEMPTS: usize = 3;

/// Rejected payments remembered for readers.
const MAX_REJECTED: usize = 1_000;

/// Something the gateway does for a client.
pub(crate) trait Order: Send + Sync + 'static {
    /// What the client gets.
    type Answer: Send + 'static;

    /// Names the effect: two orders with the same id are the same order, or contradict each other.
    fn id(&self) -> B256;

    /// The engine and the call.
    fn call(&self) -> (Address, Bytes);

    /// Digits after the decimal point in messages about money.
    fn exponent(&self) -> u8;

    /// What readers see while it is on its way.
    fn pending(&self) -> Option<Transaction>;

    /// What the chain holds of it; a problem if it holds something that contradicts it.
    fn look(&self, view: &View<'_>, progress: Progress) -> Result<Option<Self::Answer>, Problem>;
}

/// Whether this gateway sent the order just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Not yet.
    New,
    /// Yes: what the chain holds is this order's own effect.
    Sent,
}

/// How far an order is.
pub(crate) enum Outcome<A> {
    /// Final.
    Done {
        /// What the chain holds.
        answer: A,
        /// It was so before this request.
        replayed: bool,
    },
    /// On its way; the client asks again.
    Pending,
}

enum Step<A> {
    Done(A),
    Send { gas: u64 },
}

/// The orders of a gateway.
#[derive(Debug)]
pub(crate) struct Orders {
    gateway: Arc<Gateway>,
    readers: Arc<Semaphore>,
    in_flight: Arc<Semaphore>,
    active: Mutex<BTreeMap<B256, Active>>,
    rejected: Mutex<VecDeque<(B256, Transaction)>>,
}

/// An order that is running.
#[derive(Debug)]
struct Active {
    /// Closed when it ends.
    ended: watch::Receiver<()>,
    shown: Option<Transaction>,
}

/// The right to run one order; others with its id wait.
struct Turn {
    orders: Arc<Orders>,
    id: B256,
    _ended: watch::Sender<()>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Before the channel closes, so that who wakes up finds the place free.
        self.orders.active.lock().remove(&self.id);
    }
}

impl Orders {
    pub(crate) fn new(gateway: Arc<Gateway>) -> Self {
        Self {
            gateway,
            readers: Arc::new(Semaphore::new(MAX_READERS)),
            in_flight: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            active: Mutex::default(),
            rejected: Mutex::default(),
        }
    }

    /// The gateway.
    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Asks the chain, on a thread that may block.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&View<'_>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let gateway = self.gateway.clone();
        self.blocking(move || question(&View::latest(gateway.chain()))).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let permit = self.readers.clone().acquire_owned().await.map_err(Problem::internal)?;
        let task = move || {
            let answer = work();
            drop(permit);
            answer
        };
        tokio::task::spawn_blocking(task).await.map_err(Problem::internal)?
    }

    /// Carries an order out and waits for it until `wait` is over; `patience` bounds the waiting for
    /// other requests before it is sent. Once sent, it goes on even if the client leaves.
    pub(crate) async fn execute<O: Order>(
        self: &Arc<Self>,
        order: O,
        wait: Duration,
        patience: Duration,
    ) -> Result<Outcome<O::Answer>, Problem> {
        let order = Arc::new(order);
        let now = Instant::now();
        let give_up = now.checked_add(patience).unwrap_or(now);
        let turn = self.turn(order.id(), give_up).await?;
        let gas = match self.prepare(&order, Progress::New).await? {
            Step::Done(answer) => return Ok(Outcome::Done { answer, replayed: true }),
            Step::Send { gas } => gas,
        };
        let place = timeout_at(give_up, self.in_flight.clone().acquire_owned())
            .await
            .map_err(|_| Problem::unavailable("too many payments are in flight", 1))?
            .map_err(Problem::internal)?;
        if let Some(active) = self.active.lock().get_mut(&turn.id) {
            active.shown = order.pending();
        }
        let task = tokio::spawn(self.clone().carry_out(order, gas, turn, place));
        let deadline = now.checked_add(wait).unwrap_or(now);
        match timeout_at(deadline, task).await {
            Ok(result) => {
                let answer = result.map_err(Problem::internal)??;
                Ok(Outcome::Done { answer, replayed: false })
            }
            Err(_) => Ok(Outcome::Pending),
        }
    }

    /// Waits until no other request with this id runs.
    async fn turn(self: &Arc<Self>, id: B256, give_up: Instant) -> Result<Turn, Problem> {
        loop {
            let mut ended = {
                let mut active = self.active.lock();
                match active.get(&id) {
                    Some(running) => running.ended.clone(),
                    None => {
                        let (sender, ended) = watch::channel(());
                        active.insert(id, Active { ended, shown: None });
                        return Ok(Turn { orders: self.clone(), id, _ended: sender });
                    }
                }
            };
            timeout_at(give_up, ended.changed())
                .await
                .map_err(|_| Problem::in_progress("a request with the same key is still running"))?
                .ok();
        }
    }

    async fn prepare<O: Order>(
        &self,
        order: &Arc<O>,
        progress: Progress,
    ) -> Result<Step<O::Answer>, Problem> {
        let order = order.clone();
        let sender = self.gateway.address();
        self.read(move |view| {
            if let Some(answer) = order.look(view, progress)? {
                return Ok(Step::Done(answer));
            }
            let (engine, data) = order.call();
            match view.attempt(sender, engine, data)? {
                Trial::Success { gas, .. } => Ok(Step::Send { gas }),
                Trial::Refused(refusal) => Err(Problem::engine(&refusal, order.exponent())),
            }
        })
        .await
    }

    async fn carry_out<O: Order>(
        self: Arc<Self>,
        order: Arc<O>,
        gas: u64,
        turn: Turn,
        _place: OwnedSemaphorePermit,
    ) -> Result<O::Answer, Problem> {
        let result = self.send_until_done(&order, gas).await;
        if let (Err(problem), Some(shown)) = (&result, order.pending()) {
            let mut rejected = self.rejected.lock();
            rejected.push_back((turn.id, shown.rejected(problem)));
            if rejected.len() > MAX_REJECTED {
                rejected.pop_front();
            }
        }
        drop(turn);
        result
    }

    async fn send_until_done<O: Order>(
        &self,
        order: &Arc<O>,
        mut gas: u64,
    ) -> Result<O::Answer, Problem> {
        for _ in 0..MAX_ATTEMPTS {
            let gateway = self.gateway.clone();
            let (engine, data) = order.call();
            let limit = gas.saturating_add(GAS_MARGIN);
            let sent = self
                .blocking(move || {
                    gateway.send(engine, &data, limit).map_err(|reason| {
                        tracing::warn!(reason, "the pool refuses the gateway's transaction");
                        Problem::unavailable(format!("the pool refuses: {reason}"), 1)
                    })
                })
                .await?;
            // Also if the channel broke: the look at the chain tells.
            let _ = sent.await;
            match self.prepare(order, Progress::Sent).await? {
                Step::Done(answer) => return Ok(answer),
                // It came to nothing though it could: the state changed in between. Once more.
                Step::Send { gas: again } => gas = again,
            }
        }
        Err(Problem::unavailable("the chain did not take the request", 5))
    }

    /// A payment that the chain does not hold: on its way, or rejected not long ago.
    pub(crate) fn unsettled(&self, id: B256) -> Option<Transaction> {
        if let Some(active) = self.active.lock().get(&id) {
            return active.shown.clone();
        }
        let rejected = self.rejected.lock();
        rejected.iter().rev().find(|(other, _)| *other == id).map(|(_, shown)| shown.clone())
    }
}

/// A payment, its currency and amount resolved.
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    pub(crate) ordered: Ordered,
}

impl Payment {
    /// Resolves what depends on the chain: the payer's currency, and with it the amount's digits.
    ///
    /// # Errors
    ///
    /// `UnknownAccount`, `UnknownCurrency`, `InvalidAmount`, `PrecisionTooFine`.
    pub(crate) fn resolve(
        view: &View<'_>,
        new: &NewPayment,
        key: &IdempotencyKey,
    ) -> Result<Self, Problem> {
        let currency = match new.currency {
            Some(currency) => currency,
            None => {
                let detail = format!("account {} is not open", new.from);
                let profile = view.profile(new.from)?.ok_or_else(|| {
                    Problem::new(ErrorCode::UnknownAccount, detail)
                        .with_field("from", "is not open")
                })?;
                currency_of(profile.homeCurrency)
                    .ok_or_else(|| Problem::internal("an account without home currency"))?
            }
        };
        let exponent = view.exponent(currency)?.ok_or_else(|| {
            Problem::field(
                ErrorCode::UnknownCurrency,
                "currency",
                format!("{currency} is not registered"),
            )
        })?;
        let amount = Amount::parse(&new.amount, exponent).map_err(|error| {
            let code = match error {
                AmountError::PrecisionTooFine { .. } => ErrorCode::PrecisionTooFine,
                AmountError::Malformed | AmountError::Overflow => ErrorCode::InvalidAmount,
            };
            Problem::field(code, "amount", error.to_string())
        })?;
        let reference = key.reference();
        Ok(Self {
            ordered: Ordered {
                id: transfer_id(new.from, reference),
                from: new.from,
                to: new.to,
                currency,
                exponent,
                amount,
                reference,
                end_to_end_id: new.end_to_end_id,
            },
        })
    }
}

impl Order for Payment {
    type Answer = Transaction;

    fn id(&self) -> B256 {
        self.ordered.id
    }

    fn call(&self) -> (Address, Bytes) {
        let Ordered { from, to, currency, amount, reference, end_to_end_id, .. } = self.ordered;
        let call = ILedger::transferCall {
            clientReference: reference,
            from,
            to,
            currency: currency.into(),
            amount: amount.minor(),
            endToEndId: end_to_end_id,
            payloadHash: B256::ZERO,
        };
        (LEDGER, call.abi_encode().into())
    }

    fn exponent(&self) -> u8 {
        self.ordered.exponent
    }

    fn pending(&self) -> Option<Transaction> {
        Some(Transaction::pending(&self.ordered))
    }

    fn look(&self, view: &View<'_>, _: Progress) -> Result<Option<Transaction>, Problem> {
        let Some(recorded) = view.recorded(self.ordered.id)? else { return Ok(None) };
        let order = &self.ordered;
        let same = [
            ("type", recorded.kind == TransferKind::Transfer),
            ("to", recorded.to == order.to),
            ("currency", recorded.currency == order.currency),
            ("amount", recorded.amount == order.amount.minor()),
            ("end_to_end_id", recorded.end_to_end_id == order.end_to_end_id),
            ("payload_hash", recorded.payload_hash.is_zero()),
        ];
        match same.iter().find(|(_, same)| !same) {
            None => Ok(Some(Transaction::recorded(&recorded, order.exponent))),
            Some((field, _)) => Err(conflict(field)),
        }
    }
}

/// An account to open, its id chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    account: Address,
    owner: Address,
    new: NewAccount,
    key: KeyOrigin,
}

/// Where an idempotency key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyOrigin {
    /// The client gave it, so the request may be a repetition.
    Client,
    /// The gateway made it, so it is the first.
    Gateway,
}

impl Opening {
    /// The account of `new`: the owner's address, or for a custodial account one derived from the key.
    pub(crate) fn new(
        gateway: &Gateway,
        new: NewAccount,
        key: &IdempotencyKey,
        origin: KeyOrigin,
    ) -> Self {
        let custodial = || key.account(gateway.chain().rules().chain_id(), gateway.address());
        Self {
            account: new.owner.unwrap_or_else(custodial),
            owner: new.owner.unwrap_or_else(|| gateway.address()),
            new,
            key: origin,
        }
    }

    /// The account's id.
    pub(crate) const fn account(&self) -> Address {
        self.account
    }
}

impl Order for Opening {
    type Answer = Account;

    fn id(&self) -> B256 {
        self.account.into_word()
    }

    fn call(&self) -> (Address, Bytes) {
        let call = IAccounts::openCall {
            account: self.account,
            owner: self.owner,
            accountType: self.new.account_type.number(),
            jurisdiction: self.new.jurisdiction,
            homeCurrency: self.new.currency.into(),
        };
        (ACCOUNTS, call.abi_encode().into())
    }

    fn exponent(&self) -> u8 {
        0
    }

    fn pending(&self) -> Option<Transaction> {
        None
    }

    fn look(&self, view: &View<'_>, progress: Progress) -> Result<Option<Account>, Problem> {
        let Some(profile) = view.profile(self.account)? else { return Ok(None) };
        let same = [
            ("owner", profile.owner == self.owner),
            ("account_type", profile.accountType == self.new.account_type.number()),
            ("currency", currency_of(profile.homeCurrency) == Some(self.new.currency)),
            ("jurisdiction", profile.jurisdiction == self.new.jurisdiction),
        ];
        let different = same.iter().find(|(_, same)| !same);
        let is_repetition = self.key == KeyOrigin::Client || progress == Progress::Sent;
        match (different, self.new.owner) {
            (None, _) if is_repetition => Account::read(view, self.account),
            (Some((field, _)), None) => Err(conflict(field)),
            _ => Err(Problem::new(
                ErrorCode::AccountExists,
                format!("account {} is open already", self.account),
            )),
        }
    }
}

fn conflict(field: &str) -> Problem {
    let detail = format!("the idempotency key was used with another {field}");
    Problem::new(ErrorCode::ReferenceConflict, detail)
        .with_field(field, "differs from the first request with this key")
}
