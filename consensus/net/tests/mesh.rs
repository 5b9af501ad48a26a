//! Validators on 127.0.0.1, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use alloy_primitives::Bytes;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::core::multiaddr::Protocol;
use libp2p::identity::Keypair;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::{Multiaddr, StreamProtocol, SwarmBuilder};
use qenex_net::{
    Class, NetConfig, NetError, NetEvent, Network, NetworkHandle, PeerConfig, RequestError,
    SendError, limits, peer_id,
};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep, timeout};

const CHAIN: [u8; 32] = [0xc4; 32];
const PATIENCE: Duration = Duration::from_secs(20);

struct Node {
    handle: NetworkHandle,
    events: Receiver<NetEvent>,
}

impl Node {
    /// The first event the filter takes; others are dropped.
    async fn expect<T>(&mut self, filter: impl FnMut(NetEvent) -> Option<T>) -> T {
        let found = timeout(PATIENCE, self.find(filter)).await.expect("the event comes");
        found.expect("the network runs")
    }

    /// As [`Self::expect`], without patience; `None` when the network ends.
    async fn find<T>(&mut self, mut filter: impl FnMut(NetEvent) -> Option<T>) -> Option<T> {
        loop {
            let event = self.events.recv().await?;
            if let Some(found) = filter(event) {
                return Some(found);
            }
        }
    }

    async fn message(&mut self) -> (u16, Class, Bytes) {
        self.expect(|event| match event {
            NetEvent::Message { from, class, bytes } => Some((from, class, bytes)),
            _ => None,
        })
        .await
    }

