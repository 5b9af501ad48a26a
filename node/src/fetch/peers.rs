//! Asking peers, one question after the other.

use std::time::Duration;

use alloy_primitives::Bytes;
use alloy_rlp::Decodable;
use anyhow::{Context, Result};
use qenex_net::NetworkHandle;

use crate::consensus::Question;

/// Pause after nobody could help.
const PAUSE: Duration = Duration::from_millis(200);

/// The peers of a node, for a thread that may wait.
pub(crate) struct Peers {
    pub(crate) network: NetworkHandle,
    /// Runs the requests.
    pub(crate) runtime: tokio::runtime::Handle,
    /// Whether the node is on its way out.
    pub(crate) stopping: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Peers {
    pub(crate) fn is_stopping(&self) -> bool {
        (self.stopping)()
    }

    pub(crate) fn connected(&self) -> Vec<u16> {
        self.network.connected()
    }

    /// The peer whose turn it is; after each round, and if there is none, it waits a little.
    pub(crate) fn next(&self, turn: &mut usize) -> Option<u16> {
        let peers = self.connected();
        match peers.get(*turn) {
            Some(peer) => {
                *turn += 1;
                Some(*peer)
            }
            None => {
                *turn = 0;
                self.pause();
                None
            }
        }
    }

    pub(crate) fn pause(&self) {
        std::thread::sleep(PAUSE);
    }

    /// The answer of a peer.
    ///
    /// # Errors
    ///
    /// If it gives none, or something else.
    pub(crate) fn ask<T: Decodable>(&self, peer: u16, question: &Question) -> Result<T> {
        alloy_rlp::decode_exact(self.ask_bytes(peer, question)?).context("malformed answer")
    }

    /// The bytes of a peer's answer.
    ///
    /// # Errors
    ///
    /// If it gives none.
    pub(crate) fn ask_bytes(&self, peer: u16, question: &Question) -> Result<Bytes> {
        let answer = self.network.request(peer, question.encode());
        self.runtime.block_on(answer).context("no answer")
    }
}
