//! What a server said a moment ago: for a short time, bounded, by a digest that nobody else can make.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::server::{Problem, problem};

/// The longest time, in seconds.
const LIFETIME_MAX: u64 = 300;
/// The most answers.
const ENTRIES_MAX: usize = 1_000_000;
const SHARDS: usize = 16;

/// Stands for a question.
pub type Ticket = [u8; 16];

/// What was said, by question. The time enters as a value, in seconds.
pub struct Kept<V> {
    /// Drawn for this one: a ticket says nothing to anybody else.
    key: [u8; 32],
    /// Of each shard.
    entries: usize,
    lifetime: u64,
    shards: [Mutex<Shard<V>>; SHARDS],
}

impl<V> fmt::Debug for Kept<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

/// Two generations: the old one is forgotten as a whole when the young one is full, or as old as an
/// answer may be.
#[derive(Debug)]
struct Shard<V> {
    young: HashMap<Ticket, Said<V>>,
    old: HashMap<Ticket, Said<V>>,
    since: u64,
}

#[derive(Debug)]
struct Said<V> {
    what: Arc<V>,
    at: u64,
}

impl<V> Default for Shard<V> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), since: 0 }
    }
}

impl<V> Kept<V> {
    /// For so many seconds, and at least so many answers; at most twice as many.
    #[must_use]
    pub fn new(lifetime: u64, entries: usize) -> Self {
        let mut key = [0; 32];
        for (place, part) in key.chunks_exact_mut(8).enumerate() {
            part.copy_from_slice(&RandomState::new().hash_one(place).to_le_bytes());
        }
        let shards = std::array::from_fn(|_| Mutex::default());
        let entries = entries.clamp(1, ENTRIES_MAX).div_ceil(SHARDS);
        Self { key, entries, lifetime: lifetime.min(LIFETIME_MAX), shards }
    }

    /// As it is configured: for how long, in whole seconds, and at least how many.
    ///
    /// # Errors
    /// Every problem that is in the settings `for` and `entries` of `cache`.
    pub fn compile(lifetime: Duration, entries: u32) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let is_whole = lifetime.subsec_nanos() == 0;
        if !is_whole || !(1..=LIFETIME_MAX).contains(&lifetime.as_secs()) {
            let message = format!("it is not from 1 to {LIFETIME_MAX} whole seconds");
            problems.push(problem("cache.for", message, "such as `5s`"));
        }
        let entries = usize::try_from(entries).unwrap_or(usize::MAX);
        if !(1..=ENTRIES_MAX).contains(&entries) {
            let message = format!("it is not from 1 to {ENTRIES_MAX}");
            problems.push(problem("cache.entries", message, "such as `10000`"));
        }
        if problems.is_empty() { Ok(Self::new(lifetime.as_secs(), entries)) } else { Err(problems) }
    }

    /// Stands for this question.
    #[must_use]
    pub fn ticket(&self, question: &[u8]) -> Ticket {
        let digest = blake3::keyed_hash(&self.key, question);
        digest.as_bytes().first_chunk().copied().unwrap_or_default()
    }

    /// What was said to it, if that is not too long ago.
    #[must_use]
    pub fn get(&self, ticket: &Ticket, now: u64) -> Option<Arc<V>> {
        let shard = self.shard(ticket);
        let said = shard.young.get(ticket).or_else(|| shard.old.get(ticket))?;
        // A clock that was set back makes it old.
        let age = now.checked_sub(said.at)?;
        (age < self.lifetime).then(|| Arc::clone(&said.what))
    }

    /// Keeps what was said to a question that was asked at this time.
    pub fn put(&self, ticket: Ticket, what: Arc<V>, now: u64) {
        let mut shard = self.shard(&ticket);
        let is_full = shard.young.len() >= self.entries && !shard.young.contains_key(&ticket);
        if is_full || now.abs_diff(shard.since) >= self.lifetime {
            shard.old = std::mem::take(&mut shard.young);
            shard.since = now;
        }
        shard.young.insert(ticket, Said { what, at: now });
    }

    fn shard(&self, ticket: &Ticket) -> MutexGuard<'_, Shard<V>> {
        let place = usize::from(ticket[0]) % SHARDS;
        // Cannot be missing: there are as many as the remainder can be.
        let shard = self.shards.get(place).unwrap_or(&self.shards[0]);
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_good_for_its_time_only() {
        let kept = Kept::new(5, 100);
        let ticket = kept.ticket(b"a");
        kept.put(ticket, Arc::new(1), 1000);
        for (now, expect) in [(1000, Some(1)), (1004, Some(1)), (1005, None), (999, None)] {
            assert_eq!(kept.get(&ticket, now).map(|one| *one), expect, "{now}");
        }
        kept.put(ticket, Arc::new(2), 1004);
        assert_eq!(kept.get(&ticket, 1008).as_deref(), Some(&2));
        assert_eq!(kept.get(&kept.ticket(b"b"), 1004), None);
        assert_ne!(Kept::<()>::new(5, 100).ticket(b"a"), ticket);
    }

    #[test]
    fn no_more_are_kept_than_was_said() {
        let kept = Kept::new(60, 64);
        for number in 0_u32..10_000 {
            kept.put(kept.ticket(&number.to_le_bytes()), Arc::new(number), 7);
        }
        let size = |shard: &Shard<u32>| shard.young.len() + shard.old.len();
        let all: usize = kept.shards.iter().map(|shard| size(&shard.lock().unwrap())).sum();
        assert!(all <= 2 * 64, "{all}");
        let last = kept.ticket(&9_999_u32.to_le_bytes());
        assert_eq!(kept.get(&last, 7).as_deref(), Some(&9_999));
    }

    #[test]
    fn what_is_too_old_goes_away() {
        let kept = Kept::new(5, 64);
        for number in 0_u32..64 {
            kept.put(kept.ticket(&number.to_le_bytes()), Arc::new(number), 7);
        }
        for now in [20, 40] {
            for number in 100_u32..400 {
                kept.put(kept.ticket(&number.to_le_bytes()), Arc::new(number), now);
            }
        }
        let is_here = |number: &u32| {
            let ticket = kept.ticket(&number.to_le_bytes());
            let shard = kept.shard(&ticket);
            shard.young.contains_key(&ticket) || shard.old.contains_key(&ticket)
        };
        assert_eq!((0_u32..64).filter(is_here).count(), 0);
    }
}
