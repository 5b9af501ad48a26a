//! Local networks of real processes, and the load generator.

pub mod calls;
pub mod load;
pub mod network;

pub use network::Network;
