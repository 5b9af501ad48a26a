//! A deterministic simulator that drives the consensus core through hostile schedules.
