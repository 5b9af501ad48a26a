//! The RocksDB tables and the atomic block commit.
