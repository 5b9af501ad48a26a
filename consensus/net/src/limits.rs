//! Every bound of the network, with its reason. A frame's length is checked before room is made.

use std::time::Duration;

/// The longest frame on the vote stream, in bytes: a certificate of 100 validators has 226 KB and
/// may have 400 KiB.
pub const MAX_VOTE_FRAME: usize = 512 * 1024;
/// The longest frame on the block stream, in bytes: a block of 4 MiB with its certificates, twice.
///
/// QUIC sends the streams of a connection in turns, but buffers at most 10 MB that are not yet
/// acknowledged over all of them (libp2p fixes this): a vote overtakes a block of 4 MiB, and waits
/// behind what is buffered of longer ones.
pub const MAX_BLOCK_FRAME: usize = 10 * 1024 * 1024;
/// The longest question or answer, in bytes.
pub const MAX_SYNC_MESSAGE: usize = 10 * 1024 * 1024;
/// The longest batch of transactions, in bytes: [`MAX_GOSSIP_FRAME`] less gossipsub's own fields.
pub const MAX_TRANSACTIONS: usize = 639 * 1024;
/// The longest gossip message, in bytes: room for the longest transaction, a batch of payments of
/// 600 KiB.
pub const MAX_GOSSIP_FRAME: usize = 640 * 1024;

/// Frames waiting for one peer's vote stream: some seconds of votes while it is away.
pub(crate) const VOTE_QUEUE_FRAMES: usize = 1024;
/// Bytes waiting for one peer's vote stream.
pub(crate) const VOTE_QUEUE_BYTES: usize = 8 * 1024 * 1024;
/// Frames waiting for one peer's block stream: older blocks are fetched, not waited for.
pub(crate) const BLOCK_QUEUE_FRAMES: usize = 8;
/// Bytes waiting for one peer's block stream.
pub(crate) const BLOCK_QUEUE_BYTES: usize = 32 * 1024 * 1024;
/// Questions and answers waiting for one peer.
pub(crate) const SYNC_QUEUE_FRAMES: usize = 64;
/// Bytes of questions and answers waiting for one peer.
pub(crate) const SYNC_QUEUE_BYTES: usize = 64 * 1024 * 1024;

/// Questions of one peer being answered at a time. More are refused.
pub(crate) const REQUESTS_AT_ONCE: usize = 16;
/// How long a question waits for its answer.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Events waiting for the application. A full queue holds the streams back; gossip is dropped.
pub(crate) const EVENT_QUEUE: usize = 1024;
/// Commands waiting for the swarm, mostly batches of transactions.
pub(crate) const COMMAND_QUEUE: usize = 1024;

/// How often peers that are not connected are dialled.
pub(crate) const DIAL_PERIOD: Duration = Duration::from_millis(250);
/// How long a handshake may take. Short, so that a peer that comes back is not missed for long
/// because an attempt begun before is still waiting.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a silent connection shows that it lives.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_millis(500);
/// A connection that shows no life for so many milliseconds is dead.
pub(crate) const IDLE_TIMEOUT_MS: u32 = 2_500;
/// Two connections to one peer that begin within this time come from dialling each other.
pub(crate) const GLARE_WINDOW: Duration = Duration::from_secs(2);
/// How long a peer that broke the protocol is shut out.
pub(crate) const BAN: Duration = Duration::from_secs(5);
/// How long opening a stream may take, its greeting included.
pub(crate) const OPEN_TIMEOUT: Duration = Duration::from_secs(3);
/// The pause before a stream is opened again.
pub(crate) const REOPEN_PAUSE: Duration = Duration::from_millis(50);
/// How long the node waits for its listener at the start.
pub(crate) const LISTEN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long farewells may take at the end.
pub(crate) const FAREWELL: Duration = Duration::from_millis(200);

/// Unacknowledged bytes on one stream: more than the longest frame, so that one fits in flight.
pub(crate) const STREAM_WINDOW: u32 = 16 * 1024 * 1024;
/// Unacknowledged bytes on one connection: all its streams at their fullest.
pub(crate) const CONNECTION_WINDOW: u32 = 64 * 1024 * 1024;
/// Streams a peer may have open towards us: three lanes and gossip, with room for reopening.
pub(crate) const STREAMS_PER_CONNECTION: u32 = 32;
/// Handshakes of unknown parties at a time.
pub(crate) const PENDING_INCOMING: u32 = 256;
/// Connections of one peer at a time: one, and others that are being closed.
pub(crate) const CONNECTIONS_PER_PEER: u32 = 8;
