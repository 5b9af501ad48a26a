//! The connections: dialling, the list of peers, gossip. This task computes nothing and never
//! waits for the application.
//!
//! Everybody dials everybody it has no connection to, every [`DIAL_PERIOD`]. Two peers that dial
//! each other at once get two connections; both keep the one that the lower peer id dialled. A new
//! connection from a peer we believed connected for longer means that it has restarted: the newer
//! connection is the live one.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Bytes, keccak256};
use futures::StreamExt;
use libp2p::allow_block_list::{self, AllowedPeers};
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::gossipsub::{
    self, IdentTopic, MaxCountSubscriptionFilter, MessageAcceptance, MessageAuthenticity,
    MessageId, PublishError, TopicHash, TopicSubscriptionFilter, ValidationMode,
};
use libp2p::identity::Keypair;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError, ListenError, NetworkBehaviour, SwarmEvent};
use libp2p::{PeerId, Swarm, SwarmBuilder};
use libp2p_stream::Control;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::lanes::Context;
use crate::limits::{
    BAN, CONNECTION_WINDOW, CONNECTIONS_PER_PEER, DIAL_PERIOD, FAREWELL, GLARE_WINDOW,
    HANDSHAKE_TIMEOUT, IDLE_TIMEOUT_MS, KEEP_ALIVE, LISTEN_TIMEOUT, MAX_GOSSIP_FRAME,
    PENDING_INCOMING, STREAM_WINDOW, STREAMS_PER_CONNECTION,
};
use crate::shared::{Shared, listen_address, socket_address};
use crate::{NetError, NetEvent};

/// What the handles ask of the swarm.
#[derive(Debug)]
pub(crate) enum Command {
    /// Gossip a batch of transactions.
    Publish(Bytes),
    /// End. The sender is dropped when that is done.
    Shutdown(oneshot::Sender<Infallible>),
}

/// One topic, ours; a peer cannot make us remember others.
#[derive(Clone, Debug)]
struct OnlyTopic(TopicHash);

impl TopicSubscriptionFilter for OnlyTopic {
    fn can_subscribe(&mut self, topic: &TopicHash) -> bool {
        *topic == self.0
    }
}

type Gossip =
    gossipsub::Behaviour<gossipsub::IdentityTransform, MaxCountSubscriptionFilter<OnlyTopic>>;

// The list comes first: what it refuses, the others never see.
#[derive(NetworkBehaviour)]
struct Behaviour {
    allowed: allow_block_list::Behaviour<AllowedPeers>,
    limits: connection_limits::Behaviour,
    gossip: Gossip,
    streams: libp2p_stream::Behaviour,
}

/// A connection we go by.
#[derive(Clone, Copy, Debug)]
struct Connection {
    id: ConnectionId,
    since: Instant,
    /// Whether the peer with the lower id dialled it.
    by_lower: bool,
}

/// The swarm with what it remembers of its peers.
pub(crate) struct Driver {
    swarm: Swarm<Behaviour>,
    shared: Arc<Shared>,
    topic: IdentTopic,
    current: BTreeMap<PeerId, Connection>,
    /// Peers shut out, until when.
    banned: BTreeMap<PeerId, Instant>,
}

/// Makes the swarm and has it listen.
pub(crate) async fn build(
    shared: &Arc<Shared>,
    keypair: Keypair,
    listen: SocketAddr,
) -> Result<(Driver, SocketAddr), NetError> {
    let topic = IdentTopic::new(shared.name("tx"));
    let mut behaviour = behaviour(shared, &topic)?;
    behaviour.gossip.subscribe(&topic).map_err(|e| NetError::Library(e.to_string()))?;
    let mut swarm = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_quic_config(|mut quic| {
            quic.handshake_timeout = HANDSHAKE_TIMEOUT;
            quic.max_idle_timeout = IDLE_TIMEOUT_MS;
            quic.keep_alive_interval = KEEP_ALIVE;
            quic.max_concurrent_stream_limit = STREAMS_PER_CONNECTION;
            quic.max_stream_data = STREAM_WINDOW;
            quic.max_connection_data = CONNECTION_WINDOW;
            quic
        })
        .with_behaviour(|_| behaviour)
        .map_err(|e| NetError::Library(e.to_string()))?
        // A connection without streams is not closed for it: QUIC sees to its life.
        .with_swarm_config(|config| {
            config.with_idle_connection_timeout(Duration::from_secs(10 * 365 * 86_400))
        })
        .build();

    let refused = |source| NetError::Listen { address: listen, source };
    swarm.listen_on(listen_address(listen)).map_err(|e| match e {
        libp2p::TransportError::Other(source) => refused(source),
        other => refused(std::io::Error::other(other.to_string())),
    })?;
    let address = timeout(LISTEN_TIMEOUT, async {
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { address, .. } => {
                    if let Some(address) = socket_address(&address) {
                        return Ok(address);
                    }
                }
                SwarmEvent::ListenerClosed { reason: Err(source), .. } => return Err(source),
                _ => (),
            }
        }
    });
    let address = match address.await {
        Ok(result) => result.map_err(refused)?,
        Err(_) => return Err(refused(std::io::ErrorKind::TimedOut.into())),
    };
    let driver = Driver {
        swarm,
        shared: Arc::clone(shared),
        topic,
        current: BTreeMap::new(),
        banned: BTreeMap::new(),
    };
    Ok((driver, address))
}

