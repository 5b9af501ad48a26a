//! The bounds of the pool.

/// Bounds and chain parameters of a [`crate::Pool`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// EIP-155 chain id every transaction must carry.
    pub chain_id: u64,
    /// Most transactions, executable and queued together.
    pub max_transactions: usize,
    /// Most bytes of encoded transactions.
    pub max_bytes: usize,
    /// Most transactions of one sender. Banks send bursts, so this is generous.
    pub max_per_sender: usize,
    /// Most transactions of one sender behind a nonce gap. As many as it may have at all: gossip
    /// does not keep the order, and a burst must survive that its first part comes last.
    pub max_queued_per_sender: usize,
    /// Most transactions behind nonce gaps, all senders together.
    pub max_queued: usize,
    /// Gas limit of a block.
    pub block_gas_limit: u64,
    /// Least `maxPriorityFeePerGas` (or `gasPrice`), wei.
    pub min_priority_fee: u128,
    /// The base fee never falls below this, so who offers less never gets in, wei.
    pub min_base_fee: u64,
    /// How long a transaction may wait behind a nonce gap, milliseconds.
    pub queued_lifetime_ms: u64,
}

impl PoolConfig {
    /// The usual bounds for a chain.
    #[must_use]
    pub const fn new(chain_id: u64, block_gas_limit: u64, min_base_fee: u64) -> Self {
        Self {
            chain_id,
            max_transactions: 50_000,
            max_bytes: 64 << 20,
            max_per_sender: 1_024,
            max_queued_per_sender: 1_024,
            max_queued: 10_000,
            block_gas_limit,
            min_priority_fee: 0,
            min_base_fee,
            queued_lifetime_ms: 3 * 60 * 60 * 1_000,
        }
    }
}