    async fn until_connected(&self, peers: &[u16]) {
        let connected = async {
            while self.handle.connected() != peers {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, connected).await.expect("the peers connect");
    }
}

fn seed(index: u16) -> [u8; 32] {
    [u8::try_from(index + 1).unwrap(); 32]
}

/// Addresses that were free a moment ago.
fn free_addresses(count: u16) -> Vec<SocketAddr> {
    let sockets: Vec<_> = (0..count).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    sockets.iter().map(|socket| socket.local_addr().unwrap()).collect()
}

fn config(index: u16, addresses: &[SocketAddr]) -> NetConfig {
    let peers = (0_u16..)
        .zip(addresses)
        .filter(|(peer, _)| *peer != index)
        .map(|(peer, address)| PeerConfig {
            index: peer,
            peer_id: peer_id(seed(peer)).unwrap(),
            address: *address,
        })
        .collect();
    let listen = addresses[usize::from(index)];
    NetConfig { keypair_seed: seed(index), listen, peers, chain: CHAIN }
}

async fn start(config: NetConfig) -> Node {
    // A port that was in use a moment ago may take a moment to be free.
    let deadline = Instant::now() + PATIENCE;
    loop {
        match Network::start(config.clone()).await {
            Ok((handle, events)) => return Node { handle, events },
            Err(NetError::Listen { .. }) if Instant::now() < deadline => {
                sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

async fn mesh(count: u16) -> (Vec<Node>, Vec<SocketAddr>) {
    let addresses = free_addresses(count);
    let mut nodes = Vec::new();
    for index in 0..count {
        nodes.push(start(config(index, &addresses)).await);
    }
    for (index, node) in (0..count).zip(&nodes) {
        node.until_connected(&others(index, count)).await;
    }
    (nodes, addresses)
}

fn others(index: u16, count: u16) -> Vec<u16> {
    (0..count).filter(|other| *other != index).collect()
}

fn bytes(seed: usize, length: usize) -> Bytes {
    (0..length).map(|i| u8::try_from((i * 31 + seed) % 251).unwrap()).collect::<Vec<_>>().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broadcast_vote_reaches_all_in_order() {
    let (mut nodes, _) = mesh(4).await;
    for round in 0..100 {
        nodes[2].handle.broadcast(Class::Vote, bytes(round, 3_500)).unwrap();
    }
    for receiver in [0, 1, 3] {
        for round in 0..100 {
            let got = nodes[receiver].message().await;
            assert_eq!(got, (2, Class::Vote, bytes(round, 3_500)), "receiver {receiver}");
        }
    }
    let stats = nodes[2].handle.stats();
    assert_eq!((stats.vote.dropped, stats.offences, stats.strangers), (0, 0, 0));
    assert_eq!(stats.vote.frames_out, 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_block_arrives_and_does_not_hold_up_a_vote() {
    let (mut nodes, _) = mesh(2).await;
    let (block, vote) = (bytes(1, 5 << 20), bytes(2, 3_500));
    let mut vote_first = 0;
    for _ in 0..5 {
        nodes[0].handle.send(1, Class::Block, block.clone()).unwrap();
        nodes[0].handle.send(1, Class::Vote, vote.clone()).unwrap();
        let (first, second) = (nodes[1].message().await, nodes[1].message().await);
        vote_first += u32::from(first.1 == Class::Vote);
        assert!([&first, &second].iter().any(|got| got.2 == block));
        assert!([&first, &second].iter().any(|got| got.2 == vote));
    }
    // A busy machine may not run the vote's task in time, but not five times over.
    assert!(vote_first > 0);

    for (class, max) in
        [(Class::Block, limits::MAX_BLOCK_FRAME), (Class::Vote, limits::MAX_VOTE_FRAME)]
    {
        nodes[0].handle.send(1, class, bytes(3, max)).unwrap();
        assert_eq!(nodes[1].message().await, (0, class, bytes(3, max)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_are_answered_refused_or_run_out() {
    // Of two that dial each other at once one connection goes, with what was asked over it. The answerer calls
    // where nobody listens, so there is one.
    let addresses = free_addresses(3);
    let node = start(config(0, &addresses[..2])).await;
    let mut answerer = start(config(1, &[addresses[2], addresses[1]])).await;
    node.until_connected(&[1]).await;
    answerer.until_connected(&[0]).await;
    let asker = node.handle.clone();
    tokio::spawn(async move {
        let question = |event| match event {
            NetEvent::Request { from, bytes, reply } => Some((from, bytes, reply)),
            _ => None,
        };
        while let Some((from, question, reply)) = answerer.find(question).await {
            assert_eq!(from, 0);
            match question[0] {
                b'n' => drop(reply),
                b'b' => reply.send(bytes(9, 6 << 20)).unwrap(),
                b'l' => reply.send(bytes(9, limits::MAX_SYNC_MESSAGE + 1)).unwrap(),
                b'e' => reply.send(Bytes::new()).unwrap(),
                _ => reply.send([b"re:", question.as_ref()].concat().into()).unwrap(),
            }
        }
    });

    let asked: Vec<_> = (0..10)
        .map(|n| {
            let asker = asker.clone();
            tokio::spawn(async move { asker.request(1, format!("q{n}").into_bytes().into()).await })
        })
        .collect();
    for (n, asked) in asked.into_iter().enumerate() {
        assert_eq!(asked.await.unwrap().unwrap(), Bytes::from(format!("re:q{n}").into_bytes()));
    }
    assert_eq!(asker.request(1, b"big".into()).await.unwrap(), bytes(9, 6 << 20));
    assert_eq!(asker.request(1, b"empty".into()).await.unwrap(), Bytes::new());
    for refused in [b"no".as_slice(), b"long"] {
        let answer = asker.request(1, Bytes::copy_from_slice(refused)).await;
        assert_eq!(answer, Err(RequestError::Refused { by: 1 }));
    }
    let unknown = asker.request(7, b"q".into()).await;
    assert_eq!(unknown, Err(RequestError::Send(SendError::UnknownPeer { to: 7 })));
    // The connection has survived all of this.
    assert_eq!(asker.connected(), [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_leaves_is_missed_and_one_that_returns_is_greeted() {
    let (mut nodes, addresses) = mesh(4).await;
    let gone = nodes.remove(1);
    gone.handle.shutdown().await;
    for node in &mut nodes {
        node.expect(|event| matches!(event, NetEvent::Disconnected(1)).then_some(())).await;
    }
    let asked = nodes[0].handle.request(1, b"there?".into()).await;
    assert_eq!(asked, Err(RequestError::NotConnected { to: 1 }));
    drop(gone);
    // Kept for it while it is away.
    nodes[0].handle.send(1, Class::Vote, b"welcome".into()).unwrap();
    sleep(Duration::from_millis(1_500)).await;

    let mut back = start(config(1, &addresses)).await;
    let began = Instant::now();
    back.until_connected(&[0, 2, 3]).await;
    for node in &mut nodes {
        node.expect(|event| matches!(event, NetEvent::Connected(1)).then_some(())).await;
    }
    println!("all reconnected after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(3));
    assert_eq!(back.message().await, (0, Class::Vote, b"welcome".into()));
    back.handle.broadcast(Class::Vote, b"here".into()).unwrap();
    for node in &mut nodes {
        assert_eq!(node.message().await, (1, Class::Vote, b"here".into()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_gets_nothing() {
    let addresses = free_addresses(3);
    // Nodes 0 and 1 list each other only; 2 lists both.
    let mut first = start(config(0, &addresses[..2])).await;
    let second = start(config(1, &addresses[..2])).await;
    first.until_connected(&[1]).await;
    let mut stranger = start(config(2, &addresses)).await;
    stranger.handle.broadcast(Class::Vote, b"let me in".into()).unwrap();
    stranger.handle.publish_transactions(b"a transaction".into()).unwrap();
    sleep(Duration::from_secs(2)).await;

    assert!(first.handle.stats().strangers > 0 && second.handle.stats().strangers > 0);
    assert_eq!(stranger.handle.connected(), []);
    assert!(stranger.events.try_recv().is_err());
    second.handle.send(0, Class::Vote, b"mine".into()).unwrap();
    assert_eq!(first.message().await, (1, Class::Vote, b"mine".into()));
    assert_eq!(first.handle.stats().transactions_in, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_chain_has_nothing_to_say_to_us() {
    let addresses = free_addresses(2);
    let here = start(config(0, &addresses)).await;
    let mut there = start(NetConfig { chain: [0xdd; 32], ..config(1, &addresses) }).await;
    here.handle.broadcast(Class::Vote, b"vote".into()).unwrap();
    here.handle.publish_transactions(b"transaction".into()).unwrap();
    sleep(Duration::from_secs(2)).await;

    assert_eq!((here.handle.connected(), there.handle.connected()), (vec![], vec![]));
    assert!(there.events.try_recv().is_err());
    assert!(here.handle.stats().offences + there.handle.stats().offences > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gossip_reaches_all_once() {
    let (mut nodes, _) = mesh(4).await;
    // Gossipsub learns who listens a moment after the connection stands.
    let batch = bytes(1, limits::MAX_TRANSACTIONS);
    sleep(Duration::from_secs(1)).await;
    nodes[0].handle.publish_transactions(batch.clone()).unwrap();
    nodes[0].handle.publish_transactions(b"second".into()).unwrap();
    for node in &mut nodes[1..] {
        let mut got = Vec::new();
        for _ in 0..2 {
            let taken = node.expect(|event| match event {
                NetEvent::Transactions { bytes, .. } => Some(bytes),
                _ => None,
            });
            got.push(taken.await);
        }
        assert!(got.contains(&batch) && got.contains(&b"second".into()));
    }
    sleep(Duration::from_millis(500)).await;
    for node in &nodes[1..] {
        assert_eq!(node.handle.stats().transactions_in, 2);
    }
    assert_eq!(nodes[0].handle.stats().transactions_out, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_datagrams_do_no_harm() {
    let (mut nodes, addresses) = mesh(2).await;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for round in 0..2_000 {
        let mut garbage = bytes(round, 1 + round * 7 % 1_400).to_vec();
        // Half of them look like QUIC's long header, version 1.
        if round % 2 == 0 && garbage.len() > 5 {
            garbage[..5].copy_from_slice(&[0xc3, 0, 0, 0, 1]);
        }
        socket.send_to(&garbage, addresses[round % 2]).unwrap();
    }
    nodes[0].handle.send(1, Class::Vote, b"still here".into()).unwrap();
    assert_eq!(nodes[1].message().await, (0, Class::Vote, b"still here".into()));
    assert_eq!(nodes[0].handle.connected(), [1]);
    assert_eq!(nodes[0].handle.stats().offences, 0);
}

/// Speaks libp2p as validator 1 and writes raw bytes on one lane of node 0. Answers with how many
/// offences node 0 counts, and whether it has closed the connection.
async fn misbehave(lane: &str, raw: &[u8]) -> (u64, bool) {
    let addresses = free_addresses(2);
    let node = start(config(0, &addresses)).await;
    let mut swarm =
        SwarmBuilder::with_existing_identity(Keypair::ed25519_from_bytes(&mut seed(1)).unwrap())
            .with_tokio()
            .with_quic()
            .with_behaviour(|_| libp2p_stream::Behaviour::new())
            .unwrap()
            .with_swarm_config(|c| c.with_idle_connection_timeout(PATIENCE))
            .build();
    let address = Multiaddr::empty()
        .with(addresses[0].ip().into())
        .with(Protocol::Udp(addresses[0].port()))
        .with(Protocol::QuicV1);
    let victim = peer_id(seed(0)).unwrap().parse().unwrap();
    let mut control = swarm.behaviour().new_control();
    let chain = alloy_primitives::hex::encode(CHAIN);
    // As a good peer does, it takes whatever streams node 0 opens, or it would be shut out for that.
    let mut incoming: Vec<_> = ["vote", "block", "sync"]
        .iter()
        .map(|lane| {
            let name = format!("/qenex/{chain}/{lane}/1");
            control.accept(StreamProtocol::try_from_owned(name).unwrap()).unwrap()
        })
        .collect();
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (first, rest) = incoming.split_first_mut().unwrap();
            let (second, third) = rest.split_first_mut().unwrap();
            let taken = tokio::select! {
                taken = first.next() => taken,
                taken = second.next() => taken,
                taken = third[0].next() => taken,
            };
            let Some((_, mut stream)) = taken else { return };
            stream.write_all(&[1]).await.ok();
            stream.flush().await.ok();
            held.push(stream);
        }
    });
    swarm.dial(DialOpts::peer_id(victim).addresses(vec![address]).build()).unwrap();
    tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });

    let name = StreamProtocol::try_from_owned(format!("/qenex/{chain}/{lane}/1")).unwrap();
    let mut stream = control.open_stream(victim, name).await.unwrap();
    let mut hello = [0];
    stream.read_exact(&mut hello).await.unwrap();
    assert_eq!(hello, [1]);
    stream.write_all(raw).await.unwrap();
    stream.flush().await.unwrap();
    let closed = timeout(Duration::from_secs(1), stream.read(&mut hello)).await;
    sleep(Duration::from_millis(100)).await;
    (node.handle.stats().offences, matches!(closed, Ok(Ok(0) | Err(_))))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_breaks_the_protocol_is_shut_out_and_counted() {
    let too_long = |max: usize| u32::try_from(max + 1).unwrap().to_be_bytes().to_vec();
    let cases = [
        ("vote", vec![0, 0, 0, 0]),
        ("vote", vec![255; 64]),
        ("vote", too_long(limits::MAX_VOTE_FRAME)),
        ("block", too_long(limits::MAX_BLOCK_FRAME)),
        ("sync", vec![0, 0, 0, 3, 1, 2, 3]),
        ("sync", [vec![0, 0, 0, 9], vec![7; 9]].concat()),
    ];
    for (lane, raw) in cases {
        assert_eq!(misbehave(lane, &raw).await, (1, true), "{lane} {raw:?}");
    }
    // The same peer with a proper frame, or the beginning of one, is left alone.
    for raw in [vec![0, 0, 0, 1, 5], vec![0, 0, 0, 200, 5]] {
        assert_eq!(misbehave("vote", &raw).await, (0, false), "{raw:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_reported_is_shut_out_for_a_while() {
    let (mut nodes, _) = mesh(2).await;
    nodes[0].handle.report(1, "nonsense in a vote");
    nodes[0].expect(|event| matches!(event, NetEvent::Disconnected(1)).then_some(())).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(nodes[0].handle.connected(), []);
    assert_eq!(nodes[0].handle.stats().offences, 1);
    nodes[0].until_connected(&[1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sending_never_waits_and_keeps_the_newest() {
    let addresses = free_addresses(3);
    let sender = start(config(0, &addresses[..2])).await;
    let began = Instant::now();
    for n in 0..5_000_u32 {
        sender.handle.send(1, Class::Vote, n.to_be_bytes().into()).unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(1));
    let stats = sender.handle.stats();
    assert!(stats.vote.dropped >= 5_000 - 1_024, "{}", stats.vote.dropped);

    // The receiver dials into the void: where both dial at once, one of two connections is closed
    // and takes with it what was under way.
    let mut listening = config(1, &addresses[..2]);
    listening.peers[0].address = addresses[2];
    let mut receiver = start(listening).await;
    let first = receiver.message().await.2;
    assert_eq!(first, Bytes::from((5_000_u32 - 1_024).to_be_bytes()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lengths_out_of_bounds_are_refused_at_the_sender() {
    let addresses = free_addresses(2);
    let node = start(config(0, &addresses)).await;
    for (class, max) in
        [(Class::Vote, limits::MAX_VOTE_FRAME), (Class::Block, limits::MAX_BLOCK_FRAME)]
    {
        for length in [0, max + 1] {
            let refused = Err(SendError::BadLength { length, max });
            assert_eq!(node.handle.send(1, class, bytes(0, length)), refused);
            assert_eq!(node.handle.broadcast(class, bytes(0, length)), refused);
        }
    }
    let long = bytes(0, limits::MAX_TRANSACTIONS + 1);
    assert!(node.handle.publish_transactions(long).is_err());
    assert_eq!(
        node.handle.send(9, Class::Vote, b"x".into()),
        Err(SendError::UnknownPeer { to: 9 })
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_configurations_are_named() {
    let addresses = free_addresses(2);
    let good = config(0, &addresses);
    let mut bad_id = good.clone();
    bad_id.peers[0].peer_id = "nobody".into();
    let refused = Network::start(bad_id).await.map(|_| ());
    assert!(matches!(refused, Err(NetError::BadPeerId { index: 1, .. })));
    let mut ourselves = good.clone();
    ourselves.peers[0].peer_id = peer_id(seed(0)).unwrap();
    let refused = Network::start(ourselves).await.map(|_| ());
    assert!(matches!(refused, Err(NetError::DuplicatePeer { index: 1 })));
    let mut twice = good.clone();
    twice.peers.push(twice.peers[0].clone());
    let refused = Network::start(twice).await.map(|_| ());
    assert!(matches!(refused, Err(NetError::DuplicatePeer { index: 1 })));

    let taken = UdpSocket::bind(addresses[0]).unwrap();
    let refused = Network::start(good.clone()).await.map(|_| ());
    assert!(matches!(refused, Err(NetError::Listen { address, .. }) if address == addresses[0]));
    drop(taken);
    let alone = start(NetConfig { peers: vec![], ..good }).await;
    assert_eq!(alone.handle.listen_address(), addresses[0]);
    assert_eq!(alone.handle.peer_id(), peer_id(seed(0)).unwrap());
    alone.handle.publish_transactions(b"x".into()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_takes_little_time() {
    let (mut nodes, _) = mesh(2).await;
    let mut pong = nodes.pop().unwrap();
    let echo = tokio::spawn(async move {
        for _ in 0..200 {
            let (from, class, bytes) = pong.message().await;
            pong.handle.send(from, class, bytes).unwrap();
        }
        pong
    });
    let ping = &mut nodes[0];
    let mut times = Vec::new();
    for round in 0..200 {
        let began = Instant::now();
        ping.handle.send(1, Class::Vote, bytes(round, 3_500)).unwrap();
        ping.message().await;
        times.push(began.elapsed());
    }
    echo.await.unwrap();
    times.sort();
    println!("round trip of a vote: median {:?}, 99 % {:?}", times[100], times[197]);
    assert!(times[100] < Duration::from_millis(50));
}