fn behaviour(shared: &Shared, topic: &IdentTopic) -> Result<Behaviour, NetError> {
    let library = |e: &dyn std::fmt::Display| NetError::Library(e.to_string());
    let peers = shared.peers.len();
    // Up to a dozen validators are one full mesh; above, the library's degree is kept.
    let (low, wanted, high, outbound) =
        if peers <= 12 { (peers, peers, peers, 0) } else { (4, 6, 12, 2) };
    let config = gossipsub::ConfigBuilder::default()
        .protocol_id_prefix(shared.name("gossip"))
        .mesh_n_low(low)
        .mesh_n(wanted)
        .mesh_n_high(high)
        .mesh_outbound_min(outbound)
        .flood_publish(true)
        .heartbeat_initial_delay(Duration::ZERO)
        .heartbeat_interval(Duration::from_millis(250))
        .history_length(10)
        .history_gossip(3)
        .max_transmit_size(MAX_GOSSIP_FRAME)
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(|message| {
            // A hash nobody can collide: two batches with one id would be one batch.
            let mut bytes = message.topic.as_str().as_bytes().to_vec();
            bytes.extend_from_slice(&message.data);
            let hash = keccak256(bytes);
            MessageId::new(hash.get(..20).unwrap_or(hash.as_slice()))
        })
        .build()
        .map_err(|e| library(&e))?;
    let filter = MaxCountSubscriptionFilter {
        filter: OnlyTopic(topic.hash()),
        max_subscribed_topics: 1,
        max_subscriptions_per_request: 4,
    };
    // Transactions are signed by their senders; who passed them on need not sign.
    let gossip =
        Gossip::new_with_subscription_filter(MessageAuthenticity::Anonymous, config, filter)
            .map_err(|e| library(&e))?;
    let mut allowed = allow_block_list::Behaviour::<AllowedPeers>::default();
    for peer in shared.peers.values() {
        allowed.allow_peer(peer.id);
    }
    let limits = ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING_INCOMING))
        .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER));
    Ok(Behaviour {
        allowed,
        limits: connection_limits::Behaviour::new(limits),
        gossip,
        streams: libp2p_stream::Behaviour::new(),
    })
}

impl Driver {
    /// What opens and accepts streams.
    pub(crate) fn streams(&self) -> Control {
        self.swarm.behaviour().streams.new_control()
    }

