//! The engines for Rust programs outside of a node: a bank's, an integrator's.
//!
//! [`Client`] calls them over JSON-RPC with the very types they are compiled from
//! ([`engines`]): it reads, tries, signs and sends, and says why an engine refused. [`Instruction`]
//! and [`Key`] make orders that somebody else hands in. Never keeps keys or state; what it is told
//! it believes the node (a settlement proof convinces who must not, `qenex proof verify`).
//!
//! ```no_run
//! use alloy_signer_local::PrivateKeySigner;
//! use qenex_client::engines::{ILedger, LEDGER};
//! use qenex_client::{Client, types::client_reference};
//!
//! # async fn pay() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::connect("http://127.0.0.1:8545").await?;
//! let signer: PrivateKeySigner =
//!     "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80".parse()?;
//! let usd = "USD".parse()?;
//! let payment = ILedger::transferCall {
//!     clientReference: client_reference("invoice-4711"),
//!     from: signer.address(),
//!     to: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8".parse()?,
//!     currency: qenex_client::code(usd),
//!     amount: 1_234, // cents
//!     endToEndId: Default::default(),
//!     payloadHash: Default::default(),
//! };
//! // Once more with the same reference changes nothing: so it may be tried again after any error.
//! let receipt = client.execute(&signer, LEDGER, &payment).await?;
//! let settled: Vec<ILedger::Settled> = receipt.events(LEDGER);
//! println!("{settled:?}, {:?}", client.balance(signer.address(), usd).await?);
//! # Ok(())
//! # }
//! ```

mod client;
mod instruction;
mod receipt;
pub mod rpc;

pub use client::{Client, ClientError, code};
pub use instruction::{Instruction, Key, KeyError, sign_affirmation};
pub use receipt::{Emitted, Receipt};

pub use qenex_precompiles as engines;
pub use qenex_types as types;
