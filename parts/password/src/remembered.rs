//! Claims that were found good: as many as there is room for, those that come again for longest.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Claim;

/// Claims that are remembered, at least; twice as many at most.
pub(crate) const KEPT: usize = 8192;
/// Seconds after which a claim that did not come again may be forgotten.
const LIFETIME: u64 = 600;
const SHARDS: usize = 16;

/// Stands for everything that a check depended on.
pub(crate) type Ticket = [u8; 16];

#[derive(Debug)]
pub(crate) struct Remembered {
    /// Drawn for this process: a ticket says nothing to anybody else.
    key: [u8; 32],
    shards: [Mutex<Shard>; SHARDS],
    /// The second that was last told.
    now: AtomicU64,
}

/// Two generations: what is asked for again moves to the young one; the old one is forgotten when the
/// young one takes its place.
#[derive(Debug, Default)]
struct Shard {
    young: HashSet<Ticket>,
    old: HashSet<Ticket>,
    since: u64,
}

impl Default for Remembered {
    fn default() -> Self {
        let mut key = [0; 32];
        for (place, part) in key.chunks_exact_mut(8).enumerate() {
            part.copy_from_slice(&RandomState::new().hash_one(place).to_le_bytes());
        }
        Self { key, shards: std::array::from_fn(|_| Mutex::default()), now: AtomicU64::new(0) }
    }
}

impl Remembered {
    pub(crate) fn ticket(&self, claim: &Claim<'_>) -> Ticket {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for part in [claim.user, claim.password, claim.hash.unwrap_or_default().as_bytes()] {
            // With its length, so that no two claims are written alike.
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut ticket = Ticket::default();
        hasher.finalize_xof().fill(&mut ticket);
        ticket
    }

    pub(crate) fn has(&self, ticket: &Ticket, now: u64) -> bool {
        self.now.fetch_max(now, Ordering::Relaxed);
        let mut shard = self.shard(ticket);
        shard.grow_old(now);
        if shard.young.contains(ticket) {
            return true;
        }
        let is_known = shard.old.remove(ticket);
        if is_known {
            shard.young.insert(*ticket);
        }
        is_known
    }

    pub(crate) fn add(&self, ticket: Ticket) {
        let mut shard = self.shard(&ticket);
        shard.grow_old(self.now.load(Ordering::Relaxed));
        shard.young.insert(ticket);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let size = |shard: &Shard| shard.young.len() + shard.old.len();
        self.shards.iter().map(|shard| size(&shard.lock().unwrap())).sum()
    }

    fn shard(&self, ticket: &Ticket) -> MutexGuard<'_, Shard> {
        let place = usize::from(ticket[0]) % SHARDS;
        // Cannot be missing: there are as many as the remainder can be.
        let shard = self.shards.get(place).unwrap_or(&self.shards[0]);
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn grow_old(&mut self, now: u64) {
        if self.young.len() >= KEPT / SHARDS || now.saturating_sub(self.since) >= LIFETIME {
            self.old = std::mem::take(&mut self.young);
            self.since = now;
        }
    }
}
