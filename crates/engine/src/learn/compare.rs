//! Whether one space is better than another on the same queries, and how sure that is.

use serde::{Deserialize, Serialize};

/// Resamples of the bootstrap.
const RESAMPLES: usize = 1000;

/// A mean and the interval that holds it with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Mean of `values` with its 95 % interval by the percentile bootstrap (Efron & Tibshirani 1993, ch. 13): queries are drawn
/// anew, with replacement, 1,000 times. `None` without values. The same seed gives the same interval.
///
/// For a paired comparison give the differences, query by query: what is hard for both spaces then does not count.
#[must_use]
pub fn bootstrap(values: &[f64], seed: u64) -> Option<Interval> {
    if values.is_empty() {
        return None;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let mut random = Random::new(seed);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| (0..values.len()).map(|_| values[random.below(values.len())]).sum::<f64>() / values.len() as f64)
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| means[((RESAMPLES - 1) as f64 * share).round() as usize];
    Some(Interval { mean, low: at(0.025), high: at(0.975) })
}

/// Random numbers that are the same each time: SplitMix64 (Steele, Lea & Flood 2014).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which is at least 1.
    pub fn below(&mut self, limit: usize) -> usize {
        // The high half of the product: without a division, and without the bias of a remainder that anybody could see.
        ((u128::from(self.bits()) * limit.max(1) as u128) >> 64) as usize
    }

    /// Brings a list into random order (Fisher–Yates).
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_as_wide_as_the_spread_says() {
        assert_eq!(bootstrap(&[], 1), None);
        let same = bootstrap(&[0.5; 40], 1).unwrap();
        assert_eq!((same.mean, same.low, same.high), (0.5, 0.5, 0.5));
        // Standard error of 400 coin throws: 0.025; the interval is ± 1.96 of it.
        let coins: Vec<f64> = (0..400).map(|i| f64::from(i % 2)).collect();
        let interval = bootstrap(&coins, 1).unwrap();
        assert!((interval.mean - 0.5).abs() < 1e-9);
        assert!((0.43..0.47).contains(&interval.low) && (0.53..0.57).contains(&interval.high), "{interval:?}");
        assert_eq!(bootstrap(&coins, 1), bootstrap(&coins, 1));
    }

    #[test]
    fn every_number_below_the_limit_comes() {
        let mut random = Random::new(7);
        let mut seen = [0; 5];
        (0..1000).for_each(|_| seen[random.below(5)] += 1);
        assert!(seen.iter().all(|count| (120..280).contains(count)), "{seen:?}");
        let mut list: Vec<u32> = (0..50).collect();
        random.shuffle(&mut list);
        let mut sorted = list.clone();
        sorted.sort_unstable();
        assert!(list != sorted && sorted == (0..50).collect::<Vec<_>>());
    }
}
