//! The nouns every crate shares: money, transactions, the chain specification, the error catalogue.
//!
//! Never does I/O and knows no other crate of this project.

mod account;
mod amount;
mod currency;
mod error;
mod reference;
mod spec;
mod transaction;

pub use account::{
    AccountStatus, AccountType, Authorisation, Corridor, RiskOutcome, Role, TransferKind,
    TransferStatus, UnknownWord,
};
pub use amount::{Amount, AmountError, MAX_EXPONENT};
pub use currency::{Currency, InvalidCurrency};
pub use error::ErrorCode;
pub use reference::client_reference;
pub use spec::{
    BaseFee, ChainSpec, CurrencySpec, GenesisAccount, LedgerAccountSpec, LedgerSpec, ValidatorSpec,
};
pub use transaction::{LEDGER, PooledTransaction, Transaction, TransactionBounds};
