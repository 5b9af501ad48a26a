//! The parameters of a fork as clients ask for them (EIP-7910, `eth_config`).

use alloy_eips::{
    eip2935, eip4788, eip6110, eip7002, eip7251,
    eip7910::{EthConfig, EthForkConfig, SystemContract},
};
use alloy_primitives::{B256, Bytes};
use qenex_precompiles::engine_addresses;
use revm::{
    precompile::{PrecompileSpecId, Precompiles},
    primitives::hardfork::SpecId,
};

use crate::rules::Rules;

impl Rules {
    /// The fork that is active at a time, the next and the last one; nothing before Cancun, whose
    /// forks have no configuration.
    #[must_use]
    pub fn config(&self, genesis: B256, genesis_time: u64, now: u64) -> Option<EthConfig> {
        let (blocks, times) = match self {
            Self::Qenex(_) | Self::Development(_) => (Vec::new(), Vec::new()),
            Self::Ethereum(rules) => rules.fork_points(genesis_time),
        };
        let (past, future) = times.split_at(times.partition_point(|time| *time <= now));
        let at = |time: u64| {
            let passed = blocks.iter().chain(times.iter().take_while(|fork| **fork <= time));
            self.fork(time.max(genesis_time), time, fork_hash(genesis, passed))
        };
        Some(EthConfig {
            current: at(past.last().copied().unwrap_or(0))?,
            next: future.first().and_then(|time| at(*time)),
            last: future.last().and_then(|time| at(*time)),
        })
    }

    fn fork(&self, time: u64, activation_time: u64, fork_id: Bytes) -> Option<EthForkConfig> {
        let spec = self.spec_id(u64::MAX, time, true);
        if spec < SpecId::CANCUN {
            return None;
        }
        let precompiles = Precompiles::new(PrecompileSpecId::from_spec_id(spec));
        let names = precompiles.inner().iter();
        let mut precompiles: std::collections::BTreeMap<_, _> =
            names.map(|(address, one)| (one.id().name().to_owned(), *address)).collect();
        let mut contracts = vec![(SystemContract::BeaconRoots, eip4788::BEACON_ROOTS_ADDRESS)];
        if spec >= SpecId::PRAGUE {
            contracts.push((SystemContract::HistoryStorage, eip2935::HISTORY_STORAGE_ADDRESS));
        }
        match self {
            Self::Qenex(_) | Self::Development(_) => precompiles
                .extend(engine_addresses().map(|address| (format!("ENGINE_{address}"), address))),
            Self::Ethereum(rules) if spec >= SpecId::PRAGUE => contracts.extend([
                (
                    SystemContract::DepositContract,
                    rules
                        .config()
                        .deposit_contract_address
                        .unwrap_or(eip6110::MAINNET_DEPOSIT_CONTRACT_ADDRESS),
                ),
                (
                    SystemContract::WithdrawalRequestPredeploy,
                    eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
                ),
                (
                    SystemContract::ConsolidationRequestPredeploy,
                    eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
                ),
            ]),
            Self::Ethereum(_) => {}
        }
        Some(EthForkConfig {
            activation_time,
            blob_schedule: self.blob_params(time)?,
            chain_id: self.chain_id(),
            fork_id,
            precompiles,
            system_contracts: contracts.into_iter().collect(),
        })
    }
}

/// `FORK_HASH` of EIP-2124 and EIP-6122: CRC-32 over the genesis hash and the forks passed.
fn fork_hash<'a>(genesis: B256, passed: impl Iterator<Item = &'a u64>) -> Bytes {
    let forks = passed.flat_map(|fork| fork.to_be_bytes());
    let crc = genesis.0.into_iter().chain(forks).fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
        })
    });
    Bytes::copy_from_slice(&(!crc).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{b256, bytes};

    use super::fork_hash;

    /// The examples of EIP-2124.
    #[test]
    fn fork_hashes_of_mainnet() {
        let genesis = b256!("d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3");
        let forks = [1_150_000, 1_920_000, 2_463_000, 2_675_000, 4_370_000, 7_280_000];
        let hashes = [
            bytes!("fc64ec04"),
            bytes!("97c2c34c"),
            bytes!("91d1f948"),
            bytes!("7a64da13"),
            bytes!("3edd5b10"),
            bytes!("a00bc324"),
            bytes!("668db0af"),
        ];
        for (passed, hash) in hashes.into_iter().enumerate() {
            assert_eq!(fork_hash(genesis, forks.iter().take(passed)), hash, "{passed} forks");
        }
    }
}
