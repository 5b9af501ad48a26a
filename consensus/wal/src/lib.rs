//! Durable vote state: append, fdatasync, torn-write recovery.
