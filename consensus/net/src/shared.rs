//! What all tasks of the network share: the peers, their queues, the counters.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use libp2p::core::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId, StreamProtocol};
use tokio::sync::{mpsc, watch};

use crate::limits::{
    BLOCK_QUEUE_BYTES, BLOCK_QUEUE_FRAMES, MAX_BLOCK_FRAME, MAX_SYNC_MESSAGE, MAX_VOTE_FRAME,
    SYNC_QUEUE_BYTES, SYNC_QUEUE_FRAMES, VOTE_QUEUE_BYTES, VOTE_QUEUE_FRAMES,
};
use crate::queue::{Queue, WhenFull};
use crate::requests::{self, Open};
use crate::stats::{Counters, LaneCounters};
use crate::{Class, NetConfig, NetError};

/// A stream of its own between two peers, in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    Vote,
    Block,
    Sync,
}

impl Lane {
    pub(crate) const ALL: [Self; 3] = [Self::Vote, Self::Block, Self::Sync];

    /// The longest frame, in bytes.
    pub(crate) const fn max_frame(self) -> usize {
        match self {
            Self::Vote => MAX_VOTE_FRAME,
            Self::Block => MAX_BLOCK_FRAME,
            Self::Sync => MAX_SYNC_MESSAGE.saturating_add(requests::HEAD),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Vote => "vote",
            Self::Block => "block",
            Self::Sync => "sync",
        }
    }
}

impl From<Class> for Lane {
    fn from(class: Class) -> Self {
        match class {
            Class::Vote => Self::Vote,
            Class::Block => Self::Block,
        }
    }
}

/// A listed validator.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) index: u16,
    pub(crate) id: PeerId,
    pub(crate) address: Multiaddr,
    /// Whether there is a connection. Set by the swarm, awaited by the writers.
    pub(crate) link: watch::Sender<bool>,
    /// Whether the vote stream is open: what the application calls connected.
    connected: AtomicBool,
    vote: Queue,
    block: Queue,
    sync: Queue,
}

impl Peer {
    pub(crate) const fn queue(&self, lane: Lane) -> &Queue {
        match lane {
            Lane::Vote => &self.vote,
            Lane::Block => &self.block,
            Lane::Sync => &self.sync,
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(SeqCst)
    }

    pub(crate) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, SeqCst);
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Shared {
    /// By index, which rises.
    pub(crate) peers: BTreeMap<u16, Peer>,
    by_id: BTreeMap<PeerId, u16>,
    pub(crate) local: PeerId,
    chain: String,
    pub(crate) counters: Counters,
    pub(crate) open: Open,
    /// Peers that broke the protocol, for the swarm to shut out.
    offenders: mpsc::Sender<u16>,
}

impl Shared {
    pub(crate) fn new(
        config: &NetConfig,
        local: PeerId,
        offenders: mpsc::Sender<u16>,
    ) -> Result<Self, NetError> {
        let mut peers = BTreeMap::new();
        let mut by_id = BTreeMap::from([(local, u16::MAX)]);
        for peer in &config.peers {
            let index = peer.index;
            let id: PeerId = peer
                .peer_id
                .parse()
                .map_err(|_| NetError::BadPeerId { index, peer_id: peer.peer_id.clone() })?;
            let duplicate = by_id.insert(id, index).is_some();
            let entry = Peer {
                index,
                id,
                address: quic_address(peer.address),
                link: watch::Sender::new(false),
                connected: AtomicBool::new(false),
                vote: Queue::new(VOTE_QUEUE_FRAMES, VOTE_QUEUE_BYTES, WhenFull::DropOldest),
                block: Queue::new(BLOCK_QUEUE_FRAMES, BLOCK_QUEUE_BYTES, WhenFull::DropOldest),
                sync: Queue::new(SYNC_QUEUE_FRAMES, SYNC_QUEUE_BYTES, WhenFull::RefuseNew),
            };
            if duplicate || peers.insert(index, entry).is_some() {
                return Err(NetError::DuplicatePeer { index });
            }
        }
        by_id.remove(&local);
        Ok(Self {
            peers,
            by_id,
            local,
            chain: alloy_primitives::hex::encode(config.chain),
            counters: Counters::default(),
            open: Open::default(),
            offenders,
        })
    }

    /// The listed validator with this identity.
    pub(crate) fn peer_of(&self, id: &PeerId) -> Option<&Peer> {
        self.peers.get(self.by_id.get(id)?)
    }

    /// The name of something on this chain: `/qenex/<chain>/<what>`.
    pub(crate) fn name(&self, what: &str) -> String {
        format!("/qenex/{}/{what}", self.chain)
    }

    pub(crate) fn protocol(&self, lane: Lane) -> Result<StreamProtocol, NetError> {
        let name = self.name(&format!("{}/1", lane.name()));
        StreamProtocol::try_from_owned(name).map_err(|e| NetError::Library(e.to_string()))
    }

    pub(crate) const fn lane_counters(&self, lane: Lane) -> &LaneCounters {
        match lane {
            Lane::Vote => &self.counters.vote,
            Lane::Block => &self.counters.block,
            Lane::Sync => &self.counters.sync,
        }
    }

    /// Queues a frame for a peer. False if the frame itself was given up.
    pub(crate) fn push(&self, peer: &Peer, lane: Lane, frame: alloy_primitives::Bytes) -> bool {
        let dropped = peer.queue(lane).push(frame);
        self.lane_counters(lane).dropped.add(dropped);
        dropped == 0 || lane != Lane::Sync
    }

    /// Has a peer that broke the protocol disconnected and shut out for a while.
    pub(crate) fn offence(&self, index: u16, what: &dyn std::fmt::Display) {
        self.counters.offences.add(1);
        tracing::warn!(validator = index, %what, "peer broke the protocol");
        // If this is full, the swarm is busy shutting peers out already.
        let _ = self.offenders.try_send(index);
    }
}

fn quic_address(address: SocketAddr) -> Multiaddr {
    Multiaddr::empty()
        .with(address.ip().into())
        .with(Protocol::Udp(address.port()))
        .with(Protocol::QuicV1)
}

/// The socket behind a QUIC address.
pub(crate) fn socket_address(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let ip = match parts.next()? {
        Protocol::Ip4(ip) => ip.into(),
        Protocol::Ip6(ip) => ip.into(),
        _ => return None,
    };
    match parts.next()? {
        Protocol::Udp(port) => Some(SocketAddr::new(ip, port)),
        _ => None,
    }
}

/// The multiaddress of a socket, for listening.
pub(crate) fn listen_address(address: SocketAddr) -> Multiaddr {
    quic_address(address)
}
