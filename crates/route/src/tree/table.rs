//! A table from a hash to a node: open addressing, one cache miss for a lookup.
//!
//! A map of the standard library would need the key, a chain of segments, as one value.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use super::NONE;

/// The hash of a node below one that has the hash `seed`. Only config is ever stored under it, so
/// a client that finds collisions gains nothing.
pub(super) fn step(seed: u64, segment: &[u8]) -> u64 {
    const STATE: FixedState = FixedState::with_seed(0);
    let mut hasher = STATE.build_hasher();
    hasher.write_u64(seed);
    hasher.write(segment);
    hasher.finish()
}

/// At most half of the slots are full; their number is a power of two.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    full: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// The upper half of the hash, to look no further for most that differ.
    mark: u32,
    /// The node, or [`NONE`] in an empty slot.
    node: u32,
}

const EMPTY: Slot = Slot { mark: 0, node: NONE };

impl Table {
    /// The node that was added under a hash and that `same` knows again.
    pub(super) fn find(&self, hash: u64, same: impl Fn(u32) -> bool) -> Option<u32> {
        let full = self.probe(hash).take_while(|slot| slot.node != NONE);
        full.filter(|slot| slot.mark == mark(hash)).map(|slot| slot.node).find(|node| same(*node))
    }

    /// Adds a node under a hash; `hash_of` tells the hashes of those that were added before.
    pub(super) fn add(&mut self, hash: u64, node: u32, hash_of: impl Fn(u32) -> u64) {
        if (self.full + 1) * 2 > self.slots.len() {
            let larger = vec![EMPTY; (self.slots.len() * 2).max(16)];
            let slots = std::mem::replace(&mut self.slots, larger);
            for slot in slots.iter().filter(|slot| slot.node != NONE) {
                self.put(hash_of(slot.node), slot.node);
            }
        }
        self.full += 1;
        self.put(hash, node);
    }

    fn put(&mut self, hash: u64, node: u32) {
        let start = self.start(hash);
        let (later, sooner) = self.slots.split_at_mut(start);
        let mut free = sooner.iter_mut().chain(later).filter(|slot| slot.node == NONE);
        if let Some(slot) = free.next() {
            *slot = Slot { mark: mark(hash), node };
        }
    }

    fn probe(&self, hash: u64) -> impl Iterator<Item = &Slot> {
        let (later, sooner) = self.slots.split_at(self.start(hash));
        sooner.iter().chain(later)
    }

    fn start(&self, hash: u64) -> usize {
        let mask = self.slots.len().saturating_sub(1);
        usize::try_from(hash & u64::from(u32::MAX)).unwrap_or_default() & mask
    }
}

fn mark(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_found_even_under_one_hash() {
        let hashes: [fn(u32) -> u64; 3] = [u64::from, |node| step(0, &node.to_be_bytes()), |_| 7];
        for hash_of in hashes {
            let mut table = Table::default();
            assert_eq!(table.find(hash_of(0), |_| true), None);
            for node in 0..1_000 {
                table.add(hash_of(node), node, hash_of);
            }
            for node in 0..1_000 {
                assert_eq!(table.find(hash_of(node), |found| found == node), Some(node));
            }
            assert_eq!(table.find(hash_of(1_000), |found| found == 1_000), None);
        }
    }
}
