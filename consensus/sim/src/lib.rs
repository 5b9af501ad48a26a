//! A deterministic simulator that drives the consensus core through hostile schedules.
//!
//! One `u64` seed decides everything: the number of validators, delays, loss, duplication,
//! partitions, crashes between any two outputs, whole-cluster power cuts, and what one equivocating
//! validator does. The very same [`qenex_consensus::Core`], wire codec, verification and durable
//! record as in the node run underneath; only the clock, the network, the disk and the payloads are
//! models. Signatures are short hashes that the adversary does not forge.
//!
//! [`run`] answers with a [`Report`], or with the [`Violation`] that an oracle (`oracle.rs`) found:
//! two blocks final at one height, a gap, an honest validator that contradicts itself, evidence
//! against an honest one, no progress after the network healed, or timers on an idle chain.
//!
//! Reading order: `scenario.rs` (what a seed means), `world.rs` (events), `driver.rs` (how outputs
//! are carried out), `adversary.rs`, `oracle.rs`.

mod adversary;
mod driver;
mod model;
mod oracle;
mod scenario;
mod world;

pub use oracle::Violation;
pub use scenario::{Forget, Options, Scenario};
pub use world::Report;

/// Runs the schedule of one seed.
///
/// # Errors
///
/// The [`Violation`] found, if one was.
pub fn run(seed: u64, options: &Options) -> Result<Report, Violation> {
    world::World::new(Scenario::of(seed, options)).run()
}