    /// Runs until told to end, or until nobody is left to tell. Answers with whom to tell.
    pub(crate) async fn run(
        mut self,
        context: Context,
        mut commands: mpsc::Receiver<Command>,
        mut offences: mpsc::Receiver<u16>,
    ) -> Option<oneshot::Sender<Infallible>> {
        let mut ticks = interval(DIAL_PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let done = loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event, &context),
                command = commands.recv() => match command {
                    Some(Command::Publish(bytes)) => self.publish(bytes),
                    Some(Command::Shutdown(done)) => break Some(done),
                    None => break None,
                },
                Some(index) = offences.recv() => self.ban(index),
                _ = ticks.tick() => self.tick(),
            }
        };
        self.say_goodbye().await;
        done
    }

    /// Closes all connections, so that peers need not wait for a timeout to notice.
    async fn say_goodbye(&mut self) {
        let connected: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in connected {
            // An error says that it is gone already.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let closed = async {
            while self.swarm.connected_peers().next().is_some() {
                self.swarm.select_next_some().await;
            }
        };
        let _ = timeout(FAREWELL, closed).await;
    }

    fn tick(&mut self) {
        let now = Instant::now();
        for (id, _) in self.banned.extract_if(.., |_, until| *until <= now) {
            self.swarm.behaviour_mut().allowed.allow_peer(id);
        }
        let missing: Vec<_> = self
            .shared
            .peers
            .values()
            .filter(|peer| !self.current.contains_key(&peer.id))
            .filter(|peer| !self.banned.contains_key(&peer.id))
            .map(|peer| (peer.id, peer.address.clone()))
            .collect();
        for (id, address) in missing {
            let options = DialOpts::peer_id(id)
                .condition(PeerCondition::DisconnectedAndNotDialing)
                .addresses(vec![address])
                .build();
            match self.swarm.dial(options) {
                Ok(()) | Err(DialError::DialPeerConditionFalse(_)) => (),
                Err(error) => tracing::debug!(peer = %id, %error, "cannot dial"),
            }
        }
    }

    fn ban(&mut self, index: u16) {
        let Some(peer) = self.shared.peers.get(&index) else { return };
        let until = Instant::now() + BAN;
        self.banned.insert(peer.id, until);
        // Closes all its connections, too.
        self.swarm.behaviour_mut().allowed.disallow_peer(peer.id);
    }

    fn publish(&mut self, bytes: Bytes) {
        let counters = &self.shared.counters;
        let topic = self.topic.clone();
        match self.swarm.behaviour_mut().gossip.publish(topic, bytes.to_vec()) {
            Ok(_) => counters.transactions_out.add(1),
            Err(PublishError::Duplicate) => (),
            Err(error) => {
                counters.transactions_dropped.add(1);
                tracing::debug!(%error, "transactions were not gossiped");
            }
        }
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>, context: &Context) {
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_established(peer_id, connection_id, endpoint.is_dialer());
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, cause, .. } => {
                tracing::debug!(peer = %peer_id, ?cause, "connection closed");
                self.on_closed(peer_id, connection_id);
            }
            SwarmEvent::IncomingConnectionError { error, send_back_addr, .. } => {
                if matches!(error, ListenError::Denied { .. }) {
                    self.shared.counters.strangers.add(1);
                }
                tracing::debug!(from = %send_back_addr, %error, "refused a connection");
            }
            SwarmEvent::OutgoingConnectionError { peer_id, error, .. } => {
                tracing::trace!(?peer_id, %error, "cannot connect");
            }
            // The listener goes on. Anybody's first packet, if it is none, leads here.
            SwarmEvent::ListenerError { error, .. } => {
                tracing::debug!(%error, "refused a first packet");
            }
            SwarmEvent::ListenerClosed { reason, .. } => {
                tracing::error!(?reason, "listener closed: no peer can reach this node");
            }
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(gossipsub::Event::Message {
                propagation_source,
                message_id,
                message,
            })) => self.on_gossip(&propagation_source, &message_id, message.data, context),
            _ => (),
        }
    }

    fn on_established(&mut self, peer: PeerId, id: ConnectionId, dialled: bool) {
        let Some(listed) = self.shared.peer_of(&peer) else { return };
        self.shared.counters.connections.add(1);
        let by_lower = dialled == (self.shared.local < peer);
        let new = Connection { id, since: Instant::now(), by_lower };
        let loser = match self.current.get(&peer) {
            Some(old) if old.by_lower && !by_lower && old.since.elapsed() < GLARE_WINDOW => {
                Some(id)
            }
            old => {
                let old = old.map(|old| old.id);
                self.current.insert(peer, new);
                old
            }
        };
        if let Some(loser) = loser {
            self.swarm.close_connection(loser);
        }
        listed.link.send_replace(true);
    }

    fn on_closed(&mut self, peer: PeerId, id: ConnectionId) {
        if self.current.get(&peer).is_none_or(|current| current.id != id) {
            return; // One that lost against another.
        }
        self.current.remove(&peer);
        if let Some(listed) = self.shared.peer_of(&peer) {
            listed.link.send_replace(false);
        }
    }

    fn on_gossip(&mut self, from: &PeerId, id: &MessageId, data: Vec<u8>, context: &Context) {
        // The application judges transactions one by one; the batch itself is always passed on.
        self.swarm.behaviour_mut().gossip.report_message_validation_result(
            id,
            from,
            MessageAcceptance::Accept,
        );
        let counters = &self.shared.counters;
        counters.transactions_in.add(1);
        let from = self.shared.peer_of(from).map(|peer| peer.index);
        let event = NetEvent::Transactions { from, bytes: data.into() };
        // Gossip may be lost; the swarm may not wait.
        if context.events.try_send(event).is_err() {
            counters.transactions_dropped.add(1);
        }
    }
}
