//! The retry budget of one service: how many requests there were of late, and how many retries may
//! come with them. The time enters as a value.

use std::time::Duration;

/// The budget looks at the second under way and the one before it.
const WINDOW_SECONDS: u32 = 2;

/// Requests and retries of late.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    second: u64,
    current: Slot,
    previous: Slot,
}

#[derive(Debug, Default, Clone, Copy)]
struct Slot {
    requests: u64,
    retries: u64,
}

/// How many retries there may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Allowance {
    /// As a share of the requests.
    pub(crate) share: f64,
    /// In any case, in a second.
    pub(crate) per_second_min: u32,
}

impl Budget {
    /// Counts so many requests. Times are from any fixed moment.
    pub(crate) fn offer(&mut self, count: u32, now: Duration) {
        self.roll(now);
        self.current.requests += u64::from(count);
    }

    /// Takes one retry out of the budget; false if there is none left.
    pub(crate) fn draw(&mut self, allowance: Allowance, now: Duration) -> bool {
        let allowed = self.has_left(allowance, now);
        self.current.retries += u64::from(allowed);
        allowed
    }

    /// Whether there is a retry left, which is not taken.
    pub(crate) fn has_left(&mut self, allowance: Allowance, now: Duration) -> bool {
        self.roll(now);
        let least = u64::from(allowance.per_second_min.saturating_mul(WINDOW_SECONDS));
        let requests = self.current.requests + self.previous.requests;
        let retries = self.current.retries + self.previous.retries + 1;
        retries <= least || retries as f64 <= requests as f64 * allowance.share
    }

    /// Takes one retry that was made already, whether or not there was one left.
    pub(crate) fn pay(&mut self, now: Duration) {
        self.roll(now);
        self.current.retries += 1;
    }

    /// A time that is over already, because another worker read its clock earlier, is as good as
    /// the newest.
    fn roll(&mut self, now: Duration) {
        let second = now.as_secs();
        if second <= self.second {
            return;
        }
        let is_next = second == self.second + 1;
        self.previous = if is_next { self.current } else { Slot::default() };
        self.current = Slot::default();
        self.second = second;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_possible_truncation, reason = "numbers of a test are small")]

    use super::*;
    use crate::balance::random::Random;

    const USUAL: Allowance = Allowance { share: 0.2, per_second_min: 3 };

    #[test]
    fn the_least_is_there_without_any_load() {
        let mut budget = Budget::default();
        let drawn = (0..100).filter(|_| budget.draw(USUAL, Duration::ZERO)).count();
        assert_eq!(drawn, 6, "three a second, of two seconds");
        assert!(!budget.draw(USUAL, Duration::from_secs(1)), "they are not over yet");
        assert!(budget.draw(USUAL, Duration::from_secs(2)));
        assert!(budget.draw(USUAL, Duration::from_secs(900)));
    }

    #[test]
    fn a_clock_that_is_behind_gives_nothing_back() {
        let mut budget = Budget::default();
        let none = Allowance { share: 1.0, per_second_min: 0 };
        budget.offer(2, Duration::from_secs(10));
        assert!(budget.draw(none, Duration::from_secs(9)));
        assert!(budget.draw(none, Duration::from_secs(10)));
        assert!(!budget.draw(none, Duration::from_secs(9)));
    }

    /// What was made on credit is looked at, and paid when it came to nothing: others have less then.
    #[test]
    fn what_is_paid_later_is_missing_as_well() {
        let (mut budget, now) = (Budget::default(), Duration::from_secs(5));
        let half = Allowance { share: 0.5, per_second_min: 0 };
        budget.offer(4, now);
        assert!((0..10).all(|_| budget.has_left(half, now)), "to look takes nothing");
        budget.pay(now);
        assert!(budget.draw(half, now));
        assert!(!budget.has_left(half, now) && !budget.draw(half, now));
        budget.pay(now);
        budget.offer(2, now);
        assert!(!budget.has_left(half, now), "it is owed");
        budget.offer(2, now);
        assert!(budget.has_left(half, now));
        assert!(!budget.has_left(half, now + Duration::from_secs(2)), "nobody asks any more");
    }

    /// Whatever the load and the failures are: in a second with retries and the one before it there
    /// are no more than the share of their requests, or the least; and in the whole run neither.
    #[test]
    fn the_bound_holds_for_any_load() {
        for seed in 0..3000 {
            let mut random = Random::new(seed);
            let share = [0.0, 0.05, 0.2, 0.5, 1.0][random.below(5) as usize];
            let least = random.below(5) as u32;
            let allowance = Allowance { share, per_second_min: least };
            let attempts = random.below(4);
            let mut budget = Budget::default();
            let mut now = Duration::ZERO;
            let mut seconds: Vec<(u64, u64)> = Vec::new();
            for _ in 0..400 {
                let step = if random.below(40) == 0 { 3_000_000 } else { 20_000 };
                now += Duration::from_micros(random.below(step));
                let second = now.as_secs() as usize;
                seconds.resize(seconds.len().max(second + 1), (0, 0));
                budget.offer(1, now);
                seconds[second].0 += 1;
                for _ in 0..attempts {
                    if !budget.draw(allowance, now) {
                        break;
                    }
                    seconds[second].1 += 1;
                }
            }
            let bound = |requests: u64, seconds: u64| {
                (requests as f64 * share).max((u64::from(least) * seconds) as f64)
            };
            for pair in seconds.windows(2).filter(|pair| pair[1].1 > 0) {
                let (requests, retries) = (pair[0].0 + pair[1].0, pair[0].1 + pair[1].1);
                let most = bound(requests, 2);
                assert!(retries as f64 <= most, "seed {seed}: {retries} of {requests}");
            }
            let sum = |part: fn(&(u64, u64)) -> u64| seconds.iter().map(part).sum::<u64>() as f64;
            let most = sum(|one| one.0) * share + f64::from(least) * (seconds.len() + 1) as f64;
            assert!(sum(|one| one.1) <= most, "seed {seed}: {} of {most}", sum(|one| one.1));
        }
    }

    /// The storm: everything fails, every request would be tried three times.
    #[test]
    fn when_everything_fails_a_service_sees_little_more_than_the_load() {
        for seed in 0..1000 {
            let mut random = Random::new(seed);
            let rate = 50 + random.below(5000);
            let mut budget = Budget::default();
            let (mut offered, mut seen) = (0_u64, 0_u64);
            for n in 0..10 * rate {
                let now = Duration::from_micros(n * 1_000_000 / rate + random.below(50));
                budget.offer(1, now);
                offered += 1;
                seen += 1;
                for _ in 0..2 {
                    if !budget.draw(USUAL, now) {
                        break;
                    }
                    seen += 1;
                }
            }
            // What the first second may bring before any request was seen, at most.
            let most = offered as f64 * 1.2 + 6.0;
            assert!(seen as f64 <= most, "seed {seed}: {seen} of {offered}");
        }
    }
}
