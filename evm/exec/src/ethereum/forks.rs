//! Which fork's rules hold in a block.

use alloy_consensus::Header;
use alloy_eips::{
    eip1559::{BaseFeeParams, INITIAL_BASE_FEE, calc_next_block_base_fee},
    eip7840::BlobParams,
};
use alloy_evm::eth::spec::EthExecutorSpec;
use alloy_genesis::ChainConfig;
use alloy_hardforks::{EthereumHardfork, EthereumHardforks, ForkCondition};
use alloy_primitives::{Address, U256};
use revm::primitives::hardfork::SpecId;

/// The forks of an Ethereum chain, from the `config` of a geth genesis.
#[derive(Clone, Debug)]
pub struct EthereumRules {
    config: ChainConfig,
    /// Blob parameters and when they begin, oldest first.
    blobs: Vec<(u64, BlobParams)>,
}

impl EthereumRules {
    /// Reads a configuration. A blob schedule that is left out is mainnet's.
    #[must_use]
    pub fn new(config: &ChainConfig) -> Self {
        let forks = [
            ("cancun", config.cancun_time, BlobParams::cancun()),
            ("prague", config.prague_time, BlobParams::prague()),
            ("osaka", config.osaka_time, BlobParams::osaka()),
            ("bpo1", config.bpo1_time, BlobParams::bpo1()),
            ("bpo2", config.bpo2_time, BlobParams::bpo2()),
            ("bpo3", config.bpo3_time, BlobParams::bpo2()),
            ("bpo4", config.bpo4_time, BlobParams::bpo2()),
            ("bpo5", config.bpo5_time, BlobParams::bpo2()),
        ];
        let blobs = forks.into_iter().filter_map(|(name, time, usual)| {
            let params = config.blob_schedule.get(name).map_or(usual, |given| BlobParams {
                target_blob_count: given.target_blob_count,
                max_blob_count: given.max_blob_count,
                update_fraction: given.update_fraction,
                // Before Osaka a transaction may have as many as a block (EIP-7594).
                max_blobs_per_tx: match name {
                    "cancun" | "prague" => given.max_blob_count,
                    _ => usual.max_blobs_per_tx,
                },
                ..usual
            });
            Some((time?, params))
        });
        Self { config: config.clone(), blobs: blobs.collect() }
    }

    /// EIP-155 chain id.
    #[must_use]
    pub const fn chain_id(&self) -> u64 {
        self.config.chain_id
    }

    /// The configuration it was read from.
    pub(crate) const fn config(&self) -> &ChainConfig {
        &self.config
    }

    /// Blob parameters of a block of this time; none before Cancun.
    #[must_use]
    pub fn blob_params(&self, timestamp: u64) -> Option<BlobParams> {
        let active = self.blobs.iter().rev().find(|(since, _)| *since <= timestamp);
        active.map(|(_, params)| *params)
    }

    /// Base fee of the child of `parent` in wei per gas (EIP-1559); none before London.
    #[must_use]
    pub fn next_base_fee(&self, parent: &Header) -> Option<u64> {
        if !since(self.config.london_block, parent.number.saturating_add(1)) {
            return None;
        }
        let Some(base_fee) = parent.base_fee_per_gas else { return Some(INITIAL_BASE_FEE) };
        let params = BaseFeeParams::ethereum();
        Some(calc_next_block_base_fee(parent.gas_used, parent.gas_limit, base_fee, params))
    }

    /// Where forks begin, each point once and in order: by number, and by time after genesis.
    pub(crate) fn fork_points(&self, genesis_time: u64) -> (Vec<u64>, Vec<u64>) {
        let config = &self.config;
        let blocks = [
            config.homestead_block,
            config.dao_fork_block,
            config.eip150_block,
            config.eip155_block,
            config.eip158_block,
            config.byzantium_block,
            config.constantinople_block,
            config.petersburg_block,
            config.istanbul_block,
            config.muir_glacier_block,
            config.berlin_block,
            config.london_block,
            config.arrow_glacier_block,
            config.gray_glacier_block,
            config.merge_netsplit_block,
        ];
        let times = [config.shanghai_time]
            .into_iter()
            .flatten()
            .chain(self.blobs.iter().map(|(time, _)| *time));
        let points = |mut points: Vec<u64>, after: u64| {
            points.retain(|point| *point > after);
            points.sort_unstable();
            points.dedup();
            points
        };
        let blocks = blocks.into_iter().flatten().collect();
        (points(blocks, 0), points(times.collect(), genesis_time))
    }

