//! libp2p over QUIC: direct streams for votes, blocks and sync; gossipsub for transactions.
