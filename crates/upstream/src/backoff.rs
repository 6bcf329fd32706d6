//! The pause before the same target is asked again. Randomness enters as a number.

use std::time::Duration;

/// A pause that doubles with each attempt up to a bound, and of which a random part is taken ("full
/// jitter"): those who failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    /// The longest before the first further attempt.
    pub(crate) first: Duration,
    /// The longest of all.
    pub(crate) max: Duration,
}

impl Backoff {
    /// The pause before further attempt number `nth`, from 0.
    pub(crate) fn pause(self, nth: u32, random: u64) -> Duration {
        let doubled = 1_u32.checked_shl(nth).and_then(|times| self.first.checked_mul(times));
        let longest = doubled.map_or(self.max, |doubled| doubled.min(self.max));
        let micros = (u128::from(random >> 32) * (longest.as_micros() + 1)) >> 32;
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::random::Random;

    #[test]
    fn a_pause_is_within_its_bounds_and_spread_evenly() {
        let backoff = Backoff { first: Duration::from_millis(25), max: Duration::from_millis(250) };
        for nth in [0, 1, 2, 3, 4, 10, 31, 32, 64, u32::MAX] {
            let longest = (25 << nth.min(10)).min(250);
            let longest = Duration::from_millis(longest);
            let mut random = Random::new(u64::from(nth));
            let mut sum = Duration::ZERO;
            for _ in 0..4000 {
                let pause = backoff.pause(nth, random.next());
                assert!(pause <= longest, "{nth}: {pause:?}");
                sum += pause;
            }
            let mean = sum / 4000;
            assert!(mean > longest * 45 / 100 && mean < longest * 55 / 100, "{nth}: {mean:?}");
        }
        assert_eq!(backoff.pause(0, 0), Duration::ZERO);
        assert_eq!(backoff.pause(0, u64::MAX), Duration::from_millis(25));
    }
}
