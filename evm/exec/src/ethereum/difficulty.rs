//! Difficulty of blocks under proof of work, with every delay of the bomb.

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_genesis::ChainConfig;
use alloy_primitives::U256;

use super::forks::since;

/// Least difficulty.
const MINIMUM: u64 = 131_072;

/// Blocks of an age of the bomb.
const PERIOD: u64 = 100_000;

/// The difficulty a child of `parent` with this time must have (yellow paper, 4.3.4; EIP-2, -100,
/// -649, -1234, -2384, -3554, -4345, -5133).
pub(super) fn difficulty(config: &ChainConfig, timestamp: u64, parent: &Header) -> U256 {
    let number = parent.number.saturating_add(1);
    let delays = [
        (config.gray_glacier_block, 11_400_000),
        (config.arrow_glacier_block, 10_700_000),
        (config.london_block, 9_700_000),
        (config.muir_glacier_block, 9_000_000),
        (config.constantinople_block, 5_000_000),
        (config.byzantium_block, 3_000_000),
    ];
    let delay = delays.into_iter().find(|(fork, _)| since(*fork, number));
    let elapsed = timestamp.saturating_sub(parent.timestamp);
    let step = parent.difficulty >> 11;
    let minimum = U256::from(MINIMUM);
    if let Some((_, delay)) = delay {
        let base = if parent.ommers_hash == EMPTY_OMMER_ROOT_HASH { 1 } else { 2 };
        let moved = adjusted(parent.difficulty, step, base, elapsed / 9).max(minimum);
        // EIP-649 counts from the parent's number, so the delay is one less.
        return moved.saturating_add(bomb(parent.number.saturating_sub(delay - 1)));
    }
    if since(config.homestead_block, number) {
        let moved = adjusted(parent.difficulty, step, 1, elapsed / 10).max(minimum);
        return moved.saturating_add(bomb(number));
    }
    let moved = if elapsed < 13 {
        parent.difficulty.saturating_add(step)
    } else {
        parent.difficulty.saturating_sub(step)
    };
    moved.max(minimum).saturating_add(bomb(number)).max(minimum)
}

/// `difficulty + step * max(base - periods, -99)`.
fn adjusted(difficulty: U256, step: U256, base: u64, periods: u64) -> U256 {
    if base >= periods {
        difficulty.saturating_add(step.saturating_mul(U256::from(base - periods)))
    } else {
        let down = (periods - base).min(99);
        difficulty.saturating_sub(step.saturating_mul(U256::from(down)))
    }
}

/// What the bomb adds at this (pretended) height.
fn bomb(number: u64) -> U256 {
    match (number / PERIOD).checked_sub(2) {
        Some(exponent) => U256::from(1)
            .checked_shl(usize::try_from(exponent).unwrap_or(usize::MAX))
            .unwrap_or(U256::MAX),
        None => U256::ZERO,
    }
}
