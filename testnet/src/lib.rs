//! Local networks of real processes, and the load generator.

pub mod load;
