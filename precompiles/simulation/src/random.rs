//! Chance from a seed, in integers only: the same draws on every machine.

/// A stream of numbers (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

/// Fractions of a fixed-point number.
const FRACTION: u32 = 16;

impl Random {
    /// The stream of a seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A stream of its own for something that is named by numbers: what it draws does not depend on
    /// what was drawn before.
    pub(crate) fn of(seed: u64, names: &[u64]) -> Self {
        names.iter().fold(Self(seed), |random, &name| {
            let mut mixed = Self(random.0 ^ name.wrapping_mul(0xd1b5_4a32_d192_ed03));
            Self(mixed.draw())
        })
    }

    /// 64 random bits.
    pub(crate) const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if that is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        let product = u128::from(self.draw()) * u128::from(end);
        u64::try_from(product >> 64).unwrap_or_default()
    }

    /// A number of `first..=last`.
    pub(crate) fn within(&mut self, first: u64, last: u64) -> u64 {
        first.saturating_add(self.below(last.saturating_sub(first).saturating_add(1)))
    }

    /// An index below `length`; 0 if that is 0.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(u64::try_from(length).unwrap_or(u64::MAX))).unwrap_or_default()
    }

    /// One of the items.
    pub(crate) fn one_of<T: Copy + Default>(&mut self, items: &[T]) -> T {
        items.get(self.index(items.len())).copied().unwrap_or_default()
    }

    /// True so often in a hundred.
    pub(crate) fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// A normal deviate in 65,536ths, by the sum of twelve uniform ones (mean 6, variance 1).
    fn normal(&mut self) -> i64 {
        let sum: u64 = (0..12).map(|_| self.draw() >> (64 - FRACTION)).sum();
        i64::try_from(sum).unwrap_or_default() - (6 << FRACTION)
    }
}

/// A log-normal distribution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogNormal {
    /// Half of the draws are below.
    pub(crate) median: u64,
    /// Standard deviation of the natural logarithm, hundredths.
    pub(crate) sigma: u32,
}

/// 2^(1/2), 2^(1/4) … 2^(1/256), in 2^-32nds.
const ROOTS: [u64; 8] = [
    6_074_001_000,
    5_107_605_667,
    4_683_695_048,
    4_485_121_744,
    4_389_014_833,
    4_341_736_423,
    4_318_288_544,
    4_306_612_134,
];

impl LogNormal {
    /// A draw, at least 1.
    pub(crate) fn draw(&self, random: &mut Random) -> u64 {
        // sigma * log2(e), in 65,536ths; then the exponent of two.
        let sigma = i64::from(self.sigma) * 94_548 / 100;
        let exponent = (random.normal() * sigma) >> FRACTION;
        let whole = exponent >> FRACTION;
        let mut value = u128::from(self.median) << 32;
        for (place, root) in (1_u32..).zip(ROOTS) {
            if exponent >> (FRACTION - place) & 1 == 1 {
                value = (value * u128::from(root)) >> 32;
            }
        }
        let shift = u32::try_from(whole.unsigned_abs()).unwrap_or(u32::MAX).min(48);
        let value = if whole < 0 { value >> shift } else { value << shift };
        u64::try_from(value >> 32).unwrap_or(u64::MAX).max(1)
    }
}

/// Indices drawn by weight.
#[derive(Clone, Debug)]
pub(crate) struct Weights(Vec<u64>);

impl Weights {
    /// By these weights.
    pub(crate) fn new(weights: impl IntoIterator<Item = u64>) -> Self {
        let mut sum = 0_u64;
        let sums = weights.into_iter().map(|weight| {
            sum = sum.saturating_add(weight);
            sum
        });
        Self(sums.collect())
    }

    /// Zipf's law over `length` ranks: rank k, from 0, weighs 1 / (k + 1 + `flat`). The greater
    /// `flat`, the less the first ranks stand out (Mandelbrot).
    pub(crate) fn zipf(length: usize, flat: u64) -> Self {
        Self::new((1..).take(length).map(|rank: u64| (1 << 40) / (rank + flat)))
    }

    /// An index.
    pub(crate) fn draw(&self, random: &mut Random) -> usize {
        let point = random.below(self.0.last().copied().unwrap_or_default());
        self.0.partition_point(|&sum| sum <= point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_log_normal() {
        let law = LogNormal { median: 10_000, sigma: 100 };
        let mut random = Random::new(7);
        let mut draws: Vec<u64> = (0..20_001).map(|_| law.draw(&mut random)).collect();
        draws.sort_unstable();
        // Quantiles of the law: 10,000 * e^z for z of -1.2816, 0 and 1.2816.
        for (quantile, expected) in [(2_000, 2_776), (10_000, 10_000), (18_000, 36_022)] {
            let found = draws[quantile];
            assert!(found.abs_diff(expected) * 20 < expected, "{quantile}: {found}, {expected}");
        }
    }

    #[test]
    fn ranks_follow_zipf() {
        let weights = Weights::zipf(1_000, 0);
        let mut random = Random::new(3);
        let mut counts = [0_u64; 1_000];
        for _ in 0..100_000 {
            counts[weights.draw(&mut random)] += 1;
        }
        // The first rank has 1 / H(1000) = 13.36 % of the draws, the tenth a tenth of it.
        assert!(counts[0].abs_diff(13_360) < 500, "{}", counts[0]);
        assert!(counts[9].abs_diff(1_336) < 150, "{}", counts[9]);
    }

    #[test]
    fn named_streams_do_not_depend_on_each_other() {
        let first = Random::of(1, &[2, 3]).draw();
        assert_eq!(first, Random::of(1, &[2, 3]).draw());
        let others = [Random::of(1, &[3, 2]), Random::of(1, &[2]), Random::of(2, &[2, 3])];
        assert!(others.into_iter().all(|mut random| random.draw() != first));
    }
}
