//! The nouns every crate shares: money, transactions, the chain specification, the error catalogue.
//!
//! Never does I/O and knows no other crate of this project.

mod spec;
mod transaction;

pub use spec::{
    BaseFee, ChainSpec, CurrencySpec, GenesisAccount, LedgerAccountSpec, LedgerSpec, ValidatorSpec,
};
pub use transaction::{PooledTransaction, Transaction};
