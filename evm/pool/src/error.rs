//! Why a transaction is refused, in the words clients match.
//!
//! Wallets and libraries recognise errors by text, so every message starts with geth's sentence
//! (`core/error.go`, `core/txpool/errors.go`); details follow after a colon.

use alloy_primitives::{Address, U256, utils::format_ether};

/// Why the pool refused a transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Not a transaction.
    #[error("failed to decode signed transaction: {0}")]
    Decode(String),
    /// An envelope type this chain does not know.
    #[error("transaction type not supported: {0:#04x}")]
    UnsupportedType(u8),
    /// EIP-4844.
    #[error(
        "transaction type not supported: blob transactions (type 3) are not accepted on this chain"
    )]
    Blob,
    /// Larger than a transaction may be, bytes.
    #[error("oversized data: transaction size {size}, limit {limit}")]
    Oversized {
        /// Encoded size.
        size: usize,
        /// Most allowed.
        limit: usize,
    },
    /// EIP-3860, bytes.
    #[error("max initcode size exceeded: code size {size}, limit {limit}")]
    InitCode {
        /// Size of the init code.
        size: usize,
        /// Most allowed.
        limit: usize,
    },
    /// EIP-7825.
    #[error("transaction gas limit too high (cap: {cap}, tx: {gas})")]
    GasCap {
        /// Most allowed.
        cap: u64,
        /// As given.
        gas: u64,
    },
    /// No block could hold it.
    #[error("exceeds block gas limit: {gas} above {limit}")]
    BlockGas {
        /// As given.
        gas: u64,
        /// Gas limit of a block.
        limit: u64,
    },
    /// Less gas than the transaction costs before it runs.
    #[error("intrinsic gas too low: gas {have}, minimum needed {want}")]
    IntrinsicGas {
        /// As given.
        have: u64,
        /// Least possible.
        want: u64,
    },
    /// Less gas than its data costs (EIP-7623).
    #[error("insufficient gas for floor data gas cost: gas {have}, minimum needed {want}")]
    FloorGas {
        /// As given.
        have: u64,
        /// Least possible.
        want: u64,
    },
    /// A legacy transaction without chain id.
    #[error("only replay-protected (EIP-155) transactions allowed over RPC")]
    Unprotected,
    /// Signed for another chain.
    #[error("invalid chain id for signer: have {have} want {want}")]
    ChainId {
        /// As signed.
        have: u64,
        /// This chain.
        want: u64,
    },
    /// The tip is above the fee, wei per gas.
    #[error(
        "max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas: {tip}, maxFeePerGas: {fee}"
    )]
    TipAboveFee {
        /// Priority fee.
        tip: u128,
        /// Most per gas.
        fee: u128,
    },
    /// The fee is below what the base fee can ever be, wei per gas.
    #[error("max fee per gas less than block base fee: maxFeePerGas: {fee}, baseFee: {base_fee}")]
    FeeBelowBase {
        /// Most per gas.
        fee: u128,
        /// The lowest base fee.
        base_fee: u64,
    },
    /// The tip is below the node's minimum, wei per gas.
    #[error("transaction underpriced: gas tip cap {tip}, minimum needed {minimum}")]
    Underpriced {
        /// Priority fee.
        tip: u128,
        /// The node's minimum.
        minimum: u128,
    },
    /// It could cost more for gas than a client of this node may spend by mistake, wei.
    #[error("tx fee ({} ether) exceeds the configured cap ({} ether)", format_ether(*fee), format_ether(*cap))]
    FeeCap {
        /// Gas limit by the most per gas.
        fee: U256,
        /// The node's cap.
        cap: U256,
    },
    /// EIP-2681.
    #[error("nonce has max value: {0}")]
    NonceMax(u64),
    /// EIP-7702 asks for at least one authorization.
    #[error("EIP-7702 transaction with empty auth list")]
    EmptyAuthorizations,
    /// The signature names no sender.
    #[error("invalid sender: invalid transaction v, r, s values")]
    Signature,
    /// Already in the pool.
    #[error("already known")]
    AlreadyKnown,
    /// The nonce is used.
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow {
        /// The sender's next nonce.
        next: u64,
        /// As given.
        nonce: u64,
    },
    /// The sender cannot pay for this and what it has pooled, wei.
    #[error(
        "insufficient funds for gas * price + value: address {sender} have {balance} want {cost}"
    )]
    Funds {
        /// The sender.
        sender: Address,
        /// Its balance.
        balance: U256,
        /// Cost of all its pooled transactions, this one included.
        cost: U256,
    },
    /// Another transaction holds the nonce and this one does not pay 10 % more.
    #[error("replacement transaction underpriced")]
    Replacement,
    /// EIP-7702: a delegated account may have one transaction in flight.
    #[error("in-flight transaction limit reached for delegated accounts")]
    DelegatedInFlight,
    /// The sender has as many transactions as one may have.
    #[error("account limit exceeded: {limit} transactions of one sender{kind}")]
    SenderLimit {
        /// Most allowed.
        limit: usize,
        /// Which of the two limits, for people.
        kind: &'static str,
    },
    /// Full, and nothing in it pays less.
    #[error("txpool is full")]
    PoolFull,
    /// The node cannot read its own state.
    #[error("state unavailable: {0}")]
    State(String),
}
