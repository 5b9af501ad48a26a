//! What the application holds: starting, sending, asking, ending.

use std::net::SocketAddr;
use std::sync::Arc;

use alloy_primitives::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::lanes::{self, Context};
use crate::limits::{
    COMMAND_QUEUE, EVENT_QUEUE, MAX_SYNC_MESSAGE, MAX_TRANSACTIONS, REQUEST_TIMEOUT,
};
use crate::requests::{self, Kind};
use crate::shared::{Lane, Peer, Shared};
use crate::swarm::{self, Command};
use crate::{Class, NetConfig, NetError, NetEvent, NetStats, keypair};

/// Where the network starts.
#[derive(Clone, Copy, Debug)]
pub struct Network;

/// Why something was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No such validator, or this one.
    #[error("validator {to} is not a peer")]
    UnknownPeer {
        /// To whom.
        to: u16,
    },
    /// Empty, or longer than the class allows. Its receiver would disconnect us.
    #[error("a message of {length} bytes, of 1 to {max} allowed")]
    BadLength {
        /// Its length, in bytes.
        length: usize,
        /// The longest allowed, in bytes.
        max: usize,
    },
}

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It was not sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// There is no connection, or it was lost.
    #[error("validator {to} is not connected")]
    NotConnected {
        /// Whom we asked.
        to: u16,
    },
    /// Too many messages wait for this peer's sync stream.
    #[error("too many questions and answers wait for validator {to}")]
    Busy {
        /// Whom we asked.
        to: u16,
    },
    /// The peer says that it will not answer.
    #[error("validator {by} does not answer")]
    Refused {
        /// Who refused.
        by: u16,
    },
    /// No answer within [`crate::limits::REQUEST_TIMEOUT`].
    #[error("validator {to} did not answer in time")]
    Timeout {
        /// Whom we asked.
        to: u16,
    },
}

impl Network {
    /// Starts to listen, to dial and to serve, on the current tokio runtime.
    ///
    /// The network ends when the last handle is dropped, or with [`NetworkHandle::shutdown`].
    ///
    /// # Errors
    ///
    /// - [`NetError::BadKey`], [`NetError::BadPeerId`], [`NetError::DuplicatePeer`] if the
    ///   configuration makes no sense.
    /// - [`NetError::Listen`] if the address is taken.
    /// - [`NetError::Library`] if libp2p refuses.
    pub async fn start(
        config: NetConfig,
    ) -> Result<(NetworkHandle, mpsc::Receiver<NetEvent>), NetError> {
        let keypair = keypair(config.keypair_seed)?;
        let local = keypair.public().to_peer_id();
        let (offenders, offences) = mpsc::channel(config.peers.len().max(1));
        let shared = Arc::new(Shared::new(&config, local, offenders)?);
        let (events, receiver) = mpsc::channel(EVENT_QUEUE);
        let (commands, orders) = mpsc::channel(COMMAND_QUEUE);

        let context = Context { shared: Arc::clone(&shared), events };
        let (swarm, address) = swarm::build(&shared, keypair, config.listen).await?;
        let mut control = swarm.streams();
        let mut tasks = JoinSet::new();
        for lane in Lane::ALL {
            let protocol = shared.protocol(lane)?;
            let incoming =
                control.accept(protocol.clone()).map_err(|e| NetError::Library(e.to_string()))?;
            tasks.spawn(lanes::accept(context.clone(), lane, incoming));
            for index in shared.peers.keys() {
                let (context, protocol) = (context.clone(), protocol.clone());
                tasks.spawn(lanes::write(context, *index, lane, protocol, control.clone()));
            }
        }
        tokio::spawn(async move {
            let done = swarm.run(context, orders, offences).await;
            // With the swarm gone, no stream has anything left to do.
            tasks.shutdown().await;
            drop(done);
        });
        Ok((NetworkHandle { shared, commands, address }, receiver))
    }
}

/// The running network. Clones are the same network.
#[derive(Clone, Debug)]
pub struct NetworkHandle {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
    address: SocketAddr,
}

