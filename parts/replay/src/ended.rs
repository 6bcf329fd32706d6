//! What has ended before its time, remembered as long as it would have been good.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Ends that are remembered at once.
pub const ENDED_MAX: usize = 1_000_000;
/// Below so many it is not looked for those that are over.
const SWEPT_MIN: usize = 1024;

/// What has ended. It outlives plans, and is this process's own.
pub struct Ended {
    max: usize,
    held: Mutex<Held>,
}

/// Without what it holds: that may be a million.
impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ended").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Held {
    /// When it ended, and until when that matters, in seconds since 1970.
    ends: HashMap<[u8; 16], (u64, u64)>,
    /// With so many it is time to look for those that are over.
    sweep: usize,
}

impl Default for Ended {
    fn default() -> Self {
        Self::new(ENDED_MAX)
    }
}

impl Ended {
    fn new(max: usize) -> Self {
        Self { max, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Whoever panicked while it was held has changed nothing by halves.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something ends now, which would have been good for so many seconds at most. False if nothing more
    /// can be remembered: then it goes on.
    #[must_use]
    pub fn end(&self, digest: [u8; 16], now: u64, longest: u64) -> bool {
        let mut held = self.held();
        let until = now.saturating_add(longest);
        if let Some(end) = held.ends.get_mut(&digest) {
            *end = (end.0.max(now), end.1.max(until));
            return true;
        }
        if held.ends.len() >= held.sweep.max(SWEPT_MIN).min(self.max) {
            held.ends.retain(|_, (_, until)| *until > now);
            held.sweep = held.ends.len().saturating_mul(2);
        }
        if held.ends.len() >= self.max {
            return false;
        }
        held.ends.insert(digest, (now, until));
        true
    }

    /// When it ended last, if that is remembered.
    #[must_use]
    pub fn when(&self, digest: [u8; 16]) -> Option<u64> {
        self.held().ends.get(&digest).map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_is_remembered_until_it_would_have_been_over() {
        let ended = Ended::default();
        assert_eq!(ended.when([1; 16]), None);
        assert!(ended.end([1; 16], 1000, 60));
        assert_eq!(ended.when([1; 16]), Some(1000));
        assert!(ended.end([1; 16], 1010, 10));
        assert_eq!(ended.when([1; 16]), Some(1010));
        // A clock that was put back takes nothing back.
        assert!(ended.end([1; 16], 900, 10));
        assert_eq!(ended.when([1; 16]), Some(1010));
        for number in 0..4 * SWEPT_MIN as u64 {
            let mut other = [2; 16];
            other[..8].copy_from_slice(&number.to_le_bytes());
            assert!(ended.end(other, 1000 + number, 60));
            if number < 50 {
                assert_eq!(ended.when([1; 16]), Some(1010), "{number}");
            }
        }
        assert_eq!(ended.when([1; 16]), None, "it is over");
        assert!(ended.held().ends.len() <= 2 * SWEPT_MIN, "{}", ended.held().ends.len());
    }

    #[test]
    fn it_holds_so_much_and_then_says_so() {
        let ended = Ended::new(2);
        let told = [1, 2, 3, 1].map(|what| ended.end([what; 16], 1000, 60));
        assert_eq!(told, [true, true, false, true]);
        assert!(ended.end([3; 16], 1060, 60), "the others are over");
    }
}
