//! How RocksDB is set up: one place for every tuning decision and its reason.

use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType,
    DBRecoveryMode, DataBlockIndexType, LogLevel, Options, SliceTransform,
};

use crate::{seal::StoreKey, tables};

/// What an operator may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// Bytes of memory for RocksDB's block cache (uncompressed blocks, indexes, filters).
    pub cache_bytes: usize,
    /// Bytes collected in memory per large table before they become a file.
    pub write_buffer_bytes: usize,
    /// Threads for RocksDB's background work.
    pub background_jobs: u16,
    /// Files RocksDB may hold open at once.
    pub max_open_files: u16,
    /// The key, if values are encrypted.
    pub key: Option<StoreKey>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 512 << 20,
            write_buffer_bytes: 64 << 20,
            background_jobs: 2,
            max_open_files: 1024,
            key: None,
        }
    }
}

/// Bytes per data block: small enough for point reads, large enough to compress.
const BLOCK_BYTES: usize = 16 << 10;
/// Bytes per part of an index or a filter.
const METADATA_BYTES: usize = 4 << 10;
/// Bits per key of the bloom filters: 1 % false positives.
const BLOOM_BITS: f64 = 10.0;
/// Values from this size on live in blob files, out of the way of compaction.
const BLOB_BYTES: u64 = 4 << 10;
/// A memory table looks for a key's place from where the last one with the same first byte went: flushes of state
/// write in the order of the keys. There is no setter for it.
const HINTED: &str = "memtable_insert_with_hint_prefix_extractor=rocksdb.CappedPrefix.1";
/// The write-ahead log may hold this much before the oldest memtable is forced out.
const LOG_BYTES: u64 = 1 << 30;

/// Options of the whole database.
pub(crate) fn database(options: &StoreOptions) -> Options {
    let mut db = Options::default();
    db.create_if_missing(true);
    db.create_missing_column_families(true);
    // RocksDB's default drops everything after the first bad record of the log without a word. This
    // mode forgives only an incomplete record at the very end (a write that never returned).
    db.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    db.set_track_and_verify_wals_in_manifest(true);
    db.set_paranoid_checks(true);
    db.set_max_background_jobs(i32::from(options.background_jobs));
    db.set_max_open_files(i32::from(options.max_open_files));
    db.set_bytes_per_sync(1 << 20);
    db.set_max_total_wal_size(LOG_BYTES);
    db.set_keep_log_file_num(4);
    db.set_max_log_file_size(4 << 20);
    db.set_log_level(LogLevel::Warn);
    db
}

/// Descriptors of all tables.
pub(crate) fn tables(
    options: &StoreOptions,
) -> Result<Vec<ColumnFamilyDescriptor>, rocksdb::Error> {
    let cache = Cache::new_lru_cache(options.cache_bytes);
    let one =
        |name: &&'static str| Ok(ColumnFamilyDescriptor::new(*name, table(name, &cache, options)?));
    tables::TABLES.iter().map(one).collect()
}

fn table(name: &str, cache: &Cache, options: &StoreOptions) -> Result<Options, rocksdb::Error> {
    let mut cf = Options::default().get_options_from_string(HINTED)?;
    let mut block = BlockBasedOptions::default();
    block.set_block_cache(cache);
    block.set_block_size(BLOCK_BYTES);
    block.set_format_version(6);
    block.set_cache_index_and_filter_blocks(true);
    block.set_cache_index_and_filter_blocks_with_high_priority(true);
    block.set_pin_l0_filter_and_index_blocks_in_cache(true);
    // One block of index or filter for a whole file is megabytes, more than a shard of the cache may hold:
    // it would be read and checked again for every key asked for.
    block.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    block.set_partition_filters(true);
    block.set_metadata_block_size(METADATA_BYTES);
    block.set_pin_top_level_index_and_filter(true);
    cf.set_level_compaction_dynamic_level_bytes(true);
    cf.set_compression_type(DBCompressionType::Lz4);
    cf.set_bottommost_compression_type(DBCompressionType::Zstd);
    cf.set_write_buffer_size(4 << 20);
    match name {
        tables::HEADERS | tables::BODIES | tables::RECEIPTS | tables::CERTIFICATES => {
            blobs(&mut cf);
            cf.set_write_buffer_size(options.write_buffer_bytes.min(16 << 20));
        }
        tables::CODE => {
            blobs(&mut cf);
            points(&mut cf, &mut block);
        }
        tables::BLOCK_BY_HASH | tables::TX_BY_HASH => {
            // Hashes do not compress, and the filter answers most questions about unknown ones.
            cf.set_compression_type(DBCompressionType::None);
            cf.set_bottommost_compression_type(DBCompressionType::None);
            cf.set_write_buffer_size(options.write_buffer_bytes.min(16 << 20));
            points(&mut cf, &mut block);
        }
        tables::ACCOUNTS | tables::STORAGE => {
            cf.set_bottommost_compression_type(DBCompressionType::Lz4);
            cf.set_write_buffer_size(options.write_buffer_bytes);
            points(&mut cf, &mut block);
        }
        tables::TRIE => {
            cf.set_compression_type(DBCompressionType::None); // Hashes.
            cf.set_bottommost_compression_type(DBCompressionType::None);
            cf.set_write_buffer_size(options.write_buffer_bytes);
            points(&mut cf, &mut block);
        }
        tables::ACCOUNT_HISTORY => history(&mut cf, &mut block, 32, options),
        tables::STORAGE_HISTORY => history(&mut cf, &mut block, 64, options),
        _ => {} // meta, changes: few and small.
    }
    cf.set_block_based_table_factory(&block);
    Ok(cf)
}

/// Tables read by whole keys, many of them absent.
fn points(cf: &mut Options, block: &mut BlockBasedOptions) {
    block.set_bloom_filter(BLOOM_BITS, false);
    block.set_whole_key_filtering(true);
    block.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    block.set_data_block_hash_ratio(0.75);
    cf.set_memtable_whole_key_filtering(true);
    cf.set_memtable_prefix_bloom_ratio(0.02);
}

/// Tables of large values.
fn blobs(cf: &mut Options) {
    cf.set_enable_blob_files(true);
    cf.set_min_blob_size(BLOB_BYTES);
    cf.set_blob_compression_type(DBCompressionType::Zstd);
}

/// Tables read by seeking within one prefix: the key whose history it is.
fn history(cf: &mut Options, block: &mut BlockBasedOptions, prefix: usize, all: &StoreOptions) {
    cf.set_prefix_extractor(SliceTransform::create_fixed_prefix(prefix));
    block.set_bloom_filter(BLOOM_BITS, false);
    block.set_whole_key_filtering(false);
    cf.set_memtable_prefix_bloom_ratio(0.05);
    cf.set_write_buffer_size(all.write_buffer_bytes);
}
