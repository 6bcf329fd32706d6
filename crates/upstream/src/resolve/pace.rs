//! When a name is looked up next. Pure: time and randomness enter as values.

use std::time::Duration;

use crate::balance::random::Random;

/// An answer is kept at least so long, whatever it says: a time to live of 0 must not become a
/// flood of lookups.
pub const TTL_MIN: Duration = Duration::from_secs(1);

/// An answer is kept at most so long, so that a change is seen in minutes even if its time to live
/// is days.
pub const TTL_MAX: Duration = Duration::from_secs(300);

/// The wait after the first failed lookup; it doubles with each further one.
pub const RETRY_MIN: Duration = Duration::from_secs(1);

/// The longest wait after failed lookups.
pub const RETRY_MAX: Duration = Duration::from_secs(10);

/// How much longer than it should be a wait may be at most, as a divisor: names that were added
/// together must not be looked up together for ever.
const JITTER_DIVISOR: u32 = 10;

/// The rhythm of one name's lookups.
#[derive(Debug)]
pub(super) struct Pace {
    failures: u32,
    random: Random,
}

impl Pace {
    pub(super) fn new(random: Random) -> Self {
        Self { failures: 0, random }
    }

    /// The wait after an answer that is good for `ttl`.
    pub(super) fn after_answer(&mut self, ttl: Duration) -> Duration {
        self.failures = 0;
        self.jittered(ttl.clamp(TTL_MIN, TTL_MAX))
    }

    /// The wait after a lookup that failed.
    pub(super) fn after_failure(&mut self) -> Duration {
        let doublings = 2_u32.saturating_pow(self.failures);
        self.failures = self.failures.saturating_add(1);
        self.jittered(RETRY_MIN.saturating_mul(doublings).min(RETRY_MAX))
    }

    /// Lookups that failed since the last good one.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// A little later, never earlier: a server that caches would only answer with what is left of
    /// the old time to live.
    fn jittered(&mut self, wait: Duration) -> Duration {
        let most = u64::try_from((wait / JITTER_DIVISOR).as_micros()).unwrap_or(u64::MAX);
        wait + Duration::from_micros(self.random.below(most))
    }
}
