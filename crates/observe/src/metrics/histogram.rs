//! Histograms with fixed buckets.

use super::count::Count;

/// Buckets of every histogram, without the one that has no upper bound.
const BUCKETS: usize = 18;

/// The upper bounds of a histogram's buckets in microseconds, ascending; each belongs to its
/// bucket.
pub(super) type Scale = [u32; BUCKETS];

/// For whole exchanges and services: 0.5 ms to 60 s.
pub(super) const LATENCY: Scale = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 75_000, 100_000, 250_000, 500_000, 750_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000,
];

/// For what the gateway adds: 50 µs to 10 s.
pub(super) const OVERHEAD: Scale = [
    50, 75, 100, 150, 200, 300, 500, 750, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000,
    250_000, 1_000_000, 10_000_000,
];

/// The cells of one histogram of one worker. What quick exchanges count lies in one cache line.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Histogram {
    /// Microseconds, not nanoseconds: ten thousand tunnels that are open for weeks must not wrap.
    micros: Count,
    buckets: [Count; BUCKETS + 1],
}

/// The sum of histograms.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct HistogramSum {
    /// Each bucket by itself, the one without upper bound last.
    pub(super) buckets: [u64; BUCKETS + 1],
    pub(super) micros: u64,
}

impl Histogram {
    pub(super) fn observe(&self, scale: &Scale, micros: u64) {
        let place = scale.iter().filter(|upper| u64::from(**upper) < micros).count();
        if let Some(bucket) = self.buckets.get(place) {
            bucket.add(1);
            self.micros.add(micros);
        }
    }
}

impl HistogramSum {
    pub(super) fn add(&mut self, histogram: &Histogram) {
        for (sum, bucket) in self.buckets.iter_mut().zip(&histogram.buckets) {
            *sum = sum.wrapping_add(bucket.read());
        }
        self.micros = self.micros.wrapping_add(histogram.micros.read());
    }

    /// Adds another sum.
    pub(super) fn join(&mut self, other: &Self) {
        for (sum, bucket) in self.buckets.iter_mut().zip(other.buckets) {
            *sum = sum.wrapping_add(bucket);
        }
        self.micros = self.micros.wrapping_add(other.micros);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buckets.iter().all(|bucket| *bucket == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Histogram, HistogramSum, LATENCY, OVERHEAD};

    #[test]
    fn bounds_ascend() {
        for scale in [LATENCY, OVERHEAD] {
            assert!(scale.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let check = |micros: u64, bucket: usize| {
            let histogram = Histogram::default();
            histogram.observe(&LATENCY, micros);
            let mut sum = HistogramSum::default();
            assert!(sum.is_empty());
            sum.add(&histogram);
            let mut expect = HistogramSum { micros, ..HistogramSum::default() };
            expect.buckets[bucket] = 1;
            assert_eq!(sum, expect, "{micros} µs");
        };
        check(0, 0);
        check(500, 0);
        check(501, 1);
        check(60_000_000, 17);
        check(60_000_001, 18);
        check(u64::MAX, 18);
    }
}