impl NetworkHandle {
    /// Queues a message for one validator. Never waits; a full queue gives up its oldest frames.
    ///
    /// Messages of one class to one validator stay in order. While the validator is away, the
    /// newest are kept for it.
    ///
    /// # Errors
    ///
    /// [`SendError`] if there is no such validator or the length is out of bounds.
    pub fn send(&self, to: u16, class: Class, bytes: Bytes) -> Result<(), SendError> {
        let lane = Lane::from(class);
        check_length(&bytes, lane.max_frame())?;
        self.shared.push(self.peer(to)?, lane, bytes);
        Ok(())
    }

    /// Queues a message for every other validator, as [`Self::send`] does for one.
    ///
    /// # Errors
    ///
    /// [`SendError::BadLength`] if the length is out of bounds.
    pub fn broadcast(&self, class: Class, bytes: Bytes) -> Result<(), SendError> {
        let lane = Lane::from(class);
        check_length(&bytes, lane.max_frame())?;
        for peer in self.shared.peers.values() {
            self.shared.push(peer, lane, bytes.clone());
        }
        Ok(())
    }

    /// Asks one validator and waits for its answer.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if it cannot be asked, or does not answer.
    pub async fn request(&self, to: u16, bytes: Bytes) -> Result<Bytes, RequestError> {
        let peer = self.peer(to)?;
        check_length(&bytes, MAX_SYNC_MESSAGE)?;
        if !peer.is_connected() {
            return Err(RequestError::NotConnected { to });
        }
        let (ticket, answer) = self.shared.open.ask(to);
        let frame = requests::encode(Kind::Request, ticket.id, &bytes);
        if !self.shared.push(peer, Lane::Sync, frame) {
            return Err(RequestError::Busy { to });
        }
        match timeout(REQUEST_TIMEOUT, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(RequestError::NotConnected { to }),
            Err(_) => Err(RequestError::Timeout { to }),
        }
    }

    /// Gossips a batch of transactions to all. Never waits; what finds no room is dropped and
    /// counted. A batch that was gossiped within the last minute is not sent again.
    ///
    /// # Errors
    ///
    /// [`SendError::BadLength`] if it is empty or longer than [`MAX_TRANSACTIONS`].
    pub fn publish_transactions(&self, bytes: Bytes) -> Result<(), SendError> {
        check_length(&bytes, MAX_TRANSACTIONS)?;
        if self.commands.try_send(Command::Publish(bytes)).is_err() {
            self.shared.counters.transactions_dropped.add(1);
        }
        Ok(())
    }

    /// Tells that a validator sent something the application cannot read. It is disconnected and
    /// shut out for some seconds.
    pub fn report(&self, index: u16, what: &str) {
        if self.shared.peers.contains_key(&index) {
            self.shared.offence(index, &what);
        }
    }

    /// The validators with an open vote stream, by rising index.
    #[must_use]
    pub fn connected(&self) -> Vec<u16> {
        self.shared.peers.values().filter(|p| p.is_connected()).map(|p| p.index).collect()
    }

    /// Our network identity, in text form.
    #[must_use]
    pub fn peer_id(&self) -> String {
        self.shared.local.to_string()
    }

    /// Where we listen (UDP), with the port the operating system chose.
    #[must_use]
    pub const fn listen_address(&self) -> SocketAddr {
        self.address
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> NetStats {
        self.shared.counters.get()
    }

    /// Ends the network for all handles: closes the connections and frees the port.
    pub async fn shutdown(&self) {
        let (done, ended) = oneshot::channel();
        if self.commands.send(Command::Shutdown(done)).await.is_ok() {
            // An error means that it has ended already.
            let _ = ended.await;
        }
    }

    fn peer(&self, to: u16) -> Result<&Peer, SendError> {
        self.shared.peers.get(&to).ok_or(SendError::UnknownPeer { to })
    }
}

const fn check_length(bytes: &Bytes, max: usize) -> Result<(), SendError> {
    let length = bytes.0.len();
    if length > 0 && length <= max { Ok(()) } else { Err(SendError::BadLength { length, max }) }
}
