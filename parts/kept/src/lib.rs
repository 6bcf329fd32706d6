//! What was worked out of a text that may come again: as much as there is room for, what comes again for
//! longest. The text itself is not kept, only a digest that nobody else can make. The time enters as a
//! value.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Seconds after which what did not come again may be forgotten.
pub const LIFETIME: u64 = 600;
/// Parts with a lock of their own.
const SHARDS: usize = 16;

/// Stands for a text, or for several.
pub type Ticket = [u8; 16];

/// How much is kept, at least; twice as much at most.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// How many values.
    pub entries: usize,
    /// Their weights together.
    pub bytes: usize,
}

impl Room {
    /// Room for so many values, whatever they weigh.
    #[must_use]
    pub const fn of(entries: usize) -> Self {
        Self { entries, bytes: usize::MAX }
    }
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
struct Shard<V> {
    young: HashMap<Ticket, (V, usize)>,
    old: HashMap<Ticket, (V, usize)>,
    /// Of the young ones.
    bytes: usize,
    since: u64,
}

impl<V> Default for Shard<V> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), bytes: 0, since: 0 }
    }
}

impl<V: Clone> Kept<V> {
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

    /// What stands for a text.
    #[must_use]
    pub fn ticket(&self, text: &[u8]) -> Ticket {
        let digest = blake3::keyed_hash(&self.key, text);
        digest.as_bytes().first_chunk().copied().unwrap_or_default()
    }

    /// What stands for several texts together.
    #[must_use]
    pub fn ticket_of(&self, texts: &[&[u8]]) -> Ticket {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for text in texts {
            // With its length, so that no two lists are written alike.
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text);
        }
        let mut ticket = Ticket::default();
        hasher.finalize_xof().fill(&mut ticket);
        ticket
    }

    /// What is kept of this, at this second since 1970.
    #[must_use]
    pub fn get(&self, ticket: &Ticket, now: u64) -> Option<V> {
        let mut shard = self.shard(ticket);
        shard.grow_old(now, self.room);
        if let Some((value, _)) = shard.young.get(ticket) {
            return Some(value.clone());
        }
        let (value, bytes) = shard.old.remove(ticket)?;
        shard.put(*ticket, value.clone(), bytes);
        Some(value)
    }

    /// Keeps a value that weighs so many bytes, in place of what was kept of this.
    pub fn put(&self, ticket: Ticket, value: V, bytes: usize, now: u64) {
        let mut shard = self.shard(&ticket);
        shard.grow_old(now, self.room);
        shard.old.remove(&ticket);
        shard.put(ticket, value, bytes);
    }

    /// Keeps this in place of what is kept, if it still is; it weighs as much.
    pub fn replace(&self, ticket: &Ticket, value: V) {
        let mut shard = self.shard(ticket);
        let shard = &mut *shard;
        let place = shard.young.get_mut(ticket).or_else(|| shard.old.get_mut(ticket));
        if let Some((before, _)) = place {
            *before = value;
        }
    }

    /// Keeps nothing of this.
    pub fn forget(&self, ticket: &Ticket) {
        let mut shard = self.shard(ticket);
        shard.old.remove(ticket);
        if let Some((_, bytes)) = shard.young.remove(ticket) {
            shard.bytes -= bytes;
        }
    }

    /// How many values are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| open(shard).len()).sum()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, ticket: &Ticket) -> MutexGuard<'_, Shard<V>> {
        let place = usize::from(ticket[0]) % SHARDS;
        // Cannot be missing: there are as many as the remainder can be.
        open(self.shards.get(place).unwrap_or(&self.shards[0]))
    }
}

/// Whoever panicked while it was held has left whole entries.
fn open<V>(shard: &Mutex<Shard<V>>) -> MutexGuard<'_, Shard<V>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<V> Shard<V> {
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    fn put(&mut self, ticket: Ticket, value: V, bytes: usize) {
        if let Some((_, before)) = self.young.insert(ticket, (value, bytes)) {
            self.bytes -= before;
        }
        self.bytes = self.bytes.saturating_add(bytes);
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

    #[test]
    fn what_comes_again_is_kept_and_the_rest_is_bounded() {
        for (bytes, most) in [(1, 2 * ROOM.entries), (200, ROOM.entries + 2 * SHARDS)] {
            let kept = Kept::new(ROOM);
            assert!(kept.is_empty());
            let often = kept.ticket(b"often");
            kept.put(often, 7, bytes, 1);
            for number in 0_u32..20_000 {
                let ticket = kept.ticket(&number.to_le_bytes());
                kept.put(ticket, 8, bytes, 1);
                assert_eq!(kept.get(&often, 1), Some(7), "{number}");
            }
            assert!(kept.len() <= most, "{bytes}: {}", kept.len());
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
        kept.put(ticket, (), 1, at(0));
        kept.put(other, (), 1, at(0));
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

    #[test]
    fn a_value_takes_the_place_of_the_one_before() {
        let kept = Kept::new(ROOM);
        let (ticket, near): (Ticket, Ticket) = ([0; 16], [16; 16]);
        kept.put(near, 0, 1, 1);
        // Far more than there is room for, if each were counted: the other one would have to go.
        for value in 1..1000 {
            kept.put(ticket, value, 300, 1);
            assert_eq!(kept.get(&ticket, 1), Some(value));
        }
        assert_eq!((kept.get(&near, 1), kept.len()), (Some(0), 2));
        kept.forget(&near);
        // In the older generation, too.
        kept.put(ticket, 0, 1, 1000);
        kept.put(ticket, 1, 1, 1000 + LIFETIME);
        assert_eq!((kept.get(&ticket, 1000 + LIFETIME), kept.len()), (Some(1), 1));
    }

    #[test]
    fn what_is_kept_is_replaced_or_forgotten() {
        let kept = Kept::new(ROOM);
        let ticket = kept.ticket(b"one");
        kept.replace(&ticket, 1);
        assert_eq!(kept.get(&ticket, 1), None, "there was nothing to be replaced");
        for at in [1, 1 + LIFETIME] {
            kept.put(ticket, 1, 50, 1);
            // In the second round it is in the older generation.
            kept.shard(&ticket).grow_old(at, ROOM);
            kept.replace(&ticket, 2);
            assert_eq!(kept.get(&ticket, at), Some(2));
            kept.forget(&ticket);
            assert_eq!((kept.get(&ticket, at), kept.shard(&ticket).bytes), (None, 0));
        }
    }

    #[test]
    fn lists_of_texts_are_told_apart() {
        let kept = Kept::<()>::new(ROOM);
        let lists: [&[&[u8]]; 6] =
            [&[], &[b""], &[b"", b""], &[b"ab"], &[b"a", b"b"], &[b"", b"ab"]];
        let tickets: std::collections::HashSet<_> =
            lists.iter().map(|texts| kept.ticket_of(texts)).collect();
        assert_eq!(tickets.len(), lists.len());
        assert_eq!(kept.ticket_of(lists[4]), kept.ticket_of(&[b"a", b"b"]));
    }
}
