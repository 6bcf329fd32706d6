//! What was worked out of a text that may come again: as much as there is room for, what comes again for
//! longest. The text itself is not kept, only a digest that nobody else can make.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Seconds after which what did not come again may be forgotten.
const LIFETIME: u64 = 600;
const SHARDS: usize = 16;

/// Stands for a text.
pub type Ticket = [u8; 16];

/// How much is kept, at least; twice as much at most.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// So many, whatever their size.
    pub entries: usize,
    /// Of their texts together.
    pub bytes: usize,
}

/// What is kept, by text.
pub struct Kept<V> {
    /// Drawn for this one: a ticket says nothing to anybody else.
    key: [u8; 32],
    room: Room,
    shards: [Mutex<Shard<V>>; SHARDS],
}

impl<V> fmt::Debug for Kept<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("room", &self.room).finish_non_exhaustive()
    }
}

/// Two generations: what is asked for again moves to the young one; the old one is forgotten when the
/// young one takes its place.
#[derive(Debug)]
struct Shard<V> {
    young: HashMap<Ticket, (Arc<V>, usize)>,
    old: HashMap<Ticket, (Arc<V>, usize)>,
    /// Of the texts of the young ones.
    bytes: usize,
    since: u64,
}

impl<V> Default for Shard<V> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), bytes: 0, since: 0 }
    }
}

impl<V> Kept<V> {
    /// With nothing in it yet.
    #[must_use]
    pub fn new(room: Room) -> Self {
        let mut key = [0; 32];
        for (place, part) in key.chunks_exact_mut(8).enumerate() {
            part.copy_from_slice(&RandomState::new().hash_one(place).to_le_bytes());
        }
        let shards = std::array::from_fn(|_| Mutex::default());
        Self { key, room, shards }
    }

    /// The ticket of a text.
    #[must_use]
    pub fn ticket(&self, text: &[u8]) -> Ticket {
        let digest = blake3::keyed_hash(&self.key, text);
        digest.as_bytes().first_chunk().copied().unwrap_or_default()
    }

    /// What is kept for a ticket, at this time in seconds since 1970.
    #[must_use]
    pub fn get(&self, ticket: &Ticket, now: u64) -> Option<Arc<V>> {
        let mut shard = self.shard(ticket);
        shard.grow_old(now, self.room);
        if let Some((value, _)) = shard.young.get(ticket) {
            return Some(Arc::clone(value));
        }
        let (value, bytes) = shard.old.remove(ticket)?;
        shard.put(*ticket, Arc::clone(&value), bytes);
        Some(value)
    }

    /// Keeps what was worked out of a text of so many bytes.
    pub fn put(&self, ticket: Ticket, value: Arc<V>, bytes: usize, now: u64) {
        let mut shard = self.shard(&ticket);
        shard.grow_old(now, self.room);
        shard.put(ticket, value, bytes);
    }

    fn shard(&self, ticket: &Ticket) -> MutexGuard<'_, Shard<V>> {
        let place = usize::from(ticket[0]) % SHARDS;
        // Cannot be missing: there are as many as the remainder can be.
        let shard = self.shards.get(place).unwrap_or(&self.shards[0]);
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Shard<V> {
    fn put(&mut self, ticket: Ticket, value: Arc<V>, bytes: usize) {
        if self.young.insert(ticket, (value, bytes)).is_none() {
            self.bytes += bytes;
        }
    }

    fn grow_old(&mut self, now: u64, room: Room) {
        let is_full =
            self.young.len() >= room.entries / SHARDS || self.bytes >= room.bytes / SHARDS;
        if is_full || now.saturating_sub(self.since) >= LIFETIME {
            self.old = std::mem::take(&mut self.young);
            (self.bytes, self.since) = (0, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { entries: 64 * SHARDS, bytes: 64 * 100 * SHARDS };

    fn count<V>(kept: &Kept<V>) -> usize {
        let size = |shard: &Shard<V>| shard.young.len() + shard.old.len();
        kept.shards.iter().map(|shard| size(&shard.lock().unwrap())).sum()
    }

    #[test]
    fn what_comes_again_is_kept_and_the_rest_is_bounded() {
        for (bytes, most) in [(1, 2 * ROOM.entries), (200, ROOM.entries + 2 * SHARDS)] {
            let kept = Kept::new(ROOM);
            let often = kept.ticket(b"often");
            kept.put(often, Arc::new(7), bytes, 1);
            for number in 0_u32..20_000 {
                let ticket = kept.ticket(&number.to_le_bytes());
                kept.put(ticket, Arc::new(8), bytes, 1);
                assert_eq!(kept.get(&often, 1).as_deref(), Some(&7), "{number}");
            }
            assert!(count(&kept) <= most, "{bytes}: {}", count(&kept));
            assert!(kept.get(&kept.ticket(b"never"), 1).is_none());
        }
    }

    #[test]
    fn what_does_not_come_again_is_forgotten_after_two_lifetimes() {
        let kept = Kept::new(ROOM);
        let ticket = kept.ticket(b"once");
        // Another one that is kept in the same place.
        let mut others = (0_u32..).map(|number| kept.ticket(&number.to_le_bytes()));
        let is_near = |other: &Ticket| usize::from(other[0] ^ ticket[0]).is_multiple_of(SHARDS);
        let other = others.find(is_near).unwrap();
        let at = |lifetimes| 1000 + lifetimes * LIFETIME;
        kept.put(ticket, Arc::new(()), 1, at(0));
        kept.put(other, Arc::new(()), 1, at(0));
        for lifetimes in 1..4 {
            assert!(kept.get(&ticket, at(lifetimes)).is_some(), "{lifetimes}");
            assert!(kept.get(&other, at(lifetimes)).is_some(), "{lifetimes}");
        }
        for lifetimes in 4..6 {
            assert!(kept.get(&other, at(lifetimes)).is_some(), "{lifetimes}");
        }
        assert!(kept.get(&ticket, at(5)).is_none());
        assert_ne!(Kept::<()>::new(ROOM).ticket(b"once"), ticket);
    }
}
