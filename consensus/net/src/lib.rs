//! libp2p over QUIC: direct streams for votes, blocks and sync; gossipsub for transactions.
//!
//! This crate carries opaque bytes between the validators of one chain. It knows nothing of
//! consensus or of transactions, never verifies a consensus signature, never decides anything by a
//! wall clock, and speaks with nobody who is not on its list.
//!
//! Votes and blocks do not go through gossip: each pair of validators has long-lived streams, one
//! for each lane and direction, so that a large block never stands before a vote and a message can
//! be sent again byte for byte (gossip would take it for a duplicate). Sending never waits: each
//! lane to each peer has a bounded queue (`queue.rs`), and a full one gives up its oldest frames.
//!
//! `limits.rs` lists every bound; `frame.rs` is the wire format of the streams; `swarm.rs` owns the
//! connections; `lanes.rs` owns the streams; `requests.rs` pairs answers with questions.
//!
//! QUIC means TLS 1.3 with the X25519MLKEM768 key exchange preferred (libp2p-tls). The transport's
//! peer identity is a plain Ed25519 key: it keeps strangers out, while every consensus message
//! carries its own hybrid signature.

mod frame;
mod handle;
mod lanes;
pub mod limits;
mod queue;
mod requests;
mod shared;
mod stats;
mod swarm;

use std::fmt;
use std::io;
use std::net::SocketAddr;

use alloy_primitives::Bytes;
use libp2p::PeerId;
use libp2p::identity::{Keypair, PublicKey, ed25519};
use tokio::sync::oneshot;

pub use handle::{Network, NetworkHandle, RequestError, SendError};
pub use stats::{LaneStats, NetStats};

/// A validator we speak with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerConfig {
    /// Its index in the committee; all messages to and from it bear this number.
    pub index: u16,
    /// Its network identity in libp2p's text form; see [`peer_id`].
    pub peer_id: String,
    /// Where it listens (UDP).
    pub address: SocketAddr,
}

/// Who we are and whom we speak with.
#[derive(Clone)]
pub struct NetConfig {
    /// Seed of our Ed25519 network identity.
    pub keypair_seed: [u8; 32],
    /// Where we listen (UDP). Port 0 lets the operating system choose.
    pub listen: SocketAddr,
    /// Everybody we speak with, without us.
    pub peers: Vec<PeerConfig>,
    /// The chain. It is part of every protocol's name: another chain's nodes find nothing to
    /// speak about with us.
    pub chain: [u8; 32],
}

impl fmt::Debug for NetConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetConfig")
            .field("listen", &self.listen)
            .field("peers", &self.peers)
            .field("chain", &alloy_primitives::hex::encode(self.chain))
            .finish_non_exhaustive()
    }
}

/// Why the network cannot start.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// A key is no Ed25519 key.
    #[error("not a usable Ed25519 network key")]
    BadKey,
    /// A peer's identity cannot be read.
    #[error("validator {index} has the malformed peer id {peer_id:?}")]
    BadPeerId {
        /// The validator.
        index: u16,
        /// The text.
        peer_id: String,
    },
    /// Two peers have one index or one identity, or a peer is us.
    #[error("validator {index} is listed twice, or is this node")]
    DuplicatePeer {
        /// The validator.
        index: u16,
    },
    /// The address is taken, or is not ours.
    #[error("cannot listen on UDP {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The network library refuses its configuration.
    #[error("the network library refuses its configuration: {0}")]
    Library(String),
}

/// What kind of message travels, and so on which stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Votes, timeouts, certificates: small and urgent, up to [`limits::MAX_VOTE_FRAME`].
    Vote,
    /// Proposals with their blocks, up to [`limits::MAX_BLOCK_FRAME`].
    Block,
}

/// What the network has to tell. Nothing in it is verified beyond who sent it.
#[derive(Debug)]
pub enum NetEvent {
    /// A stream for votes to this validator is open. Whatever it may have missed can be sent now:
    /// a connection that ends takes with it what was under way, also the lesser of two connections
    /// that both sides made at once.
    ///
    /// Streams are independent: a message of the validator may arrive before this.
    Connected(u16),
    /// The stream for votes is gone. It is opened again by itself.
    Disconnected(u16),
    /// A validator sent a message.
    Message {
        /// The validator.
        from: u16,
        /// On which stream.
        class: Class,
        /// The message.
        bytes: Bytes,
    },
    /// A validator asks for something.
    Request {
        /// The validator.
        from: u16,
        /// The question.
        bytes: Bytes,
        /// Takes the answer. Dropping it tells the validator that there will be none.
        reply: oneshot::Sender<Bytes>,
    },
    /// A batch of transactions came by gossip.
    Transactions {
        /// The validator that passed it on, not necessarily its author.
        from: Option<u16>,
        /// The batch.
        bytes: Bytes,
    },
}

/// The peer id, in text form, of a network seed.
///
/// # Errors
///
/// [`NetError::BadKey`] if the seed makes no key.
pub fn peer_id(seed: [u8; 32]) -> Result<String, NetError> {
    Ok(keypair(seed)?.public().to_peer_id().to_string())
}

/// The peer id, in text form, of an Ed25519 public key.
///
/// # Errors
///
/// [`NetError::BadKey`] if the bytes are no key.
pub fn peer_id_of(public: &[u8; 32]) -> Result<String, NetError> {
    let public = ed25519::PublicKey::try_from_bytes(public).map_err(|_| NetError::BadKey)?;
    Ok(PeerId::from_public_key(&PublicKey::from(public)).to_string())
}

/// The keypair of a seed, which is wiped.
fn keypair(mut seed: [u8; 32]) -> Result<Keypair, NetError> {
    Keypair::ed25519_from_bytes(&mut seed).map_err(|_| NetError::BadKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peer_ids_of_seed_and_public_key_agree() {
        let seed = [5; 32];
        let public = keypair(seed).unwrap().public().try_into_ed25519().unwrap().to_bytes();
        assert_eq!(peer_id(seed).unwrap(), peer_id_of(&public).unwrap());
        assert!(peer_id(seed).unwrap().starts_with("12D3KooW"));
    }

    #[test]
    fn the_seed_does_not_show_in_debug_output() {
        let config = NetConfig {
            keypair_seed: [77; 32],
            listen: "127.0.0.1:0".parse().unwrap(),
            peers: vec![],
            chain: [0; 32],
        };
        assert!(!format!("{config:?}").contains("77"));
    }

    #[test]
    fn the_key_exchange_prefers_the_post_quantum_hybrid() {
        // The group negotiated on a live connection is not observable through libp2p; the
        // configuration it is negotiated from is.
        let key = keypair([5; 32]).unwrap();
        let client = libp2p_tls::make_client_config(&key, None).unwrap();
        let server = libp2p_tls::make_server_config(&key).unwrap();
        for provider in [client.crypto_provider(), server.crypto_provider()] {
            assert_eq!(format!("{:?}", provider.kx_groups[0].name()), "X25519MLKEM768");
        }
    }
}