    /// Whether blocks after this total difficulty follow proof of stake (EIP-3675).
    pub(crate) fn merged_after(&self, total_difficulty: U256) -> bool {
        self.config.terminal_total_difficulty.is_some_and(|ttd| total_difficulty >= ttd)
    }

    /// The EVM's rules in a block. Constantinople is taken for Petersburg, which removed from it
    /// what no chain kept (EIP-1716).
    pub(crate) fn spec_id(&self, number: u64, timestamp: u64, merged: bool) -> SpecId {
        let config = &self.config;
        let timed = [
            (config.osaka_time, SpecId::OSAKA),
            (config.prague_time, SpecId::PRAGUE),
            (config.cancun_time, SpecId::CANCUN),
            (config.shanghai_time, SpecId::SHANGHAI),
        ];
        if merged {
            let active = timed.into_iter().find(|(time, _)| since(*time, timestamp));
            return active.map_or(SpecId::MERGE, |(_, spec)| spec);
        }
        let by_number = [
            (config.london_block, SpecId::LONDON),
            (config.berlin_block, SpecId::BERLIN),
            (config.istanbul_block, SpecId::ISTANBUL),
            (config.petersburg_block.or(config.constantinople_block), SpecId::PETERSBURG),
            (config.byzantium_block, SpecId::BYZANTIUM),
            (config.eip158_block.or(config.eip155_block), SpecId::SPURIOUS_DRAGON),
            (config.eip150_block, SpecId::TANGERINE),
            (config.homestead_block, SpecId::HOMESTEAD),
        ];
        let active = by_number.into_iter().find(|(block, _)| since(*block, number));
        active.map_or(SpecId::FRONTIER, |(_, spec)| spec)
    }

    /// The EVM's rules in a block with this header.
    pub(crate) fn spec_of(&self, header: &Header) -> SpecId {
        self.spec_id(header.number, header.timestamp, header.difficulty.is_zero())
    }
}

/// Whether a fork has begun.
pub(crate) fn since(fork: Option<u64>, at: u64) -> bool {
    fork.is_some_and(|fork| fork <= at)
}

/// The forks as one block sees them, for alloy-evm: there, whether proof of stake holds is asked by
/// block number, which only the block itself knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockForks {
    pub(crate) spec: SpecId,
    /// Contract whose logs are deposits (EIP-6110).
    pub(crate) deposit_contract: Option<Address>,
}

impl EthereumHardforks for BlockForks {
    fn ethereum_fork_activation(&self, fork: EthereumHardfork) -> ForkCondition {
        use EthereumHardfork as Fork;
        let (spec, timed) = match fork {
            Fork::Frontier => (SpecId::FRONTIER, false),
            Fork::Homestead => (SpecId::HOMESTEAD, false),
            Fork::Tangerine => (SpecId::TANGERINE, false),
            Fork::SpuriousDragon => (SpecId::SPURIOUS_DRAGON, false),
            Fork::Byzantium => (SpecId::BYZANTIUM, false),
            Fork::Constantinople | Fork::Petersburg => (SpecId::PETERSBURG, false),
            Fork::Istanbul => (SpecId::ISTANBUL, false),
            Fork::Berlin => (SpecId::BERLIN, false),
            Fork::London => (SpecId::LONDON, false),
            Fork::Paris => (SpecId::MERGE, false),
            Fork::Shanghai => (SpecId::SHANGHAI, true),
            Fork::Cancun => (SpecId::CANCUN, true),
            Fork::Prague => (SpecId::PRAGUE, true),
            Fork::Osaka => (SpecId::OSAKA, true),
            // The DAO's fork is applied by `execute`; later forks are not supported.
            _ => return ForkCondition::Never,
        };
        match (self.spec >= spec, timed) {
            (false, _) => ForkCondition::Never,
            (true, true) => ForkCondition::Timestamp(0),
            (true, false) => ForkCondition::Block(0),
        }
    }
}

impl EthExecutorSpec for BlockForks {
    fn deposit_contract_address(&self) -> Option<Address> {
        self.deposit_contract
    }
}
