//! What was used once: signatures that are remembered as long as they would be good, so that none is good
//! twice; and what has ended before its time, such as sessions, so that it is good no more.
//!
//! A ledger outlives plans, and is this process's own. It has two generations: what is new goes into
//! the younger one; when that is as old as its window, it becomes the older one, whose predecessor is
//! forgotten. So each is remembered for at least one window and at most two.

mod ended;

pub use ended::{ENDED_MAX, Ended};

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What one generation holds; more are not let in before it is over.
pub const USED_MAX: usize = 1_000_000;

/// All ledgers of a gateway, by their windows, and what has ended before its time.
#[derive(Debug, Default)]
pub struct Replays(Mutex<HashMap<u64, Weak<Ledger>>>, Arc<Ended>);

/// What was used, of one window.
pub struct Ledger {
    window: u64,
    max: usize,
    used: Mutex<Generations>,
}

/// Without what it holds: that may be a million.
impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("window", &self.window).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Generations {
    /// When the younger one began, in seconds since 1970.
    since: u64,
    younger: HashSet<[u8; 16]>,
    older: HashSet<[u8; 16]>,
}

/// Whether something may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It was not used before, and is remembered now.
    First,
    /// It was used before.
    Again,
    /// Nothing more can be remembered just now.
    Full,
}

impl Replays {
    /// What has ended before its time: one memory for all that ask.
    #[must_use]
    pub fn ended(&self) -> Arc<Ended> {
        Arc::clone(&self.1)
    }

    /// The ledger of a window in seconds: the same one for all that ask, as long as any of them is there.
    #[must_use]
    pub fn of(&self, window: u64) -> Arc<Ledger> {
        // Whoever panicked while it was held has changed nothing by halves.
        let mut ledgers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ledgers.retain(|_, ledger| ledger.strong_count() > 0);
        if let Some(ledger) = ledgers.get(&window).and_then(Weak::upgrade) {
            return ledger;
        }
        let ledger = Arc::new(Ledger::new(window, USED_MAX));
        ledgers.insert(window, Arc::downgrade(&ledger));
        ledger
    }
}

impl Ledger {
    fn new(window: u64, max: usize) -> Self {
        Self { window, max, used: Mutex::default() }
    }

    /// Uses something, at this time in seconds since 1970. Of all who use the same, one is the first.
    #[must_use]
    pub fn using(&self, digest: [u8; 16], now: u64) -> Use {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.age(self.window, now);
        if used.younger.contains(&digest) || used.older.contains(&digest) {
            return Use::Again;
        }
        if used.younger.len() >= self.max {
            return Use::Full;
        }
        used.younger.insert(digest);
        Use::First
    }

    /// Whether something was used; nothing is remembered.
    #[must_use]
    pub fn has(&self, digest: [u8; 16]) -> bool {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.younger.contains(&digest) || used.older.contains(&digest)
    }
}

impl Generations {
    fn age(&mut self, window: u64, now: u64) {
        // A clock that was put back ages nothing.
        let age = now.saturating_sub(self.since);
        if age < window {
            return;
        }
        self.older = mem::take(&mut self.younger);
        if age >= 2 * window {
            self.older = HashSet::new();
        }
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_used_twice_within_a_window() {
        let ledger = Ledger::new(10, 100);
        for (what, now, expect) in [
            (1, 1000, Use::First),
            (1, 1000, Use::Again),
            (2, 1005, Use::First),
            (2, 1009, Use::Again),
            // The first generation is the older one now.
            (1, 1012, Use::Again),
            (3, 1013, Use::First),
            (2, 1014, Use::Again),
            // A clock that was put back changes nothing.
            (3, 900, Use::Again),
            (4, 900, Use::First),
            (2, 1022, Use::First),
            (3, 1023, Use::Again),
            (3, 5000, Use::First),
        ] {
            assert_eq!(ledger.using([what; 16], now), expect, "{what} at {now}");
        }
        assert!(ledger.has([3; 16]) && !ledger.has([4; 16]));
    }

    #[test]
    fn it_holds_so_much_and_then_says_so() {
        let ledger = Ledger::new(10, 2);
        let told = [1, 2, 3, 1].map(|what| ledger.using([what; 16], 1000));
        assert_eq!(told, [Use::First, Use::First, Use::Full, Use::Again]);
        assert_eq!(ledger.using([3; 16], 1010), Use::First);
    }

    #[test]
    fn a_memory_is_there_as_long_as_somebody_uses_it() {
        let replays = Replays::default();
        let one = replays.of(10);
        assert_eq!(one.using([1; 16], 1000), Use::First);
        assert_eq!(replays.of(10).using([1; 16], 1000), Use::Again);
        assert_eq!(replays.of(20).using([1; 16], 1000), Use::First);
        drop(one);
        assert_eq!(replays.of(10).using([1; 16], 1000), Use::First);
    }

    #[test]
    fn of_many_at_once_one_is_the_first() {
        let ledger = Arc::new(Ledger::new(10, 100));
        let threads = (0..8).map(|_| {
            let ledger = Arc::clone(&ledger);
            std::thread::spawn(move || ledger.using([7; 16], 1000))
        });
        let threads: Vec<_> = threads.collect();
        let told = threads.into_iter().map(|one| one.join().unwrap());
        assert_eq!(told.filter(|one| *one == Use::First).count(), 1);
    }
}
