//! Histograms whose buckets grow by a factor, as the native histograms of Prometheus have them.

use std::{collections::BTreeMap, sync::OnceLock};

use super::count::Count;

/// How fine the buckets are: 2 to the power of this for each doubling. A quantile is off by less
/// than 5 %.
pub(super) const SCHEMA: i32 = 3;

/// Times that are not longer than this are zero: 2^-20 s, which is less than the microsecond that
/// times are counted in.
pub(super) const ZERO_SECONDS: f64 = 1.0 / 1_048_576.0;

/// The buckets of one doubling.
const STEPS: usize = 1 << SCHEMA;

/// Doublings that have buckets: from 2^-20 s, just below a microsecond, to 2^20 s, twelve days. What takes
/// longer belongs to the last bucket.
const DOUBLINGS: usize = 40;

/// The number of the first bucket, which begins at 2^-20 s.
const FIRST: i32 = -20 * 8 + 1;

/// The lower bounds of the buckets of a doubling: 2^(n/8).
const BOUNDS: [f64; STEPS] = [
    1.0,
    1.090_507_732_665_257_7,
    1.189_207_115_002_721,
    1.296_839_554_651_009_6,
    std::f64::consts::SQRT_2,
    1.542_210_825_407_940_7,
    1.681_792_830_507_429,
    1.834_008_086_409_342_4,
];

/// The cells of one histogram of one worker. A doubling takes memory, one cache line, when
/// something falls into it: most histograms see a handful.
#[derive(Debug)]
pub(super) struct NativeHistogram {
    micros: Count,
    zero: Count,
    doublings: [OnceLock<Box<[Count; STEPS]>>; DOUBLINGS],
}

/// The sum of histograms.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct NativeSum {
    pub(super) micros: u64,
    pub(super) zero: u64,
    /// By number; the upper bound of bucket `n` is 2^(n/8) s.
    pub(super) buckets: BTreeMap<i32, u64>,
}

impl Default for NativeHistogram {
    fn default() -> Self {
        let doublings = std::array::from_fn(|_| OnceLock::new());
        Self { micros: Count::default(), zero: Count::default(), doublings }
    }
}

impl NativeHistogram {
    /// Called by one thread only.
    pub(super) fn observe(&self, micros: u64) {
        self.micros.add(micros);
        if micros == 0 {
            return self.zero.add(1);
        }
        let place = place(micros);
        let doubling = self.doublings.get(place / STEPS);
        let buckets = doubling.map(|doubling| doubling.get_or_init(Box::default));
        if let Some(bucket) = buckets.and_then(|buckets| buckets.get(place % STEPS)) {
            bucket.add(1);
        }
    }
}

impl NativeSum {
    pub(super) fn add(&mut self, histogram: &NativeHistogram) {
        self.micros = self.micros.wrapping_add(histogram.micros.read());
        self.zero = self.zero.wrapping_add(histogram.zero.read());
        let all = histogram.doublings.iter().zip((FIRST..).step_by(STEPS));
        for (buckets, first) in all.filter_map(|(one, first)| Some((one.get()?, first))) {
            for (bucket, number) in buckets.iter().zip(first..) {
                let count = bucket.read();
                if count > 0 {
                    let sum = self.buckets.entry(number).or_default();
                    *sum = sum.wrapping_add(count);
                }
            }
        }
    }

    /// How much was observed.
    pub(super) fn count(&self) -> u64 {
        self.buckets.values().fold(self.zero, |sum, count| sum.wrapping_add(*count))
    }
}

/// The place of the bucket of a time that is not zero, from that of the first. An upper bound
/// belongs to its bucket.
fn place(micros: u64) -> usize {
    const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;
    const MANTISSA: u64 = (1 << MANTISSA_BITS) - 1;
    // The bits of a number are its power of two, and what is left of it between 1 and 2. Longer times
    // than a number holds exactly are beyond the last bucket.
    let seconds = u32::try_from(micros).map_or_else(|_| long(micros), |it| f64::from(it) / 1e6);
    let bits = seconds.to_bits();
    let power = i64::try_from(bits >> MANTISSA_BITS).unwrap_or(0) - 1023;
    let rest = f64::from_bits(bits & MANTISSA | 1.0_f64.to_bits());
    let steps = BOUNDS.iter().filter(|bound| **bound < rest).count();
    let number = power * STEPS as i64 + steps as i64;
    let place = usize::try_from(number - i64::from(FIRST)).unwrap_or(0);
    place.min(DOUBLINGS * STEPS - 1)
}

/// Seconds of a time that is longer than an hour.
#[cold]
fn long(micros: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "what is longer than 2^53 µs is beyond the last bucket"
    )]
    let micros = micros as f64;
    micros / 1e6
}

#[cfg(test)]
mod tests {
    use super::{BOUNDS, DOUBLINGS, FIRST, NativeHistogram, NativeSum, STEPS, place};

    fn upper(place: usize) -> f64 {
        let number = f64::from(FIRST) + f64::from(u32::try_from(place).unwrap());
        (number / 8.0).exp2()
    }

    #[test]
    fn bounds_are_powers_of_the_same_factor() {
        for (number, bound) in BOUNDS.iter().enumerate() {
            let expect = (f64::from(u32::try_from(number).unwrap()) / 8.0).exp2();
            assert!((bound - expect).abs() < 1e-15, "{bound}");
        }
    }

    #[test]
    fn every_time_is_in_the_bucket_around_it() {
        let times = (1..1 << 14)
            .chain((14..40).flat_map(|power| {
                (0..9).map(move |step| (1 << power) + step * (1 << (power - 3)))
            }));
        let mut before = 0;
        for micros in times.filter(|micros| *micros < 1_000_000_000_000) {
            let (place, seconds) = (place(micros), micros as f64 / 1e6);
            assert!(seconds <= upper(place) * (1.0 + 1e-12), "{micros}");
            assert!(place == 0 || seconds > upper(place - 1) * (1.0 - 1e-12), "{micros}");
            assert!(place >= before, "{micros}");
            before = place;
        }
        assert_eq!(place(1), 0);
        // One second is the upper bound of bucket 0.
        assert_eq!(i32::try_from(place(1_000_000)).unwrap() + FIRST, 0);
        assert_eq!(i32::try_from(place(1_000_001)).unwrap() + FIRST, 1);
        assert_eq!(i32::try_from(place(2_000_000)).unwrap() + FIRST, 8);
        assert_eq!(i32::try_from(place(4_294_967_296)).unwrap() + FIRST, 97);
        assert_eq!(place(u64::MAX), DOUBLINGS * STEPS - 1);
    }

    #[test]
    fn sums_hold_all_workers_and_take_no_memory_for_what_was_not_seen() {
        let (one, other) = (NativeHistogram::default(), NativeHistogram::default());
        let mut sum = NativeSum::default();
        sum.add(&one);
        assert_eq!((sum.count(), &sum), (0, &NativeSum::default()));
        [0, 0, 1_000_000, 999_999].into_iter().for_each(|micros| one.observe(micros));
        [1_000_000, 2_000_000].into_iter().for_each(|micros| other.observe(micros));
        sum.add(&one);
        sum.add(&other);
        assert_eq!((sum.count(), sum.zero, sum.micros), (6, 2, 4_999_999));
        assert_eq!(sum.buckets.into_iter().collect::<Vec<_>>(), [(0, 3), (8, 1)]);
        assert_eq!(one.doublings.iter().filter(|one| one.get().is_some()).count(), 1);
    }
}
