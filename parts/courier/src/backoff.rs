//! How long to wait before a server that failed is asked again. No clock here: randomness enters as
//! a number, and what the server wants as a duration.

use std::time::Duration;

/// The longest that a server may ask us to wait.
const ASKED_MAX: Duration = Duration::from_secs(3600);

/// A pause that doubles with each failure up to a bound. Between its half and all of it is taken, at
/// random: those who failed together do not come back together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// No failure yet. After the first one the pause is at most `first`; it never exceeds `most`,
    /// unless the server wants more.
    #[must_use]
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, failures: 0 }
    }

    /// How many requests have failed in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// A request had an answer that counts.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// A request has failed. Says how long to wait before the next one: as long as the server
    /// `asked` for at least (an hour at most). `random` is any number, another one each time.
    pub fn failed(&mut self, random: u64, asked: Option<Duration>) -> Duration {
        let doubled =
            1_u32.checked_shl(self.failures).and_then(|many| self.first.checked_mul(many));
        self.failures = self.failures.saturating_add(1);
        let longest = doubled.unwrap_or(self.most).min(self.most);
        let half = longest / 2;
        let pause = half + part(longest.saturating_sub(half), random);
        // Who was told the same time should not come at the same time.
        let asked = asked.map(|asked| asked.min(ASKED_MAX) + part(self.first, random));
        asked.map_or(pause, |asked| asked.max(pause))
    }
}

/// A part of it between nothing and all.
fn part(whole: Duration, random: u64) -> Duration {
    let micros = (u128::from(random >> 32) * (whole.as_micros() + 1)) >> 32;
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const MOST: Duration = Duration::from_secs(5);

    #[test]
    fn a_pause_doubles_up_to_its_bound() {
        let mut most = Backoff::new(FIRST, MOST);
        let mut least = most.clone();
        for longest in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            let longest = Duration::from_millis(longest);
            assert_eq!(most.failed(u64::MAX, None), longest);
            assert_eq!(least.failed(0, None), longest / 2);
        }
        assert_eq!(most.failures(), 8);
        most.succeeded();
        assert_eq!(most.failed(u64::MAX, None), FIRST);
    }

    #[test]
    fn no_count_of_failures_is_too_large() {
        let mut backoff = Backoff { failures: u32::MAX, ..Backoff::new(FIRST, MOST) };
        assert_eq!(backoff.failed(u64::MAX, None), MOST);
        assert_eq!(backoff.failures(), u32::MAX);
        let mut endless = Backoff::new(Duration::MAX, Duration::MAX);
        assert!(endless.failed(u64::MAX, None) > MOST && endless.failed(1, None) > MOST);
    }

    #[test]
    fn what_a_server_asks_for_is_kept_within_reason() {
        let check = |asked: Duration, random, expect: Duration| {
            let mut backoff = Backoff::new(FIRST, MOST);
            assert_eq!(backoff.failed(random, Some(asked)), expect, "{asked:?}");
        };
        let second = Duration::from_secs(1);
        check(second, 0, second);
        check(second, u64::MAX, second + FIRST);
        check(Duration::ZERO, 0, FIRST / 2);
        check(Duration::MAX, 0, ASKED_MAX);
    }
}
