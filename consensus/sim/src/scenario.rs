//! What a seed means.

use rand::{Rng, SeedableRng, rngs::StdRng};

/// What a restarted validator loses: planted faults, to see that the oracles notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forget {
    /// Nothing: a correct disk.
    #[default]
    Nothing,
    /// Its last TIMEOUT.
    Timeout,
    /// Its last PREPARE.
    Prepare,
    /// Its lock.
    Lock,
    /// Its last proposal.
    Proposal,
}

/// What the caller decides instead of the seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What restarted validators lose.
    pub forget: Forget,
    /// The number of validators, if not up to the seed.
    pub validators: Option<usize>,
}

/// Everything a seed decides before the first event.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The seed.
    pub seed: u64,
    /// How many validators.
    pub validators: usize,
    /// Which of them equivocates.
    pub byzantine: Option<usize>,
    /// Messages lost, per mille.
    pub loss: u32,
    /// Messages delivered twice, per mille.
    pub duplication: u32,
    /// The longest delay of a message, in milliseconds.
    pub max_delay: u64,
    /// Crashes per output carried out, per hundred thousand.
    pub crash_rate: u32,
    /// How long the trouble lasts, in milliseconds.
    pub chaos: u64,
    /// Partitions during the trouble.
    pub partitions: u32,
    /// Whether all validators lose power once, all at the same moment.
    pub power_cut: bool,
    /// The time of a view on a good day, in milliseconds.
    pub base_timeout: u64,
    /// Transactions during the trouble.
    pub transactions: u64,
    /// What restarted validators lose.
    pub forget: Forget,
}

impl Scenario {
    /// The scenario of a seed.
    #[must_use]
    pub fn of(seed: u64, options: &Options) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let drawn = match rng.random_range(0..20_u32) {
            0 => 1,
            1..=2 => 5,
            3..=5 => 7,
            _ => 4,
        };
        let validators = options.validators.unwrap_or(drawn);
        let traitor = rng.random_range(0..validators);
        let byzantine = (validators >= 4 && rng.random_ratio(3, 5)).then_some(traitor);
        Self {
            seed,
            validators,
            byzantine,
            loss: if rng.random_ratio(1, 4) { 0 } else { rng.random_range(0..=300) },
            duplication: rng.random_range(0..=100),
            max_delay: rng.random_range(2..=60),
            crash_rate: if rng.random_ratio(1, 4) { 0 } else { rng.random_range(50..=2_000) },
            chaos: rng.random_range(2_000..=6_000),
            partitions: rng.random_range(0..=3),
            power_cut: rng.random_ratio(1, 4),
            base_timeout: rng.random_range(80..=300),
            transactions: rng.random_range(5..=30),
            forget: options.forget,
        }
    }
}
